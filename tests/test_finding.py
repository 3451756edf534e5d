"""Inputs found in listings and catalogs: index pages, STAC, CMR, THREDDS, ESGF and tables, on servers of these tests."""

import hashlib
import html
import json
import shutil
import urllib.parse

import numpy as np
import pytest
import xarray as xr

import arco
import made
import web

DAYS = [0, 1, 3, 4, 5]  # 3 January 2000 is missing
AXES = "axes: {time: {concat: found}}\nsource:\n  find:\n"
BY_NAME = "    regex: '_(?P<time>\\d{8})\\.nc$'\n    parse: {time: \"%Y%m%d\"}\n"


class Archive(web.Quiet, web.BaseHTTPRequestHandler):
    """Files of a folder; what `pages` has is made by a function of path, query and body; `fails` come first."""

    def do_GET(self, body=None):
        url = urllib.parse.urlsplit(self.path)
        self.server.asked.append(url.path)
        fails = self.server.fails.get(url.path)
        if fails:
            return self.answer(fails.pop(0), b"later", {"Retry-After": 0})
        path = urllib.parse.unquote(url.path)
        make = self.server.pages.get(path)
        if make:
            found = make(dict(urllib.parse.parse_qsl(url.query)), body, self.headers)
            status, text, *headers = found if isinstance(found, tuple) else (200, found)
            text = text if isinstance(text, (str, bytes)) else json.dumps(text)
            return self.answer(status, text if isinstance(text, bytes) else text.encode(), *headers)
        file = self.server.folder / path.lstrip("/")
        if file.is_file():
            return self.answer(200, file.read_bytes(), {"ETag": f'"{hashlib.md5(file.read_bytes()).hexdigest()}"'})
        return self.answer(404, b"none")

    do_HEAD = do_GET

    def do_POST(self):
        self.do_GET(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))


@pytest.fixture
def archive(tmp_path):
    """Days in folders by year, one time each: `data/2000/sst_20000101.nc`."""
    folder = tmp_path / "www"
    (folder / "data" / "2000").mkdir(parents=True)
    for day in DAYS:
        made.days(folder / "data" / "2000", [1], name=f"sst_2000010{day + 1}.nc", start=day)
    with web.Server(Archive, folder=folder, pages={}, fails={}, asked=[]) as server:
        server.names = [f"sst_2000010{day + 1}.nc" for day in DAYS]
        yield server


def files(archive):
    return [f"{archive.url}/data/2000/{name}" for name in archive.names]


def found(tmp_path, text, *options, axes=AXES):
    """Bakes, and checks times and the lock's inputs; returns what was said."""
    recipe = arco.recipe(tmp_path, axes + text)
    done = arco.bake(recipe, *options, to=tmp_path / "a.zarr")
    with xr.open_zarr(tmp_path / "a.zarr", decode_times=False) as ds:
        assert list(ds.time.values) == DAYS
        assert np.isfinite(ds.t.values).all()
    return done


def locked(tmp_path):
    return json.loads((tmp_path / "recipe.lock").read_text())["inputs"]


def refuse(tmp_path, text, *mention, exit="source", axes=AXES):
    recipe = arco.recipe(tmp_path, axes + text)
    return arco.refuse("lock", recipe, exit=exit, mention=mention)


# index pages

STYLES = {
    "apache": (
        '<html><head><title>Index of {path}</title></head><body><a href="?C=N;O=D">Name</a>'
        '<a href="{parent}">Parent Directory</a>{links}</body></html>',
        '<a href="{name}">{shown}</a> 2020-01-01 10:00 1.1M\n',
    ),
    "nginx": ("<html><h1>Index of {path}</h1><pre><a href=\"../\">../</a>\n{links}</pre>", '<a href="{name}">{shown}</a>\n'),
    "iis": ('<A HREF="{parent}">[To Parent Directory]</A>{links}', '<A HREF="{path}{name}">{shown}</A><br>'),
    "nasa": (
        "<!DOCTYPE html><a href='/help#x'>Help</a><a href='https://example.org{path}other.nc'>x</a>{links}",
        "<td><a class=\"link\" href='{url}{path}{name}' title='x'>{shown}</a></td>",
    ),
}


def index(archive, path, names, style="apache"):
    page, link = STYLES[style]
    links = "".join(
        link.format(name=html.escape(urllib.parse.quote(n)), shown=html.escape(n), path=path, url=archive.url) for n in names
    )
    parent = path.rstrip("/").rpartition("/")[0] + "/"
    archive.pages[path] = lambda *_: page.format(path=path, parent=parent, links=links)


def tree(archive, style="apache"):
    index(archive, "/data/", ["1999/", "2000/", "readme.txt", "other/"], style)
    index(archive, "/data/2000/", [*archive.names, "sst_20000101.nc.md5", "a b&c.txt"], style)


@pytest.mark.parametrize("style", STYLES)
def test_globs_over_index_pages(style, archive, tmp_path):
    tree(archive, style)
    done = found(tmp_path, f"    glob: '{archive.url}/data/20*/sst_*.nc'\n{BY_NAME}")
    assert [i["url"] for i in locked(tmp_path)] == files(archive)
    assert "/data/other/" not in archive.asked and "/data/1999/" not in archive.asked
    assert "found 5 of 6 days, missing: 2000-01-03" in done.text


def test_folders_and_what_does_not_match(archive, tmp_path):
    tree(archive)
    for name in ["1999", "other"]:
        index(archive, f"/data/{name}/", [])
    done = found(tmp_path, f"    glob: '{archive.url}/data/'\n{BY_NAME}")
    assert "3 of 8 files do not match `source.find.regex`" in done.text, done.text


def test_failing_pages_are_asked_again(archive, tmp_path):
    tree(archive)
    archive.fails = {"/data/": [500, 429], "/data/2000/": [503]}
    found(tmp_path, f"    glob: '{archive.url}/data/20*/sst_*.nc'\n{BY_NAME}")
    assert archive.asked.count("/data/") == 3


def test_a_folder_that_stays_away_is_an_error(archive, tmp_path):
    tree(archive)
    index(archive, "/data/", ["2000/", "2001/"])
    refuse(tmp_path, f"    glob: '{archive.url}/data/20*/sst_*.nc'\n", "source-not-found", "/data/2001/")


WRONG_PAGES = {
    "empty": (lambda a: index(a, "/data/", []), ["source-not-found", "matches no file"]),
    "another name": (lambda a: index(a, "/data/", ["b.txt"]), ["matches no file", "found 1 names in 1 folders"]),
    "no page": (lambda a: a.pages.update({"/data/": lambda *_: "nothing here"}), ["source-not-data", "no page (HTML)"]),
    "a login": (
        lambda a: a.pages.update({
            "/data/": lambda *_: "<title>Log in</title><a href=/x>a</a><a href=/y>b</a><form action=/in></form>"
        }),
        ["source-not-data", 'titled "Log in"'],
    ),
    "a redirect": (
        lambda a: a.pages.update({
            "/data/": lambda *_: (302, "", {"Location": "/login/enter"}),
            "/login/enter": lambda *_: '<a href="x.nc">',
        }),
        ["source-not-data", "redirected to"],
    ),
    "absent": (lambda _: None, ["source-not-found", "404"]),
    "a circle": (
        lambda a: [index(a, "/data/" + "a/" * n, ["a/"]) for n in range(80)],
        ["source-limit", "64 folders within each other"],
    ),
}


@pytest.mark.parametrize("case", WRONG_PAGES)
def test_what_is_no_listing(case, archive, tmp_path):
    make, mention = WRONG_PAGES[case]
    make(archive)
    depth = "**/" if case == "a circle" else ""
    refuse(tmp_path, f"    glob: '{archive.url}/data/{depth}*.nc'\n", *mention)


def test_odd_names(archive, tmp_path):
    """Escapes in links and in names; a lock that was made is met again."""
    folder = archive.folder / "odd"
    folder.mkdir()
    names = []
    for day, name in zip(DAYS, archive.names, strict=True):
        names.append(f"a&b [{day}] é+%25_{name}")
        shutil.copy(archive.folder / "data" / "2000" / name, folder / names[-1])
    index(archive, "/odd/", names)
    text = f"    glob: '{archive.url}/odd/a*.nc'\n{BY_NAME}"
    found(tmp_path, text)
    assert [urllib.parse.unquote(i["url"]).rpartition("/")[2] for i in locked(tmp_path)] == names
    assert "nothing to do" in arco.bake(tmp_path / "recipe.yaml", to=tmp_path / "a.zarr").text


# STAC


def item(archive, day, name, **more):
    return {
        "type": "Feature",
        "id": name.removesuffix(".nc"),
        "collection": "sst",
        "bbox": [0, 0, 10, 10],
        "properties": {"datetime": f"2000-01-{day + 1:02}T00:00:00.000Z", "updated": "2020-01-01T00:00:00Z"},
        "assets": {
            "data": {"href": f"{archive.url}/data/2000/{name}", "roles": ["data"]} | more,
            "thumbnail": {"href": "t.png", "roles": ["thumbnail"]},
        },
        "links": [],
    }


def items(archive):
    return [item(archive, day, name) for day, name in zip(DAYS, archive.names, strict=True)]


def landing(archive):
    archive.pages["/stac"] = lambda *_: {
        "type": "Catalog",
        "links": [{"rel": "self", "href": "/stac"}, {"rel": "search", "href": "./stac/search", "method": "POST"}],
    }


def next_link(archive, style, at, body):
    url = f"{archive.url}/stac/search"
    match style:
        case "token bodies":
            return {"method": "POST", "href": url, "body": {**body, "token": at}}
        case "merged":
            return {"method": "POST", "href": url, "body": {"token": at}, "merge": True}
        case "get":
            return {"href": f"/stac/search?token={at}"}


def api(archive, style, size=2, all_items=None):
    """Pages of `size` items; searches are kept in `asked_for`."""
    landing(archive)
    archive.searches = []
    all_items = items(archive) if all_items is None else all_items

    def search(query, body, _):
        if body is None and style == "no post":
            body = query
        elif style == "no post":
            return 405, "no"
        archive.searches.append(body if body is not None else query)
        body = body if body is not None else query
        at = int(body.get("token", 0))
        part = all_items[at : at + size]
        links = []
        if at + size < len(all_items):
            if style == "no post":
                query = urllib.parse.urlencode({**body, "token": at + size})
                links = [{"rel": "next", "href": f"{archive.url}/stac/search?{query}"}]
            else:
                links = [{"rel": "next"} | next_link(archive, style, at + size, body)]
        return {"type": "FeatureCollection", "features": part, "links": links, "numberMatched": len(all_items)}

    archive.pages["/stac/search"] = search


SEARCH = "collections: [sst], datetime: 2000-01, bbox: [-10, 0, 10, 5], query: {'eo:cloud_cover': {lt: 10}}"


@pytest.mark.parametrize("style", ["token bodies", "merged", "get", "no post"])
def test_stac_pages(style, archive, tmp_path):
    api(archive, style)
    archive.fails = {"/stac/search": [500]}
    done = found(
        tmp_path, f"    stac: {{url: '{archive.url}/stac', {SEARCH}}}\n    keys: {{time: properties.datetime}}\n"
    )
    assert [i["url"] for i in locked(tmp_path)] == files(archive)
    assert len(archive.searches) == 3
    asked = archive.searches[0]
    if style == "no post":
        assert [float(n) for n in asked["bbox"].split(",")] == [-10, 0, 10, 5]
        assert json.loads(asked["query"]) == {"eo:cloud_cover": {"lt": 10}}
    else:
        assert asked["bbox"] == [-10, 0, 10, 5] and asked["collections"] == ["sst"]
        assert asked["datetime"] == "2000-01-01T00:00:00Z/2000-01-31T23:59:59Z"
    assert "found 5 of 6 days, missing: 2000-01-03" in done.text


def stac(archive, **more):
    more = "".join(f", {name}: {value}" for name, value in more.items())
    return f"    stac: {{url: '{archive.url}/stac', collections: sst{more}}}\n    keys: {{time: properties.datetime}}\n"


def test_stac_pages_that_shrink_and_overlap(archive, tmp_path):
    """The last item of a page comes again on the next one, and a page is empty: nothing twice, nothing lost."""
    landing(archive)
    all_items = items(archive)
    parts = [all_items[:3], all_items[2:3], [], all_items[3:]]

    def search(_, body, __):
        at = body.get("token", 0)
        link = {"rel": "next", "method": "POST", "href": "/stac/search", "body": {"token": at + 1}, "merge": True}
        return {"features": parts[at], "links": [link] if at < 3 else [], "context": {"matched": 7}}

    archive.pages["/stac/search"] = search
    done = found(tmp_path, stac(archive))
    assert "counted 7 items, its pages held 5" in done.text


def loop(token):
    link = {"rel": "next", "method": "POST", "href": "/stac/search", "body": {"token": token}}
    return lambda *_: {"features": [], "links": [link]}


def other_host(*_):
    return {"features": [], "links": [{"rel": "next", "href": "https://example.org/search"}]}


def counting():
    count = iter(range(10**6))
    return lambda *_: loop(next(count))()


WRONG_SEARCHES = {
    "a circle": (loop(1), ["source-limit", "around in a circle"]),
    "no end": (counting(), ["source-limit", "brought nothing new"]),
    "another host": (other_host, ["source-denied", "example.org"]),
    "nothing": (lambda *_: {"features": [], "links": []}, ["source-not-found", "nothing was found"]),
    "no items": (lambda *_: {"a": 1}, ["source-format", "features"]),
    "no json": (lambda *_: "<html>", ["source-format", "<html>", "JSON"]),
    "refused": (lambda *_: (400, '{"description": "unknown collection"}'), ["unknown collection", "400"]),
    "keeps failing": (lambda *_: (403, "no"), ["source-denied"]),
}


@pytest.mark.parametrize("case", WRONG_SEARCHES)
def test_searches_that_go_wrong(case, archive, tmp_path):
    landing(archive)
    answer, mention = WRONG_SEARCHES[case]
    archive.pages["/stac/search"] = answer
    refuse(tmp_path, stac(archive), *mention)


def test_stac_items_that_do_not_fit(archive, tmp_path):
    api(archive, "merged", all_items=[item(archive, 0, archive.names[0])])
    refuse(tmp_path, stac(archive, asset="B02"), "no asset `B02`", "`data`, `thumbnail`")
    refuse(tmp_path, stac(archive).replace(".datetime", ".datetim"), "properties.datetime", exit="recipe")
    odd = item(archive, 0, archive.names[0])
    odd["assets"]["data"]["href"] = "file:///etc/passwd"
    api(archive, "merged", all_items=[odd])
    refuse(tmp_path, stac(archive), "source-denied", "/etc/passwd")


def test_stac_catalogs_of_files(archive, tmp_path):
    """A catalog with two collections, relative links; conditions are asked here."""
    folder = archive.folder / "cat"
    (folder / "sst").mkdir(parents=True)
    links = [{"rel": rel, "href": href} for rel, href in [
        ("root", "catalog.json"), ("child", "./sst/collection.json"), ("child", "other.json"),
    ]]
    (folder / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "c", "links": links}))
    (folder / "other.json").write_text(json.dumps({"type": "Collection", "id": "ice", "links": [{"rel": "item", "href": "none"}]}))
    names = []
    for entry in [*items(archive), {**item(archive, 20, "late.nc"), "id": "late"}]:
        entry["assets"]["data"]["href"] = "../../data/2000/" + entry["assets"]["data"]["href"].rpartition("/")[2]
        names.append(entry["id"] + ".json")
        (folder / "sst" / names[-1]).write_text(json.dumps(entry))
    links = [{"rel": "item", "href": n} for n in names] + [{"rel": "parent", "href": "../catalog.json"}]
    (folder / "sst" / "collection.json").write_text(json.dumps({"type": "Collection", "id": "sst", "links": links}))
    conditions = "collections: [sst], datetime: ../2000-01-10"
    for url in [f"{archive.url}/cat/catalog.json", "www/cat/catalog.json"]:
        found(tmp_path, f"    stac: {{url: '{url}', {conditions}}}\n    keys: {{time: properties.datetime}}\n")
        ends = [i["url"].rpartition("/data/")[2] for i in locked(tmp_path)]
        assert ends == [f"2000/{name}" for name in archive.names]
        shutil.rmtree(tmp_path / "a.zarr")
        (tmp_path / "recipe.lock").unlink()
    refuse(tmp_path, f"    stac: {{url: '{url}', query: {{a: {{lt: 1}}}}}}\n", "`query` needs an API", exit="recipe")


# CMR


def granule(archive, day, name):
    data, inherited = "http://esipfed.org/ns/fedsearch/1.1/data#", "http://esipfed.org/ns/fedsearch/1.1/documentation#"
    return {
        "id": f"G{day}",
        "producer_granule_id": name,
        "time_start": f"2000-01-{day + 1:02}T00:00:00.000Z",
        "links": [
            {"rel": data, "href": f"{archive.url}/data/2000/{name}"},
            {"rel": "http://esipfed.org/ns/fedsearch/1.1/s3#", "href": f"s3://bucket/{name}"},
            {"rel": data, "href": "https://example.org/collection", "inherited": True},
            {"rel": inherited, "href": "https://example.org/doc"},
        ],
    }


def cmr(archive, granules=None, hits=None, size=2):
    granules = granules if granules is not None else [
        granule(archive, day, name) for day, name in zip(DAYS, archive.names, strict=True)
    ]
    archive.queries = []

    def search(query, _, headers):
        archive.queries.append(query)
        at = int(headers.get("CMR-Search-After") or 0)
        part = granules[at : at + size]
        after = {"CMR-Search-After": str(at + size)} if part else {}
        return 200, {"feed": {"entry": part}}, {"CMR-Hits": str(hits or len(granules))} | after

    archive.pages["/search/granules.json"] = search
    return (
        f"    cmr: {{short_name: SST, version: '4.1', temporal: 2000-01/.., bounding_box: [-10, -5.5, 10, 5], "
        f"parameters: {{cloud_cover: '0,20'}}, url: '{archive.url}/search'}}\n    keys: {{time: time_start}}\n"
    )


def test_cmr_granules(archive, tmp_path):
    text = cmr(archive)
    archive.fails = {"/search/granules.json": [429]}
    found(tmp_path, text)
    assert [i["url"] for i in locked(tmp_path)] == files(archive)
    asked = archive.queries[0]
    assert asked["temporal"] == "2000-01-01T00:00:00Z," and asked["bounding_box"] == "-10,-5.5,10,5"
    assert asked["cloud_cover"] == "0,20" and asked["version"] == "4.1" and len(archive.queries) == 4


def test_cmr_answers_that_are_refused(archive, tmp_path):
    refuse(tmp_path, cmr(archive, hits=6), "source-changed", "counted 6 records, its pages held 5")
    bare = granule(archive, 0, "a.nc") | {"links": []}
    refuse(tmp_path, cmr(archive, [bare]), "source-not-found", "`a.nc` has no link to its data by https")
    refuse(tmp_path, cmr(archive, []), "source-not-found", "nothing was found")


# THREDDS


def test_thredds_catalogs(archive, tmp_path):
    names = "xmlns='http://www.unidata.ucar.edu/namespaces/thredds/InvCatalog/v1.0' xmlns:xlink='http://www.w3.org/1999/xlink'"
    archive.pages["/thredds/catalog.xml"] = lambda *_: (
        f"<?xml version='1.0'?><catalog {names}><catalogRef xlink:href='2000/catalog.xml' xlink:title='2000'/>"
        "<catalogRef xlink:href='1999/catalog.xml' xlink:title='1999'/>"
        "<catalogRef xlink:href='https://example.org/catalog.xml' xlink:title='2000'/></catalog>"
    )
    rows = "".join(f"<dataset name='{n}' urlPath='2000/{n}'/>" for n in archive.names)
    archive.pages["/thredds/2000/catalog.xml"] = lambda *_: (
        f"<catalog {names}><service name='all' serviceType='Compound' base=''>"
        "<service name='d' serviceType='OPENDAP' base='/dodsC/'/><service name='f' serviceType='HTTPServer' base='/data/'/>"
        f"</service><dataset name='top'><metadata inherited='true'><serviceName>all</serviceName></metadata>{rows}</dataset>"
        "<catalogRef xlink:href='../catalog.xml' xlink:title='2000 above'/></catalog>"
    )
    archive.fails = {"/thredds/2000/catalog.xml": [503]}
    done = found(tmp_path, f"    thredds: {{url: '{archive.url}/thredds/catalog.xml', follow: '2000*'}}\n{BY_NAME}")
    assert [i["url"] for i in locked(tmp_path)] == files(archive)
    assert "1 catalogs of other hosts are not followed" in done.text
    bomb = "<!DOCTYPE a [<!ENTITY b 'cc'>]><catalog>&b;</catalog>"
    for text, mention in [(bomb, "no XML"), ("<html/>", "XML of `html`"), ("<catalog/>", "nothing was found")]:
        archive.pages["/thredds/catalog.xml"] = lambda *_, text=text: text
        refuse(tmp_path, f"    thredds: {{url: '{archive.url}/thredds/catalog.xml'}}\n", mention)


# ESGF


def document(archive, name, node="a.org", replica=False, path=None):
    content = (archive.folder / "data" / "2000" / name).read_bytes()
    return {
        "id": f"{name}|{node}",
        "master_id": name,
        "title": name,
        "data_node": node,
        "replica": replica,
        "url": [
            f"{archive.url}/dodsC/{name}.html|application/opendap-html|OPENDAP",
            f"{archive.url}/{path or 'data/2000'}/{name}|application/netcdf|HTTPServer",
        ],
        "checksum": [hashlib.sha256(content).hexdigest()],
        "checksum_type": ["SHA256"],
        "size": len(content),
    }


def esgf(archive, documents, more="", size=3):
    archive.queries = []

    def search(query, *_):
        archive.queries.append(query)
        at = int(query["offset"])
        return {"response": {"numFound": len(documents), "start": at, "docs": documents[at : at + size]}}

    archive.pages["/esg-search/search"] = search
    facets = "facets: {project: CMIP6, source_id: [A, B]}"
    return f"    esgf: {{url: '{archive.url}/esg-search/search', {facets}{more}}}\n{BY_NAME}"


def test_esgf_files(archive, tmp_path):
    documents = [document(archive, name) for name in archive.names]
    found(tmp_path, esgf(archive, documents) + "    verify: true\n")
    inputs = locked(tmp_path)
    assert [i["url"] for i in inputs] == files(archive)
    assert [i["checksum"] for i in inputs] == [f"sha256:{d['checksum'][0]}" for d in documents]
    asked = archive.queries[0]
    assert asked["source_id"] == "A,B" and asked["latest"] == "true" and asked["replica"] == "false"
    assert (len(archive.queries), asked["type"]) == (2, "File")
    # the catalog says of another file that it is this one
    documents[1]["checksum"] = ["0" * 64]
    recipe = tmp_path / "recipe.yaml"
    arco.refuse("bake", recipe, "--to", tmp_path / "b.zarr", exit="source", mention=["lock-mismatch", "in the catalog"])
    (tmp_path / "recipe.lock").unlink()
    arco.refuse("bake", recipe, "--to", tmp_path / "b.zarr", exit="source", mention=["source-corrupt", "0" * 64])


def test_esgf_replicas(archive, tmp_path):
    names = archive.names
    documents = [document(archive, n) for n in names] + [document(archive, n, "b.org", True, "gone") for n in names[:2]]
    documents += [document(archive, n, "c.org", True, "gone") for n in names]
    found(tmp_path, esgf(archive, documents, ", nodes: [a.org, b.org]"))
    assert [i["url"] for i in locked(tmp_path)] == files(archive)
    assert "replica" not in archive.queries[0]


def test_esgf_answers_that_are_refused(archive, tmp_path):
    no_http = document(archive, archive.names[0])
    no_http["url"] = no_http["url"][:1]
    refuse(tmp_path, esgf(archive, [no_http]), "served by OPENDAP, not over HTTP")
    text = esgf(archive, [])
    archive.pages["/esg-search/search"] = lambda *_: {"response": {"numFound": 9, "docs": []}}
    refuse(tmp_path, text, "source-changed", "counted 9 records, its pages held 0")
    same = {"response": {"numFound": 10**9, "docs": [document(archive, archive.names[0])]}}
    archive.pages["/esg-search/search"] = lambda *_: same
    refuse(tmp_path, text, "source-limit", "brought nothing new")


# tables


def test_csv_tables(archive, tmp_path):
    rows = ["href,when,sha,bytes"]
    for name in archive.names:
        content = (archive.folder / "data" / "2000" / name).read_bytes()
        rows.append(f'"../data/2000/{name}",{name[4:12]},{hashlib.md5(content).hexdigest()},{len(content)}')
    (archive.folder / "lists").mkdir()
    table = archive.folder / "lists" / "inputs.csv"
    table.write_text("\n".join(rows))
    columns = "url: href, checksum: sha, size: bytes"
    for file in [f"{archive.url}/lists/inputs.csv", "www/lists/inputs.csv"]:
        text = f"    table: {{file: '{file}', {columns}}}\n    keys: {{time: when}}\n    parse: {{time: '%Y%m%d'}}\n"
        found(tmp_path, text + "    verify: true\n")
        assert all(i["checksum"].startswith("md5:") for i in locked(tmp_path))
        shutil.rmtree(tmp_path / "a.zarr")
        (tmp_path / "recipe.lock").unlink()
    for old, new, *mention in [
        ("href,", "link,", "no column `href`", "`link`"),
        ("when,", "wen,", "did you mean `wen`?"),
        (rows[2].split(",")[0], "", "row 2: the column `href` is empty"),
        (rows[1].rpartition(",")[2], "x", "`x` is no number of bytes"),
    ]:
        table.write_text("\n".join(rows).replace(old, new, 1))
        refuse(tmp_path, text, "recipe-source", *mention, exit="recipe")
    table.write_text("\n".join(rows).replace(rows[1].rpartition(",")[2], "7", 1))
    arco.recipe(tmp_path, AXES + text + "    verify: true\n")
    mention = ["source-corrupt", "expected 7 (the catalog)"]
    arco.refuse("plan", tmp_path / "recipe.yaml", exit="source", mention=mention)


@pytest.mark.parametrize("codec", ["snappy", "zstd", "none"])
@pytest.mark.parametrize("field", ["time", "day", "number"])
def test_parquet_tables(codec, field, tmp_path):
    """Tables that pyarrow wrote (tests/tables/make.py)."""
    shutil.copy(arco.ROOT / "tests" / "tables" / f"{codec}.parquet", tmp_path)
    (tmp_path / "in").mkdir()
    order = [1, 2, 0] if field == "number" else [0, 1, 2]
    for day, number in enumerate(order):
        made.days(tmp_path / "in", [1], name=f"day0{number}.nc", start=day)
    text = f"    table: {{file: {codec}.parquet, url: href}}\n    keys: {{time: {field}}}\n"
    recipe = arco.recipe(tmp_path, AXES + text)
    arco.bake(recipe, to=tmp_path / "a.zarr")
    with xr.open_zarr(tmp_path / "a.zarr", decode_times=False) as ds:
        assert list(ds.time.values) == [0, 1, 2]
    assert [i["url"] for i in locked(tmp_path)] == [f"in/day0{n}.nc" for n in order]
    refuse(tmp_path, text.replace("url: href", "url: tags"), "no single values", exit="recipe")
    refuse(tmp_path, text.replace("url: href", "url: hrf"), "did you mean `href`?", exit="recipe")
    damaged = bytearray((tmp_path / f"{codec}.parquet").read_bytes())
    damaged[-40:-8] = b"\xff" * 32
    (tmp_path / f"{codec}.parquet").write_bytes(damaged)
    refuse(tmp_path, text, "source-corrupt")


# what is said of any of them


def test_later_files_win_and_gaps_are_ranges(archive, tmp_path):
    (tmp_path / "in").mkdir()
    for day in [0, 1, 5, 8]:
        made.days(tmp_path / "in", [1], name=f"v1_sst_2000010{day + 1}.nc", start=day)
    made.days(tmp_path / "in", [1], name="v2_sst_20000102.nc", start=1)
    recipe = arco.recipe(tmp_path, f"{AXES}    glob: in/*.nc\n{BY_NAME}    pick: latest\n")
    done = arco.run("lock", recipe)
    assert "along `time`, found 4 of 9 days, missing: 2000-01-03..2000-01-05, 2000-01-07..2000-01-08" in done.text
    assert "1 files stand back behind later ones" in done.text and "v1_sst_20000102.nc" in done.text
    arco.recipe(tmp_path, f"{AXES}    glob: in/*.nc\n{BY_NAME}")
    arco.refuse("lock", recipe, exit="refused", mention=["combine-duplicates", "v1_sst_20000102.nc", "v2_sst_20000102.nc"])
