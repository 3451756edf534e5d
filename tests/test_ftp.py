"""Inputs on FTP servers of the loopback: of every kind that archives run, with and without TLS, and such that misbehave."""

import json
import os
import threading

import numpy as np
import pytest
import xarray as xr

import arco
import made
import places
from places import SECRET

pytest.importorskip("pyftpdlib")

from pyftpdlib.authorizers import DummyAuthorizer  # noqa: E402
from pyftpdlib.handlers import DTPHandler, FTPHandler, ThrottledDTPHandler  # noqa: E402
from pyftpdlib.ioloop import IOLoop  # noqa: E402
from pyftpdlib.servers import FTPServer  # noqa: E402

openssl = pytest.mark.skipif(not places.has_openssl(), reason="no openssl to make a certificate with")
USUAL = FTPHandler.proto_cmds


class Served:
    """A server of a folder: anonymous, or for the user `me` alone."""

    def __init__(self, folder, base=FTPHandler, without=(), password=None, **members):
        authorizer = DummyAuthorizer()
        if password:
            authorizer.add_user("me", password, str(folder), perm="elr")
        else:
            authorizer.add_anonymous(str(folder))
        self.commands = []
        commands = self.commands

        def pre_process_command(handler, line, cmd, arg):
            commands.append((cmd, arg))
            base.pre_process_command(handler, line, cmd, arg)

        kept = {name: value for name, value in base.proto_cmds.items() if name not in without}
        members = {"authorizer": authorizer, "proto_cmds": kept, "banner": "220 ready"} | members
        members |= {"pre_process_command": pre_process_command, "auth_failed_timeout": 0, "use_sendfile": False}
        self.handler = type("Handler", (base,), members)
        self.server = FTPServer(("127.0.0.1", 0), self.handler, ioloop=IOLoop())
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            self.server.serve_forever(timeout=0.05, blocking=False)
        self.server.close_all()

    @property
    def host(self):
        return f"127.0.0.1:{self.server.address[1]}"

    def count(self, command):
        return sum(cmd == command for cmd, _ in self.commands)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(5)


def lying_rest(handler, line):
    """Says that it begins at an offset, and begins at the beginning."""
    handler.respond("350 Restarting at position.")


class Dropping(DTPHandler):
    """Hangs up in the middle of the first transfers."""

    ac_out_buffer_size = 2048
    left = 0

    def initiate_send(self):
        super().initiate_send()
        if type(self).left and self.tot_bytes_sent >= 4096:
            type(self).left -= 1
            self.cmd_channel.respond("426 Connection closed; transfer aborted.")
            self.close()


class Slow(ThrottledDTPHandler):
    write_limit = 50_000


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    (folder / "a year").mkdir(parents=True)
    return folder, *made.days(folder / "a year", [20, 30, 10], grid=(40, 50))


KINDS = {
    "plain": {},
    "no REST": {"without": ["REST"]},
    "lying REST": {"ftp_REST": lying_rest},
    "no EPSV": {"without": ["EPSV"]},
    "PASV with another address": {"without": ["EPSV"], "masquerade_address": "192.0.2.1"},
    "no SIZE": {"without": ["SIZE"]},
    "no SIZE, MDTM, MLSD": {"without": ["SIZE", "MDTM", "MLSD"]},
    "names alone": {"without": ["MLSD", "LIST"]},
    "slow": {"dtp_handler": Slow},
    "hangs up": {"dtp_handler": Dropping},
    "login": {"password": SECRET},
}


@pytest.mark.parametrize("kind", KINDS)
def test_bakes_equal_those_of_local_files(tmp_path, archive, kind):
    folder, paths, whole = archive
    Dropping.left = 3 if kind == "hangs up" else 0
    work = tmp_path / "work"
    work.mkdir()
    local, store = tmp_path / "local.zarr", work / "out.zarr"
    arco.bake(*paths, "--concat", "time", to=local)
    with Served(folder, **KINDS[kind]) as server:
        login = {"credentials": "basic"} if kind == "login" else {}
        source = json.dumps({"find": {"glob": f"ftp://{server.host}/a*/*.nc"}} | login)
        recipe = arco.recipe(work, f"axes: {{time: {{concat: found}}}}\nsource: {source}\n")
        env = {"ARCOFORGE_BASIC_USERNAME": "me", "ARCOFORGE_BASIC_PASSWORD": SECRET} if login else {}
        done = arco.run("bake", recipe, "--to", store, "--json", env=env, cwd=work)
        assert done.code == 0, done.text
        assert Dropping.left == 0
        again = arco.run("bake", recipe, "--to", store, env=env, cwd=work)
        # without times nothing tells that the files are the same
        told = "tells no versions" if "MDTM" in KINDS[kind].get("without", ()) else "nothing to do"
        assert told in again.err, again.text
    assert np.array_equal(xr.open_zarr(store).t.values, whole)
    chunks = {key: value for key, value in arco.digest(store).items() if "/c/" in key}
    assert chunks and chunks == {key: value for key, value in arco.digest(local).items() if "/c/" in key}
    urls = [line for line in (work / "recipe.lock").read_text().split('"') if line.startswith("ftp://")]
    assert [url.rsplit("/", 2)[-2:] for url in urls] == [["a%20year", path.name] for path in paths]
    assert places.leaks([SECRET], [work], done.text, again.text) == []


@openssl
@pytest.mark.parametrize("required", [False, True])
def test_over_tls(tmp_path, archive, store, required):
    pytest.importorskip("OpenSSL")
    from pyftpdlib.handlers import TLS_FTPHandler  # noqa: PLC0415

    folder, paths, whole = archive
    _, root, (leaf, key) = places.certificate(tmp_path, "localhost")
    both = tmp_path / "both.pem"
    both.write_bytes(leaf.read_bytes() + key.read_bytes())
    members = {"certfile": str(both), "tls_control_required": required, "tls_data_required": required}
    with Served(folder, TLS_FTPHandler, password=SECRET, **members) as server:
        port = server.host.rsplit(":")[-1]
        urls = [f"ftps://localhost:{port}/a%20year/{path.name}" for path in paths]
        source = json.dumps({"files": urls, "credentials": {"kind": "basic", "name": "archive"}})
        recipe = arco.recipe(tmp_path, f"axes: {{time: {{concat: found}}}}\nsource: {source}\n")
        env = {"ARCOFORGE_ARCHIVE_USERNAME": "me", "ARCOFORGE_ARCHIVE_PASSWORD": SECRET}
        arco.bake(recipe, to=store, env=env | {"SSL_CERT_FILE": str(root)})
        assert np.array_equal(xr.open_zarr(store).t.values, whole)
        # a certificate that nobody signed: nothing is said to the server, the password least of all
        server.commands.clear()
        done = arco.run("inspect", urls[0].replace("//", "//me:" + SECRET + "@", 1), env={"SSL_CERT_FILE": ""})
        assert done.code == arco.EXIT["source"] and "certificate" in done.err and SECRET not in done.text, done.text
        assert server.count("USER") == server.count("PASS") == 0


def test_a_server_that_does_not_encrypt_gets_no_password(archive):
    folder, paths, _ = archive
    with Served(folder, password=SECRET) as server:
        done = arco.run("inspect", f"ftps://me:{SECRET}@{server.host}/a%20year/{paths[0].name}")
        assert done.code == arco.EXIT["source"] and "AUTH TLS" in done.err and SECRET not in done.text, done.text
        assert server.count("USER") == server.count("PASS") == 0


REFUSALS = [
    ("a%20year/day99.nc", {}, ["source-not-found", "day99.nc"]),
    ("nowhere/*.nc", {}, ["source-not-found"]),
    ("a%20year/*.grib", {}, ["source-not-found", "matches no file"]),
    ("a%20year/day00.nc", {"password": SECRET}, ["source-denied", "530"]),
    ("a%20year/day00.nc%0d%0aDELE%20x", {}, ["source-unsupported", "line's end"]),
    ("empty.nc", {}, ["source-not-data", "empty"]),
]


@pytest.mark.parametrize("path, members, says", REFUSALS, ids=[path for path, *_ in REFUSALS])
def test_what_fails_says_why(tmp_path, archive, store, path, members, says):
    folder, _, _ = archive
    (folder / "empty.nc").write_bytes(b"")
    with Served(folder, **members) as server:
        url = f"ftp://{server.host}/{path}"
        source = json.dumps({"find": {"glob": url}} if "*" in path else {"files": [url]})
        axes = "{time: {concat: found}}" if "*" in path else "{}"
        recipe = arco.recipe(tmp_path, f"axes: {axes}\nsource: {source}\n")
        done = arco.run("bake", recipe, "--to", store, timeout=60)
    assert done.code == arco.EXIT["source"] and all(word in done.err for word in says), done.text
    arco.nothing_left(store)


def test_a_file_that_changes_in_the_middle_is_refused(tmp_path, archive, store):
    folder, paths, _ = archive
    rng = np.random.default_rng(1)
    noise = rng.random((40, 100, 100))
    path = made.netcdf(folder / "big.nc", {"x": (("t", "y", "z"), noise, {}, {"chunksizes": (10, 100, 100)})})

    class Touching(FTPHandler):
        retrieved = 0

        def ftp_RETR(self, file):  # noqa: N802
            type(self).retrieved += 1
            if type(self).retrieved == 2:
                os.utime(path, (1e9, 1e9))
            return super().ftp_RETR(file)

    with Served(folder, Touching) as server:
        done = arco.run("bake", f"ftp://{server.host}/big.nc", "--to", store)
    assert done.code == arco.EXIT["source"] and "source-changed" in done.err, done.text
    arco.nothing_left(store)


def test_few_bytes_of_a_large_file(tmp_path, archive):
    folder, _, _ = archive
    noise = np.random.default_rng(1).random((100, 200, 200))
    path = made.netcdf(folder / "big.nc", {"x": (("t", "y", "z"), noise, {}, {"chunksizes": (1, 200, 200)})})
    with Served(folder) as server:
        done = arco.run("inspect", f"ftp://{server.host}/big.nc", "--json")
        assert done.code == 0 and server.count("RETR") < 10, (done.text, server.commands)
    assert path.stat().st_size > 30_000_000
