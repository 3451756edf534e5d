"""What lies at a target, and what inputs say of their versions, is trusted as far as it can be, and no further."""

import ctypes
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import zarr

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


def recipe(folder, chunks="{time: 1}"):
    return arco.recipe(
        folder, f"axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: day*.nc}}}}\noutput: {{chunks: {chunks}}}\n"
    )


def test_overwrite_makes_a_damaged_store_anew(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    whole = arco.digest(store)
    (store / "sst/c/2/0").unlink()
    arco.bake(path, "--overwrite", to=store)
    assert arco.digest(store) == whole


def changed_unseen(path, values):
    """An input with other values that has the size and the time of before."""
    was = path.stat()
    with netCDF4.Dataset(path, "a") as ds:
        ds["sst"][:] = values
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("chunks", ["{time: 1}", "{time: 1}, shards: {time: 2}"])
def test_overwrite_looks_at_chunks_that_were_not_stored(chunks, killed, failpoints, tmp_path, store):
    """All of its cells were missing, and nothing but `--overwrite` knows that they are not any more."""
    series(tmp_path)
    for day in (2, 3):
        changed_unseen(tmp_path / f"day{day}.nc", 9.969209968386869e36)
    path = recipe(tmp_path, chunks)
    arco.bake(path, to=store)
    for day in (2, 3):
        changed_unseen(tmp_path / f"day{day}.nc", 7.0)
    if killed:
        by = [str(failpoints), str(store.parent), "30", "after", str(tmp_path / "calls")]
        arco.run("bake", path, "--overwrite", "--to", store, by=by)
    arco.bake(path, "--overwrite", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")
    assert zarr.open(store)["sst"][2, 0] == 7.0
    assert "nothing to do" in arco.run("bake", path, "--to", store).text
    shutil.copytree(store.parent, tmp_path / "elsewhere")
    assert "nothing to do" in arco.run("bake", path, "--to", tmp_path / "elsewhere" / store.name).text


def test_an_overwrite_that_fails_forgets_nothing_of_what_is_published(tmp_path, store):
    series(tmp_path)
    text = "axes: {{time: {{concat: {}}}}}\nsource: {{url: 'day{{time}}.nc'}}\nsteps:\n  - cast: {{sst: int8}}\noutput: {{chunks: {{time: 1}}}}\n"
    path = arco.recipe(tmp_path, text.format([0, 1, 2]))
    arco.bake(path, to=store)
    whole = arco.digest(store)
    changed_unseen(tmp_path / "day1.nc", 1e6)
    done = arco.run("bake", path, "--overwrite", "--to", store)
    assert done.code not in (0, arco.EXIT["bug"]), done.text
    assert arco.digest(store) == whole
    changed_unseen(tmp_path / "day1.nc", np.arange(8) + 1)
    path = arco.recipe(tmp_path, text.format([0, 1, 2, 3]))
    arco.bake(path, "--update", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


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


def put_back(store, copy):
    shutil.rmtree(store)
    copy.rename(store)


def copied_over(store, copy):
    subprocess.run(["cp", "-a", f"{copy}/.", store], check=True)


def correct(folder, number=1, value=99.0):
    """Another version of a file of the series: the store keeps its form."""
    with netCDF4.Dataset(folder / f"day{number}.nc", "a") as ds:
        ds["sst"][0, 0] = value


@pytest.mark.parametrize("how", [put_back, copied_over])
@pytest.mark.parametrize("codecs", ["zstd", "none"])
def test_an_older_store_that_was_put_back_is_not_the_last_bake(how, codecs, tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path, f"{{time: 1}}, codecs: {codecs}" if codecs == "none" else "{time: 1}")
    arco.bake(path, to=store)
    copy = tmp_path / "copy.zarr"
    subprocess.run(["cp", "-a", store, copy], check=True)
    correct(tmp_path)
    arco.bake(path, "--update", to=store)
    how(store, copy)
    refused = {"exit": "target", "mention": ("since the last bake", "--overwrite")}
    arco.refuse("bake", path, "--to", store, **refused)
    assert "put there, or written to, since" in arco.run("plan", path, "--to", store).text
    series(tmp_path, 1, start=6)
    arco.refuse("bake", path, "--to", store, "--update", **refused)
    (tmp_path / "recipe.lock").unlink()
    arco.bake(path, "--overwrite", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


def test_a_store_of_another_dataset_is_not_the_last_bake(tmp_path, store):
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        folder.mkdir()
        series(folder)
        recipe(folder)
    correct(b)
    arco.bake(b / "recipe.yaml", to=tmp_path / "b.zarr")
    arco.bake(a / "recipe.yaml", to=store)
    put_back(store, tmp_path / "b.zarr")
    arco.refuse("bake", a / "recipe.yaml", "--to", store, exit="target", mention=("since the last bake",))


@pytest.mark.parametrize("with_state", [False, True])
def test_a_copy_of_the_last_bake_is_still_ours(with_state, tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    for name in (store.name, f"{store.name}.bake") if with_state else (store.name,):
        copy = tmp_path / "copied"
        shutil.copytree(store.with_name(name), copy)
        shutil.rmtree(store.with_name(name))
        copy.rename(store.with_name(name))
    assert "nothing to do" in arco.run("bake", path, "--to", store).text
    # no chunk of a copy is believed by its times
    chunk = store / "sst/c/1/0"
    series(tmp_path, 1, start=6)
    done = arco.bake(path, "--update", "--json", to=store)
    assert done.events()[-1]["objects_kept"] >= 6, done.text
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr") and chunk.exists()


def test_a_chunk_with_the_time_that_it_had_is_not_believed(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    chunk = store / "sst/c/1/0"
    was = chunk.stat()
    chunk.write_bytes(bytes(was.st_size))
    os.utime(chunk, ns=(was.st_atime_ns, was.st_mtime_ns))
    series(tmp_path, 1, start=6)
    arco.bake(path, "--update", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_an_update_of_an_update_reads_no_chunk_that_stays(tmp_path, store):
    """Publishing links and unlinks chunks, which changes their times: these changes are our own."""
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    for number in (6, 7, 8):
        series(tmp_path, 1, start=number)
        chunks = [p for p in store.glob("sst/c/*") if p.is_dir()]
        read = opened(chunks, lambda: arco.bake(path, "--update", to=store))
        assert len(chunks) == number and not read, read
    chunk = store / "sst/c/2/0"
    (done,) = store.parent.glob("*.bake/*/done")
    while chunk.stat().st_ctime_ns <= done.stat().st_ctime_ns:  # times of files go in steps of some milliseconds
        chunk.chmod(0o600)
    series(tmp_path, 1, start=9)
    read = opened([p for p in store.glob("sst/c/*") if p.is_dir()], lambda: arco.bake(path, "--update", to=store))
    assert read == {str(store / "sst/c/2/0")}, "what somebody changed is compared, and no other"


def opened(folders, work):
    """Files below these folders that were opened while `work` ran (inotify)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    names = {libc.inotify_add_watch(watch, os.fsencode(folder), 0x20): folder for folder in folders}
    assert min(names) >= 0, "IN_OPEN"
    work()
    found = set()
    while True:
        try:
            events = os.read(watch, 1 << 16)
        except BlockingIOError:
            os.close(watch)
            return found
        while events:
            number, mask, _, length = struct.unpack_from("iIII", events)
            if mask & 0x20 and not mask & 0x40000000:  # not a folder that was listed
                found.add(os.path.join(names.get(number), os.fsdecode(events[16 : 16 + length].rstrip(b"\0"))))
            events = events[16 + length :]


def test_metadata_that_was_edited_is_said_to_be(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    root = json.loads((store / "zarr.json").read_text())
    root["attributes"]["title"] = "mine"
    (store / "zarr.json").write_text(json.dumps(root))
    for more in ((), ("--update",)):
        arco.refuse("bake", path, "--to", store, *more, exit="target", mention=("metadata was changed", "--overwrite"))
    assert "metadata was changed" in arco.run("plan", path, "--to", store).text
    arco.bake(path, "--overwrite", to=store)


def test_an_update_takes_away_nothing_that_others_put_there(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    zarr.open_group(store, mode="a", use_consolidated=False).create_array("mine", data=np.arange(5))
    (store / "notes.txt").write_text("mine")
    series(tmp_path, 1, start=6)
    before = arco.digest(store)
    arco.refuse("bake", path, "--to", store, "--update", exit="refused", mention=("mine", "notes.txt", "--overwrite"))
    assert arco.digest(store) == before
    (tmp_path / "recipe.lock").unlink()
    arco.bake(path, "--overwrite", to=store)
    arco.bake(path, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")


@pytest.mark.parametrize("fmt", [2, 3])
def test_updates_of_every_format_find_nothing_foreign(fmt, tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path, f"{{time: 1}}, format: zarr{fmt}")
    arco.bake(path, to=store)
    series(tmp_path, 1, start=6)
    arco.bake(path, "--update", to=store)


def test_no_store_inside_another(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    before = arco.digest(store)
    for inside in ("sub.zarr", "sst/sub.zarr", "new/sub.zarr"):
        arco.refuse("bake", path, "--to", store / inside, exit="target", mention=("around the target", store.name))
    arco.refuse("bake", path, "--to", "sub.zarr", exit="target", mention=("around the target",), cwd=store)
    link = tmp_path / "link"
    link.symlink_to(store)
    arco.refuse("bake", path, "--to", link / "sub.zarr", exit="target", mention=("around the target",))
    arco.bake(path, to=f"{store}/../beside.zarr")
    assert arco.digest(store) == before and not [p for p in store.iterdir() if p.name.endswith(".bake")]


def working(store):
    return store.with_name(f"{store.name}.bake")


def make_a_store(path, store):
    arco.bake(path, to=working(store))


def make_a_folder(path, store):
    (working(store) / "mine").mkdir(parents=True)
    (working(store) / "mine/notes.txt").write_text("keep")


def make_a_file(path, store):
    working(store).write_text("keep")


@pytest.mark.parametrize("make", [make_a_store, make_a_folder, make_a_file])
def test_what_no_bake_made_is_no_working_folder(make, tmp_path, store):
    """It is refused before an input is opened, by every command that would write there."""
    series(tmp_path)
    path = recipe(tmp_path)
    saved = tmp_path / "p.json"
    assert arco.run("plan", path, "--to", store, "--units", 2, "--save", saved).code == 0
    make(path, store)
    before = arco.digest(store.parent)
    for day in tmp_path.glob("day*.nc"):
        day.rename(day.with_suffix(".gone"))
    mention = (working(store).name, "would work", "choose another target")
    for words in (("bake", path), ("bake", path, "--overwrite"), ("bake", path, "--update")):
        arco.refuse(*words, "--to", store, exit="target", mention=mention)
    arco.refuse("plan", path, "--to", store, "--units", 2, "--save", tmp_path / "q.json", exit="target", mention=mention)
    arco.refuse("unit", "--plan", saved, "--index", 0, exit="target", mention=mention)
    arco.refuse("finish", "--plan", saved, exit="target", mention=mention)
    assert arco.digest(store.parent) == before and not store.exists()


def test_no_store_where_another_bake_works(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    (state,) = (p for p in working(store).iterdir() if p.is_dir())
    for inside in (working(store) / "y.zarr", state / "y.zarr", working(store) / "new/y.zarr"):
        for how in ((), ("--overwrite",)):
            arco.refuse("bake", path, *how, "--to", inside, exit="target", mention=("another bake works", working(store).name))


def test_a_bake_removes_nothing_that_it_did_not_make(tmp_path, store):
    """Neither beside its own folders nor in them, whether it ends well or not."""
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    (state,) = (p for p in working(store).iterdir() if p.is_dir())
    mine = [working(store) / "mine/a.nc", working(store) / "keep.nc", state / "notes.txt", working(store) / ("0" * 64) / "data.nc"]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("keep")
    series(tmp_path, 1, start=6)
    arco.bake(path, "--update", to=store)
    series(tmp_path, 1, start=7)
    bad = arco.recipe(tmp_path, path.read_text().split("\n", 2)[2] + "steps: [{drop: nothing}]\n", "bad.yaml")
    assert arco.run("bake", bad, "--overwrite", "--to", store).code != 0
    arco.bake(path, "--overwrite", "--take", "time=3", to=tmp_path / "part.zarr")
    arco.bake(path, "--update", to=store)
    assert all(file.read_text() == "keep" for file in mine)
    left = sorted(p.name for p in state.iterdir())
    assert left == ["notes.txt"], left


def test_units_of_inputs_without_versions_are_refused_before_they_run(tmp_path, store):
    series(tmp_path, 3)
    with web.Server(Plain, folder=tmp_path) as server:
        path = arco.recipe(tmp_path, f"axes: {{time: {{concat: [0, 1, 2]}}}}\nsource: {{url: '{server.url}/day{{time}}.nc'}}\n")
        saved = tmp_path / "p.json"
        words = ("plan", path, "--to", store, "--units", "2", "--save", saved)
        arco.refuse(*words, exit="source", mention=("day0.nc", "tells no versions", "`bake`"))
        assert not saved.exists()
        arco.bake(path, to=store)


def test_a_file_of_the_far_future(tmp_path, store):
    series(tmp_path, 2)
    far = 10_413_792_000  # 2300
    os.utime(tmp_path / "day1.nc", (far, far))
    if int((tmp_path / "day1.nc").stat().st_mtime) != far:
        pytest.skip("the file system knows no such time")
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    done = arco.refuse("bake", path, "--to", store, exit="target", mention=("day1.nc", "2262"))
    assert "server" not in done.text
    done = arco.refuse("plan", path, "--to", tmp_path / "u", "--units", 2, "--save", tmp_path / "p", exit="source", mention=("2262",))
    assert "server" not in done.text


def test_what_a_killed_process_left_beside_a_lock_goes(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    # age in seconds, what stands in the name, and whether it stays
    rows = [
        (3600, "17-0", False),
        (10, "17-1", True),
        (-10, "17-2", True),
        (3600, "mine", True),
        (3600, "17-x", True),
    ]
    files = [(tmp_path / f".recipe.lock.{name}.partial", age, stays) for age, name, stays in rows]
    for left, age, _ in files:
        left.write_text("{")
        time = left.stat().st_mtime - age
        os.utime(left, (time, time))
    arco.bake(path, to=store)
    assert [left.exists() for left, _, _ in files] == [stays for _, _, stays in files]


def test_what_a_killed_overwrite_left_goes(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    before = arco.digest(store)
    (state,) = (p for p in store.with_name(f"{store.name}.bake").iterdir() if p.is_dir())
    # as a process leaves it that is killed before its last chunk
    (state / "store/sst/c/0").mkdir(parents=True)
    shutil.copy(store / "sst/c/0/0", state / "store/sst/c/0/0")
    assert "nothing to do" in arco.run("bake", path, "--to", store).text
    assert not (state / "store").exists() and arco.digest(store) == before


def test_a_bake_that_is_refused_as_busy_leaves_nothing(tmp_path, store):
    series(tmp_path)
    path = recipe(tmp_path)
    arco.bake(path, to=store)
    root = store.with_name(f"{store.name}.bake")
    was = sorted(root.iterdir())
    series(tmp_path, 1, start=6)
    with open(root / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        arco.refuse("bake", path, "--to", store, "--update", exit="target", mention=("another process",))
    assert sorted(root.iterdir()) == was


def test_the_root_folder_is_named(tmp_path):
    series(tmp_path, 1)
    arco.refuse("bake", tmp_path / "day0.nc", "--to", "/", exit="target", mention=("in /\n", "--to sst.zarr"))
