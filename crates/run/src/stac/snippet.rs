//! The lines of code that open a dataset.

use arcoforge_core::recipe::TargetFormat;

/// Python that opens the dataset at `href`, as Markdown.
pub(super) fn snippet(format: TargetFormat, href: &str) -> String {
    let version = match format {
        TargetFormat::Zarr3 => 3,
        TargetFormat::Zarr2 => 2,
        TargetFormat::Icechunk => return icechunk(href),
        TargetFormat::KerchunkJson | TargetFormat::KerchunkParquet => return references(href),
    };
    let options = match href.split_once("://").map(|(scheme, _)| scheme) {
        Some("s3" | "gs" | "az") => ", storage_options={\"anon\": True}",
        _ => "",
    };
    let needs = match href.split_once("://").map(|(scheme, _)| scheme) {
        Some("s3") => "xarray zarr s3fs",
        Some("gs") => "xarray zarr gcsfs",
        Some("az") => "xarray zarr adlfs",
        Some("http" | "https") => "xarray zarr fsspec aiohttp",
        _ => "xarray zarr",
    };
    format!(
        "Zarr version {version}. With Python (`pip install {needs}`):\n\n```python\nimport xarray as xr\n\n\
         ds = xr.open_zarr({href:?}{options})\nprint(ds)\n```"
    )
}

/// Python that opens the last snapshot of a repository.
fn icechunk(href: &str) -> String {
    format!(
        "An Icechunk repository: versions of a dataset. With Python 3.12 or later (`pip install xarray zarr icechunk`):\n\n\
         ```python\nimport icechunk\nimport xarray as xr\n\n\
         repository = icechunk.Repository.open(icechunk.local_filesystem_storage({href:?}))\n\
         session = repository.readonly_session(\"main\")\n\
         ds = xr.open_zarr(session.store, consolidated=False)\nprint(ds)\n```"
    )
}

/// Python that opens references; chunks are read from where they are.
fn references(href: &str) -> String {
    format!(
        "References to chunks of the source files. With Python (`pip install xarray zarr fsspec kerchunk fastparquet`):\n\n\
         ```python\nimport xarray as xr\n\nds = xr.open_dataset({href:?}, engine=\"kerchunk\", chunks={{}})\nprint(ds)\n```"
    )
}
