"""Icechunk repositories with virtual chunks, read by Icechunk's own client: values are the files', and changes are seen."""

import functools
import os
import random
import shutil
import signal
import threading
import urllib.parse
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import arco
import kill
import made
import s3
import web
from test_references import KINDS, raw

SAMPLE = int(os.environ.get("ARCOFORGE_FAILPOINTS", "3"))
SEED = int(os.environ.get("ARCOFORGE_SEED", "1"))
SHAPE = (1, 512, 600)


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder / "t.icechunk"


def days(folder, numbers=range(3), keywords=None, **options):
    """Files of one time step, larger than what is written into the target."""
    folder.mkdir(exist_ok=True, parents=True)
    paths = []
    for number in numbers:
        values = (np.arange(np.prod(SHAPE), dtype="f4") * (number + 1)).reshape(SHAPE)
        variables = {
            "time": (("time",), np.array([number], "f8"), {"units": "days since 2000-01-01"}),
            "y": (("y",), np.arange(512, dtype="f4")),
            "t": (("time", "y", "x"), values, {"units": "K"}, KINDS["chunked"][0] if keywords is None else keywords),
        }
        paths.append(made.netcdf(folder / f"day{number}.nc", variables, **options))
    return paths


def bake(*inputs, to, code=0, env=None):
    done = arco.run("bake", *inputs, "--concat", "time", "--format", "icechunk-virtual", "--to", to, env=env)
    assert done.code == code, f"exit {done.code}: {done.text}"
    return done


def whole(paths, name="t"):
    return np.concatenate([raw(path, name) for path in paths])


def bakes(found):
    return [one["properties"]["arcoforge"] for one in found["history"] if "arcoforge" in one["properties"]]


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_stay_in_their_files(kind, client, tmp_path, repository):
    keywords, file_format = KINDS[kind]
    try:
        paths = days(tmp_path / "files", keywords=keywords, format=file_format)
    except RuntimeError as e:
        pytest.skip(f"this netCDF library can't write it: {e}")
    done = bake(*paths, to=repository)
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole(paths))
    np.testing.assert_array_equal(values["y"], np.arange(512))
    np.testing.assert_array_equal(values["time"], [0, 1, 2])
    place = f"file://{tmp_path}/files/"
    assert found["places"] == [place] and f'"{place}": icechunk.Credentials.LocalFileSystemAccess()' in done.text
    assert not (repository / "chunks").exists(), "data was copied"
    assert found["arrays"]["t"]["attrs"]["units"] == "K" and len(bakes(found)) == 1
    checked = arco.run("verify", *paths, "--concat", "time", "--format", "icechunk-virtual", "--to", repository)
    assert checked.code == 0 and "every value" in checked.out, checked.text
    seen = arco.run("inspect", repository, "--json").events()[-1]["file"]
    assert {v["name"]: v["shape"] for v in seen["variables"]}["t"] == [3, 512, 600]
    again = bake(*paths, to=repository)
    assert "nothing to do" in again.text and client(repository)[0]["history"] == found["history"]


def test_packed_values_and_names_of_every_kind(client, tmp_path, repository):
    folder = tmp_path / "100% of Łódź #1 (a?b)"
    paths = []
    for number in range(2):
        values = np.arange(SHAPE[1] * SHAPE[2], dtype="i2").reshape(SHAPE) + np.int16(number)
        attrs = {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": np.int16(-999)}
        variables = {
            "time": (("time",), np.array([number], "f8"), {"units": "days since 2000-01-01"}),
            "deep/t": (("time", "y", "x"), values, attrs, KINDS["chunked"][0]),
        }
        folder.mkdir(exist_ok=True)
        with netCDF4.Dataset(folder / f"day %20 {number}.nc", "w") as ds:
            ds.set_auto_maskandscale(False)
            for dim, n in {"time": None, "y": SHAPE[1], "x": SHAPE[2]}.items():
                ds.createDimension(dim, n)
            for name, (dims, data, attributes, *more) in variables.items():
                fill = attributes.get("_FillValue")
                v = ds.createVariable(name, data.dtype, dims, fill_value=fill, **(more[0] if more else {}))
                v.set_auto_maskandscale(False)
                v.setncatts({k: a for k, a in attributes.items() if k != "_FillValue"})
                v[:] = data
            paths.append(Path(ds.filepath()))
    bake(*paths, to=repository)
    found, values = client(repository)
    np.testing.assert_array_equal(values["deep/t"], whole(paths, "deep/t"))
    assert found["arrays"]["deep/t"]["attrs"]["scale_factor"] == 0.01
    checked = arco.run("verify", *paths, "--concat", "time", "--format", "icechunk-virtual", "--to", repository)
    assert checked.code == 0, checked.text


def test_a_file_that_changed_is_the_client_s_error(client, tmp_path, repository):
    paths = days(tmp_path / "files")
    for path in paths:
        os.utime(path, (1e9, 1e9 + 0.5))
    bake(*paths, to=repository)
    np.testing.assert_array_equal(client(repository)[1]["t"], whole(paths))
    with netCDF4.Dataset(paths[1], "a") as ds:
        ds["t"][0, 0, 0] = -1
    assert "has changed" in client.fails(repository)
    refused = bake(*paths, to=repository, code=arco.EXIT["target"])
    assert "--update" in refused.text, refused.text
    bake(*paths, "--update", to=repository)
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole(paths))
    assert len(bakes(found)) == 2


def test_an_update_is_a_commit_and_the_old_one_stays(client, tmp_path, repository):
    paths = days(tmp_path / "files", range(4))
    bake(*paths[:3], to=repository)
    first, _ = client(repository)
    bake(*paths, "--update", to=repository)
    second, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole(paths))
    np.testing.assert_array_equal(values["time"], np.arange(4.0))
    assert second["history"][1:] == first["history"] and second["places"] == first["places"]
    _, old = client(repository, f"snapshot={first['history'][0]['id']}")
    np.testing.assert_array_equal(old["t"], whole(paths[:3]))
    np.testing.assert_array_equal(old["time"], np.arange(3.0))
    others = days(tmp_path / "others", [4])
    bake(*paths, *others, "--update", "--tag", "five", to=repository)
    third, values = client(repository, "tag=five")
    np.testing.assert_array_equal(values["t"], whole([*paths, *others]))
    assert third["places"] == sorted([*first["places"], f"file://{tmp_path}/"]), third["places"]
    bake(*others, "--overwrite", to=repository)
    last, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole(others))
    assert len(last["history"]) == len(third["history"]) + 1


def test_checks_are_made_before_the_commit(client, tmp_path, repository):
    days(tmp_path, range(2))
    text = "axes: {time: {concat: found}}\nsource: {find: {glob: 'day*.nc'}}\noutput: {format: icechunk-virtual}\n"
    bad = arco.recipe(tmp_path, text + "checks: [{range: {t: [0, 10]}}]\n")
    failed = arco.run("bake", bad, "--to", repository)
    assert failed.code != 0 and "check-failed" in failed.text and not repository.exists(), failed.text
    kill.without_lock(tmp_path)
    good = arco.recipe(tmp_path, text + "checks: [{range: {t: [0, 1e6]}}]\n")
    done = arco.run("bake", good, "--to", repository)
    assert done.code == 0 and "1 passed" in done.text, done.text
    np.testing.assert_array_equal(client(repository)[1]["t"], whole(sorted(tmp_path.glob("day*.nc"))))


REFUSED = {
    "a step": (["--step", "set: {t: t - 273.15}"], "a step computes it"),
    "an order": (["--step", "transpose: [time, x, y]"], "order of its dimensions"),
    "chunks": (["--chunks", "time=1,y=10,x=10"], "whose chunks stay as the files store them"),
    "shards": (["--shards", "time=1,y=10,x=10"], "whose chunks stay as the files store them"),
    "units": (["--units", "2"], "moves no data"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_referenced_is_refused_by_name(kind, tmp_path, repository):
    paths = days(tmp_path / "files")
    words, mention = REFUSED[kind]
    command = "plan" if kind == "units" else "bake"
    more = ["--save", tmp_path / "plan"] if kind == "units" else []
    args = [*paths, "--concat", "time", "--format", "icechunk-virtual", "--to", repository, *words, *more]
    done = arco.run(command, *args)
    assert done.code not in (0, 1) and mention in done.text, done.text
    if kind in ("a step", "an order"):
        assert "target-unsupported" in done.text and "`t`" in done.text, done.text
    assert not repository.exists()


class Dated(web.Answers):
    """A server of files that knows ranges and times, and answers conditions."""

    def do_GET(self):
        path = self.server.folder / self.path.lstrip("/").split("?")[0]
        if not path.is_file():
            self.answer(404, b"")
            return
        changed = int(path.stat().st_mtime)
        unless = self.headers.get("If-Unmodified-Since")
        self.server.asked.append(unless)
        if self.headers.get("If-Match") or (unless and parsedate_to_datetime(unless).timestamp() < changed):
            self.answer(412, b"")
            return
        self.answer(200, path.read_bytes(), {"Last-Modified": formatdate(changed, usegmt=True), "ETag": f'"{changed}"'})


def test_files_on_a_server(client, tmp_path, repository):
    paths = days(tmp_path / "files")
    for path in paths:
        os.utime(path, (1e9, 1e9))
    with web.Server(Dated, folder=tmp_path, asked=[], lock=threading.Lock()) as server:
        urls = [f"{server.url}/files/{path.name}" for path in paths]
        told = arco.run("plan", *urls, "--concat", "time", "--format", "icechunk-virtual", "--to", repository)
        assert told.code == 0 and "requests" not in told.out, told.text
        bake(*urls, "--cache", tmp_path / "downloads", to=repository)
        found, values = client(repository)
        np.testing.assert_array_equal(values["t"], whole(paths))
        assert found["places"] == [f"{server.url}/files/"] and any(server.asked), server.asked
        queries = [f"{url}?token=1" for url in urls]
        refused = bake(*queries, to=tmp_path / "target" / "q.icechunk", code=arco.EXIT["target"])
        assert "HTTP without queries" in refused.text, refused.text
        os.utime(paths[2], (1e9 + 60, 1e9 + 60))
        assert "has changed" in client.fails(repository)


class Escaped(Dated):
    """The same, that knows escapes."""

    def do_GET(self):
        self.path = urllib.parse.unquote(self.path)
        super().do_GET()


ADDRESSES = {
    "a folder above": "{folder}/other/../files/",
    "above a link": "{folder}/link/../files/",
    "two slashes": "/{folder}//files/",
    "a host in capitals": "http://LOCALHOST:{port}/files/",
    "a URL above": "http://127.0.0.1:{port}/other/../files/",
    "a URL with escapes": "http://127.0.0.1:{port}/%66iles/",
}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_ways_to_write_an_address(kind, client, tmp_path, repository):
    files = tmp_path / ("far/files" if kind == "above a link" else "files")
    paths = days(files)
    (tmp_path / "other").mkdir()
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/deep")
    with web.Server(Escaped, folder=tmp_path, asked=[], lock=threading.Lock()) as server:
        folder = ADDRESSES[kind].format(folder=tmp_path, port=server.server_address[1])
        urls = [f"{folder}{path.name}" for path in paths]
        bake(*urls, to=repository)
        np.testing.assert_array_equal(client(repository)[1]["t"], whole(paths))
        checked = arco.run("verify", *urls, "--concat", "time", "--format", "icechunk-virtual", "--to", repository)
        assert checked.code == 0, checked.text


@pytest.mark.parametrize("name", ["t.icechunk", "t.json", "t.parq"])
def test_servers_without_ranges_are_refused(name, tmp_path, repository):
    paths, target = days(tmp_path / "files"), repository.with_name(name)
    kind = {"t.icechunk": "icechunk-virtual", "t.json": "kerchunk-json", "t.parq": "kerchunk-parquet"}[name]
    with web.Server(functools.partial(web.Folder, directory=tmp_path)) as server:
        urls = [f"{server.url}/files/{path.name}" for path in paths]
        for _ in ("first", "of files whose survey was kept"):
            done = arco.run("bake", *urls, "--concat", "time", "--format", kind, "--to", target)
            assert done.code == arco.EXIT["target"] and not target.exists(), done.text
            assert "target-unsupported" in done.text and "sends no ranges" in done.text, done.text
            assert "`zarr3`" in done.text and "mirror" in done.text, done.text


def test_files_in_an_object_store(s3_store, client, tmp_path, repository):
    paths = days(tmp_path / "files")
    for path in paths:
        s3_store.put(f"virtual/in/{path.name}", path.read_bytes())
    env = s3.KEYS | {"AWS_ENDPOINT_URL": s3_store.url, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    urls = [f"s3://virtual/in/{path.name}" for path in paths]
    done = bake(*urls, to=repository, env=env)
    assert "s3_from_env_credentials" in done.text and "hush-hush" not in done.text
    found, values = client(repository)
    np.testing.assert_array_equal(values["t"], whole(paths))
    assert found["places"] == ["s3://virtual/in/"]
    assert not any(b"hush-hush" in p.read_bytes() for p in repository.rglob("*") if p.is_file())
    checked = arco.run(
        "verify", *urls, "--concat", "time", "--format", "icechunk-virtual", "--to", repository, env=env
    )
    assert checked.code == 0, checked.text
    paths = days(tmp_path / "files", keywords=KINDS["chunked"][0] | {"complevel": 1})
    s3_store.put("virtual/in/day1.nc", paths[1].read_bytes())
    assert "has changed" in client.fails(repository)
    for path in paths:
        s3_store.put(f"virtual/in/{path.name}", path.read_bytes())
    elsewhere = env | {"AWS_ENDPOINT_URL": s3_store.url.replace("127.0.0.1", "localhost")}
    refused = bake(*urls, "--update", to=repository, env=elsewhere, code=arco.EXIT["target"])
    assert f"with the endpoint `{s3_store.url}`, expected `http://localhost" in refused.text, refused.text
    alike = {name: value for name, value in env.items() if name != "AWS_REGION"}
    bake(*urls, "--update", to=repository, env=alike)
    np.testing.assert_array_equal(client(repository)[1]["t"], whole(paths))


def test_places_are_those_of_the_recipe_s_keys(s3_store, client, tmp_path, repository):
    paths = days(tmp_path / "files")
    for path in paths:
        s3_store.put(f"lent/virtual/{path.name}", path.read_bytes())
    lent = {"ACCESS_KEY_ID": "guest-id", "SECRET_ACCESS_KEY": "hush-guest", "ENDPOINT_URL": s3_store.url, "REGION": "us-east-1"}
    env = {f"ARCOFORGE_GUEST_{name}": value for name, value in lent.items()}
    env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "moon-1", "AWS_EC2_METADATA_DISABLED": "true"}
    source = "{url: 's3://lent/virtual/day{time}.nc', credentials: {kind: s3, name: guest, hosts: [lent]}}"
    text = f"axes: {{time: {{concat: [0, 1, 2]}}}}\nsource: {source}\noutput: {{format: icechunk-virtual}}\n"
    done = arco.run("bake", arco.recipe(tmp_path, text), "--to", repository, env=env)
    assert done.code == 0 and "s3_from_env_credentials" in done.text and "hush" not in done.text, done.text
    np.testing.assert_array_equal(client(repository)[1]["t"], whole(paths))


@pytest.mark.parametrize("words", [[], ["--update"]], ids=["first", "update"])
def test_killed_anywhere_it_commits_once(failpoints, words, client, tmp_path, repository):
    paths = days(tmp_path / "files", range(3))
    work, log, first = repository.parent, tmp_path / "calls", tmp_path / "first"
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    if words:
        bake(*paths[:2], to=repository, env=env)
        shutil.copytree(work, first, symlinks=True)
    command = ["bake", *paths, "--concat", "time", "--format", "icechunk-virtual", "--to", repository, "--tag", "v", *words]

    def run(number, action):
        shutil.rmtree(work)
        if words:
            shutil.copytree(first, work)
        else:
            work.mkdir()
        return arco.run(*command, env=env, by=[str(failpoints), str(work), str(number), action, str(log)])

    assert run(0, "count").code == 0
    calls = log.read_text().splitlines()
    r = random.Random(f"{SEED}/{words}")
    some = r.sample(range(1, len(calls) + 1), min(3 * SAMPLE, len(calls)))
    for number in sorted({*some, len(calls)}):
        for action in ("before", "after"):
            done = run(number, action)
            what = f"{action} call {number} ({calls[number - 1]})"
            assert done.code == 128 + signal.SIGKILL, f"{what}: {done.text}"
            again = arco.run(*command, env=env)
            assert again.code == 0, f"{what}, then {again.text}"
            found, values = client(repository)
            np.testing.assert_array_equal(values["t"], whole(paths), what)
            assert len(bakes(found)) == 1 + len(words), what
            assert found["tags"] == {"v": found["history"][0]["id"]}, what
