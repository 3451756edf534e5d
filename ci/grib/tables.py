#!/usr/bin/env python3
"""Writes crates/read/src/grib/tables.zst: what ecCodes' definitions say of parameters and product templates.

    python ci/grib/tables.py [LIBECCODES_MEMFS.so]

Needs the packages `eccodes` (whose library carries the definitions) and `zstandard`. The definitions are (C) Copyright
ECMWF, under the Apache Licence, Version 2.0 (http://www.apache.org/licenses/LICENSE-2.0); the file is derived from them,
and the same licence holds for it. See crates/read/src/grib/NOTICE.

Four bytes, the length of the text (little-endian), then the text as a Zstandard frame. Line by line:

    V version                       of ecCodes
    S section.template item ...     layout of a section from its first template octet: key/octets, a negative number for
                                    signed ones, ? where all ones mean that it is missing, [key for a list repeated so
                                    many times, ] for its end, *octets,key for an array, =name:key for another name
    T table code abbreviation title one code of a code table
    C key=value key=value ...       conditions, numbered from 0 in order; `m` is the missing value
    F edition folder concept        a file of a concept; lines `value<TAB>condition number` follow in the file's order
"""
import ctypes
import pathlib
import re
import sys

import zstandard

PREFIX = "/MEMFS/definitions/"
CONCEPTS = ("paramId", "shortName", "name", "units", "cfName", "cfVarName", "typeOfLevel", "typeOfLevelConcept", "stepType")
SUFFIXES = ("", ".lte33", ".chemsplit", ".legacy")
TABLES = {"marsType": "mars/type.table", "1.4": "grib2/tables/37/1.4.table", "centre1": "common/c-1.table",
          "centre2": "common/c-11.table"}
OUT = pathlib.Path(__file__).parents[2] / "crates/read/src/grib/tables.zst"


class Definitions:
    """The files inside the library."""

    def __init__(self, path):
        self.lib, self.libc = ctypes.CDLL(path), ctypes.CDLL(None)
        self.lib.codes_memfs_open.restype = ctypes.c_void_p
        self.lib.codes_memfs_open.argtypes = [ctypes.c_char_p]
        size = ctypes.c_size_t
        self.libc.fread.argtypes = [ctypes.c_void_p, size, size, ctypes.c_void_p]
        self.libc.fclose.argtypes = [ctypes.c_void_p]
        data = pathlib.Path(path).read_bytes()
        found = re.findall(re.escape(PREFIX.encode()) + rb"([ -~]+)", data)
        self.names = sorted({name.decode() for name in found})

    def read(self, name):
        file = self.lib.codes_memfs_open((PREFIX + name).encode())
        if not file:
            return None
        parts, buffer = [], ctypes.create_string_buffer(1 << 20)
        while (n := self.libc.fread(buffer, 1, 1 << 20, file)) > 0:
            parts.append(buffer.raw[:n])
        self.libc.fclose(file)
        return b"".join(parts).decode("utf-8", "replace")


ENTRY = re.compile(r"""(?:'([^']*)'|"([^"]*)"|([-\w.]+))\s*=\s*\{([^}]*)\}""")
CONDITION = re.compile(r"""([\w:]+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(missing\(\))|(-?\d+|\[[-\d, ]+\]))\s*$""")


def concept(text):
    """The entries of a concept file: value, conditions in order."""
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    for entry in ENTRY.finditer(text):
        value = next(group for group in entry.groups()[:3] if group is not None)
        parts = [part.strip() for part in re.sub(r"#.*", "", entry.group(4)).split(";")]
        conditions = []
        for part in filter(None, parts):
            match = CONDITION.match(part)
            if not match:
                raise SystemExit(f"can't read the condition {part!r} of {value!r}")
            key, one, two, missing, number = match.groups()
            conditions.append(f"{key}={'m' if missing else number.replace(' ', '') if number else one or two}")
        yield value, " ".join(conditions)


FIELD = re.compile(r"^\s*(unsigned|signed|codetable|flags|byte|pad|ieeefloat|ksec1expver|ascii)\s*\[(\d+)\]\s*'?(\w+)'?(\s*\[[^\]]*\])?")
LIST = re.compile(r"\blist\s*\(\s*(\w+)\s*\)")
ALIAS = re.compile(r"\s*alias\s+(\w+)\s*=\s*(\w+)\s*;")
NAMES = ("number", "aerosolType", "totalNumber", "directionNumber", "frequencyNumber", "numberOfDirections", "numberOfFrequencies",
         "numberOfContributingSpectralBands")


def layout(definitions, name):
    """The items of a template in order, with what it includes; ends where they depend on values."""
    text = definitions.read(name)
    if text is None:
        return None
    text = re.sub(r"#.*", "", text)
    items, depth = [], []
    for line in text.splitlines():
        if include := re.match(r'\s*(?:include|template)\s+(?:\w+\s+)?"([^"\[]+)"', line):
            inner = layout(definitions, include.group(1))
            items += inner or []
            continue
        if found := LIST.search(line):
            items.append(f"[{found.group(1)}")
            depth.append("list")
            if "{" not in line:
                depth[-1] = "list-open"
            continue
        if depth and depth[-1] == "list-open" and "{" in line:
            depth[-1] = "list"
            continue
        if re.match(r"\s*(_?if|when|else|concept|concept_nofail)\b|\s*}\s*else", line) and "{" in line:
            if not re.match(r"\s*}", line):
                depth.append("block")
            if "}" in line.split("{", 1)[1] and line.rstrip().endswith("}"):
                depth.pop()
            continue
        if re.match(r"\s*}", line) and depth:
            if depth.pop() == "list":
                items.append("]")
            continue
        if field := FIELD.match(line):
            kind, octets, key, array = field.groups()
            if array:
                items.append(f"*{octets},{array.strip().strip('[]').strip()}")
            else:
                missing = "?" if "can_be_missing" in line else ""
                items.append(f"{key}/{'-' if kind == 'signed' else ''}{octets}{missing}")
        elif (alias := ALIAS.match(line)) and not depth and alias.group(1) in NAMES:
            items.append(f"={alias.group(1)}:{alias.group(2)}")
        elif re.match(r"\s*pad\s+\w+\((\d+)\)", line):
            items.append("_/" + re.match(r"\s*pad\s+\w+\((\d+)\)", line).group(1))
    return items


def lines(definitions):
    version = re.search(r"\d+\.\d+\.\d+", __import__("eccodes").codes_get_api_version()).group(0)
    yield f"V {version}"
    for name in definitions.names:
        if found := re.fullmatch(r"grib2/templates/template\.(4\.\d+)\.def", name):
            yield " ".join(["S", found.group(1), *layout(definitions, name)])
        elif found := re.fullmatch(r"grib1/local\.(98\.\d+)\.def", name):
            yield " ".join(["S", "1." + found.group(1), *layout(definitions, name)])
    for table, name in TABLES.items():
        for line in definitions.read(name).splitlines():
            if found := re.match(r"\s*(\d+)\s+(\S+)\s+(.*)", line):
                title = re.sub(r"\s*\(Other units.*", "", found.group(3))
                yield "\t".join(["T " + table, found.group(1), found.group(2), title.strip()])
    conditions, files = {}, []
    for name in definitions.names:
        found = re.fullmatch(r"grib([12])(?:/localConcepts/(\w+))?/(\w+)((?:\.\w+)?)\.def", name)
        if not found or found.group(3) not in CONCEPTS or found.group(4) not in SUFFIXES:
            continue
        edition, folder, what, suffix = found.groups()
        rows = [(value, conditions.setdefault(c, len(conditions))) for value, c in concept(definitions.read(name))]
        files.append((f"F {edition} {folder or '.'} {what.removesuffix('Concept')}{suffix}", rows))
    for condition in conditions:
        yield "C " + condition
    for head, rows in files:
        yield head
        last = 0
        for value, number in rows:
            yield f"{value}\t{number - last}"
            last = number


def main():
    if len(sys.argv) > 1:
        path = sys.argv[1]
    else:
        import eccodeslib
        path = str(pathlib.Path(eccodeslib.__file__).parent / "lib64/libeccodes_memfs.so")
    text = "\n".join(lines(Definitions(path))) + "\n"
    raw = text.encode()
    packed = len(raw).to_bytes(4, "little") + zstandard.ZstdCompressor(level=22).compress(raw)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(packed)
    print(f"{OUT.name}: {len(text)} bytes, {len(packed)} compressed", file=sys.stderr)


if __name__ == "__main__":
    main()
