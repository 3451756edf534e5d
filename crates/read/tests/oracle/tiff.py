"""Writes fixtures/tiff by GDAL (rasterio): small files of many kinds, with the numbers of the first pixels.

    python crates/read/tests/oracle/tiff.py

`values.txt` has a line for each file: its name, its shape, its type, and the CRC-32 of all of its numbers, little-endian in
the order band, y, x, as the generator made them.
"""

import zlib
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

FOLDER = Path(__file__).parent.parent / "it" / "fixtures" / "tiff"
TILED = {"tiled": True, "blockxsize": 16, "blockysize": 16}
CASES = {
    "plain": ("int16", 1, {"blockysize": 4}),
    "lzw-predictor2": ("uint16", 3, {"compress": "lzw", "predictor": 2, **TILED}),
    "deflate-predictor3-big": ("float32", 2, {"compress": "deflate", "predictor": 3, "endianness": "big"}),
    "packbits-planes": ("uint8", 3, {"compress": "packbits", "interleave": "band", **TILED}),
    "zstd-bigtiff": ("float64", 1, {"compress": "zstd", "bigtiff": "yes", "nodata": -1.5}),
    "bits12": ("uint16", 1, {"nbits": 12, "compress": "deflate"}),
    "bits1": ("uint8", 2, {"nbits": 1, "interleave": "pixel"}),
    "sparse": ("int32", 2, {"sparse_ok": True, "compress": "deflate", "nodata": -7, **TILED}),
    "complex": ("complex64", 1, {}),
    "jpeg": ("uint8", 3, {"compress": "jpeg", "photometric": "ycbcr", **TILED}),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    random, lines = np.random.default_rng(1), []
    for name, (dtype, bands, options) in CASES.items():
        shape = (bands, 19, 21)
        data = (random.normal(0, 100, shape) if np.dtype(dtype).kind in "fc" else random.integers(0, 120, shape)).astype(dtype)
        if bits := options.get("nbits"):
            data = (data * 37 & 2**bits - 1).astype(dtype)
        profile = {"driver": "GTiff", "count": bands, "height": 19, "width": 21, "dtype": dtype, "crs": "EPSG:32633"}
        with rasterio.open(FOLDER / f"{name}.tif", "w", transform=from_origin(5e5, 6e6, 10, 20), **profile, **options) as file:
            if name == "sparse":
                data = np.full(shape, -7, dtype)
            else:
                file.write(data)
        crc = "lossy" if name == "jpeg" else f"{zlib.crc32(data.astype(data.dtype.newbyteorder('<')).tobytes()):08x}"
        lines.append(f"{name} {','.join(map(str, shape))} {dtype} {crc}")
    (FOLDER / "values.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
