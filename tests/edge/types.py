"""Kinds of values

Texts, enums, truth values and records.
"""

import numpy as np

from edge.case import DAYS, Either, OneFile, Outcomes, Right, Stop, case, cells, grid

TEXTS = ["Å", "", "mu µ", "日本"]


def times_of(ds, numbers):
    ds.createDimension("time", len(numbers))
    time = ds.createVariable("time", "f8", ("time",))
    time.units = DAYS
    time[:] = numbers


# part of the language, and refused by name until targets have a type of fixed-length text that all readers know
NOT_YET = Stop(("strings", "keep", "this version"), exits=(3,))


@case("texts", "Texts of any length, one empty, some beyond ASCII.")
def texts(files):
    for number in range(2):

        def fill(ds, number=number):
            times_of(ds, [2 * number, 2 * number + 1])
            name = ds.createVariable("name", str, ("time",))
            name[:] = np.array(TEXTS[2 * number : 2 * number + 2], object)

        files.nc4(fill)
    right = Right({"name": (("time",), TEXTS)})
    return Outcomes(right, {"strings=text": right})


@case("characters", "Station names as arrays of characters, in UTF-8, as NetCDF-3 has them.")
def characters(files):
    names = ["Ås", "Bergen"]

    def fill(ds):
        times_of(ds, [0, 1])
        ds.createDimension("length", 8)
        name = ds.createVariable("name", "S1", ("time", "length"))
        name.setncattr("_Encoding", "utf-8")
        name.set_auto_chartostring(False)
        padded = [text.encode().ljust(8, b"\0") for text in names]
        name[:] = np.array([[bytes([byte]) for byte in text] for text in padded], "S1")

    files.nc4(fill)
    right = Right({"name": (("time",), names)})
    return Outcomes(right, {"strings=text": right, "strings=keep": NOT_YET})


@case("enum", "A NetCDF-4 enum, as in cloud masks, with a fill value.")
def enum(files):
    def fill(ds):
        times_of(ds, [0, 1])
        ds.createDimension("x", 2)
        kinds = {"clear": 0, "cloudy": 1, "mixed": 2, "missing": 255}
        mask = ds.createVariable("mask", ds.createEnumType("u1", "cloud", kinds), ("time", "x"), fill_value=255)
        mask[:] = np.array([[0, 1], [2, 255]], "u1")

    files.nc4(fill)
    numbers = {"mask": (("time", "x"), [[0, 1], [2, np.nan]])}
    right = Right(numbers, {"mask@flag_meanings": "clear cloudy mixed missing"})
    return Outcomes(right, {"strings=text": right, "strings=keep": NOT_YET})


@case("truth-complex-long", "HDF5 truth values, complex numbers, and integers above 2^63.", concat=None)
def truth_complex_long(files):
    long, pairs = [2**63, 2**64 - 1, 0], np.array([1 + 2j, 3 - 4j, 0])

    def fill(file):
        file["b"], file["u"], file["z"] = np.array([True, False, True]), np.array(long, "u8"), pairs.astype("c8")

    files.h5(fill)
    right = Right({"b": (None, [1, 0, 1]), "u": (None, np.array(long, "u8")), "z": (None, pairs)})
    return Outcomes(Either(right, Stop(("f0.h5",))))


@case("record-beside-numbers", "A table of records (a compound type) beside a usual variable.")
def record(files):
    part = grid(2, 1)

    def add_table(path):
        import h5py

        OneFile(path).nc([0, 1], part)
        with h5py.File(path, "a") as file:
            file["meta"] = np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i4"), ("b", "f8")])

    files.add(add_table)
    # what leaves it out in silence is judged by its output
    right = Right({"t2m": cells(part)}, says=("meta",))
    return Outcomes(Either(right, Stop(("f0.nc", "meta"))), {"drop: [meta]": Right({"t2m": cells(part)})})
