"""Every file and store of the real data, alone: equal to what the library of its format says, or refused with a clear reason."""

import pytest

import arco
import outcomes

FOLDER = arco.data_folder()
FILES = outcomes.files(FOLDER) if FOLDER else []


@pytest.mark.parametrize(
    ("path", "format"),
    FILES or [pytest.param("", "", marks=pytest.mark.skip(reason="no real data: set ARCOFORGE_DATA"))],
    ids=[p.removeprefix("single/") for p, _ in FILES] or ["no-data"],
)
def test_equal_or_refused_with_a_reason(path, format):
    out = outcomes.outcome(FOLDER, path, format)
    assert not out.problems, f"{out.result}: {out.reason}\n" + "\n".join(map(str, out.problems[:20]))
