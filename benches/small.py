"""Ours and xarray side by side on an archive made for the purpose: needs nothing but this repository.

    .venv/bin/python benches/small.py [--files 60] [--work FOLDER]

Daily files in the style of NOAA OISST (4 variables of 720 x 1440 packed int16, shuffle + deflate 4) become chunks of
20 days, with the same codec in all runs but one (Blosc, zstd 3, byte shuffle). Printed are CPU seconds
and peak resident memory of each process, and whether every value is the same. Wall time on a shared machine says
little, so it is left out.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "oisst-small"))
import make_archive  # noqa: E402

DAYS = 20
BINARY = Path(os.environ.get("ARCOFORGE_BIN", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/arcoforge"))
PEERS_CODEC = "[{blosc: {cname: zstd, clevel: 3, shuffle: shuffle}}]"
XARRAY = """
import sys, glob, warnings
import xarray as xr
import zarr
from zarr.codecs import BloscCodec
warnings.filterwarnings("ignore")
way, store, days, files = sys.argv[1], sys.argv[2], int(sys.argv[3]), sorted(glob.glob(sys.argv[4]))
raw = {"mask_and_scale": False, "decode_times": False}
codec = BloscCodec(cname="zstd", clevel=3, shuffle="shuffle", typesize=2)
def encoding(ds):
    big = [n for n, v in ds.variables.items() if v.ndim > 2]
    return {n: {"chunks": tuple(min(days if d == "time" else s, s) for d, s in ds[n].sizes.items()), "compressors": (codec,)} for n in big}
if way == "loop":
    for at in range(0, len(files), days):
        part = xr.concat([xr.open_dataset(f, **raw).load() for f in files[at:at + days]], "time", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override")
        for v in part.variables.values():
            v.encoding.clear()
        if at == 0:
            part.to_zarr(store, mode="w", encoding=encoding(part), consolidated=False)
            continue
        group = zarr.open_group(store)
        for n, v in part.variables.items():
            if "time" in v.dims:
                group[n].resize((at + days, *v.shape[1:]))
                group[n][at:at + v.shape[0]] = v.values
else:
    ds = xr.open_mfdataset(files, combine="nested", concat_dim="time", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override", **raw).chunk(time=days)
    for v in ds.variables.values():
        v.encoding.clear()
    ds.to_zarr(store, mode="w", encoding=encoding(ds), consolidated=False)
"""


def archive(folder, files):
    """The small archive's generator on the grid of the real one."""
    make_archive.LAT = np.arange(-89.875, 90, 0.25, dtype="f4")
    make_archive.LON = np.arange(0.125, 360, 0.25, dtype="f4")
    noise = np.random.default_rng(1)
    smooth = make_archive.fields
    land = make_archive.FILL

    def noisy(day):
        shape = (make_archive.LAT.size, make_archive.LON.size)
        rough = {n: np.rint(3 * noise.standard_normal(shape)).astype("i2") for n in make_archive.FIELDS}
        return {n: np.where(v == land, land, v + rough[n]) for n, v in smooth(day).items()}

    make_archive.fields = noisy
    for number in range(files):
        make_archive.write_day(folder / f"day{number:03d}.nc", number)


def measured(*command):
    """CPU seconds and peak memory in MB of one process and its threads."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=errors)
        peak = 0
        while (done := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak = max(peak, resident_kb(process.pid))
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(done[1])
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{command[0]} failed: {errors.read().decode()}")
    return done[2].ru_utime + done[2].ru_stime, peak / 1000


def resident_kb(pid):
    """The most that was resident so far (a child's `ru_maxrss` would begin with its parent's)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return max((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), default=0)


def same(store, files):
    with xr.open_zarr(store, consolidated=False, chunks=None, mask_and_scale=False, decode_times=False) as got:
        for number, path in enumerate(files):
            with xr.open_dataset(path, mask_and_scale=False, decode_times=False) as want:
                if not all(np.array_equal(got[n].isel(time=number), want[n][0]) for n in make_archive.FIELDS):
                    return False
    return True


def main():
    warnings.filterwarnings("ignore", message="Numcodecs codecs")
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--files", type=int, default=60)
    options.add_argument("--work", type=Path)
    options = options.parse_args()
    work = options.work or Path(tempfile.mkdtemp())
    data = work / "archive"
    data.mkdir(parents=True, exist_ok=True)
    if len(list(data.glob("*.nc"))) != options.files:
        archive(data, options.files)
    files = sorted(data.glob("*.nc"))
    size = sum(f.stat().st_size for f in files) / 1e6
    print(f"{len(files)} files, {size:.0f} MB stored, {len(files) * 4 * 720 * 1440 * 2 / 1e6:.0f} MB of values\n")
    print(f"{'run':34} {'CPU s':>7} {'peak MB':>8} {'MB out':>7}  values")
    ours = [BINARY, "bake", f"{data}/*.nc", "--concat", "time", "--quiet", "--to"]
    script = [sys.executable, "-c", XARRAY]
    runs = {
        "arcoforge, the same codec": [*ours, "STORE", "--chunks", f"time={DAYS}", "--codecs", PEERS_CODEC],
        "arcoforge, default codec": [*ours, "STORE", "--chunks", f"time={DAYS}"],
        "arcoforge, chunks copied, checked": [*ours, "STORE", "--chunks", "time=1", "--shards", f"time={DAYS}", "--codecs", "source"],
        "xarray, a loop over 20 files": [*script, "loop", "STORE", DAYS, f"{data}/*.nc"],
        "xarray, open_mfdataset and Dask": [*script, "dask", "STORE", DAYS, f"{data}/*.nc"],
    }
    for name, command in runs.items():
        store = work / "out.zarr"
        for left in (store, work / "out.zarr.bake"):
            shutil.rmtree(left, ignore_errors=True)
        cpu, peak = measured(*(store if c == "STORE" else c for c in command))
        out = sum(f.stat().st_size for f in store.rglob("*") if f.is_file()) / 1e6
        print(f"{name:34} {cpu:7.2f} {peak:8.0f} {out:7.0f}  {'equal' if same(store, files) else 'DIFFERENT'}", flush=True)
    if options.work is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
