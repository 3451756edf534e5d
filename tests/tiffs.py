"""TIFF files: what GDAL (by rasterio) says of them, and where a baked store differs."""

import warnings

import numpy as np
import rasterio
import xarray as xr
from rasterio.errors import NotGeoreferencedWarning

# of files, as they are called in the list of real ones
FORMATS = ("tiff", "bigtiff")
# Decoders of JPEG round differently, and some repeat subsampled colours where others, of newer GDAL among them, draw lines
# between them: levels of 255 that values may differ by in the mean.
LOSSY = 1.5


def opened(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def differences(path, store, group=None):
    """Between a file as GDAL reads it and a store as xarray reads it, undecoded; a list of texts, empty where equal."""
    with opened(path) as file, xr.open_zarr(store, group=group, chunks=None, consolidated=False, mask_and_scale=False) as ds:
        return [*values(file, ds), *places(file, ds), *system(file, ds)]


def values(file, ds):
    """Numbers bit by bit, the value for missing cells, scale and offset, names of bands and units."""
    bands = {"band_data": None} if "band_data" in ds else {f"band_{i}": i for i in file.indexes}
    for name, index in bands.items():
        if name not in ds:
            yield f"{name}: missing"
            continue
        actual, want = ds[name], file.read(index)
        if actual.shape != want.shape:
            yield f"{name}: shape {actual.shape}, expected {want.shape}"
            continue
        yield from same_cells(name, actual.values, want, file)
        first = (index or 1) - 1
        for key, value, plain in (("scale_factor", file.scales[first], 1.0), ("add_offset", file.offsets[first], 0.0)):
            if actual.attrs.get(key, plain) != value:
                yield f"{name}@{key}: {actual.attrs.get(key)}, expected {value}"
        yield from missing(name, actual, file)
        for key, texts in (("long_name", file.descriptions), ("units", file.units)):
            texts = [texts[first]] if index else list(dict.fromkeys(texts)) if len(set(texts)) == 1 else list(texts)
            want = None if not any(texts) else texts[0] if len(texts) == 1 else [text or "" for text in texts]
            if actual.attrs.get(key) != want:
                yield f"{name}@{key}: {actual.attrs.get(key)}, expected {want}"


def same_cells(name, actual, want, file):
    lossy = "jpeg" in str(file.compression).lower()
    if actual.dtype != want.dtype and not (actual.dtype == np.float16 and want.dtype == np.float32):
        yield f"{name}: {actual.dtype}, expected {want.dtype}"
    elif lossy:
        mean = np.abs(actual.astype(int) - want).mean()
        if mean > LOSSY:
            yield f"{name}: values differ by {mean} in the mean"
    elif actual.astype(want.dtype).tobytes() != want.tobytes():
        apart = (actual != want) & ~((actual != actual) & (want != want))
        yield f"{name}: {int(apart.sum())} of {want.size} values differ"


def missing(name, actual, file):
    fill, nodata = actual.attrs.get("_FillValue"), file.nodata
    if nodata is None:
        if fill is not None:
            yield f"{name}@_FillValue: {fill}, expected none"
        return
    kind = actual.dtype
    if kind.kind in "iu" and not (np.iinfo(kind).min <= nodata <= np.iinfo(kind).max and float(nodata).is_integer()):
        if fill is not None or "nodata" not in actual.attrs:
            yield f"{name}: nodata {nodata} does not fit {kind}, found _FillValue {fill}"
    elif fill is None or not np.array_equal(np.array(fill, kind), np.array(nodata).astype(kind), equal_nan=True):
        yield f"{name}@_FillValue: {fill}, expected {nodata}"


def places(file, ds):
    """Coordinates, computed as rioxarray does, and the affine transformation."""
    transform, (height, width) = file.transform, file.shape
    unplaced = bool(file.gcps[0] or (file.rpcs and transform.is_identity))
    # of other grids the coordinates tell it
    want = " ".join(map(str, transform.to_gdal())) if transform.b or transform.d else None
    if ds.spatial_ref.attrs.get("GeoTransform") != want:
        yield f"GeoTransform: {ds.spatial_ref.attrs.get('GeoTransform')}, expected {want}"
    centers = transform * rasterio.Affine.translation(0.5, 0.5)
    if unplaced:
        coordinates = {}
    elif transform.is_rectilinear and not (transform.b or transform.d):
        x, _ = centers * (np.arange(width), np.zeros(width))
        _, y = centers * (np.zeros(height), np.arange(height))
        coordinates = {"x": x, "y": y}
    else:
        x, y = centers * np.meshgrid(np.arange(width), np.arange(height))
        coordinates = {"xc": x, "yc": y}
    for name in ("x", "y", "xc", "yc"):
        if (name in ds.coords) != (name in coordinates):
            yield f"{name}: {name in ds.coords}, expected {name in coordinates}"
        elif name in coordinates and not np.array_equal(ds[name], coordinates[name]):
            yield f"{name}: {ds[name].values.ravel()[:3]}, expected {coordinates[name].ravel()[:3]}"


def system(file, ds):
    """The coordinate reference system: the same text for those of the EPSG dataset, an equal one for others."""
    wkt = ds.spatial_ref.attrs.get("crs_wkt")
    want = file.crs or file.gcps[1]
    if (wkt is None) != (want is None):
        yield f"crs_wkt: {wkt}, expected {want and want.to_wkt()}"
    elif wkt is not None and wkt != want.to_wkt() and not same_system(wkt, want):
        yield f"crs_wkt: {wkt}, expected {want.to_wkt()}"


def same_system(wkt, want):
    """Whether names apart, both are the same method with the same numbers."""
    numbers = lambda crs: {k: round(v, 9) if isinstance(v, float) else v for k, v in crs.to_dict().items()}  # noqa: E731
    return numbers(rasterio.CRS.from_wkt(wkt)) == numbers(want)
