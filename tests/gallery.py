"""What the error gallery (tests/ui) is made of: small files that disagree, and a server that answers oddly.

A folder `ui/CODE/NAME` holds `command` (one line each; the last one is refused), the report that it must give
(`expected.txt`), perhaps a recipe, and perhaps `make.py`, which writes the inputs into the current folder with the
functions below.
"""

import os  # noqa: F401  for the scripts
import threading
from pathlib import Path

import numpy as np

import made
import web


def day(number, **changed):
    """The variables of one day on a small grid; `changed` replaces some, `None` leaves one out."""
    out = {
        "time": (("time",), np.array([number], "i4"), {"units": "days since 2000-01-01"}),
        "lat": (("lat",), np.array([10.0, 20.0]), {"units": "degrees_north"}),
        "lon": (("lon",), np.array([0.0, 120.0, 240.0]), {"units": "degrees_east"}),
        "sst": (("time", "lat", "lon"), np.arange(6, dtype="f4").reshape(1, 2, 3) + number, {"units": "K"}),
    }
    out.update(changed)
    return {name: spec for name, spec in out.items() if spec is not None}


def days(*files, **keywords):
    """Writes day1.nc, day2.nc, …: one for each map of what is changed in it (two plain ones by default)."""
    for number, changed in enumerate(files or ({}, {}), 1):
        made.netcdf(Path() / f"day{number}.nc", day(number, **changed), **keywords)


def field(values=None, dtype="f4", **attrs):
    """One day of `sst` with other values, type or attributes (`_FillValue` is one)."""
    values = np.arange(6) + 1 if values is None else np.asarray(values)
    fill = attrs.pop("_FillValue", None)
    keywords = {} if fill is None else {"fill_value": fill}
    return (("time", "lat", "lon"), values.astype(dtype).reshape(1, 2, 3), {"units": "K"} | attrs, keywords)


def time(values, units="days since 2000-01-01", **attrs):
    return (("time",), np.asarray(values, "i4"), {"units": units} | attrs)


class Odd(web.Answers):
    """By the name that is asked for: denied, busy, silent, or a file that changes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked += 1
        name = self.path.rpartition("/")[2]
        if name.startswith("busy"):
            self.server.waiting.set()
            return self.answer(503, b"later", {"Retry-After": 60})
        if name.startswith("silent"):
            self.server.waiting.set()
            return self.rfile.read(1)  # until the client goes away
        if name.startswith("denied"):
            return self.answer(403, b"no")
        body = (self.server.folder / name).read_bytes()
        if name.startswith("changing") and self.server.asked > 1:
            return self.answer(200, body[::-1], {"ETag": f'"{self.server.asked}"'})
        return self.answer(200, body, {"ETag": '"1"'})


def server(folder):
    """A server of a folder that answers oddly; `waiting` is set when somebody waits."""
    return web.Server(Odd, asked=0, folder=Path(folder), waiting=threading.Event())


def make(script):
    """Runs a `make.py` of the gallery in the current folder."""
    space = {name: value for name, value in globals().items() if not name.startswith("_")}
    exec(compile(Path(script).read_text(), str(script), "exec"), space)
