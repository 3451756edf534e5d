"""Writes HDF5 and NetCDF-4 files whose values are known, each with an .npz of what every dataset must read as.

    hdf5_cases.py FOLDER              all cases
    hdf5_cases.py FOLDER fixtures     the few that crates/read/tests/it reads

Every element of a chunked dataset has another value, so that no two chunks can be mistaken for each other. What is in
the .npz is what was written, from the arrays in memory: neither h5py nor libhdf5 reads it back. Run compare.py on
FOLDER/*.h5 and FOLDER/*.nc then.
"""

import ctypes
import itertools
import sys
from pathlib import Path

import h5py
import hdf5plugin
import netCDF4
import numpy as np

LIBVERS = ["earliest", "v110", "latest"]


def values(shape, dtype="<i4", start=1):
    """Every element another value."""
    return (np.arange(int(np.prod(shape)), dtype="i8") + start).astype(dtype).reshape(shape)


class Case:
    """One file, and what is expected of its datasets."""

    def __init__(self, folder, name, **options):
        self.path = Path(folder) / f"{name}.h5"
        self.file = h5py.File(self.path, "w", **options)
        self.expected = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()
        np.savez(self.path.with_suffix(".npz"), **self.expected)

    def write(self, name, array, **options):
        self.file.create_dataset(name, data=array, **options)
        self.expected[name.replace("/", "|")] = array


def maximal_shapes(shape):
    """The shape itself, larger, or unlimited, in every combination of dimensions."""
    return itertools.product(*[(n, n + 3, None) for n in shape])


def index_cases(folder):
    """Every chunk index, over all combinations of maximal shapes."""
    shapes = [((7,), (3,)), ((5, 7), (2, 3)), ((5, 7), (5, 2)), ((4, 3, 5), (2, 2, 2)), ((2, 3, 2, 4), (1, 2, 2, 3))]
    for libver in LIBVERS:
        for filtered in (False, True):
            with Case(folder, f"index_{libver}_{'filtered' if filtered else 'plain'}", libver=libver) as case:
                for (shape, chunks), early in itertools.product(shapes, (False, True)):
                    for n, maxshape in enumerate(maximal_shapes(shape)):
                        if early and filtered:
                            continue
                        name = f"{'x'.join(map(str, shape))}_{'x'.join(map(str, chunks))}_{n}{'_early' * early}"
                        index_case(case, name, shape, chunks, maxshape, filtered, early)


def index_case(case, name, shape, chunks, maxshape, filtered, early):
    array = values(shape, "<i4", 1000)
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_chunk(chunks)
    dcpl.set_fill_value(np.array(-7, "<i4"))
    if filtered:
        dcpl.set_shuffle()
        dcpl.set_deflate(1)
    if early:
        dcpl.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    unlimited = tuple(h5py.h5s.UNLIMITED if m is None else m for m in maxshape)
    space = h5py.h5s.create_simple(shape, unlimited)
    dataset = h5py.Dataset(h5py.h5d.create(case.file.id, name.encode(), h5py.h5t.STD_I32LE, space, dcpl))
    dataset[...] = array
    case.expected[name] = array


def sparse_cases(folder):
    """Chunks that were never written, datasets that grew and shrank."""
    for libver in LIBVERS:
        with Case(folder, f"sparse_{libver}", libver=libver) as case:
            for n, maxshape in enumerate([(9, 8), (12, 11), (None, 8), (9, None), (None, None)]):
                for gzip in (None, 4):
                    expected = np.full((9, 8), 3.5, ">f8")
                    name = f"sparse_{n}_{gzip}"
                    dataset = case.file.create_dataset(name, (9, 8), ">f8", chunks=(2, 3), maxshape=maxshape,
                                                       fillvalue=3.5, compression="gzip" if gzip else None)
                    for at in [(slice(2, 4), slice(3, 6)), (slice(8, 9), slice(6, 8)), (slice(0, 1), slice(0, 1))]:
                        dataset[at] = expected[at] = values(expected[at].shape, ">f8", 50 + at[0].start)
                    case.expected[name] = expected
            case.file.create_dataset("never", (4, 3), "i2", chunks=(2, 2), maxshape=(None, 3))
            case.expected["never"] = np.zeros((4, 3), "i2")
            case.file.create_dataset("never_contiguous", (4, 3), "i2", fillvalue=9)
            case.expected["never_contiguous"] = np.full((4, 3), 9, "i2")
            for n, maxshape in enumerate([(None, 5), (12, 5), (None, None)]):
                array = values((10, 5), "<u2")
                dataset = case.file.create_dataset(f"resized_{n}", data=array, chunks=(3, 2), maxshape=maxshape)
                dataset.resize((4, 3))
                dataset.resize((11, 5))
                expected = np.zeros((11, 5), "<u2")
                expected[:4, :3] = array[:4, :3]
                case.expected[f"resized_{n}"] = expected


def many_cases(folder):
    """Indices that need several blocks, pages and levels."""
    for libver in LIBVERS:
        with Case(folder, f"many_{libver}", libver=libver) as case:
            for name, shape, maxshape in [
                ("fixed", (3000,), (3000,)), ("fixed_more", (50, 40), (60, 70)), ("growing", (3000,), (None,)),
                ("growing_second", (40, 70), (45, None)), ("both", (50, 60), (None, None)),
            ]:
                case.write(name, values(shape, "<i4"), chunks=(1,) * len(shape), maxshape=maxshape)
                case.write(name + "_gzip", values(shape, "<i4"), chunks=(1,) * len(shape), maxshape=maxshape,
                           compression="gzip", compression_opts=1)
    with Case(folder, "paged_latest", libver="latest") as case:
        case.write("growing", values((150_000,), "<i4"), chunks=(1,), maxshape=(None,))
        expected = np.full(150_000, -1, "<i4")
        dataset = case.file.create_dataset("growing_sparse", (150_000,), "<i4", chunks=(1,), maxshape=(None,),
                                           fillvalue=-1)
        for at in (0, 5, 1999, 77_777, 140_000, 149_999):
            dataset[at] = expected[at] = at + 1
        case.expected["growing_sparse"] = expected
        expected = np.full(20_000, -1, "<i4")
        dataset = case.file.create_dataset("fixed_sparse", (20_000,), "<i4", chunks=(1,), fillvalue=-1)
        for at in (3, 1024, 9_999, 19_999):
            dataset[at] = expected[at] = at + 1
        case.expected["fixed_sparse"] = expected


def filter_cases(folder):
    """Every filter, alone and with others, and chunks that skip filters."""
    filters = {
        "gzip": dict(compression="gzip"), "gzip9_shuffle": dict(compression="gzip", compression_opts=9, shuffle=True),
        "shuffle": dict(shuffle=True), "fletcher32": dict(fletcher32=True),
        "all": dict(shuffle=True, compression="gzip", fletcher32=True), "lzf": dict(compression="lzf", shuffle=True),
        "szip_nn": dict(compression="szip", compression_opts=("nn", 8)),
        "szip_ec": dict(compression="szip", compression_opts=("ec", 16)),
        "blosc_lz4": hdf5plugin.Blosc(cname="lz4"), "blosc_zstd_bit": hdf5plugin.Blosc(cname="zstd", shuffle=2),
        "blosc_blosclz": hdf5plugin.Blosc(cname="blosclz", shuffle=0), "blosc_zlib": hdf5plugin.Blosc(cname="zlib"),
        "blosc_lz4hc": hdf5plugin.Blosc(cname="lz4hc"), "zstd": hdf5plugin.Zstd(), "lz4": hdf5plugin.LZ4(),
        "lz4_blocks": hdf5plugin.LZ4(nbytes=64), "bzip2": hdf5plugin.BZip2(), "bitshuffle": hdf5plugin.Bitshuffle(cname="none"),
        "bitshuffle_lz4": hdf5plugin.Bitshuffle(cname="lz4"), "bitshuffle_zstd": hdf5plugin.Bitshuffle(cname="zstd"),
    }
    for dtype in ["i1", "<u2", ">i4", "<i8", "<f4", ">f8"]:
        with Case(folder, f"filters_{np.dtype(dtype).str[1:]}", libver="latest") as case:
            for name, options in filters.items():
                options = dict(options)
                if name.startswith("szip") and dtype == ">f8":
                    continue
                case.write(name, values((37, 41), dtype), chunks=(16, 20), maxshape=(None, 41), **options)
            if np.dtype(dtype).kind in "iu":
                case.write("scaleoffset", values((37, 41), dtype) % 100, chunks=(16, 20), scaleoffset=0)
            else:
                array = np.round(values((37, 41), dtype) / 4, 2).astype(dtype)
                case.write("scaleoffset", array, chunks=(16, 20), scaleoffset=2)
    with Case(folder, "filter_masks") as case:
        masks(case)
        precision(case)


def masks(case):
    import zlib

    array = values((6, 4), "<i4")
    dataset = case.file.create_dataset("mask", (6, 4), "<i4", chunks=(2, 4), shuffle=True, compression="gzip")
    shuffled = lambda a: np.frombuffer(a.tobytes(), "u1").reshape(-1, 4).T.tobytes()  # noqa: E731
    stored = [(0, zlib.compress(shuffled(array[0:2]))), (1, zlib.compress(array[2:4].tobytes())),
              (3, array[4:6].tobytes())]
    for n, (mask, data) in enumerate(stored):
        dataset.id.write_direct_chunk((2 * n, 0), data, mask)
    case.expected["mask"] = array


def precision(case):
    """Integers in some of their bits, plain and packed by n-bit."""
    for name, base, offset, bits, packed in [("bits12", h5py.h5t.STD_I16LE, 0, 12, False),
                                             ("bits12_nbit", h5py.h5t.STD_I16LE, 2, 12, True),
                                             ("bits20_be_nbit", h5py.h5t.STD_U32BE, 5, 20, True),
                                             ("bits16_nbit", h5py.h5t.STD_I16LE, 0, 16, True)]:
        kind = base.copy()
        kind.set_precision(bits)
        kind.set_offset(offset)
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk((4, 5))
        if packed:
            dcpl.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((9, 8))
        dataset = h5py.h5d.create(case.file.id, name.encode(), kind, space, dcpl)
        array = values((9, 8), base.dtype.newbyteorder("=")) - (30 if base.get_sign() else 0)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(array))
        case.expected[name] = array


def type_cases(folder):
    """Element types, layouts, user block."""
    for libver in LIBVERS:
        with Case(folder, f"types_{libver}", libver=libver) as case:
            for dtype in ["i1", "u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]:
                case.write(f"plain_{dtype[0].replace('<', 'l').replace('>', 'b')}{dtype[1:]}", values((3, 4), dtype))
                case.write(f"chunked_{dtype[0].replace('<', 'l').replace('>', 'b')}{dtype[1:]}", values((3, 4), dtype),
                           chunks=(2, 3))
            case.write("bool", np.array([True, False, True]))
            case.write("complex64", (values((2, 3), "f4") + 1j * values((2, 3), "f4", 9)).astype("c8"))
            case.write("complex128", (values((2, 3), "f8") - 1j * values((2, 3), "f8", 9)), chunks=(1, 2))
            case.write("complex_big", (values((2, 3), "f8") - 1j * values((2, 3), "f8", 9)).astype(">c16"))
            case.write("scalar", np.float64(2.5))
            case.write("empty", np.zeros((0, 3), "f4"))
            case.write("empty_chunked", np.zeros((0, 3), "f4"), chunks=(2, 3), maxshape=(None, 3))
            colours = h5py.enum_dtype({"RED": 0, "GREEN": 3, "BLUE": 40}, basetype="<i2")
            case.file.create_dataset("enum", data=np.array([3, 40, 0], "<i2"), dtype=colours)
            case.expected["enum"] = np.array([3, 40, 0], "<i2")
            strings(case)
            compact(case)
            case.write("rows", values((700, 1100), "<f8"))
            case.write("group/inner/deep", values((2, 2), "i2"))
    with Case(folder, "userblock", userblock_size=1024) as case:
        case.write("contiguous", values((3, 4)))
        case.write("chunked", values((5, 4)), chunks=(2, 3), compression="gzip")
        strings(case)
    with open(Path(folder) / "userblock.h5", "r+b") as file:
        file.write(b"a user block")


def strings(case):
    texts = np.array(["a", "", "long text, longer than sixteen bytes", "caf\u00e9", "\u6c34"], object)
    case.file.create_dataset("heap_text", data=texts, dtype=h5py.string_dtype())
    case.file.create_dataset("heap_text_chunked", data=texts, dtype=h5py.string_dtype(), chunks=(2,),
                             compression="gzip")
    case.file.create_dataset("fixed_text", data=np.array([b"ab", b"abcd", b""], "S4"))
    case.file.create_dataset("scalar_text", data="one text")
    case.file.create_dataset("chars", data=np.array([[b"a", b"b", b""], [b"x", b"", b""]], "S1"))
    case.file.create_dataset("unwritten_text", (2,), dtype=h5py.string_dtype())
    for name, expected in [("heap_text", texts), ("heap_text_chunked", texts), ("fixed_text", ["ab", "abcd", ""]),
                           ("scalar_text", ["one text"]), ("chars", ["ab", "x"]), ("unwritten_text", ["", ""])]:
        case.expected[name] = np.array([t.encode() for t in expected])
    padded = h5py.h5t.C_S1.copy()
    padded.set_size(5)
    padded.set_strpad(h5py.h5t.STR_SPACEPAD)
    space = h5py.h5s.create_simple((2,))
    dataset = h5py.h5d.create(case.file.id, b"spaced_text", padded, space)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab   ", b" cd  "], "S5"), padded)
    case.expected["spaced_text"] = np.array([b"ab", b" cd"])


def compact(case):
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_layout(h5py.h5d.COMPACT)
    dataset = h5py.h5d.create(case.file.id, b"compact", h5py.h5t.STD_I32BE, h5py.h5s.create_simple((3, 2)), dcpl)
    array = values((3, 2), ">i4")
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, array)
    case.expected["compact"] = array


def special_cases(folder):
    """What h5py has no call for: edge chunks without filters, shared messages, HDF5's own complex numbers."""
    with Case(folder, "plain_edges", libver="latest") as case:
        for name, maxshape in [("fixed", (5, 7)), ("growing", (None, 7)), ("both", (None, None)), ("single", (8, 8))]:
            chunks = (8, 8) if name == "single" else (2, 3)
            for shuffle in (False, True):
                dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                dcpl.set_chunk(chunks)
                dcpl.set_shuffle()
                if not shuffle:
                    dcpl.set_deflate(3)
                libhdf5().H5Pset_chunk_opts(ctypes.c_int64(dcpl.id), ctypes.c_uint(2))
                unlimited = tuple(h5py.h5s.UNLIMITED if m is None else m for m in maxshape)
                space = h5py.h5s.create_simple((5, 7), unlimited)
                name_bytes = f"{name}_{'shuffle' if shuffle else 'gzip'}".encode()
                dataset = h5py.Dataset(h5py.h5d.create(case.file.id, name_bytes, h5py.h5t.STD_I32LE, space, dcpl))
                dataset[...] = values((5, 7))
                case.expected[name_bytes.decode()] = values((5, 7))
    with Case(folder, "native_complex", libver="latest") as case:
        for name, kind, dtype in [("small", "COMPLEX_IEEE_F32LE", "<c8"), ("large", "COMPLEX_IEEE_F64LE", "<c16")]:
            array = (values((2, 3), "f8") - 1j * values((2, 3), "f8", 7)).astype(dtype)
            dataset = h5py.h5d.create(case.file.id, name.encode(), getattr(h5py.h5t, kind), h5py.h5s.create_simple((2, 3)))
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, array.astype(array.dtype.newbyteorder("=")))
            case.expected[name] = array
    shared_messages(Path(folder) / "shared_messages.h5")


def shared_messages(path):
    """A file whose datatypes, extents and attributes are in a shared message table: refused, variable by variable."""
    fcpl = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    libhdf5().H5Pset_shared_mesg_nindexes(ctypes.c_int64(fcpl.id), ctypes.c_uint(1))
    libhdf5().H5Pset_shared_mesg_index(ctypes.c_int64(fcpl.id), ctypes.c_uint(0), ctypes.c_uint(0x1F),
                                       ctypes.c_uint(1))
    with h5py.File(h5py.h5f.create(str(path).encode(), fcpl=fcpl)) as file:
        for n in range(3):
            dataset = file.create_dataset(f"v{n}", data=values((4, 5)), chunks=(2, 2), compression="gzip")
            dataset.attrs["units"] = "a unit that is long enough to be shared between all of them"


def libhdf5():
    """The C library that h5py itself uses."""
    folder = Path(h5py.__file__).parent.parent / "h5py.libs"
    return ctypes.CDLL(str(next(folder.glob("libhdf5-*"))))


def netcdf_cases(folder):
    """What the NetCDF library does with dimensions, groups and attributes; compared with netCDF4."""
    with netCDF4.Dataset(Path(folder) / "model.nc", "w") as data:
        data.createDimension("time", None)
        data.createDimension("other", None)
        data.createDimension("x", 4)
        data.createDimension("n", 6)
        for n in range(12):
            data.setncattr(f"z{11 - n}", n)
        data.setncattr_string("strings", ["a", "bc"])
        data.setncattr("empty", "")
        data.setncattr("bytes", np.array([1, 2], "i1"))
        data.setncattr("wide", np.array([2**63], "u8"))
        data.delncattr("z5")
        data.setncattr("z3", "again")
        time = data.createVariable("time", "f8", ("time",))
        time[:] = np.arange(10.0)
        short = data.createVariable("short", "i2", ("time", "x"), fill_value=-5, chunksizes=(3, 2), zlib=True)
        short[:4] = values((4, 4), "i2")
        nofill = data.createVariable("nofill", "i4", ("time", "x"), fill_value=False, chunksizes=(2, 4))
        nofill[:5] = values((5, 4), "i4")
        default = data.createVariable("default", "f4", ("time",), chunksizes=(5,))
        default[:5] = np.arange(5)
        data.createVariable("none", "f4", ("time", "x"))
        big = data.createVariable("big", ">f4", ("x",), endian="big", fill_value=1e20)
        big[:3] = [1, 2, 3]
        # a variable with a dimension's name that is not its coordinate
        clash = data.createVariable("n", "i4", ("x", "n"))
        clash[:] = values((4, 6))
        names = data.createVariable("names", "S1", ("x", "n"))
        names._Encoding = "utf-8"
        names[:] = np.array(["one", "tw\u00f6", "", "abcdef"])
        data.createVariable("flag", "S1", ("time",))[:] = np.array(list("abcdefghij"), "S1")
        data.createVariable("texts", str, ("x",))[:] = np.array(["a", "", "\u6c34", "d"], object)
        kinds = data.createEnumType("u1", "kind_t", {"clear": 0, "cloudy": 1, "none": 255})
        data.createVariable("kind", kinds, ("x",), fill_value=255)[:] = np.array([0, 1, 0, 255], "u1")
        group = data.createGroup("model")
        group.title = "inner"
        group.createDimension("y", 3)
        inner = group.createVariable("t", "f4", ("time", "y", "x"), zlib=True, shuffle=True)
        inner[:] = values((10, 3, 4), "f4")
        group.createVariable("y", "f4", ("y",))[:] = [1, 2, 3]
        deep = group.createGroup("deep").createVariable("v", "i8", ("y",))
        deep[:] = [5, 6, 7]
        deep.setncatts({f"a{n}": float(n) for n in range(20, 0, -1)})
        data.renameVariable("big", "large")
        data.createVariable("last", "f8", ())[...] = 7.0
    with h5py.File(Path(folder) / "plain.h5", "w") as data:
        plain(data)
    with h5py.File(Path(folder) / "unscaled.h5", "w") as data:
        unscaled(data)
    with h5py.File(Path(folder) / "unscaled_ordered.h5", "w", track_order=True) as data:
        unscaled(data)


def plain(data):
    """HDF5 without the conventions of NetCDF: no scales, some scales, links, and what can't be read."""
    data["b"] = values((3, 4, 4))
    data["a"] = values((4, 5))
    data["group/c"] = values((4, 3))
    data["group/inner/d"] = values((3, 3, 3))
    data["soft"] = h5py.SoftLink("/group/c")
    data["dangling"] = h5py.SoftLink("/nowhere")
    data["outside"] = h5py.ExternalLink("other.h5", "/x")
    data["hard"] = data["a"]
    data["group/up"] = data["/"]
    data["lat"] = np.arange(4.0)
    data["lat"].make_scale("latitude")
    data["a"].dims[0].attach_scale(data["lat"])
    data["compound"] = np.zeros(3, [("p", "i4"), ("q", "f8")])
    data["reference"] = np.array([data["a"].ref], h5py.ref_dtype)
    data["null"] = h5py.Empty("f4")
    data["opaque"] = np.zeros(2, "V7")
    data["float80"] = np.zeros(2, "f16") if hasattr(np, "float128") else np.zeros(2)
    data.create_dataset("sequence", (2,), h5py.vlen_dtype("i4"))
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    data.create_virtual_dataset("virtual", layout)
    data.create_dataset("external", (4,), "i4", external=[("other.bin", 0, 16)])
    data["a"].attrs["reference"] = data["b"].ref
    data["a"].attrs["null"] = h5py.Empty("S1")
    data["a"].attrs["matrix"] = values((2, 3))
    data["a"].attrs["flag"] = True
    data["a"].attrs["half"] = np.float16(1.5)
    data["a"].attrs["texts"] = np.array([b"x", b"yz"])
    data["a"].attrs["CLASS"] = "IMAGE"
    data["a"].attrs.create("named", 3, dtype=commit(data))


def unscaled(data):
    """Dimensions without scales, as the NetCDF library names them: also after a scale of the same length."""
    data["lat"] = np.arange(4.0)
    data["lat"].make_scale("latitude")
    data["b"] = values((3, 4, 4))
    data["a"] = values((4, 5))
    data.create_dataset("grows", data=values((4, 5)), maxshape=(None, 5), chunks=(2, 5))
    for group in ("z", "group/inner", "group", "group/a"):
        data[f"{group}/c"] = values((4, 3))
        data[f"{group}/d"] = values((3, 3, 3))


def commit(data):
    data["named_type"] = np.dtype("<i2")
    return data["named_type"]


def fixtures(folder):
    """The small files that the Rust tests read; what they must read as is in the tests, by the same rule."""
    shape, chunks = (5, 7), (2, 3)
    for libver in ("earliest", "latest"):
        with Case(folder, f"index_{libver}", libver=libver) as case:
            for filtered, early in ((False, False), (True, False), (False, True)):
                for n, maxshape in enumerate(maximal_shapes(shape)):
                    name = f"{'gzip' if filtered else 'early' if early else 'plain'}_{n}"
                    index_case(case, name, shape, chunks, maxshape, filtered, early)
    with Case(folder, "filter_masks") as case:
        masks(case)
        precision(case)
    with Case(folder, "userblock", userblock_size=512) as case:
        case.write("contiguous", values((3, 4)))
        case.write("chunked", values((5, 4)), chunks=(2, 3), compression="gzip")
        strings(case)
    netcdf_cases(folder)
    for extra in ("*.npz", "unscaled_ordered.h5"):
        for path in folder.glob(extra):
            path.unlink()


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if sys.argv[2:] == ["fixtures"]:
        fixtures(folder)
        return
    for write in (index_cases, sparse_cases, many_cases, filter_cases, type_cases, special_cases, netcdf_cases):
        write(folder)


if __name__ == "__main__":
    main()
