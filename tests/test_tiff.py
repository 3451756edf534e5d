"""TIFF, GeoTIFF and COG: what is baked equals what GDAL reads (by rasterio), bit by bit, or is refused by name."""

import struct
import zlib

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine, from_origin

import arco
import tiffs
import web

UTM = from_origin(399960, 4000020, 320, 320)
PLACED = {"crs": "EPSG:32613", "transform": UTM}
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
ODD = 47, 53  # no multiple of any tile or strip


def cells(dtype, bands=1, shape=ODD, seed=0):
    """Numbers that differ in every row, column and band, the ends of the type's range among them."""
    random, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind in "iu":
        ends = np.iinfo(kind)
        out = random.integers(ends.min, ends.max, (bands, *shape), kind, endpoint=True)
        out[:, 1] = np.arange(shape[1], dtype=kind)  # what a predictor is for
        out[0, 0, :2] = ends.min, ends.max
        return out
    out = random.normal(0, 1e3, (bands, *shape)).astype(kind)
    if kind.kind == "c":
        return out + (1j * random.normal(0, 1, out.shape)).astype(kind)
    out[0, 0, :4] = np.nan, np.inf, -np.inf, -0.0
    return out


def written(path, data, **options):
    """Writes a GeoTIFF by GDAL."""
    bands, height, width = data.shape
    profile = {"driver": "GTiff", "count": bands, "height": height, "width": width, "dtype": data.dtype.name}
    bits = int(options.pop("bits", 0))
    with rasterio.open(path, "w", **profile, **PLACED, **options, **({"nbits": bits} if bits else {})) as file:
        file.write(data)
    return path


TILED = {"tiled": True, "blockxsize": 16, "blockysize": 32}
LAYOUTS = {
    "strips": {"blockysize": 5},
    "one-strip": {"blockysize": 64},
    "tiles": TILED,
    "planes": {**TILED, "interleave": "band"},
    "plane-strips": {"blockysize": 7, "interleave": "band"},
    "pixels": {**TILED, "interleave": "pixel"},
}


def table():
    """name → (type, bands, options of GDAL)"""
    rows = {}
    for dtype in (*INTEGERS, *FLOATS, *COMPLEX):
        rows[f"plain-{dtype}"] = dtype, 1, {}
        rows[f"big-endian-{dtype}"] = dtype, 2, {"endianness": "big", "compress": "deflate", "interleave": "pixel"}
        rows[f"bigtiff-{dtype}"] = dtype, 3, {"bigtiff": "yes", "compress": "lzw", **TILED}
    for compress in ("lzw", "deflate", "packbits", "zstd"):
        for layout, options in LAYOUTS.items():
            rows[f"{compress}-{layout}"] = "int16", 3, {"compress": compress, **options}
    for layout, options in LAYOUTS.items():
        rows[f"none-{layout}"] = "uint16", 4, options
        rows[f"none-big-{layout}"] = "float32", 2, {**options, "endianness": "big"}
    for compress in ("lzw", "deflate", "zstd"):
        for dtype in ("uint8", "uint16", "int32", "uint64"):
            for endianness in ("little", "big"):
                options = {"compress": compress, "predictor": 2, "endianness": endianness, **LAYOUTS["pixels"]}
                rows[f"predictor2-{compress}-{dtype}-{endianness}"] = dtype, 3, options
        for dtype in FLOATS:
            for endianness in ("little", "big"):
                options = {"compress": compress, "predictor": 3, "endianness": endianness, **LAYOUTS["strips"]}
                rows[f"predictor3-{compress}-{dtype}-{endianness}"] = dtype, 2, options
    rows["predictor2-planes"] = "int16", 3, {"compress": "lzw", "predictor": 2, **LAYOUTS["planes"]}
    rows["predictor3-planes"] = "float32", 3, {"compress": "lzw", "predictor": 3, **LAYOUTS["planes"]}
    for bits in (1, 2, 3, 4, 5, 6, 7):
        rows[f"bits-{bits}"] = "uint8", 1 + bits % 3, {"bits": bits, "compress": "deflate" if bits % 2 else "lzw", **TILED}
        rows[f"bits-{bits}-strips"] = "uint8", 1, {"bits": bits, "blockysize": 6}
    for bits in (9, 10, 12, 14, 15):
        rows[f"bits-{bits}"] = "uint16", 2, {"bits": bits, "compress": "deflate", **TILED}
        rows[f"bits-{bits}-big"] = "uint16", 1, {"bits": bits, "endianness": "big", "blockysize": 6}
    return rows


TABLE = table()


def check(path, store):
    arco.bake(path, to=store)
    found = tiffs.differences(path, store)
    assert not found, "\n".join(found)
    return xr.open_zarr(store, chunks=None, consolidated=False, mask_and_scale=False)


@pytest.mark.parametrize("name", TABLE)
def test_encodings(name, tmp_path, store):
    dtype, bands, options = TABLE[name]
    data = cells(dtype, bands)
    if bits := options.get("bits"):
        data = data & data.dtype.type(2**bits - 1)
    path = written(tmp_path / "a.tif", data, **options)
    ds = check(path, store)
    assert ds.band_data.values.tobytes() == data.tobytes()  # the generator's own numbers, not GDAL's reading of them
    assert ds.band_data.dims == ("band", "y", "x") and list(ds.band) == list(range(1, bands + 1))
    assert list(ds.data_vars) == ["band_data"]


NODATA = [
    ("uint8", 0),
    ("uint8", 255),
    ("int16", -9999),
    ("uint16", 65535),
    ("int32", -(2**31)),
    ("uint64", 2**53),
    ("float32", -3.4028234663852886e38),
    ("float32", 1e20),
    ("float64", float("nan")),
    ("float64", 0.1),
]


@pytest.mark.parametrize(("dtype", "nodata"), NODATA)
@pytest.mark.parametrize("sparse", [False, True])
def test_missing_cells(dtype, nodata, sparse, tmp_path, store):
    path, data = tmp_path / "a.tif", cells(dtype, 2, (64, 64))
    profile = {"driver": "GTiff", "count": 2, "height": 64, "width": 64, "dtype": dtype, "sparse_ok": sparse, **TILED}
    with rasterio.open(path, "w", nodata=nodata, compress="deflate", **PLACED, **profile) as file:
        if sparse:  # tiles that were never written
            file.write(data[:, 32:, 16:32], window=rasterio.windows.Window(16, 32, 16, 32))
        else:
            file.write(data)
    ds = check(path, store)
    assert not sparse or np.array_equal(ds.band_data[0, 0], np.full(64, nodata, dtype), equal_nan=True)


def test_sparse_without_nodata_is_zero(tmp_path, store):
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 64, "width": 64, "dtype": "int16", "sparse_ok": True, **TILED}
    with rasterio.open(path, "w", **profile, **PLACED):
        pass
    assert not check(path, store).band_data.any()


def test_scale_offset_names_and_units(tmp_path, store):
    path, data = tmp_path / "a.tif", cells("int16", 2)
    profile = {"driver": "GTiff", "count": 2, "height": ODD[0], "width": ODD[1], "dtype": "int16", "nodata": -1}
    with rasterio.open(path, "w", **profile, **PLACED) as file:
        file.write(data)
        file.scales, file.offsets = (0.1, 0.1), (-273.15, -273.15)
        file.descriptions, file.units = ("lowest", "highest <&\">"), ("K", "K")
        file.update_tags(SOURCE="somewhere & elsewhere")
        file.update_tags(1, QUALITY="good")
        file.update_tags(ns="OTHER", KEY="value")
    ds = check(path, store)
    want = {"long_name": ["lowest", 'highest <&">'], "units": "K", "SOURCE": "somewhere & elsewhere"}
    want |= {"QUALITY": ["good", ""], "OTHER:KEY": "value", "AREA_OR_POINT": "Area"}
    assert {key: ds.band_data.attrs[key] for key in want} == want


def test_bands_that_are_scaled_differently_become_variables(tmp_path, store):
    for interleave in ("pixel", "band"):
        path, data = tmp_path / f"{interleave}.tif", cells("int16", 3)
        with rasterio.open(written(path, data, interleave=interleave, compress="lzw", predictor=2, **TILED), "r+") as file:
            file.scales, file.offsets, file.descriptions = (1.0, 0.5, 2.0), (0.0, 1.0, 0.0), ("a", "b", None)
        ds = check(path, store.with_name(interleave))
        assert sorted(ds.data_vars) == ["band_1", "band_2", "band_3"] and "band" not in ds.dims
        assert ds.band_2.values.tobytes() == data[1].tobytes()


def test_values_are_decoded_by_xarray(tmp_path, store):
    path, data = tmp_path / "a.tif", cells("uint16")
    with rasterio.open(written(path, data, nodata=65535), "r+") as file:
        file.scales, file.offsets = (0.01,), (-100.0,)
    arco.bake(path, to=store)
    want = np.where(data == 65535, np.nan, data * 0.01 - 100.0)
    with xr.open_zarr(store, consolidated=False) as ds:
        assert np.allclose(ds.band_data, want, equal_nan=True, atol=0, rtol=1e-12)
        assert sorted(ds.coords) == ["band", "spatial_ref", "x", "y"]


EPSG = [2000, 2056, 2154, 2193, 2263, 3031, 3035, 3067, 3310, 3395, 3413, 3577, 3857, 3979, 4258, 4269, 4326]
EPSG += [5070, 5514, 6933, 21897, 25832, 27700, 28992, 31370, 31467, 32601, 32661, 32760]
PROJ = [
    "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96 +datum=WGS84 +units=m",
    "+proj=lcc +lat_1=25 +lat_2=60 +lat_0=42.5 +lon_0=-100 +ellps=GRS80 +units=m",
    "+proj=lcc +lat_1=47 +lat_0=47 +lon_0=10 +k_0=1 +a=6371229 +b=6371229 +units=m",
    "+proj=laea +lat_0=90 +lon_0=0 +datum=WGS84 +units=m",
    "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +a=6378273 +b=6356889.449 +units=m",
    "+proj=tmerc +lat_0=5 +lon_0=7 +k=0.9 +x_0=1000 +y_0=2000 +ellps=bessel +units=m",
    "+proj=merc +lon_0=10 +lat_ts=20 +datum=WGS84 +units=m",
    "+proj=sinu +lon_0=0 +R=6371007.181 +units=m",
    "+proj=eqc +lat_ts=30 +lon_0=5 +datum=WGS84 +units=m",
    "+proj=geos +h=35785831 +lon_0=9.5 +sweep=y +datum=WGS84 +units=m",
    "+proj=utm +zone=52 +datum=WGS84 +units=us-ft",
    "+proj=longlat +a=6371229 +b=6371229",
    "+proj=robin +lon_0=0 +datum=WGS84 +units=m",
]


@pytest.mark.parametrize("crs", [*(f"EPSG:{code}" for code in EPSG), *PROJ, None])
def test_coordinate_reference_systems(crs, tmp_path, store):
    path = tmp_path / "a.tif"
    with rasterio.Env(OSR_USE_NON_DEPRECATED="NO"):
        profile = {"driver": "GTiff", "count": 1, "height": 3, "width": 4, "dtype": "uint8"}
        with rasterio.open(path, "w", crs=crs, transform=from_origin(10, 20, 0.5, 0.25), **profile) as file:
            file.write(cells("uint8", shape=(3, 4)))
        ds = check(path, store)
    attrs = ds.spatial_ref.attrs
    assert ds.band_data.attrs["grid_mapping"] == "spatial_ref"
    if crs and crs.startswith("EPSG"):
        with rasterio.Env(OSR_USE_NON_DEPRECATED="NO"):
            assert attrs["crs_wkt"] == attrs["spatial_ref"] == rasterio.CRS.from_string(crs).to_wkt()


TRANSFORMS = [
    Affine.identity(),
    from_origin(-180, 90, 1 / 3, 0.1),
    Affine(14.257, 9.2588, 305827.93, 9.2588, -14.257, 5223236.6),
    Affine(0.25, 0, 5, 0, 0.25, -7),
    Affine(0, 2, 5, 3, 0, -7),
]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("point", [False, True])
def test_places_of_pixels(transform, point, tmp_path, store):
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 7, "width": 5, "dtype": "uint8", "crs": "EPSG:32611"}
    with rasterio.open(path, "w", transform=transform, **profile) as file:
        file.write(cells("uint8", shape=(7, 5)))
        if point:
            file.update_tags(AREA_OR_POINT="Point")
    ds = check(path, store)
    assert ds.band_data.attrs["AREA_OR_POINT"] == ("Point" if point else "Area")


def test_control_points_stay(tmp_path, store):
    path = tmp_path / "a.tif"
    points = [GroundControlPoint(row, col, 10.0 + col, 50.0 - row, 3.0) for row, col in ((0, 0), (0, 4), (6, 0), (6, 4))]
    profile = {"driver": "GTiff", "count": 1, "height": 7, "width": 5, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile) as file:
        file.write(cells("uint8", shape=(7, 5)))
        file.gcps = points, rasterio.CRS.from_epsg(4326)
    ds = check(path, store)
    assert ds.spatial_ref.attrs["gcps"].count('"Feature"') == 4 and '"coordinates":[14.0,44.0,3.0]' in ds.spatial_ref.attrs["gcps"]


@pytest.mark.parametrize("photometric", ["ycbcr", "rgb", None])
def test_jpeg(photometric, tmp_path, store):
    rows, columns = np.mgrid[0:100, 0:90]
    waves = [np.sin(rows / (5 + b)) * np.cos(columns / (7 + b)) for b in range(3 if photometric else 1)]
    data = (128 + 100 * np.stack(waves)).astype("uint8")
    options = {"photometric": photometric} if photometric else {}
    path = tmp_path / "a.tif"
    written(path, data, compress="jpeg", jpeg_quality=80, tiled=True, blockxsize=32, blockysize=48, **options)
    check(path, store)


def test_overviews_are_left_out_and_masks_stay(tmp_path, store):
    path, data = tmp_path / "a.tif", cells("uint8", 3, (200, 300))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(written(path, data, compress="lzw", **TILED), "r+") as file:
        file.write_mask(data[0] > 100)
        file.build_overviews([2, 4])
    ds = check(path, store)
    assert sorted(ds.data_vars) == ["band_data", "mask"]
    assert np.array_equal(ds["mask"], data[0] > 100)


def pages(path, images, big=False, endian="<"):
    """Writes images of one band, page after page, as plain strips; each with other tags: a TIFF writer in a page."""
    head = struct.pack(f"{endian}2sHI", b"II" if endian == "<" else b"MM", 42, 8)
    body = bytearray(head)
    for at, (image, extra) in enumerate(images):
        data = image if isinstance(image, bytes) else image.astype(image.dtype.newbyteorder(endian)).tobytes()
        shape, bits = extra.pop("shape", getattr(image, "shape", None)), extra.pop("bits", None)
        bits = bits or image.dtype.itemsize * 8
        kind = {"u": 1, "i": 2, "f": 3, "c": 6}[getattr(getattr(image, "dtype", None), "kind", "u")]
        tags = {256: shape[1], 257: shape[0], 258: bits, 259: 1, 262: 1, 277: 1, 278: shape[0], 339: kind, 279: len(data)}
        tags |= {int(key): value for key, value in extra.items()}
        tags[273] = len(body) + 2 + 12 * (len(tags) + 1) + 4
        entries = b"".join(struct.pack(f"{endian}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
        after = tags[273] + len(data) + len(data) % 2
        link = after if at + 1 < len(images) else 0
        body += struct.pack(f"{endian}H", len(tags)) + entries + struct.pack(f"{endian}I", link) + data + bytes(len(data) % 2)
    path.write_bytes(body)
    return path


@pytest.mark.parametrize("endian", ["<", ">"])
def test_pages_become_groups(endian, tmp_path, store):
    first, second = cells("uint16")[0], cells("float32", seed=1)[0, :9, :11]
    path = pages(tmp_path / "a.tif", [(first, {}), (first[::2], {"254": 1}), (second, {})], endian=endian)
    check(path, store)
    with xr.open_zarr(store, group="page_2", consolidated=False) as ds:
        assert ds.band_data.values.tobytes() == second.tobytes() and ds.band_data.dims == ("band", "y", "x")
    with rasterio.open(f"GTIFF_DIR:3:{path}") as file:
        assert file.read().tobytes() == second.tobytes()


def test_bits_in_reverse_order(tmp_path, store):
    data = cells("uint8")[0]
    reverse = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    plain = data.tobytes().translate(reverse)
    packed = zlib.compress(data.tobytes()).translate(reverse)
    rows = {"plain": (plain, {}), "deflate": (packed, {"259": 8})}
    for name, (stored, tags) in rows.items():
        path = pages(tmp_path / f"{name}.tif", [(stored, {"266": 2, "bits": 8, "shape": data.shape, **tags})])
        assert check(path, store.with_name(name)).band_data.values.tobytes() == data.tobytes()


REFUSED = [
    ({"compress": "lzma"}, "LZMA"),
    ({"compress": "ccittfax4", "bits": 1}, "CCITT Group 4"),
    ({"compress": "webp"}, "WebP"),
    ({"compress": "lerc"}, "LERC"),
]


@pytest.mark.parametrize(("options", "name"), REFUSED)
def test_refused_by_name(options, name, tmp_path, store):
    try:
        path = written(tmp_path / "a.tif", cells("uint8", 3 if name == "WebP" else 1) & 1, **options)
    except rasterio.errors.RasterioError as error:
        pytest.skip(f"this GDAL can't write it: {error}")
    arco.refuse("bake", path, "--to", store, exit="source", mention=[name, "a.tif", "band_data"])
    arco.nothing_left(store)


@pytest.mark.parametrize("cut", [4, 8, 60, 120, 200, 5000])
def test_truncated_files_are_refused(cut, tmp_path, store):
    path = written(tmp_path / "a.tif", cells("float64", 3), blockysize=4)
    path.write_bytes(path.read_bytes()[:cut])
    arco.refuse("bake", path, "--to", store, exit="source", mention=["a.tif"])


DAMAGE = {
    "directory-loop": lambda b: b[:8] + struct.pack("<H", 0) + struct.pack("<I", 8),
    "directory-outside": lambda b: b[:4] + struct.pack("<I", 2**31) + b[8:],
    "no-directory": lambda b: b[:4] + struct.pack("<I", 0) + b[8:],
    "huge-width": lambda b: b.replace(struct.pack("<HHI", 256, 4, 1) + struct.pack("<I", 53), struct.pack("<HHII", 256, 4, 1, 2**32 - 1)),
    "huge-count": lambda b: b.replace(struct.pack("<HHI", 258, 4, 1), struct.pack("<HHI", 258, 4, 2**32 - 1)),
    "zero-height": lambda b: b.replace(struct.pack("<HHI", 257, 4, 1) + struct.pack("<I", 47), struct.pack("<HHII", 257, 4, 1, 0)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_are_refused(name, tmp_path, store):
    path = pages(tmp_path / "a.tif", [(cells("uint8")[0], {})])
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    done, peak = arco.measured("bake", path, "--to", store)
    # an image may be as large as it says: what does not fit into memory is refused before any is taken
    refused = done.code == arco.EXIT["target"] and "memory-limit" in done.text if name == "huge-width" else False
    assert refused or done.code in (arco.EXIT["source"], arco.EXIT["refused"]) and "a.tif" in done.text, done.text
    assert peak < 200


def test_images_become_a_series_in_their_order(tmp_path, store):
    images = [cells("int16", seed=seed) for seed in range(3)]
    paths = [written(tmp_path / f"{n}.tif", image) for n, image in enumerate(images)]
    arco.bake(*paths, "--concat", "time", to=store)
    with xr.open_zarr(store, consolidated=False) as ds:
        assert ds.band_data.dims == ("time", "band", "y", "x") and ds.spatial_ref.dims == ()
        assert np.array_equal(ds.band_data, images)


class Counting(web.Answers):
    def do_GET(self):
        body = self.server.body
        if self.command == "GET":
            self.server.asked.append(self.headers.get("Range"))
        self.answer(200, body, {"Accept-Ranges": "bytes", "ETag": '"1"'})


def test_a_remote_cog_takes_few_requests(tmp_path, store):
    data = cells("int32", 1, (2048, 2048))
    path = written(tmp_path / "a.tif", data, compress="deflate", tiled=True, blockxsize=256, blockysize=256)
    with web.Server(Counting, body=path.read_bytes(), asked=[]) as server:
        arco.bake(f"{server.url}/a.tif", "--no-survey-cache", "--step", "subset: {x: {start: 0, stop: 256}}", to=store)
        asked = server.asked
    with xr.open_zarr(store, consolidated=False) as ds:
        assert np.array_equal(ds.band_data, data[:, :, :256])
    assert len(asked) <= 10, asked
