"""Other tools, each called as its documentation begins: what a case says to `bake`, and nothing more.

Each function makes a dataset of the inputs and returns it, opened by xarray; None where the tool has no such thing.
"""

import os


def xarray(case, paths, store, **options):
    import xarray as xr

    if case.concat:
        ds = xr.open_mfdataset(paths, combine="nested", concat_dim=case.concat, group=case.group)
    else:
        ds = xr.open_dataset(paths[0], chunks={})
    (ds.chunk(case.chunks) if case.chunks else ds).to_zarr(store)
    return xr.open_zarr(store, **options)


def classic(path):
    with open(path, "rb") as file:
        return file.read(3) == b"CDF"


def virtualizarr(case, paths, store, **options):
    import icechunk
    import virtualizarr as vz
    import xarray as xr
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import LocalStore
    from virtualizarr.parsers import HDFParser, NetCDF3Parser

    registry = ObjectStoreRegistry({"file://": LocalStore()})
    parser = NetCDF3Parser() if classic(paths[0]) else HDFParser(group=case.group)
    urls = [f"file://{path}" for path in paths]
    if case.concat:
        names = {"combine": "nested", "concat_dim": case.concat}
        ds = vz.open_virtual_mfdataset(urls, registry=registry, parser=parser, **names)
    else:
        ds = vz.open_virtual_dataset(urls[0], registry=registry, parser=parser)
    folder = os.path.dirname(paths[0])
    config = icechunk.RepositoryConfig.default()
    files = icechunk.local_filesystem_store(folder)
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(url_prefix=f"file://{folder}/", store=files))
    allowed = {"authorize_virtual_chunk_access": {f"file://{folder}/": None}}
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(store), config, **allowed)
    session = repository.writable_session("main")
    ds.vz.to_icechunk(session.store)
    session.commit("virtual")
    return xr.open_zarr(repository.readonly_session("main").store, consolidated=False, **options)


def kerchunk(case, paths, store, **options):
    import json

    import xarray as xr
    from kerchunk.combine import MultiZarrToZarr

    references = [scan(path) for path in paths]
    if case.concat:
        have = {key.split("/")[0] for key in references[0].get("refs", references[0])}
        same = [name for name in ("lat", "lon") if name in have]
        whole = MultiZarrToZarr(references, concat_dims=[case.concat], identical_dims=same).translate()
    else:
        whole = references[0]
    with open(store, "w") as file:
        json.dump(whole, file)
    group = {"group": case.group} if case.group else {}
    return xr.open_dataset(store, engine="kerchunk", **group, **options)


def scan(path):
    from kerchunk.hdf import SingleHdf5ToZarr
    from kerchunk.netCDF3 import NetCDF3ToZarr

    if classic(path):
        return NetCDF3ToZarr(path).translate()
    with open(path, "rb") as file:
        return SingleHdf5ToZarr(file, path).translate()


def pangeo_forge_recipes(case, paths, store, **options):
    if not case.concat:
        return None
    import apache_beam as beam
    import xarray as xr
    from pangeo_forge_recipes.patterns import ConcatDim, FilePattern, FileType
    from pangeo_forge_recipes.transforms import (
        ConsolidateDimensionCoordinates,
        ConsolidateMetadata,
        OpenWithXarray,
        StoreToZarr,
    )

    kind = FileType.netcdf3 if classic(paths[0]) else FileType.netcdf4
    dim = case.concat
    pattern = FilePattern(lambda **key: paths[key[dim]], ConcatDim(dim, list(range(len(paths)))), file_type=kind)
    opened = {"xarray_open_kwargs": {"group": case.group}} if case.group else {}
    root, name = os.path.split(store)
    with beam.Pipeline() as pipeline:
        (
            pipeline
            | beam.Create(pattern.items())
            | OpenWithXarray(file_type=pattern.file_type, **opened)
            | StoreToZarr(
                target_root=root, store_name=name, combine_dims=pattern.combine_dim_keys, target_chunks=case.chunks
            )
            | ConsolidateDimensionCoordinates()
            | ConsolidateMetadata()
        )
    return xr.open_zarr(store, **options)


# name → (function, packages whose versions are told)
TOOLS = {
    "xarray": (xarray, ["xarray", "zarr", "dask", "netCDF4", "h5netcdf"]),
    "pangeo-forge-recipes": (pangeo_forge_recipes, ["pangeo-forge-recipes", "apache-beam", "xarray", "zarr"]),
    "VirtualiZarr": (virtualizarr, ["virtualizarr", "icechunk", "xarray", "zarr"]),
    "kerchunk": (kerchunk, ["kerchunk", "xarray", "zarr"]),
}
