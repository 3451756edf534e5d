"""Writes the Parquet tables of test_finding.py, by pyarrow: relative URLs, a time, checksums and sizes of made-up files."""

import datetime
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet

NAMES = [f"in/day0{n}.nc" for n in range(3)]
TIMES = [datetime.datetime(2020, 1, 1 + n) for n in range(3)]


def write(folder):
    table = pyarrow.table({
        "href": NAMES,
        "time": pyarrow.array(TIMES, pyarrow.timestamp("us")),
        "day": pyarrow.array([t.date() for t in TIMES]),
        "number": pyarrow.array([3, 1, 2], pyarrow.int64()),
        "tags": [["a"], [], ["b", "c"]],
    })
    for codec in ["snappy", "zstd", "none"]:
        pyarrow.parquet.write_table(table, folder / f"{codec}.parquet", compression=codec, row_group_size=2)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
