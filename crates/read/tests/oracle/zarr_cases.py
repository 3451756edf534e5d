"""Writes Zarr stores and what zarr-python and xarray read from them.

    zarr_cases.py FOLDER        writes FOLDER/NAME and FOLDER/expected.json

Made the fixtures of the Rust tests with zarr-python 3.4 and xarray 2026.9; deterministic.
"""

import json
import shutil
import struct
import sys
import warnings
from pathlib import Path

import numcodecs
import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec
from zarr.codecs import numcodecs as nc

warnings.simplefilter("ignore")
NUMBERS = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
           "float64", "complex64", "complex128"]


def values(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    n = int(np.prod(shape))
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(bool).reshape(shape)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, n, dtype=dtype.newbyteorder("="), endpoint=True).reshape(shape).astype(dtype)
    if dtype.kind == "f":
        return rng.standard_normal(n).astype(dtype).reshape(shape)
    return (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(dtype).reshape(shape)


def v3(root):
    g = zarr.open_group(root / "v3", mode="w", zarr_format=3, attributes={"title": "v3", "list": [1, 2.5]})
    for dtype in NUMBERS:
        a = g.create_array(f"t_{dtype}", shape=(3,), chunks=(2,), dtype=dtype, dimension_names=("x",),
                           compressors=ZstdCodec(level=1))
        a[:] = values(dtype, (3,))
    chains = {
        "none": [], "gzip": [GzipCodec(level=3)], "crc32c": [Crc32cCodec()], "zstd_crc": [ZstdCodec(level=3), Crc32cCodec()],
        "blosc": [BloscCodec(cname="zstd", clevel=3, shuffle="shuffle", typesize=4)],
        "blosc_bit": [BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle", typesize=4)],
        "blosc_no": [BloscCodec(cname="zlib", clevel=5, shuffle="noshuffle", typesize=4)],
        "shuffle_zlib": [nc.Shuffle(elementsize=4), nc.Zlib(level=4)], "bz2": [nc.BZ2(level=1)],
        "fletcher": [nc.Fletcher32()], "lz4": [nc.LZ4()],
    }
    for name, chain in chains.items():
        a = g.create_array(f"c_{name}", shape=(70,), chunks=(32,), dtype="int32", compressors=chain or None)
        a[:] = values("int32", (70,), 1)
    for name, fill in {"nan": np.nan, "inf": -np.inf, "number": 1.5, "zero": 0}.items():
        a = g.create_array(f"missing_{name}", shape=(6, 4), chunks=(2, 2), dtype="float32", fill_value=fill)
        a[2:4, 0:2] = values("float32", (2, 2), 2)
    a = g.create_array("big", shape=(5,), chunks=(2,), dtype="int32", serializer=BytesCodec(endian="big"), compressors=None)
    a[:] = values("int32", (5,), 3)
    a = g.create_array("v2keys", shape=(5, 2), chunks=(2, 2), dtype="int16", chunk_key_encoding={"name": "v2", "separator": "."})
    a[:] = values("int16", (5, 2), 3)
    g.create_array("scalar", shape=(), dtype="float64")[...] = 2.5
    g.create_array("empty", shape=(0, 3), chunks=(1, 3), dtype="float64")
    for place in ("end", "start"):
        for kind in ("int16", "str"):
            a = g.create_array(f"shard_{place}_{kind}", shape=(10, 9), dtype=kind, chunks=(4, 8), dimension_names=("u", "v"),
                               serializer=ShardingCodec(chunk_shape=(2, 4), index_location=place,
                                                        codecs=[BytesCodec() if kind == "int16" else zarr.codecs.VLenUTF8Codec(),
                                                                ZstdCodec(level=1)]),
                               compressors=None, fill_value=7 if kind == "int16" else "")
            data = values("int16", (10, 9), 4)
            a[0:3, 1:7] = (data if kind == "int16" else data.astype(str))[0:3, 1:7]
            a[9, 8] = data[9, 8] if kind == "int16" else "d\u00e9j\u00e0"
    a = g.create_array("text", shape=(5,), chunks=(2,), dtype=str, compressors=GzipCodec())
    a[:4] = np.array(["a", "", "d\u00e9j\u00e0", "\U0001f30a"], dtype=object)
    a = g.create_array("transposed", shape=(3, 4), chunks=(2, 2), dtype="int16", filters=[TransposeCodec(order=(1, 0))])
    a[:] = values("int16", (3, 4), 5)
    g.create_array("identity", shape=(3, 4), chunks=(2, 2), dtype="int16", filters=[TransposeCodec(order=(0, 1))])[:] = values("int16", (3, 4), 5)
    g.create_array("when", shape=(2,), dtype="M8[s]")
    sub = g.create_group("sub/below", attributes={"level": 2})
    sub.create_array("x", shape=(4,), dtype="int8", dimension_names=("x",))[:] = values("int8", (4,), 6)
    sub.create_array("d", shape=(4, 5), dtype="int8", dimension_names=("x", "y"))[:] = values("int8", (4, 5), 6)


def v2(root):
    g = zarr.open_group(root / "v2", mode="w", zarr_format=2, attributes={"title": "v2"})

    def array(name, data, chunks, dims=None, dtype=None, **more):
        a = g.create_array(name, shape=data.shape, chunks=chunks, dtype=dtype or data.dtype,
                           attributes={"_ARRAY_DIMENSIONS": dims or [f"d{n}" for n in data.shape]}, **more)
        if data.size:
            a[...] = data
        return a

    for dtype in NUMBERS:
        array(f"t_{dtype}", values(dtype, (3,)), (2,), ["x"], compressors=numcodecs.Zstd(1))
    array("big", values(">f4", (5,)), (2,), compressors=None)
    filters = {"plain": (None, None), "zlib": (None, numcodecs.Zlib(4)), "gzip": (None, numcodecs.GZip(4)),
               "blosc": (None, numcodecs.Blosc("zstd", 3, numcodecs.Blosc.SHUFFLE)), "bz2": (None, numcodecs.BZ2(1)),
               "shuffle": ([numcodecs.Shuffle(4)], numcodecs.Zlib(4)), "fletcher": ([numcodecs.Fletcher32()], None),
               "delta": ([numcodecs.Delta("<i4")], None), "lz4": (None, numcodecs.LZ4())}
    for name, (before, compressor) in filters.items():
        array(f"c_{name}", values("int32", (70,), 1), (32,), filters=before, compressors=compressor)
    array("fortran", values("int16", (3, 4)), (2, 2), order="F")
    array("slash", values("int16", (3, 4)), (2, 2), chunk_key_encoding={"name": "v2", "separator": "/"})
    array("scalar", np.array(2.5), (), [])
    array("empty", np.zeros((0, 3)), (1, 3))
    a = g.create_array("missing", shape=(6,), chunks=(2,), dtype="f8", fill_value=np.nan)
    a[2:4] = [1.0, 2.0]
    g.create_array("missing_null", shape=(6,), chunks=(2,), dtype="f8", fill_value=None)[2:4] = [1.0, 2.0]
    a = g.create_array("text", shape=(4,), chunks=(3,), dtype=str, filters=[numcodecs.VLenUTF8()], compressors=numcodecs.Blosc())
    a[:] = np.array(["a", "", "d\u00e9j\u00e0", "z"], dtype=object)
    array("unicode", np.array(["ab", "d\u00e9f", ""], "<U3"), (2,))
    array("big_unicode", np.array(["ab", "d\u00e9f", ""], ">U3"), (2,))
    array("bytes", np.array([b"ab", b"", b"abcd"], "S4"), (2,))
    g.create_array("when", shape=(2,), dtype="M8[s]")


def by_xarray(root):
    ds = xr.Dataset(
        {"a": (("t", "x"), np.arange(12, dtype="f4").reshape(3, 4), {"units": "K", "nan": float("nan"), "n": np.int16(3)}),
         "i": (("x",), np.array([1, -9, 3, 4], dtype="i2")), "c": ("x", [1j, 2, 3, 4]), "name": ("x", ["a", "bc", "", "d\u00e9"]),
         "flag": ("x", [True, False, True, True]), "crs": ((), 0)},
        coords={"t": ("t", [10.0, 20.0, 30.0], {"units": "days since 2000-01-01"}), "x": [1, 2, 3, 4]}, attrs={"title": "xarray"})
    ds["a"].encoding = {"_FillValue": np.float32(1e20), "chunks": (2, 4)}
    ds["i"].encoding = {"_FillValue": np.int16(-9)}
    for version in (2, 3):
        ds.to_zarr(root / f"xarray{version}", zarr_format=version, mode="w", consolidated=True)
    ds["a"].encoding = {"chunks": (1, 2), "shards": (2, 4), "_FillValue": np.float32(np.nan)}
    ds.to_zarr(root / "xarray3_shards", zarr_format=3, mode="w", consolidated=True)


def arrays(group, prefix=""):
    for name, array in sorted(group.arrays()):
        yield prefix + name, array
    for name, below in sorted(group.groups()):
        yield from arrays(below, f"{prefix}{name}/")


def scalar(x):
    return {"bits": struct.pack(">d", float(x)).hex()} if isinstance(x, (float, np.floating)) else x


def expected(store):
    found = {}
    for name, array in arrays(zarr.open_group(store, mode="r", use_consolidated=False)):
        data = np.asarray(array[...])
        entry = {"shape": list(data.shape), "chunks": list(array.chunks), "shards": list(array.shards) if array.shards else None}
        if array.shards is None and "sharding_indexed" in str(array.metadata.to_dict().get("codecs")):
            raise ValueError(name)
        if data.dtype.kind in "OUST":
            entry["texts"] = [s.decode() if isinstance(s, bytes) else str(s) for s in data.reshape(-1)]
        elif data.dtype.kind != "M":
            entry["dtype"] = data.dtype.name
            entry["hex"] = np.ascontiguousarray(data).astype(data.dtype.newbyteorder("<")).tobytes().hex()
        found[name] = entry
    if store.name.startswith("xarray"):
        with xr.open_zarr(store, mask_and_scale=False, decode_times=False) as ds:
            for name, variable in ds.variables.items():
                fill = variable.attrs.get("_FillValue")
                if isinstance(fill, np.generic):
                    fill = fill.item()
                found[name]["dims"] = list(variable.dims)
                found[name]["fill"] = scalar(fill)
                found[name]["attrs"] = sorted(set(variable.attrs) - {"_FillValue"})
    return found


def main(root):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    v3(root)
    v2(root)
    by_xarray(root)
    found = {store.name: expected(store) for store in sorted(root.iterdir())}
    (root / "expected.json").write_text(json.dumps(found, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
