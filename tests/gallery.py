"""What the error gallery (tests/ui) is made of: small files that disagree, and a server that answers oddly.

A folder `ui/CODE/NAME` holds `command` (one line each; the last one is refused), the report that it must give
(`expected.txt`), perhaps a recipe, and perhaps `make.py`, which writes the inputs into the current folder with the
functions below.
"""

import os  # noqa: F401  for the scripts
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

import made


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
        variables = day(number, **changed)
        dims = {}
        for names, values, *_ in variables.values():
            dims |= dict(zip(names, np.shape(values), strict=True))
        made.netcdf(Path() / f"day{number}.nc", variables, dims, **keywords)


def field(values=None, dtype="f4", **attrs):
    """One day of `sst` with other values, type or attributes (`_FillValue` is one)."""
    values = np.arange(6) + 1 if values is None else np.asarray(values)
    fill = attrs.pop("_FillValue", None)
    keywords = {} if fill is None else {"fill_value": fill}
    return (("time", "lat", "lon"), values.astype(dtype).reshape(1, 2, 3), {"units": "K"} | attrs, keywords)


def time(values, units="days since 2000-01-01", **attrs):
    return (("time",), np.asarray(values, "i4"), {"units": units} | attrs)


class Odd(BaseHTTPRequestHandler):
    """By the name that is asked for: denied, busy, silent, or a file that changes."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked += 1
        name = self.path.rpartition("/")[2]
        if name.startswith("busy"):
            self.server.waiting.set()
            return self.answer(503, b"later", wait="60")
        if name.startswith("silent"):
            self.server.waiting.set()
            return self.rfile.read(1)  # until the client goes away
        if name.startswith("denied"):
            return self.answer(403, b"no")
        body = (self.server.folder / name).read_bytes()
        if name.startswith("changing") and self.server.asked > 1:
            return self.answer(200, body[::-1], tag=f'"{self.server.asked}"')
        return self.answer(200, body)

    def answer(self, status, body, tag='"1"', wait=None):
        span, whole = self.headers.get("Range"), len(body)
        if span and status == 200:
            first, last = (int(n or whole - 1) for n in span.removeprefix("bytes=").split("-"))
            last = min(last, whole - 1)
            status, body = 206, body[first : last + 1]
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
        if wait:
            self.send_header("Retry-After", wait)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def server(folder):
    """An HTTP server on the loopback that serves a folder oddly; `waiting` is set when somebody waits."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    http.daemon_threads = True
    http.asked, http.folder, http.waiting = 0, Path(folder), threading.Event()
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    return http


def make(script):
    """Runs a `make.py` of the gallery in the current folder."""
    space = {name: value for name, value in globals().items() if not name.startswith("_")}
    exec(compile(Path(script).read_text(), str(script), "exec"), space)
