"""The steps of recipes on variables of the model: what each does to the values, masks and dimensions of one file."""

from dataclasses import replace

import numpy as np

from model import Var, pick, repeated_alike, unique

# steps of files


def step(variables, kind, value):
    """The variables of a file after one step."""
    return globals()[f"step_{kind}"](dict(variables), value)


def step_drop(variables, names):
    for name in names:
        variables.pop(name, None)
    return variables


def step_keep(variables, names):
    dims = {d for name in names if name in variables for d in variables[name].dims}
    return {name: v for name, v in variables.items() if name in names or name in dims}


def step_rename(variables, pairs):
    return {
        pairs.get(name, name): replace(v, dims=tuple(pairs.get(d, d) for d in v.dims)) for name, v in variables.items()
    }


def step_squeeze(variables, dims):
    for name, v in variables.items():
        for dim in dims:
            if dim in v.dims:
                at = v.dims.index(dim)
                v = replace(v.cells(lambda a, at=at: a.squeeze(at)), dims=v.dims[:at] + v.dims[at + 1 :])
        variables[name] = v
    return variables


def step_transpose(variables, dims):
    for name, v in variables.items():
        first = [d for d in dims if d in v.dims]
        variables[name] = v.transposed(first + [d for d in v.dims if d not in first])
    return variables


def step_cast(variables, types):
    for name, dtype in types.items():
        if name not in variables:
            continue
        v = variables[name]
        values = v.values.astype(dtype)
        variables[name] = replace(v, values=values, dtype=np.dtype(dtype).str[1:], packing=None, kept=True)
    return variables


def step_mask(variables, masks):
    for name, rule in masks.items():
        if name not in variables:
            continue
        v = variables[name]
        with np.errstate(invalid="ignore"):
            gone = np.zeros(v.values.shape, bool)
            if "below" in rule:
                gone |= v.values < rule["below"]
            if "above" in rule:
                gone |= v.values > rule["above"]
            if "equals" in rule:
                gone |= v.values == rule["equals"]
        variables[name] = replace(v, mask=v.mask | gone)
    return variables


def step_subset(variables, parts):
    """A part along dimensions; empty ones are not drawn."""
    for dim, part in parts.items():
        length = next((v.length(dim) for v in variables.values() if dim in v.dims), None)
        if length is not None:
            items = part["items"] if "items" in part else range(length)[part["start"] : part["stop"] : part["step"]]
            variables = {name: v.take(dim, list(items)) for name, v in variables.items()}
    return variables


def step_fill(variables, fills):
    for name, value in fills.items():
        if name not in variables:
            continue
        v = variables[name]
        gone = v.missing_cells()
        values = np.where(gone, np.asarray(value).astype(v.values.dtype), v.values)
        variables[name] = replace(v, values=values, mask=np.zeros_like(gone), fill=None, missing=None)
    return variables


def step_flip(variables, dims):
    for dim in dims:
        for name, v in variables.items():
            if dim in v.dims:
                variables[name] = v.take(dim, range(v.length(dim))[::-1])
    return variables


def step_set(variables, rule):
    """`set` of one variable: `a * 2 + 1`, where what is missing stays missing."""
    (name, (source, factor, more)) = rule
    if source not in variables:
        return variables
    v = variables[source]
    values = v.values.astype("f8") * factor + more
    off = v.error * abs(factor) + 4e-7 * (np.abs(np.nan_to_num(values)).max(initial=0) + abs(more))
    attrs = {k: x for k, x in v.attrs.items() if k == "units"}
    return variables | {name: Var(v.dims, values, v.mask, attrs=attrs, dtype="f8", error=off, kept=False)}


def step_add_dim(variables, pairs):
    """A new dimension in front of the variables that are named, and its coordinate."""
    ((dim, value),) = pairs.items()
    for name, v in variables.items():
        if name in value["variables"]:
            variables[name] = replace(v.cells(lambda a: a[None]), dims=(dim, *v.dims))
    coordinate = Var((dim,), np.array([value["constant"]]), np.zeros(1, bool), dtype="i8", kept=False)
    return variables | {dim: coordinate}


# steps of the dataset


def dataset_step(out, kind, value):
    """`sort`, `dedupe`, `roll`, and `subset` along a concat axis."""
    ((dim, how),) = value.items()
    values = out.variables[dim].values if dim in out.variables else None
    if kind == "subset":
        if not any(dim in v.dims for v in out.variables.values()):
            out.codes.add("step-unknown-variable")  # nothing that has the dimension is left
        out.variables = step_subset(out.variables, value)
    elif kind == "sort":
        order = np.argsort(values, kind="stable")
        pick(out, dim, order if how == "ascending" else order[::-1])
    elif kind == "dedupe":
        if how == "identical" and not repeated_alike(out, dim, values):
            out.codes.add("combine-duplicates")
        pick(out, dim, unique(values, last=how == "last"))
    elif kind == "roll":
        counted = (values - how) % 360 + how
        falls = len(values) > 1 and values[1] < values[0]
        order = np.argsort(-counted if falls else counted, kind="stable")
        pick(out, dim, order)
        out.variables[dim] = replace(out.variables[dim], values=counted[order])
    return out
