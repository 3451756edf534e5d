"""What becomes of single files: `arcoforge bake FILE --to STORE`, compared with the library of their format.

    python tests/outcomes.py            # writes docs/outcomes-single-files.md

A file either converts equal to the oracle, or is refused with a message that names the file, the variable and the
reason. Where variables are refused by name, they are dropped by `--step` and the rest must convert.
"""

import json
import re
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import arco
import gribs
import raw
import tiffs
import zarrs

# a field of a GRIB file is decoded whole, and some are of 24 million points
MEMORY = ("--memory", "1GiB")
DROPS = 8  # refusals after which dropping more is given up


@dataclass
class Outcome:
    """What became of one file."""

    path: str
    format: str
    result: str = ""  # "equal", "refused" or "wrong"
    reason: str = ""
    code: int = 0
    problems: list = field(default_factory=list)
    dropped: list = field(default_factory=list)
    rest: str = ""  # "", "equal", "refused" or "wrong": the file without the dropped variables


def files(data):
    """(path relative to the data folder, format) of every file under single/ and every store under zarr/."""
    manifest = json.loads((data / "MANIFEST.json").read_text())
    return sorted((f["path"], f["format"]) for f in manifest["files"] if f["path"].startswith(("single/", "zarr/")))


def outcome(data, path, format):
    """Bakes one file and compares; after a refusal that names variables, once more without them."""
    source = data / path
    out = Outcome(path, format)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "out.zarr"
        done = arco.run("bake", source, "--to", store, *MEMORY)
        out.code = done.code
        if done.code == 0:
            out.problems = compare(source, store, format)
            out.result = "wrong" if out.problems else "equal"
            return out
        out.result, out.reason = "refused", message(done.text, source)
        out.problems = unclear(done, source)
        while done.code != 0 and len(out.dropped) < DROPS and (new := named(done.text, source, format, out.dropped)):
            out.dropped += new
            done = arco.run("bake", source, "--to", store, "--step", f"drop: {quoted(out.dropped)}", *MEMORY)
        if out.dropped:
            out.rest = "refused: " + message(done.text, source) if done.code else "equal"
            if not done.code and (wrong := compare(source, store, format, without=out.dropped)):
                out.problems += wrong
                out.rest = "wrong"
            elif not done.code and not raw.read_store(store)["arrays"]:
                out.rest = "nothing is left"
    return out


def compare(source, store, format, without=()):
    """Differences that the library of the format finds, but for some variables."""
    if format.startswith(tiffs.FORMATS):
        return tiffs.differences(source, store)
    if format.startswith(zarrs.FORMATS):
        return zarrs.differences(source, store, without)
    with tempfile.TemporaryDirectory() as folder:
        plain = gribs.unpacked(source, Path(folder))
        if format.startswith(gribs.FORMATS) or gribs.is_grib(plain):
            return gribs.differences(plain, store, without)
        return raw.compare(plain, store, without)


def quoted(names):
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def message(text, source):
    """The first refusal in one line, without folders and advice, and how many more there are."""
    text = text[max(text.find("error["), 0) :].replace(f"{source.parent}/", "")
    first, *others = [part for part in text.split("\n\n") if part.startswith("error[")] or [text]
    lines = [line.strip() for line in first.splitlines() if line.strip()]
    keep = [line for line in lines if not line.startswith(("help:", "in variable "))]
    return " ".join(keep)[:300] + (f" (and {len(others)} more)" if others else "")


def unclear(done, source):
    """What a refusal lacks: a code of its own, and the file's name."""
    problems = []
    if done.code not in (arco.EXIT["refused"], arco.EXIT["source"], arco.EXIT["target"]):
        problems.append(f"exit {done.code}")
    if source.name not in done.text:
        problems.append("the message does not name the file")
    return problems


def named(text, source, format, known):
    """The variables and attributes (`variable@name`) of the file that the message names in backticks."""
    names = zarrs.names(source) if format.startswith(zarrs.FORMATS) else raw.names(source)
    found = [n.lstrip("/") for n in re.findall(r"`([^`]+)`", text)]
    return list(dict.fromkeys(n for n in found if (n in names or is_attribute(n)) and n not in known))


def is_attribute(name):
    return re.fullmatch(r"[^\s\[\]]*@[^\s\[\]]+", name) is not None


def all_outcomes(data):
    """In processes: netCDF4 does not take threads."""
    paths, formats = zip(*files(data), strict=True)
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(outcome, repeat(data), paths, formats, chunksize=4))


def table(outcomes):
    """The page of the docs."""
    counts = {r: sum(o.result == r for o in outcomes) for r in ("equal", "refused", "wrong")}
    rest = sum(o.result == "refused" and o.rest == "equal" for o in outcomes)
    lines = [
        "# What becomes of single files",
        "",
        "Written by `python tests/outcomes.py`: files of public projects (test data of their readers, mostly chosen because they",
        "are odd), each through `arcoforge bake FILE --to STORE` and compared with the library of its format.",
        "",
        "- NetCDF and HDF5 with netCDF4 or h5py: every value bit by bit, every attribute, every dimension.",
        "- GRIB with ecCodes: every message is one cell of the store with its values (those of ecCodes as 32 bits), its parameter,",
        "  type of level, kind of step and of grid, at its time, step, level and member; and the places of its points.",
        "- TIFF with GDAL (rasterio): every value bit by bit (those compressed by JPEG within the rounding of decoders), places of",
        "  pixels, coordinate reference system, nodata, scale, offset, names and units of bands.",
        "- Zarr with zarr-python: every value bit by bit, every attribute, every dimension.",
        "",
        *formats(outcomes),
        "",
        f"{len(outcomes)} in all: {counts['equal']} equal, {counts['refused']} refused with a reason ({rest} of them convert"
        f" without the variables that were named), {counts['wrong']} wrong.",
        "",
        "| project | file | format | outcome | reason | without the named variables |",
        "|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        *_, project, name = o.path.split("/")
        result = o.result if o.result != "refused" else f"refused ({o.code})"
        reason = o.reason or "; ".join(map(str, o.problems[:2]))
        cells = [
            project,
            name,
            o.format,
            result,
            cell(reason),
            cell(f"{o.rest} ({', '.join(o.dropped)})" if o.dropped else ""),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def formats(outcomes):
    """Counts of each format."""
    kinds = {"GRIB": gribs.FORMATS, "TIFF": tiffs.FORMATS, "Zarr": zarrs.FORMATS, "HDF5": ("hdf5",), "NetCDF-3": ("netcdf3",)}
    rows = {name: [o for o in outcomes if o.format.startswith(starts)] for name, starts in kinds.items()}
    rows["compressed, archives"] = [o for o in outcomes if not any(o in found for found in rows.values())]
    yield "| format | files | equal | refused with a reason | wrong |"
    yield "|---|---|---|---|---|"
    for name, found in rows.items():
        counts = [sum(o.result == r for o in found) for r in ("equal", "refused", "wrong")]
        yield f"| {name} | {len(found)} | " + " | ".join(map(str, counts)) + " |"


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    folder = arco.data_folder()
    if folder is None:
        sys.exit("no real data: set ARCOFORGE_DATA to a folder with single/ and MANIFEST.json")
    results = all_outcomes(folder)
    (arco.ROOT / "docs" / "outcomes-single-files.md").write_text(table(results))
    for o in results:
        if o.problems:
            print(o.path, *o.problems[:4], sep="\n    ")
    sys.exit(any(o.problems for o in results))
