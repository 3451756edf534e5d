"""Object stores: the contract and the races of writers on a real one (SeaweedFS), and bakes of what lies there."""

import argparse
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import arco
import made
import places
import s3

PUBLIC = dict.fromkeys([*s3.KEYS, "AWS_PROFILE"], "") | {"AWS_EC2_METADATA_DISABLED": "true"}


def helper():
    """The example program, which cargo builds with the tests."""
    return arco.binary().parent / "examples" / "bucket"


def bucket(url, *arguments):
    if not helper().exists():
        pytest.skip(f"no {helper()}: run `cargo build --release --examples`")
    env = os.environ | s3.KEYS | {"AWS_ENDPOINT_URL": url}
    done = subprocess.run([helper(), *arguments], env=env, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0 and "hush" not in done.stdout + done.stderr, done.stderr
    return done.stdout


def test_a_real_store_keeps_the_contract(s3_store):
    bucket(s3_store.url, "contract", "s3://contract/a/prefix")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: s3_store.put(f"many/keys/{n:04}", b"x"), range(1200)))
    assert bucket(s3_store.url, "list", "s3://many/keys").split() == ["1200", "in", "2"]


def races(s3_store, first, count, each=10):
    """Schedules of lost requests and answers, `each` of one seed."""
    for seed in range(first, first + count):
        with s3.faulty(s3_store, seed) as proxy:
            bucket(proxy.url, "race", f"s3://races/{seed}", str(each))
    return count * each


def test_one_writer_wins_whatever_is_lost(s3_store):
    races(s3_store, 1, 3)


def test_files_of_buckets_are_inputs(s3_store, tmp_path):
    paths, whole = made.days(tmp_path, [2, 3, 1])
    for path in paths:
        for place in ("public", "private"):
            s3_store.put(f"{place}/days/{path.name}", path.read_bytes())
    for place, keys in (("public", PUBLIC), ("private", PUBLIC | s3.KEYS)):
        target = tmp_path / f"{place}.zarr"
        done = arco.bake(
            f"s3://{place}/days/*.nc", "--concat", "time", to=target, env=keys | {"AWS_ENDPOINT_URL": s3_store.url}
        )
        assert np.array_equal(xr.open_zarr(target).t.values, whole) and "hush" not in done.text
    wrong = PUBLIC | s3.KEYS | {"AWS_SECRET_ACCESS_KEY": "wrong-hush", "AWS_ENDPOINT_URL": s3_store.url}
    done = arco.run("inspect", f"s3://private/days/{paths[0].name}", env=wrong)
    assert done.code == arco.EXIT["source"] and "AWS_ACCESS_KEY_ID" in done.err and "hush" not in done.text, done.text


def test_keys_that_a_recipe_names_are_for_its_buckets_alone(s3_store, tmp_path):
    """Two stores with keys of their own, inputs in one and the target in the other."""
    paths, whole = made.days(tmp_path, [2, 3, 1])
    for path in paths:
        s3_store.put(f"lent/days/{path.name}", path.read_bytes())
    s3_store.put("mine/readme.txt", b"a bucket")
    own = PUBLIC | s3.KEYS | {"AWS_ENDPOINT_URL": s3_store.url}
    elsewhere = own | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "other", "AWS_REGION": "moon-1"}
    lent = {
        "ARCOFORGE_GUEST_ACCESS_KEY_ID": "guest-id",
        "ARCOFORGE_GUEST_SECRET_ACCESS_KEY": "hush-guest",
        "ARCOFORGE_GUEST_ENDPOINT_URL": s3_store.url,
        "ARCOFORGE_GUEST_REGION": "us-east-1",
    }
    source = "axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: 's3://lent/days/*.nc'}}, credentials: {}}}\n"
    recipe = arco.recipe(tmp_path, source.format("{kind: s3, name: guest}"))

    local = tmp_path / "local.zarr"
    done = arco.bake(recipe, to=local, env=elsewhere | lent, cwd=tmp_path)
    np.testing.assert_array_equal(xr.open_zarr(local).t, whole)
    assert places.leaks(["hush"], [tmp_path], done.text) == []
    # the guest may not write, and the environment's keys may
    target = arco.run("bake", recipe, "--to", "s3://mine/sst.zarr", env=own | lent, cwd=tmp_path)
    assert target.code == 0, target.text

    for credentials, env, told in [
        ("{kind: s3, name: guest}", own, "ARCOFORGE_GUEST_ACCESS_KEY_ID"),
        ("{kind: s3, name: guest, hosts: [other]}", elsewhere | lent | {"AWS_ENDPOINT_URL": s3_store.url}, "s3://lent"),
        ("{kind: s3, name: guest}", own | lent | {"ARCOFORGE_GUEST_SECRET_ACCESS_KEY": "hush-wrong"}, "s3://lent"),
        ("{kind: s3, name: guest}", own | lent | {"ARCOFORGE_GUEST_HOSTS": "another"}, "belong to `another`"),
    ]:
        refused = arco.run("plan", arco.recipe(tmp_path, source.format(credentials)), env=env, cwd=tmp_path)
        assert refused.code == arco.EXIT["source"] and told in refused.err, refused.text
        assert "source-denied" in refused.err and "hush" not in refused.text, refused.text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Races of writers on SeaweedFS while requests and answers are lost.")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = s3.Store(Path(folder))
        try:
            print(f"{races(server, args.first, args.seeds)} schedules, one winner each")
        finally:
            server.stop()
