"""table.py RESULTS.jsonl VERIFY.log [--short]: one Markdown row per run; `--short` one per workload and codec.

CPU seconds are the best of a run's repetitions, and the worst where it differs by a twentieth or more. What the floor
takes (`floor-NAME`) stands beside every `ours-NAME-MEMORY`: how many times as much ours takes, and by how many
milliseconds a file it lies above 1.15 times the floor.
"""

import json
import re
import sys
from pathlib import Path

ORDER = ["oisst-t20", "oisst-ts", "merge", "cmip", "era5-f32", "tiny"]


def rows(path):
    """Per label its repetitions, best first; those that failed last."""
    found = {}
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["label"], []).append(row)
    for runs in found.values():
        runs.sort(key=lambda row: (row["rc"] != 0, row["cpu"]))
    return found


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


def floor_of(name, workload, files, found):
    """The floor of a run of ours; `None` for all others."""
    ours = re.fullmatch(r"ours-(.*)-\d+MiB", name)
    runs = ours and found.get(f"floor-{ours[1]}/{workload}/{files}")
    return runs[0]["cpu"] if runs else None


def spread(runs):
    good = [row["cpu"] for row in runs if row["rc"] == 0] or [runs[0]["cpu"]]
    best, worst = min(good), max(good)
    return f"{best:.2f}" if worst < 1.05 * best else f"{best:.2f} to {worst:.2f}"


def compared(cpu, floor, files):
    if floor is None:
        return ["", ""]
    return [f"{cpu / floor:.2f}", f"{(cpu - 1.15 * floor) / files * 1000:+.2f}"]


def cells(label, runs, found, said):
    name, workload, files = label.split("/")
    row = runs[0]
    if row.get("timed_out"):
        result = "stopped at the time limit"
    elif row["rc"]:
        result = f"failed: {row['err'].strip()[-100:]!r}"
    else:
        result = said.get(label, "")
    peak = max(row.get("peak_mb", 0), row.get("maxrss_kernel_mb", 0))
    compare = compared(row["cpu"], floor_of(name, workload, files, found), int(files))
    numbers = [f"{peak:.0f}" if peak else "", row.get("wall", ""), row.get("store_mb", ""), row.get("load1", "")]
    return [workload, files, name, spread(runs), *compare, *numbers, result]


def place(label):
    _, workload, files = label.split("/")
    return ORDER.index(workload) if workload in ORDER else len(ORDER), int(files)


def long(found, said):
    yield (
        "| workload | files | run | CPU s | of the floor | ms a file above 1.15 floor | peak MB | wall s | store MB | load | values |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for label, runs in sorted(found.items(), key=lambda item: place(item[0])):
        yield "| " + " | ".join(map(str, cells(label, runs, found, said))) + " |"


WAYS = {"peers-codec": "Blosc zstd 3", "default": "default", "copy-checked": "copied, checked", "copy-unchecked": "copied"}
PEERS = ["xarray-loop", "xarray-dask", "pangeo-forge"]


def done(found, label):
    runs = found.get(label)
    return runs if runs and not runs[0]["rc"] else None


def ours(found, way, memory, rest):
    """CPU seconds, how many times the floor's, peak memory."""
    floor, runs = done(found, f"floor-{way}/{rest}"), done(found, f"ours-{way}-{memory}/{rest}")
    if not runs:
        return ["refused" if found.get(f"ours-{way}-{memory}/{rest}") else "", "", ""]
    cpu = runs[0]["cpu"]
    ratio = f"{cpu / floor[0]['cpu']:.2f}" if floor else ""
    return [spread(runs), ratio, f"{max(runs[0]['peak_mb'], runs[0]['maxrss_kernel_mb']):.0f}"]


def short(found, _said):
    yield (
        "| workload | files | codec | floor | 256 MiB | of the floor | peak MB | 128 MiB | of the floor | peak MB "
        "| xarray, loop | xarray, Dask | pangeo-forge-recipes |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for _, rest in sorted({(place(label), label.split("/", 1)[1]) for label in found}):
        for way, name in WAYS.items():
            if not any(label.startswith(f"ours-{way}-") and label.endswith("/" + rest) for label in found):
                continue
            floor = done(found, f"floor-{way}/{rest}")
            row = [*rest.split("/"), name, spread(floor) if floor else ""]
            row += ours(found, way, "256MiB", rest) + ours(found, way, "128MiB", rest)
            for peer in PEERS if way == "peers-codec" else []:
                runs = done(found, f"{peer}/{rest}")
                row.append(f"{runs[0]['cpu']:.1f} ({runs[0]['peak_mb']:.0f} MB)" if runs else "")
            row += [""] * (13 - len(row))
            yield "| " + " | ".join(row) + " |"


def main():
    found, said = rows(sys.argv[1]), verdicts(sys.argv[2])
    print("\n".join((short if "--short" in sys.argv else long)(found, said)))


if __name__ == "__main__":
    main()
