"""What becomes of odd files: every edge case through `arcoforge bake`, beside what other tools made of it.

    python tests/edge_cases.py            # compares docs/edge-cases.md with what comes out now
    python tests/edge_cases.py --write    # writes it

The outcomes of other tools are those of tests/peers/results.json, which ci/long/edge-cases-peers.sh measures.
"""

import json
import re
import sys
import tempfile
from collections import Counter
from itertools import groupby
from pathlib import Path

import hdf5plugin  # noqa: F401  before netCDF4, whose own plugins libhdf5 would find first and fail with

import arco
import bakes
from edge import all_cases
from edge.judge import CLASSES

PAGE = arco.ROOT / "docs" / "edge-cases.md"
PEERS = Path(__file__).with_name("peers") / "results.json"
ABOUT = """\
# What becomes of odd files

Written by `python tests/edge_cases.py --write`. Each case below is a small set of files that is odd in one way, made by
`tests/edge`, which knows what is right from the values that it writes. Each goes through `arcoforge bake FILE... --concat
time`, with no other options and then with each policy that is named (`--set combine.POLICY`), and through four other
tools, called as their documentation begins: they are told which files follow each other along which dimension, and
nothing more. What they made is opened with xarray and compared value by value.

| outcome | means |
|---|---|
| right | the dataset is what it should be |
| wrong, no error | a dataset was made without an error, and values, dates, attributes or dimensions in it are wrong |
| should stop, did not | the files can't be put together without a decision, and a dataset was made all the same |
| stops, names nothing | there is an error, as there should be, which does not name the file or the variable |
| stops well | there is an error that names the file and the variable |
| legal input refused | there is an error, though the files are valid and what is right is clear |
"""


def measured():
    return json.loads(PEERS.read_text())


def own_outcomes():
    """Case → (outcome by default, {policy: outcome}); each outcome is (class, text)."""
    out = {}
    for case in all_cases():
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder) / "in"
            inputs.mkdir()
            paths, right = case.write(inputs)
            default = told(bakes.bake(case, paths, right.default, folder))
            by_policy = {
                policy: told(bakes.bake(case, paths, outcome, folder, [policy]))
                for policy, outcome in right.by_policy.items()
            }
            out[case.id] = (default, by_policy)
    return out


def told(baked):
    """(class, text) of a bake: what is wrong, else the first line of its message."""
    if "recipe-not-yet" in baked.output:
        return "not in this version", ""
    if baked.problems:
        return CLASSES[baked.result], "; ".join(baked.problems)
    return CLASSES[baked.result], message(baked.output) if baked.result not in ("right", "silent") else ""


def message(output):
    """The first line of an error, paths as names."""
    line = next((line for line in output.splitlines() if line.startswith("error")), "")
    return re.sub(r"(?<![\w.])/[\w./-]*/(?=[\w.-]+)", "", line)


def page(own, peers):
    """The text of the page."""
    parts = [ABOUT, totals(own, peers)]
    for kind, cases in groupby(all_cases(), key=lambda case: case.kind):
        parts.append(f"## {kind}\n")
        parts += [section(case, own[case.id], peers) for case in cases]
    return "\n".join(parts)


def totals(own, peers):
    """The table of counts, over the cases that other tools have the means for."""
    shared = [case.id for case in all_cases() if case.peers]
    head = list(CLASSES.values())
    lines = ["| tool | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    lines.append(counted(f"arcoforge ({len(shared)} cases)", [own[id][0][0] for id in shared]))
    for tool, result in peers.items():
        classes = [CLASSES.get(row["class"]) for id, row in result["cases"].items() if id in shared]
        classes = [name for name in classes if name]
        lines.append(counted(f"{tool} ({len(classes)})", classes))
    rest = [id for id in own if id not in shared]
    fine = sum(own[id][0][0] in ("right", "stops well") for id in rest)
    lines += ["", f"{len(rest)} more cases need what only arcoforge has; {fine} of them end well by default."]
    versions = [
        f"{tool}: {', '.join(f'{name} {version}' for name, version in result['versions'].items())}, {result['measured']}."
        for tool, result in peers.items()
    ]
    return "\n".join([*lines, "", "Versions and days of measurement:", "", *(f"- {line}" for line in versions), ""])


def counted(tool, classes):
    counts = Counter(classes)
    return f"| {tool} | " + " | ".join(str(counts[name]) for name in CLASSES.values()) + " |"


def section(case, outcome, peers):
    """One case."""
    (result, text), by_policy = outcome
    rows = [("arcoforge", result, text)]
    rows += [(f"with `{policy}`", *outcome) for policy, outcome in by_policy.items()]
    for tool, measured in peers.items() if case.peers else ():
        row = measured["cases"].get(case.id, {"class": "not measured"})
        rows.append((tool, CLASSES.get(row["class"], row["class"]), row.get("detail", "")))
    title = case.id.replace("-", " ").capitalize()
    lines = [f"### {title}", "", case.odd, "", "| | outcome | |", "|---|---|---|"]
    lines += ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    return "\n".join([*lines, ""])


def cell(text):
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


if __name__ == "__main__":
    text = page(own_outcomes(), measured())
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        sys.exit(f"{PAGE} is not what comes out now: write it by `python tests/edge_cases.py --write`")
