"""Stand-ins of sea surface temperature, a reanalysis and a climatology of the ocean."""

import gzip

import numpy as np

from standins.files import dataset, dates, digits, edges, field, grid, place, since, write

OISST = "www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr"
HADISST = "www.metoffice.gov.uk/hadobs/hadisst/data/HadISST_sst.nc.gz"
SODA = "dsrs.atmos.umd.edu/DATA/soda3.4.2/REGRIDED/ocean/soda3.4.2_5dy_ocean_reg_"
WOA = "www.ncei.noaa.gov/data/oceans/woa/WOA18/DATA"


def oisst(root):
    """Three days in a folder of their month, the last of them preliminary; packed int16, under a dimension `zlev`."""
    when = dates("1981-09-01T12:00", 3)
    units = {"units": "days since 1978-01-01 12:00:00"}
    raw = grid([-60, 0, 60], [45, 135, 225, 315])
    raw["time"] = (("time",), since(when, "1978-01-01T12:00").astype("f4"), units)
    wanted = raw | {"zlev": ((), np.float32(0), {"units": "meters"})}
    raw["zlev"] = (("zlev",), np.zeros(1, "f4"), {"units": "meters"})
    packing = {"add_offset": np.float32(0), "scale_factor": np.float32(0.01)}
    for name, new in (("sst", "sst"), ("anom", "anom"), ("err", "err"), ("ice", "sea_ice_fraction")):
        values = (field(name, (3, 3, 4), 0, 30) * 100).astype("i2")
        values[:, 0, 0] = -999
        described = ({"units": "%" if name == "ice" else "Celsius", **packing}, {"fill_value": np.int16(-999)})
        raw[name] = (("time", "zlev", "lat", "lon"), values[:, None], *described)
        wanted[new] = (("time", "lat", "lon"), values, *described)
    for number, day in enumerate(when):
        suffix = "_preliminary" if number == 2 else ""
        path = place(root, f"{OISST}/{digits(day)[:6]}/oisst-avhrr-v02r01.{digits(day)}{suffix}.nc")
        attrs = {"title": "NOAA/NCEI 1/4 Degree Daily OISST", "history": f"made of data of {digits(day)}"}
        write(path, raw, slice(number, number + 1), attrs=attrs, unlimited=("time",))
    return dataset(wanted, ["zlev"])


def hadisst(root):
    """One NetCDF-3 file in gzip; -1000 is ice, -1e30 land; the latitude falls."""
    begin = since((np.datetime64("1870-01", "M") + np.arange(25)).astype("M8[D]"), "1870-01-01").astype("f4")
    units = {"units": "days since 1870-1-1 0:0:0", "calendar": "gregorian", "standard_name": "time"}
    raw = grid([67.5, 22.5, -22.5, -67.5], [-135, -45, 45, 135], ("latitude", "longitude"))
    raw["time"] = (("time",), (begin[1:] + begin[:-1]) / 2, units | {"bounds": "time_bnds"})
    raw["time_bnds"] = (("time", "nv"), np.stack([begin[:-1], begin[1:]], axis=-1))
    sst = field("hadisst", (24, 4, 4), -1.8, 32, -1e30)
    sst[:, 0, 0] = -1000
    attrs = {"units": "C", "standard_name": "sea_surface_temperature", "missing_value": np.float32(-1e30)}
    described = (attrs, {"fill_value": np.float32(-1e30)})
    raw["sst"] = (("time", "latitude", "longitude"), sst, *described)
    plain = place(root, "plain.nc")
    write(plain, raw, attrs={"Title": "Monthly HadISST"}, unlimited=("time",), format="NETCDF3_CLASSIC")
    place(root, HADISST).write_bytes(gzip.compress(plain.read_bytes()))
    raw["sst"] = (raw["sst"][0], np.where(sst == -1000, np.float32(-1e30), sst), *described)
    return dataset(raw, ["time_bnds"])


def soda(root):
    """Fourteen times five days over a leap day, on the model's two grids, with fields that the recipe leaves out."""
    when = dates("1980-01-03", 14, 5)
    units = {"units": "days since 1980-01-01 00:00:00", "calendar": "GREGORIAN", "axis": "T"}
    raw = grid([-60, 0, 60], [45, 135, 225, 315], ("yt_ocean", "xt_ocean"))
    raw |= grid([-30, 30, 90], [90, 180, 270, 360], ("yu_ocean", "xu_ocean"))
    raw["time"] = (("time",), since(when, "1980-01-01"), units)
    for name, levels in (("st_ocean", [5.0, 100, 1000]), ("sw_ocean", [10.0, 200, 2000])):
        raw[name] = ((name,), np.array(levels), {"units": "meters", "cartesian_axis": "Z"})
    fields = {"temp": ("st", "t", "degrees C"), "salt": ("st", "t", "psu"), "u": ("st", "u", "m/sec")}
    fields |= {"v": ("st", "u", "m/sec"), "wt": ("sw", "t", "m/sec"), "prho": ("st", "t", "kg/m^3")}
    fields |= {"ssh": (None, "t", "meter"), "mlt": (None, "t", "meter"), "taux": (None, "u", "N/m^2")}
    for name, (level, at, unit) in fields.items():
        dims = ("time", *([f"{level}_ocean"] if level else []), f"y{at}_ocean", f"x{at}_ocean")
        values = field(name, (14, *([3] if level else []), 3, 4), 0, 30, -1e20)
        attrs = {"units": unit, "missing_value": np.float32(-1e20)}
        raw[name] = (dims, values, attrs, {"fill_value": np.float32(-1e20)})
    for number, day in enumerate(when):
        path = place(root, f"{SODA}{str(day).replace('-', '_')}.nc")
        write(path, raw, slice(number, number + 1), attrs={"filename": path.name}, unlimited=("time",))
    new = {"st_ocean": "depth", "yt_ocean": "lat", "xt_ocean": "lon", "yu_ocean": "lat_u", "xu_ocean": "lon_u"}
    wanted = {
        new.get(name, name): (tuple(new.get(dim, dim) for dim in dims), *rest)
        for name, (dims, *rest) in raw.items()
        if name not in ("wt", "prho", "mlt", "taux", "sw_ocean")
    }
    wanted["depth"][2]["positive"] = "down"
    return dataset(wanted)


def woa18(root):
    """Four seasons of two variables, a file for each; times are months since 1955, their bounds a climatology's."""
    raw = grid([-60, 0, 60], [-135, -45, 45, 135])
    raw["depth"] = (("depth",), np.array([0, 100, 5500], "f4"), {"units": "meters", "positive": "down"})
    for name in ("lat", "lon", "depth"):
        raw[name][2]["bounds"] = f"{name}_bnds"
        raw[f"{name}_bnds"] = ((name, "nbounds"), edges(raw[name][1], 1))
    raw["crs"] = ((), np.int32(-2147483647), {"grid_mapping_name": "latitude_longitude", "epsg_code": "EPSG:4326"})
    units = {"climatology": "climatology_bounds", "standard_name": "time", "axis": "T"}
    months = units | {"units": "months since 1955-01-01 00:00:00"}
    fields = {}
    for number in range(4):
        here = raw | {"time": (("time",), np.array([373.5 + 3 * number], "f4"), months)}
        bounds = np.array([[3 * number, 747 + 3 * number]], "f4")
        here["climatology_bounds"] = (("time", "nbounds"), bounds, {"comment": "bounds of the climatological time"})
        for letter, folder, unit in (("t", "temperature", "degrees_celsius"), ("s", "salinity", "1")):
            measured = woa18_fields(letter, unit, number)
            path = place(root, f"{WOA}/{folder}/netcdf/decav/1.00/woa18_decav_{letter}{number + 13}_01.nc")
            attrs = {"Conventions": "CF-1.6, ACDD-1.3", "id": path.name, "title": f"{folder} of season {number}"}
            write(path, here | measured, attrs=attrs, format="NETCDF4_CLASSIC")
            for name in (f"{letter}_an", f"{letter}_sd"):
                fields.setdefault(name, []).append(measured[name])
    raw |= {name: (every[0][0], np.concatenate([x[1] for x in every]), *every[0][2:]) for name, every in fields.items()}
    middle = np.array(["1986-02-15T00", "1986-05-16T12", "1986-08-16T12", "1986-11-16T00"], "M8[s]")
    ends = [["1955-01", "2017-04"], ["1955-04", "2017-07"], ["1955-07", "2017-10"], ["1955-10", "2018-01"]]
    hours = {"units": "hours since 1955-01-01"}
    raw["time"] = (("time",), since(middle, "1955-01-01", "h"), units | hours)
    raw["climatology_bounds"] = (("time", "nbounds"), since(np.array(ends, "M8[s]"), "1955-01-01", "h"), hours)
    return dataset(raw, ["crs", "lat_bnds", "lon_bnds", "depth_bnds", "climatology_bounds"])


def woa18_fields(letter, unit, number):
    """The analysis, the deviation and the number of observations of one season."""
    fields = {}
    for kind, fill in (("an", np.float32(9.96921e36)), ("sd", np.float32(9.96921e36)), ("dd", np.int32(-32767))):
        values = field(f"{letter}{kind}{number}", (1, 3, 3, 4), 0, 30).astype(fill.dtype)
        values[0, 2, 0, 0] = fill
        attrs = {"grid_mapping": "crs", "coordinates": "time lat lon depth", "units": "1" if kind == "dd" else unit}
        fields[f"{letter}_{kind}"] = (("time", "depth", "lat", "lon"), values, attrs, {"fill_value": fill})
    return fields
