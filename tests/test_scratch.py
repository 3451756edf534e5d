"""Scratch storage in a folder of the user's: nothing stays there that no bake will use."""

import os

import h5py
import numpy as np
import pytest

import arco
import kill
import made


def damaged(folder):
    """A chunk of the last file can't be decoded: the first stage ends there, and what it moved stays."""
    kill.wide(folder)
    path = folder / "day23.nc"
    with h5py.File(path) as file:
        at = file["v"].id.get_chunk_info(1).byte_offset
    content = path.read_bytes()
    put(path, content[: at + 50] + b"\xff" * 50 + content[at + 100 :])
    return content


def put(path, content):
    """Other bytes of the same version."""
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("then", ["again", "other chunks", "other checks"])
def test_scratch_storage_of_a_bake_that_failed_goes_with_it(then, tmp_path, store):
    folder, scratch = tmp_path / "in", tmp_path / "fast"
    content = damaged(folder)
    scratch.mkdir()
    (scratch / "notes.txt").write_text("of somebody else")
    path, to = folder / "recipe.yaml", ("--to", store)
    done = arco.run("bake", path, *kill.SCRATCH, *to, "--scratch", "fast", cwd=tmp_path)
    assert done.code == arco.EXIT["source"], done.text
    (left,) = (name for name in scratch.iterdir() if name.is_dir())
    assert left.name.startswith("arcoforge-")
    put(folder / "day23.nc", content)
    if then == "other checks":
        path.write_text(path.read_text() + "checks: [{size: {time: 48}}]\n")
    chunks = ("--chunks", "time=2,y=320,x=320") if then == "other chunks" else kill.SCRATCH
    scratched = ("--scratch", scratch) if then == "again" else ()
    done = arco.run("bake", path, *chunks, *to, *scratched)
    assert done.code == 0, done.text
    assert [name.name for name in scratch.iterdir()] == ["notes.txt"]
    kill.check_left(store.parent, ["out.zarr"])


# what receipts tell of scratch storage holds for the files that they were written for


def both(folder):
    """Two variables, each too large for one pass."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(12):
        cells = np.random.default_rng(number).integers(1, 2000, (2, 4, 320, 320)) * 0.5
        time = (("time",), np.arange(4 * number, 4 * number + 4.0), {"units": "days since 2000-01-01"})
        of = {
            name: (
                ("time", "y", "x"),
                part.astype("f4"),
                {},
                {"zlib": True, "complevel": 1, "chunksizes": (1, 320, 320)},
            )
            for name, part in zip("vw", cells, strict=True)
        }
        made.netcdf(folder / f"day{number:02}.nc", {"time": time, **of})
    arco.recipe(folder, 'axes: {time: {concat: found}}\nsource: {find: {glob: "day*.nc"}}\n')


@pytest.fixture(scope="module")
def two_variables(tmp_path_factory):
    """The folder of their files, what is to be made of them, and the words of the command."""
    folder = tmp_path_factory.mktemp("two")
    both(folder / "in")
    command = ("bake", folder / "in" / "recipe.yaml", *kill.SCRATCH)
    arco.bake(*command[1:], to=folder / "out.zarr")
    return folder, arco.digest(folder / "out.zarr"), command


@pytest.mark.parametrize("lost", ["all", "of v", "of w", "cells"])
@pytest.mark.parametrize("after", ["of v", "v", "of w"], ids=["amid-v", "behind-v", "amid-w"])
def test_scratch_storage_that_is_lost_amid_the_second_stage(failpoints, after, lost, two_variables, store):
    folder, want, command = two_variables
    inside = store.parent
    calls = calls_of(failpoints, folder, command)
    objects = {
        name: [n for n, line in enumerate(calls, 1) if f"/store/{name}/c/" in line and " write " in line]
        for name in "vw"
    }
    at = {"of v": objects["v"][5], "v": objects["v"][-1] + 1, "of w": objects["w"][5]}[after]
    kill.without_lock(folder)
    by = [str(failpoints), str(inside), str(at), "after", str(folder / "log")]
    assert arco.run(*command, "--to", store, by=by).code == 137
    (scratch,) = inside.glob("*.bake/*/scratch")
    v, w = sorted(scratch.iterdir(), key=lambda path: int(path.name.partition("-")[0]))
    for path in {"all": [v, w], "of v": [v], "of w": [w], "cells": []}[lost]:
        path.unlink()
    if lost == "all":
        scratch.rmdir()
    if lost == "cells":  # files of another bake with the same names
        for path in (v, w):
            path.write_bytes(bytes(path.stat().st_size))
    kill.without_lock(folder)
    done = arco.run(*command, "--to", store, "--json")
    assert done.code == 0, done.text
    assert arco.digest(store) == want
    kill.check_left(inside, ["out.zarr"])


def calls_of(failpoints, folder, command):
    counted = folder / "counted"
    counted.mkdir(exist_ok=True)
    log = folder / "log"
    if not (folder / "calls").exists():
        kill.without_lock(folder)
        by = [str(failpoints), str(counted), "0", "count", str(log)]
        assert arco.run(*command, "--to", counted / "out.zarr", by=by).code == 0
        log.rename(folder / "calls")
    return (folder / "calls").read_text().splitlines()


def test_scratch_storage_that_is_lost_after_publishing(two_variables, tmp_path, store):
    """What is published needs none of it, nor the folder in which it lay."""
    folder, want, command = two_variables
    scratch = tmp_path / "fast"
    kill.without_lock(folder)
    command = (*command, "--scratch", scratch)
    arco.bake(*command[1:], to=store)
    assert arco.digest(store) == want and not list(scratch.iterdir())
    scratch.rmdir()
    assert "nothing to do" in arco.run(*command, "--to", store).text
    arco.bake(*command[1:], "--step", "attrs: {set: {title: other}}", "--update", to=store)
    assert not scratch.exists() or not list(scratch.iterdir())
    kill.check_left(store.parent, ["out.zarr"])


@pytest.mark.parametrize("first", ["", "one"])
@pytest.mark.parametrize("then", ["", "other"])
def test_scratch_storage_of_runs_before_goes(failpoints, first, then, two_variables, tmp_path, store):
    """Wherever each run was told to put it."""
    folder, want, command = two_variables
    calls = calls_of(failpoints, folder, command)
    at = next(n for n, line in enumerate(calls, 1) if "/receipts/" in line and " write " in line) + 60
    place = {name: ("--scratch", tmp_path / "fast" / name) if name else () for name in (first, then)}
    kill.without_lock(folder)
    by = [str(failpoints), str(store.parent), str(at), "after", str(folder / "log")]
    assert arco.run(*command, *place[first], "--to", store, by=by).code == 137
    assert list(tmp_path.rglob("*.cells"))
    kill.without_lock(folder)
    arco.bake(*command[1:], *place[then], to=store)
    assert arco.digest(store) == want
    kill.check_left(store.parent, ["out.zarr"])
    assert not list(tmp_path.rglob("*.cells"))
