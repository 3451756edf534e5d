"""Bakes of inputs that Python's own modules compressed and archived, from disk and over loopback."""

import bz2
import functools
import gzip
import io
import lzma
import tarfile
import zipfile

import numcodecs
import numpy as np
import pytest
import xarray as xr

import arco
import made
import web


def zstd(data):
    return bytes(numcodecs.Zstd(level=3).encode(data))


def zipped(data, method=zipfile.ZIP_DEFLATED, name="d/x.nc", stream=False, beside=(("README.md", b"text"),)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for other, content in beside:
            archive.writestr(other, content)
        if stream:
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
        else:
            archive.writestr(name, data)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """A pipe: zipfile writes data descriptors to it."""

    def __init__(self):
        self.parts = []

    def writable(self):
        return True

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def piped(data):
    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.nc", data)
    return b"".join(out.parts)


def tarred(data, mode="w", format=tarfile.PAX_FORMAT, name="d/x.nc"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        folder = tarfile.TarInfo("d")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for member, content in (("d/README", b"text"), (name, data)):
            info = tarfile.TarInfo(member)
            info.size, info.mtime = len(content), 0.5
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


LONG = "/".join(["é" * 40] * 4) + "/x.nc"
WRAPPINGS = {
    "gz": gzip.compress,
    "gz-members": lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "xz-9-sha256": lambda data: lzma.compress(data, preset=9, check=lzma.CHECK_SHA256),
    "xz-streams": lambda data: lzma.compress(data[:5000]) + bytes(8) + lzma.compress(data[5000:]),
    "zst": zstd,
    "zst-frames": lambda data: zstd(data[:5000]) + zstd(data[5000:]),
    "zip": zipped,
    "zip-stored": functools.partial(zipped, method=zipfile.ZIP_STORED),
    "zip-bzip2": functools.partial(zipped, method=zipfile.ZIP_BZIP2),
    "zip-zip64": functools.partial(zipped, stream=True),
    "zip-name": functools.partial(zipped, name=LONG),
    "zip-piped": piped,
    "zip-of-gz": lambda data: zipped(gzip.compress(data), name="x.nc.gz"),
    "tar": tarred,
    "tar-gnu": functools.partial(tarred, format=tarfile.GNU_FORMAT, name=LONG),
    "tar-ustar": functools.partial(tarred, format=tarfile.USTAR_FORMAT),
    "tar-pax": functools.partial(tarred, name=LONG),
    "tar.gz": functools.partial(tarred, mode="w:gz"),
    "tar.bz2": functools.partial(tarred, mode="w:bz2"),
    "tar.xz": functools.partial(tarred, mode="w:xz"),
    "tar.zst": lambda data: zstd(tarred(data)),
}


@pytest.fixture
def wrapped(tmp_path):
    """Two files of a series, each in every wrapping, under names that say nothing."""
    paths, whole = made.days(tmp_path, [2, 3], grid=(20, 30))
    folder = tmp_path / "wrapped"
    folder.mkdir()
    for name, wrap in WRAPPINGS.items():
        for number, path in enumerate(paths):
            (folder / f"{name}-{number}").write_bytes(wrap(path.read_bytes()))
    return folder, whole


@pytest.fixture
def server(wrapped):
    """A server of the folder without ranges: Python's own."""
    with web.Server(functools.partial(web.Folder, directory=wrapped[0])) as http:
        yield http.url


def left(folder):
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_every_wrapping(wrapped, server, store, tmp_path, name):
    folder, whole = wrapped
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for number, place in enumerate([folder, server]):
        target = store.with_name(f"out{number}.zarr")
        inputs = [f"{place}/{name}-{at}" for at in range(2)]
        arco.bake(*inputs, "--concat", "time", to=target, env={"TMPDIR": str(scratch)})
        assert np.array_equal(xr.open_zarr(target).t.values, whole)
    assert left(scratch) == []


def test_members_by_recipe(wrapped, tmp_path, store):
    folder, whole = wrapped
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for at in range(2):
            archive.add(tmp_path / f"day{at:02d}.nc", f"days/day{at}.nc")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "schema: 1\nname: all\naxes: {time: {concat: [0, 1]}}\nsource: {url: 'all.tar#days/day{time}.nc'}\n"
    )
    done = arco.run("bake", recipe, "--to", store)
    assert done.code == 0, done.text
    assert np.array_equal(xr.open_zarr(store).t.values, whole)


def test_members_on_the_command_line(wrapped, tmp_path, store):
    _, whole = wrapped
    for at in range(2):
        with zipfile.ZipFile(tmp_path / f"z{at}.zip", "w") as archive:
            archive.write(tmp_path / "day00.nc", "a.nc")
            archive.write(tmp_path / f"day{at:02d}.nc", f"b/{at}.nc")
    done = arco.run("bake", tmp_path / "z0.zip", "--to", store)
    assert done.code == arco.EXIT["source"], done.text
    assert all(part in done.err for part in ("z0.zip", "a.nc", "b/0.nc", "#")), done.text
    arco.bake(f"{tmp_path}/z*.zip#b/*.nc", "--concat", "time", to=store)
    assert np.array_equal(xr.open_zarr(store).t.values, whole)


def slip(name):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, b"CDF\x01")
    return out.getvalue()


def linked(data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("link.nc")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


REFUSED = {
    "gz-cut": (lambda data: gzip.compress(data)[:-300], "truncated"),
    "gz-size": (lambda data: gzip.compress(data)[:-1] + b"\x7f", "gzip"),
    "gz-garbage": (lambda data: gzip.compress(data) + b"garbage", "behind"),
    "bz2-cut": (lambda data: bz2.compress(data)[:-30], "bzip2"),
    "xz-cut": (lambda data: lzma.compress(data)[:-300], "truncated"),
    "xz-damaged": (lambda data: lzma.compress(data)[:-60] + bytes(60), "xz"),
    "xz-garbage": (lambda data: lzma.compress(data) + b"garbage", "xz"),
    "xz-window": (
        lambda data: lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29, "mode": lzma.MODE_FAST,
                                                  "mf": lzma.MF_HC3, "nice_len": 3}]),
        "window",
    ),
    "zst-cut": (lambda data: zstd(data)[:-30], "zstd"),
    "slip": (lambda data: slip("../../evil.nc"), ".."),
    "slip-absolute": (lambda data: slip("/tmp/evil.nc"), "/tmp/evil.nc"),
    "zarr": (lambda data: slip("a.zarr/.zgroup"), "a Zarr store"),
    "link": (linked, "link.nc"),
    "bomb": (lambda data: gzip.compress(bz2.compress(bytes(200 << 20))), "1000 times"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(tmp_path, store, name):
    (path,), _ = made.days(tmp_path, [2], grid=(20, 30))
    wrap, part = REFUSED[name]
    (tmp_path / "wrapped.bin").write_bytes(wrap(path.read_bytes()))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = arco.run("bake", tmp_path / "wrapped.bin", "--to", store, env={"TMPDIR": str(scratch)})
    assert done.code == arco.EXIT["source"] and "wrapped.bin" in done.err and part in done.err, done.text
    assert left(scratch) == [] and left(store.parent) == []


def test_a_second_run_unpacks_nothing(wrapped, store, tmp_path):
    folder, whole = wrapped
    cache = tmp_path / "cache"
    inputs = [f"{folder}/tar.gz-{at}" for at in range(2)]
    for number in range(2):
        target = store.with_name(f"out{number}.zarr")
        arco.bake(*inputs, "--concat", "time", "--cache", cache, to=target)
        assert np.array_equal(xr.open_zarr(target).t.values, whole)
        kept = sorted((p.name, p.stat().st_mtime_ns) for p in cache.rglob("data-*"))
        assert len(kept) == 2 and (number == 0 or kept == before)
        before = kept
