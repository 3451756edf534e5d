"""A server that misbehaves in one way for each first part of the path; files are the last part.

`/ok/F` ranges, an entity tag            `/norange/F` always all of it           `/nolength/F` in chunks, without a length
`/truncate/F` hangs up after 60 %        `/shortlen/F` says and sends 60 %       `/gzip/F` packs what it sends
`/html200/F` a login page                `/login/F` leads to it                  `/flaky/N/F` 503, N times
`/429/N/F` 429 with Retry-After          `/reset/N/F` hangs up, N times          `/slow/F` 1 KiB at a time
`/changing/F` new bytes for each request `/wrongrange/F` the beginning, always   `/redirect?to=URL` leads elsewhere
`/auth/basic/F` wants a password         `/loop` leads to itself                 `/huge` has 4 EiB

`/hold/BYTES/F` says no more after so many bytes. Once `state.healed` is set, all of them behave like `/ok/F`.
"""

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import web

PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head></html>"
KINDS = [
    "ok",
    "norange",
    "nolength",
    "truncate",
    "shortlen",
    "gzip",
    "html200",
    "login",
    "flaky/2",
    "429/1",
    "reset/2",
    "slow",
    "changing",
    "wrongrange",
    "redirect",
    "auth/basic",
    "loop",
    "huge",
]


class Misbehaving(web.Quiet, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        kind, *rest = url.path.strip("/").split("/")
        with self.server.lock:
            self.count = self.server.counts[self.path] = self.server.counts.get(self.path, 0) + 1
            self.server.seen.append(self.headers)
        self.query = parse_qs(url.query)
        self.number = int(rest[0]) if rest and rest[0].isdigit() else 0
        self.body = (self.server.folder / rest[-1]).read_bytes() if rest else b""
        self.tag = {"ETag": f'"{self.server.version}-{len(self.body)}"'}
        getattr(self, "ok" if self.server.healed else kind.replace("429", "busy"))()

    def send(self, status, body, headers=(), cut=None):
        self.send_response(status)
        for field, value in ({"Content-Length": len(body)} | dict(headers)).items():
            self.send_header(field, str(value))
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def ok(self):
        asked = self.headers.get("If-None-Match")
        if asked and asked == self.tag["ETag"]:
            return self.send(304, b"", self.tag)
        condition = self.headers.get("If-Range")
        if condition and condition != self.tag["ETag"]:
            return self.send(200, self.body, self.tag)
        return self.answer(200, self.body, self.tag)

    def norange(self):
        self.send(200, self.body, self.tag)

    def nolength(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(self.body), 5000):
            part = self.body[at : at + 5000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def truncate(self):
        self.send(200, self.body, cut=len(self.body) * 6 // 10)

    def shortlen(self):
        self.send(200, self.body[: len(self.body) * 6 // 10])

    def gzip(self):
        self.send(200, gzip.compress(self.body), {"Content-Encoding": "gzip"})

    def html200(self):
        self.send(200, PAGE, {"Content-Type": "text/html"})

    def login(self):
        self.send(302, b"", {"Location": self.path.replace("login", "html200")})

    def slow(self):
        self.send(200, self.body, self.tag, cut=0)
        for at in range(0, len(self.body), 1024):
            self.wfile.write(self.body[at : at + 1024])
            time.sleep(1)

    def changing(self):
        self.answer(200, bytes([self.count % 256]) * 8 + self.body[8:], {"ETag": f'"{self.count}"'})

    def wrongrange(self):
        whole, span = self.body, self.headers.get("Range")
        if not span:
            return self.send(200, whole, self.tag)
        first, last = (int(n) for n in span.removeprefix("bytes=").split("-"))
        last = min(last, len(whole) - 1)
        said = {"Content-Range": f"bytes {first}-{last}/{len(whole)}"}
        return self.send(206, whole[: last - first + 1], said | self.tag)

    def redirect(self):
        self.send(302, b"", {"Location": self.query["to"][0]})

    def auth(self):
        if self.headers.get("Authorization") == "Basic dXNlcjpwYXNz":
            return self.ok()
        return self.send(401, b"", {"WWW-Authenticate": "Basic"})

    def loop(self):
        self.send(302, b"", {"Location": "/loop"})

    def huge(self):
        self.send(200, b"x", {"Content-Length": 2**62}, cut=1)

    def flaky(self):
        self.ok() if self.count > self.number else self.send(503, b"")

    def busy(self):
        self.ok() if self.count > self.number else self.send(429, b"", {"Retry-After": 1})

    def reset(self):
        self.ok() if self.count > self.number else self.send(200, self.body, cut=len(self.body) * 3 // 10)

    def hold(self):
        self.send(200, self.body, self.tag, cut=self.number)
        self.wfile.flush()
        self.server.held.set()
        self.server.go_on.wait(60)


def serve(folder):
    """A server of the files in `folder`; `seen` has the header of every request."""
    return web.Server(
        Misbehaving,
        folder=folder,
        healed=False,
        version=1,
        counts={},
        seen=[],
        lock=threading.Lock(),
        held=threading.Event(),
        go_on=threading.Event(),
    )
