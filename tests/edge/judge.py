"""What a tool made of a case: its dataset against the one that is right, its message against the words it must hold."""

import numpy as np

from edge.case import Either, Right, Stop

CLASSES = {
    "right": "right",
    "wrong": "wrong, no error",
    "silent": "should stop, did not",
    "vague": "stops, names nothing",
    "stops": "stops well",
    "refused": "legal input refused",
}


def judge(outcome, problems=None, message=None, named=None):
    """The class of a result: `problems` are those of a dataset that was made, else `message` is why none was.

    `named(stop, message)` says what a message fails to name; by default every word of the `Stop`."""
    stop = outcome if isinstance(outcome, Stop) else getattr(outcome, "stop", None)
    if message is None:
        if isinstance(outcome, Stop):
            return "silent"
        return "wrong" if problems else "right"
    if stop is None:
        return "refused"
    return "vague" if (named or missing_words)(stop, message) else "stops"


def missing_words(stop, message):
    return [word for word in stop.words if word.lower() not in message.lower()]


def right_of(outcome):
    return outcome.right if isinstance(outcome, Either) else outcome if isinstance(outcome, Right) else None


def compare(ds, right, stored=False):
    """Every difference of a dataset that xarray opened; `stored`: types of stored numbers too."""
    found = []
    for name, (dims, values) in right.variables.items():
        if name not in ds.variables:
            found.append(f"no `{name}`")
            continue
        found += [f"`{name}`: {problem}" for problem in variable(ds[name], dims, values, right)]
    found += [f"`{name}` is there" for name in right.absent if name in ds.variables]
    for where, expected in right.attrs.items():
        of, at = where.split("@") if "@" in where else ("", where)
        if of and of not in ds.variables:
            continue
        actual = attribute(ds[of] if of else ds, at)
        if not same(actual, expected):
            found.append(f"`{where}` is {actual!r}, not {expected!r}")
    for name, dtypes in right.stored.items() if stored else ():
        if name in ds.variables:
            actual = ds[name].encoding.get("dtype", ds[name].dtype)
            if actual not in [np.dtype(dtype) for dtype in dtypes.split()]:
                found.append(f"`{name}` is stored as {actual}, not {dtypes.replace(' ', ' or ')}")
    return found


def attribute(of, name):
    value = of.attrs.get(name, of.encoding.get(name))
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def same(actual, expected):
    return list(actual) == expected if isinstance(expected, list) and actual is not None else actual == expected


def variable(array, dims, expected, right):
    """What is wrong with the dimensions or values of one variable."""
    expected = np.asarray(expected)
    if dims is not None and array.dims != tuple(dims):
        return [f"dimensions {array.dims}, not {tuple(dims)}"]
    try:
        actual = array.values
    except Exception as error:
        return [f"can't be read: {type(error).__name__}: {error}"]
    if actual.shape != expected.shape:
        return [f"shape {list(actual.shape)}, not {list(expected.shape)}"]
    if expected.dtype.kind in "UO":
        wrong = texts(actual) != texts(expected)
    elif expected.dtype.kind in "iub" and actual.dtype.kind in "iub":
        wrong = actual != expected
    elif actual.dtype.kind not in "iubfc":
        return [f"{actual.dtype} values"]
    else:
        wrong = ~np.isclose(actual, expected, rtol=1e-12, atol=right.atol, equal_nan=True)
    out = []
    if np.any(wrong):
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        out.append(f"{int(np.sum(wrong))} of {expected.size} values, such as {actual[at]} for {expected[at]}")
    calendar = getattr(actual.ravel()[0], "calendar", "") if actual.dtype.kind == "O" and actual.size else ""
    if right.calendar and array.name == "time" and calendar != right.calendar:
        out.append(f"calendar {calendar or 'standard'}, not {right.calendar}")
    return out


def texts(array):
    """Dates to the second and texts of any kind as plain texts."""
    if array.dtype.kind == "M":
        rounded = array.astype("M8[ns]") + np.timedelta64(500_000_000, "ns")
        return np.datetime_as_string(rounded.astype("M8[s]")).astype(object)

    def one(value):
        if hasattr(value, "calendar"):
            return value.strftime("%Y-%m-%dT%H:%M:%S")
        return value.decode().rstrip("\0") if isinstance(value, bytes) else str(value)

    return np.vectorize(one, otypes=[object])(array)
