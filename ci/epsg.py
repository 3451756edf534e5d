"""Writes crates/read/src/tiff/crs/epsg.bin: the coordinate reference systems of the EPSG dataset as GDAL writes them.

    python ci/epsg.py            # needs rasterio and pyproj

Blocks of lines `CODE<tab>WKT`, each block a zlib stream. In front, little-endian: the number of blocks (4 bytes), then for
each the first code in it, where it begins behind this list, and its length (4 bytes each). The text is WKT 1 in the
dialect of GDAL (`OGRSpatialReference::exportToWkt`), deprecated systems as they were.

The EPSG Geodetic Parameter Dataset is owned by the International Association of Oil & Gas Producers (IOGP); its terms of
use (https://epsg.org/terms-of-use.html) allow to distribute data from it free of charge.
"""

import struct
import warnings
import zlib
from pathlib import Path

import rasterio
from pyproj.database import query_crs_info
from rasterio.crs import CRS

TYPES = ("PROJECTED_CRS", "GEOGRAPHIC_2D_CRS", "GEOGRAPHIC_3D_CRS", "GEOCENTRIC_CRS")
TARGET = Path(__file__).parent.parent / "crates" / "read" / "src" / "tiff" / "crs" / "epsg.bin"
BLOCK = 100


def lines(codes):
    with rasterio.Env(OSR_USE_NON_DEPRECATED="NO"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for code in codes:
            try:
                yield code, f"{code}\t{CRS.from_epsg(code).to_wkt()}"
            except rasterio.errors.CRSError:
                continue


def main():
    infos = query_crs_info(auth_name="EPSG", allow_deprecated=True)
    rows = list(lines(sorted(int(info.code) for info in infos if info.type.name in TYPES)))
    index, body = b"", b""
    for start in range(0, len(rows), BLOCK):
        block = zlib.compress("\n".join(text for _, text in rows[start : start + BLOCK]).encode(), 9)
        index += struct.pack("<III", rows[start][0], len(body), len(block))
        body += block
    TARGET.write_bytes(struct.pack("<I", len(index) // 12) + index + body)
    print(f"{len(rows)} systems in {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
