"""Decoding GRIB fields: processor seconds here and with ecCodes, on the same messages in one run.

    python benches/grib.py [--fields 200] [--columns 1440] [--rows 721] [--only WORD] [--decoder PROGRAM]

Needs `cargo build --release -p arcoforge-codec --example grib_fields` and a Python with eccodes. Each packing gets
twenty different fields, decoded until there were so many; JPEG 2000 takes a minute on an idle core. ecCodes is called as cfgrib calls it: a message from memory,
then `codes_get_values`; what making a handle costs is measured by itself and shown. Nothing is written for the second
to the last time.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import eccodes as ec  # noqa: E402
import grib_messages as grib  # noqa: E402
import numpy as np  # noqa: E402

DIFFERENT = 20
CASES = [
    ("simple, 16 bits", "grid_simple", 16, False),
    ("simple, 12 bits", "grid_simple", 12, False),
    ("simple, 16 bits, bitmap", "grid_simple", 16, True),
    ("CCSDS, 16 bits", "grid_ccsds", 16, False),
    ("complex", "grid_complex", 16, False),
    ("complex, differenced", "grid_complex_spatial_differencing", 16, False),
    ("JPEG 2000, 16 bits", "grid_jpeg", 16, False),
    ("PNG, 16 bits", "grid_png", 16, False),
    ("IEEE, 32 bits", "grid_ieee", 32, False),
]


def smooth(columns, rows, seed):
    """Waves of many lengths: what packings expect of weather."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(random.normal(size=(rows, columns)))
    scale = np.hypot(np.fft.fftfreq(rows)[:, None] * rows, np.fft.rfftfreq(columns)[None] * columns)
    field = np.fft.irfft2(spectrum / (1 + scale) ** 2.2, s=(rows, columns))
    return (273 + 20 * field / field.std()).ravel()


def by_eccodes(messages, times):
    """Processor seconds of values, and of handles alone."""
    spent = []
    for with_values in (True, False):
        begin = time.process_time()
        for _ in range(times):
            for content in messages:
                handle = ec.codes_new_from_message(content)
                if with_values:
                    ec.codes_get_values(handle)
                ec.codes_release(handle)
        spent.append(time.process_time() - begin)
    return spent


def by_us(decoder, messages, points, times, folder):
    """Processor seconds, and the values."""
    (folder / "file").write_bytes(b"".join(messages))
    ends = np.cumsum([len(content) for content in messages])
    lines = [f"{end - len(content)} {len(content)} {points} f32\n" for end, content in zip(ends, messages, strict=True)]
    (folder / "fields").write_text("".join(lines))
    seconds = []
    # what writing the values costs is in both
    for count in (times + 1, 1):
        command = [decoder, folder / "file", folder / "fields", folder / "out", str(count)]
        seconds.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]))
    return seconds[0] - seconds[1], np.fromfile(folder / "out", "<f4").reshape(len(messages), points)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fields", type=int, default=200)
    parser.add_argument("--columns", type=int, default=1440)
    parser.add_argument("--rows", type=int, default=721)
    parser.add_argument("--decoder", type=Path, default=ROOT / "target/release/examples/grib_fields")
    parser.add_argument("--only", default="", help="packings whose names have this")
    options = parser.parse_args()
    points, times = options.columns * options.rows, max(1, options.fields // DIFFERENT)
    fields = [smooth(options.columns, options.rows, seed) for seed in range(DIFFERENT)]
    print(f"{times * DIFFERENT} fields of {points} points; ecCodes {ec.codes_get_api_version()}; processor seconds\n")
    print("| packing | MB a field | here | ecCodes | of it handles | ecCodes / here |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, packing, bits, with_holes in (case for case in CASES if options.only in case[0]):
            these = [grib.holes(field) for field in fields] if with_holes else fields
            messages = [grib.message(2, packing, field, options.columns, options.rows, bits) for field in these]
            size = np.mean([len(content) for content in messages]) / 1e6
            ours, values = by_us(options.decoder, messages, points, times, Path(folder))
            for row, content in zip(values, messages, strict=True):
                assert np.array_equal(row, grib.truth(content)[0].astype("<f4"), equal_nan=True), name
            theirs, handles = by_eccodes(messages, times)
            print(f"| {name} | {size:.2f} | {ours:.2f} | {theirs:.2f} | {handles:.2f} | {theirs / ours:.1f} |", flush=True)


main()
