"""Zarr stores as inputs: what zarr-python says of them, and where a baked store differs."""

import zarr

import oracle
import raw

# of stores, as they are called in the list of real ones
FORMATS = ("zarr",)


def differences(source, store, without=()):
    """Between two stores, both read by zarr-python: values bit by bit, attributes, dimensions; those named are left out."""
    want, got = read(source), read(store)
    found = []
    for path, attrs in want["groups"].items():
        found += oracle.attributes(path, attrs, got["groups"].get(path, {}))
    for path, array in want["arrays"].items():
        if path in without:
            continue
        if path not in got["arrays"]:
            found.append(oracle.Difference(path, "missing"))
            continue
        # dimensions without names get some
        dims = array[0] or got["arrays"][path][0]
        found += raw.compare_arrays(path, (dims, *array[1:]), got["arrays"][path])
    return found + [oracle.Difference(path, "extra") for path in got["arrays"] if path not in want["arrays"]]


def read(store):
    """As [`raw.read_store`]; a store that is one array is a group of it, named as its folder."""
    node = zarr.open(store, mode="r")
    if isinstance(node, zarr.Group):
        return raw.read_store(store)
    dims = getattr(node.metadata, "dimension_names", None) or ()
    return {"groups": {"": {}}, "arrays": {store.stem: (dims, dict(node.attrs), node[...])}}


def names(source):
    """Paths of all arrays."""
    return set(read(source)["arrays"])
