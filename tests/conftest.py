"""Fixtures of the Python suite: the binary under test, the data folder, and a store that must not be left behind."""

import hdf5plugin  # noqa: F401  before netCDF4, whose own plugins libhdf5 would find first and fail with
import pytest

import arco


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
