"""The page of edge cases says what comes out now; the other tools are not needed for that."""

import edge_cases
from edge import all_cases


def test_the_page_is_current():
    text = edge_cases.page(edge_cases.own_outcomes(), edge_cases.measured())
    assert text == edge_cases.PAGE.read_text(), "write it anew: `python tests/edge_cases.py --write`"


def test_every_case_is_measured_with_every_tool():
    shared = {case.id for case in all_cases() if case.peers}
    for tool, result in edge_cases.measured().items():
        assert set(result["cases"]) == shared, f"{tool}: measure anew by ci/long/edge-cases-peers.sh"
