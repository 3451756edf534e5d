"""Edge cases with known truth: each by default, and at least one for every policy of the table in the reference."""

import dataclasses
import re

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


def check(id, paths, outcome, place, policies=()):
    baked = bakes.bake(CASES[id], paths, outcome, place, policies)
    assert baked.fine, f"{policies}: {baked.result}, {baked.problems}: {baked.output}"


@pytest.mark.parametrize("id", CASES)
def test_by_default(id, place, write):
    paths, outcomes = write(id)
    check(id, paths, outcomes.default, place)


@pytest.mark.parametrize(("id", "policy"), BY_POLICY)
def test_by_policy(id, policy, place, write):
    paths, outcomes = write(id)
    check(id, paths, outcomes.by_policy[policy], place, [policy])


# key → a case, and the variable that it is about
OF_ONE_VARIABLE = {
    "packing": ("packing-differs", "t2m"),
    "dtype": ("integer-widths-differ", "t2m"),
    "fill": ("fill-values-differ", "t2m"),
    "units": ("units-differ", "t2m"),
    "time": ("time-units-differ", "time"),
    "calendar": ("calendars-differ", "time"),
    "months": ("months-since", "time"),
    "absent": ("absent-at-first", "flag"),
    "coords": ("grids-overlap", "lat"),
    "static": ("static-differs", "mask"),
    "dims": ("dimensions-are-swapped", "t2m"),
    "scalars": ("scalar-varies", "orbit"),
    "strings": ("texts", "name"),
}


@pytest.mark.parametrize("key", OF_ONE_VARIABLE)
def test_by_policy_of_one_variable(key, place, write):
    """The same outcomes, where the policy is given for the variable alone."""
    id, variable = OF_ONE_VARIABLE[key]
    paths, outcomes = write(id)
    for policy, outcome in outcomes.by_policy.items():
        own = policy.replace(f"{key}=", f"{key}.{variable}=")
        assert own != policy
        check(id, paths, outcome, place, [own])


def test_attributes_of_one_variable(place, write):
    paths, outcomes = write("attributes-differ")
    outcome = dataclasses.replace(outcomes.default, attrs={"title": "T", "history": None, "t2m@comment": "c0"})
    check("attributes-differ", paths, outcome, place, ["attrs.t2m=first"])


@pytest.mark.parametrize("id", LIMITED)
def test_limits_of_time_and_memory(id, place, write):
    paths, _ = write(id)
    seconds, megabytes = CASES[id].limits
    command = bakes.command(CASES[id], paths, place)
    _, peak = arco.measured("bake", *command, "--to", place / "out.zarr", timeout=seconds)
    assert peak <= megabytes


def policies_of_the_reference():
    """(key, per variable, policy) of the table `Policies`; arguments are left out: `convert:`."""
    text = (arco.ROOT / "docs" / "recipe-reference.md").read_text()
    section = text.split("\n## Policies\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if row := re.match(r"\| `(\w+)` \|.*\| (yes|no) \| (.*) \|$", line):
            for policy in re.findall(r"(?:^|<br>)`([\w:]+?)(?:NAME)?`: ", row[3]):
                yield row[1], row[2] == "yes", policy


def test_every_policy_has_a_case():
    table = {(key, policy) for key, _, policy in policies_of_the_reference()}
    assert len({key for key, _ in table}) >= 19, table
    shown = {tuple(policy.split("=", 1)) for _, policy in BY_POLICY if "=" in policy}
    shown = {(key, policy.split(":")[0] + ":" if ":" in policy else policy) for key, policy in shown}
    assert table - shown == set(), "policies without a case"
    assert shown - table == set(), "cases of policies that the reference does not have"


def test_every_key_of_variables_has_a_case():
    keys = {key for key, of_variable, _ in policies_of_the_reference() if of_variable}
    assert keys == OF_ONE_VARIABLE.keys() | {"attrs"}
