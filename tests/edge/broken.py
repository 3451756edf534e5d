"""Broken and hostile files

Nothing of these is to become data.
"""

import hashlib
import zlib

import numpy as np

from edge.case import Either, OneFile, Outcomes, Right, Stop, case, grid


def damaged(files, damage, **more):
    """A good file whose bytes `damage(path, data)` changes."""

    def write(path):
        OneFile(path).nc([2, 3], grid(2, 2), **more)
        path.write_bytes(damage(path, bytearray(path.read_bytes())))

    files.add(write)


@case("empty-file", "A file of no bytes in the middle of the series.")
def empty(files):
    files.nc([0, 1], grid(2, 1))
    files.bytes(b"")
    files.nc([4, 5], grid(2, 2))
    return Outcomes(Stop(("f1.nc", "empty")))


@case("cut-off", "A NetCDF-4 file whose download stopped at 60 %.")
def cut_off(files):
    files.nc([0, 1], grid(2, 1))
    damaged(files, lambda path, data: data[: len(data) * 6 // 10])
    return Outcomes(Stop(("f1.nc", "truncated")))


@case("login-page", "A login page, saved under the name of the file.")
def login_page(files):
    files.nc([0, 1], grid(2, 1))
    files.bytes(b"<!DOCTYPE html><html><head><title>Please log in</title></head></html>")
    return Outcomes(Stop(("f1.nc", "HTML")))


@case("damaged-chunk", "Some bytes inside a deflated chunk are other ones.")
def damaged_chunk(files):
    files.nc([0, 1], grid(2, 1))

    def damage(path, data):
        import h5py

        with h5py.File(path) as file:
            at = file["t2m"].id.get_chunk_info(1).byte_offset + 10
        data[at : at + 12] = b"\xff" * 12
        return data

    damaged(files, damage, filters={"zlib": True, "chunksizes": (1, 3, 4)})
    return Outcomes(Stop(("f1.nc", "t2m")))


def listed_checksum(paths):
    """The digest that the provider lists is the one of the file before a bit of it flipped."""
    data = bytearray(paths[0].read_bytes())
    data[-30] ^= 1
    listed = {paths[0].name: f"sha256:{hashlib.sha256(data).hexdigest()}"}
    axes = {"time": {"concat": [0]}}
    return {"axes": axes, "source": {"files": [str(p) for p in paths], "checksums": listed}}


@case(
    "flipped-bit", "One bit flipped in plain data; the recipe lists the checksum.", recipe=listed_checksum, peers=False
)
def flipped_bit(files):
    def damage(path, data):
        data[-30] ^= 1
        return data

    damaged(files, damage)
    return Outcomes(Stop(("f0.nc", "checksum")))


@case("bomb", "A file of 1 MB with one chunk of 1 GiB.", concat=None, limits=(30, 512), peers=False)
def bomb(files):
    def fill(file):
        size = 1 << 30
        deflate = zlib.compressobj(9)
        block = bytes(1 << 24)
        data = b"".join([deflate.compress(block) for _ in range(size >> 24)] + [deflate.flush()])
        array = file.create_dataset("v", shape=(size,), dtype="u1", chunks=(size,), compression="gzip")
        array.id.write_direct_chunk((0,), data)

    files.h5(fill)
    return Outcomes(Stop(("f0.h5", "v", "memory")))


SECRET = b"TOPSECRET-------"


@case(
    "values-in-another-file", "HDF5 external storage: the values are bytes of another file of the machine.", concat=None
)
def external(files):
    def fill(file):
        from pathlib import Path

        secret = Path(file.filename).with_name("secret.bin").resolve()
        secret.write_bytes(SECRET)
        file.create_dataset("leak", shape=(16,), dtype="u1", external=[(str(secret), 0, 16)])

    files.h5(fill)
    return Outcomes(Stop(("f0.h5", "leak", "external")))


@case("group-within-itself", "A group that holds a link to a group above it.", concat=None, limits=(10, 300))
def cycle(files):
    def fill(file):
        inner = file.create_group("a/b")
        inner["loop"] = file["a"]
        file["v"] = np.arange(3)

    files.h5(fill)
    right = Right({"v": (None, [0, 1, 2])})
    return Outcomes(Either(right, Stop(("f0.h5", "loop"))), {"drop: [a/b/loop]": right})


@case("absurd-header", "A NetCDF-3 header that declares 2^31-1 dimensions.", concat=None, limits=(5, 200))
def absurd_header(files):
    files.bytes(b"CDF\x01" + b"\0\0\0\1" + b"\0\0\0\x0a" + b"\x7f\xff\xff\xff" + bytes(64))
    return Outcomes(Stop(("f0.nc",)))


@case("archive-that-leaves-its-folder", "A zip with members `../../evil.nc` and `/tmp/evil.nc`.", peers=False)
def zip_slip(files):
    def write(path):
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            for name in ("../../evil.nc", "/tmp/evil.nc"):
                archive.writestr(name, b"CDF\x01")

    files.add(write, "f{}.zip")
    return Outcomes(Stop(("f0.zip", "..")))
