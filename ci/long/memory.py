"""memory.py BINARY WORK [MEGABYTES] [SHAPE...]: see memory.sh.

Every shape is a set of files and what is asked of them. Each bake prints a line: shape, options, limit, peak resident
memory, CPU seconds, and how the plan says it is done. The exit status is 1 where a peak is more than 10 % over its
limit, a value differs, or what should be refused is not.
"""

import json
import lzma
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import zarr

MIB = 1 << 20
LIMITS = [128, 256, 1024]
WORKERS = [1, 2, 8]
CODECS = {
    "blosc": [],
    "deflate": ["--format", "zarr2", "--codecs", "[shuffle, {zlib: 4}]"],
    "zstd": ["--codecs", "[{zstd: 3}]"],
}


def values(*shape, seed=0):
    """Smooth with some noise, as measurements are: float32 that deflates to about half."""
    axes = [np.linspace(0, 3 + n, length, dtype="f4") for n, length in enumerate(shape)]
    grid = sum(np.sin(axis).reshape([-1 if at == n else 1 for at in range(len(shape))]) for n, axis in enumerate(axes))
    noise = np.random.default_rng(seed).integers(0, 64, shape, dtype="u1").astype("f4")
    return np.round(grid * 64) / 64 + noise / 1024


def chunked(path, name, cells, chunks, start=0, **how):
    """One variable in chunks, with its dimensions; `start`: the first time."""
    with h5py.File(path, "w", libver="latest") as file:
        dims = ["time", "lat", "lon"]
        for dim, length in zip(dims, cells.shape, strict=True):
            steps = np.arange(length, dtype="f8") + (start if dim == "time" else 0)
            file.create_dataset(dim, data=steps).make_scale(dim)
        made = file.create_dataset(name, data=cells, chunks=chunks, **how)
        for at, dim in enumerate(dims):
            made.dims[at].attach_scale(file[dim])


def columns(work, megabytes):
    """A chunk a step in the files, whole series in the target."""
    count = max(megabytes // 16, 4)
    for n in range(count):
        cells = values(8, 512, 1024, seed=n)
        chunked(work / f"{n:03d}.nc", "t", cells, (1, 512, 1024), 8 * n, compression=1, shuffle=True)
    return ["--concat", "time", "--chunks", "time=whole,lat=32,lon=32"]


def contiguous(work, megabytes):
    """One uncompressed array in one piece, in HDF5."""
    chunked(work / "one.h5", "t", values(max(megabytes * 2, 64), 256, 512), None)
    return ["--chunks", "time=whole,lat=16,lon=16"]


def classic(work, megabytes):
    """The same in NetCDF-3, big-endian."""
    steps = max(megabytes * 2, 64)
    with netCDF4.Dataset(work / "one.nc", "w", format="NETCDF3_64BIT_DATA") as file:
        for dim, length in [("time", steps), ("lat", 256), ("lon", 512)]:
            file.createDimension(dim, length)
            file.createVariable(dim, "f8", (dim,))[:] = np.arange(length)
        made = file.createVariable("t", "f4", ("time", "lat", "lon"))
        made[:] = values(steps, 256, 512)
    return ["--chunks", "time=whole,lat=16,lon=16"]


def many(work, megabytes):
    """Five thousand variables in each of four files."""
    edge = max(int((megabytes * 1e6 / 4 / 5000 / 4) ** 0.5), 8)
    cells = values(1, edge, edge)
    for n in range(4):
        with h5py.File(work / f"{n}.nc", "w", libver="latest") as file:
            file.create_dataset("time", data=np.array([n], "f8")).make_scale("time")
            for dim in ["lat", "lon"]:
                file.create_dataset(dim, data=np.arange(edge, dtype="f8")).make_scale(dim)
            for number in range(5000):
                made = file.create_dataset(
                    f"v{number:04d}", data=cells + np.float32(number + n), chunks=cells.shape, compression=1
                )
                for at, dim in enumerate(["time", "lat", "lon"]):
                    made.dims[at].attach_scale(file[dim])
    return ["--concat", "time", "--chunks", "time=4"]


def large(work, megabytes):
    """Chunks of 33 MB in the files and in the target, which share few cells."""
    for n in range(max(megabytes // 66, 2)):
        cells = values(16, 1024, 1024, seed=n)
        chunked(work / f"{n:02d}.nc", "t", cells, (8, 1024, 1024), 16 * n, compression=1, shuffle=True)
    return ["--concat", "time", "--chunks", "time=128,lat=256,lon=256"]


def too_large(work, megabytes):
    """One chunk as large as the file: it can only be decoded whole."""
    steps = max(megabytes // 4, 100)
    chunked(work / "one.nc", "t", values(steps, 1024, 1024), (steps, 1024, 1024), compression=1, shuffle=True)
    return ["--chunks", "time=whole,lat=64,lon=64"]


def times(work, megabytes):
    """Coordinates as long as the data."""
    count = max(megabytes * 1000, 200_000)
    for n in range(2):
        with netCDF4.Dataset(work / f"{n}.nc", "w") as file:
            file.createDimension("time", count)
            time = file.createVariable("time", "f8", ("time",))
            time.units, time[:] = "seconds since 2000-01-01", np.arange(n * count, (n + 1) * count)
            file.createVariable("t", "f4", ("time",), zlib=True, complevel=1)[:] = values(count, seed=n)
    return ["--concat", "time", "--chunks", "time=100000"]


def texts(work, megabytes):
    """Names along the concat dimension, of varied length and of fixed width."""
    count = max(megabytes * 200, 20_000)
    for n in range(2):
        with netCDF4.Dataset(work / f"{n}.nc", "w") as file:
            file.createDimension("time", count)
            file.createDimension("width", 32)
            file.createVariable("time", "f8", ("time",))[:] = np.arange(n * count, (n + 1) * count)
            names = [f"station {item} in {n} with a long name" for item in range(count)]
            file.createVariable("name", str, ("time",))[:] = np.array(names, object)
            file.createVariable("code", "S1", ("time", "width"))[:] = np.full((count, 32), b"a", "S1")
            file.createVariable("t", "f4", ("time",), zlib=True, complevel=1)[:] = values(count, seed=n)
    return ["--concat", "time"]


def statics(work, megabytes):
    """Fields in two dimensions that every file has, equal and large."""
    edge = max(int((megabytes * 1e6 / 8 / 8) ** 0.5), 500)
    area = np.random.default_rng(5).random((edge, edge))
    for n in range(4):
        with netCDF4.Dataset(work / f"{n}.nc", "w") as file:
            for dim, length in [("time", 1), ("lat", edge), ("lon", edge)]:
                file.createDimension(dim, length)
            file.createVariable("time", "f8", ("time",))[:] = n
            for name in ["area", "depth"]:
                file.createVariable(name, "f8", ("lat", "lon"))[:] = area
            file.createVariable("t", "f4", ("time",))[:] = n
    return ["--concat", "time", "--chunks", "lat=256,lon=256"]


def unpacked(work, megabytes):
    """Packed by xz with a dictionary of 64 MiB (`xz -9`): the decoders of six at a time take 400 MB."""
    steps = max(megabytes // 24, 4)
    for n in range(6):
        path = work / f"{n}.nc"
        with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
            for dim, length in [("time", steps), ("x", 1 << 20)]:
                file.createDimension(dim, length)
            file.createVariable("time", "f8", ("time",))[:] = np.arange(n * steps, (n + 1) * steps)
            file.createVariable("t", "f4", ("time", "x"))[:] = values(steps, 1 << 20, seed=n)
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 64 << 20}]
        (work / f"{n}.nc.xz").write_bytes(lzma.compress(path.read_bytes(), filters=filters))
        path.unlink()
    return ["--concat", "time", "--chunks", "time=1,x=65536"]


SHAPES = {
    f.__name__: f
    for f in [columns, contiguous, classic, many, large, too_large, times, texts, statics, unpacked]
}
# of which the values are compared elsewhere: here only what they take
PEAK_ONLY = ["times", "texts", "statics", "unpacked"]


# runs one command and prints its peak memory and CPU time last: a process is charged with the memory of the one that
# started it, so that a small one has to
CHILD = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(code, used.ru_maxrss, used.ru_utime + used.ru_stime)"
)


def measured(command):
    """Exit status, output, peak resident memory in bytes and CPU seconds."""
    child = [sys.executable, "-c", CHILD, *command]
    done = subprocess.run(child, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    status, peak, cpu = done.stdout.splitlines()[-1].split()
    return int(status), done.stdout, int(peak) * 1024, float(cpu)


def expected(files, name):
    """What an array of the target holds, file after file along the first dimension, read lazily."""

    def part(index):
        found = []
        for path in files:
            if path.suffix == ".nc" and path.read_bytes()[:3] == b"CDF":
                with netCDF4.Dataset(path) as file:
                    file.set_auto_maskandscale(False)
                    found.append(np.asarray(file[name][(slice(None), *index)]))
            else:
                with h5py.File(path) as file:
                    found.append(file[name][(slice(None), *index)])
        return np.concatenate(found)

    return part


def differs(store, files, names):
    """The first cells of some series that are not those of the files."""
    target = zarr.open(store, mode="r")
    random = np.random.default_rng(1)
    for name in names:
        part = expected(files, name)
        array = target[name]
        for _ in range(3):
            lat, lon = (int(random.integers(0, n)) for n in array.shape[1:])
            if not np.array_equal(array[:, lat, lon], part((lat, lon))):
                return f"{name}[:, {lat}, {lon}]"
    return None


def plan(binary, files, options):
    """How the plan says that the data is done, in a word, or the error's code."""
    done = subprocess.run([binary, "plan", *files, *options, "--json"], capture_output=True, text=True, check=False)
    last = json.loads(done.stdout.splitlines()[-1])
    if done.returncode:
        return last.get("errors", [last])[0].get("code", "refused")
    arrays = [array for array in last["plan"]["arrays"] if array["how"] == "decode"]
    most = max(arrays, key=lambda array: array["decodes"])
    stages = "two stages" if any(array["scratch"] for array in arrays) else "one pass"
    return f"{stages}, decoded {most['decodes']:.1f} times, {last['plan']['memory_bytes_max'] / MIB:.0f} MiB planned"


def cases():
    """Limit, workers, codec: all limits by all workers, and the codecs at the default limit; shards too."""
    for limit in LIMITS:
        for workers in WORKERS:
            yield limit, workers, "blosc", []
    for codec in ["deflate", "zstd"]:
        yield 256, 2, codec, []
    yield 128, 2, "blosc", ["--shards", "lat=512,lon=512"]


def one(binary, work, files, asked, shape, case):
    """One bake; what is wrong with it."""
    limit, workers, codec, more = case
    options = [*asked, *CODECS[codec], *more, "--memory", f"{limit}MiB", "--workers", str(workers)]
    store = work / "store.zarr"
    shutil.rmtree(store, ignore_errors=True)
    shutil.rmtree(work / "store.zarr.bake", ignore_errors=True)
    how = plan(binary, files, options)
    status, output, peak, cpu = measured([binary, "bake", *files, *options, "--to", str(store), "--quiet"])
    over = peak / (limit * MIB)
    print(
        f"{shape:11} {limit:5} MiB {workers} workers {codec:8}{' shards' if more else '':7} "
        f"peak {peak / MIB:6.0f} MiB ({over:4.2f}) {cpu:6.1f} s  {how}",
        flush=True,
    )
    wrong = []
    if over > 1.1:
        wrong.append(f"{shape} {options}: peak {peak / MIB:.0f} MiB")
    if status:
        if "memory-limit" not in output or "`--memory" not in output:
            wrong.append(f"{shape} {options}: exit {status}: {output}")
        else:
            print("   ", " ".join(output.split())[:300])
    elif shape == "too_large" and limit < 1024:
        wrong.append(f"{shape} {options}: not refused")
    elif shape not in PEAK_ONLY:
        names = ["v0000", "v4999"] if shape == "many" else ["t"]
        found = differs(store, [Path(file) for file in files], names)
        if found:
            wrong.append(f"{shape} {options}: {found} differs")
    return wrong


def main():
    binary, work, *rest = sys.argv[1:]
    work = Path(work)
    megabytes = int(rest[0]) if rest else 1000
    wrong = []
    for shape in rest[1:] or SHAPES:
        folder = work / shape
        folder.mkdir()
        asked = SHAPES[shape](folder, megabytes)
        files = sorted(str(path) for path in folder.iterdir())
        for case in cases():
            if case[3] and shape in ("contiguous", "classic", "many", "too_large", *PEAK_ONLY):
                continue
            wrong += one(binary, work, files, asked, shape, case)
        shutil.rmtree(folder)
    print(*wrong, sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
