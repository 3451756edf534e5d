"""A real object store (SeaweedFS) on the loopback, and a proxy before it that loses requests and answers by a seed."""

import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import web

KEYS = {"AWS_ACCESS_KEY_ID": "test-id", "AWS_SECRET_ACCESS_KEY": "hush-hush"}
CONFIG = """{"identities": [
  {"name": "test", "credentials": [{"accessKey": "test-id", "secretKey": "hush-hush"}],
   "actions": ["Admin", "Read", "List", "Write"]},
  {"name": "guest", "credentials": [{"accessKey": "guest-id", "secretKey": "hush-guest"}],
   "actions": ["Read:lent", "List:lent"]},
  {"name": "anonymous", "actions": ["Read:public", "List:public"]}]}"""
FAULTS = ["drop-before", "drop-after", "late", "error-before", "error-after", "slow-down", "cut", "delay"]


def program():
    """`weed`, of the Python in use or of the path; `None` where there is none."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


def free_ports():
    """A port from which four are free, and those 10,000 above, which the server also takes."""
    for _ in range(200):
        first = random.randrange(20000, 30000, 10)
        wanted = [first + at + far for at in range(4) for far in (0, 10000)]
        taken = [socket.socket() for _ in wanted]
        try:
            for one, port in zip(taken, wanted, strict=True):
                one.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for one in taken:
                one.close()
    raise RuntimeError("no free ports")


class Store:
    """The server: `url` for S3, `put` to fill it from outside."""

    def __init__(self, folder):
        self.folder, self.first = folder, free_ports()
        (folder / "s3.json").write_text(CONFIG)
        ports = {f"{name}.port": self.first + at for at, name in enumerate(["master", "volume", "filer", "s3"])}
        options = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "s3.json"} | ports
        options |= {"master.volumeSizeLimitMB": 64, "volume.max": 200, "s3.port.iceberg": 0, "s3.port.lance": 0}
        command = [program(), "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in options.items())]
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=folder)
        self.url = f"http://127.0.0.1:{self.first + 3}"
        self.filer = f"http://127.0.0.1:{self.first + 2}"
        self.wait()

    def wait(self):
        """Until objects can be put."""
        end = time.monotonic() + 120
        while True:
            try:
                self.put("public/ready", b"yes")
                urllib.request.urlopen(f"{self.url}/public/ready", timeout=5).read()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.2)

    def put(self, key, body):
        """Buckets are folders of the server's own file system."""
        request = urllib.request.Request(f"{self.filer}/buckets/{key}", data=body, method="PUT")
        urllib.request.urlopen(request, timeout=30).read()

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Faulty(web.Quiet, BaseHTTPRequestHandler):
    """Hands requests on, and fails in four of ten. Requests that were given up arrive late only where they can't do harm:
    what is put on no condition comes back after it was deleted, whoever waits for it."""

    protocol_version = "HTTP/1.1"

    def handle_any(self):
        self.close_connection = False
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            die = self.server.random.randrange(20)
        fault = FAULTS[die] if die < len(FAULTS) and not self.server.wait else ""
        time.sleep(self.server.wait)
        conditional = self.headers.get("If-Match")
        if fault == "drop-before" or (fault == "late" and not conditional):
            self.close_connection = True
        elif fault == "late":
            threading.Timer(0.01, self.forward, [body]).start()
            self.close_connection = True
        elif fault in ("error-before", "slow-down"):
            self.reply(503 if fault == "slow-down" else 500, {}, b"<Error><Code>SlowDown</Code></Error>")
        else:
            self.handle_forwarded(fault, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def handle_forwarded(self, fault, body):
        if fault == "delay":
            time.sleep(0.005)
        status, fields, answer = self.forward(body)
        if fault == "drop-after":
            self.close_connection = True
        elif fault == "error-after":
            self.reply(500, {}, b"<Error><Code>InternalError</Code></Error>")
        elif fault == "cut" and self.command != "HEAD":
            self.reply(status, fields, answer, cut=len(answer) // 2)
        else:
            self.reply(status, fields, answer)

    def forward(self, body):
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        fields = {n: v for n, v in answer.getheaders() if n.lower() not in ("connection", "transfer-encoding")}
        read = answer.read()
        upstream.close()
        return answer.status, fields, read

    def reply(self, status, fields, body, cut=None):
        self.send_response_only(status)
        fields = {n: v for n, v in fields.items() if n.lower() != "content-length" or self.command == "HEAD"}
        if self.command != "HEAD" and status != 204:
            fields["Content-Length"] = str(len(body))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True


def faulty(store, seed, wait=0):
    """The proxy before a store; with `wait` one that only takes its time, in seconds for each request."""
    upstream = store.url.removeprefix("http://")
    return web.Server(Faulty, upstream=upstream, lock=threading.Lock(), random=random.Random(seed), wait=wait)
