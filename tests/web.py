"""HTTP servers on the loopback. What is answered is a test's own; how parts are answered is written here, once."""

import threading
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves from its making to the end of its `with`; `state` is what handlers find as attributes of `self.server`."""

    def __init__(self, handler, tls=None, **state):
        super().__init__(("127.0.0.1", 0), handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        vars(self).update(state)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_close(self):
        self.shutdown()
        super().server_close()


class Quiet:
    """What every handler has: no log, and answers."""

    def answer(self, status, body, headers=()):
        """The body, or of a good one the part that is asked for."""
        span, whole, headers = self.headers.get("Range"), len(body), dict(headers)
        if span and status == 200:
            first, last = (int(n or whole - 1) for n in span.removeprefix("bytes=").split("-"))
            last = min(last, whole - 1)
            status, body = 206 if first < whole else 416, body[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{whole}"
        self.send_response(status)
        for name, value in (headers | {"Content-Length": len(body)}).items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Answers(Quiet, BaseHTTPRequestHandler):
    """A handler whose `do_GET` is all that a test writes."""

    def do_HEAD(self):
        self.do_GET()


class Folder(Quiet, SimpleHTTPRequestHandler):
    """Python's own server of a folder, which knows no ranges."""
