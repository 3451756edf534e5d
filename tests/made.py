"""Files that the tests write themselves, so that the truth is known and no data folder is needed."""

import netCDF4
import numpy as np

NAN = float("nan")


def netcdf(path, variables, dims=None, attrs=None, format="NETCDF4", unlimited=(), groups=None):
    """Writes one file. `variables`: name → (dims, array, attributes, keywords of createVariable), the last two optional. `dims`: name → length, as the variables have them where none are given."""
    with netCDF4.Dataset(path, "w", format=format) as ds:
        ds.setncatts(attrs or {})
        for name, size in (sizes(variables) if dims is None else dims).items():
            ds.createDimension(name, None if name in unlimited else size)
        fill_group(ds, variables)
        for name, (group_dims, group_variables, group_attrs) in (groups or {}).items():
            group = ds.createGroup(name)
            group.setncatts(group_attrs)
            for dim, size in group_dims.items():
                group.createDimension(dim, size)
            fill_group(group, group_variables)
    return path


def sizes(variables):
    return {
        dim: size for dims, values, *_ in variables.values() for dim, size in zip(dims, np.shape(values), strict=True)
    }


def fill_group(group, variables):
    for name, spec in variables.items():
        var_dims, values, attrs, keywords = (*spec, {}, {})[:4]
        values = np.asarray(values)
        dtype = str if values.dtype.kind in "OU" else values.dtype
        variable = group.createVariable(name, dtype, var_dims, **keywords)
        variable.set_auto_maskandscale(False)
        variable.setncatts(attrs)
        variable[...] = values.astype(object) if dtype is str else values


def days(
    folder, lengths, name="day{:02d}.nc", start=0, unit="days since 2000-01-01", grid=(3, 4), extra=None, **keywords
):
    """One file per length: `t(time, lat, lon)` counts through all cells of the series; returns the paths and the array."""
    lat, lon = np.arange(grid[0]) * 10.0, np.arange(grid[1]) * 20.0
    whole = np.arange(sum(lengths) * grid[0] * grid[1], dtype="f4").reshape(sum(lengths), *grid)
    paths, at = [], 0
    for number, length in enumerate(lengths):
        part = slice(at, at + length)
        variables = {
            "time": (
                ("time",),
                start + np.arange(at, at + length, dtype="f8"),
                {"units": unit, "calendar": "standard"},
            ),
            "lat": (("lat",), lat, {"units": "degrees_north"}),
            "lon": (("lon",), lon, {"units": "degrees_east"}),
            "t": (("time", "lat", "lon"), whole[part], {"units": "K", "long_name": "temperature"}),
        } | (extra(number, part) if extra else {})
        dims = {"time": length, "lat": grid[0], "lon": grid[1], "bnds": 2}
        paths.append(
            netcdf(folder / name.format(number), variables, dims, {"title": "made", "number": number}, **keywords)
        )
        at += length
    return paths, whole
