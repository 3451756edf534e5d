"""Compares one file with the store that was baked from it, on the level of stored values.

The oracle is netCDF4 where the file has NetCDF's data model, else h5py; the store is read by zarr-python. What
arcoforge changes on purpose is applied to the oracle's side: chars are joined to texts along their last dimension,
enumerations become integers with flag attributes, big-endian becomes little-endian.
"""

import h5py
import hdf5plugin  # noqa: F401  registers the filters
import netCDF4
import numpy as np
import zarr

import oracle

PLUMBING = {
    "REFERENCE_LIST",
    "DIMENSION_LIST",
    "DIMENSION_LABELS",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
    "_NCCOPY",
}
SCALE = {"CLASS", "NAME"}  # plumbing where they make a dimension scale; others, such as HDF5's images, have them too
NOT_COORDINATE = "_nc4_non_coord_"  # what the NetCDF library puts before a variable that is named like a dimension
DIMENSION_ONLY = {"a dimension without a variable": True}
FLAGS = {"flag_values", "flag_meanings"}


def compare(source, store, without=()):
    """Every difference between a file and its store, but for the variables and attributes named in `without`."""
    got = read_store(store)
    try:
        want = read_source(source)
    except (OSError, RuntimeError) as error:
        return [
            oracle.Difference(
                source.name, "baked, but the oracle can't read the file", str(error), sorted(got["arrays"])
            )
        ]
    found = []
    for path, attrs in want["groups"].items():
        if path not in got["groups"]:
            found.append(oracle.Difference(path, "missing group"))
        else:
            found += oracle.attributes(path, attrs, got["groups"][path])
    for path, array in want["arrays"].items():
        if path in without or array[1] is DIMENSION_ONLY:
            continue
        if path not in got["arrays"]:
            found.append(oracle.Difference(path, "missing"))
        else:
            found += compare_arrays(path, array, got["arrays"][path])
    found += [oracle.Difference(p, "extra") for p in got["arrays"] if p not in want["arrays"]]
    return [difference for difference in found if difference.where not in without]


def compare_arrays(path, want, got):
    dims, attrs, values = want
    got_dims, got_attrs, got_values = got
    ignored = FLAGS - set(attrs) if values.dtype.kind in "iu" else set()
    found = oracle.attributes(path, attrs, {k: v for k, v in got_attrs.items() if k not in ignored})
    if dims is not None and tuple(dims) != tuple(got_dims):
        found.append(oracle.Difference(path, "dims", dims, got_dims))
    if values.shape != got_values.shape:
        return [*found, oracle.Difference(path, "shape", values.shape, got_values.shape)]
    return found + oracle.arrays(path, values, got_values)


def read_store(store):
    """{"groups": {path: attributes}, "arrays": {path: (dims, attributes, values)}} of a Zarr store, by zarr-python."""
    root = zarr.open_group(store, mode="r", use_consolidated=False)
    groups, arrays = {"": dict(root.attrs)}, {}
    for path, node in root.members(max_depth=None):
        if isinstance(node, zarr.Group):
            groups[path] = dict(node.attrs)
            continue
        attrs = dict(node.attrs)
        dims = attrs.pop("_ARRAY_DIMENSIONS", None) or getattr(node.metadata, "dimension_names", None) or ()
        attrs.pop("_FillValue", None)
        arrays[path] = tuple(dims), attrs, np.asarray(node[...])
    return {"groups": groups, "arrays": arrays}


def read_source(source):
    """The same of a file, by netCDF4 where it has NetCDF's data model, else by h5py.

    netCDF4 is kept away from plain HDF5: it leaves out in silence what its model lacks, and crashes on some types.
    """
    if not h5py.is_hdf5(source):
        with netCDF4.Dataset(source) as ds:
            return read_netcdf(ds)
    with h5py.File(source, "r") as file:
        plain = read_hdf5(file)
        if not follows_netcdf(file):
            return plain
    try:
        with netCDF4.Dataset(source) as ds:
            out = read_netcdf(ds)
    except NotUnderstood:
        return plain
    hidden = {path for path, array in plain["arrays"].items() if array[1] is not DIMENSION_ONLY} - set(out["arrays"])
    return plain if hidden else out


def follows_netcdf(file):
    """Whether the NetCDF library wrote an HDF5 file, or one that writes like it: it has dimension scales."""
    found = []

    def visit(_, node):
        if isinstance(node, h5py.Dataset) and is_scale(node):
            found.append(True)

    file.visititems(visit)
    return bool(found) or "_NCProperties" in file.attrs


def is_scale(node):
    value = node.attrs.get("CLASS", b"")
    return value in (b"DIMENSION_SCALE", "DIMENSION_SCALE")


class NotUnderstood(Exception):
    """The oracle can't read this; another one may."""


def read_netcdf(ds):
    groups, arrays = {}, {}

    def walk(group, path):
        groups[path] = {k: group.getncattr(k) for k in group.ncattrs() if k not in PLUMBING}
        for name, variable in group.variables.items():
            arrays[f"{path}/{name}".lstrip("/")] = read_variable(variable, is_text_length(group))
        for name, child in group.groups.items():
            walk(child, f"{path}/{name}".lstrip("/"))

    walk(ds, "")
    return {"groups": groups, "arrays": arrays}


def is_text_length(group):
    """Whether a dimension counts characters: xarray's rule (`decode_cf_variables`), which is not to join the others."""

    def rule(dim):
        users = [v for v in group.variables.values() if dim in v.dimensions]
        chars = all(v.dtype in ("S1", "S") and v.dimensions[-1] == dim and v.dimensions.count(dim) == 1 for v in users)
        return dim not in group.variables and chars

    return rule


def read_variable(variable, is_text_length):
    if variable._isprimitive is False and not variable._isenum and variable.dtype is not str:
        raise NotUnderstood(f"{variable.name} has a type of its own")
    variable.set_auto_maskandscale(False)
    variable.set_auto_chartostring(False)
    attrs = {k: variable.getncattr(k) for k in variable.ncattrs() if k not in PLUMBING and k != "_FillValue"}
    values = np.asarray(np.ma.getdata(variable[...]))
    dims = variable.dimensions
    if values.dtype.kind == "S" and values.ndim and is_text_length(dims[-1]):
        values, dims = join(values), dims[:-1]
    return dims, attrs, values


def join(chars):
    """Chars to texts along the last dimension."""
    shape = chars.shape[:-1]
    rows = np.ascontiguousarray(chars.astype("S1")).reshape(-1, chars.shape[-1])
    out = np.empty(rows.shape[0], dtype=object)
    out[:] = [bytes(row.tobytes()) for row in rows]
    return oracle.texts(out.reshape(shape))


def read_hdf5(file):
    """Dimensions are not compared here (None): without NetCDF's model their names are a matter of convention."""
    groups, arrays = {"": hdf5_attributes(file)}, {}

    def visit(path, node):
        if isinstance(node, h5py.Group):
            groups[path] = hdf5_attributes(node)
        elif isinstance(node, h5py.Dataset) and bytes(node.attrs.get("NAME", b"")).startswith(b"This is a netCDF dim"):
            arrays[path] = (), DIMENSION_ONLY, np.array(0)
        elif isinstance(node, h5py.Dataset):
            folder, _, name = path.rpartition("/")
            arrays[f"{folder}/{name.removeprefix(NOT_COORDINATE)}".lstrip("/")] = hdf5_array(node)

    file.visititems(visit)
    return {"groups": groups, "arrays": arrays}


def hdf5_array(node):
    """What h5py can't read is a text that equals nothing: such a file must be refused."""
    try:
        values = np.asarray(node[...]) if node.shape is not None else np.array("no values")
    except (OSError, TypeError, ValueError) as error:
        return (), {}, np.array(f"h5py can't read it either: {error}")
    attrs = {k: v for k, v in hdf5_attributes(node).items() if k != "_FillValue"}
    return None, attrs, hdf5_values(node, values)


def hdf5_values(node, values):
    if h5py.check_string_dtype(node.dtype) or values.dtype.kind == "S":
        return oracle.texts(values)
    if values.dtype.fields and set(values.dtype.fields) == {"r", "i"}:
        return values["r"] + 1j * values["i"]
    return values


def hdf5_attributes(node):
    out = {}
    for key in node.attrs:
        if key in PLUMBING or (key in SCALE and isinstance(node, h5py.Dataset) and is_scale(node)):
            continue
        try:
            value = node.attrs[key]
        except (OSError, TypeError, KeyError, ValueError):
            continue
        if isinstance(value, h5py.Empty):
            value = ""
        if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
            value = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in value.ravel()]
        out[key] = value
    return out


def names(source):
    """Full paths of every variable of a file, by whichever library lists more."""
    found = set()
    try:
        with netCDF4.Dataset(source) as ds:
            stack = [("", ds)]
            while stack:
                path, group = stack.pop()
                found |= {f"{path}{name}" for name in group.variables}
                stack += [(f"{path}{name}/", child) for name, child in group.groups.items()]
    except (OSError, RuntimeError, ValueError, KeyError):
        pass
    try:
        with h5py.File(source, "r") as file:
            file.visit(found.add)
    except (OSError, RuntimeError):
        pass
    return found
