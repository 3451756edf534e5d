"""Surveys are kept between runs: what did not change is not opened again, and what did is."""

import ctypes
import mmap
import os
import sys

import numpy as np
import pytest
import xarray as xr

import arco
import made
import web

OLD_NS = 1_700_000_000_000_000_000


def series(folder):
    """Five files of two days, written long ago; with them a recipe."""
    paths, _ = made.days(folder, [2] * 5, extra=lambda *_: {"crs": ((), np.int32(1), {"semi_major_axis": 6371000.0})})
    for path in paths:
        os.utime(path, ns=(OLD_NS, OLD_NS))
    return paths


def recipe(folder, source='find: {glob: "day*.nc"}'):
    return arco.recipe(folder, f"axes: {{time: {{concat: found}}}}\nsource:\n  {source}\n")


def plan(path, *args, cache=None, code=0):
    done = arco.run("plan", path, *args, env={"XDG_CACHE_HOME": str(cache)} if cache else None)
    assert done.code == code, done.text
    return done


def surveys(cache):
    return sorted(cache.rglob("*.survey"))


def put(path, content, mtime=OLD_NS):
    """Other bytes in the same place, of the same age."""
    path.write_bytes(content)
    os.utime(path, ns=(mtime, mtime))


def opened(folder, work):
    """Names of the files of a folder that were opened while `work` ran (inotify)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, os.fsencode(folder), 0x20) >= 0, "IN_OPEN"
    work()
    events = b""
    while True:
        try:
            events += os.read(watch, 1 << 16)
        except BlockingIOError:
            os.close(watch)
            return {name for name in (p.name for p in folder.iterdir()) if name.encode() in events}


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_second_plan_opens_nothing(tmp_path):
    paths, cache = series(tmp_path), tmp_path / "cache"
    names = {path.name for path in paths}
    texts = []
    first = opened(tmp_path, lambda: texts.append(plan(recipe(tmp_path), cache=cache).out))
    again = opened(tmp_path, lambda: texts.append(plan(tmp_path / "recipe.yaml", cache=cache).out))
    assert len(surveys(cache)) == 1 and texts[0] == texts[1]
    assert names <= first and not names & again
    refusing = ["--no-survey-cache"]
    assert names <= opened(tmp_path, lambda: plan(tmp_path / "recipe.yaml", *refusing, cache=cache))


def test_a_bake_by_a_kept_survey_is_the_same_bake(tmp_path):
    series(tmp_path)
    path, cache = recipe(tmp_path), tmp_path / "cache"
    digests = []
    for n, args in enumerate(([], [], ["--no-survey-cache"])):
        arco.bake(path, *args, to=tmp_path / f"{n}.zarr", env={"XDG_CACHE_HOME": str(cache)})
        digests.append(arco.digest(tmp_path / f"{n}.zarr"))
    assert digests[0] == digests[1] == digests[2]


@pytest.mark.parametrize("change", ["content and time", "content", "time", "size"])
def test_a_changed_file_is_opened_again(tmp_path, change):
    paths, cache = series(tmp_path), tmp_path / "cache"
    plan(recipe(tmp_path), cache=cache)
    content = paths[3].read_bytes()
    wrong = {"time": content, "size": b"x" * (len(content) + 1)}.get(change, b"x" * len(content))
    put(paths[3], wrong, OLD_NS + (change in ("content and time", "time")))
    done = arco.run("plan", tmp_path / "recipe.yaml", env={"XDG_CACHE_HOME": str(cache)})
    assert (done.code == 0) == (change == "time"), done.text
    if change != "time":
        assert paths[3].name in done.text


def test_a_young_file_is_opened_again(tmp_path):
    """A file may change twice within one tick of the clock that times are told by."""
    paths, cache = series(tmp_path), tmp_path / "cache"
    paths[0].touch()
    plan(recipe(tmp_path), cache=cache)
    young = paths[0].stat()
    put(paths[0], b"x" * young.st_size, young.st_mtime_ns)
    assert paths[0].name in plan(tmp_path / "recipe.yaml", cache=cache, code=arco.EXIT["source"]).text


def damages(content):
    yield b""
    yield b"x" * len(content)
    yield content[: len(content) // 2]
    yield content + b"x"
    yield content[:8] + b"\xff" * 8 + content[16:]
    for at in range(0, len(content), max(1, len(content) // 20)):
        yield content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_damaged_cache_is_as_good_as_none(tmp_path):
    series(tmp_path)
    cache = tmp_path / "cache"
    first = plan(recipe(tmp_path), cache=cache)
    (kept,) = surveys(cache)
    content = kept.read_bytes()
    for damaged in damages(content):
        kept.write_bytes(damaged)
        assert plan(tmp_path / "recipe.yaml", cache=cache).out == first.out
        assert kept.read_bytes() == content, "what is damaged is made anew"
    kept.unlink()
    kept.mkdir()
    assert plan(tmp_path / "recipe.yaml", cache=cache).out == first.out


def test_a_cache_that_can_not_be_written_is_no_failure(tmp_path):
    series(tmp_path)
    (tmp_path / "cache").write_text("a file")
    assert plan(recipe(tmp_path), cache=tmp_path / "cache").code == 0


def test_another_recipe_of_the_same_files_reads_what_is_not_known(tmp_path):
    series(tmp_path)
    cache = tmp_path / "cache"
    plan(recipe(tmp_path), "--step", "drop: crs", cache=cache)
    assert plan(recipe(tmp_path), cache=cache).out == plan(recipe(tmp_path), "--no-survey-cache").out


class Counted(web.Answers):
    """Files with their validators."""

    def do_GET(self):
        path = self.server.folder / self.path.lstrip("/")
        self.server.asked.append((self.command, path.name))
        if self.command == "HEAD" and not self.server.heads:
            return self.answer(405, b"")
        tag = f'"{path.name}-{self.server.version}"'
        return self.answer(200, path.read_bytes(), {"ETag": tag} if self.server.tags else {})


@pytest.mark.parametrize(("tags", "heads"), [(True, True), (False, True), (True, False)])
def test_over_http_a_second_plan_asks_for_versions_only(tmp_path, tags, heads):
    files, cache = tmp_path / "files", tmp_path / "cache"
    files.mkdir()
    names = [path.name for path in series(files)]
    with web.Server(Counted, folder=files, asked=[], version=1, tags=tags, heads=heads) as server:
        urls = "\n".join(f"    - {server.url}/{name}" for name in names)
        path = recipe(tmp_path, f"files:\n{urls}")
        first = plan(path, cache=cache).out
        gets = [name for method, name in server.asked if method == "GET"]
        assert sorted(set(gets)) == names
        assert not [name for method, name in server.asked if method == "HEAD"], "nothing was known"
        server.asked.clear()
        assert plan(path, cache=cache).out == first
        methods = sorted(method for method, _ in server.asked)
        if tags and heads:
            assert methods == ["HEAD"] * len(names)
        else:
            assert methods.count("GET") >= len(names), "what tells no version is opened again"
        server.asked.clear()
        server.version = 2
        plan(path, cache=cache)
        assert {name for method, name in server.asked if method == "GET"} == set(names)


def test_a_file_that_changed_just_now_is_opened_again(tmp_path, store):
    """Written through a mapping, a file changes after its times were set, and keeps them."""
    for number in range(3):
        days = np.array([2.0 * number, 2.0 * number + 1])
        variables = {"time": (("time",), days, {"units": "days since 2000-01-01"}), "v": (("time",), days.astype("f4"))}
        made.netcdf(tmp_path / f"day{number}.nc", variables, format="NETCDF3_64BIT_OFFSET")
    path, cache = recipe(tmp_path), tmp_path / "cache"
    last = tmp_path / "day2.nc"
    with open(last, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        at = bytes(mapped).index(np.array([4.0, 5.0], ">f8").tobytes())
        mapped[at : at + 16] = np.array([6.0, 7.0], ">f8").tobytes()
        before = last.stat()
        plan(path, cache=cache)
        mapped[at : at + 16] = np.array([40.0, 50.0], ">f8").tobytes()
        after = last.stat()
        done = arco.run("bake", path, "--to", store, env={"XDG_CACHE_HOME": str(cache)})
    assert done.code == 0, done.text
    if (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns):
        with xr.open_zarr(store, decode_times=False) as ds:
            assert list(ds["time"].values) == [0, 1, 2, 3, 40, 50]
