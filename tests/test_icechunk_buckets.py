"""Icechunk repositories in an object store, read by Icechunk's own client over S3; one commit, whatever requests are lost."""

import os
import random
import signal
import subprocess

import numpy as np
import pytest

import arco
import made
import s3

SEEDS = int(os.environ.get("ARCOFORGE_SEEDS", "2"))
CHUNKS = ("--chunks", "time=2,lat=10,lon=12", "--codecs", "none")


@pytest.fixture
def place(request, s3_store):
    """A prefix for one test."""
    bucket = "i" + str(abs(hash(request.node.name)) % 10**8)
    s3_store.put(f"{bucket}/other/readme.txt", b"not of the repository")
    return f"{bucket}/deep/sst.icechunk"


@pytest.fixture
def read(client, s3_store, place):
    def of(which="branch=main"):
        return client(f"{s3_store.url} s3://{place}", which)

    of.commit = lambda **kwargs: client.commit(f"{s3_store.url} s3://{place}", **kwargs)
    return of


def env(url, cache):
    return {
        **s3.KEYS,
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_CACHE_HOME": str(cache),
    }


def words(place, paths, *options, format="icechunk"):
    return ["bake", *paths, "--concat", "time", "--format", format, "--to", f"s3://{place}", *options]


def bakes(found):
    return [one["properties"]["arcoforge"] for one in found["history"] if "arcoforge" in one["properties"]]


def data(folder, counts):
    folder.mkdir()
    paths, whole = made.days(folder, counts, grid=(20, 24))
    return paths, whole


def test_a_repository_in_a_bucket(s3_store, place, read, tmp_path):
    paths, whole = data(tmp_path / "in", [2, 2, 3])
    at = env(s3_store.url, tmp_path / "cache")
    done = arco.run(*words(place, paths, *CHUNKS, "--tag", "v1"), env=at)
    assert done.code == 0, done.text
    found, values = read()
    np.testing.assert_array_equal(values["t"], whole)
    assert len(bakes(found)) == 1 and found["tags"] == {"v1": found["history"][0]["id"]}
    again = arco.run(*words(place, paths, *CHUNKS, "--tag", "v1", "--json"), env=at)
    assert again.code == 0 and again.events()[-1]["nothing_to_do"], again.text
    assert read()[0]["history"] == found["history"]
    compare = ["verify", *paths, "--concat", "time", *CHUNKS, "--format", "icechunk", "--to", f"s3://{place}"]
    checked = arco.run(*compare, env=at)
    assert checked.code == 0 and "every value" in checked.out, checked.text
    seen = arco.run("inspect", f"s3://{place}", "--tag", "v1", "--json", env=at).events()[-1]["file"]
    assert seen["format"] == "icechunk" and seen["repository"]["tags"] == found["tags"]
    assert {v["name"]: v["shape"] for v in seen["variables"]}["t"] == [7, 20, 24]
    plain = arco.run("inspect", f"s3://{place}", env=at)
    assert plain.code == 0 and "Icechunk repository" in plain.out, plain.text
    inside = list((tmp_path / "cache" / "arcoforge" / "bakes").iterdir())
    assert len(inside) == 1 and not list(inside[0].glob("*/store")), inside
    secret = [p for p in inside[0].rglob("*") if p.is_file() and b"hush-hush" in p.read_bytes()]
    assert not secret


def test_updates_branches_and_overwriting(s3_store, place, read, tmp_path):
    paths, whole = data(tmp_path / "in", [2] * 4)
    at = env(s3_store.url, tmp_path / "cache")
    assert arco.run(*words(place, paths[:3], *CHUNKS), env=at).code == 0
    first, _ = read()
    last = arco.run(*words(place, paths, *CHUNKS, "--update", "--json"), env=at)
    assert last.code == 0, last.text
    assert last.events()[-1]["objects_kept"] == 12 + 2, last.out
    second, values = read()
    np.testing.assert_array_equal(values["t"], whole)
    assert second["history"][1:] == first["history"]
    np.testing.assert_array_equal(read(f"snapshot={first['history'][0]['id']}")[1]["t"], whole[:6])
    assert arco.run(*words(place, paths[1:], *CHUNKS, "--branch", "dev"), env=at).code == 0
    np.testing.assert_array_equal(read("branch=dev")[1]["t"], whole[2:])
    refused = arco.run(*words(place, paths[1:], *CHUNKS), env=at)
    assert refused.code == arco.EXIT["target"] and "target-exists" in refused.text, refused.text
    assert arco.run(*words(place, paths[1:], *CHUNKS, "--overwrite"), env=at).code == 0
    found, values = read()
    np.testing.assert_array_equal(values["t"], whole[2:])
    assert found["history"][1:] == second["history"]


def test_virtual_chunks_in_a_bucket(s3_store, place, read, tmp_path):
    paths, whole = data(tmp_path / "in", [2, 2])
    at = env(s3_store.url, tmp_path / "cache")
    done = arco.run(*words(place, paths, format="icechunk-virtual"), env=at)
    assert done.code == 0, done.text
    found, values = read()
    np.testing.assert_array_equal(values["t"], whole)
    assert found["places"] == [f"file://{tmp_path}/in/"]
    compare = ["verify", *paths, "--concat", "time", "--format", "icechunk-virtual", "--to", f"s3://{place}"]
    checked = arco.run(*compare, env=at)
    assert checked.code == 0, checked.text


def test_what_others_put_there_is_refused(s3_store, place, read, tmp_path):
    paths, _ = data(tmp_path / "in", [2])
    at = env(s3_store.url, tmp_path / "cache")
    theirs = read.commit()
    refused = arco.run(*words(place, paths, *CHUNKS), env=at)
    assert refused.code == arco.EXIT["target"] and "a commit that no bake made" in refused.text, refused.text
    assert read()[0]["history"][0]["id"] == theirs
    above = place.rsplit("/", 1)[0]
    refused = arco.run(*words(above, paths, *CHUNKS), env=at)
    assert refused.code == arco.EXIT["target"] and "no Icechunk repository" in refused.text, refused.text


@pytest.mark.parametrize("same", [True, False], ids=["one dataset", "two datasets"])
def test_two_machines_at_once(same, s3_store, place, read, tmp_path):
    """Each has folders of its own, as on two machines: one commits, and the other finds that done or is refused."""
    paths, whole = data(tmp_path / "in", [2] * 3)
    others = paths if same else paths[:2]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = []
    for number, inputs in enumerate((paths, others)):
        command = [str(arco.binary()), *map(str, words(place, inputs, *CHUNKS))]
        at = env(s3_store.url, tmp_path / f"machine{number}")
        running.append(subprocess.Popen(command, env={**os.environ, **at}, **pipes))
    ended = [(process.communicate(timeout=300)[0], process.returncode) for process in running]
    found, values = read()
    assert len(bakes(found)) == 1, ended
    assert values["t"].shape[0] in (4, 6)
    np.testing.assert_array_equal(values["t"], whole[: len(values["t"])])
    refused = [(text, code) for text, code in ended if code]
    assert len(refused) <= 1 and all(code == arco.EXIT["target"] for _, code in refused), ended
    assert all("target-exists" in text or "target-conflict" in text for text, _ in refused), ended
    assert same or refused, ended


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("format", ["icechunk", "icechunk-virtual"])
def test_lost_requests_and_answers(format, seed, s3_store, place, read, tmp_path):
    """Four of ten requests fail. Runs until one ends well, and then there is one commit for each bake."""
    paths, whole = data(tmp_path / "in", [2] * 3)
    options = CHUNKS if format == "icechunk" else ()

    texts = []
    with s3.faulty(s3_store, f"{seed}/{format}") as proxy:
        at = env(proxy.url, tmp_path / "cache")
        for count, more in ((2, []), (3, ["--update"])):
            for _ in range(20):
                done = arco.run(*words(place, paths[:count], *options, *more, format=format), env=at)
                texts.append(done.text)
                if done.code == 0:
                    break
                assert done.code in (arco.EXIT["target"], arco.EXIT["source"]), done.text
            else:
                raise AssertionError("\n".join(texts))
            found, values = read()
            np.testing.assert_array_equal(values["t"], whole[: 2 * count])
            assert len(bakes(found)) == count - 1, texts


def test_killed_it_goes_on(s3_store, place, read, tmp_path):
    paths, whole = data(tmp_path / "in", [2] * 4)
    at = env(s3_store.url, tmp_path / "cache")
    r = random.Random(3)
    for _ in range(4):
        command = [str(arco.binary()), *map(str, words(place, paths, *CHUNKS))]
        process = subprocess.Popen(
            command, env={**os.environ, **at}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=r.uniform(0.01, 0.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = arco.run(*words(place, paths, *CHUNKS), env=at)
    assert done.code == 0, done.text
    found, values = read()
    np.testing.assert_array_equal(values["t"], whole)
    assert len(bakes(found)) == 1
