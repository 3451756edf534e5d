"""Writes NetCDF classic files and what netCDF4-python (the C library) reads from them.

    netcdf3_cases.py FOLDER        writes the cases and FOLDER/expected.json

Made the fixtures of the Rust tests; deterministic. Other files are compared by compare.py beside this script.
"""

import json
import struct
import sys
from pathlib import Path

import netCDF4
import numpy as np

def scalar(x):
    x = np.asarray(x)
    if x.dtype.kind == "f":
        return {"bits": struct.pack(">d", float(x)).hex()}
    return int(x)


def attr(value):
    if isinstance(value, (str, bytes)):
        value = value.decode() if isinstance(value, bytes) else value
        return {"type": "text", "value": value.rstrip("\0")}
    value = np.atleast_1d(np.asarray(value))
    return {"type": value.dtype.name, "value": [scalar(x) for x in value]}


def is_text_length(ds, dim):
    """xarray's rule (conventions.decode_cf_variables, `stackable`)."""
    return dim not in ds.variables and all(
        v.dtype.kind == "S" and v.dimensions.count(dim) == 1 and v.dimensions[-1] == dim
        for v in ds.variables.values()
        if dim in v.dimensions
    )


def texts(array):
    def decode(b):
        b = b.rstrip(b"\0")
        try:
            return b.decode()
        except UnicodeDecodeError:
            return b.decode("latin-1")

    return [decode(bytes(row)) for row in array]


def read(path):
    """The file as netCDF4 sees it."""
    ds = netCDF4.Dataset(path)
    ds.set_auto_maskandscale(False)
    ds.set_auto_chartostring(False)
    variables = []
    for name, v in ds.variables.items():
        attrs = {a: attr(v.getncattr(a)) for a in v.ncattrs()}
        shape, dims = list(v.shape), list(v.dimensions)
        values = np.ma.getdata(v[...])
        entry = {"name": name}
        fill = attrs.pop("_FillValue", None)
        if v.dtype.kind == "S":
            entry["dtype"] = "string"
            raw = np.ascontiguousarray(values).view("u1")
            if dims and is_text_length(ds, dims[-1]):
                raw = raw.reshape(-1, shape[-1]) if shape[-1] else np.zeros((int(np.prod(shape[:-1])), 0), "u1")
                shape, dims = shape[:-1], dims[:-1]
            else:
                raw = raw.reshape(-1, 1)
            entry["texts"] = texts(raw)
            entry["fill"] = fill["value"] if fill else None
            attrs.pop("_Encoding", None)
        else:
            entry["dtype"] = v.dtype.name
            entry["values"] = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
            entry["fill"] = fill["value"][0] if fill else None
        entry.update(dims=dims, shape=shape, attrs=attrs)
        variables.append(entry)
    model = {"NETCDF3_CLASSIC": "NetCDF-3 classic", "NETCDF3_64BIT_OFFSET": "NetCDF-3 64-bit offset",
             "NETCDF3_64BIT_DATA": "NetCDF-3 64-bit data (CDF-5)"}[ds.data_model]
    return {"format": model, "attrs": {a: attr(ds.getncattr(a)) for a in ds.ncattrs()}, "variables": variables}


TYPES3 = ["i1", "S1", "i2", "i4", "f4", "f8"]
TYPES5 = TYPES3 + ["u1", "u2", "u4", "i8", "u8"]


def values(kind, shape, seed):
    """Unique, unordered bits wherever the type has room; NaN, infinity and -0.0 among the floats."""
    rng = np.random.default_rng(seed)
    n = int(np.prod(shape))
    if kind == "S1":
        return rng.integers(65, 91, n).astype("u1").view("S1").reshape(shape)
    if kind[0] == "f":
        out = rng.standard_normal(n).astype(kind)
        out[:3] = [np.nan, -np.inf, -0.0][: min(3, n)]
        return out.reshape(shape)
    info = np.iinfo(kind)
    return rng.integers(info.min, info.max, n, dtype=kind, endpoint=True).reshape(shape)


def write(path, model, records, kinds, seed=0):
    """All types: scalars, fixed arrays, and record variables whose records need padding."""
    with netCDF4.Dataset(path, "w", format=model) as ds:
        ds.set_fill_off()
        ds.createDimension("time", None)
        ds.createDimension("x", 3)
        ds.createDimension("y", 5)
        ds.createDimension("len7", 7)
        ds.title = "all types: d\u00e9j\u00e0 vu"
        for n, kind in enumerate(kinds):
            k = kind.lower()
            for form, dims, shape in (("0", (), ()), ("xy", ("x", "y"), (3, 5)), ("t", ("time",), (records,)),
                                      ("tx", ("time", "x"), (records, 3))):
                v = ds.createVariable(f"{k}_{form}", kind, dims)
                if kind != "S1":
                    v.setncattr("valid", values(kind, (3,), n))
                    v.setncattr("one", values(kind, (1,), n)[0])
                v.setncattr("units", "K")
                data = values(kind, shape, seed + n) if shape != () else values(kind, (1,), seed + n)[0]
                if 0 not in shape:
                    v[...] = data
        v = ds.createVariable("name_x", "S1", ("x", "len7"))
        v[...] = np.array([list(b"ab\0\0\0\0\0"), list(b" d\xc3\xa9 f\0"), list(b"d\xe9f\0gh\0")], "u1").view("S1")
        v = ds.createVariable("name_t", "S1", ("time", "len7"))
        if records:
            v[:] = values("S1", (records, 7), 99)


def cases(out):
    models = {"classic": ("NETCDF3_CLASSIC", TYPES3), "offset64": ("NETCDF3_64BIT_OFFSET", TYPES3),
              "data64": ("NETCDF3_64BIT_DATA", TYPES5)}
    for name, (model, kinds) in models.items():
        for records in (0, 1, 4):
            write(out / f"{name}_r{records}.nc", model, records, kinds)
        for kind in kinds:  # the special case: one record variable is packed without padding
            for inner in (1, 3):
                if kind in ("i4", "f4", "f8", "u4", "i8", "u8") or (inner, kind) == (1, "S1"):
                    continue
                path = out / f"{name}_lone_{kind.lower()}_{inner}.nc"
                with netCDF4.Dataset(path, "w", format=model) as ds:
                    ds.createDimension("time", None)
                    ds.createDimension("x", inner)
                    ds.createVariable("fixed", "f8", ("x",))[:] = values("f8", (inner,), 1)
                    ds.createVariable("lone", kind, ("time", "x"))[:] = values(kind, (5, inner), 2)
    with netCDF4.Dataset(out / "fills.nc", "w", format="NETCDF3_CLASSIC") as ds:
        ds.createDimension("x", 4)
        for kind, fill in (("i2", -999), ("f4", 1e20), ("f8", np.nan), ("i1", -1)):
            v = ds.createVariable(f"v_{kind}", kind, ("x",), fill_value=np.array(fill, kind))
            v[:2] = np.array([1, 2], kind)
            v.setncattr("_Unsigned", "true")
        v = ds.createVariable("chars", "S1", ("x",), fill_value=" ")
        v[:2] = np.array([b"a", b"b"])
        ds.createVariable("x", "i4", ("x",))[:] = [3, 2, 1, 0]
    with netCDF4.Dataset(out / "no_dims.nc", "w", format="NETCDF3_CLASSIC") as ds:
        ds.createVariable("crs", "i4", ())[...] = 7
        ds.createVariable("c", "S1", ())[...] = b"q"
    with netCDF4.Dataset(out / "empty.nc", "w", format="NETCDF3_CLASSIC"):
        pass
    with netCDF4.Dataset(out / "latin1.nc", "w", format="NETCDF3_CLASSIC") as ds:
        ds.setncattr("place", "K_benhavn")
        ds.setncattr("empty", "")
        ds.setncattr("list", np.array([1.5, -2.5], "f4"))
    raw = (out / "latin1.nc").read_bytes()
    (out / "latin1.nc").write_bytes(raw.replace(b"K_benhavn", b"K\xf8benhavn"))
    # numrecs left open by a streaming writer: what the C library wrote, with the count overwritten
    raw = bytearray((out / "classic_r4.nc").read_bytes())
    raw[4:8] = b"\xff\xff\xff\xff"
    (out / "streaming_r4.nc").write_bytes(raw)


def make(out):
    out.mkdir(parents=True, exist_ok=True)
    cases(out)
    expected = {}
    for path in sorted(out.glob("*.nc")):
        twin = out / "classic_r4.nc" if path.name == "streaming_r4.nc" else path
        entry = read(twin)
        if path.name == "latin1.nc":  # netCDF4-python replaces what is not UTF-8; the text was written as Latin-1 above
            entry["attrs"]["place"] = {"type": "text", "value": "K\u00f8benhavn"}
        for v in entry["variables"]:
            if "values" in v:
                v["hex"] = v.pop("values").tobytes().hex()
        expected[path.name] = entry
    (out / "expected.json").write_text(json.dumps(expected, indent=None, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
