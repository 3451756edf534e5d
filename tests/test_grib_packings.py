"""Every packing of GRIB 1 and 2 against ecCodes: the doubles that it computes, rounded to 32 bits, bit for bit."""

import subprocess

import numpy as np
import pytest

import arco

ec = pytest.importorskip("eccodes")
import grib_messages as grib  # noqa: E402  needs eccodes

COLUMNS, ROWS = 37, 23
COUNT = COLUMNS * ROWS


@pytest.fixture(scope="session")
def decoder():
    """The example of the codec crate that decodes fields."""
    program = arco.binary().parent / "examples" / "grib_fields"
    if not program.exists():
        pytest.skip(f"no {program}: cargo build --release -p arcoforge-codec --example grib_fields")
    return program


@pytest.fixture
def decode(decoder, tmp_path):
    """Decodes messages: for each its values, or the message of the error."""

    def run(messages, points, floats="f32", scans=""):
        (tmp_path / "file").write_bytes(b"".join(messages))
        ends = np.cumsum([len(m) for m in messages])
        lines = [
            f"{end - len(m)} {len(m)} {n} {floats} {scans}\n" for end, m, n in zip(ends, messages, points, strict=True)
        ]
        (tmp_path / "fields").write_text("".join(lines))
        command = [decoder, tmp_path / "file", tmp_path / "fields", tmp_path / "out"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        values, results = np.fromfile(tmp_path / "out", "<f4" if floats == "f32" else "<f8"), []
        for line, count in zip(done.stdout.splitlines(), points, strict=False):
            results.append(values[:count] if line == "ok" else line)
            values = values[count:] if line == "ok" else values
        return results

    return run


def same(ours, theirs, kind="<f4"):
    """Whether all bits are the same; any NaN is like any other."""
    assert not isinstance(ours, str), ours
    theirs = theirs.astype(kind)
    bits = "<u4" if kind == "<f4" else "<u8"
    equal = (ours.view(bits) == theirs.view(bits)) | (np.isnan(ours) & np.isnan(theirs))
    assert equal.all(), f"{np.count_nonzero(~equal)} of {equal.size}: {ours[~equal][:3]} for {theirs[~equal][:3]}"


def compare(decode, rows):
    """All rows at once: names and messages."""
    truths = [grib.truth(content) for _, content in rows]
    results = decode([content for _, content in rows], [len(values) for values, _ in truths])
    for (name, _), (theirs, _), ours in zip(rows, truths, results, strict=True):
        try:
            same(ours, theirs)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
    return [packing for _, packing in truths]


ECCODES_1 = [
    "grid_simple",
    "grid_second_order",
    "grid_second_order_no_SPD",
    "grid_second_order_SPD1",
    "grid_second_order_SPD3",
    "grid_second_order_boustrophedonic",
]
ECCODES_2 = [
    "grid_simple",
    "grid_complex",
    "grid_complex_spatial_differencing",
    "grid_jpeg",
    "grid_png",
    "grid_ccsds",
    "grid_simple_log_preprocessing",
    "grid_second_order",
    "grid_second_order_no_SPD",
    "grid_second_order_SPD1",
    "grid_second_order_SPD2",
    "grid_second_order_SPD3",
    "grid_second_order_boustrophedonic",
]


@pytest.mark.parametrize("with_holes", [False, True], ids=["all", "bitmap"])
@pytest.mark.parametrize("edition, packing", [(1, p) for p in ECCODES_1] + [(2, p) for p in ECCODES_2])
def test_what_eccodes_writes(edition, packing, with_holes, decode):
    rows = []
    for bits in [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 20, 23, 24]:
        values = grib.field(COUNT, seed=bits, step=None if bits % 2 else 0.5)
        values = grib.holes(values) if with_holes else values
        rows.append((f"{bits} bits", grib.message(edition, packing, values, COLUMNS, ROWS, bits)))
    assert compare(decode, rows)


def test_wide_numbers(decode):
    rows = [
        (f"{edition} {bits}", grib.message(edition, "grid_simple", grib.field(COUNT), COLUMNS, ROWS, bits))
        for edition in (1, 2)
        for bits in (25, 28, 30, 31, 32, 33, 40, 47)
    ]
    rows += [
        (f"{packing} {bits}", grib.message(2, packing, grib.field(COUNT), COLUMNS, ROWS, bits))
        for packing, widths in {"grid_ccsds": (26, 31, 32), "grid_png": (28, 32)}.items()
        for bits in widths
    ]
    compare(decode, rows)


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("precision, floats", [(1, "f32"), (1, "f64"), (2, "f32"), (2, "f64")])
def test_ieee(edition, precision, floats, decode):
    for with_holes in (False, True):
        values = grib.holes(grib.field(COUNT)) if with_holes else grib.field(COUNT)
        content = grib.message(edition, "grid_ieee", values, COLUMNS, ROWS, after={"precision": precision})
        theirs, packing = grib.truth(content)
        assert packing == "grid_ieee"
        same(decode([content], [COUNT], floats)[0], theirs, "<f4" if floats == "f32" else "<f8")


@pytest.mark.parametrize("edition", [1, 2])
def test_scales_and_constant_fields(edition, decode):
    rows = []
    for decimal in (-3, -1, 0, 1, 2, 5):
        rows.append((f"D {decimal}", grib.message(edition, "grid_simple", grib.field(COUNT), COLUMNS, ROWS, 16, decimal)))
    for scale in (1e-30, 1e-6, 1e6, 1e25):
        rows.append((f"by {scale}", grib.message(edition, "grid_simple", grib.field(COUNT) * scale, COLUMNS, ROWS)))
    for packing in ECCODES_1 if edition == 1 else ECCODES_2:
        for value in (0.0, 273.15, -12.5):
            rows.append((f"{packing} {value}", grib.message(edition, packing, np.full(COUNT, value), COLUMNS, ROWS)))
        if "boustrophedonic" not in packing:
            values = grib.holes(np.full(COUNT, 7.25))
            rows.append((f"{packing} with holes", grib.message(edition, packing, values, COLUMNS, ROWS)))
    nothing = grib.message(edition, "grid_simple", np.full(COUNT, grib.MISSING), COLUMNS, ROWS)
    compare(decode, [*rows, ("no value at all", nothing)])


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("with_holes", [False, True], ids=["all", "bitmap"])
def test_reduced_grids(edition, with_holes, decode):
    packings = ECCODES_1 if edition == 1 else [*ECCODES_2, "grid_ieee"]
    # on these grids ecCodes writes rows to and fro beyond their ends, and PNG with a bitmap as it does not read it
    packings = [p for p in packings if "boustrophedonic" not in p and (p != "grid_png" or not with_holes)]
    compare(decode, [(packing, grib.reduced(edition, packing, 16, with_holes)) for packing in packings])


def test_ccsds_parameters(decode):
    rows = []
    for flags in (14, 6, 12, 10, 30):
        for block in (8, 16, 32, 64):
            for interval in (1, 2, 64, 128, 4096):
                for bits in (2, 4, 8, 14, 18, 24):
                    if flags == 30 and bits > 4:
                        continue
                    keys = {"ccsdsFlags": flags, "ccsdsBlockSize": block, "ccsdsRsi": interval}
                    values = grib.field(COUNT, seed=bits, step=(None, 1, 20)[interval % 3])
                    values[100:600] = values[100] if block == 16 else values[100:600]
                    content = grib.message(2, "grid_ccsds", values, COLUMNS, ROWS, bits, after=keys)
                    rows.append((f"{keys} {bits} bits", content))
    long = np.where(np.arange(90_000) % 20_011 == 0, 1.0, 0.0)
    rows.append(("mostly zeros", grib.message(2, "grid_ccsds", long, 300, 300, 12)))
    compare(decode, rows)


def test_images(decode):
    big = grib.field(300 * 210)
    rows = [
        (f"{packing} {bits}", grib.message(2, packing, big, 300, 210, bits))
        for packing in ("grid_jpeg", "grid_png")
        for bits in (8, 12, 16, 24)
    ]
    for ratio in (2, 5, 20):
        lossy = {"typeOfCompressionUsed": 1, "targetCompressionRatio": ratio}
        rows.append((f"lossy {ratio}", grib.message(2, "grid_jpeg", big, 300, 210, 16, after=lossy)))
    for columns, rows_ in ((1, 5), (5, 1), (3, 2), (700, 2), (2, 700)):
        content = grib.message(2, "grid_jpeg", grib.field(columns * rows_), columns, rows_, 12)
        rows.append((f"{columns} x {rows_}", content))
    compare(decode, rows)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_complex_packing_with_missing_values(order, missing, decode):
    rows = [(f"seed {seed}", grib.complex_packing(COLUMNS, ROWS, order, missing, seed)) for seed in range(8)]
    rows.append(("one group", grib.complex_packing(7, 3, order, missing, 1, group_max=1000)))
    packings = compare(decode, rows)
    assert set(packings) == {"grid_complex_spatial_differencing" if order else "grid_complex"}


@pytest.mark.parametrize("kind", ["row_by_row", "constant_width", "general"])
@pytest.mark.parametrize("with_holes", [False, True], ids=["all", "bitmap"])
def test_second_order_packings_of_old(kind, with_holes, decode):
    rows = [(f"seed {seed}", grib.second_order(kind, COLUMNS, ROWS, seed, with_holes)) for seed in range(4)]
    packings = compare(decode, rows)
    assert set(packings) == {f"grid_second_order_{kind}" + ("_grib1" if kind == "general" else "")}


def test_run_length_packing(decode):
    rows = [(f"{bits} bits, seed {seed}", grib.run_length(COLUMNS, ROWS, seed, bits)) for seed in range(6) for bits in (4, 8)]
    assert set(compare(decode, rows)) == {"grid_run_length"}


def test_messages_of_more_than_8_mib(decode):
    values = grib.field(2100 * 2100)
    compare(decode, [("large", grib.message(1, "grid_simple", values, 2100, 2100, 24))])


def test_sections_of_one_field_of_many(decode):
    for packing in ("grid_simple", "grid_ccsds", "grid_complex"):
        for values in (grib.field(COUNT), grib.holes(grib.field(COUNT))):
            content = grib.message(2, packing, values, COLUMNS, ROWS)
            parts = grib.sections(content)
            same(decode([parts[5] + parts[6] + parts[7]], [COUNT])[0], grib.truth(content)[0])


@pytest.mark.parametrize("by_columns, alternating", [(0, 1), (1, 0), (1, 1)])
def test_scanning_modes(by_columns, alternating, decode):
    content = grib.message(2, "grid_simple", grib.holes(grib.field(COUNT)), COLUMNS, ROWS)
    stored = grib.truth(content)[0].reshape((COLUMNS, ROWS) if by_columns else (ROWS, COLUMNS))
    if alternating:
        stored[1::2] = stored[1::2, ::-1]
    expected = stored.T if by_columns else stored
    same(decode([content], [COUNT], scans=f"{COLUMNS} {ROWS} {by_columns} {alternating}")[0], expected.ravel())


def test_any_field(decode):
    """A thousand fields of random packing, width, size, range and share of missing values."""
    random = np.random.default_rng(20)
    for _ in range(10):
        rows = []
        for _ in range(100):
            edition = int(random.integers(1, 3))
            packing = str(random.choice(ECCODES_1 if edition == 1 else ECCODES_2))
            columns, rows_ = (int(n) for n in random.integers(4, 60, 2))
            bits, seed = int(random.integers(1, 25)), int(random.integers(1 << 30))
            step = float(random.choice([0.01, 1, 30])) if random.random() < 0.5 else None
            values = grib.field(columns * rows_, seed, step) * 10.0 ** int(random.integers(-6, 7))
            if random.random() < 0.4:
                values = grib.holes(values, random.random(), seed)
            name = f"{edition} {packing} {columns} x {rows_} {bits} {seed} {step}"
            try:
                rows.append((name, grib.message(edition, packing, values, columns, rows_, bits)))
            except ec.CodesInternalError:
                # some that it does not write: images that grow, ranges beyond its numbers
                continue
        assert len(rows) > 80
        compare(decode, rows)


REFUSED = {
    "spectral": (lambda: ec_sample("sh_pl_grib2"), 100, "5.51 (spectral coefficients)"),
    "spectral of GRIB 1": (lambda: ec_sample("sh_pl_grib1"), 100, "spectral coefficients"),
    "a matrix": (lambda: grib.message(2, "grid_simple_matrix", grib.field(COUNT), COLUMNS, ROWS), COUNT, "matrix of values"),
    "a matrix of GRIB 1": (
        lambda: grib.message(1, "grid_simple_matrix", grib.field(COUNT), COLUMNS, ROWS),
        COUNT,
        "matrix of values",
    ),
    "another number of points": (
        lambda: grib.message(2, "grid_simple", grib.field(COUNT), COLUMNS, ROWS),
        COUNT + 1,
        f"section 3: {COUNT} points found, {COUNT + 1} expected",
    ),
}


def ec_sample(name):
    handle = ec.codes_grib_new_from_samples(name)
    try:
        return ec.codes_get_message(handle)
    finally:
        ec.codes_release(handle)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name, decode):
    make, points, part = REFUSED[name]
    (result,) = decode([make()], [points])
    assert isinstance(result, str) and part in result, result
