"""What the stand-ins are made of: values, dates, grids, files, and the dataset that the files are parts of.

A variable is what `made.netcdf` takes: dimensions, array, attributes, keywords of netCDF4's createVariable.
"""

import numpy as np
import xarray as xr

import made


def field(name, shape, low, high, missing=None):
    """Made-up float32 values, the same for a name every time; about a tenth are `missing`."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    values = rng.uniform(low, high, shape).astype("f4")
    if missing is not None:
        values[rng.uniform(size=shape) < 0.1] = missing
    return values


def dates(first, count, step=1, unit="D"):
    """`count` dates, from the first on."""
    return np.datetime64(first) + np.arange(count) * np.timedelta64(step, unit)


def since(times, reference, unit="D"):
    """Times as numbers of a unit since a reference."""
    return (times - np.datetime64(reference)) / np.timedelta64(1, unit)


def digits(date):
    """A date as YYYYMMDD."""
    return str(date)[:10].replace("-", "")


def grid(lat, lon, names=("lat", "lon"), dtype="f4"):
    """A latitude and a longitude."""
    attrs = (
        {"units": "degrees_north", "standard_name": "latitude"},
        {"units": "degrees_east", "standard_name": "longitude"},
    )
    rows = zip(names, (lat, lon), attrs, strict=True)
    return {name: ((name,), np.asarray(values, dtype), described) for name, values, described in rows}


def edges(centres, half):
    """Both bounds of every cell."""
    return np.stack([centres - half, centres + half], axis=-1).astype(np.asarray(centres).dtype)


def place(root, path):
    """A path below the root, with its folders."""
    path = root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def part_of(variables, part):
    """The variables, of `time` only a part."""

    def cut(dims, values, *rest):
        at = tuple(part if dim == "time" else slice(None) for dim in dims)
        return (dims, np.asarray(values)[at], *rest)

    return {name: cut(*variable) for name, variable in variables.items()}


def write(path, variables, part=slice(None), **keywords):
    """Writes a part of the variables as NetCDF; dimensions are as long as the variables say."""
    made.netcdf(path, part_of(variables, part), **keywords)


def dataset(variables, coords=()):
    """The variables as one raw dataset; a fill value, for netCDF4 a keyword, is an attribute here."""
    raw = {}
    for name, variable in variables.items():
        dims, values, attrs, keywords = (*variable, {}, {})[:4]
        fill = {"_FillValue": keywords["fill_value"]} if "fill_value" in keywords else {}
        raw[name] = (dims, values, attrs | fill)
    return xr.Dataset(raw).set_coords(list(coords))
