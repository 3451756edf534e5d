"""Variables and attributes

What is in some files only, or says other things in each.
"""

import numpy as np

from edge.case import CELLS, Either, Outcomes, Right, Stop, case, cells, grid


def two(files, extras, **more):
    """Two files of two days each, with variables of their own; returns their data."""
    parts = [grid(2, seed) for seed in range(len(extras))]
    for number, (part, extra) in enumerate(zip(parts, extras, strict=True)):
        files.nc([2 * number, 2 * number + 1], part, extra=extra, **more)
    return parts


@case("absent-at-first", "An integer quality flag is there only from the second file on.")
def absent(files):
    flag = np.arange(24, dtype="i2").reshape(2, 3, 4)
    parts = two(files, [{}, {"flag": (CELLS, flag)}])
    nothing = np.full(flag.shape, np.nan)
    filled = Right({"t2m": cells(*parts), "flag": cells(nothing, flag)}, stored={"flag": "i2"})
    stop = Stop(("f0.nc", "flag"))
    by = {
        "absent=error": stop,
        "absent=fill": filled,
        "absent=drop": Right({"t2m": cells(*parts)}, absent=("flag",)),
    }
    return Outcomes(Either(filled, stop), by)


@case("scalar-varies", "The number of the orbit, a scalar, differs from file to file.")
def scalar_varies(files):
    parts = [grid(1, seed) for seed in range(2)]
    for number, part in enumerate(parts):
        files.nc([number], part, extra={"orbit": ((), np.int32(100 + number))})
    right = Right({"t2m": cells(*parts), "orbit": (("time",), [100, 101])})
    stop = Stop(("f1.nc", "orbit"))
    by = {
        "scalars=promote": right,
        "scalars=drop": Right({"t2m": cells(*parts)}, absent=("orbit",)),
        "scalars=error": stop,
    }
    return Outcomes(Either(right, stop), by)


@case("scalar-is-constant", "A grid mapping and a height, scalars that are equal in all files.")
def scalar_constant(files):
    extra = {
        "crs": ((), np.int32(0), {"grid_mapping_name": "latitude_longitude"}),
        "height": ((), np.float64(2.0), {"units": "m"}),
    }
    attrs = {"coordinates": "height", "grid_mapping": "crs"}
    parts = two(files, [extra, extra], attrs=attrs)
    return Outcomes(Right({"t2m": cells(*parts), "height": ((), 2.0), "crs": ((), 0)}))


@case("static-differs", "The land mask, which has no time, is another one in the second file.")
def static(files):
    masks = [np.arange(12, dtype="i2").reshape(3, 4) % 2, np.arange(12, dtype="i2").reshape(3, 4) % 3]
    parts = two(files, [{"mask": (("lat", "lon"), mask)} for mask in masks])
    stop = Stop(("f1.nc", "mask"))
    both = {"t2m": cells(*parts)}
    by = {
        "static=error": stop,
        "static=stack": Right(both | {"mask": (CELLS, np.stack([masks[n] for n in (0, 0, 1, 1)]))}),
        "static=first": Right(both | {"mask": (("lat", "lon"), masks[0])}),
    }
    return Outcomes(stop, by)


@case("attributes-differ", "`history` and the comment of a variable differ between files; the title is the same.")
def attributes(files):
    parts = [grid(2, seed) for seed in range(2)]
    for number, part in enumerate(parts):
        own = {"title": "T", "history": f"h{number}"}
        files.nc([2 * number, 2 * number + 1], part, file_attrs=own, attrs={"units": "K", "comment": f"c{number}"})
    both = {"t2m": cells(*parts)}
    equal = {"title": "T", "t2m@units": "K"}
    right = Right(both, equal | {"history": None, "t2m@comment": None})
    by = {
        "attrs=equal": right,
        "attrs=first": Right(both, equal | {"history": "h0", "t2m@comment": "c0"}),
        "attrs=error": Stop(("f1.nc", "history", "comment")),
        "attrs=collect": Right(both, equal | {"history": ["h0", "h1"], "t2m@comment": ["c0", "c1"]}),
    }
    return Outcomes(right, by)


@case("attribute-with-meaning-differs", "`cell_methods` says mean in one file, maximum in the next.")
def meaning(files):
    for number, method in enumerate(("mean", "maximum")):
        files.nc([number], grid(1, number), attrs={"cell_methods": f"time: {method}"})
    return Outcomes(Stop(("f0.nc", "f1.nc", "t2m", "cell_methods", "maximum")))


@case("variable-of-other-name", "The variable is `t2m` in one file, `T2M` in the next.")
def other_name(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    files.nc([2, 3], b, name="T2M")
    return Outcomes(Stop(("f0.nc", "f1.nc", "T2M")))
