"""Files and their insides

Groups, filters, archives.
"""

import numpy as np

from edge.case import Either, OneFile, Outcomes, Right, Stop, case, cells, dates, grid


@case("data-in-a-group", "The data are in the group `PRODUCT`, their dimensions in the root.", group="PRODUCT")
def group(files):
    parts = [grid(2, seed) for seed in range(2)]
    for number, part in enumerate(parts):

        def fill(ds, number=number, part=part):
            for name, size in (("time", None), ("lat", 3), ("lon", 4)):
                ds.createDimension(name, size)
            time = ds.createVariable("time", "f8", ("time",))
            time.units = "days since 2000-01-01"
            time[:] = [2 * number, 2 * number + 1]
            ds.createGroup("PRODUCT").createVariable("t2m", "f4", ("time", "lat", "lon"))[:] = part

        files.nc4(fill)
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0, 1, 2, 3)}))


def filtered(files, values, filters):
    """One HDF5 file with `time` as a scale, and a variable per set of keywords of `create_dataset`."""

    def fill(file):
        time = file.create_dataset("time", data=np.arange(len(values), dtype="f8"))
        time.make_scale("time")
        time.attrs["units"] = "hours since 2000-01-01"
        for name, keywords in filters().items():
            file.create_dataset(name, data=values, **keywords).dims[0].attach_scale(time)

    files.h5(fill)


@case("filters-of-hdf5", "Deflate with shuffle and Fletcher-32, scale-offset, and a chunk longer than the data.")
def builtin_filters(files):
    values = np.arange(600, dtype="i4")

    def filters():
        return {
            "gz": {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (100,)},
            "so": {"scaleoffset": 0, "chunks": (100,)},
            "big": {"compression": "gzip", "chunks": (1024,), "maxshape": (None,)},
        }

    filtered(files, values, filters)
    return Outcomes(Right({name: (("time",), values) for name in ("gz", "so", "big")}))


@case("filter-lzf", "h5py's own filter LZF.")
def lzf(files):
    values = np.arange(600, dtype="i4")
    filtered(files, values, lambda: {"v": {"compression": "lzf", "chunks": (100,)}})
    return Outcomes(Right({"v": (("time",), values)}))


@case("filter-szip", "SZIP, the filter of NASA's HDF-EOS products.")
def szip(files):
    values = np.arange(600, dtype="i4")
    filtered(files, values, lambda: {"v": {"compression": "szip", "chunks": (100,)}})
    return Outcomes(Right({"v": (("time",), values)}))


@case("filters-by-plugin", "Zstandard, Blosc, bitshuffle and LZ4, which HDF5 reads by plugins.")
def plugins(files):
    values = np.arange(600, dtype="f4")

    def filters():
        import hdf5plugin

        options = {
            "zstd": hdf5plugin.Zstd(),
            "blosc": hdf5plugin.Blosc(cname="lz4"),
            "bitshuffle": hdf5plugin.Bitshuffle(),
            "lz4": hdf5plugin.LZ4(),
        }
        return {name: {"chunks": (100,), **option} for name, option in options.items()}

    filtered(files, values, filters)
    right = Right({name: (("time",), values) for name in ("zstd", "blosc", "bitshuffle", "lz4")})
    return Outcomes(Either(right, Stop(("f0.h5", "zstd"))))


@case("no-dimension-names", "Plain HDF5 without names of dimensions: two square arrays.", concat=None)
def no_scales(files):
    values = np.arange(9.0).reshape(3, 3)

    def fill(file):
        file["a"], file["b"] = values, values.T

    files.h5(fill)
    return Outcomes(Right({"a": (None, values), "b": (None, values.T)}))


@case("in-archives", "A zip with one file, and a tar with one file beside a README.", peers=False)
def archives(files):
    parts = [grid(2, seed) for seed in range(2)]

    def member(path, number):
        inner = path.parent / "x.nc"
        OneFile(inner).nc([2 * number, 2 * number + 1], parts[number])
        data = inner.read_bytes()
        inner.unlink()
        return data

    def write_zip(path):
        import zipfile

        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("d/x.nc", member(path, 0))

    def write_tar(path):
        import io
        import tarfile

        with tarfile.open(path, "w") as archive:
            for name, data in (("README", b"r"), ("x.nc", member(path, 1))):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

    files.add(write_zip, "f{}.zip")
    files.add(write_tar, "f{}.tar")
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0, 1, 2, 3)}))
