"""What a bake must give, in plain numpy: variables of files, the steps, and how files become one dataset.

Nothing here reads a file or knows arcoforge. A `Var` holds decoded values and a mask, beside what its file stores;
steps and policies are carried out on the decoded values. The result is a dataset, or the codes of the refusals.
"""

from dataclasses import dataclass, field, replace

import numpy as np

KELVIN = {"K": 0.0, "degC": 273.15}
COORDS = {"combine-coords", "combine-dims", "combine-lat", "combine-lon"}


@dataclass
class Var:
    """One variable of one file, or of the dataset. Times are seconds since 2000, texts objects, packed numbers decoded."""

    dims: tuple
    values: np.ndarray
    mask: np.ndarray
    role: str = "number"  # number, text, time or flag
    attrs: dict = field(default_factory=dict)
    dtype: str = ""  # of the stored numbers
    packing: tuple | None = None  # scale_factor, add_offset
    fill: object = None
    missing: object = None
    stored: np.ndarray | None = None  # what the file holds
    clock: tuple = ()  # unit, reference date, calendar
    error: float = 0.0  # how far values may lie off: the rounding of packing and conversions
    kept: bool = True  # whether the dataset has the stored type

    def cells(self, change):
        """Values and mask, rearranged alike."""
        return replace(self, values=change(self.values), mask=change(self.mask))

    def length(self, dim):
        return self.values.shape[self.dims.index(dim)]

    def take(self, dim, items):
        """Cells along a dimension; an item of -1 is a missing cell."""
        if dim not in self.dims:
            return self
        at, items = self.dims.index(dim), np.asarray(items, "i8")
        out = self.cells(lambda array: np.take(array, np.where(items < 0, 0, items), axis=at))
        shape = [1] * len(self.dims)
        shape[at] = -1
        out.mask = out.mask | (items < 0).reshape(shape)
        return out

    def transposed(self, dims):
        order = [self.dims.index(d) for d in dims]
        return replace(self.cells(lambda array: array.transpose(order)), dims=tuple(dims))

    def same(self, other, within=0.0):
        """Equal cells, masked alike."""
        if self.values.shape != other.values.shape or not np.array_equal(self.missing_cells(), other.missing_cells()):
            return False
        a, b = self.values[~self.missing_cells()], other.values[~other.missing_cells()]
        if within and a.dtype.kind in "iuf":
            return np.allclose(a.astype("f8"), b.astype("f8"), rtol=within, atol=0)
        return np.array_equal(a, b)

    def missing_cells(self):
        return self.mask | np.isnan(self.values) if self.values.dtype.kind == "f" else self.mask

    def is_coordinate(self, name):
        return self.dims == (name,)


@dataclass
class Dataset:
    """What is expected: variables, or the codes of which at least one is reported and no other."""

    variables: dict = field(default_factory=dict)
    codes: set = field(default_factory=set)
    maybe: set = field(default_factory=set)  # codes that may be reported in place of the dataset
    unordered: set = field(default_factory=set)  # dimensions whose labels may stand in any order
    unknown: set = field(default_factory=set)  # coordinates with values that nothing is said of
    attrs: dict = field(default_factory=dict)


# combining


def combine(files, axes, policy):
    """One dataset of the variables of files, by the policies. `axes`: (name, kind, keys); files in the order of keys."""
    out = Dataset()
    files = [dict(f) for f in files]
    for name, kind, _ in axes:
        if kind == "concat" and not any(name in v.dims for f in files for _, v in variables(f)):
            out.codes.add("combine-dims")
    if out.codes:
        return out
    same_dims(files, policy, out)
    aligned(files, "lat", policy, out)
    aligned(files, "lon", policy, out)
    labels(files, axes, policy, out)
    concat = [(at, name) for at, (name, kind, _) in enumerate(axes) if kind == "concat"]
    names = list(dict.fromkeys(name for file in files for name in file if not name.startswith("@")))
    for name in names:
        having = [f for f in files if name in f]
        first = having[0][name]
        along = [(at, dim) for at, dim in concat if dim in first.dims]
        lack = lacking(files, name, axes)
        if lack and not present(files, lack, name, policy, along, out):
            continue
        having = [f for f in files if name in f]
        settled(having, name, policy, out)
        if out.codes:
            continue
        if along:
            twice(having, name, along, out)
            out.variables[name] = joined(having, name, along)
        else:
            once(having, name, axes, concat, policy, out)
    out.attrs = root(files, policy, out)
    if not out.codes:
        ordered(files, axes, concat, policy, out)
    return out


def lacking(files, name, axes):
    """The files that lack a variable that another of their merge key has."""
    merged = [at for at, (_, kind, _) in enumerate(axes) if kind == "merge"]
    keys = {key(f, merged) for f in files if name in f}
    return [f for f in files if name not in f and key(f, merged) in keys]


def key(file, axes):
    """Where a file stands along some axes, by their numbers."""
    return tuple(file["@at"][at] for at in axes)


def present(files, lack, name, policy, along, out):
    """Decides what becomes of a variable that some files lack; whether it stays."""
    how = policy("absent", name)
    if how == "error":
        out.codes.add("combine-absent")
    if how != "fill":
        return False
    model = next(f[name] for f in files if name in f)
    if along:
        emptied(out, model, "absent")
        for file in lack:
            lengths = {d: v.length(d) for v in file.values() if isinstance(v, Var) for d in v.dims}
            if not set(model.dims) <= set(lengths):
                out.maybe.add("combine-absent")  # nothing in the file says how many cells there are
            shape = [lengths.get(d, n) for d, n in zip(model.dims, model.values.shape, strict=True)]
            values = np.zeros(shape, model.values.dtype) if model.role != "text" else np.full(shape, "", object)
            file[name] = replace(model, values=values, mask=np.ones(shape, bool))
    return True


def same_dims(files, policy, out):
    models = {}
    for file in files:
        for name, v in variables(file):
            model = models.setdefault(name, v.dims)
            if v.dims != model and set(v.dims) == set(model):
                if policy("dims", name) == "error":
                    out.codes.add("combine-dims")
                else:
                    file[name] = v.transposed(model)


def emptied(out, v, key):
    """Cells become missing: integers need a `_FillValue` for it, and names of files that are absent can't be known."""
    if v.role == "number" and v.dtype[:1] in "iu" and v.fill is None:
        out.maybe.add(f"combine-{key}")


def variables(file):
    return [(name, v) for name, v in file.items() if not name.startswith("@")]


def aligned(files, name, policy, out):
    """Latitudes that run the other way, longitudes of another convention: made the first file's."""
    if not all(name in f and f[name].is_coordinate(name) for f in files):
        return
    model = files[0][name].values
    for file in files[1:]:
        mine = file[name].values
        if mine.shape != model.shape or np.array_equal(mine, model):
            continue
        if name == "lat" and np.array_equal(mine[::-1], model):
            allowed, items = policy("lat", "") == "align", np.arange(len(mine))[::-1]
        elif name == "lon" and sorted(mine % 360) == sorted(model % 360):
            allowed, items = policy("lon", "") == "roll", [list(mine % 360).index(x % 360) for x in model]
        else:
            continue
        if not allowed:
            out.codes.add(f"combine-{name}")
            continue
        for other, v in variables(file):
            file[other] = v.take(name, items)
        file[name] = replace(file[name], values=model.copy())


def labels(files, axes, policy, out):
    """Coordinates of dimensions that are not concatenated: equal, or as `combine.coords` says."""
    concat = {name for name, kind, _ in axes if kind == "concat"}
    dims = list(dict.fromkeys(n for f in files for n, v in variables(f) if v.is_coordinate(n) and n not in concat))
    for dim in dims:
        having = [f for f in files if dim in f]
        model, how = having[0][dim], policy("coords", dim)
        if all(f[dim].same(model, within=3e-7 if how == "equal" else 0.0) for f in having):
            widest = max((f[dim] for f in having), key=lambda v: v.values.dtype.itemsize)
            for f in having:
                f[dim] = widest
            continue
        if how == "override" and all(f[dim].values.shape == model.values.shape for f in having):
            for f in having:
                f[dim] = model
        elif how in ("outer", "inner"):
            sets = [f[dim].values.tolist() for f in having]
            every = sorted(set().union(*sets)) if how == "outer" else sorted(set(sets[0]).intersection(*sets[1:]))
            for f, mine in zip(having, sets, strict=True):
                items = [mine.index(x) if x in mine else -1 for x in every]
                for name, v in variables(f):
                    f[name] = v.take(dim, items)
                    if -1 in items and dim in v.dims and name != dim:
                        emptied(out, v, "coords")
                f[dim] = replace(model, values=np.array(every, model.values.dtype), mask=np.zeros(len(every), bool))
            completed(having, concat, policy)
            out.unordered.add(dim)
        else:
            out.codes |= (
                COORDS if any(f[dim].values.shape != model.values.shape for f in having) else {"combine-coords"}
            )


def completed(having, concat, policy):
    """Static arrays of a union: a cell that one file lacks is another's, but where files that disagree are stacked."""
    for name in having[0]:
        models = [f[name] for f in having if isinstance(f.get(name), Var)]
        if not models or concat & set(models[0].dims):
            continue
        if policy("static", name) == "stack" and not all(shared_alike(a, b) for a in models for b in models):
            continue
        for f in having:
            for other in models:
                v = f.get(name, other)
                gone = v.mask & ~other.mask if v.values.shape == other.values.shape else np.zeros(v.values.shape, bool)
                if name in f and gone.any():
                    f[name] = replace(v, values=np.where(gone, other.values, v.values), mask=v.mask & ~gone)


def shared_alike(a, b):
    """Whether two arrays hold the same where neither is masked."""
    if a.values.shape != b.values.shape:
        return False
    both = ~a.mask & ~b.mask
    return np.array_equal(a.values[both], b.values[both])


def settled(having, name, policy, out):
    """What one variable is in several files: units, packing, types, fill values, attributes."""
    models = [f[name] for f in having]
    first = models[0]
    for other in models[1:]:
        if other.dims != first.dims:
            out.codes.add("combine-dims")
    units(having, name, policy, out)
    if first.role == "time":
        clocks(models, name, policy, out)
        return
    if len({m.packing for m in models}) > 1 or (first.packing and len({m.dtype for m in models}) > 1):
        packings(having, name, policy, out)
    elif len({m.dtype for m in models}) > 1 and first.role == "number":
        types(having, name, policy, out)
    masks = {repr((m.fill, m.missing)) for m in models}
    if len(masks) > 1 and policy("fill", name) == "error":
        out.codes.add("combine-fill")
    attributes(having, name, policy, out)


def units(having, name, policy, out):
    first, how = having[0][name], policy("units", name)
    for f in having[1:]:
        v = f[name]
        if v.role == "time" or v.attrs.get("units") == first.attrs.get("units"):
            continue
        if how == "error":
            out.codes.add("combine-units")
        elif how == "convert":
            values = v.values.astype("f8") + KELVIN[v.attrs["units"]] - KELVIN[first.attrs["units"]]
            f[name] = replace(v, values=values, error=v.error + 2e-4, attrs=v.attrs | {"units": first.attrs["units"]})
        else:
            f[name] = replace(v, attrs=v.attrs | {"units": first.attrs["units"]})
    if how == "convert" and first.attrs.get("units"):
        for f in having:
            f[name] = replace(f[name], kept=False, error=f[name].error + 2e-4)


def clocks(models, name, policy, out):
    if len({m.clock[:2] for m in models}) > 1 and policy("time", name) == "error":
        out.codes.add("combine-time")
    if len({m.clock[2] for m in models}) > 1 and not policy("calendar", name).startswith("convert"):
        out.codes.add("combine-calendar")
    if any(m.clock[0] == "months" for m in models) and policy("months", name) != "calendar":
        out.codes.add("combine-months")


def packings(having, name, policy, out):
    how, first = policy("packing", name), having[0][name]
    if how == "error":
        out.codes.add("combine-packing")
        return
    spacing = max((abs(f[name].packing[0]) for f in having if f[name].packing), default=0)
    most = max(float(np.abs(f[name].values[~f[name].mask]).max(initial=0)) for f in having)
    if how == "auto":
        out.maybe.add("combine-packing")  # where 32 bits don't hold all as finely as the finest
    error = {"decode": 1e-6 * (most + 1), "auto": -1.0, "first": 0.0}[how]
    if how == "first":
        if first.packing is None:
            out.codes.add("?")  # nothing is said of it
            return
        scale, offset = first.packing
        error = abs(scale) * 0.5001 + 1e-6 * (most + 1)
        limits = np.iinfo(first.dtype)
        for f in having[1:]:
            v = f[name]
            stored = np.round((v.values[~v.mask].astype("f8") - offset) / scale)
            taken = [x for x in (first.fill, first.missing) if x is not None]
            if ((stored < limits.min) | (stored > limits.max) | np.isin(stored, taken)).any():
                out.codes |= {"combine-packing"}
    for f in having:
        f[name] = replace(f[name], error=error, kept=False, packing=(spacing, 0))


def types(having, name, policy, out):
    how, first = policy("dtype", name), having[0][name]
    if how == "error":
        out.codes.add("combine-dtype")
        return
    names = {f[name].dtype for f in having}
    if names & {"i8", "u8", "f4", "f8"} and ("f" in {n[0] for n in names} or "u8" in names):
        out.maybe.add("combine-dtype")  # where no type holds them all exactly
    if how == "first":
        for f in having[1:]:
            with np.errstate(all="ignore"):
                values = f[name].values.astype(first.dtype)
            exact = np.array_equal(
                values[~f[name].mask], f[name].values[~f[name].mask], equal_nan=values.dtype.kind == "f"
            )
            if not exact and (np.dtype(first.dtype).kind != "f" or f[name].values.dtype.kind != "f"):
                out.codes.add("combine-dtype")
            f[name] = replace(f[name], values=values, error=0.0 if exact else 1e-6 * 200, dtype=first.dtype)
    for f in having:
        f[name] = replace(f[name], kept=False)


def attributes(having, name, policy, out):
    """`comment` may differ, `standard_name` must not."""
    how, models = policy("attrs", name), [f[name].attrs for f in having]
    for key in sorted({k for attrs in models for k in attrs}):
        found = [attrs.get(key) for attrs in models]
        if all(x == found[0] for x in found):
            continue
        if how == "error" or key == "standard_name":
            out.codes.add("combine-attrs")
        value = {"first": found[0], "collect": "?"}.get(how)
        for f in having:
            attrs = {k: x for k, x in f[name].attrs.items() if k != key}
            f[name] = replace(f[name], attrs=attrs | ({key: value} if value is not None else {}))


def root(files, policy, out):
    first = files[0]["@attrs"]
    if policy("attrs", "") == "error" and any(f["@attrs"] != first for f in files):
        out.codes.add("combine-attrs")
    return {k: x for k, x in first.items() if all(f["@attrs"].get(k) == x for f in files)}


def once(having, name, axes, concat, policy, out):
    """What has no concat dimension: kept once where it is equal, else as `static` or `scalars` says."""
    first = having[0][name]
    if all(f[name].same(first) for f in having):
        out.variables[name] = first
        return
    if not first.dims:
        how = policy("scalars", name)
        if how == "promote":
            promoted(having, name, axes, concat, out)
        elif how == "error":
            out.codes.add("combine-scalars")
        return
    how = policy("static", name)
    if how == "first":
        out.variables[name] = first
    elif how == "stack":
        promoted(having, name, axes, concat, out)
    else:
        out.codes |= {"combine-static", "combine-strings"} if first.role == "text" else {"combine-static"}


def promoted(having, name, axes, concat, out):
    """Laid along the first axis that explains it, else along all."""
    choices = [[c] for c in concat if len(axes[c[0]][2]) > 1] + [[c for c in concat if len(axes[c[0]][2]) > 1]]
    for along in choices:
        by = {}
        numbers = [at for at, _ in along]
        if along and all(by.setdefault(key(f, numbers), f)[name].same(f[name]) for f in having):
            for f in having:
                v = f[name]
                for _, dim in reversed(along):
                    n = f["@lengths"][dim]
                    v = replace(v.cells(lambda a, n=n: np.repeat(a[None], n, axis=0)), dims=(dim, *v.dims))
                f[name] = v
            out.variables[name] = joined(having, name, along)
            return
    out.codes |= {"combine-scalars", "combine-static"}


def twice(having, name, along, out):
    """What several files hold at one place must be one."""
    by = {}
    for f in having:
        first = by.setdefault(key(f, [at for at, _ in along]), f[name])
        if first.values.shape == f[name].values.shape and not first.same(f[name]):
            told = first.mask | f[name].mask
            (out.codes if not told.any() else out.maybe).add("combine-duplicates")


def joined(having, name, along):
    """End to end along one or two dimensions."""
    if not along:
        return having[0][name]
    (at, dim), *rest = along
    keys = list(dict.fromkeys(sorted(f["@at"][at] for f in having)))
    parts = [joined([f for f in having if f["@at"][at] == key], name, rest) for key in keys]
    axis = parts[0].dims.index(dim)
    values = np.concatenate([p.values for p in parts], axis=axis)
    return replace(
        parts[0],
        values=values,
        mask=np.concatenate([p.mask for p in parts], axis=axis),
        error=max((p.error for p in parts), key=abs),
        kept=all(p.kept for p in parts),
    )


def ordered(files, axes, concat, policy, out):
    """Order and repetition along the coordinates of concat axes."""
    for at, dim in concat:
        v = out.variables.get(dim)
        if v is None or len(axes[at][2]) < 2 or not v.is_coordinate(dim) or v.mask.any():
            continue
        values = v.values
        how = policy("order", dim), policy("duplicates", dim)
        if len(set(values.tolist())) < len(values):
            if how[1] == "error":
                out.codes.add("combine-duplicates")
                continue
            if how[1] == "identical" and not repeated_alike(out, dim, values):
                out.codes.add("combine-duplicates")
                continue
            pick(out, dim, unique(values, last=how[1] == "last"))
            values = out.variables[dim].values
        steps = np.diff(values)
        if how[0] == "sort":
            pick(out, dim, np.argsort(values, kind="stable"))
        elif how[0] == "error" and not ((steps > 0).all() or (steps < 0).all()):
            out.codes.add("combine-order")


def unique(values, last):
    """Items to keep: the first or the last of equal ones."""
    chosen = {}
    for item, value in enumerate(values.tolist()):
        if last or value not in chosen:
            chosen[value] = item
    return sorted(chosen.values())


def repeated_alike(out, dim, values):
    for value in set(values.tolist()):
        items = [i for i, x in enumerate(values.tolist()) if x == value]
        for v in out.variables.values():
            if dim in v.dims and any(not v.take(dim, [items[0]]).same(v.take(dim, [i])) for i in items[1:]):
                return False
    return True


def pick(out, dim, items):
    out.variables = {name: v.take(dim, items) for name, v in out.variables.items()}
