"""Serves NetCDF files by DAP4, as OPeNDAP's specification (volume 1) has it: descriptions, constraints, chunks, checksums."""

import re
import zlib
from urllib.parse import unquote
from xml.sax.saxutils import escape, quoteattr

import netCDF4
import numpy as np

import web

LAST, ERROR, LITTLE_ENDIAN, NO_CHECKSUM = 1, 2, 4, 8
NAMES = {
    "int8": "Int8",
    "uint8": "UInt8",
    "int16": "Int16",
    "uint16": "UInt16",
    "int32": "Int32",
    "uint32": "UInt32",
    "int64": "Int64",
    "uint64": "UInt64",
    "float32": "Float32",
    "float64": "Float64",
}


def type_of(dtype):
    if dtype is str or np.dtype(dtype).kind in "UO":
        return "String"
    return "Char" if np.dtype(dtype).kind == "S" else NAMES[np.dtype(dtype).name]


def qualified(group, name):
    name = re.sub(r"([\\/.])", r"\\\1", name)
    return f"{group.path.rstrip('/')}/{name}"


def dimension(group, name):
    """The qualified name of the dimension that a variable of the group names."""
    while name not in group.dimensions:
        group = group.parent
    return qualified(group, name)


def enumeration(group, name):
    """The qualified name of the enumeration of a variable of the group."""
    while name not in group.enumtypes:
        group = group.parent
    return qualified(group, name)


def attributes(node):
    for name in node.ncattrs():
        value = node.getncattr(name)
        values = np.atleast_1d(value) if not isinstance(value, (str, list)) else [value] if isinstance(value, str) else value
        kind = "String" if isinstance(values, list) else type_of(values.dtype)
        # numbers as text that gives their very bits again
        texts = [value if isinstance(value, str) else repr(value.item()) for value in values]
        if kind == "Float32":
            texts = [np.format_float_scientific(value, unique=True) for value in values]
        inner = "".join(f"<Value>{escape(text)}</Value>" for text in texts)
        yield f'<Attribute name={quoteattr(name)} type="{kind}">{inner}</Attribute>'


def declared(group, name, variable, maps=(), lengths=None):
    """The declaration of one variable; where it is cut, its dimensions have lengths alone."""
    is_enum = isinstance(variable.datatype, netCDF4.EnumType)
    kind = "Enum" if is_enum else type_of(variable.dtype)
    named = f" enum={quoteattr(enumeration(group, variable.datatype.name))}" if is_enum else ""
    yield f"<{kind} name={quoteattr(name)}{named}>"
    for at, dim in enumerate(variable.dimensions):
        yield f'<Dim size="{lengths[at]}"/>' if lengths else f"<Dim name={quoteattr(dimension(group, dim))}/>"
    yield from attributes(variable)
    yield from (f"<Map name={quoteattr(path)}/>" for path in maps)
    yield f"</{kind}>"


def described(group, maps, only=None, lengths=None):
    for name, dim in group.dimensions.items():
        yield f'<Dimension name={quoteattr(name)} size="{len(dim)}"/>'
    for name, enum in group.enumtypes.items():
        members = "".join(f'<EnumConst name={quoteattr(key)} value="{value}"/>' for key, value in enum.enum_dict.items())
        yield f'<Enumeration name={quoteattr(name)} basetype="{type_of(enum.dtype)}">{members}</Enumeration>'
    for name, variable in group.variables.items():
        if only is None or only == qualified(group, name):
            yield from declared(group, name, variable, maps.get(qualified(group, name), ()), lengths)
    yield from attributes(group)
    for name, inner in group.groups.items():
        if only is None or only.startswith(qualified(group, name) + "/"):
            yield f"<Group name={quoteattr(name)}>"
            yield from described(inner, maps, only, lengths)
            yield "</Group>"


def description(file, maps=None, only=None, lengths=None):
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" dapVersion="4.0" dmrVersion="1.0" name="a">'
    return (head + "\n".join(described(file, maps or {}, only, lengths)) + "</Dataset>\r\n").encode()


def chunk(flags, content):
    return bytes([flags]) + len(content).to_bytes(3, "big") + content


def serialized(values, order, whole_sum=True):
    """Values on the wire, and the checksum of them."""
    if values.dtype.kind in "UO":
        texts = [str(text).encode() for text in values.ravel()]
        wire = b"".join(len(text).to_bytes(8, "little" if order == "<" else "big") + text for text in texts)
        return wire, zlib.crc32(wire if whole_sum else b"".join(texts))
    wire = values.astype(values.dtype.newbyteorder(order)).tobytes()
    return wire, zlib.crc32(wire)


def answer(dmr, wire, checksum, order="<", chunk_bytes=1 << 20):
    """Chunks of a description and of values, with a checksum behind them unless that is None."""
    flags = (LITTLE_ENDIAN if order == "<" else 0) | (NO_CHECKSUM if checksum is None else 0)
    data = wire if checksum is None else wire + checksum.to_bytes(4, "little" if order == "<" else "big")
    parts = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)] or [b""]
    chunks = [chunk(flags | (LAST if at == len(parts) - 1 else 0), part) for at, part in enumerate(parts)]
    return chunk(flags, dmr) + b"".join(chunks)


def found(file, constraint):
    """The variable that a constraint of one names, and the cells that it takes."""
    path, indices = re.fullmatch(r"((?:[^\[\]]|\\.)+)((?:\[\d+(?::\d+)*\])*)", constraint).groups()
    names = [re.sub(r"\\(.)", r"\1", name) for name in re.split(r"(?<!\\)/", path.lstrip("/"))]
    group = file
    for name in names[:-1]:
        group = group.groups[name]
    cells = []
    for numbers in re.findall(r"\[([\d:]+)\]", indices):
        first, *rest = (int(number) for number in numbers.split(":"))
        step, last = rest if len(rest) == 2 else (1, rest[0] if rest else first)
        cells.append(slice(first, last + 1, step))
    return qualified(group, names[-1]), group.variables[names[-1]], tuple(cells)


class Handler(web.Answers):
    """`server.files`: open files by name; `order`, `checksums` (asked, always, never), `whole_sum`, `chunk_bytes` and `maps`
    say how; `asked` has every path with its query."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = unquote(query)
        name, _, ending = path.strip("/").rpartition(".")
        server = self.server
        server.asked.append((path, query))
        file = server.files.get(name)
        if file is None or ending not in ("dmr", "dap"):
            return self.answer(404, b"nothing here")
        with server.lock:
            if ending == "dmr":
                return self.answer(200, description(file, server.maps), {"Content-Type": "application/vnd.opendap.dap4.dataset-metadata+xml"})
            pairs = dict(pair.split("=", 1) for pair in query.split("&"))
            try:
                qualified, variable, cells = found(file, pairs["dap4.ce"])
            except (KeyError, AttributeError):
                return self.answer(200, chunk(ERROR | LAST, b"<Error httpcode='400'><Message>no such variable</Message></Error>"))
            values = np.asarray(variable[cells] if variable.ndim else variable[...])
        values = values.astype("S1") if variable.dtype == np.dtype("S1") else values
        wire, checksum = serialized(values, server.order, server.whole_sum)
        told = server.checksums == "always" or server.checksums == "asked" and pairs.get("dap4.checksum") == "true"
        body = answer(description(file, only=qualified, lengths=values.shape), wire, checksum if told else None, server.order, server.chunk_bytes)
        return self.answer(200, body, {"Content-Type": "application/vnd.opendap.dap4.data"})


def opened(path):
    """A file of which values come as they are stored."""
    file = netCDF4.Dataset(path)
    plain(file)
    return file


def plain(group):
    for variable in group.variables.values():
        variable.set_auto_maskandscale(False)
        variable.set_auto_chartostring(False)
    for inner in group.groups.values():
        plain(inner)
