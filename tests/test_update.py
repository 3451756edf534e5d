"""Updates: what is taken over, what is refused and how that is told, and what never takes the place of what."""

import shutil

import netCDF4
import numpy as np
import pytest
import zarr

import arco
import kill
import made


@pytest.fixture
def cache(tmp_path):
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def recipe(folder, output="", steps="", test=""):
    text = f'axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: "day*.nc"}}}}\n{steps}{test}'
    kill.without_lock(folder)
    return arco.recipe(folder, text + (f"output: {{{output}}}\n" if output else ""))


@pytest.mark.parametrize("shards", ["", ", shards: {time: 6}"], ids=["chunks", "shards"])
@pytest.mark.parametrize("then", ["input", "append", "append and input"])
def test_an_update_is_a_bake_from_nothing(shards, then, tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    late = [tmp_path / f"day0{n}.nc" for n in (4, 5)] if "append" in then else []
    for file in late:
        file.rename(file.with_suffix(".later"))
    path = recipe(tmp_path, f"chunks: {{time: 3, lat: 10, lon: 12}}{shards}")
    arco.bake(path, to=store, env=cache)
    for file in late:
        file.with_suffix(".later").rename(file)
    if "input" in then:
        with netCDF4.Dataset(tmp_path / "day00.nc", "a") as ds:
            ds["t"][1, 0, 0] = -5.0
    done = arco.run("bake", path, "--to", store, "--update", "--json", env=cache)
    assert done.code == 0, done.text
    last = done.events()[-1]
    if not shards:
        assert last["objects_kept"] >= 4, last
    kill.without_lock(tmp_path)
    (tmp_path / "anew").mkdir()
    anew = arco.run("bake", path, "--to", tmp_path / "anew" / "out.zarr", "--json", env=cache)
    assert arco.digest(store) == arco.digest(tmp_path / "anew" / "out.zarr")
    assert last["bytes_read"] < anew.events()[-1]["bytes_read"], "what did not change is not read again"
    kill.check_left(store.parent, ["out.zarr"])


OPEN = [
    ("", [6, 20, 24], [12, 20, 24]),
    ("chunks: {lat: 10}", [6, 10, 24], [12, 10, 24]),
    ("chunks: {time: 1MiB}", [6, 20, 24], [12, 20, 24]),
    ("chunks: {lat: 4KiB}", [6, 7, 24], [12, 3, 24]),
    ("chunks: {time: 4}", [4, 20, 24], [4, 20, 24]),
    ("shards: {time: 12}", [6, 20, 24], [12, 20, 24]),
]


@pytest.mark.parametrize(("output", "before", "anew"), OPEN, ids=[row[0] or "all open" for row in OPEN])
def test_chunks_that_nobody_asks_for_stay(output, before, anew, tmp_path, store, cache):
    """An archive that grows makes no other chunks; the result is what a bake makes that asks for these."""
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    late = [tmp_path / f"day0{n}.nc" for n in (3, 4, 5)]
    for file in late:
        file.rename(file.with_suffix(".later"))
    path = recipe(tmp_path, output)

    def chunk_of(root):
        return zarr.open_group(root, mode="r")["t"].chunks

    arco.bake(path, to=store, env=cache)
    assert chunk_of(store) == tuple(before)
    for file in late:
        file.with_suffix(".later").rename(file)
    kill.without_lock(tmp_path)
    planned = arco.run("plan", path, "--to", store, "--json", env=cache).events()[-1]["plan"]["arrays"]
    (t,) = (array for array in planned if array["name"] == "t")
    assert (t["chunk"], t["chunk_anew"]) == (before, anew if anew != before else None)
    told = "kept as they are in the published dataset"
    done = arco.run("bake", path, "--to", store, "--update", env=cache)
    assert done.code == 0, done.text
    assert (told in done.err) == (anew != before), done.err
    assert (told in arco.run("plan", path, "--to", store, env=cache).out) == (anew != before)
    assert chunk_of(store) == tuple(before)
    for words in ((), ("--update",)):
        again = arco.run("bake", path, "--to", store, *words, "--json", env=cache)
        assert again.code == 0 and again.events()[-1]["nothing_to_do"], again.text
    assert arco.run("verify", path, "--to", store, env=cache).code == 0
    kill.without_lock(tmp_path)
    asked = ("--chunks", "time={},lat={},lon={}".format(*before))
    arco.bake(path, *asked, to=tmp_path / "anew.zarr", env=cache)
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")
    arco.bake(path, "--overwrite", to=store, env=cache)
    assert chunk_of(store) == tuple(anew), "who overwrites gets what is best for the archive as it is"


def test_the_whole_takes_no_chunks_of_a_part(tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path)
    arco.bake(path, "--take", "time=2", to=store, env=cache)
    done = arco.run("bake", path, "--to", store, "--update", env=cache)
    assert "update-refused" in done.text and "4 x 20 x 24 was, 12 x 20 x 24 would be" in done.text, done.text


# what is refused


SMALL = "chunks: {time: 3, lat: 10, lon: 12}"
REFUSED = [
    (SMALL, f"{SMALL}, format: zarr2", ["would change the format: Zarr v3 was, Zarr v2 would be"]),
    (
        SMALL,
        f"{SMALL}, codecs: none",
        ["codecs of 4 variables: of `lat` blosc(zstd 2, shuffle) was, not compressed would be", "`lon`, `t`, `time`"],
    ),
    (SMALL, SMALL.replace("3", "4"), ["the chunks of `t`: 3 x 10 x 12 was, 4 x 10 x 12 would be"]),
    (SMALL, f"{SMALL}, shards: {{time: 6}}", ["the shards of `t`: none was, 6 x 10 x 12 would be"]),
]


@pytest.mark.parametrize(("was", "now", "mention"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_cause_is_told_once_and_in_words(was, now, mention, tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    arco.bake(recipe(tmp_path, was), to=store, env=cache)
    before = arco.digest(store)
    done = arco.run("bake", recipe(tmp_path, now), "--to", store, "--update", env=cache)
    assert done.code == arco.EXIT["refused"], done.text
    assert done.err.count("update-refused") == 1, done.text
    assert not [word for word in mention if word not in done.text], done.text
    assert "{" not in done.err and "clevel" not in done.err, "no value as the program prints it for itself"
    assert arco.digest(store) == before


@pytest.mark.parametrize(
    ("steps", "mention"),
    [
        ("steps: [{cast: {t: float64}}]\n", "the type of `t`: float32 was, float64 would be"),
        ("steps: [{rename: {t: sst}}]\n", "take away `t`: in no input now"),
        ("steps: [{set: {u: t * 3, v: t * 2}}]\n", "add `u`, `v`: not in the published dataset"),
    ],
)
def test_variables_that_would_be_others(steps, mention, tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    arco.bake(recipe(tmp_path, SMALL), to=store, env=cache)
    done = arco.run("bake", recipe(tmp_path, SMALL, steps), "--to", store, "--update", env=cache)
    assert done.code == arco.EXIT["refused"] and mention in done.text, done.text
    assert done.err.count(mention) == 1


def test_inputs_that_are_not_those_of_the_lock(tmp_path, store, cache):
    made.days(tmp_path, [2] * 3, grid=(20, 24))
    path = recipe(tmp_path, SMALL)
    arco.bake(path, to=store, env=cache)
    with netCDF4.Dataset(tmp_path / "day01.nc", "a") as ds:
        ds["t"][0, 0, 0] = -5.0
    done = arco.run("bake", path, "--to", store, env=cache)
    assert "lock-mismatch" in done.text and "`bake --update`" in done.text, done.text
    assert arco.run("bake", path, "--to", store, "--update", env=cache).code == 0


# a part never takes the place of the whole


@pytest.mark.parametrize("how", ["--overwrite", "--update"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("part", [("--take", "time=2"), ("--test",)], ids=" ".join)
def test_a_part_never_replaces_the_whole(part, known, how, tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path, SMALL, test="test: {take: {time: 2}}\n")
    arco.bake(path, to=store, env=cache)
    whole = arco.digest(store)
    if not known:
        shutil.rmtree(f"{store}.bake")
    done = arco.run("bake", path, *part, "--to", store, how, env=cache)
    assert done.code == arco.EXIT["target"] and "target-exists" in done.text, done.text
    assert all(word in done.text for word in ("whole dataset", "`--take`", "another target")), done.text
    assert "survey" not in done.err, "refused at once"
    assert arco.digest(store) == whole
    if how == "--overwrite":
        plan = ("plan", path, *part, "--to", store, how)
        assert "goes to another target" in arco.run(*plan, env=cache).out
        save = ("--units", "2", "--save", tmp_path / "plan")
        assert "target-exists" in arco.run(*plan, *save, env=cache).text


def test_a_part_gives_way(tmp_path, store, cache):
    """To another part, and to the whole."""
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path, SMALL)
    for words in (("--take", "time=2"), ("--take", "time=3", "--overwrite"), ("--take", "time=4", "--update")):
        arco.bake(path, *words, to=store, env=cache)
        kill.check_left(store.parent, ["out.zarr"])
    arco.bake(path, "--update", to=store, env=cache)
    done = arco.run("bake", path, "--take", "time=2", "--overwrite", "--to", store, env=cache)
    assert "target-exists" in done.text, "now it is the whole"
    whole = arco.digest(store)
    # as many as there are is no part
    for how, nothing in ((), True), (("--update",), True), (("--overwrite",), False):
        done = arco.run("bake", path, "--take", "time=6", *how, "--to", store, "--json", env=cache)
        assert done.code == 0 and done.events()[-1]["nothing_to_do"] is nothing, done.text
        assert (done.events()[-1]["objects"] == 0) is nothing, "what was written is told"
        assert arco.digest(store) == whole


# where a command is run from


def test_a_bake_is_the_same_from_every_folder(tmp_path, store, cache):
    """One digest, one lock; an update takes over what was made from elsewhere."""
    (tmp_path / "in").mkdir()
    made.days(tmp_path / "in", [2] * 6, grid=(20, 24))
    path = recipe(tmp_path / "in", SMALL)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "in")
    places = [
        (path, None),
        ("recipe.yaml", tmp_path / "in"),
        ("./recipe.yaml", tmp_path / "in"),
        ("in/recipe.yaml", tmp_path),
        ("../in/recipe.yaml", tmp_path / "target"),
        (link / "recipe.yaml", None),
    ]
    plan = ("--units", "1", "--save", tmp_path / "plan", "--to", tmp_path / "other.zarr")
    digests = set()
    for words in ((), plan):
        for recipe_, cwd in places:
            last = arco.run("plan", recipe_, *words, "--json", env=cache, cwd=cwd).events()[-1]
            digests.add(last["plan"]["digest"])
    assert len(digests) == 1
    arco.bake(*places[0][:1], to=store, env=cache)
    for recipe_, cwd in places:
        done = arco.run("bake", recipe_, "--to", store, "--json", env=cache, cwd=cwd)
        assert done.code == 0 and done.events()[-1]["nothing_to_do"], done.text
    for number, (recipe_, cwd) in enumerate(places):
        with netCDF4.Dataset(tmp_path / "in" / "day05.nc", "a") as ds:
            ds["t"][0, 0, 0] = -5.0 - number
        done = arco.run("bake", recipe_, "--to", store, "--update", "--json", env=cache, cwd=cwd)
        assert done.code == 0 and done.events()[-1]["objects_kept"] >= 12, done.text


SPELLINGS = ["day0{}.nc", "./day0{}.nc", "././/day0{}.nc", "{folder}/day0{}.nc", "{folder}/./day0{}.nc"]


@pytest.mark.parametrize("by", ["files", "url", "overrides"])
def test_a_recipe_is_the_same_however_its_paths_are_spelled(by, tmp_path, store, cache):
    inside = tmp_path / "in"
    inside.mkdir()
    made.days(inside, [2] * 3, grid=(20, 24))
    digests = set()
    for number, spelling in enumerate(SPELLINGS):
        kill.without_lock(inside)
        at = [spelling.format(key, folder=inside) for key in (0, 1, 2, "{time}")]
        source = {
            "files": f"files: {at[:3]}",
            "url": f"url: '{at[3]}'",
            "overrides": f"url: 'day0{{time}}.nc', overrides: [{{time: {{from: 1, to: 2}}, url: '{at[3]}'}}]",
        }[by]
        path = arco.recipe(inside, f"axes: {{time: {{concat: [0, 1, 2]}}}}\nsource: {{{source}}}\n")
        for recipe_, cwd in ((path, None), ("recipe.yaml", inside), ("in/recipe.yaml", tmp_path)):
            planned = arco.run("plan", recipe_, "--json", env=cache, cwd=cwd)
            assert planned.code == 0, planned.text
            digests.add(planned.events()[-1]["plan"]["digest"])
        done = arco.run("bake", path, "--to", store, "--json", env=cache)
        assert done.code == 0 and done.events()[-1]["nothing_to_do"] == (number > 0), done.text
    assert len(digests) == 1


def test_data_files_are_the_same_however_they_are_spelled(tmp_path, store, cache):
    """Also for an update, for units, and where a bake goes on from one that was killed."""
    made.days(tmp_path, [2] * 3, grid=(20, 24))
    (tmp_path / "elsewhere").mkdir()
    ways = [[spelling.format(n, folder=tmp_path) for n in range(3)] for spelling in SPELLINGS] + [
        ["day*.nc"],
        ["./day*.nc"],
    ]
    plan = ("--units", "1", "--save", tmp_path / "plan", "--to", tmp_path / "other.zarr")
    digests = set()
    for more in ((), plan):
        for files in ways:
            planned = arco.run("plan", *files, "--concat", "time", *more, "--json", env=cache, cwd=tmp_path)
            assert planned.code == 0, planned.text
            digests.add(planned.events()[-1]["plan"]["digest"])
    assert len(digests) == 1
    for number, files in enumerate(ways):
        done = arco.run("bake", *files, "--concat", "time", "--to", store, "--json", env=cache, cwd=tmp_path)
        assert done.code == 0 and done.events()[-1]["nothing_to_do"] == (number > 0), done.text
    unit = arco.run("unit", "--plan", tmp_path / "plan", "--index", "0", env=cache, cwd=tmp_path / "elsewhere")
    assert unit.code == 0, unit.text
    for number, files in enumerate(ways):
        with netCDF4.Dataset(tmp_path / "day02.nc", "a") as ds:
            ds["t"][0, 0, 0] = -5.0 - number
        words = ("--chunks", "time=2", "--concat", "time", "--json", "--update" if number else "--overwrite")
        done = arco.run("bake", *files, *words, "--to", store, env=cache, cwd=tmp_path)
        assert done.code == 0 and (number == 0 or done.events()[-1]["objects_kept"] >= 4), done.text
    wrong = arco.run("bake", "./day09.nc", "--to", tmp_path / "none.zarr", env=cache, cwd=tmp_path)
    assert "./day09.nc" in wrong.text, "what is shown is what was typed"


def test_a_target_without_a_name(tmp_path, cache):
    made.days(tmp_path, [2] * 3, grid=(20, 24))
    path = recipe(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    for target in (".", "./", "..", "x/..", "/"):
        for more in ((), ("--overwrite",), ("--update",)):
            done = arco.run("bake", path, "--to", target, *more, env=cache, cwd=empty)
            assert done.code in (arco.EXIT["target"], arco.EXIT["usage"]), done.text
            assert "--to sst.zarr" in done.text and "survey" not in done.text, done.text
    assert not list(empty.iterdir())


@pytest.mark.parametrize("shards", [(), ("--shards", "time=48,y=80,x=80")], ids=["chunks", "shards"])
def test_what_is_taken_over_goes_through_no_scratch_storage(shards, tmp_path, store, cache):
    """An update moves cells through scratch storage only for the chunks that it makes."""
    kill.wide(tmp_path)
    command = ("bake", tmp_path / "recipe.yaml", "--memory", "33MiB", "--workers", "1", "--chunks", "time=48,y=40,x=40")
    command = (*command, *shards, "--json")
    first = arco.run(*command, "--to", store, env=cache)
    assert first.code == 0, first.text
    comment = ("--step", "attrs: {set: {'v@comment': hello}}")
    update = arco.run(*command, "--to", store, "--update", *comment, env=cache)
    assert update.code == 0, update.text
    assert update.events()[-1]["bytes_read"] == 0, "all chunks are taken over"
    kill.without_lock(tmp_path)
    values = (np.random.default_rng(24).integers(0, 2000, (2, 320, 320)) * 0.5).astype("f4")
    time = (("time",), np.arange(48.0, 50.0), {"units": "days since 2000-01-01"})
    v = (("time", "y", "x"), values, {}, {"zlib": True, "complevel": 1, "chunksizes": (1, 320, 320)})
    made.netcdf(tmp_path / "day24.nc", {"time": time, "v": v})
    update = arco.run(*command, "--to", store, "--update", *comment, env=cache)
    assert update.code == 0, update.text
    read, whole = update.events()[-1]["bytes_read"], first.events()[-1]["bytes_read"]
    assert 0 < read < whole / 2, f"{read} of {whole} bytes are read"
    kill.without_lock(tmp_path)
    (tmp_path / "anew").mkdir()
    arco.bake(*command[1:-1], *comment, to=tmp_path / "anew" / "out.zarr", env=cache)
    assert arco.digest(store) == arco.digest(tmp_path / "anew" / "out.zarr")
    kill.check_left(store.parent, ["out.zarr"])
