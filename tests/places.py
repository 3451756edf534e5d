"""What tests of places share: certificates, names that lead to the loopback, and a look for secrets in all that was written."""

import functools
import select
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

SECRET = "s3cret-tr0ub4dor"


def certificate(folder, *names):
    """A root of its own, and a leaf for these names: (context of the server, root certificate, leaf with its key)."""
    root, key, leaf = (Path(folder) / name for name in ("root.pem", "leaf.key", "leaf.pem"))
    make = functools.partial(subprocess.run, check=True, capture_output=True)
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    make([*new, "-keyout", f"{folder}/root.key", "-out", root, "-subj", "/CN=test root"])
    alt = "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)
    extra = ["-addext", alt, "-addext", "basicConstraints=critical,CA:FALSE"]
    signed = ["-CA", root, "-CAkey", f"{folder}/root.key"]
    make([*new, "-keyout", key, "-out", leaf, "-subj", "/CN=leaf", *extra, *signed])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    return context, root, (leaf, key)


class Proxy:
    """A proxy that leads every name to one port of the loopback, so that tests have hosts of any name."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.pipe, args=(client,), daemon=True).start()

    def pipe(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(4096)
            if not more:
                return
            head += more
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            other = {client: server, server: client}
            while True:
                for side in select.select(list(other), [], [])[0]:
                    try:
                        data = side.recv(65536)
                        other[side].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return

    def __enter__(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_):
        self.socket.close()


def leaks(secrets, folders, *texts):
    """Where a secret stands in what was written or printed."""
    found = []
    for folder in folders:
        for path in Path(folder).rglob("*"):
            name = str(path)
            if any(secret in name for secret in secrets):
                found.append(name)
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
                found.append(name)
    return found + [text for text in texts if any(secret in text for secret in secrets)]


def has_openssl():
    return shutil.which("openssl") is not None
