"""The recipe of a random archive: steps and output drawn at random, and the dataset that the model expects of it."""

import gzip
import json

import numpy as np

import archive_files
import model
import model_steps
from archive import AFTER, CODECS, FILTERS, STEPS, Archive


def write(case):
    """Writes files and recipe of a case; the recipe's path."""
    r, suffix = case.rng("files"), ".nc"
    filters = case.rng("filters").choice(FILTERS) if case.on("filters", 0.6) else {}
    wrapped = case.on("wrapped", 0.06)
    for file in case.files:
        path = case.folder / (
            "f" + "".join(f"_{keys[k]}" for (_, _, keys), k in zip(case.axes, file["@at"], strict=True)) + suffix
        )
        file["@path"] = path
        if "@gone" in file:
            continue
        archive_files.write(path, file, case.container, r, filters)
        if wrapped:
            path.with_suffix(".nc.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
            path.unlink()
    axes = {name: {kind: keys} for name, kind, keys in case.axes}
    if "gaps" in case.differ and "time" in axes:
        axes["time"]["items_per_file"] = case.parts[0][1] - case.parts[0][0]
    url = str(case.folder / ("f" + "".join(f"_{{{name}}}" for name, *_ in case.axes) + suffix + ".gz" * wrapped))
    recipe = {"schema": 1, "name": "random", "axes": axes, "source": {"url": url} if axes else {"files": [url]}}
    recipe["steps"] = [{kind: value} for kind, value in [*case.steps, *case.after]]
    policies = {key: how for key, how in case.policies.items() if how}
    case.sets = [f"combine.{key}={how}" for key, how in policies.items()] if case.rng("set").random() < 0.3 else []
    recipe["combine"] = {} if case.sets else policies
    recipe["output"] = output(case)
    text = json.dumps({k: v for k, v in recipe.items() if v or k == "axes"}, indent=1, ensure_ascii=False)
    (case.folder / "recipe.yaml").write_text(text)
    return case.folder / "recipe.yaml"


def output(case):
    r = case.rng("output")
    dims = sorted({d for v in case.expected.variables.values() for d in v.dims})
    chunks = {d: r.choice([1, 2, 3, "whole"]) for d in dims if r.random() < 0.5}
    out = {"format": r.choice(["zarr3", "zarr3", "zarr2"]), "codecs": r.choice(CODECS), "chunks": chunks}
    if out["format"] == "zarr3" and r.random() < 0.3:
        out["shards"] = {d: n if n == "whole" else n * r.choice([1, 2, 3]) for d, n in chunks.items()}
    return {k: v for k, v in out.items() if v}


def draw(seed, folder, without=()):
    """A case with its steps and what is expected of it."""
    case = Archive(seed, folder, without)
    draw_steps(case)
    case.expected = expect(case)
    return case


def draw_steps(case):
    count = case.rng("steps").choice([0, 0, 1, 1, 2, 3])
    files = [{k: v for k, v in model.variables(f)} for f in case.files]
    for number in range(count):
        topic = f"step{number}"
        if not case.on(topic, 1):
            continue
        r = case.rng(topic)
        kind = r.choice(STEPS)
        common = {n: v for n, v in files[0].items() if all(n in f for f in files)}
        value = STEP[kind](case, r, common)
        if value is not None:
            case.steps.append((kind, value))
            files = [model_steps.step(f, *in_model(kind, value)) for f in files]
    case.stepped = [
        {k: v for k, v in f.items() if k.startswith("@")} | g for f, g in zip(case.files, files, strict=True)
    ]
    if case.on("after", 0.15) and case.axes:
        r = case.rng("after")
        kind = r.choice(AFTER)
        value = after(case, r, kind)
        if value is not None:
            case.after = [(kind, value)]
            if kind == "sort":
                case.implied["order", "time"] = "keep"
            elif kind == "dedupe":
                case.implied["duplicates", "time"] = value["time"]


def in_model(kind, value):
    """The value as the model takes it: expressions as numbers."""
    if kind != "set":
        return kind, value
    ((name, text),) = value.items()
    source, _, factor, _, more = text.split()
    return kind, (name, (source, float(factor), float(more)))


def data(variables, fits=lambda v: True):
    return [n for n, v in variables.items() if n in ("a", "b", "c") and v.role == "number" and fits(v)]


def one(r, names):
    return r.choice(names) if names else None


def draw_drop(case, r, variables):
    names = data(variables)
    return [one(r, names)] if len(names) > 1 else None


def draw_keep(case, r, variables):
    names = data(variables)
    return r.sample(names, r.randint(1, len(names))) if names else None


def draw_rename(case, r, variables):
    name = one(r, data(variables) + ["z"] * ("z" in variables))
    return {name: f"{name}_new"} if name else None


def draw_squeeze(case, r, variables):
    return ["z"] if any("z" in v.dims and v.length("z") == 1 for v in variables.values()) else None


def draw_transpose(case, r, variables):
    dims = sorted({d for v in variables.values() for d in v.dims})
    return r.sample(dims, r.randint(1, len(dims))) if dims else None


def draw_cast(case, r, variables):
    name = one(
        r, data(variables, lambda v: not v.packing and v.fill is None and v.missing is None and not v.mask.any())
    )
    return {name: r.choice(["float64", "float64", "float32"])} if name else None


def draw_mask(case, r, variables):
    name = one(r, data(variables))
    if name is None:
        return None
    if r.random() < 0.3 and not variables[name].packing and variables[name].dtype[0] != "f":
        return {name: {"equals": r.randint(0, 99)}}
    return {name: {r.choice(["below", "above"]): r.choice([5.125, 20.125, 40.125])}}


def draw_subset(case, r, variables):
    dims = sorted({d for v in variables.values() for d in v.dims if d not in ("time", "member") and v.length(d) > 0})
    dim = one(r, dims)
    if dim is None or "coords" in case.differ:
        return None
    length = min(v.length(dim) for v in variables.values() if dim in v.dims)
    start = r.randrange(length)
    if r.random() < 0.4:
        return {dim: {"items": [r.randrange(length)]}}
    return {dim: {"start": start, "stop": r.randint(start + 1, length), "step": r.choice([1, 1, 2])}}


def draw_fill(case, r, variables):
    name = one(r, data(variables, lambda v: not v.packing))
    return {name: 7} if name else None


def draw_flip(case, r, variables):
    dims = sorted({d for v in variables.values() for d in v.dims if d not in ("time", "member")})
    return [one(r, dims)] if dims else None


def draw_set(case, r, variables):
    name = one(r, data(variables))
    return {"computed": f"{name} * {r.choice([2, 0.5])} + {r.choice([1, 10])}"} if name else None


def draw_add_dim(case, r, variables):
    if any("extra" in v.dims for v in variables.values()):
        return None
    names = data(variables)
    return {"extra": {"constant": 3, "variables": [one(r, names)]}} if names else None


STEP = {kind: globals()[f"draw_{kind}"] for kind in STEPS}


def after(case, r, kind):
    if kind == "subset":
        total = sum(f["@lengths"]["time"] for f in case.files) // max(1, len({f["@at"] for f in case.files}))
        return {"time": {"start": 0, "stop": max(1, total), "step": r.choice([1, 2])}}
    if kind == "roll":
        return {"lon": r.choice([0, -180, -90])} if all("lon" in f for f in case.stepped) else None
    if not all("time" in f for f in case.stepped):
        return None
    return {"time": r.choice(["ascending", "descending"] if kind == "sort" else ["first", "last", "identical"])}


def expect(case):
    """The dataset, or the codes of the refusals."""
    files = [f for f in case.stepped if "@gone" not in f]
    how = case.policies.get("gaps") or "error"
    if len(files) < len(case.files):
        if how == "error":
            return model.Dataset(codes={"combine-gaps", "source-not-found"})
        if how == "fill":
            files = [f if "@gone" not in f else emptied(f, files[0]) for f in case.stepped]
    out = model.combine(files, case.axes, case.policy)
    for kind, value in case.after:
        if not out.codes:
            model_steps.dataset_step(out, kind, value)
    if how == "fill" and len(files) == len(case.files) and "gaps" in case.differ:
        out.maybe.add("combine-gaps")  # what the names of absent files can't tell
        out.unknown = {"time"}
    return out


def emptied(file, other):
    """A file that is absent, as one whose cells along `time` are all missing; the rest is as in another file."""
    out = dict(file)
    for name, v in model.variables(file):
        if name not in other:
            out.pop(name)
        elif "time" not in v.dims:
            out[name] = other[name]
        else:
            out[name] = other[name].take("time", np.full(v.length("time"), -1))
    return out
