"""Random small archives: what is in every file, the files themselves, and a recipe with random policies and steps.

Every topic draws from a generator of its own (`seed/topic`), so that a topic can be left out without changing the others;
that is how a failing case is reduced.
"""

import random
from dataclasses import replace

import numpy as np

import model
from model import Var

TOPICS = ["axis2", "merge", "uneven", "empty", "masks", "text", "scalar", "static", "attrs", "filters", "wrapped"]
# what may differ between files: topic → the policies that are drawn
DIFFER = {
    "packing": ["decode", "auto", "first", "error"],
    "dtype": ["promote", "first", "error"],
    "fill": ["mask", "error"],
    "units": ["error", "convert", "first"],
    "time": ["decode", "error"],
    "calendar": ["error", "convert:standard"],
    "order": ["error", "sort", "keep"],
    "duplicates": ["error", "first", "last", "identical"],
    "gaps": ["error", "fill", "skip"],
    "absent": ["error", "fill", "drop"],
    "coords": ["equal", "error", "override", "outer", "inner"],
    "static": ["error", "stack", "first"],
    "lat": ["align", "error"],
    "lon": ["error", "roll"],
    "dims": ["transpose", "error"],
    "attrs": ["equal", "first", "error", "collect"],
    "scalars": ["promote", "drop", "error"],
}
STEPS = ["drop", "keep", "rename", "squeeze", "transpose", "cast", "mask", "subset", "fill", "flip", "set", "add_dim"]
AFTER = ["sort", "dedupe", "roll", "subset"]
FILTERS = [
    {},
    {"zlib": True, "complevel": 1},
    {"zlib": True, "shuffle": False, "fletcher32": True},
    {"fletcher32": True},
]
CODECS = [
    "default",
    "default",
    "source",
    "none",
    ["shuffle", {"zlib": 4}],
    [{"gzip": 2}],
    [{"blosc": {"cname": "lz4"}}],
]


def plain_coordinate(dim, values):
    return Var((dim,), values, np.zeros(len(values), bool), dtype=values.dtype.str[1:])


class Archive:
    """One case: `files` (what each holds), `recipe`, and `expected`."""

    def __init__(self, seed, folder, without=()):
        self.seed, self.folder, self.without = seed, folder, set(without)
        self.used = []
        r = self.r = self.rng("base")
        self.container = r.choice(["nc4", "nc4", "h5", "nc3"])
        self.single = r.random() < 0.08
        self.differ = self.draw_differences()
        self.axes = self.draw_axes()
        self.sizes = {"lat": r.randint(2, 4), "lon": r.randint(3, 6), "z": r.choice([1, 1, 2])}
        self.world()
        self.files = [self.file(at) for at in self.positions()]
        self.policies, self.implied = {}, {}
        for topic in self.differ:
            self.change(topic)
        self.steps, self.after = [], []
        self.expected = None

    def rng(self, topic):
        return random.Random(f"{self.seed}/{topic}")

    def on(self, topic, share):
        """Whether a topic plays a part; those that do are remembered for the reduction."""
        if topic in self.without or self.rng(f"{topic}?").random() >= share:
            return False
        if topic not in self.used:
            self.used.append(topic)
        return True

    def draw_differences(self):
        r = self.rng("differences")
        count = r.choice([0, 1, 1, 1, 2, 2, 3])
        topics = r.sample(sorted(DIFFER), count)
        if len({"order", "duplicates", "gaps"} & set(topics)) > 1:
            topics = [t for t in topics if t not in ("order", "duplicates")]
        return [t for t in topics if not self.single and self.on(t, 1)]

    def draw_axes(self):
        """(name, kind, keys): `time`, and sometimes a second one."""
        if self.single:
            return []
        r = self.rng("axes")
        count = r.randint(2, 4)
        lengths = [r.randint(1, 3)] * count
        plain = not {"duplicates", "gaps"} & set(self.differ)
        if plain and self.on("uneven", 0.5):
            lengths = [lengths[0], *(r.randint(1, 3) for _ in lengths[1:])]
        if plain and self.container != "nc3" and self.on("empty", 0.08):
            lengths[self.rng("empty").randrange(count)] = 0
        at, self.parts = 0, []
        for n in lengths:
            self.parts.append((at, at + n))
            at += n
        if "duplicates" in self.differ:
            self.overlap()
        axes = [("time", "concat", list(range(count)))]
        if plain and self.on("axis2", 0.25):
            axes.insert(r.randint(0, 1), ("member", "concat", list(range(r.randint(1, 3)))))
        elif "gaps" not in self.differ and self.on("merge", 0.12):
            axes.append(("part", "merge", ["p", "q"]))
        return axes

    def overlap(self):
        """Every file begins with the last cell of the one before."""
        n = max(2, self.parts[0][1])
        self.parts = [(k * (n - 1), k * (n - 1) + n) for k in range(len(self.parts))]

    def positions(self):
        found = [()]
        for _, _, keys in self.axes:
            found = [p + (k,) for p in found for k in range(len(keys))]
        return found

    # what there is, before it is cut

    def world(self):
        r = self.rng("world")
        names = [name for name, kind, _ in self.axes if kind == "concat"]
        total = max((stop for _, stop in self.parts), default=0) if names else 0
        whole = self.sizes | {
            "time": total or 3,
            "member": max(1, sum(len(k) for n, _, k in self.axes if n == "member")),
        }
        self.whole, self.variables = whole, {}
        kinds = ["number", "number", "packed"]
        for number in range(r.randint(1, 3)):
            dims = [d for d in ("lat", "lon", "z") if r.random() < 0.5]
            dims = (names if r.random() < 0.9 else names[:1]) + dims
            self.variables["abc"[number]] = self.number(r, dims, r.choice(kinds))
        if self.on("text", 0.25):
            self.variables["station"] = self.text(self.rng("text"), names[:1] or ["z"])
        if self.on("scalar", 0.3) or "scalars" in self.differ:
            self.variables["depth"] = self.number(self.rng("scalar"), [], "plain")
        if self.on("static", 0.3) or "static" in self.differ:
            self.variables["area"] = self.number(self.rng("static"), ["lat", "lon"], "plain")
        self.coordinates(r, names, total)

    def coordinates(self, r, names, total):
        used = {d for v in self.variables.values() for d in v.dims}
        if "lat" in used:
            self.variables["lat"] = plain_coordinate("lat", np.linspace(60, -60, self.sizes["lat"]).round(1))
        if "lon" in used:
            self.variables["lon"] = plain_coordinate(
                "lon", -180 + np.arange(self.sizes["lon"]) * 360.0 / self.sizes["lon"]
            )
        if "z" in used and r.random() < 0.6:
            self.variables["z"] = plain_coordinate("z", np.arange(self.sizes["z"], dtype="f4") * 10)
        needs = {"order", "duplicates", "time", "calendar", "gaps"} & set(self.differ)
        if "time" in names and (needs or r.random() < 0.85):
            step = r.choice([3600, 86400, 21600])
            seconds = np.arange(total, dtype="i8") * step + r.randrange(100) * 86400
            self.variables["time"] = Var(
                ("time",), seconds, np.zeros(total, bool), "time", clock=("hours", "2000-01-01", "standard")
            )
        if "member" in names and r.random() < 0.5:
            self.variables["member"] = plain_coordinate("member", np.arange(self.whole["member"], dtype="i4"))

    def number(self, r, dims, kind):
        shape = [self.whole[d] for d in dims]
        rng = np.random.default_rng(r.randrange(1 << 30))
        wide = self.container != "nc3"
        if kind == "packed":
            dtype, packing = (
                r.choice(["i2", "i2", "i1"] + ["u1", "u2", "i4"] * wide),
                (r.choice([0.5, 0.1, 0.01]), r.choice([0.0, 10.0, 273.15])),
            )
        else:
            dtype, packing = (
                r.choice(["f4", "f4", "f8", "i1", "i2", "i4"] + ["u1", "u2", "u4", "i8", "u8"] * wide),
                None,
            )
        stored = rng.integers(0, 100, shape).astype(dtype)
        if dtype[0] == "f":
            stored = (stored / 4).astype(dtype)
        fill = missing = None
        mask = np.zeros(shape, bool)
        if kind != "plain" and self.on("masks", 0.6):
            fill = r.choice([101, 120, 0 if packing is None else 101] + [float("nan"), -999.0] * (dtype[0] == "f"))
            missing = r.choice([None, None, 110, fill]) if fill == fill else None
            mask = rng.random(shape) < 0.3
            if r.random() < 0.15:
                fill, missing = None, 110
            if fill == 0 and fill is not None:
                stored = stored + np.array(1, dtype)
        v = Var(tuple(dims), stored, mask, dtype=dtype, packing=packing, fill=fill, missing=missing)
        if kind != "plain" and r.random() < 0.5:
            v.attrs["units"] = "K"
        return self.encode(v, stored)

    def encode(self, v, stored):
        """`stored` with the fill values in, and the decoded values that they stand for."""
        stored = stored.astype(v.dtype)
        marks = [x for x in (v.fill, v.missing) if x is not None]
        if v.mask.any() and marks:
            which = np.arange(stored.size).reshape(stored.shape) % len(marks)
            for n, mark in enumerate(marks):
                stored = np.where(v.mask & (which == n), np.array(mark).astype(v.dtype), stored)
        values = stored
        error = 0.0
        if v.packing:
            values = np.where(v.mask, 0, stored).astype("f8") * v.packing[0] + v.packing[1]
            error = 1e-6 * (abs(v.packing[1]) + float(np.abs(values).max(initial=0)))
        return replace(v, stored=stored, values=values, error=error)

    def text(self, r, dims):
        shape = [self.whole[d] for d in dims]
        words = ["", "a", "Ä", "long word", "日本", "x y"]
        values = np.array([r.choice(words) for _ in range(int(np.prod(shape)))], object).reshape(shape)
        return Var(tuple(dims), values, np.zeros(shape, bool), "text", stored=values)

    # one file

    def file(self, at):
        where = {name: at[n] for n, (name, _, _) in enumerate(self.axes)}
        out = {}
        part = self.parts[where["time"]] if "time" in where else (0, self.whole["time"])
        member = (where["member"], where["member"] + 1) if "member" in where else (0, self.whole["member"])
        lengths = {"time": part[1] - part[0], "member": member[1] - member[0]}
        for number, (name, v) in enumerate(self.variables.items()):
            merged = where.get("part")
            coordinate = name in v.dims
            if merged is not None and not coordinate and number % 2 != merged:
                continue
            for dim, (start, stop) in {"time": part, "member": member}.items():
                v = self.cut(v, dim, range(start, stop))
            out[name] = replace(v, attrs=dict(v.attrs))
        attrs = {"title": "made"} | ({"number": len(str(at))} if self.on("attrs", 0.3) else {})
        return {"@at": at, "@lengths": lengths, "@attrs": attrs, **out}

    def cut(self, v, dim, items):
        if dim not in v.dims:
            return v
        stored = np.take(v.stored, list(items), axis=v.dims.index(dim)) if v.stored is not None else None
        return replace(v.take(dim, list(items)), stored=stored)

    # what differs

    def change(self, topic):
        r = self.rng(topic)
        self.policies[topic] = r.choice(DIFFER[topic]) if r.random() < 0.8 else None
        later = [f for f in self.files if any(f["@at"])]
        if len(later) < 1 or len(self.files) < 2:
            self.policies.pop(topic)
            return
        some = [f for f in later if r.random() < 0.5] or [later[-1]]
        getattr(self, f"change_{topic}")(r, some)

    def pick_variable(self, r, files, fits):
        names = [n for n, v in self.variables.items() if n in "abc" and fits(v)]
        name = r.choice(names) if names else None
        return name, [f for f in files if name in f]

    def varied(self, v, **changed):
        """The variable with another encoding of the same stored numbers."""
        stored = v.stored
        marks = [x for x in (v.fill, v.missing) if x is not None]
        out = replace(v, **changed)
        return self.encode(out, np.where(v.mask, 1, stored) if marks else stored)

    def change_packing(self, r, some):
        name, some = self.pick_variable(r, some, lambda v: v.packing)
        kind = r.choice(["scale", "offset", "both"])
        for f in some:
            scale, offset = f[name].packing
            scale = scale * r.choice([2, 0.5, 10]) if kind != "offset" else scale
            f[name] = self.varied(f[name], packing=(scale, offset + r.choice([5, -20]) if kind != "scale" else offset))

    def change_dtype(self, r, some):
        name, some = self.pick_variable(r, some, lambda v: not v.packing)
        for f in some:
            v = f[name]
            if any(x is not None and (x != x or abs(x) > 120 or x < 0) for x in (v.fill, v.missing)):
                continue
            types = (
                ["f4", "f8"]
                if v.dtype[0] == "f"
                else ["i1", "i2", "i4"] + ["i8", "u1", "u2", "u4"] * (self.container != "nc3")
            )
            f[name] = self.varied(v, dtype=r.choice(types + ["f8"]))

    def change_fill(self, r, some):
        name, some = self.pick_variable(r, some, lambda v: True)
        for f in some:
            v, key = f[name], r.choice(["fill", "missing"])
            if v.mask.any() and {"fill": v.missing, "missing": v.fill}[key] is None and r.random() < 0.5:
                continue
            f[name] = self.varied(v, **{key: r.choice([102, 105, 111])})

    def change_units(self, r, some):
        name, some = self.pick_variable(r, some, lambda v: v.attrs.get("units"))
        for f in some:
            f[name].attrs["units"] = "degC"

    def change_time(self, r, some):
        for f in some:
            if "time" in f:
                f["time"].clock = (
                    r.choice(["hours", "minutes", "seconds", "days"]),
                    r.choice(["2000-01-01", "1999-12-01", "1970-01-01 06:00:00"]),
                    "standard",
                )

    def change_calendar(self, r, some):
        for f in some:
            if "time" in f:
                f["time"].clock = (*f["time"].clock[:2], "proleptic_gregorian")

    def change_order(self, r, some):
        """Files change places: what is in them stays, where they stand does not."""
        axis = [n for n, *_ in self.axes].index("time")
        order = list(range(len(self.parts)))
        r.shuffle(order)
        for f in self.files:
            f["@at"] = tuple(order[k] if n == axis else k for n, k in enumerate(f["@at"]))
        self.files.sort(key=lambda f: f["@at"])

    def change_duplicates(self, r, some):
        """The repeated cells are equal, or not."""
        if r.random() < 0.5:
            return
        for f in some:
            for name in "abc":
                if name in f and "time" in f[name].dims and f[name].values.size:
                    stored = np.where(
                        f[name].mask, f[name].stored, (f[name].stored.astype("f8") + 1).astype(f[name].dtype)
                    )
                    f[name] = self.encode(f[name], stored)

    def change_gaps(self, r, some):
        some[0]["@gone"] = True

    def change_absent(self, r, some):
        name, some = self.pick_variable(r, some, lambda v: True)
        for f in some:
            f.pop(name, None)

    def change_coords(self, r, some):
        dims = [d for d in ("lat", "lon", "z") if d in self.variables]
        if not dims:
            return
        dim, kind = r.choice(dims), r.choice(["rounding", "moved", "part"])
        for f in some:
            if dim not in f:
                continue
            v = f[dim]
            if kind == "rounding":
                f[dim] = replace(v, values=v.values.astype("f4"), dtype="f4")
            elif kind == "moved":
                f[dim] = replace(v, values=v.values + np.where(np.arange(len(v.values)) == 1, 0.25, 0).astype(v.dtype))
            elif len(v.values) > 1:
                items = list(range(len(v.values) - 1))
                f.update({n: self.cut(x, dim, items) for n, x in model.variables(f)})

    def change_static(self, r, some):
        for f in some:
            if "area" in f and f["area"].values.size:
                f["area"] = self.encode(f["area"], f["area"].stored + np.array(1, f["area"].dtype))

    def change_scalars(self, r, some):
        for n, f in enumerate(some):
            if "depth" in f:
                f["depth"] = self.encode(f["depth"], f["depth"].stored + np.array(n + 1, f["depth"].dtype))

    def turned(self, f, dim, items, labels):
        f.update({n: self.cut(x, dim, items) for n, x in model.variables(f)})
        f[dim] = replace(f[dim], values=labels)

    def change_lat(self, r, some):
        for f in some:
            if "lat" in f:
                self.turned(f, "lat", range(len(f["lat"].values))[::-1], f["lat"].values[::-1])

    def change_lon(self, r, some):
        for f in some:
            if "lon" in f:
                east = f["lon"].values % 360
                order = np.argsort(east, kind="stable")
                self.turned(f, "lon", order, east[order])

    def change_dims(self, r, some):
        name, some = self.pick_variable(r, some, lambda v: len(v.dims) > 1)
        for f in some:
            dims = list(f[name].dims)
            if self.container == "nc3":
                continue  # the unlimited dimension stands first
            r.shuffle(dims)
            order = [f[name].dims.index(d) for d in dims]
            f[name] = replace(f[name].transposed(dims), stored=f[name].stored.transpose(order))

    def change_attrs(self, r, some):
        name, _ = self.pick_variable(r, some, lambda v: True)
        key = r.choice(["comment", "comment", "standard_name"])
        for n, f in enumerate(self.files):
            if name in f:
                f[name].attrs[key] = f"number {n if f in some else 0}"

    # the recipe

    def policy(self, key, name):
        """What the recipe says, else what its steps imply, else the default."""
        return self.policies.get(key) or self.implied.get((key, name)) or DIFFER[key][0]
