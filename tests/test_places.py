"""Inputs behind logins, on servers of the loopback: who gets what, what is said, and that no secret is left anywhere."""

import base64
import json
import re
import threading
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import xarray as xr

import arco
import made
import places
import web
from places import SECRET

openssl = pytest.mark.skipif(not places.has_openssl(), reason="no openssl to make a certificate with")
BASIC = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
#: what no file and no output may hold
SECRETS = [SECRET, BASIC.removeprefix("Basic ")]
CLEAR = {
    name: ""
    for name in ("EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
}


class Guarded(web.Answers):
    """Serves the state's `folder` to whom `state.allows(handler)`; everything that comes in is noted."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers)))
            nth = self.server.counts[url.path] = self.server.counts.get(url.path, 0) + 1
        if self.server.busy and nth == 1:
            return self.answer(429, b"", {"Retry-After": 1})
        if not self.server.allows(self):
            return self.answer(401, b"", {"WWW-Authenticate": "Basic"})
        if self.server.to:
            return self.answer(302, b"", {"Location": self.server.to + url.path})
        body = (self.server.folder / url.path.rsplit("/")[-1]).read_bytes()
        if not self.server.ranges:
            del self.headers["Range"]
        return self.answer(200, body, {"ETag": f'"{len(body)}"'})


def serve(folder, allows=lambda handler: True, to=None, ranges=True, busy=False):
    return web.Server(
        Guarded, folder=folder, allows=allows, to=to, ranges=ranges, busy=busy, seen=[], counts={}, lock=threading.Lock()
    )


def shows(value):
    return lambda handler: handler.headers.get("Authorization") == value


def asks(name, value):
    return lambda handler: parse_qs(urlsplit(handler.path).query).get(name) == [value]


@pytest.fixture
def archive(tmp_path):
    """A folder of files, and what they hold together."""
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder, *made.days(folder, [2, 3], grid=(40, 50))


def write_recipe(folder, urls, credentials, more=""):
    credentials = json.dumps(credentials)
    files = json.dumps(urls)
    return arco.recipe(
        folder, f"axes: {{time: {{concat: found}}}}\nsource: {{files: {files}, credentials: {credentials}}}\n{more}"
    )


def bake_and_compare(tmp_path, archive, urls, credentials, env, **kwargs):
    """A bake from servers, which equals the one of local files, and of which nothing that was written holds a secret."""
    _, paths, whole = archive
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    local, store = tmp_path / "local.zarr", work / "out.zarr"
    arco.bake(*paths, "--concat", "time", to=local)
    recipe = write_recipe(work, urls, credentials)
    env = CLEAR | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(work / "cache")} | env
    outputs = []
    for command in (
        ["plan", recipe, "--to", store, "--json"],
        ["bake", recipe, "--to", store, "--json", "--cache", work / "downloads"],
        ["verify", recipe, "--to", store],
        ["check", recipe],
    ):
        done = arco.run(*command, env=env, cwd=work, **kwargs)
        assert done.code == 0, done.text
        outputs.append(done.text)
    assert np.array_equal(xr.open_zarr(store).t.values, whole)
    chunks = {key: value for key, value in arco.digest(store).items() if "/c/" in key}
    assert chunks and chunks == {key: value for key, value in arco.digest(local).items() if "/c/" in key}
    assert (work / "recipe.lock").exists()
    assert places.leaks(SECRETS, [work], *outputs) == []
    return outputs


ACCOUNT = {"ARCOFORGE_ARCHIVE_USERNAME": "me", "ARCOFORGE_ARCHIVE_PASSWORD": SECRET}
KINDS = [
    ("basic", shows(BASIC), ACCOUNT),
    ("bearer", shows(f"Bearer {SECRET}"), {"ARCOFORGE_ARCHIVE_TOKEN": SECRET}),
    ("query", asks("api_key", SECRET), {"ARCOFORGE_ARCHIVE_QUERY": f"api_key={SECRET}"}),
]


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole"])
@pytest.mark.parametrize("kind, allows, env", KINDS, ids=[kind for kind, *_ in KINDS])
def test_each_kind_of_login(tmp_path, archive, kind, allows, env, ranges):
    folder, paths, _ = archive
    with serve(folder, allows, ranges=ranges) as server:
        urls = [f"{server.url}/d/{path.name}" for path in paths]
        outputs = bake_and_compare(tmp_path, archive, urls, {"kind": kind, "name": "archive"}, env)
    assert f"credentials `archive`: {kind} in the environment" in outputs[-1]


@pytest.mark.parametrize("kind, allows, env", KINDS, ids=[kind for kind, *_ in KINDS])
def test_a_login_that_is_missing_is_told_before_any_work(tmp_path, archive, store, kind, allows, env):
    folder, paths, _ = archive
    with serve(folder, allows) as server:
        recipe = write_recipe(tmp_path, [f"{server.url}/{paths[0].name}"], {"kind": kind, "name": "archive"})
        clear = CLEAR | {"HOME": str(tmp_path)}
        done = arco.run("bake", recipe, "--to", store, env=clear)
        assert done.code == arco.EXIT["source"] and "source-denied" in done.err, done.text
        assert all(name in done.err for name in env), done.text
        # those who check a recipe need not hold what it asks for
        done = arco.run("check", recipe, env=clear)
        assert done.code == 0 and "does not hold the credentials `archive`" in done.err, done.text
        assert server.seen == []
    arco.nothing_left(store)


@pytest.mark.parametrize("kind, allows, env", KINDS, ids=[kind for kind, *_ in KINDS])
def test_a_redirect_to_another_host_shows_it_nothing(tmp_path, archive, kind, allows, env):
    folder, paths, _ = archive
    with serve(folder) as other, serve(folder, allows, to=other.url) as server:
        urls = [f"{server.url}/{path.name}" for path in paths]
        bake_and_compare(tmp_path, archive, urls, {"kind": kind, "name": "archive"}, env)
        assert other.seen and not [seen for seen in other.seen if re.search("|".join(SECRETS), str(seen))], other.seen


def test_a_redirect_within_the_hosts_is_shown_the_login(tmp_path, archive):
    folder, paths, _ = archive
    with serve(folder, shows(BASIC)) as other, serve(folder, shows(BASIC), to=other.url) as server:
        hosts = [one.url.removeprefix("http://") for one in (server, other)]
        urls = [f"{server.url}/{path.name}" for path in paths]
        bake_and_compare(tmp_path, archive, urls, {"kind": "basic", "name": "archive", "hosts": hosts}, ACCOUNT)


def test_a_stranger_does_not_get_what_belongs_to_others(tmp_path, archive, store):
    folder, paths, _ = archive
    keyring = tmp_path / "keyring.toml"
    keyring.write_text(f"[archive]\ntoken = '{SECRET}'\nhosts = ['data.org']\n")
    keyring.chmod(0o600)
    with serve(folder, shows(f"Bearer {SECRET}")) as server:
        recipe = write_recipe(tmp_path, [f"{server.url}/{paths[0].name}"], "archive")
        done = arco.run("bake", recipe, "--to", store, env=CLEAR | {"ARCOFORGE_KEYRING": str(keyring)})
        assert done.code == arco.EXIT["source"] and "`data.org`" in done.err, done.text
        assert server.seen == []
    assert SECRET not in done.text


@pytest.mark.parametrize("mode, opens", [(0o600, True), (0o640, False), (0o604, False)])
def test_a_keyring_is_private(tmp_path, archive, mode, opens):
    folder, paths, _ = archive
    keyring = tmp_path / ".config" / "arcoforge" / "credentials.toml"
    keyring.parent.mkdir(parents=True)
    keyring.write_text(f'[archive]\nkind = "basic"\nusername = "me"\npassword = "{SECRET}"\n')
    keyring.chmod(mode)
    with serve(folder, shows(BASIC)) as server:
        urls = [f"{server.url}/{path.name}" for path in paths]
        if opens:
            return bake_and_compare(tmp_path, archive, urls, "archive", {"XDG_CONFIG_HOME": ""})
        recipe = write_recipe(tmp_path, urls, "archive")
        env = CLEAR | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
        done = arco.run("bake", recipe, "--to", tmp_path / "out.zarr", env=env)
        assert done.code == arco.EXIT["source"] and "chmod 600" in done.err and SECRET not in done.text, done.text
        assert server.seen == []


def test_netrc(tmp_path, archive):
    folder, paths, _ = archive
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine data.org login you password other\nmachine 127.0.0.1\n  login me password {SECRET}\n")
    netrc.chmod(0o644)
    with serve(folder, shows(BASIC)) as server:
        urls = [f"{server.url}/{path.name}" for path in paths]
        outputs = bake_and_compare(tmp_path, archive, urls, "basic", {"NETRC": str(netrc)})
    assert "may be read by others" in outputs[2]


def test_a_token_that_expires_in_the_middle_is_fetched_again(tmp_path, archive):
    folder, paths, _ = archive
    tokens = tmp_path / "tokens"
    tokens.write_text("0")
    command = f"n=$(($(cat {tokens}) + 1)); echo $n > {tokens}; echo {SECRET}$n"
    valid = {"token": 1, "requests": 0}

    def allows(handler):
        valid["requests"] += 1
        if valid["requests"] == 2:
            valid["token"] = 2
        return handler.headers.get("Authorization") == f"Bearer {SECRET}{valid['token']}"

    with serve(folder, allows) as server:
        urls = [f"{server.url}/{path.name}" for path in paths]
        env = {"ARCOFORGE_ARCHIVE_TOKEN_COMMAND": command}
        work = tmp_path / "work"
        work.mkdir()
        recipe = write_recipe(work, urls, {"kind": "bearer", "name": "archive"})
        done = arco.run("bake", recipe, "--to", work / "out.zarr", "--workers", 1, env=CLEAR | env)
        assert done.code == 0, done.text
    assert int(tokens.read_text()) > 1
    assert places.leaks([SECRET], [work], done.text) == []


def test_what_is_not_taken_says_what_to_set(tmp_path, archive, store):
    folder, paths, _ = archive
    with serve(folder, shows(BASIC)) as server:
        recipe = write_recipe(tmp_path, [f"{server.url}/{paths[0].name}"], {"kind": "basic", "name": "archive"})
        env = CLEAR | {"ARCOFORGE_ARCHIVE_USERNAME": "me", "ARCOFORGE_ARCHIVE_PASSWORD": "wr0ngpass"}
        done = arco.run("bake", recipe, "--to", store, env=env)
        assert done.code == arco.EXIT["source"] and "source-denied" in done.err, done.text
        assert "ARCOFORGE_ARCHIVE_PASSWORD" in done.err and "wr0ngpass" not in done.text, done.text
        assert len(server.seen) == 1
    arco.nothing_left(store)


def test_a_busy_server_behind_a_login(tmp_path, archive):
    folder, paths, _ = archive
    with serve(folder, shows(BASIC), busy=True) as server:
        urls = [f"{server.url}/{path.name}" for path in paths]
        bake_and_compare(tmp_path, archive, urls, {"kind": "basic", "name": "archive"}, ACCOUNT)


LOGIN, DATA, STORE = "urs.earthdata.nasa.gov", "data.gesdisc.earthdata.nasa.gov", "bucket.s3.us-west-2.amazonaws.com"


class Earthdata(web.Answers):
    """The login server, an archive and an object store of NASA's, told apart by their names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url, host, sent = urlsplit(self.path), self.headers["Host"], self.headers
        query, (taken, token) = parse_qs(url.query), self.server.accepts
        with self.server.lock:
            self.server.seen.append((host, self.path, dict(sent)))
        redirect = lambda to, **more: self.answer(302, b"", {"Location": to} | more)  # noqa: E731
        if host == LOGIN:
            if sent.get("Authorization") == taken:
                cookie = {"Set-Cookie": "urs=session; Path=/; Secure; HttpOnly"}
                return redirect(f"https://{DATA}/login?code=5ecret-code&state={query['state'][0]}", **cookie)
            if sent.get("Authorization"):
                return self.answer(401, b"")
            return self.answer(200, b"<!DOCTYPE html><title>Earthdata Login</title>", {"Content-Type": "text/html"})
        if host == DATA and url.path == "/login":
            return redirect(f"/data/{query['state'][0]}", **{"Set-Cookie": "session=5ecret-cookie; Path=/; Secure"})
        name = url.path.rsplit("/")[-1]
        if host == DATA:
            shown = sent.get("Authorization", "")
            if shown.startswith("Bearer ") and shown != token:
                return self.answer(401, b"")
            if shown == token or "session=5ecret-cookie" in sent.get("Cookie", ""):
                return redirect(f"https://{STORE}/{name}?X-Amz-Signature=5ecret-signature")
            return redirect(f"https://{LOGIN}/oauth/authorize?client_id=1&state={name}")
        if sent.get("Authorization") or sent.get("Cookie"):
            return self.answer(400, b"only one auth mechanism allowed")
        return self.answer(200, (self.server.folder / name).read_bytes(), {"ETag": '"1"'})


@pytest.fixture
def earthdata(tmp_path, archive):
    """Fake servers of NASA's and how the program is led to them."""
    folder = tmp_path / "tls"
    folder.mkdir()
    context, root, _ = places.certificate(folder, LOGIN, DATA, STORE)
    accepts = (BASIC, f"Bearer {SECRET}")
    state = {"folder": archive[0], "accepts": accepts, "seen": [], "lock": threading.Lock()}
    with web.Server(Earthdata, tls=context, **state) as server, places.Proxy(server.server_address[1]) as proxy:
        yield server, {"SSL_CERT_FILE": str(root), "HTTPS_PROXY": proxy, "NO_PROXY": ""}


EARTHDATA_ACCOUNT = {"EARTHDATA_USERNAME": "me", "EARTHDATA_PASSWORD": SECRET}


@openssl
@pytest.mark.parametrize("way", ["token", "account", "netrc", "old token"])
def test_earthdata(tmp_path, archive, earthdata, way):
    server, env = earthdata
    if way == "netrc":
        netrc = tmp_path / ".netrc"
        netrc.write_text(f"machine {LOGIN} login me password {SECRET}\n")
        netrc.chmod(0o600)
    more = {
        "token": {"EARTHDATA_TOKEN": SECRET},
        "account": EARTHDATA_ACCOUNT,
        "old token": EARTHDATA_ACCOUNT | {"EARTHDATA_TOKEN": "0ld"},
    }
    urls = [f"https://{DATA}/data/{path.name}" for path in archive[1]]
    bake_and_compare(tmp_path, archive, urls, "earthdata", env | more.get(way, {}))
    for host, path, headers in server.seen:
        sent = headers.get("Authorization", "")
        assert not sent or host == (LOGIN if sent == BASIC else DATA), (host, path)
        assert "Cookie" not in headers or host in (LOGIN, DATA)
    assert places.leaks(["5ecret"], [tmp_path / "work"]) == []


@openssl
def test_earthdata_that_does_not_let_in(tmp_path, archive, earthdata, store):
    server, env = earthdata
    recipe = write_recipe(tmp_path, [f"https://{DATA}/data/{archive[1][0].name}"], "earthdata")
    wrong = {"EARTHDATA_USERNAME": "me", "EARTHDATA_PASSWORD": "wr0ng"}
    for more in ({}, wrong, {"EARTHDATA_TOKEN": "wr0ng"}, wrong | {"EARTHDATA_TOKEN": "wr0ng"}):
        done = arco.run("bake", recipe, "--to", store, env=CLEAR | env | {"HOME": str(tmp_path)} | more)
        assert done.code == arco.EXIT["source"] and "source-denied" in done.err, done.text
        assert "EARTHDATA_TOKEN" in done.err and "wr0ng" not in done.text, done.text
    # and a recipe that does not say that there is a login
    done = arco.run("inspect", f"https://{DATA}/data/{archive[1][0].name}", env=CLEAR | env)
    assert "credentials: earthdata" in done.err and done.code == arco.EXIT["source"], done.text
