"""GRIB messages in every packing: most written by ecCodes, the others, which it only reads, put together here."""

import struct

import eccodes as ec
import numpy as np

MISSING = -1.5e33
SAMPLES = {1: "regular_ll_sfc_grib1", 2: "regular_ll_sfc_grib2"}


def field(count, seed=1, step=None):
    """A smooth field with some noise; with a step, multiples of it, many of them alike."""
    random = np.random.default_rng(seed)
    x = np.arange(count)
    values = 280 + 20 * np.sin(x / 50) + 5 * np.cos(x / 7) + random.normal(0, 0.5, count)
    return values if step is None else np.round(values / step) * step


def holes(values, share=0.3, seed=2):
    """Runs and single points without values."""
    random = np.random.default_rng(seed)
    mask = random.random(values.size) < share / 2
    for start in random.integers(0, values.size, 5):
        mask[start : start + int(share * values.size / 10)] = True
    mask[0] = False
    return np.where(mask, MISSING, values)


def message(edition, packing, values, columns, rows, bits=16, decimal=None, keys=None, after=None):
    """A message by ecCodes. `keys` are set before the values, `after` behind them."""
    handle = ec.codes_grib_new_from_samples(SAMPLES[edition])
    try:
        for key, value in {"Ni": columns, "Nj": rows, "missingValue": MISSING, **(keys or {})}.items():
            ec.codes_set(handle, key, value)
        ec.codes_set(handle, "bitmapPresent", int(bool(np.any(values == MISSING))))
        if decimal is not None:
            ec.codes_set(handle, "decimalScaleFactor", decimal)
        ec.codes_set(handle, "bitsPerValue", bits)
        if packing != "grid_simple":
            ec.codes_set_values(handle, values)
            ec.codes_set(handle, "packingType", packing)
        for key, value in (after or {}).items():
            ec.codes_set(handle, key, value)
        ec.codes_set_values(handle, values)
        return ec.codes_get_message(handle)
    finally:
        ec.codes_release(handle)


def reduced(edition, packing, bits=16, with_holes=False):
    """A reduced Gaussian grid, whose rows differ in length."""
    handle = ec.codes_grib_new_from_samples(f"reduced_gg_pl_32_grib{edition}")
    try:
        count = ec.codes_get_size(handle, "values")
        values = holes(field(count)) if with_holes else field(count)
        ec.codes_set(handle, "missingValue", MISSING)
        ec.codes_set(handle, "bitmapPresent", int(with_holes))
        ec.codes_set(handle, "bitsPerValue", bits)
        ec.codes_set(handle, "packingType", packing)
        ec.codes_set_values(handle, values)
        return ec.codes_get_message(handle)
    finally:
        ec.codes_release(handle)


def truth(content):
    """ecCodes' values, NaN where it has none, and its name of the packing."""
    handle = ec.codes_new_from_message(content)
    try:
        ec.codes_set(handle, "missingValue", MISSING)
        values = ec.codes_get_values(handle)
        return np.where(values == MISSING, np.nan, values), ec.codes_get(handle, "packingType")
    finally:
        ec.codes_release(handle)


class Bits:
    """Numbers of any width, one behind the other."""

    def __init__(self):
        self.text = []

    def put(self, numbers, width):
        self.text += [format(int(n), f"0{width}b") for n in np.atleast_1d(numbers)] if width else []
        return self

    def align(self):
        self.text.append("0" * (-len("".join(self.text)) % 8))
        return self

    def bytes(self):
        text = "".join(self.align().text)
        return int(text, 2).to_bytes(len(text) // 8, "big") if text else b""


def sections(content):
    """The sections of a GRIB 2 message from 1 on, by number."""
    found, at = {}, 16
    while content[at : at + 4] != b"7777":
        length = int.from_bytes(content[at : at + 4], "big")
        found[content[at + 4]] = content[at : at + length]
        at += length
    return found


def put_together(parts, discipline=0):
    """A GRIB 2 message of sections."""
    body = b"".join(parts[number] for number in sorted(parts))
    return b"GRIB\xff\xff" + bytes([discipline, 2]) + (len(body) + 20).to_bytes(8, "big") + body + b"7777"


def signed(number, octets):
    """A number whose first bit is its sign."""
    return (abs(int(number)) | (int(number < 0) << (8 * octets - 1))).to_bytes(octets, "big")


def complex_packing(columns, rows, order, missing, seed, group_max=40):
    """Templates 5.2 and 5.3 with groups of random lengths, and missing values among the numbers."""
    random = np.random.default_rng(seed)
    count = columns * rows
    numbers = np.cumsum(random.integers(-9, 10, count)) + 500
    numbers -= numbers.min()
    absent = (random.random(count) < (0.2 if missing else 0)) | ((np.arange(count) % 97 < 30) & bool(missing))
    absent[:3] = False
    present = numbers[~absent]
    packed, first, bias = present.copy(), [], 0
    if order:
        first = list(present[:order])
        packed[order:] = np.diff(present, order)
        packed[:order] = packed[order]
        bias = int(packed.min())
        packed -= bias
    everywhere = np.zeros(count, int)
    everywhere[~absent] = packed
    lengths = []
    while sum(lengths) < count:
        lengths.append(min(int(random.integers(2, group_max)), count - sum(lengths)))
    references, widths, values = [], [], Bits()
    reference_bits = int(packed.max()).bit_length() + 1
    at = 0
    for length in lengths:
        part, gone = everywhere[at : at + length], absent[at : at + length]
        at += length
        low = int(part[~gone].min()) if not gone.all() else (1 << reference_bits) - 1
        high = int(part[~gone].max()) if not gone.all() else low
        width = (high - low + (missing if gone.any() else 0)).bit_length()
        if width and missing:
            # the largest numbers stand for nothing
            width = (high - low + missing).bit_length()
        top = (1 << width) - 1
        second = random.random(length) < 0.5 if missing == 2 else np.zeros(length, bool)
        values.put(np.where(gone, top - second, part - low) if width else [], width)
        references.append(low)
        widths.append(width)
    width_bits, length_bits = max(widths).bit_length(), max(lengths).bit_length()
    increments = np.array(lengths) - 2 if len(lengths) > 1 else np.array(lengths)
    reference_length = 2 if len(lengths) > 1 else 0
    increments[-1] = max(increments[-1], 0)
    octets = 3
    data = b"".join(int(n).to_bytes(octets, "big") for n in first)
    data += signed(bias, octets) if order else b""
    data += Bits().put(references, reference_bits).bytes() + Bits().put(widths, width_bits).bytes()
    data += Bits().put(increments, length_bits).bytes() + values.bytes()
    head = struct.pack(">f", -3.5) + signed(-2, 2) + signed(1, 2) + bytes([reference_bits, 0, 1])
    head += bytes([missing]) + b"\xff" * 8 + len(lengths).to_bytes(4, "big") + bytes([0, width_bits])
    head += reference_length.to_bytes(4, "big") + bytes([1]) + lengths[-1].to_bytes(4, "big") + bytes([length_bits])
    head += bytes([order, octets]) if order else b""
    return template(columns, rows, 3 if order else 2, head, data, count)


def template(columns, rows, number, head, data, count):
    """A GRIB 2 message with these sections 5 and 7."""
    parts = sections(message(2, "grid_simple", field(columns * rows), columns, rows))
    parts[5] = (11 + len(head)).to_bytes(4, "big") + b"\5" + count.to_bytes(4, "big") + number.to_bytes(2, "big") + head
    parts[6] = (6).to_bytes(4, "big") + b"\6\xff"
    parts[7] = (5 + len(data)).to_bytes(4, "big") + b"\7" + data
    return put_together(parts)


def run_length(columns, rows, seed, bits=8):
    """Template 5.200."""
    random = np.random.default_rng(seed)
    level_max = 9
    levels = np.arange(1, 13) * 25
    radix = (1 << bits) - 1 - level_max
    numbers, left = [], columns * rows
    while left:
        length = min(left, int(random.choice([1, 2, 3, 40, 300])))
        numbers.append(int(random.integers(0, level_max + 1)))
        left -= length
        length -= 1
        while length:
            numbers.append(level_max + 1 + length % radix)
            length //= radix
    # a digit of no weight: what fills the last byte would be a value to ecCodes
    numbers += [level_max + 1] * (len(numbers) * bits // 4 % 2)
    head = bytes([bits]) + level_max.to_bytes(2, "big") + len(levels).to_bytes(2, "big") + bytes([129])
    head += b"".join(int(level).to_bytes(2, "big") for level in levels)
    return template(columns, rows, 200, head, Bits().put(numbers, bits).bytes(), columns * rows)


def second_order(kind, columns, rows, seed, with_holes=False):
    """GRIB 1: `row_by_row`, `constant_width` or `general`, which ecCodes does not write."""
    random = np.random.default_rng(seed)
    values = field(columns * rows)
    values = holes(values) if with_holes else values
    simple = message(1, "grid_simple", values, columns, rows)
    here = np.flatnonzero(values != MISSING)
    packed = np.round((values[here] - values[here].min()) * 16).astype(int)
    if kind == "row_by_row":
        lengths = np.bincount(here // columns, minlength=rows)
        flags = 0x10
    else:
        cuts = np.sort(random.choice(np.arange(1, packed.size), packed.size // 9, replace=False))
        lengths = np.diff(np.concatenate([[0], cuts, [packed.size]]))
        flags = 0x30 if kind == "general" else 0x20
    groups = np.split(packed, np.cumsum(lengths)[:-1])
    firsts = [int(group.min()) if group.size else 0 for group in groups]
    widths = [int(group.max() - group.min()).bit_length() if group.size else 0 for group in groups]
    if kind == "constant_width":
        widths = [max(widths)] * len(groups)
    first_bits = max(firsts).bit_length()
    body = Bits()
    if kind != "row_by_row":
        begins = np.zeros(packed.size, int)
        begins[np.cumsum(lengths) - lengths] = 1
        body.put(begins, 1).align()
    body.put(firsts, first_bits).align()
    for group, first, width in zip(groups, firsts, widths, strict=True):
        body.put(group - first, width)
    listed = bytes(widths[:1] if kind == "constant_width" else widths)
    # binary scale -4, reference 100 as IBM writes it
    head = bytes([0x50]) + signed(-4, 2) + bytes([0x42, 0x64, 0, 0, first_bits, 0, 0, flags, 0, 0])
    head += (len(groups) & 0xFFFF).to_bytes(2, "big") + (packed.size & 0xFFFF).to_bytes(2, "big")
    head += bytes([len(groups) >> 16]) + listed
    return with_section_4(simple, head + body.bytes())


def with_section_4(content, body):
    """A GRIB 1 message with another section 4, whose length is even."""
    body += b"\0" * ((len(body) + 3) % 2)
    flags, at = content[15], 8 + int.from_bytes(content[8:11], "big")
    for bit in (0x80, 0x40):
        at += int.from_bytes(content[at : at + 3], "big") if flags & bit else 0
    content = content[:at] + (len(body) + 3).to_bytes(3, "big") + body + b"7777"
    return content[:4] + len(content).to_bytes(3, "big") + content[7:]
