"""What lies at a target, and what inputs say of their versions, is trusted as far as it can be, and no further."""

import os

import numpy as np

import arco
import made
import web


def series(folder, count=6, start=0):
    for n in range(start, start + count):
        made.netcdf(
            folder / f"day{n}.nc",
            {
                "time": (("time",), np.array([n], "i4"), {"units": "days since 2000-01-01"}),
                "sst": (("time", "x"), np.arange(8, dtype="f4").reshape(1, 8) + n, {"units": "K"}),
            },
        )


def recipe(folder):
    return arco.recipe(folder, "axes: {time: {concat: found}}\nsource: {find: {glob: day*.nc}}\noutput: {chunks: {time: 1}}\n")


def test_overwrite_makes_a_damaged_store_anew(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    whole = arco.digest(store)
    (store / "sst/c/2/0").unlink()
    arco.bake(path, "--overwrite", to=store)
    assert arco.digest(store) == whole


def test_an_update_takes_over_no_chunk_that_somebody_wrote_to(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    chunk = store / "sst/c/1/0"
    chunk.write_bytes(bytes(len(chunk.read_bytes())))
    later = (store / "zarr.json").stat().st_mtime + 5
    os.utime(chunk, (later, later))
    series(tmp_path, 1, start=6)
    arco.bake(path, "--update", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


def test_an_update_needs_no_lock_that_fits(tmp_path, store):
    series(tmp_path)
    text = "axes: {{time: {{concat: [{}]}}}}\nsource: {{url: 'day{{time}}.nc'}}\noutput: {{chunks: {{time: 2}}}}\n"
    arco.bake(arco.recipe(tmp_path, text.format("0, 1, 2")), to=store)
    path = arco.recipe(tmp_path, text.format("0, 1, 2, 3"))
    assert arco.run("bake", path, "--to", store).code != 0, "the lock is of another recipe"
    arco.bake(path, "--update", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


def test_a_server_that_tells_no_versions_is_asked_for_everything_again(tmp_path, store):
    series(tmp_path, 1)
    with web.Server(Plain, folder=tmp_path) as server:
        url = f"{server.url}/day0.nc"
        arco.bake(url, to=store)
        content = (tmp_path / "day0.nc").read_bytes()
        old, new = (np.full(1, value, "<f4").tobytes() for value in (3, 99))
        assert content.count(old) == 1
        (tmp_path / "day0.nc").write_bytes(content.replace(old, new))
        arco.bake(url, "--update", to=store)
        arco.bake(url, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


class Plain(web.Answers):
    """Whole files, without a word on their versions."""

    def do_GET(self):
        self.answer(200, (self.server.folder / self.path.strip("/")).read_bytes(), {})


def test_a_recipe_finds_its_files_from_any_folder(tmp_path):
    inside = tmp_path / "a"
    inside.mkdir()
    series(inside, 2)
    recipe(inside)
    for n, (cwd, path) in enumerate([(tmp_path, "a/recipe.yaml"), (inside, "recipe.yaml"), (tmp_path / "..", inside / "recipe.yaml")]):
        (inside / "recipe.lock").unlink(missing_ok=True)
        done = arco.run("bake", path, "--to", tmp_path / f"{n}.zarr", cwd=cwd)
        assert done.code == 0, done.text
        assert arco.digest(tmp_path / f"{n}.zarr") == arco.digest(tmp_path / "0.zarr")
