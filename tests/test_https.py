"""Bakes over HTTPS on loopback, with a certificate made for the test."""

import functools
import shutil
import ssl
import subprocess

import numpy as np
import pytest
import xarray as xr

import arco
import made
import web

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture
def server(tmp_path):
    """A server of the folder `archive` behind TLS: its address and its root certificate."""
    folder = tmp_path / "archive"
    folder.mkdir()
    root, key, leaf = (tmp_path / name for name in ("root.pem", "leaf.key", "leaf.pem"))
    make = functools.partial(subprocess.run, check=True, capture_output=True)
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    make([*new, "-keyout", tmp_path / "root.key", "-out", root, "-subj", "/CN=test root"])
    names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    signed = ["-CA", root, "-CAkey", tmp_path / "root.key"]
    make([*new, "-keyout", key, "-out", leaf, "-subj", "/CN=localhost", *names, *signed])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    handler = functools.partial(web.Folder, directory=folder)
    with web.Server(handler, tls=context) as https:
        yield f"https://localhost:{https.server_address[1]}", folder, root


@openssl
def test_a_bake_over_https(server, store):
    url, folder, root = server
    paths, whole = made.days(folder, [2, 3])
    urls = [f"{url}/{path.name}" for path in paths]
    arco.bake(*urls, "--concat", "time", to=store, env={"SSL_CERT_FILE": str(root)})
    assert np.array_equal(xr.open_zarr(store).t.values, whole)


@openssl
def test_a_certificate_that_nobody_signed(server, store):
    url, folder, root = server
    (path,), _ = made.days(folder, [1])
    done = arco.run("bake", f"{url}/{path.name}", "--to", store, env={"SSL_CERT_FILE": ""})
    assert done.code == arco.EXIT["source"] and "certificate" in done.err and path.name in done.err, done.text
    done = arco.run("bake", f"{url}/{path.name}", "--to", store, env={"SSL_CERT_FILE": str(root) + ".nowhere"})
    assert done.code == arco.EXIT["source"] and "SSL_CERT_FILE" in done.err, done.text
    assert not store.exists()
