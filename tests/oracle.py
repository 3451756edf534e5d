"""Compares two datasets: what an oracle read from the source files, and what was baked.

Nothing here knows arcoforge. A comparison returns every `Difference`, and never stops at the first; the caller decides
which of them a policy prescribes. Values are equal when their bits are (a NaN equals any NaN), times when they are
the same instant of the same calendar, texts when their characters are, attributes when value and kind are.
"""

import fnmatch
import math
from dataclasses import dataclass

import cftime
import numpy as np

# JSON has no word for them; Zarr writes them as these texts, which its own fill values use too.
NO_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not equal: `where` is `variable`, `variable@attribute` or `@attribute` (group paths in front)."""

    where: str
    kind: str
    expected: object = None
    actual: object = None

    def __str__(self):
        return f"{self.kind} of {self.where}: expected {short(self.expected)}, got {short(self.actual)}"


def short(value):
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 160 else text[:157] + "..."


def datasets(expected, actual, group=""):
    """Every difference between two xarray datasets; `group` is put in front of the names."""
    prefix = f"{group}/" if group else ""
    found = attributes(prefix, expected.attrs, actual.attrs)
    for name in expected.variables:
        if name not in actual.variables:
            found.append(Difference(prefix + str(name), "missing", expected[name].dims))
    for name in actual.variables:
        if name not in expected.variables:
            found.append(Difference(prefix + str(name), "extra", None, actual[name].dims))
        else:
            found += variables(prefix + str(name), expected.variables[name], actual.variables[name])
    for name in sorted(set(expected.variables) & set(actual.variables), key=str):
        if (name in expected.coords) != (name in actual.coords):
            found.append(Difference(prefix + str(name), "coordinate", name in expected.coords, name in actual.coords))
    return found


def variables(name, expected, actual):
    """Every difference between two xarray variables of one name."""
    found = attributes(name, expected.attrs, actual.attrs)
    if expected.dims != actual.dims:
        return [*found, Difference(name, "dims", expected.dims, actual.dims)]
    if expected.shape != actual.shape:
        return [*found, Difference(name, "shape", expected.shape, actual.shape)]
    return found + arrays(name, expected.values, actual.values, packed=is_packed(actual))


def is_packed(variable):
    return bool({"scale_factor", "add_offset"} & set(variable.encoding))


def arrays(name, expected, actual, packed=False):
    """Differences of type and value between two numpy arrays of one shape."""
    kinds = array_kind(expected), array_kind(actual)
    if kinds[0] != kinds[1]:
        return [Difference(name, "dtype", f"{kinds[0]} ({expected.dtype})", f"{kinds[1]} ({actual.dtype})")]
    found = []
    if kinds[0] == "text":
        expected, actual = texts(expected), texts(actual)
    elif kinds[0] == "number" and native(expected.dtype) != native(actual.dtype):
        if packed and (expected.dtype, actual.dtype) == (np.float32, np.float64):
            found.append(Difference(name, "packed-dtype", expected.dtype, actual.dtype))
            actual = within_rounding(expected, actual)
        else:
            return [Difference(name, "dtype", expected.dtype, actual.dtype)]
    wrong = ~equal(expected, actual)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        say = f"{int(wrong.sum())} of {wrong.size}, first at {list(at)}: "
        found.append(Difference(name, "values", say + repr(expected[at]), actual[at]))
    return found


def within_rounding(expected, actual):
    """Doubles as float32, where they are the float32 result but for its rounding: two roundings against one."""
    close = np.abs(expected.astype("f8") - actual) <= np.spacing(np.abs(expected))
    return np.where(close, expected, actual.astype("f4"))


def array_kind(array):
    """`text`, `time`, `timedelta` or `number`: numpy's types for one thing are many."""
    if array.dtype.kind in "SUT":
        return "text"
    if array.dtype.kind == "M":
        return "time"
    if array.dtype.kind == "m":
        return "timedelta"
    if array.dtype.kind == "O":
        first = next((x for x in array.ravel() if x is not None), "")
        return "time" if isinstance(first, cftime.datetime) else "text"
    return "number"


def native(dtype):
    return np.dtype(dtype).newbyteorder("=")


def texts(array):
    """Any text array as one of str: bytes are UTF-8 (or Latin-1), padding with NUL is no part of a text."""

    def one(value):
        if isinstance(value, bytes):
            try:
                value = value.decode()
            except UnicodeDecodeError:
                value = value.decode("latin-1")
        if isinstance(value, np.ndarray):
            return f"array {value.tolist()}"
        return ("" if value is None or value != value else str(value)).rstrip("\0")

    out = np.empty(array.shape, dtype=object)
    for index, value in np.ndenumerate(array):
        out[index] = one(value)
    return out


def equal(expected, actual):
    """Element by element; NaN and NaT equal themselves, -0.0 is not 0.0."""
    expected, actual = np.asarray(expected), np.asarray(actual)
    if expected.dtype.kind == "O" or actual.dtype.kind == "O":
        pairs = zip(expected.ravel(), as_times(actual, expected).ravel(), strict=True)
        return np.array([same_object(x, y) for x, y in pairs], dtype=bool).reshape(expected.shape)
    same = expected == actual
    if expected.dtype.kind == "f":
        same &= np.signbit(expected) == np.signbit(actual)
    if expected.dtype.kind in "fc":
        same |= np.isnan(expected) & np.isnan(actual)
    if expected.dtype.kind in "Mm":
        same |= np.isnat(expected) & np.isnat(actual)
    return same


def as_times(actual, expected):
    return actual.astype(object) if actual.dtype.kind == "M" and expected.dtype.kind == "O" else actual


def same_object(x, y):
    if isinstance(x, cftime.datetime) and isinstance(y, cftime.datetime):
        return x.calendar == y.calendar and x.isoformat() == y.isoformat()
    return x == y or (x != x and y != y)


def attributes(name, expected, actual):
    """Differences of two attribute dictionaries; `name` is the variable (empty for a group)."""
    found = []
    for key in expected:
        if key not in actual:
            found.append(Difference(f"{name}@{key}", "missing-attribute", expected[key]))
        elif not same_attribute(expected[key], actual[key]):
            found.append(Difference(f"{name}@{key}", "attribute", expected[key], actual[key]))
    found += [
        Difference(f"{name}@{key}", "extra-attribute", None, actual[key]) for key in actual if key not in expected
    ]
    return found


def plain(value):
    """An attribute as JSON would give it back: lists of one are their element."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        value = [plain(v) for v in value]
        return value[0] if len(value) == 1 else value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    # netCDF4 leaves out every NUL, also within a text
    return value.replace("\0", "") if isinstance(value, str) else value


def same_attribute(expected, actual):
    expected, actual = plain(expected), plain(actual)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(
            same_attribute(*pair) for pair in zip(expected, actual, strict=True)
        )
    if isinstance(expected, float) and not math.isfinite(expected):
        return actual == NO_NUMBERS[str(expected)] or str(actual) == str(expected)
    if isinstance(expected, str) and isinstance(actual, str) and "\ufffd" in expected:
        return same_but_for_undecoded(expected, actual)
    return type(expected) is type(actual) and expected == actual


def same_but_for_undecoded(expected, actual):
    """netCDF4 decodes by UTF-8 alone and gives U+FFFD for what is none; a reader may know those characters better."""
    return len(expected) == len(actual) and all(x in ("\ufffd", y) for x, y in zip(expected, actual, strict=True))


def matches(difference, deviation):
    """Whether a reviewed deviation (`where`, a glob or list of globs, and `kind`) covers a difference."""
    patterns = deviation["where"]
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return deviation["kind"] == difference.kind and any(fnmatch.fnmatchcase(difference.where, p) for p in patterns)
