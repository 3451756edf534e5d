"""Icechunk repositories as targets, read by Icechunk's own client: values, history, branches, tags; one commit, whatever fails."""

import errno
import os
import random
import shutil
import signal
import subprocess

import netCDF4
import numpy as np
import pytest

import arco
import kill
import made

# calls at which a bake is killed, of all; all of them: ARCOFORGE_FAILPOINTS=100000
SAMPLE = int(os.environ.get("ARCOFORGE_FAILPOINTS", "3"))
SEED = int(os.environ.get("ARCOFORGE_SEED", "1"))
# chunks of 960 bytes: more than what lies in a manifest
CHUNKS = "output: {format: icechunk, codecs: none, chunks: {time: 2, lat: 10, lon: 12}}\n"


@pytest.fixture
def cache(tmp_path):
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder / "sst.icechunk"


def recipe(folder, steps="", output=CHUNKS, name="recipe.yaml"):
    kill.without_lock(folder)
    text = f'axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: "day*.nc"}}}}\n{steps}{output}'
    return arco.recipe(folder, text, name)


def baked(*args, to, env, code=0):
    done = arco.run("bake", *args, "--to", to, "--json", env=env)
    assert done.code == code, f"exit {done.code}: {done.text}"
    return done.events()[-1]


def bakes(found):
    """The commits of bakes, the last one first."""
    return [one["properties"]["arcoforge"] for one in found["history"] if "arcoforge" in one["properties"]]


def left(repository, names):
    """Beside a repository lies what published bakes keep."""
    beside = sorted(p.name for p in repository.parent.iterdir())
    assert beside == sorted([repository.name, *(f"{name}.bake" for name in names)])
    for name in names:
        root = repository.parent / f"{name}.bake"
        kept = {p.name for state in root.iterdir() if state.name != "lock" for p in state.iterdir()}
        assert kept == kill.KEPT, kept
    unfinished = [str(p) for p in repository.rglob("*#*")]
    assert not unfinished


# what a reader finds


def test_values_metadata_and_history(client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2, 2, 3], grid=(20, 24))
    path = recipe(tmp_path)
    last = baked(path, "--tag", "v1", to=repository, env=cache)
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    np.testing.assert_array_equal(values["time"], np.arange(7.0))
    np.testing.assert_array_equal(values["lat"], np.arange(20) * 10.0)
    assert found["arrays"]["t"]["chunks"] == [2, 10, 12] and found["arrays"]["t"]["attrs"]["units"] == "K"
    (bake,) = bakes(found)
    assert bake["digest"] == last["digest"] and bake["recipe"] == "test"
    assert found["tags"] == {"v1": found["history"][0]["id"]} and found["branches"] == ["main"]
    left(repository, [repository.name])
    again = baked(path, "--tag", "v1", to=repository, env=cache)
    assert again["nothing_to_do"] and len(client(repository)[0]["history"]) == len(found["history"])
    checked = arco.run("verify", path, "--to", repository, env=cache)
    assert checked.code == 0 and "every value" in checked.out, checked.text
    seen = arco.run("inspect", repository, "--json", env=cache).events()[-1]["file"]
    assert seen["format"] == "icechunk" and seen["repository"]["tags"] == found["tags"]
    assert [one["snapshot"] for one in seen["repository"]["history"]] == [one["id"] for one in found["history"]]
    assert {v["name"]: v["shape"] for v in seen["variables"]}["t"] == [7, 20, 24]


def test_groups_scalars_texts_and_chunks_that_are_not_stored(client, tmp_path, repository, cache):
    sparse = np.full((4, 30, 40), np.nan, "f4")
    sparse[1, 3, 5] = 7
    dims = {"time": 4, "y": 30, "x": 40, "station": 2}
    v = (("time", "y", "x"), sparse, {}, {"fill_value": np.float32(np.nan), "chunksizes": (1, 30, 40)})
    name = (("station",), np.array(["Łódź", ""], object))
    groups = {"deep": ({}, {"n": ((), np.int32(5)), "w": (("y",), np.arange(30, dtype="i2"))}, {"title": "below"})}
    made.netcdf(tmp_path / "one.nc", {"v": v, "name": name}, dims=dims, attrs={"title": "all"}, groups=groups)
    baked(tmp_path / "one.nc", "--format", "icechunk", to=repository, env=cache)
    found, values = client(repository)
    np.testing.assert_array_equal(values["v"], sparse)
    assert values["deep/n"] == 5 and found["attrs"]["title"] == "all"
    np.testing.assert_array_equal(values["deep/w"], np.arange(30))
    assert "name" in found["arrays"]
    checked = arco.run("verify", tmp_path / "one.nc", "--format", "icechunk", "--to", repository, env=cache)
    assert checked.code == 0, checked.text


def test_an_update_is_a_snapshot_and_the_old_one_stays(client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2] * 6, grid=(20, 24))
    late = tmp_path / "day05.nc"
    late.rename(late.with_suffix(".later"))
    checks = "checks: [{range: {t: [-10, 1e6]}}]\n"
    path = recipe(tmp_path, checks)
    baked(path, to=repository, env=cache)
    first, old = client(repository)
    assert old["t"].shape[0] == 10
    objects = set((repository / "chunks").iterdir())
    late.with_suffix(".later").rename(late)
    with netCDF4.Dataset(tmp_path / "day00.nc", "a") as ds:
        ds["t"][1, 0, 0] = -5.0
    refused = arco.run("bake", recipe(tmp_path, checks), "--to", repository, env=cache)
    assert refused.code == arco.EXIT["target"] and "--update" in refused.text, refused.text
    last = baked(path, "--update", to=repository, env=cache)
    assert last["objects_kept"] >= 16 and last["objects"] > last["objects_kept"], last
    whole[1, 0, 0] = -5.0
    second, new = client(repository)
    np.testing.assert_array_equal(new["t"], whole)
    assert len(bakes(second)) == 2 and second["history"][1:] == first["history"]
    was, values = client(repository, f"snapshot={first['history'][0]['id']}")
    np.testing.assert_array_equal(values["t"], old["t"])
    assert was["arrays"] == first["arrays"]
    added = set((repository / "chunks").iterdir()) - objects
    assert len(added) == 4 + 4 + 1, "chunks of the new file, of the one that changed, and time"
    left(repository, [repository.name])
    checked = arco.run("verify", path, "--to", repository, env=cache)
    assert checked.code == 0, checked.text


def test_overwrite_commits_anew_and_history_stays(client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2, 2], grid=(20, 24))
    baked(recipe(tmp_path), to=repository, env=cache)
    first, _ = client(repository)
    other = recipe(tmp_path, output="output: {format: icechunk, chunks: {time: 1, lat: 20, lon: 24}}\n")
    baked(other, "--overwrite", to=repository, env=cache)
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    assert found["arrays"]["t"]["chunks"] == [1, 20, 24] and found["history"][1:] == first["history"]
    baked(other, "--overwrite", to=repository, env=cache)
    third, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    assert third["history"][1:] == found["history"], "who overwrites does not trust what is there"
    _, values = client(repository, f"snapshot={first['history'][0]['id']}")
    np.testing.assert_array_equal(values["t"], whole)


def test_branches_are_datasets_of_their_own(client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2, 2], grid=(20, 24))
    path = recipe(tmp_path)
    baked(path, to=repository, env=cache)
    cold = recipe(tmp_path, "steps: [{set: {t: t - 273.15}}]\n", name="cold.yaml")
    baked(cold, "--branch", "dev", "--tag", "cold", to=repository, env=cache)
    on_main, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    on_dev, values = client(repository, "branch=dev")
    np.testing.assert_allclose(values["t"], whole - 273.15, atol=1e-3)
    assert on_main["branches"] == ["dev", "main"] and len(bakes(on_main)) == len(bakes(on_dev)) == 1
    assert on_main["tags"] == {"cold": on_dev["history"][0]["id"]}
    left(repository, [repository.name, f"{repository.name}@dev"])
    moved = arco.run("bake", path, "--to", repository, "--overwrite", "--tag", "cold", env=cache)
    assert moved.code == arco.EXIT["target"] and "a tag never moves" in moved.text, moved.text
    assert client(repository)[0] == on_main
    seen = arco.run("inspect", repository, "--branch", "dev", "--json", env=cache).events()[-1]["file"]
    assert seen["repository"]["snapshot"] == on_dev["history"][0]["id"]


def test_units_are_finished_in_one_commit(client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2] * 4, grid=(20, 24))
    plan = tmp_path / "units.plan"
    saved = arco.run("plan", recipe(tmp_path), "--to", repository, "--units", 3, "--save", plan, env=cache)
    assert saved.code == 0, saved.text
    for number in (2, 0, 1):
        done = arco.run("unit", "--plan", plan, "--index", number, env=cache)
        assert done.code == 0 and not repository.exists(), done.text
    done = arco.run("finish", "--plan", plan, env=cache)
    assert done.code == 0, done.text
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    assert len(bakes(found)) == 1


# what others did


def test_what_others_put_there_is_refused(client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2, 2], grid=(20, 24))
    theirs = client.commit(repository)
    path = recipe(tmp_path)
    refused = arco.run("bake", path, "--to", repository, env=cache)
    assert refused.code == arco.EXIT["target"] and "a commit that no bake made" in refused.text, refused.text
    assert "--branch" in refused.text
    assert client(repository)[0]["history"][0]["id"] == theirs
    baked(path, "--branch", "ours", to=repository, env=cache)
    np.testing.assert_array_equal(client(repository, "branch=ours")[1]["t"], whole)
    baked(path, "--overwrite", to=repository, env=cache)
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    assert "others/theirs" not in values and found["history"][1]["id"] == theirs
    client.commit(repository)
    edited = arco.run("bake", path, "--to", repository, "--update", env=cache)
    assert edited.code == arco.EXIT["target"], edited.text


PLACES = [("a file", lambda path: path.write_text("x")), ("a folder", lambda path: (path.mkdir(), (path / "x").write_text("x")))]


@pytest.mark.parametrize("make", [row[1] for row in PLACES], ids=[row[0] for row in PLACES])
def test_what_is_no_repository_is_refused(make, tmp_path, repository, cache):
    made.days(tmp_path, [2])
    make(repository)
    for words in ([], ["--overwrite"]):
        done = arco.run("bake", recipe(tmp_path), "--to", repository, *words, env=cache)
        assert done.code == arco.EXIT["target"] and "target-exists" in done.text, done.text


OPTIONS = [
    (["--format", "zarr3", "--branch", "b"], "no Icechunk repository"),
    (["--format", "zarr3", "--tag", "b"], "no Icechunk repository"),
    (["--branch", "a/b"], "names of branches"),
    (["--tag", ""], "names of branches"),
    (["--shards", "time=4,lat=20,lon=24"], "`shards`, which Icechunk"),
]


@pytest.mark.parametrize(("words", "mention"), OPTIONS, ids=[" ".join(row[0]) for row in OPTIONS])
def test_options_that_do_not_fit(words, mention, tmp_path, repository, cache):
    made.days(tmp_path, [2], grid=(20, 24))
    done = arco.run("bake", recipe(tmp_path), "--to", repository, *words, env=cache)
    assert done.code in (2, 3, 6) and mention in done.text and not repository.exists(), done.text


def test_bakes_to_branches_of_one_repository_at_once(client, tmp_path, repository, cache):
    """Each makes the repository where it is not there yet, and each commits."""
    _, whole = made.days(tmp_path, [2] * 3, grid=(20, 24))
    path = recipe(tmp_path)
    for _ in range(3):
        shutil.rmtree(repository.parent)
        repository.parent.mkdir()
        kill.without_lock(tmp_path)
        command = [arco.binary(), "bake", path, "--to", repository, "--branch"]
        running = [
            subprocess.Popen(
                [*map(str, command), name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={**os.environ, **cache},
            )
            for name in ("a", "b", "c", "main")
        ]
        for process in running:
            text, _ = process.communicate(timeout=300)
            assert process.returncode == 0, text
        for name in ("a", "b", "c", "main"):
            found, values = client(repository, f"branch={name}")
            np.testing.assert_array_equal(values["t"], whole)
            assert len(bakes(found)) == 1 and found["branches"] == ["a", "b", "c", "main"]


# whatever fails


@pytest.mark.parametrize("words", [[], ["--update"], ["--overwrite"]], ids=["first", "update", "overwrite"])
def test_killed_anywhere_it_commits_once(failpoints, words, client, tmp_path, repository, cache):
    _, whole = made.days(tmp_path, [2] * 4, grid=(20, 24))
    late, work, log = tmp_path / "day03.nc", repository.parent, tmp_path / "calls"
    path, first = recipe(tmp_path), tmp_path / "first"
    if words:
        late.rename(late.with_suffix(".later"))
        baked(path, to=repository, env=cache)
        late.with_suffix(".later").rename(late)
        shutil.copytree(work, first, symlinks=True)
    before = len(words and [1])

    def run(number, action):
        shutil.rmtree(work)
        if words:
            shutil.copytree(first, work)
        else:
            work.mkdir()
        kill.without_lock(tmp_path)
        by = [str(failpoints), str(work), str(number), action, str(log)]
        command = ["bake", path, "--to", repository, "--workers", "1", *words, "--tag", "v"]
        return arco.run(*command, env=cache, by=by)

    assert run(0, "count").code == 0
    calls = log.read_text().splitlines()
    r = random.Random(f"{SEED}/{words}")
    inside = [n for n, call in enumerate(calls, 1) if "sst.icechunk/" in call]
    last = list(range(max(1, len(calls) - 25), len(calls) + 1))
    some = [*r.sample(range(1, len(calls) + 1), min(SAMPLE, len(calls))), *r.sample(inside, min(SAMPLE, len(inside)))]
    for number in sorted({*some, *r.sample(last, min(2 * SAMPLE, len(last)))}):
        for action in ("before", "after"):
            done = run(number, action)
            what = f"{action} call {number} ({calls[number - 1]})"
            assert done.code == 128 + signal.SIGKILL, f"{what}: {done.text}"
            if words and (repository / "repo").exists():
                _, values = client(repository)
                assert values["t"].shape[0] in (6, 8), what
            again = arco.run("bake", path, "--to", repository, *words, "--tag", "v", env=cache)
            assert again.code == 0, f"{what}, then {again.text}"
            found, values = client(repository)
            np.testing.assert_array_equal(values["t"], whole, what)
            assert len(bakes(found)) == before + 1, f"{what}: {bakes(found)}"
            assert found["tags"] == {"v": found["history"][0]["id"]}, what
            assert len({one["bake"] for one in bakes(found)}) == before + 1


LOCKS = [
    (errno.ENOLCK, "has no locks"),
    (errno.EOPNOTSUPP, "has no locks"),
    (errno.EIO, "can't lock the repository"),
    (errno.EINTR, None),
]


@pytest.mark.parametrize(("number", "mention"), LOCKS, ids=[errno.errorcode[row[0]] for row in LOCKS])
def test_without_a_lock_nothing_is_committed(number, mention, failpoints, client, tmp_path, repository, cache):
    """Network file systems without locks: two writers would lose a commit there."""
    _, whole = made.days(tmp_path, [2, 2], grid=(20, 24))
    path, work, log = recipe(tmp_path), repository.parent, tmp_path / "calls"
    command = ["bake", path, "--to", repository, "--workers", "1"]

    def run(at, action):
        shutil.rmtree(work)
        work.mkdir()
        kill.without_lock(tmp_path)
        return arco.run(*command, env=cache, by=[str(failpoints), str(work), str(at), action, str(log)])

    assert run(0, "count").code == 0
    locks = [at for at, call in enumerate(log.read_text().splitlines(), 1) if " flock " in call]
    assert len(locks) >= 2
    # the last one is that of the commit
    done = run(locks[-1], str(number))
    if mention is None:
        assert done.code == 0, done.text
    else:
        assert done.code == arco.EXIT["target"] and mention in done.text, done.text
        assert "GroupNotFound" in client.fails(repository), "nothing was committed"
        again = arco.run(*command, env=cache)
        assert again.code == 0, again.text
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole)
    assert len(bakes(found)) == 1
