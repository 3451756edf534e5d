"""HDF5's chunk indexes, by bytes: h5py writes arrays with other values in every cell, the bake must give them back.

Libraries have been wrong here in silence: fixed arrays whose maximal shape exceeds the shape in a dimension that is not
the first, extensible arrays with an unlimited dimension that is not the first. So every combination is tried.
"""

import itertools

import h5py
import hdf5plugin
import numpy as np
import pytest
import zarr

import arco
import oracle

LIBVERS = ["earliest", "v108", "v110", "v112", "latest"]
SHAPES = [((7,), (3,)), ((7, 10), (3, 4)), ((5, 6, 7), (2, 6, 3))]
FILTERS = [
    ("plain", {}),
    ("gzip", {"compression": "gzip"}),
    ("gzip-shuffle-fletcher32", {"compression": "gzip", "shuffle": True, "fletcher32": True}),
    ("lzf", {"compression": "lzf"}),
    ("szip", {"compression": "szip", "compression_opts": ("nn", 2)}),
    ("scaleoffset", {"scaleoffset": 0}),
]


def limits(shape):
    """Every way of letting each dimension grow: not, to twice the length, or for ever."""
    return itertools.product(*[(n, 2 * n, None) for n in shape])


def unique(shape, dtype, seed):
    return (np.arange(np.prod(shape)) + 1000 * seed + 1).astype(dtype).reshape(shape)


def write(path, libver, options):
    """One file with a dataset per combination; partly written ones (`sparse`) leave chunks unallocated."""
    truth = {}
    with h5py.File(path, "w", libver=(libver, "latest")) as file:
        for (shape, chunk), sparse in itertools.product(SHAPES, (False, True)):
            for number, most in enumerate(limits(shape)):
                name = f"d{len(shape)}_{number:02d}_{'sparse' if sparse else 'full'}"
                values = unique(shape, "i4", number)
                dataset = file.create_dataset(name, shape, "i4", chunks=chunk, maxshape=most, fillvalue=-7, **options)
                if sparse:
                    some = tuple(slice(c, 2 * c) for c in chunk[:-1])
                    dataset[some] = values[some]
                    values = np.where(written(shape, some), values, -7).astype("i4")
                else:
                    dataset[...] = values
                truth[name] = values
    return truth


def written(shape, part):
    out = np.zeros(shape, bool)
    out[part] = True
    return out


def same(store, truth):
    """Asserts that a store holds these arrays, value by value, and no others."""
    root = zarr.open_group(store, mode="r")
    assert set(root.array_keys()) == set(truth)
    found = [d for name, values in truth.items() for d in oracle.arrays(name, values, root[name][...])]
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("libver", LIBVERS)
@pytest.mark.parametrize(("filters", "options"), FILTERS, ids=[f[0] for f in FILTERS])
def test_values_of_every_chunk(libver, filters, options, tmp_path, store):
    truth = write(tmp_path / "f.h5", libver, options)
    arco.bake(tmp_path / "f.h5", to=store)
    same(store, truth)


@pytest.mark.parametrize("libver", LIBVERS)
def test_arrays_that_grew_and_shrank(libver, tmp_path, store):
    """Resized after writing: the index keeps chunks of the largest shape that it ever had."""
    truth = {}
    with h5py.File(tmp_path / "f.h5", "w", libver=(libver, "latest")) as file:
        for number, most in enumerate(itertools.product((None, 40), (None, 40))):
            dataset = file.create_dataset(
                f"d{number}", (4, 6), "i2", chunks=(2, 3), maxshape=most, fillvalue=-1, compression="gzip"
            )
            dataset[...] = unique((4, 6), "i2", number)
            dataset.resize((11, 13))
            values = unique((11, 13), "i2", number + 10)
            dataset[...] = values
            dataset.resize((7, 8))
            truth[f"d{number}"] = values[:7, :8]
    arco.bake(tmp_path / "f.h5", to=store)
    same(store, truth)


@pytest.mark.parametrize("libver", LIBVERS)
def test_many_chunks(libver, tmp_path, store):
    """Deep B-trees, paged fixed arrays and extensible arrays with several blocks."""
    truth = {}
    with h5py.File(tmp_path / "f.h5", "w", libver=(libver, "latest")) as file:
        for number, most in enumerate([(5000, 3), (None, 3), (5000, None), (None, None), (9000, 4)]):
            values = unique((5000, 3), "i4", number)
            file.create_dataset(f"d{number}", data=values, chunks=(1, 2), maxshape=most)
            truth[f"d{number}"] = values
    arco.bake(tmp_path / "f.h5", to=store)
    same(store, truth)


def test_filter_masks(tmp_path, store):
    """Chunks that skipped a filter, as libhdf5 writes them where a filter is optional."""
    values = unique((4, 6), "i4", 3)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        dataset = file.create_dataset("v", (4, 6), "i4", chunks=(2, 6), compression="gzip", shuffle=True)
        dataset[2:] = values[2:]
        dataset.id.write_direct_chunk((0, 0), values[:2].tobytes(), filter_mask=0b11)
    arco.bake(tmp_path / "f.h5", to=store)
    assert np.array_equal(zarr.open_array(store, path="v", mode="r")[...], values)


def test_layouts_and_user_block(tmp_path, store):
    """Contiguous, compact, never written, behind a user block, scalar, and of length zero."""
    path = tmp_path / "f.h5"
    values = unique((3, 5), "f8", 1)
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["contiguous"] = values
        file.create_dataset("nothing", (3, 5), "f4", fillvalue=2.5)
        file["scalar"] = np.int16(4)
        file["zero"] = np.zeros((0, 5), "i4")
        space = h5py.h5s.create_simple((3, 5))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F64BE, space, plist).write(
            h5py.h5s.ALL, h5py.h5s.ALL, values
        )
    with path.open("r+b") as file:
        file.write(b"#!/bin/sh\n")
    arco.bake(path, to=store)
    root = zarr.open_group(store, mode="r")
    assert np.array_equal(root["contiguous"][...], values)
    assert np.array_equal(root["compact"][...], values)
    assert (root["nothing"][...] == 2.5).all()
    assert root["scalar"][()] == 4
    assert root["zero"].shape == (0, 5)


PLUGINS = {
    "lz4": hdf5plugin.LZ4(),
    "lz4-blocks": hdf5plugin.LZ4(nbytes=64),
    "zstd": hdf5plugin.Zstd(clevel=5),
    "bzip2": hdf5plugin.BZip2(blocksize=5),
    "bitshuffle": hdf5plugin.Bitshuffle(cname="none"),
    "bitshuffle-lz4": hdf5plugin.Bitshuffle(cname="lz4"),
    "bitshuffle-zstd": hdf5plugin.Bitshuffle(cname="zstd", clevel=3),
    **{
        f"blosc-{cname}-{shuffle}": hdf5plugin.Blosc(cname=cname, clevel=5, shuffle=shuffle)
        for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
        for shuffle in (0, 1, 2)
    },
}


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<f4", ">f8"])
def test_filters_that_are_plugins(dtype, tmp_path, store):
    """Chunks of an odd number of cells, ragged at both edges, by every plugin that is read."""
    truth = unique((37, 29), dtype, 2)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for name, options in PLUGINS.items():
            file.create_dataset(name, data=truth, chunks=(11, 9), **options)
    arco.bake(tmp_path / "f.h5", to=store)
    same(store, dict.fromkeys(PLUGINS, truth))


def test_nbit(tmp_path, store):
    """Only the significant bits of an integer are stored: of 12 bits, and of 10 that do not begin at the first."""
    truth = {}
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for name, precision, offset, smallest in (("low", 12, 0, -2048), ("high", 10, 4, -512)):
            values = np.arange(smallest, smallest + 24, dtype="i2").reshape(4, 6)
            kind = h5py.h5t.STD_I16LE.copy()
            kind.set_precision(precision)
            kind.set_offset(offset)
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((2, 6))
            plist.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_OPTIONAL)
            dataset = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple((4, 6)), plist)
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values, h5py.h5t.NATIVE_INT16)
            truth[name] = values
    with h5py.File(tmp_path / "f.h5") as file:
        assert all(np.array_equal(file[name][...], values) for name, values in truth.items()), "the oracle itself"
    done = arco.run("bake", tmp_path / "f.h5", "--to", store)
    if done.code == 0:
        same(store, truth)
    else:
        assert done.code == arco.EXIT["source"], done.text
        assert "precision" in done.text or "nbit" in done.text or "bits" in done.text, done.text
