"""Hostile files: each ends in a message that names it, within seconds, in bounded memory, and no byte of another file gets out."""

import gzip
import os
import struct
import time

import h5py
import numpy as np
import pytest
import zarr

import arco
import made
import web

SECONDS_MAX = 30
MEMORY_MB_MAX = 300
SECRET = b"root:x:0:0:a secret of this machine"


def measured(*args):
    """Runs the binary under the limits of time and memory."""
    started = time.monotonic()
    done, megabytes = arco.measured(*args, timeout=90)
    seconds = time.monotonic() - started
    assert seconds < SECONDS_MAX, f"{seconds:.0f} s: {done.err}"
    assert megabytes < MEMORY_MB_MAX, f"{megabytes} MB: {done.err}"
    return done


def refused(path, store, mention=(), step=()):
    """Refused with the file's name and what else must be said; nothing is left beside the target."""
    done = measured("bake", path, *step, "--to", store)
    assert done.code in (arco.EXIT["refused"], arco.EXIT["source"], arco.EXIT["target"]), f"exit {done.code}: {done.text}"
    assert "panicked" not in done.text, done.text
    missing = [word for word in (path.name, *mention) if word not in done.text]
    assert not missing, f"the message does not name {missing}: {done.text}"
    arco.nothing_left(store)


def holds(store, text):
    return any(text in (store / key).read_bytes() for key in arco.keys(store))


# declared sizes


def huge(layout):
    """A variable of 2**44 elements that nobody wrote."""

    def write(path):
        with h5py.File(path, "w", libver="latest" if layout.endswith("latest") else "earliest") as file:
            file["good"] = np.arange(5)
            if layout == "contiguous":
                file.create_dataset("bad", (2**44,), "f8")
            else:
                chunk = (1,) if layout.startswith("small") else (2**16,)
                file.create_dataset("bad", (2**44,), "f4", chunks=chunk, compression="gzip")

    return write


def patched(old, new, **keywords):
    """A file whose stored number is another one; the old format has no checksums."""

    def write(path):
        with h5py.File(path, "w", libver="earliest") as file:
            file.create_dataset("bad", (77_777,), "i2", data=np.zeros(77_777, "i2"), **keywords)
            file["bad"].attrs.create("list", np.arange(55_55, dtype="i2"))
        data = path.read_bytes()
        needle = struct.pack("<Q", old)
        assert needle in data
        path.write_bytes(data.replace(needle, struct.pack("<Q", new)))

    return write


def compact(path):
    space, plist = h5py.h5s.create_simple((777,)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    with h5py.File(path, "w", libver="earliest") as file:
        made_id = h5py.h5d.create(file.id, b"bad", h5py.h5t.NATIVE_INT16, space, plist)
        made_id.write(h5py.h5s.ALL, h5py.h5s.ALL, np.zeros(777, "i2"))
    path.write_bytes(path.read_bytes().replace(struct.pack("<Q", 777), struct.pack("<Q", 2**40)))


def classic(version=1, dim=4, records=0, name_bytes=1, attribute=1, elements=1, size=8, begin=200):
    """A NetCDF classic header, every number of which may lie."""
    wide = version == 5
    number = (lambda n: struct.pack(">Q", n)) if wide else (lambda n: struct.pack(">I", n))
    offset = (lambda n: struct.pack(">I", n)) if version == 1 else (lambda n: struct.pack(">Q", n))
    tag = lambda n: struct.pack(">I", n)

    def write(path):
        dims = tag(10) + number(1) + number(name_bytes) + b"x\0\0\0" + number(dim)
        attributes = tag(12) + number(attribute) + number(1) + b"a\0\0\0" + tag(1) + number(elements) + b"v\0\0\0"
        one = number(1) + b"b\0\0\0" + number(1) + number(0) + tag(0) + number(0) + tag(3) + number(size) + offset(begin)
        head = b"CDF" + bytes([version]) + number(records) + dims + attributes + tag(11) + number(1) + one
        path.write_bytes(head.ljust(256, b"\0"))

    return write


SIZES = [
    ("chunked-small", huge("small"), ["bad"]),
    ("chunked-small-latest", huge("small-latest"), ["bad"]),
    ("chunked-large", huge("large"), ["bad"]),
    ("contiguous-nowhere", huge("contiguous"), ["bad"]),
    ("contiguous-patched", patched(77_777, 2**63), []),
    ("contiguous-longer", patched(77_777, 2**33), ["bad"]),
    ("chunked-patched", patched(77_777, 2**50, chunks=(1000,)), ["bad"]),
    ("attribute-patched", patched(55_55, 2**40), ["bad"]),
    ("compact-patched", compact, ["bad"]),
    ("netcdf3-dim", classic(dim=2**31 - 1, size=2**32 - 8), []),
    ("netcdf5-dim", classic(version=5, dim=2**63 - 1), []),
    ("netcdf5-dim-2", classic(version=5, dim=2**62, size=2**62), []),
    ("netcdf3-records", classic(dim=0, records=2**32 - 2), []),
    ("netcdf5-records", classic(version=5, dim=0, records=2**63), []),
    ("netcdf3-name", classic(name_bytes=2**31), []),
    ("netcdf3-attributes", classic(attribute=2**31), []),
    ("netcdf3-elements", classic(elements=2**32 - 4), []),
    ("netcdf5-elements", classic(version=5, elements=2**63), []),
    ("netcdf2-begin", classic(version=2, begin=2**63), []),
]


@pytest.mark.parametrize(("write", "mention"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_sizes_that_are_only_declared(write, mention, tmp_path, store):
    path = tmp_path / "huge.nc"
    write(path)
    refused(path, store, mention)


# links, and other files


def soft_loop(file, _):
    file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")


def soft_self(file, _):
    file["a"] = h5py.SoftLink("/a/a/a")


def hard_loop(file, _):
    group = file.create_group("g/h")
    group["a"] = file["g"]
    group["up"] = file["/"]


def soft_nowhere(file, _):
    file["a"] = h5py.SoftLink("/nothing/here")


def external_link(file, folder):
    with h5py.File(folder / "secret.h5", "w") as other:
        other["v"] = np.frombuffer(SECRET, "u1")
    file["a"] = h5py.ExternalLink(str(folder / "secret.h5"), "/v")


def external_storage(file, folder):
    (folder / "secret.txt").write_bytes(SECRET)
    file.create_dataset("a", (len(SECRET),), "u1", external=[(str(folder / "secret.txt"), 0, len(SECRET))])


def virtual(file, folder):
    with h5py.File(folder / "secret.h5", "w") as other:
        other["v"] = np.frombuffer(SECRET, "u1")
    layout = h5py.VirtualLayout((len(SECRET),), "u1")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "v", shape=(len(SECRET),))
    file.create_virtual_dataset("a", layout)


LINKS = [soft_loop, soft_self, hard_loop, soft_nowhere, external_link, external_storage, virtual]


@pytest.mark.parametrize("write", LINKS, ids=[write.__name__ for write in LINKS])
def test_what_leads_elsewhere_is_refused_and_can_be_dropped(write, tmp_path, store):
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        file["good"] = np.arange(7)
        write(file, tmp_path)
    names = {"soft_loop": ["a", "b"], "hard_loop": ["g/h/a", "g/h/up"]}.get(write.__name__, ["a"])
    refused(path, store, [f"`{name}`" for name in names])
    done = measured("bake", path, "--step", f"drop: [{', '.join(names)}]", "--to", store)
    assert done.code == 0, done.text
    assert zarr.open_group(store)["good"][:].tolist() == list(range(7))
    assert not holds(store, b"secret of this machine") and not holds(store, b"114, 111, 111, 116")


def test_groups_that_are_linked_twice_at_every_level(tmp_path, store):
    path = tmp_path / "diamond.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(40):
            below = group.create_group("left")
            group["right"] = below
            group = below
        group["v"] = np.arange(3)
    refused(path, store)


# damage


def checked(path):
    """Every structure with a checksum of its own: superblock, headers, and one chunk index of each kind."""
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["title"] = "checked"
        shapes = {"single": (None, (6,)), "fixed": (None, (2,)), "extensible": ((None,), (2,)), "tree": ((None, None), (2, 3))}
        for number, (name, (maximum, chunk)) in enumerate(shapes.items()):
            shape = (6, 6)[: len(chunk)]
            values = (np.arange(np.prod(shape)) + 1000 * number).reshape(shape).astype("i4")
            file.create_dataset(name, data=values, chunks=chunk, maxshape=maximum, fletcher32=True)
            file[name].attrs["units"] = "m"
        many = np.arange(700, dtype="i4")
        file.create_dataset("many", data=many, chunks=(1,), maxshape=(None,), fletcher32=True)
        for number in range(12):
            file.attrs[f"dense{number}"] = number
            file[f"many{number}"] = h5py.SoftLink("/single")
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def same_or_refused(path, store, truth):
    """Whether the values came out; an error must name the file."""
    done = arco.run("bake", path, "--to", store, "--overwrite", timeout=60)
    if done.code != 0:
        assert done.code in (arco.EXIT["refused"], arco.EXIT["source"]), f"exit {done.code}: {done.text}"
        assert path.name in done.text and "panicked" not in done.text, done.text
        return False
    root = zarr.open_group(store)
    assert sorted(root.array_keys()) == sorted(truth)
    for name, values in truth.items():
        assert np.array_equal(root[name][...], values), f"{name} has other values"
    assert root.attrs["title"] == "checked" and root["tree"].attrs["units"] == "m"
    return True


@pytest.mark.parametrize("part", range(4))
def test_flipped_bits_never_change_values_where_checksums_are(part, tmp_path, store):
    path = tmp_path / "flipped.h5"
    truth = checked(path)
    good = path.read_bytes()
    assert same_or_refused(path, store, truth)
    random, found = np.random.default_rng(part), 0
    for _ in range(50):
        data = bytearray(good)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        path.write_bytes(data)
        found += not same_or_refused(path, store, truth)
    assert found > 10, f"{found} of 50 flips were seen: most bytes are under a checksum"


SIGNED = [b"\x89HDF", b"OHDR", b"BTHD", b"BTLF", b"FRHP", b"FHDB", b"FAHD", b"FADB", b"EAHD", b"EAIB", b"EASB", b"EADB"]


@pytest.mark.parametrize("signature", SIGNED, ids=[s.decode("latin1").strip("\x89") for s in SIGNED])
def test_every_structure_with_a_checksum_is_checked(signature, tmp_path, store):
    path = tmp_path / "structure.h5"
    truth = checked(path)
    good = path.read_bytes()
    places = [at for at in range(len(good)) if good.startswith(signature, at)]
    assert places, "the file has no such structure"
    for at in places[:4]:
        data = bytearray(good)
        data[at + 11] ^= 1  # behind signature, version and kind
        path.write_bytes(data)
        assert not same_or_refused(path, store, truth), f"the structure at {at} is not checked"


def test_truncated_anywhere(tmp_path, store):
    path = tmp_path / "cut.h5"
    truth = checked(path)
    good = path.read_bytes()
    for end in np.linspace(0, len(good) - 1, 50).astype(int):
        path.write_bytes(good[:end])
        assert not same_or_refused(path, store, truth), f"cut at {end}"


# not data at all

LOGIN = b"<!doctype html>\n<html><body><form action=/login>Sign in</form></body></html>\n"
S3 = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
JSON = b'{"message": "Forbidden", "status": 403}'
PAGES = [("login", LOGIN), ("s3", S3), ("json", JSON), ("gzip", gzip.compress(LOGIN)), ("text", b"404 page not found\n")]


class Pages(web.Answers):
    """Whatever the name is, status 200 and the type that data has; a file changes from request to request."""

    def do_GET(self):
        self.server.asked += 1
        number = min(self.server.asked, len(self.server.bodies))
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{number}"', "Content-Type": "application/x-netcdf"}
        self.answer(200, self.server.bodies[number - 1], headers)


@pytest.mark.parametrize(("body"), [row[1] for row in PAGES], ids=[row[0] for row in PAGES])
def test_pages_in_place_of_data(body, tmp_path, store):
    path = tmp_path / "data.nc"
    path.write_bytes(body)
    refused(path, store)
    with web.Server(Pages, asked=0, bodies=[body]) as server:
        done = measured("bake", f"{server.url}/remote.nc", "--to", store)
    assert done.code == arco.EXIT["source"] and "remote.nc" in done.text, done.text
    arco.nothing_left(store)


def test_a_file_that_changes_while_it_is_read(tmp_path, store):
    versions = []
    for number in range(2):
        values = np.random.default_rng(number).random(400_000)
        made.netcdf(tmp_path / "v.nc", {"v": (("x",), values, {}, {"chunksizes": (50_000,)})}, {"x": values.size})
        versions.append((tmp_path / "v.nc").read_bytes())
    with web.Server(Pages, asked=0, bodies=[versions[0], versions[0], versions[1]]) as server:
        done = measured("bake", f"{server.url}/changing.nc", "--to", store)
    assert done.code == arco.EXIT["source"] and "changing.nc" in done.text, f"exit {done.code}: {done.text}"
    arco.nothing_left(store)


@pytest.mark.parametrize("kind", ["fifo", "zero", "null", "folder"])
def test_what_is_not_a_file(kind, tmp_path, store):
    path = tmp_path / "special.nc"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(f"/dev/{kind}")
    refused(path, store)
