"""Writes one file of a random archive: NetCDF-3, NetCDF-4 or HDF5, with filters, chunks and orders of bytes."""

from datetime import datetime, timedelta

import h5py
import netCDF4
import numpy as np

EPOCH = datetime(2000, 1, 1)
SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def write(path, file, container, r, filters):
    """`r` draws what changes no value: chunks, filters, order of bytes."""
    variables = {name: disk(v) for name, v in file.items() if not name.startswith("@")}
    sizes = {}
    for dims, values, _ in variables.values():
        sizes |= dict(zip(dims, values.shape, strict=True))
    if container == "h5":
        hdf5(path, variables, file["@attrs"], sizes, r, filters)
    else:
        netcdf(path, variables, file["@attrs"], sizes, container, r, filters)


def disk(v):
    """Dimensions, stored values and attributes (with `_FillValue`)."""
    attrs = dict(v.attrs)
    if v.role == "time":
        unit, reference, calendar = v.clock
        values, attrs = times(v.values, unit, reference), {"units": f"{unit} since {reference}", "calendar": calendar}
        return v.dims, values, attrs
    if v.role == "text":
        return v.dims, v.values, attrs
    values = (v.stored if v.stored is not None else v.values).astype(v.dtype)
    if v.packing:
        attrs |= {"scale_factor": np.float64(v.packing[0]), "add_offset": np.float64(v.packing[1])}
    if v.missing is not None:
        attrs["missing_value"] = values.dtype.type(v.missing)
    if v.fill is not None:
        attrs["_FillValue"] = values.dtype.type(v.fill)
    return v.dims, values, attrs


def times(seconds, unit, reference):
    """Seconds since 2000 as numbers of a unit since a date: whole where they are, else in halves and the like."""
    start = datetime.fromisoformat(reference)
    counted = seconds - int((start - EPOCH) / timedelta(seconds=1))
    if not (counted % SECONDS[unit]).any():
        return (counted // SECONDS[unit]).astype("i8" if unit == "seconds" else "i4").astype("f8")
    return counted / SECONDS[unit]


def netcdf(path, variables, attrs, sizes, container, r, filters):
    form = "NETCDF4" if container == "nc4" else r.choice(["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
    grows = "time" in sizes and (r.random() < 0.5 or sizes["time"] == 0)
    with netCDF4.Dataset(path, "w", format=form) as ds:
        ds.setncatts(attrs)
        for dim, size in sizes.items():
            grown = size == 0 or (
                dim == "time" and grows and all("time" not in d or d[0] == "time" for d, *_ in variables.values())
            )
            ds.createDimension(dim, None if grown else size)
        for name, (dims, values, own) in variables.items():
            own = dict(own)
            if values.dtype.kind == "O":
                texts(ds, name, dims, values, own, form, r)
                continue
            keywords = {"fill_value": own.pop("_FillValue", None)}
            if form == "NETCDF4" and dims and 0 not in values.shape:
                order = r.choice(["little", "little", "big"])
                keywords |= {"endian": order}
                values = values.astype(values.dtype.newbyteorder(order))
                if filters:
                    keywords |= filters | {"chunksizes": [min(n, r.choice([1, 2, 3])) for n in values.shape]}
            variable = ds.createVariable(name, values.dtype, dims, **keywords)
            variable.set_auto_maskandscale(False)
            variable.setncatts(own)
            if values.size:
                variable[...] = values


def texts(ds, name, dims, values, attrs, form, r):
    """As strings, or as chars of a width of this file."""
    if form == "NETCDF4" and r.random() < 0.5:
        variable = ds.createVariable(name, str, dims)
        variable.setncatts(attrs)
        if values.size:
            variable[...] = values
        return
    raw = [str(x).encode() for x in values.ravel()]
    width = max([1, *map(len, raw)]) + r.choice([0, 1])
    ds.createDimension(f"{name}_width", width)
    variable = ds.createVariable(name, "S1", (*dims, f"{name}_width"))
    variable.setncatts(attrs)
    if values.size:
        variable._Encoding = "utf-8"
        variable.set_auto_chartostring(False)
        chars = np.array([list(x.ljust(width, b"\0")) for x in raw], "u1").view("S1")
        variable[...] = chars.reshape(*values.shape, width)


def hdf5(path, variables, attrs, sizes, r, filters):
    with h5py.File(path, "w", libver=r.choice(["earliest", "latest"])) as file:
        for key, value in attrs.items():
            file.attrs[key] = value
        for dim, size in sizes.items():
            if dim not in variables or variables[dim][0] != (dim,):
                file.create_dataset(dim, (size,), "f4").make_scale(
                    f"This is a netCDF dimension but not a netCDF variable.{size:10}"
                )
        made = {}
        for name, (dims, values, own) in variables.items():
            keywords = {}
            if dims and 0 not in values.shape and values.dtype.kind != "O" and filters:
                keywords = {"chunks": tuple(min(n, r.choice([1, 2, 3])) for n in values.shape)}
                keywords |= {"shuffle": filters.get("shuffle", False), "fletcher32": filters.get("fletcher32", False)}
                keywords["compression"] = 3 if "zlib" in filters else None
            if values.dtype.kind == "O":
                dataset = file.create_dataset(name, data=values, dtype=h5py.string_dtype())
            else:
                order = r.choice("<<>")
                dataset = file.create_dataset(name, data=values.astype(values.dtype.newbyteorder(order)), **keywords)
            for key, value in own.items():
                dataset.attrs[key] = np.array([value]) if key == "_FillValue" else value
            made[name] = dims, dataset
            if dims == (name,):
                dataset.make_scale(name)
        for dims, dataset in made.values():
            for number, dim in enumerate(dims):
                if dims != (dataset.name.lstrip("/"),):
                    dataset.dims[number].attach_scale(file[dim])
