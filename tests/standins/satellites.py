"""Stand-ins of what satellites saw: rain and chlorophyll."""

import os

import h5py
import numpy as np

from standins.files import dataset, dates, digits, edges, field, grid, part_of, place, since, write

IMERG = "data.gesdisc.earthdata.nasa.gov/data/GPM_L3/GPM_3IMERGHH.07/1998/001"
CHIRPS = "data.chc.ucsb.edu/products/CHIRPS-2.0/global_daily/netcdf/p05"
MODIS = "oceandata.sci.gsfc.nasa.gov/ob/getfile"


def gpcp(root):
    """Five days over a turn of the year; 1997-01-01 was made twice, at first with nothing but rubbish."""
    when = dates("1996-12-30", 5)
    start = since(when, "1970-01-01").astype("f4")
    units = {"units": "days since 1970-01-01 00:00:00 0:00", "calendar": "standard", "bounds": "time_bounds"}
    raw = grid(np.arange(-90, 90, 45), np.arange(0, 360, 60), ("latitude", "longitude"))
    raw["time"] = (("time",), start, units)
    raw["time_bounds"] = (("time", "nv"), np.stack([start, start + 1], axis=-1), {"comment": "of each time"})
    raw["lat_bounds"] = (("latitude", "nv"), edges(raw["latitude"][1] + 22.5, 22.5), {"comment": "north and south"})
    raw["lon_bounds"] = (("longitude", "nv"), edges(raw["longitude"][1] + 30, 30), {"comment": "west and east"})
    rain = {"units": "mm/day", "standard_name": "lwe_precipitation_rate", "missing_value": np.float32(-9999)}
    raw["precip"] = (("time", "latitude", "longitude"), field("gpcp", (5, 4, 6), 0, 90, -9999), rain)
    rubbish = raw | {"precip": (raw["precip"][0], np.full((5, 4, 6), 1e9, "f4"), rain)}
    files = [(day, "20170530", raw, 1.5e9) for day in when] + [(when[2], "20170407", rubbish, 1.4e9)]
    for day, made_on, variables, modified in files:
        number = int(np.searchsorted(when, day))
        path = place(root, f"mirror/{str(day)[:4]}/gpcp_v01r03_daily_d{digits(day)}_c{made_on}.nc")
        write(path, variables, slice(number, number + 1), attrs={"id": path.name}, unlimited=("time",))
        os.utime(path, (modified, modified))
    return dataset(raw, ["time_bounds", "lat_bounds", "lon_bounds"])


def imerg(root):
    """Four half hours as HDF5: all in the group `Grid`, longitude before latitude, texts of fixed length."""
    when = dates("1998-01-01", 4, 30, "m")
    start = since(when, "1980-01-06", "s").astype("i4")
    units = {"units": "seconds since 1980-01-06 00:00:00 UTC", "calendar": "julian", "bounds": "time_bnds"}
    raw = grid([-60, -20, 20, 60], [-120, -60, 0, 60, 120])
    raw["time"] = (("time",), start, units)
    raw["time_bnds"] = (("time", "nv"), np.stack([start, start + 1799], axis=-1))
    raw["lat_bnds"] = (("lat", "latv"), edges(raw["lat"][1], 20))
    raw["lon_bnds"] = (("lon", "lonv"), edges(raw["lon"][1], 30))
    fields = {"precipitation": "mm/hr", "randomError": "mm/hr", "precipitationQualityIndex": "1"}
    for name, unit in fields.items():
        attrs = {"units": unit, "_FillValue": np.float32(-9999.9)}
        raw[name] = (("time", "lon", "lat"), field(name, (4, 5, 4), 0, 50, -9999.9), attrs)
    liquid = field("liquid", (4, 5, 4), 0, 100, -9999).astype("i2")
    attrs = {"units": "percent", "_FillValue": np.int16(-9999)}
    raw["probabilityLiquidPrecipitation"] = (("time", "lon", "lat"), liquid, attrs)
    for number, moment in enumerate(when.astype(object)):
        span = f"S{moment:%H%M}00-E{moment:%H}{moment.minute + 29}59"
        path = place(root, f"{IMERG}/3B-HHR.MS.MRG.3IMERG.19980101-{span}.{30 * number:04d}.V07B.HDF5")
        with h5py.File(path, "w") as file:
            file.attrs["FileHeader"] = np.bytes_(f"FileName={path.name};\n")
            imerg_grid(file.create_group("Grid"), part_of(raw, slice(number, number + 1)))
    raw["time"][2]["calendar"] = "standard"
    for name, (dims, values, *attrs) in raw.items():
        if dims == ("time", "lon", "lat"):
            raw[name] = (("time", "lat", "lon"), values.transpose(0, 2, 1), *attrs)
    return dataset(raw, ["time_bnds", "lat_bnds", "lon_bnds"])


def imerg_grid(group, variables):
    """Coordinates are scales; so are `nv`, `latv` and `lonv`, which hold nothing."""
    for dim in ("nv", "latv", "lonv"):
        group.create_dataset(dim, (2,), "f4").make_scale(f"This is a netCDF dimension but not a netCDF variable.{2:10}")
    for name in sorted(variables, key=lambda name: variables[name][0] != (name,)):
        dims, values, *attrs = variables[name]
        packed = {"compression": "gzip", "chunks": values.shape} if len(dims) == 3 else {}
        array = group.create_dataset(name, data=values, **packed)
        for key, value in (attrs[0] if attrs else {}).items():
            array.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
        array.attrs["DimensionNames"] = np.bytes_(",".join(dims))
        attach(array, group, dims)
    inner = group.create_group("Intermediate").create_dataset("MWprecipitation", data=variables["precipitation"][1])
    attach(inner, group, ("time", "lon", "lat"))


def attach(array, group, dims):
    """Makes an array a scale, if it has its dimension's name, or gives it the scales of its dimensions."""
    if array.name.endswith(f"/{dims[0]}"):
        array.make_scale(dims[0])
        return
    for number, dim in enumerate(dims):
        array.dims[number].attach_scale(group[dim])


def chirps(root):
    """Two years of days, one file each."""
    when = since(dates("1981-01-01", 730), "1980-01-01").astype("f4")
    units = {"units": "days since 1980-1-1 0:0:0", "calendar": "gregorian", "standard_name": "time", "axis": "T"}
    raw = grid([-40, -10, 20, 49], [-150, -90, -30, 30, 90, 150], ("latitude", "longitude"))
    raw["time"] = (("time",), when, units)
    rain = {"units": "mm/day", "time_step": "day", "missing_value": np.float32(-9999)}
    old = {"standard_name": "convective precipitation rate"}
    old |= {"geostatial_lat_min": np.float32(-50), "geostatial_lat_max": np.float32(50)}
    values = (("time", "latitude", "longitude"), field("chirps", (730, 4, 6), 0, 80, -9999))
    stored = {"fill_value": np.float32(-9999), "zlib": True}
    for number, year in enumerate((1981, 1982)):
        path = place(root, f"{CHIRPS}/chirps-v2.0.{year}.days_p05.nc")
        attrs = {"title": "CHIRPS Version 2.0", "date_created": f"{year + 34}-02-19"}
        part = slice(365 * number, 365 * number + 365)
        write(path, raw | {"precip": (*values, rain | old, stored)}, part, attrs=attrs, format="NETCDF4_CLASSIC")
    return dataset(raw | {"precip": (*values, rain | {"standard_name": "lwe_precipitation_rate"}, stored)})


def modis(root):
    """Composites from 2002-07-04 into 2003, the last of a year cut short; no time inside, a palette and a group."""
    starts = np.concatenate([dates("2002-07-04", 23, 8), dates("2003-01-01", 2, 8)])
    raw = grid([67.5, 22.5, -22.5, -67.5], [-135, -45, 45, 135])
    raw = {name: (*coordinate, {"fill_value": np.float32(-999)}) for name, coordinate in raw.items()}
    attrs = {"units": "mg m^-3", "standard_name": "mass_concentration_of_chlorophyll_in_sea_water"}
    attrs |= {"valid_min": np.float32(0.001), "valid_max": np.float32(100)}
    described = (attrs, {"fill_value": np.float32(-32767), "zlib": True})
    values = field("modis", (25, 4, 4), 0.01, 50, -32767)
    palette = (("rgb", "eightbitcolor"), np.arange(768, dtype="u1").reshape(3, 256))
    group = {"processing_control": ({}, {}, {"software_name": "l3mapgen"})}
    for number, start in enumerate(starts):
        end = min(start + 7, np.datetime64(f"{str(start)[:4]}-12-31"))
        path = place(root, f"{MODIS}/AQUA_MODIS.{digits(start)}_{digits(end)}.L3m.8D.CHL.chlor_a.4km.nc")
        here = raw | {"chlor_a": (("lat", "lon"), values[number], *described), "palette": palette}
        write(path, here, attrs={"product_name": path.name, "platform": "Aqua"}, groups=group)
    units = {"units": "days since 2002-01-01", "standard_name": "time", "axis": "T"}
    raw["time"] = (("time",), since(starts, "2002-01-01"), units)
    return dataset(raw | {"chlor_a": (("time", "lat", "lon"), values, *described)})
