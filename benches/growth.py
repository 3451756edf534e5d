"""How the cost of a bake grows with the number of files and with bytes: a table and a plot.

    .venv/bin/python benches/growth.py [--files 10000] [--megabytes 10000] [--work FOLDER] [--plot docs/performance.svg]

Two archives are made: tiny files of 16 kB of values (45 x 90 float32), from 10 up to `--files`, and daily files of
8.3 MB of values (4 variables of 720 x 1440 int16), up to `--megabytes` of values. All files hold one of sixteen fields,
compressed as NetCDF-4 does it (shuffle, deflate), and a time of their own. Baked with the default codec, 1000 and 20 times to a chunk.
CPU seconds and peak resident memory are of the whole process, survey and publication included.
"""

import argparse
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import h5py
import numpy as np
from small import BINARY, ROOT, measured

FIELDS = 16
SERIES = {
    "files": {"shape": (45, 90), "dtype": "f4", "names": ["x"], "level": 1, "chunk": 1000},
    "bytes": {"shape": (720, 1440), "dtype": "i2", "names": ["anom", "err", "ice", "sst"], "level": 4, "chunk": 20},
}


def field(shape, dtype, number):
    """Smooth waves and noise, packed to a step of 0.01 where the type is an integer."""
    noise = np.random.default_rng(number)
    lat, lon = np.meshgrid(np.linspace(0, 3, shape[0]), np.linspace(0, 6, shape[1]), indexing="ij")
    values = 15 + 10 * np.sin(lat + number) * np.cos(2 * lon - number) + 0.03 * noise.standard_normal(shape)
    return np.rint(values * 100).astype(dtype) if dtype == "i2" else values.astype(dtype)


def template(path, series, number):
    """One file's bytes, and where its time stands in them."""
    shape = series["shape"]
    with h5py.File(path, "w") as f:
        sizes = {"time": 1, "lat": shape[0], "lon": shape[1]}
        for name, size in sizes.items():
            # no storage in chunks, so that the one time can be found and changed
            f.create_dataset(name, data=np.arange(size, dtype="f8"))
            f[name].make_scale(name)
        f["time"].attrs["units"] = "days since 1981-09-01"
        for at, name in enumerate(series["names"]):
            data = field(shape, series["dtype"], number * len(series["names"]) + at)[None]
            var = f.create_dataset(name, data=data, chunks=(1, *shape), shuffle=True, compression="gzip", compression_opts=series["level"])
            for dim, scale in zip(var.dims, sizes, strict=True):
                dim.attach_scale(f[scale])
        offset = f["time"].id.get_offset()
    return Path(path).read_bytes(), offset


def archive(folder, series, count):
    """Adds the files that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    have = len(list(folder.glob("*.nc")))
    if have >= count:
        return
    templates = [template(folder / "template", series, n) for n in range(FIELDS)]
    (folder / "template").unlink()
    for number in range(have, count):
        stored, offset = templates[number % FIELDS]
        time = np.array([number], "<f8").tobytes()
        with open(folder / f"f{number:07d}.nc", "wb") as f:
            f.write(stored[:offset] + time + stored[offset + 8 :])


def steps(limit, least):
    """`least`, ten times as much, and so on up to the limit, which is the last."""
    return [least * 10**n for n in range(64) if least * 10**n < limit] + [limit]


def bake(work, name, count):
    """The first `count` files of a series."""
    series = SERIES[name]
    part, store, kept = work / "part", work / "out.zarr", work / "cache"
    os.environ["XDG_CACHE_HOME"] = str(kept)
    made = (part, store, work / "out.zarr.bake", kept)
    for left in made:
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir()
    for number in range(count):
        os.link(work / name / f"f{number:07d}.nc", part / f"f{number:07d}.nc")
    cpu, peak = measured(BINARY, "bake", f"{part}/*.nc", "--concat", "time", "--chunks", f"time={series['chunk']}", "--quiet", "--to", store)
    values = count * math.prod(series["shape"]) * np.dtype(series["dtype"]).itemsize * len(series["names"])
    for left in made:
        shutil.rmtree(left, ignore_errors=True)
    return {"series": name, "files": count, "values": values, "cpu": cpu, "peak": peak}


def table(rows):
    yield "| archive | files | MB of values | CPU s | ms a file | MB/s of values | peak MB |"
    yield "|---|---|---|---|---|---|---|"
    for r in rows:
        kind = "tiny files" if r["series"] == "files" else "daily files"
        yield (
            f"| {kind} | {r['files']:,} | {r['values'] / 1e6:,.0f} | {r['cpu']:.2f} | {r['cpu'] / r['files'] * 1e3:.2f} "
            f"| {r['values'] / 1e6 / r['cpu']:,.0f} | {r['peak']:.0f} |"
        )


WIDTH, HEIGHT, LEFT, TOP = 300, 220, 60, 40


def panel(rows, x_of, y_of, title, x_label, at, low, high):
    """Points and lines on logarithmic axes; `low` and `high` are powers of ten of the vertical axis."""
    points = [(math.log10(x_of(r)), math.log10(y_of(r))) for r in rows]
    first, last = math.floor(min(x for x, _ in points)), math.ceil(max(x for x, _ in points))
    left, top = LEFT + at[0] * (WIDTH + 90), TOP + at[1] * (HEIGHT + 90)
    across = lambda x: left + (x - first) / (last - first) * WIDTH  # noqa: E731
    down = lambda y: top + HEIGHT - (y - low) / (high - low) * HEIGHT  # noqa: E731
    yield f'<text x="{left}" y="{top - 14}" class="title">{title}</text>'
    for power in range(first, last + 1):
        yield f'<path d="M{across(power):.1f} {top}V{top + HEIGHT}" class="grid"/>'
        yield f'<text x="{across(power):.1f}" y="{top + HEIGHT + 18}" text-anchor="middle">{short(10**power)}</text>'
    for power in range(low, high + 1):
        yield f'<path d="M{left} {down(power):.1f}H{left + WIDTH}" class="grid"/>'
        yield f'<text x="{left - 8}" y="{down(power) + 4:.1f}" text-anchor="end">{short(10.0**power)}</text>'
    yield f'<text x="{left + WIDTH / 2}" y="{top + HEIGHT + 38}" text-anchor="middle">{x_label}</text>'
    line = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
    yield f'<polyline points="{line}" class="line"/>'
    for x, y in points:
        yield f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3.5"/>'


def short(number):
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{name}"
    return f"{number:g}"


def plot(rows):
    files = [r for r in rows if r["series"] == "files"]
    volume = [r for r in rows if r["series"] == "bytes"]
    wide, high = LEFT + 2 * WIDTH + 120, TOP + 2 * (HEIGHT + 90)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">'
    yield "<style>text{font:12px sans-serif;fill:#333}.title{font-weight:bold}.grid{stroke:#ddd}"
    yield ".line{fill:none;stroke:#1668b0;stroke-width:2}circle{fill:#1668b0}</style>"
    yield f'<rect width="{wide}" height="{high}" fill="#fff"/>'
    count, size = (lambda r: r["files"]), (lambda r: r["values"])
    cpu, peak = (lambda r: r["cpu"]), (lambda r: r["peak"])
    yield from panel(files, count, cpu, "CPU seconds, tiny files", "files", (0, 0), -2, 2)
    yield from panel(volume, size, cpu, "CPU seconds, daily files", "bytes of values", (1, 0), -2, 2)
    yield from panel(files, count, peak, "Peak memory in MB, tiny files", "files", (0, 1), 0, 3)
    yield from panel(volume, size, peak, "Peak memory in MB, daily files", "bytes of values", (1, 1), 0, 3)
    yield "</svg>"


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--files", type=int, default=10_000, help="the most tiny files")
    options.add_argument("--megabytes", type=int, default=10_000, help="the most values in daily files")
    options.add_argument("--repeat", type=int, default=1, help="every bake so often; the best counts")
    options.add_argument("--work", type=Path)
    options.add_argument("--plot", type=Path, default=ROOT / "docs/performance.svg")
    options.add_argument("--results", type=Path, help="keep the numbers here, one JSON object per line")
    options = options.parse_args()
    work = options.work or Path(tempfile.mkdtemp())
    one_day = math.prod(SERIES["bytes"]["shape"]) * 2 * 4 / 1e6
    days = [max(1, round(megabytes / one_day)) for megabytes in steps(options.megabytes, 10)]
    rows = []
    for name, counts in (("files", steps(options.files, 10)), ("bytes", days)):
        archive(work / name, SERIES[name], counts[-1])
        for count in counts:
            runs = [bake(work, name, count) for _ in range(options.repeat)]
            rows.append(min(runs, key=lambda run: run["cpu"]))
    print("\n".join(table(rows)))
    if options.results:
        options.results.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options.plot.write_text("\n".join(plot(rows)) + "\n")
    if options.work is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
