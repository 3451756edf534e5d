"""Scratch storage in a folder of the user's: nothing stays there that no bake will use."""

import os

import h5py
import pytest

import arco
import kill


def damaged(folder):
    """A chunk of the last file can't be decoded: the first stage ends there, and what it moved stays."""
    kill.wide(folder)
    path = folder / "day23.nc"
    with h5py.File(path) as file:
        at = file["v"].id.get_chunk_info(1).byte_offset
    content = path.read_bytes()
    put(path, content[: at + 50] + b"\xff" * 50 + content[at + 100 :])
    return content


def put(path, content):
    """Other bytes of the same version."""
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("then", ["again", "other chunks", "other checks"])
def test_scratch_storage_of_a_bake_that_failed_goes_with_it(then, tmp_path, store):
    folder, scratch = tmp_path / "in", tmp_path / "fast"
    content = damaged(folder)
    scratch.mkdir()
    (scratch / "notes.txt").write_text("of somebody else")
    path, to = folder / "recipe.yaml", ("--to", store)
    done = arco.run("bake", path, *kill.SCRATCH, *to, "--scratch", "fast", cwd=tmp_path)
    assert done.code == arco.EXIT["source"], done.text
    (left,) = (name for name in scratch.iterdir() if name.is_dir())
    assert left.name.startswith("arcoforge-")
    put(folder / "day23.nc", content)
    if then == "other checks":
        path.write_text(path.read_text() + "checks: [{size: {time: 48}}]\n")
    chunks = ("--chunks", "time=2,y=320,x=320") if then == "other chunks" else kill.SCRATCH
    scratched = ("--scratch", scratch) if then == "again" else ()
    done = arco.run("bake", path, *chunks, *to, *scratched)
    assert done.code == 0, done.text
    assert [name.name for name in scratch.iterdir()] == ["notes.txt"]
    kill.check_left(store.parent, ["out.zarr"])
