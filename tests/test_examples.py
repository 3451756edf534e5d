"""The recipes under examples/, each unchanged but for its host, baked from a stand-in of its archive over loopback."""

import functools
import re
from pathlib import Path

import pytest
import xarray as xr

import arco
import oracle
import standins
import web

EXAMPLES = arco.ROOT / "examples"
CASES = {  # recipe: (stand-in, further arguments)
    "noaa-oisst": (standins.oisst, ["--take", "time=3"]),
    "gpcp-daily": (standins.gpcp, []),
    "gpm-imerg": (standins.imerg, ["--take", "time=4"]),
    "hadisst": (standins.hadisst, []),
    "soda-342": (standins.soda, ["--take", "time=14"]),
    "woa18-seasonal": (standins.woa18, []),
    "chirps-daily": (standins.chirps, ["--take", "time=2"]),
    "aqua-modis-chlor-a": (standins.modis, ["--take", "time=25"]),
    "era5-surface": (standins.era5, ["--take", "time=1"]),
}


class Archive(web.Folder):
    """A folder, with ranges as the servers of archives have them."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if "Range" not in self.headers or not path.is_file():
            return super().do_GET()
        self.answer(200, path.read_bytes(), {"Last-Modified": self.date_time_string(path.stat().st_mtime)})


@pytest.fixture
def archive(tmp_path):
    """A folder, and the address of the server that gives it."""
    root = tmp_path / "archive"
    root.mkdir()
    with web.Server(functools.partial(Archive, directory=root)) as http:
        yield root, http.url


def on_loopback(name, root, server):
    """The recipe as it is, but `https://HOST/` in its source is the server's folder `HOST`."""
    text = (EXAMPLES / name / "recipe.yaml").read_text()
    head, source = text.split("\nsource:\n")
    path = root / "recipe.yaml"
    path.write_text(f"{head}\nsource:\n" + re.sub(r"https://([\w.-]+)/", rf"{server}/\1/", source))
    return path


def read(store):
    """As xarray reads it; climatological bounds, which xarray leaves as numbers, are times too."""
    raw = xr.open_zarr(store, decode_cf=False)
    for name in list(raw.variables):
        if bounds := raw[name].attrs.get("climatology"):
            raw[bounds].attrs |= {key: raw[name].attrs[key] for key in ("units", "calendar") if key in raw[name].attrs}
    return xr.decode_cf(raw)


def compare(store, raw):
    """Every variable, dimension and value, and the attributes that the stand-in has."""
    expected, actual = xr.decode_cf(raw), read(store)
    assert set(actual.variables) == set(expected.variables)
    assert set(actual.coords) == set(expected.coords)
    wrong = []
    for name in expected.variables:
        want, got = expected.variables[name], actual.variables[name]
        if want.dims != got.dims or want.shape != got.shape:
            wrong.append(f"{name}: {want.sizes} and not {got.sizes}")
            continue
        found = oracle.arrays(name, want.values, got.values, packed=oracle.is_packed(got))
        found += oracle.attributes(name, want.attrs, {key: got.attrs[key] for key in want.attrs if key in got.attrs})
        wrong += [str(difference) for difference in found if difference.kind != "packed-dtype"]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/recipe.yaml")))
def test_every_example_is_well_formed(name):
    done = arco.run("check", EXAMPLES / name / "recipe.yaml")
    assert done.code == 0, done.text


@pytest.mark.parametrize("name", CASES)
def test_a_bake_of_a_stand_in(archive, store, name):
    root, server = archive
    make, arguments = CASES[name]
    expected = make(root)
    # what a login needs is there, and goes to no server of the loopback
    env = {"EARTHDATA_TOKEN": "unused"}
    arco.bake(on_loopback(name, root, server), *arguments, to=store, env=env)
    compare(store, expected)


def test_a_matrix_makes_a_dataset_for_each_model(archive, store):
    root, server = archive
    expected = {source: standins.cmip6(root, source) for source in standins.CMIP6}
    arco.bake(on_loopback("cmip6-tas", root, server), to=store.parent / "{name}.zarr")
    for source, raw in expected.items():
        compare(store.parent / f"cmip6-historical-tas-{source.lower()}.zarr", raw)
