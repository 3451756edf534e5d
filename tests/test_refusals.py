"""Wrong input: each ends in its exit code and a message that names what is wrong, and leaves nothing behind."""

import os
import socket

import numpy as np
import pytest
import xarray as xr

import arco
import made
import web

HTML = b"<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body>403</body></html>\n"


def good(folder, name="good.nc"):
    (path,), _ = made.days(folder, [3], name=name)
    return path


def truncated(folder):
    path = good(folder, "cut.nc")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def content(name, data):
    def write(folder):
        path = folder / name
        path.write_bytes(data)
        return path

    return write


def folder_named_nc(folder):
    path = folder / "folder.nc"
    path.mkdir()
    return path


def damaged_chunk(folder):
    """The last bytes of the compressed data are other ones: the checksum of the stream is wrong."""
    path = folder / "damaged.nc"
    values = np.random.default_rng(0).integers(0, 9, (50, 50)).astype("i4")
    made.netcdf(path, {"v": (("y", "x"), values, {}, {"zlib": True, "chunksizes": (50, 50)})}, {"y": 50, "x": 50})
    import h5py

    with h5py.File(path) as file:
        info = file["v"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    at = info.byte_offset + info.size // 2
    data[at] ^= 0xFF
    path.write_bytes(data)
    return path


INPUTS = [
    ("truncated", truncated, ["cut.nc"]),
    ("html", content("page.nc", HTML), ["page.nc", "web page"]),
    ("empty", content("empty.nc", b""), ["empty.nc", "empty"]),
    ("zeros", content("zeros.nc", bytes(4096)), ["zeros.nc"]),
    ("json", content("error.nc", b'{"error": "not found"}'), ["error.nc"]),
    ("gzip", content("packed.nc", b"\x1f\x8b\x08" + bytes(40)), ["packed.nc", "gzip"]),
    ("grib", content("field.nc", b"GRIB\0\0\0\x02" + bytes(40)), ["field.nc", "grib"]),
    ("missing", lambda folder: folder / "missing.nc", ["missing.nc"]),
    ("folder", folder_named_nc, ["folder.nc"]),
    ("damaged", damaged_chunk, ["damaged.nc", "v"]),
    ("signature", content("short.nc", b"\x89HDF\r\n"), ["short.nc"]),
    ("netcdf3-header", content("header.nc", b"CDF\x01\x00\x00"), ["header.nc"]),
]


@pytest.mark.parametrize(("make", "mention"), [row[1:] for row in INPUTS], ids=[row[0] for row in INPUTS])
def test_bad_input_alone(make, mention, tmp_path, store):
    arco.refuse("bake", make(tmp_path), "--to", store, exit="source", mention=mention)
    assert not store.exists()


AMONG = [row for row in INPUTS if row[0] not in ("folder", "damaged")]


@pytest.mark.parametrize(("make", "mention"), [row[1:] for row in AMONG], ids=[row[0] for row in AMONG])
def test_bad_input_among_good_ones(make, mention, tmp_path, store):
    bad = make(tmp_path)
    paths, _ = made.days(tmp_path, [2, 2])
    arco.refuse("bake", *paths, bad, "--concat", "time", "--to", store, exit="source", mention=mention)
    arco.nothing_left(store)


DISAGREE = [
    ("packing", {"scale_factor": 0.1}, {"scale_factor": 0.2}, "combine-packing", ["v", "0.1", "0.2"]),
    ("units", {"units": "m"}, {"units": "km"}, "combine-units", ["v", "m", "km"]),
    ("standard_name", {"standard_name": "a"}, {"standard_name": "b"}, "combine-attrs", ["v", "standard_name"]),
]


@pytest.mark.parametrize(("one", "two", "code", "mention"), [r[1:] for r in DISAGREE], ids=[r[0] for r in DISAGREE])
def test_attributes_that_carry_meaning(one, two, code, mention, tmp_path, store):
    paths = []
    for number, attrs in enumerate((one, two)):
        variables = {"time": (("time",), np.array([number])), "v": (("time",), np.array([5], "i2"), attrs)}
        paths.append(made.netcdf(tmp_path / f"file{number}.nc", variables, {"time": 1}))
    refuse_both(paths, store, [code, *mention])


def refuse_both(paths, store, mention):
    """The two files can't be combined: refused with both named, and nothing left."""
    named = ["file0.nc", "file1.nc", *mention]
    strict = ["--set", "combine.packing=error", "--set", "combine.dtype=error"]
    arco.refuse("bake", *paths, "--concat", "time", *strict, "--to", store, exit="refused", mention=named)
    arco.nothing_left(store)


def two_files(folder, first, second, sizes=None):
    sizes = sizes or ({"time": 2, "x": 3}, {"time": 2, "x": 3})
    return [
        made.netcdf(folder / f"file{n}.nc", v, s) for n, (v, s) in enumerate(zip((first, second), sizes, strict=True))
    ]


def base(**changed):
    out = {
        "time": (("time",), np.array([0, 1]), {"units": "days since 2000-01-01"}),
        "x": (("x",), np.array([1.0, 2.0, 3.0])),
        "v": (("time", "x"), np.ones((2, 3), "f4")),
    }
    out.update(changed)
    return {name: spec for name, spec in out.items() if spec is not None}


def later(**changed):
    return base(time=(("time",), np.array([2, 3]), {"units": "days since 2000-01-01"}), **changed)


SETS = [
    ("dtype", later(v=(("time", "x"), np.ones((2, 3), "f8"))), "combine-dtype", ["v", "float32", "float64"]),
    ("duplicates", base(), "combine-duplicates", ["time"]),
    (
        "order",
        {**later(), "time": (("time",), np.array([-2, -1]), {"units": "days since 2000-01-01"})},
        "combine-order",
        ["time"],
    ),
    ("absent", later(v=None), "combine-absent", ["v"]),
    ("coords", later(x=(("x",), np.array([1.0, 2.0, 3.5]))), "combine-coords", ["x", "0.5"]),
    ("static", later(s=(("x",), np.array([1.0, 2.0, 4.0]))), "combine-static", ["s"]),
    (
        "calendar",
        {**later(), "time": (("time",), np.array([2, 3]), {"units": "days since 2000-01-01", "calendar": "noleap"})},
        "combine-calendar",
        ["time", "noleap"],
    ),
    (
        "months",
        {**later(), "time": (("time",), np.array([0, 1]), {"units": "months since 2000-03-01"})},
        "combine-months",
        ["time", "months since"],
    ),
    ("dims", later(v=(("time",), np.ones(2, "f4"))), "combine-dims", ["v"]),
    ("strings", later(v=(("time", "x"), np.array([["a"] * 3] * 2, dtype=object))), "combine-", ["v"]),
]


@pytest.mark.parametrize(("second", "code", "mention"), [r[1:] for r in SETS], ids=[r[0] for r in SETS])
def test_files_that_disagree(second, code, mention, tmp_path, store):
    first = base(s=(("x",), np.array([1.0, 2.0, 3.0]))) if "s" in second else base()
    paths = two_files(tmp_path, first, second)
    refuse_both(paths, store, [code, *mention])


def test_a_wrong_dimension_is_named(tmp_path, store):
    path = good(tmp_path)
    done = arco.run("bake", path, path, "--concat", "tiem", "--to", store)
    assert done.code in (arco.EXIT["usage"], arco.EXIT["recipe"], arco.EXIT["refused"]), done.text
    assert "tiem" in done.text
    assert "time" in done.text, "the dimensions that there are, or the nearest one"
    done = arco.run("bake", path, "--chunks", "lta=2", "--to", store)
    assert done.code in (arco.EXIT["usage"], arco.EXIT["recipe"]), done.text
    assert "lta" in done.text
    arco.nothing_left(store)


RECIPES = [
    ("mistyped-key", "axes: {}\nsorce: {files: [a.nc]}\n", ["sorce", "source"]),
    ("unknown-step", "axes: {}\nsource: {files: [a.nc]}\nsteps:\n  - renam: {a: b}\n", ["renam", "rename"]),
    ("unknown-policy", "axes: {}\nsource: {files: [a.nc]}\ncombine: {unitz: error}\n", ["unitz", "units"]),
    ("unknown-policy-value", "axes: {}\nsource: {files: [a.nc]}\ncombine: {units: convrt}\n", ["convrt"]),
    ("step-of-later", "axes: {}\nsource: {files: [a.nc]}\nsteps:\n  - cast: {a: f4}\n", ["cast"]),
    ("two-sources", "axes: {}\nsource: {files: [a.nc], url: b.nc}\n", ["files", "url"]),
    ("unknown-axis", "axes: {time: {concat: [1, 2]}}\nsource: {url: 'a{tiem}.nc'}\n", ["tiem", "time"]),
    (
        "bad-date",
        "axes: {time: {concat: {from: 2001-02-30, to: 2001-03-01, every: 1 day}}}\nsource: {url: 'a{time:%d}.nc'}\n",
        ["2001-02-30"],
    ),
    ("yaml", "axes: {time: [\n", []),
    ("wrong-count", "axes: {time: {concat: [1, 2, 3]}}\nsource: {files: [a.nc, b.nc]}\n", ["3", "2"]),
]


@pytest.mark.parametrize("command", ["bake", "plan", "check"])
@pytest.mark.parametrize(("text", "mention"), [r[1:] for r in RECIPES], ids=[r[0] for r in RECIPES])
def test_wrong_recipes(command, text, mention, tmp_path, store):
    path = arco.recipe(tmp_path, text)
    to = ["--to", store] if command == "bake" else []
    done = arco.refuse(command, path, *to, exit="recipe", mention=mention)
    assert "recipe.yaml" in done.text, "the message says in which file"
    arco.nothing_left(store)


def test_all_problems_of_a_recipe_are_reported_at_once(tmp_path):
    path = arco.recipe(
        tmp_path, "axes: {time: {concatt: [1]}}\nsorce: {}\nsteps:\n  - renam: {}\noutput: {chunk: {}}\n"
    )
    done = arco.refuse("check", path, exit="recipe", mention=["concatt", "sorce", "renam", "chunk"])
    assert "3:" in done.text, "with line numbers"


def test_a_key_that_is_missing(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("schema: 1\naxes: {}\nsource: {files: [a.nc]}\n")
    arco.refuse("check", path, exit="recipe", mention=["name"])
    path.write_text("name: x\naxes: {}\nsource: {files: [a.nc]}\n")
    arco.refuse("check", path, exit="recipe", mention=["schema"])


def test_a_declared_file_that_is_absent(tmp_path, store):
    made.days(tmp_path, [1, 1], name="day{:02d}.nc")
    path = arco.recipe(tmp_path, "axes: {time: {concat: {from: 0, to: 2}}}\nsource: {url: 'day{time:02d}.nc'}\n")
    done = arco.run("bake", path, "--to", store)
    assert done.code in (arco.EXIT["refused"], arco.EXIT["source"]), done.text
    assert "day02.nc" in done.text
    arco.nothing_left(store)
    path = arco.recipe(
        tmp_path, "axes: {time: {concat: {from: 0, to: 2}}}\nsource: {url: 'day{time:02d}.nc', missing: [{time: 2}]}\n"
    )
    arco.bake(path, to=store)
    assert xr.open_zarr(store).sizes["time"] == 2


def test_steps_that_do_not_fit(tmp_path, store):
    path = good(tmp_path)
    for step, mention in (
        ("drop: [tt]", ["tt"]),
        ("rename: {tt: u}", ["tt"]),
        ("squeeze: [lat]", ["lat", "3"]),
        ("drop: [bnds]", ["bnds"]),
        ("transpose: [time, latt]", ["latt"]),
        ("rename: {t: lat}", ["lat"]),
    ):
        done = arco.run("bake", path, "--step", step, "--to", store)
        assert done.code == arco.EXIT["recipe"], f"{step}: {done.code} {done.text}"
        assert all(word in done.text for word in mention), f"{step}: {done.text}"
        arco.nothing_left(store)


USAGE = [
    ["bake"],
    ["bakes"],
    ["bake", "--concat"],
    ["bake", "x.nc", "--format", "zarr9"],
    ["bake", "x.nc", "--memory", "much"],
    ["bake", "x.nc", "--workers", "0"],
    ["bake", "x.nc", "--chunks", "time"],
    ["bake", "x.nc", "--nonsense"],
    ["plan"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=[" ".join(a) for a in USAGE])
def test_usage(arguments, tmp_path):
    good(tmp_path, "x.nc")
    arco.refuse(*arguments, exit="usage", cwd=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.nc"]


def test_targets_that_can_not_be_written(tmp_path, store):
    path = good(tmp_path)
    blocked = store.parent / "file"
    blocked.write_text("not a folder")
    arco.refuse("bake", path, "--to", blocked / "out.zarr", exit="target", mention=["file"])
    arco.refuse("bake", path, "--to", "/proc/nowhere/out.zarr", exit="target", mention=["/proc/nowhere"])
    other = store.parent / "folder"
    other.mkdir()
    (other / "thesis.txt").write_text("keep me")
    arco.refuse("bake", path, "--to", other, "--overwrite", exit="target", mention=["folder"])
    assert (other / "thesis.txt").read_text() == "keep me"
    assert sorted(p.name for p in store.parent.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path, store):
    path = good(tmp_path)
    store.parent.chmod(0o500)
    arco.refuse("bake", path, "--to", store, exit="target", mention=["permission"])
    store.parent.chmod(0o700)
    arco.nothing_left(store)


def test_the_memory_limit_is_a_promise(tmp_path, store):
    path = made.netcdf(tmp_path / "f.nc", {"v": (("x",), np.zeros(4_000_000))}, {"x": 4_000_000})
    done = arco.run("bake", path, "--memory", "1MiB", "--chunks", "x=4000000", "--to", store)
    assert done.code == arco.EXIT["target"], done.text
    assert "memory" in done.text
    arco.nothing_left(store)


class Odd(web.Answers):
    """Odd answers, chosen by the path."""

    def do_GET(self):
        name = self.path.lstrip("/")
        files = self.server.files
        status, body = {"page.nc": (200, HTML), "denied.nc": (403, HTML)}.get(
            name, (200, files[name]) if name in files else (404, b"no")
        )
        kind = "text/html" if body.startswith(b"<") else "application/octet-stream"
        self.answer(status, body, {"Content-Type": kind})


def test_http(tmp_path, store):
    paths, whole = made.days(tmp_path, [2, 3])
    with web.Server(Odd, files={p.name: p.read_bytes() for p in paths}) as server:
        arco.bake(*(f"{server.url}/{p.name}" for p in paths), "--concat", "time", to=store)
        assert np.array_equal(xr.open_zarr(store).t.values, whole)
        target = store.with_name("other.zarr")
        for name, words in (("page.nc", ["web page"]), ("gone.nc", []), ("denied.nc", [])):
            arco.refuse("bake", f"{server.url}/{name}", "--to", target, exit="source", mention=[name, *words])
            assert not target.exists()


def test_nobody_listens(store):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x.nc"
        arco.refuse("bake", url, "--to", store, exit="source", mention=["127.0.0.1"])
    arco.nothing_left(store)
