"""Compares what arcoforge reads from NetCDF and HDF5 files with netCDF4 and h5py, bit by bit.

    compare.py DUMP FILE...        DUMP: the built example `dump` of the crate arcoforge-read

Prints one line per file: the number of variables compared, and every difference. Values come from FILE's .npz where
hdf5_cases.py wrote one, from netCDF4 (without masking, scaling or joining of characters), or from h5py for what netCDF4
does not read; with H5PY=1 in the environment only from h5py. Lines with "!" are differences, lines with "." say what
could not be compared. The exit status is the number of files with differences (at most 99).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  registers filters
import netCDF4
import numpy as np

HIDDEN = {"DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties"}


def text(value):
    """Bytes as arcoforge shows them: UTF-8, else Latin-1."""
    if isinstance(value, str):
        return value
    value = bytes(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def number_list(value):
    value = np.atleast_1d(np.asarray(value))
    little = value.astype(value.dtype.newbyteorder("<"))
    return [little.dtype.name, [x.tobytes().hex() for x in little.reshape(-1)]]


def attr_of(value):
    """An attribute of netCDF4 as the dump prints it, without its name."""
    if isinstance(value, (str, bytes)):
        return ["text", text(value)]
    if isinstance(value, (list, tuple)) or getattr(value, "dtype", np.dtype(int)).kind in "OUS":
        values = [text(v) for v in np.asarray(value, dtype=object).reshape(-1)]
        return ["text", values[0] if values else ""] if len(values) < 2 else ["texts", values]
    return number_list(value)


def same_attr(ours, theirs):
    if ours == theirs:
        return True
    if ours[0] == "text" and theirs[0] == "text":
        return ours[1].rstrip("\0") == theirs[1].replace("\0", "").rstrip("\0")
    return ours[0] == "text" and ours[1] == "" and theirs[0] != "texts" and theirs[1] == []


def chars_to_text(array):
    if array.ndim == 0:
        return [text(array.tobytes().rstrip(b"\0"))]
    length = array.shape[-1]
    raw = array.astype("S1").tobytes()
    return [text(raw[i : i + length].rstrip(b"\0")) for i in range(0, len(raw), length)] if length else []


def texts(array):
    return [text(v) for v in np.asarray(array).reshape(-1)]


def walk(group, path=""):
    """Groups, in the order of netCDF4."""
    yield path, group
    for name, child in group.groups.items():
        yield from walk(child, f"{path}{name}/")


def dim_path(variable, name):
    group = variable.group()
    while group is not None and name not in group.dimensions:
        group = group.parent
    path = group.path.strip("/") if group is not None else ""
    return f"{path}/{name}" if path else name


class Comparison:
    def __init__(self, dump, path):
        self.problems = []
        self.compared = 0
        self.skipped = []
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([dump, str(path), folder], capture_output=True, text=True, check=False)
            try:
                self.ours = json.loads(done.stdout)
            except ValueError:
                self.problems.append(f"no answer: {done.stderr[-300:]}")
                return
            self.folder = Path(folder)
            self.path = path
            if "error" in self.ours:
                self.refused()
                return
            self.compare()

    def refused(self):
        try:
            with netCDF4.Dataset(self.path):
                self.problems.append(f"refused, but netCDF4 opens it: {self.ours['error']}")
        except Exception as error:
            self.skipped.append(f"both refuse: {self.ours['error']!r} / {error}")

    def compare(self):
        ours = {v["name"]: (n, v) for n, v in enumerate(self.ours["variables"])}
        sidecar = Path(self.path).with_suffix(".npz")
        if sidecar.exists():
            self.with_arrays(np.load(sidecar), ours)
            return
        if os.environ.get("H5PY"):
            with h5py.File(self.path) as data:
                self.with_h5py(data, ours)
            return
        try:
            with netCDF4.Dataset(self.path) as data:
                data.set_auto_maskandscale(False)
                data.set_auto_chartostring(False)
                self.with_netcdf4(data)
        except OSError as error:
            self.skipped.append(f"netCDF4 refuses: {error}")
            with h5py.File(self.path) as data:
                self.with_h5py(data, ours)

    def with_arrays(self, arrays, ours):
        for name in arrays.files:
            path = name.replace("|", "/")
            if path not in ours:
                self.problems.append(f"{path} is missing: {self.ours['unreadable'].get(path)}")
                continue
            n, variable = ours.pop(path)
            array = arrays[name]
            if variable["dtype"] == "string" and array.dtype.kind == "S":
                array = np.array([text(v) for v in array], object).reshape(variable["shape"])
            self.values(path, n, variable, array, False)
        for path in ours:
            self.problems.append(f"{path} was not written")

    def with_netcdf4(self, data):
        ours = {v["name"]: (n, v) for n, v in enumerate(self.ours["variables"])}
        seen, order = set(), []
        for prefix, group in walk(data):
            attrs = self.ours["attrs"] if not prefix else next(
                (g["attrs"] for g in self.ours["groups"] if g["name"] + "/" == prefix), None)
            if attrs is None:
                self.problems.append(f"no group {prefix}")
                continue
            self.attrs(prefix or "/", attrs, group, lambda name: group.getncattr(name))
            for name, variable in group.variables.items():
                path = prefix + name
                seen.add(path)
                if path in ours:
                    order.append(path)
                    self.variable(path, *ours[path], variable)
                elif path not in self.ours["unreadable"]:
                    self.problems.append(f"{path} is missing")
                else:
                    self.skipped.append(f"{path}: {self.ours['unreadable'][path]}")
        if order != [v["name"] for v in self.ours["variables"] if v["name"] in seen]:
            self.problems.append(f"order of variables {[v['name'] for v in self.ours['variables']]} is not {order}")
        rest = {name: found for name, found in ours.items() if name not in seen}
        if rest:
            with h5py.File(self.path) as file:
                self.with_h5py(file, rest)

    def attrs(self, where, ours, theirs, get):
        expected = {}
        for name in theirs.ncattrs():
            try:
                expected[name] = attr_of(get(name))
            except Exception as error:
                self.skipped.append(f"{where}@{name}: netCDF4 can't read it: {error}")
        found = {name: [kind, value] for name, kind, value in ours}
        for name, value in expected.items():
            if f"{where.strip('/')}@{name}" in self.ours["unreadable"]:
                continue
            if name not in found:
                self.problems.append(f"{where}@{name} is missing")
            elif not same_attr(found[name], value):
                self.problems.append(f"{where}@{name} is {found[name]!r:.200}, not {value!r:.200}")
        for name in found.keys() - expected.keys():
            self.skipped.append(f"{where}@{name} is not seen by netCDF4")
        shared = [name for name, *_ in ours if name in expected]
        if shared != [name for name in expected if name in found]:
            self.problems.append(f"{where}: order of attributes {shared} is not {list(expected)}")

    def variable(self, path, n, ours, variable):
        attrs = [a for a in ours["attrs"] if not (isinstance(variable.datatype, netCDF4.EnumType)
                                                  and a[0] in ("flag_values", "flag_meanings"))]
        names = set(variable.ncattrs())
        if ours["fill"] is not None and "_FillValue" in names:
            value = ours["fill"]
            attrs.append(["_FillValue", "text", value] if ours["dtype"] == "string" else
                         ["_FillValue", ours["dtype"], [value]])
        if ours["dtype"] == "string" and "_Encoding" in names:
            attrs.append(["_Encoding", "text", variable.getncattr("_Encoding")])
        shown = {a[0] for a in attrs}
        order = [name for name in variable.ncattrs() if name in shown]
        late = {"_FillValue", "_Encoding"}
        attrs = sorted(attrs, key=lambda a: order.index(a[0]) if a[0] in late and a[0] in order else -1) if not (
            shown & late) else sorted(attrs, key=lambda a: order.index(a[0]) if a[0] in order else 999)
        kept = [a[0] for a in ours["attrs"] if a[0] in order]
        if kept != [name for name in order if name in kept]:
            self.problems.append(f"{path}: order of attributes {kept} is not {order}")
        self.attrs(path, attrs, variable, variable.getncattr)
        dims = [dim_path(variable, d) for d in variable.dimensions]
        joined = variable.dtype == "S1" and len(ours["dims"]) == len(dims) - 1
        if ours["dims"] != (dims[:-1] if joined else dims):
            self.problems.append(f"{path}: dims {ours['dims']} are not {dims}")
        try:
            self.values(path, n, ours, np.asarray(variable[...]), joined)
        except Exception as error:
            self.skipped.append(f"{path}: netCDF4 can't read it: {error}")
            with h5py.File(self.path) as file:
                self.with_h5py(file, {path: (n, ours)})

    def values(self, path, n, ours, array, joined):
        if "error" in ours:
            self.problems.append(f"{path}: {ours['error']}")
            return
        self.compared += 1
        shape = list(array.shape[:-1] if joined else array.shape)
        if ours["shape"] != shape:
            self.problems.append(f"{path}: shape {ours['shape']} is not {shape}")
        elif ours["dtype"] == "string":
            found = json.loads((self.folder / f"{n}.json").read_text())
            if array.dtype == "S1":
                expected = chars_to_text(array) if joined else [text(v) for v in array.reshape(-1)]
            else:
                expected = texts(array)
            if joined and array.shape[-1] == 0:
                expected = [""] * len(found)
            if found != expected:
                at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), None)
                self.problems.append(f"{path}: texts differ at {at}: {found[at:at+1]} is not {expected[at:at+1]}"
                                     if at is not None else f"{path}: {len(found)} texts, not {len(expected)}")
        else:
            self.numbers(path, n, ours, array)

    def numbers(self, path, n, ours, array):
        name = array.dtype.name
        if array.dtype.names is not None:
            name = {8: "complex64", 16: "complex128"}.get(array.dtype.itemsize, name)
        if ours["dtype"] != name and not (ours["dtype"] == "bool" and array.dtype.itemsize == 1):
            self.problems.append(f"{path}: dtype {ours['dtype']} is not {name}")
            return
        expected = array.astype(array.dtype.newbyteorder("<")).tobytes()
        found = (self.folder / f"{n}.bin").read_bytes()
        if found != expected:
            size = max(array.dtype.itemsize, 1)
            wrong = [i for i in range(0, len(expected), size) if found[i : i + size] != expected[i : i + size]]
            self.problems.append(f"{path}: {len(wrong)} of {array.size} values differ, first at {wrong[:1]}, "
                                 f"{len(found)} bytes of {len(expected)}, {ours.get('storage')}")

    def with_h5py(self, file, ours):
        for path, (n, variable) in ours.items():
            try:
                dataset = file[path] if path in file else file[path.rpartition("/")[0] + "/_nc4_non_coord_" +
                                                               path.rpartition("/")[2]]
                array = np.asarray(dataset[()])
            except Exception as error:
                self.skipped.append(f"{path}: h5py can't read it: {error}")
                continue
            joined = array.dtype == "S1" and array.ndim == len(variable["shape"]) + 1
            self.values(path, n, variable, array, joined)


def main():
    bad = 0
    for path in sys.argv[2:]:
        done = Comparison(sys.argv[1], path)
        bad += bool(done.problems)
        state = "DIFFERS" if done.problems else "equal"
        print(f"{state:8}{done.compared:5} variables  {path}")
        for line in done.problems:
            print(f"    ! {line}")
        for line in done.skipped:
            print(f"    . {line}")
    sys.exit(min(bad, 99))


if __name__ == "__main__":
    main()
