"""What a case is: files to write, and what is right to make of them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LAT, LON = np.array([10.0, 20.0, 30.0]), np.array([0.0, 90.0, 180.0, 270.0])
DAYS = "days since 2000-01-01"
CELLS = ("time", "lat", "lon")
registered = {}


@dataclass(frozen=True)
class Right:
    """A dataset that is right. `variables`: name → (dims, or None for any, and values as read by xarray: NaN for what
    is missing, dates as ISO texts). `attrs`: name or `variable@name` → value, None for absent."""

    variables: dict
    attrs: dict = field(default_factory=dict)
    stored: dict = field(default_factory=dict)  # variable → the type of the stored numbers, or several
    atol: float = 1e-6
    calendar: str = ""
    decoded: bool = True  # False: numbers are compared as they are stored, before masking
    absent: tuple = ()  # variables that must not be there
    says: tuple = ()  # words that the output must hold
    forbidden: bytes = b""  # bytes that no variable may hold


@dataclass(frozen=True)
class Stop:
    """Nothing is to be made, and the message must hold these words."""

    words: tuple
    exits: tuple = (4, 5, 6)  # of data; 3 is one of recipes


@dataclass(frozen=True)
class Either:
    """Both are right."""

    right: Right
    stop: Stop


@dataclass(frozen=True)
class Outcomes:
    """What is right by default, and by other policies: (`key=policy`, …) → outcome."""

    default: Right | Stop | Either
    by_policy: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One case. `make` writes the files (nothing, where they have no folder) and returns the `Outcomes`."""

    id: str
    odd: str
    make: Callable
    kind: str
    concat: str | None = "time"
    group: str | None = None
    chunks: dict = field(default_factory=dict)
    recipe: Callable | None = None  # keys of a recipe (a function of the paths), where files alone do not say it
    peers: bool = True  # whether other tools have the means that the case needs
    limits: tuple = ()  # seconds and MB, where they matter

    def outcomes(self):
        """What is right, without writing anything."""
        return self.make(Files(None))

    def write(self, folder):
        """Writes the files; returns their paths and the outcomes."""
        files = Files(Path(folder))
        outcomes = self.make(files)
        return [Path(folder) / name for name in files.names], outcomes


def case(id, odd, **keywords):
    """Registers a function as a case; its module's first line is the heading it stands under."""

    def register(make):
        kind = sys.modules[make.__module__].__doc__.splitlines()[0]
        assert id not in registered, id
        registered[id] = Case(id, odd, make, kind, **keywords)
        return make

    return register


def grid(steps, seed=0, low=270.0, high=300.0):
    """`steps` fields of unlike values on the grid of `LAT` and `LON`, exact in float32."""
    values = np.random.default_rng(seed).uniform(low, high, (steps, len(LAT), len(LON)))
    return np.round(values * 64) / 64


def cells(*parts):
    return CELLS, np.concatenate(parts)


def dates(*numbers):
    """Days of January 2000, counted from 0; fractions are hours."""
    start = np.datetime64("2000-01-01T00:00:00")
    return ("time",), [str(start + np.timedelta64(round(n * 86400), "s")) for n in numbers]


class Files:
    """The files of a case. With no folder nothing is written, and the outcomes are computed all the same."""

    def __init__(self, folder):
        self.folder, self.names = folder, []

    def add(self, write, name="f{}.nc"):
        """One file more; `write` is called with its path."""
        name = name.format(len(self.names))
        self.names.append(name)
        if self.folder:
            write(self.folder / name)

    def nc(self, time, data, *, units=DAYS, calendar="standard", lat=LAT, lon=LON, dims=CELLS, **more):
        """A file in the usual form: `t2m(time, lat, lon)` with coordinates. `more`: see `write_nc`."""
        self.add(lambda path: write_nc(path, time, data, units, calendar, lat, lon, dims, **more))

    def h5(self, fill, name="f{}.h5"):
        """An HDF5 file that `fill` writes with h5py."""

        def write(path):
            import h5py

            with h5py.File(path, "w") as file:
                fill(file)

        self.add(write, name)

    def nc4(self, fill):
        """A NetCDF-4 file that `fill` writes with netCDF4, numbers as they are stored."""

        def write(path):
            import netCDF4

            with netCDF4.Dataset(path, "w") as ds:
                ds.set_auto_maskandscale(False)
                fill(ds)

        self.add(write)

    def bytes(self, data, name="f{}.nc"):
        self.add(lambda path: path.write_bytes(data() if callable(data) else data), name)


class OneFile(Files):
    """Writes one file under a name of its own, to be changed or wrapped."""

    def __init__(self, path):
        super().__init__(path.parent)
        self.path = path

    def add(self, write, name=""):
        write(self.path)


def write_nc(path, time, data, units, calendar, lat, lon, dims, **more):
    """`name`, `time_type`, `dtype`, `fill`, `attrs` (of t2m), `time_attrs`, `file_attrs`, `format`, `unlimited`, `filters`
    (keywords of createVariable), `extra` (more variables, as `made.netcdf` takes them), `sizes` (their dimensions)."""
    import made

    time_attrs = {"units": units} | ({"calendar": calendar} if calendar else {}) | more.get("time_attrs", {})
    keywords = more.get("filters", {}) | ({"fill_value": more["fill"]} if "fill" in more else {})
    variables = {
        "time": (("time",), np.asarray(time, more.get("time_type", "f8")), time_attrs),
        "lat": (("lat",), lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": (("lon",), lon, {"units": "degrees_east", "standard_name": "longitude"}),
        more.get("name", "t2m"): (dims, np.asarray(data, more.get("dtype", "f4")), more.get("attrs", {}), keywords),
    } | more.get("extra", {})
    sizes = {"time": len(time), "lat": len(lat), "lon": len(lon)} | more.get("sizes", {})
    made.netcdf(
        path,
        variables,
        sizes,
        more.get("file_attrs"),
        format=more.get("format", "NETCDF4"),
        unlimited=("time",) if more.get("unlimited", True) else (),
    )
