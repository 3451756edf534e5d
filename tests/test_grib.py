"""GRIB files as variables: every message of a file is one cell of a baked store, with the values, places and names that
ecCodes gives, or its variable is refused by name."""

import json
import subprocess
import sys
from pathlib import Path

import eccodes as ec
import numpy as np
import pytest
import xarray as xr

import arco
from gribs import messages, unfound


def inspect(path):
    done = arco.run("inspect", "--json", path)
    return done.events()[-1] if done.code == 0 else done


def bake(path, folder, *more):
    store = folder / "out.zarr"
    arco.bake(path, *more, to=store)
    return store


def check(content, folder, *more):
    """Bakes messages and asks for each of them in the store."""
    path = folder / "in.grib"
    path.write_bytes(b"".join(content))
    store = bake(path, folder, *more)
    assert unfound(store, messages(path)) == []
    return xr.open_zarr(store, decode_cf=False, chunks=None)


FIRST = ("productDefinitionTemplateNumber", "shortName", "typeOfLevel", "discipline", "parameterCategory")


def field(edition=2, seed=0, **keys):
    """A message of 5 x 4 points, as its bytes."""
    handle = ec.codes_grib_new_from_samples(f"regular_ll_sfc_grib{edition}")
    grid = {"Ni": 5, "Nj": 4, "latitudeOfFirstGridPointInDegrees": 40, "latitudeOfLastGridPointInDegrees": 10}
    grid |= {"longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 40}
    grid |= {"iDirectionIncrementInDegrees": 10, "jDirectionIncrementInDegrees": 10, "dataDate": 20200101}
    # what changes the template comes first
    for key, to in sorted((grid | keys).items(), key=lambda item: item[0] not in FIRST):
        ec.codes_set(handle, key, to)
    ec.codes_set_values(handle, np.random.default_rng(seed).normal(280, 10, 20))
    content = ec.codes_get_message(handle)
    ec.codes_release(handle)
    return content


PRESSURE = {"shortName": "t", "typeOfLevel": "isobaricInhPa"}


@pytest.mark.parametrize("edition", [1, 2])
def test_a_hypercube_over_time_step_and_level(edition, tmp_path):
    rows = [(d, s, l) for d in (20200101, 20200102, 20200110) for s in (0, 6, 24) for l in (1000, 850, 500)]
    content = [
        field(edition, n, dataDate=d, stepRange=str(s), level=l, **PRESSURE) for n, (d, s, l) in enumerate(reversed(rows))
    ]
    dataset = check(content, tmp_path)
    assert dataset["t"].dims == ("time", "step", "isobaricInhPa", "latitude", "longitude")
    assert dataset["isobaricInhPa"].values.tolist() == [1000, 850, 500]
    assert dataset["valid_time"].dims == ("time", "step")
    decoded = xr.open_zarr(tmp_path / "out.zarr", chunks=None)
    assert decoded["step"].dtype.kind == "m"
    assert (decoded["time"] + decoded["step"] == decoded["valid_time"]).all()
    assert "valid_time" in decoded["t"].coords


def test_holes_are_missing(tmp_path):
    content = [field(2, n, level=l, stepRange=str(s), **PRESSURE) for n, (l, s) in enumerate([(850, 0), (500, 6)])]
    dataset = check(content, tmp_path)
    assert dataset["t"].shape == (2, 2, 4, 5)
    assert np.isnan(dataset["t"].values).sum() == 40


def test_what_differs_has_a_name_of_its_own(tmp_path):
    content = [
        field(2, 1, shortName="2t"),
        field(2, 2, shortName="10u"),
        *(field(2, 3 + l, level=l, **PRESSURE) for l in (850, 500)),
        field(2, 4, shortName="t", typeOfLevel="surface"),
        *(field(2, 500 + s, shortName="2d", stepRange=str(s)) for s in (0, 6, 12)),
        *(field(2, 600 + s, shortName="msl", stepRange=str(s)) for s in (6, 12)),
    ]
    dataset = check(content, tmp_path)
    names = {"t2m", "u10", "t_isobaricInhPa", "t_surface", "d2m", "msl"}
    assert {name for name in dataset if "GRIB_paramId" in dataset[name].attrs} == names
    assert dataset["d2m"].dims[0] == "step"
    assert dataset["msl"].dims[0] == "step_of_2"
    assert dataset["heightAboveGround_at_10"].values == 10


def test_members_and_steps_of_intervals(tmp_path):
    ensemble = {"productDefinitionTemplateNumber": 1, "shortName": "t", "typeOfLevel": "surface"}
    content = [field(2, n, **ensemble, number=n) for n in range(3)]
    for kind in ("accum", "max"):
        for step in (6, 12):
            keys = {"productDefinitionTemplateNumber": 8, "discipline": 0, "parameterCategory": 0, "parameterNumber": 4}
            content.append(field(2, step, **keys, stepType=kind, stepRange=f"0-{step}"))
    dataset = check(content, tmp_path)
    assert dataset["t"].dims == ("number", "latitude", "longitude")
    assert sorted(v.attrs["GRIB_stepType"] for v in dataset.data_vars.values() if v.ndim == 3 and "step" in v.dims) == ["accum", "max"]


def test_intervals_that_end_together_are_parted(tmp_path):
    keys = {"productDefinitionTemplateNumber": 8, "shortName": "tp"}
    ranges = ["0-3", "0-6", "3-6", "0-9", "6-9"]
    content = [field(2, n, **keys, stepRange=r) for n, r in enumerate(ranges)]
    path = tmp_path / "in.grib"
    path.write_bytes(b"".join(content))
    dataset = xr.open_zarr(bake(path, tmp_path), decode_cf=False, chunks=None)
    found = [v.values.reshape(-1, 20) for v in dataset.data_vars.values() if "GRIB_paramId" in v.attrs]
    baked = {row.tobytes() for rows in found for row in rows}
    assert all(one["values"].tobytes() in baked for one in messages(path))


def test_copies_count_once_and_contradictions_are_refused(tmp_path):
    one, other = field(2, 1, shortName="2t"), field(2, 2, shortName="2t")
    check([one, one], tmp_path)
    path = tmp_path / "both.grib"
    path.write_bytes(one + other + field(2, 3, shortName="10u"))
    done = arco.run("bake", path, "--to", tmp_path / "both.zarr")
    assert done.code == arco.EXIT["refused"] or done.code == arco.EXIT["source"], done.text
    assert "t2m" in done.text and "messages 1 and 2" in done.text
    arco.bake(path, "--step", "drop: [t2m]", to=tmp_path / "rest.zarr")


def test_fields_that_share_a_message(tmp_path):
    handle = ec.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    multi = ec.codes_grib_multi_new()
    for level in (850, 500, 300):
        for key, to in (PRESSURE | {"level": level}).items():
            ec.codes_set(handle, key, to)
        ec.codes_set_values(handle, np.random.default_rng(level).normal(280, 10, 496))
        ec.codes_grib_multi_append(handle, 4, multi)
    path = tmp_path / "multi.grib"
    with open(path, "wb") as file:
        ec.codes_grib_multi_write(multi, file)
    assert path.read_bytes().count(b"GRIB") == 1
    assert unfound(bake(path, tmp_path), messages(path)) == []


def test_what_is_not_known_keeps_its_numbers(tmp_path):
    content = [field(2, 1, discipline=0, parameterCategory=0, parameterNumber=200)]
    content += [field(1, 2, centre=7, table2Version=2, indicatorOfParameter=250)]
    path = tmp_path / "in.grib"
    path.write_bytes(b"".join(content))
    dataset = xr.open_zarr(bake(path, tmp_path), decode_cf=False, chunks=None)
    assert {"unknown_0_0_200", "unknown_2_250"} <= set(dataset)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda two: two[:-10], ["truncated", "message 2"]),
        (lambda two: two[: len(two) // 2 + 30], ["truncated", "message 2"]),
        (lambda two: two[:-4] + b"6666", ["message 2", "7777"]),
    ],
)
def test_damage_names_the_message(change, words, tmp_path):
    path = tmp_path / "in.grib"
    path.write_bytes(change(field(2, 1, shortName="2t") * 2))
    done = arco.run("bake", path, "--to", tmp_path / "out.zarr")
    assert done.code == arco.EXIT["source"]
    assert all(word in done.text for word in words), done.text


def test_headings_padding_and_trailers_are_passed_over(tmp_path):
    heading = b"\x01\r\r\n123\r\r\nHTXA50 ECMF 010000\r\r\n"
    content = [heading, field(2, 1, shortName="2t"), b"\0" * 100, b"\r\r\n\x03", heading]
    check([*content, field(2, 2, shortName="10u"), b"trailer"], tmp_path)


GRIDS = [
    *(f"{kind}_grib{edition}" for edition in (1, 2) for kind in ("regular_ll_sfc", "regular_gg_sfc", "reduced_gg_sfc")),
    *("reduced_ll_sfc_grib1", "reduced_ll_sfc_grib2", "rotated_ll_sfc_grib1", "rotated_ll_sfc_grib2"),
    *("polar_stereographic_sfc_grib1", "polar_stereographic_sfc_grib2"),
]
PLANE = {"Nx": 13, "Ny": 9, "latitudeOfFirstGridPointInDegrees": 30.5, "longitudeOfFirstGridPointInDegrees": 350.25}
METRES = {"DxInMetres": 250000, "DyInMetres": 200000, "jScansPositively": 1}
CONE = METRES | {"LaDInDegrees": 45, "LoVInDegrees": 10, "Latin1InDegrees": 40, "Latin2InDegrees": 50}
MILLIMETRES = {"xDirectionGridLengthInMillimetres": 250000000, "yDirectionGridLengthInMillimetres": 200000000}
PLANES = {
    "lambert": CONE,
    "lambert_azimuthal_equal_area": MILLIMETRES
    | {"jScansPositively": 1, "standardParallelInDegrees": 52, "centralLongitudeInDegrees": 10},
    "polar_stereographic": METRES | {"LaDInDegrees": 60, "orientationOfTheGridInDegrees": 10},
    "mercator": {"LaDInDegrees": 20, "DiInMetres": 250000, "DjInMetres": 200000, "jScansPositively": 1}
    | {"latitudeOfLastGridPointInDegrees": 42, "longitudeOfLastGridPointInDegrees": 20},
}


def plane(kind, shape):
    handle = ec.codes_grib_new_from_samples("GRIB2")
    for key, to in ({"gridType": kind, "shapeOfTheEarth": shape} | PLANES[kind] | PLANE).items():
        ec.codes_set(handle, key, to)
    ec.codes_set(handle, "numberOfDataPoints", 117)
    ec.codes_set_values(handle, np.arange(117) / 4)
    return handle


@pytest.mark.parametrize("name", [*GRIDS, *((kind, shape) for kind in PLANES for shape in (6, 0, 5))], ids=str)
def test_points_are_where_eccodes_has_them(name, tmp_path):
    handle = ec.codes_grib_new_from_samples(name) if isinstance(name, str) else plane(*name)
    try:
        latitudes, longitudes = (ec.codes_get_array(handle, key) for key in ("latitudes", "longitudes"))
    except ec.CodesInternalError:
        latitudes = longitudes = None  # ellipsoids that ecCodes has no formulas for
    path = tmp_path / "in.grib"
    path.write_bytes(ec.codes_get_message(handle))
    store = bake(path, tmp_path)
    assert unfound(store, messages(path)) == []
    if latitudes is None:
        return
    dataset = xr.open_zarr(store, decode_cf=False, chunks=None)
    found = [dataset["latitude"].values, dataset["longitude"].values]
    if found[0].ndim == 1 and dataset["latitude"].dims != dataset["longitude"].dims:
        found = np.meshgrid(*found, indexing="ij")
    most = 1e-5 if "rotated" in str(name) else 1e-6  # ecCodes rounds these
    assert np.abs(found[0].ravel() - latitudes).max() < most
    away = np.abs((found[1].ravel() - longitudes + 180) % 360 - 180)[np.abs(latitudes) < 89.99]
    assert away.max() < most


@pytest.mark.parametrize("order", ["ring", "nested"])
@pytest.mark.parametrize("side", [1, 2, 4, 8])
def test_pixels_of_healpix(order, side, tmp_path):
    handle = ec.codes_grib_new_from_samples("GRIB2")
    n = 12 * side**2
    keys = {"gridType": "healpix", "Nside": side, "orderingConvention": order, "numberOfDataPoints": n}
    for key, to in (keys | {"longitudeOfFirstGridPointInDegrees": 45}).items():
        ec.codes_set(handle, key, to)
    ec.codes_set_values(handle, np.arange(n))
    path = tmp_path / "in.grib"
    path.write_bytes(ec.codes_get_message(handle))
    dataset = xr.open_zarr(bake(path, tmp_path), decode_cf=False, chunks=None)
    for name in ("latitude", "longitude"):
        assert np.abs(dataset[name].values - ec.codes_get_array(handle, f"{name}s")).max() < 1e-9


def test_names_of_thousands_of_parameters(tmp_path):
    """One message for each of many conditions of ecCodes' definitions."""
    script = Path(__file__).parent / "grib_parameters.py"
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    wanted = json.loads((tmp_path / "names.json").read_text())
    assert len(wanted) > 1000
    variables = inspect(tmp_path / "names.grib")["file"]["variables"]
    keys = ("paramId", "shortName", "name", "units", "typeOfLevel", "stepType")
    found = {tuple(str(v["attrs"].get(f"GRIB_{key}", "unknown")) for key in keys) for v in variables}
    plain = [tuple("unknown" if one[key] in (None, "undef", "~") else str(one[key]) for key in keys) for one in wanted]
    assert [one for one in plain if one not in found] == []
