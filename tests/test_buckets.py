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
