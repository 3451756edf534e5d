"""GRIB files: what ecCodes says of every message, and which of them are in no cell of a baked store."""

import gzip
import lzma

import eccodes as ec
import numpy as np
import xarray as xr

# of files, as they are called in the list of real ones
FORMATS = ("grib1", "grib2")
# points may be so far apart: ecCodes adds up increments, which are thousandths or millionths of degrees
DEGREES = {1: 2e-3, 2: 2e-4}
MISSING = 1e30
STEP_SECONDS = {0: 60, 1: 3600, 2: 86400, 10: 10800, 11: 21600, 12: 43200, 13: 1, 14: 900, 15: 1800}


def value(handle, key, kind=None):
    try:
        return ec.codes_get(handle, key, kind)
    except ec.CodesInternalError:
        return None


def handles(path):
    """Every field, each as long as it is looked at."""
    ec.codes_grib_multi_support_on()
    with open(path, "rb") as file:
        while (handle := ec.codes_grib_new_from_file(file)) is not None:
            yield handle
            ec.codes_release(handle)
    ec.codes_grib_multi_support_off()


def messages(path):
    """What ecCodes says of every field: names, places, values as 32 bits."""
    return [message(handle) for handle in handles(path)]


def unpacked(source, folder):
    """A file without what it is compressed by."""
    ways = {".gz": gzip.open, ".xz": lzma.open}
    if source.suffix not in ways:
        return source
    path = folder / source.stem
    with ways[source.suffix](source) as file:
        path.write_bytes(file.read())
    return path


def is_grib(path):
    with open(path, "rb") as file:
        return file.read(4) == b"GRIB"


def message(handle):
    date, time = value(handle, "dataDate"), value(handle, "dataTime")
    second = value(handle, "second") or 0
    moment = np.datetime64(f"{date // 10000:04}-{date // 100 % 100:02}-{date % 100:02}", "s")
    level = value(handle, "level", float)  # asked before the type of level, which depends on it
    step, unit = value(handle, "endStep", int), value(handle, "stepUnits", int)
    ec.codes_set(handle, "missingValue", MISSING)
    values = ec.codes_get_values(handle)
    by_columns, alternating = value(handle, "jPointsAreConsecutive"), value(handle, "alternativeRowScanning")
    if by_columns or alternating:
        shape = value(handle, "Ny"), value(handle, "Nx")
        values = values.reshape(shape[::-1] if by_columns else shape).copy()
        if alternating:
            values[1::2] = values[1::2, ::-1]
        values = (values.T if by_columns else values).ravel()
    return {
        "paramId": value(handle, "paramId", int),
        "shortName": value(handle, "shortName"),
        "cfVarName": value(handle, "cfVarName"),
        "name": value(handle, "name"),
        "units": value(handle, "units"),
        "typeOfLevel": value(handle, "typeOfLevel") or "undef",
        "stepType": value(handle, "stepType") or "unknown",
        "gridType": value(handle, "gridType"),
        "number": value(handle, "number", int),
        "time": int((moment - np.datetime64(0, "s")).astype(int)) + time // 100 * 3600 + time % 100 * 60 + second,
        "step": None if step is None else step * STEP_SECONDS[unit],
        "level": level,
        "direction": value(handle, "directionNumber", int),
        "frequency": value(handle, "frequencyNumber", int),
        "grid": value(handle, "md5GridSection"),
        "edition": value(handle, "edition"),
        "values": np.where(values == MISSING, np.nan, values).astype("f4"),
    }


def grids(path):
    """Latitudes and longitudes of the points of every grid, row by row however they are scanned; `None` where ecCodes has
    none."""
    out = {}
    for handle in handles(path):
        if (grid := value(handle, "md5GridSection")) not in out:
            try:
                out[grid] = [rows(handle, ec.codes_get_array(handle, key)) for key in ("latitudes", "longitudes")]
            except ec.CodesInternalError:
                out[grid] = None
    return out


def rows(handle, points):
    """ecCodes has points of columns column by column, and those of rows that alternate row by row in one direction."""
    if not value(handle, "jPointsAreConsecutive"):
        return points
    return points.reshape(value(handle, "Nx"), value(handle, "Ny")).T.ravel()


def coordinate(variable, dataset, starts):
    """The name of the variable's coordinate whose name is one of these, maybe with something behind."""
    names = variable.attrs["coordinates"].split() + list(variable.dims)
    behind = ("", "_of_", "_at_")
    for name in names:
        if name in dataset and any(name == starts or name.startswith(starts + more) for more in behind if more):
            return name
    return None


def cell(dataset, variable, wanted):
    """The cell of a variable where a message belongs; None where it has no such place."""
    level = wanted["typeOfLevel"] if wanted["typeOfLevel"] not in ("unknown", "undef") else "level"
    places = [("number", wanted["number"]), ("time", wanted["time"]), (level, wanted["level"])]
    places += [("directionNumber", wanted["direction"]), ("frequencyNumber", wanted["frequency"])]
    places += [("step", None if wanted["step"] is None else wanted["step"] / 3600)]
    for base, place in places:
        name = coordinate(variable, dataset, base)
        if (name is None) != (place is None):
            return None
        if name is None:
            continue
        found = np.flatnonzero(np.isclose(np.atleast_1d(dataset[name].values), place, rtol=1e-9, atol=1e-9))
        if base == "isobaricInhPa" and len(found) == 0:  # ecCodes cuts fractions off
            found = np.flatnonzero(np.trunc(np.atleast_1d(dataset[name].values)) == place)
        if len(found) == 0:
            return None
        if name in variable.dims:
            variable = variable.isel({name: found[0]})
    return variable.values.ravel()


def unfound(store, wanted, places=None):
    """Messages that are in no cell of the store, or there in other `places`."""
    dataset = xr.open_zarr(store, decode_cf=False, chunks=None)
    fields = [v for v in dataset.data_vars.values() if "GRIB_paramId" in v.attrs]
    missing = []
    for one in wanted:
        keys = ("paramId", "typeOfLevel", "stepType", "gridType")
        of = [v.load() for v in fields if all(str(v.attrs[f"GRIB_{key}"]) == str(one[key]) for key in keys)]
        cells = [(v, found) for v in of if (found := cell(dataset, v, one)) is not None]
        cells = [v for v, found in cells if np.array_equal(found.astype("f4"), one["values"], equal_nan=True)]
        shown = {key: one[key] for key in one if key != "values"}
        if not cells:
            missing.append(shown)
        elif (points := (places or {}).get(one["grid"])) is not None:
            away = min(distance(dataset, v, points) for v in cells)
            missing += [shown | {"points": f"up to {away} degrees away"}] if away > DEGREES[one["edition"]] else []
    return missing


def distance(dataset, variable, points):
    """Degrees between a variable's points and these, at most; longitudes count where meridians are apart."""
    names = [coordinate(variable, dataset, name) or name for name in ("latitude", "longitude")]
    if any(name not in dataset for name in names):
        return np.inf
    found = [dataset[name] for name in names]
    values = [v.values for v in found]
    if found[0].ndim == 1 and found[0].dims != found[1].dims:
        values = np.meshgrid(*values, indexing="ij")
    if values[0].size != len(points[0]):
        return np.inf
    away = np.abs((values[1].ravel() - points[1] + 180) % 360 - 180)[np.abs(points[0]) < 89.99]
    return max(np.abs(values[0].ravel() - points[0]).max(), away.max(initial=0))


def differences(path, store, without=()):
    """Messages of a file that a store lacks, but for variables of these names; a list of texts, empty where equal."""
    wanted = [one for one in messages(path) if one["cfVarName"] not in without]
    return [str(one) for one in unfound(store, wanted, grids(path))]
