"""Stand-ins of models of the climate and of the weather."""

import cftime
import numpy as np

from standins.files import dataset, dates, edges, field, grid, place, since, write

CMIP6 = {  # source: (institution, member, grid, version, calendar)
    "GFDL-CM4": ("NOAA-GFDL", "r1i1p1f1", "gr1", "v20180701", "noleap"),
    "GFDL-ESM4": ("NOAA-GFDL", "r1i1p1f1", "gr1", "v20190726", "noleap"),
    "MIROC6": ("MIROC", "r1i1p1f1", "gn", "v20181212", "gregorian"),
    "UKESM1-0-LL": ("MOHC", "r1i1p1f2", "gn", "v20190406", "360_day"),
}
ERA5 = [  # new name, file, name, units, range
    ("t2m", "128_167_2t", "VAR_2T", "K", 220, 310),
    ("d2m", "128_168_2d", "VAR_2D", "K", 210, 300),
    ("u10", "128_165_10u", "VAR_10U", "m s**-1", -20, 20),
    ("v10", "128_166_10v", "VAR_10V", "m s**-1", -20, 20),
    ("msl", "128_151_msl", "MSL", "Pa", 96000, 104000),
]
ERA5_FOLDER = "nsf-ncar-era5.s3.amazonaws.com/e5.oper.an.sfc/194001"


def cmip6(root, source):
    """165 years of months of one model in two files, in its calendar, with a scalar height."""
    institution, member, label, version, calendar = CMIP6[source]
    starts = [cftime.datetime(1850 + at // 12, at % 12 + 1, 1, calendar=calendar) for at in range(1981)]
    count = np.asarray(cftime.date2num(starts, "days since 1850-01-01", calendar), "f8")
    units = {"units": "days since 1850-01-01", "calendar": calendar, "standard_name": "time", "axis": "T"}
    raw = grid([-60, 0, 60], [0, 90, 180, 270], dtype="f8")
    raw["time"] = (("time",), (count[1:] + count[:-1]) / 2, units)
    bounds = {"lat": edges(raw["lat"][1], 30), "lon": edges(raw["lon"][1], 45), "time": None}
    bounds["time"] = np.stack([count[:-1], count[1:]], axis=-1)
    for name, values in bounds.items():
        raw[name][2]["bounds"] = f"{name}_bnds"
        raw[f"{name}_bnds"] = ((name, "bnds"), values)
    raw["height"] = ((), np.float64(2), {"units": "m", "positive": "up", "standard_name": "height", "axis": "Z"})
    attrs = {"units": "K", "standard_name": "air_temperature", "cell_methods": "area: time: mean"}
    attrs |= {"coordinates": "height", "missing_value": np.float32(1e20)}
    values = field(source, (1980, 3, 4), 220, 310)
    raw["tas"] = (("time", "lat", "lon"), values, attrs, {"fill_value": np.float32(1e20)})
    folder = (
        f"esgf-world.s3.amazonaws.com/CMIP6/CMIP/{institution}/{source}/historical/{member}/Amon/tas/{label}/{version}"
    )
    for months, part in (("185001-194912", slice(0, 1200)), ("195001-201412", slice(1200, 1980))):
        path = place(root, f"{folder}/tas_Amon_{source}_historical_{member}_{label}_{months}.nc")
        named = {"tracking_id": f"hdl:21.14100/{months}", "creation_date": months, "history": months}
        named |= {"source_id": source, "branch_time_in_parent": 91250.0}
        write(path, raw, part, attrs=named, unlimited=("time",), format="NETCDF4_CLASSIC")
    return dataset(raw, ["height", "lat_bnds", "lon_bnds", "time_bnds"])


def era5(root):
    """January 1940 of five variables, hour by hour; the latitude falls, the longitude runs from 0 to 345."""
    when = dates("1940-01-01", 744, 1, "h")
    units = {"long_name": "time", "units": "hours since 1900-01-01 00:00:00", "calendar": "gregorian"}
    raw = grid(np.arange(90, -91, -15), np.arange(0, 360, 15), ("latitude", "longitude"), dtype="f8")
    raw["time"] = (("time",), since(when, "1900-01-01", "h").astype("i4"), units)
    digits = np.array([int(f"{moment:%Y%m%d%H}") for moment in when.astype(object)], "i4")
    utc = {"utc_date": (("time",), digits, {"units": "Gregorian_year month day hour"})}
    europe = {"latitude": [60.0, 45.0], "longitude": [345.0, 0.0, 15.0, 30.0, 45.0]}
    wanted = raw | {name: ((name,), np.array(values), raw[name][2]) for name, values in europe.items()}
    rows, columns = slice(2, 4), [23, 0, 1, 2, 3]
    for new, code, name, unit, low, high in ERA5:
        values = field(name, (744, 13, 24), low, high)
        attrs = {"units": unit, "short_name": code, "rda_dataset": "ds633.0"}
        stored = {"fill_value": np.float32(9.999e20), "zlib": True, "chunksizes": (27, 13, 24)}
        path = place(root, f"{ERA5_FOLDER}/e5.oper.an.sfc.{code}.ll025sc.1940010100_1940013123.nc")
        here = raw | utc | {name: (("time", "latitude", "longitude"), values, attrs, stored)}
        write(path, here, attrs={"DATA_SOURCE": "ECMWF"}, format="NETCDF4_CLASSIC")
        wanted[new] = (("time", "latitude", "longitude"), values[:, rows][:, :, columns], attrs, stored)
    return dataset(wanted)
