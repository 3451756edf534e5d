"""Values in hand (coordinates, texts, what files have alike) and decoders of packed inputs are held to `--memory`: the
peak stays within 10 % of it, or the run is refused before the memory is taken, saying what suffices."""

import lzma
import re
import shutil
import subprocess

import netCDF4
import numpy as np
import pytest

import arco

FILES = 2


def times(path, n):
    """A coordinate as long as the data."""
    count = 1_500_000
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", count)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time[:] = "seconds since 2000-01-01", np.arange(n * count, (n + 1) * count)
        file.createVariable("v", "f4", ("time",), zlib=True, complevel=1)[:] = np.arange(count)


def along_time(path, n, count, dims, name, dtype, cells):
    """One variable beside a short time."""
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", count)
        for dim, length in dims:
            file.createDimension(dim, length)
        file.createVariable("time", "f8", ("time",))[:] = np.arange(n * count, (n + 1) * count)
        file.createVariable(name, dtype, ("time", *(dim for dim, _ in dims)))[:] = cells


def strings(path, n):
    """Texts of some words."""
    count = 100_000
    names = [f"station {item} in {n} with a long name" for item in range(count)]
    along_time(path, n, count, [], "s", str, np.array(names, object))


def chars(path, n):
    """Texts of a fixed width."""
    along_time(path, n, 200_000, [("width", 32)], "s", "S1", np.full((200_000, 32), b"a", "S1"))


def statics(path, n):
    """A field that all files have alike, and a little data."""
    with netCDF4.Dataset(path, "w") as file:
        for dim, length in [("time", 1), ("y", 1500), ("x", 1500)]:
            file.createDimension(dim, length)
        file.createVariable("time", "f8", ("time",))[:] = n
        file.createVariable("area", "f8", ("y", "x"))[:] = np.random.default_rng(5).random((1500, 1500))
        file.createVariable("v", "f4", ("time",))[:] = 1


# what is asked beside; far too little memory in MiB, and the most that may be asked for instead
ROWS = [
    (times, ["--chunks", "time=100000"], 40, 90),
    (strings, ["--chunks", "time=10000"], 30, 110),
    (chars, ["--chunks", "time=10000"], 30, 150),
    (statics, [], 28, 64),
]


@pytest.mark.parametrize(("make", "more", "little", "enough"), ROWS, ids=[row[0].__name__ for row in ROWS])
def test_values_in_hand(tmp_path, make, more, little, enough):
    for n in range(FILES):
        make(tmp_path / f"f{n}.nc", n)
    inputs = [tmp_path / f"f{n}.nc" for n in range(FILES)]
    store = tmp_path / "o.zarr"
    asked = ["bake", *inputs, "--concat", "time", "--to", store, *more, "--workers", 2]
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done, peak = arco.measured(*asked, "--memory", f"{little}MiB", env=env)
    assert done.code and "memory-limit" in done.text and "variable `" in done.text, done.text
    assert peak <= 1.1 * little, f"{peak} MiB of {little}: {done.text}"
    suffices = int(re.search(r"`--memory (\d+)MiB` will do", done.text).group(1))
    assert little < suffices <= enough
    done, peak = arco.measured(*asked, "--memory", f"{suffices}MiB", env=env)
    assert done.code == 0, done.text
    assert peak <= 1.1 * suffices, f"{peak} MiB of {suffices}"


def packed(folder, n, window):
    """40 MB, packed so that the decoder holds all of it."""
    path = folder / f"a{n}.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        for dim, length in [("time", 100), ("x", 100_000)]:
            file.createDimension(dim, length)
        file.createVariable("time", "f8", ("time",))[:] = np.arange(n * 100, (n + 1) * 100)
        file.createVariable("v", "i4", ("time", "x"))[:] = np.arange(100_000) % 977 + n
    if window == "xz":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 64 << 20}]
        (folder / f"a{n}.nc.xz").write_bytes(lzma.compress(path.read_bytes(), filters=filters))
    else:
        to = folder / f"a{n}.nc.zst"
        subprocess.run(["zstd", "-1", "--long=27", "-q", path, "-o", to], check=True)
    path.unlink()


@pytest.mark.parametrize(("window", "least"), [("xz", 89), ("zstd", 64)])
def test_decoders_share_the_memory(tmp_path, window, least):
    if window == "zstd" and not shutil.which("zstd"):
        pytest.skip("no zstd on this machine")
    for n in range(4):
        packed(tmp_path, n, window)
    inputs = sorted(tmp_path.glob("a*"))
    asked = ["bake", *inputs, "--concat", "time", "--to", tmp_path / "o.zarr", "--chunks", "time=1,x=whole"]
    asked += ["--workers", 4]
    done, peak = arco.measured(*asked, "--memory", "40MiB")
    assert peak <= 44, done.text
    assert done.code and "memory-limit" in done.text and "a0.nc" in done.text, done.text
    suffices = int(re.search(r"`--memory (\d+)MiB` will do", done.text).group(1))
    assert abs(suffices - least) < 8
    done, peak = arco.measured(*asked, "--memory", f"{suffices}MiB")
    assert done.code == 0, done.text
    assert peak <= 1.1 * suffices
