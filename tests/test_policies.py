"""Edge cases with known truth: each by default, and at least one for every policy of the table in the reference."""

import re
import subprocess
import sys

import pytest

import arco
import bakes
from edge import all_cases

CASES = {case.id: case for case in all_cases()}
BY_POLICY = [(case.id, policy) for case in CASES.values() for policy in case.outcomes().by_policy]
LIMITED = [case.id for case in CASES.values() if case.limits]


@pytest.fixture
def place(tmp_path_factory):
    """A folder whose name says nothing, so that it can't pass for a name in a message."""
    return tmp_path_factory.mktemp("n")


@pytest.fixture
def write(place):
    def write(id):
        (place / "in").mkdir()
        return CASES[id].write(place / "in")

    return write


@pytest.mark.parametrize("id", CASES)
def test_by_default(id, place, write):
    paths, outcomes = write(id)
    baked = bakes.bake(CASES[id], paths, outcomes.default, place)
    assert baked.fine, f"{baked.result}, {baked.problems}: {baked.output}"


@pytest.mark.parametrize(("id", "policy"), BY_POLICY)
def test_by_policy(id, policy, place, write):
    paths, outcomes = write(id)
    baked = bakes.bake(CASES[id], paths, outcomes.by_policy[policy], place, [policy])
    assert baked.fine, f"{baked.result}, {baked.problems}: {baked.output}"


@pytest.mark.parametrize("id", LIMITED)
def test_limits_of_time_and_memory(id, place, write):
    paths, _ = write(id)
    seconds, megabytes = CASES[id].limits
    command = [arco.binary(), "bake", *bakes.command(CASES[id], paths, place), "--to", place / "out.zarr"]
    # in a process of its own: the figure of ours is the maximum over all its children
    peak = "import resource as r, subprocess, sys; subprocess.call(sys.argv[1:]); print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss)"
    call = [sys.executable, "-c", peak, *map(str, command)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=seconds, check=True)
    assert int(done.stdout.splitlines()[-1]) // 1024 <= megabytes


def policies_of_the_reference():
    """(key, policy) of every row of the table `Policies`; arguments are left out: `convert:`."""
    text = (arco.ROOT / "docs" / "recipe-reference.md").read_text()
    section = text.split("\n## Policies\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if row := re.match(r"\| `(\w+)` \|.*\| (?:yes|no) \| (.*) \|$", line):
            for policy in re.findall(r"(?:^|<br>)`([\w:]+?)(?:NAME)?`: ", row[2]):
                yield row[1], policy


def test_every_policy_has_a_case():
    table = set(policies_of_the_reference())
    assert len({key for key, _ in table}) >= 19, table
    shown = {tuple(policy.split("=", 1)) for _, policy in BY_POLICY if "=" in policy}
    shown = {(key, policy.split(":")[0] + ":" if ":" in policy else policy) for key, policy in shown}
    assert table - shown == set(), "policies without a case"
    assert shown - table == set(), "cases of policies that the reference does not have"
