"""What it costs to bake an archive behind a slow server.

    .venv/bin/python benches/remote.py [--files 60] [--archive FOLDER] [--latency 0.05] [--rate 20] [--binary PATH ...]

A server on the loopback waits before every answer and sends so many megabytes a second over each connection. Printed are
wall time, CPU seconds and peak resident memory of the program, requests and megabytes that the server sent, the most
requests at a time, and whether all values are the same. The same archive on this machine's disk stands first: fetching
that is hidden behind computing (or the other way round) costs max(fetching, computing), and not their sum.
"""

import argparse
import shutil
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import small

SLICE = 1 << 16
WAYS = {
    "20 days a chunk": ["--chunks", "time=20"],
    "20 days a chunk, Blosc zstd": ["--chunks", "time=20", "--codecs", small.PEERS_CODEC],
    "all days, 90 x 180": ["--chunks", "time=60,lat=90,lon=180"],
    "copied": ["--chunks", "time=1", "--shards", "time=20", "--codecs", "source"],
}


class Slow(BaseHTTPRequestHandler):
    """Files in parts, late and slowly."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        with server.lock:
            server.now += 1
            server.most = max(server.most, server.now)
        time.sleep(server.latency)
        path = server.folder / Path(self.path).name
        size = path.stat().st_size
        first, last = 0, size - 1
        if span := self.headers.get("Range"):
            first, last = (int(n) for n in span.removeprefix("bytes=").split("-"))
            last = min(last, size - 1)
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("ETag", f'"{size}"')
        self.end_headers()
        self.send(path, first, last + 1)
        with server.lock:
            server.now -= 1
            server.requests += 1
            server.sent += last + 1 - first

    def send(self, path, first, end):
        began, sent = time.monotonic(), 0
        with path.open("rb") as file:
            file.seek(first)
            while first + sent < end:
                sent += self.wfile.write(file.read(min(SLICE, end - first - sent)))
                time.sleep(max(0, began + sent / self.server.rate - time.monotonic()))

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder, latency, rate):
        super().__init__(("127.0.0.1", 0), Slow)
        self.folder, self.latency, self.rate, self.lock = folder, latency, rate, threading.Lock()
        self.now = self.most = self.requests = self.sent = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def figures(self):
        with self.lock:
            figures = self.requests, self.sent / 1e6, self.most
            self.requests = self.sent = self.most = 0
        return figures


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--files", type=int, default=60)
    options.add_argument("--archive", type=Path, help="a folder of daily files in place of those that are made")
    options.add_argument("--latency", type=float, default=0.05, help="seconds before every answer")
    options.add_argument("--rate", type=float, default=20, help="megabytes a second and connection")
    options.add_argument("--memory", nargs="+", default=["256MiB"])
    options.add_argument("--workers", default="2")
    options.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    options.add_argument("--binary", nargs="+", type=Path, default=[small.BINARY])
    options = options.parse_args()
    work = Path(tempfile.mkdtemp())
    data = options.archive or work / "archive"
    if not options.archive:
        data.mkdir()
        small.archive(data, options.files)
    files = sorted(data.glob("*.nc"))[: options.files]
    server = Server(data, options.latency, options.rate * 1e6)
    places = {"disk": data, "server": f"http://127.0.0.1:{server.server_address[1]}"}
    inputs = {place: [f"{base}/{file.name}" for file in files] for place, base in places.items()}
    print(f"{'binary':20} {'way':28} {'memory':>7} {'from':>7} {'wall s':>7} {'CPU s':>6} {'peak MB':>8} {'requests':>8} {'MB':>6} {'at once':>8}  values")
    for way in options.ways:
        for binary in options.binary:
            for memory in options.memory:
                for place in places:
                    store = work / "out.zarr"
                    shutil.rmtree(store, ignore_errors=True)
                    shutil.rmtree(f"{store}.bake", ignore_errors=True)
                    given = ["--memory", memory, "--workers", options.workers, "--concat", "time", "--quiet", "--no-survey-cache"]
                    began = time.monotonic()
                    cpu, peak = small.measured(binary, "bake", *inputs[place], *given, *WAYS[way], "--to", store)
                    wall = time.monotonic() - began
                    requests, sent, most = server.figures()
                    equal = "equal" if same(store, files) else "DIFFER"
                    print(f"{binary.name:20} {way:28} {memory:>7} {place:>7} {wall:7.2f} {cpu:6.2f} {peak:8.0f} {requests:8} {sent:6.0f} {most:8}  {equal}", flush=True)
    shutil.rmtree(work)


def same(store, files):
    """Every variable along time, as xarray reads it from the files."""
    import numpy as np
    import xarray as xr

    raw = {"mask_and_scale": False, "decode_times": False}
    with xr.open_zarr(store, consolidated=False, chunks=None, **raw) as got:
        for number, path in enumerate(files):
            with xr.open_dataset(path, **raw) as want:
                names = [name for name, var in want.data_vars.items() if "time" in var.dims]
                if not all(np.array_equal(got[n].isel(time=number), want[n][0]) for n in names):
                    return False
    return True


if __name__ == "__main__":
    main()
