//! The lines of code that open a dataset.

use arcoforge_core::recipe::TargetFormat;

/// Python that opens the dataset at `href`, as Markdown.
/// `level` is the group that holds the dataset itself, where there are coarser ones.
pub(super) fn snippet(format: TargetFormat, href: &str, level: Option<&str>) -> String {
    let group = level.map_or_else(String::new, |level| format!(", group={level:?}"));
    let version = match format {
        TargetFormat::Zarr3 => 3,
        TargetFormat::Zarr2 => 2,
        TargetFormat::Icechunk => return icechunk(href, "", &group),
        TargetFormat::IcechunkVirtual => return icechunk(href, ALLOWED, &group),
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
         ds = xr.open_zarr({href:?}{group}{options})\nprint(ds)\n```"
    )
}

/// Clients read virtual chunks from nowhere but where they are allowed to.
const ALLOWED: &str = "\
# chunks stay where the sources are: the places that the repository names, of which each is to be allowed
places = icechunk.Repository.fetch_config(storage).virtual_chunk_containers
print(list(places))
by = {
    \"file\": icechunk.Credentials.LocalFileSystemAccess(),
    \"http\": icechunk.Credentials.HttpAccess(),
    \"https\": icechunk.Credentials.HttpAccess(),
    \"s3\": icechunk.s3_from_env_credentials(),  # or icechunk.s3_anonymous_credentials()
}
allowed = icechunk.containers_credentials({place: by[place.split(\":\")[0]] for place in places})
";

/// Python that opens the last snapshot of a repository.
fn icechunk(href: &str, allowed: &str, group: &str) -> String {
    let virtual_too = if allowed.is_empty() { "" } else { ", authorize_virtual_chunk_access=allowed" };
    let storage = storage(href);
    format!(
        "An Icechunk repository: versions of a dataset. With Python 3.12 or later (`pip install xarray zarr icechunk`):\n\n\
         ```python\nimport icechunk\nimport xarray as xr\n\n\
         storage = {storage}\n{allowed}\
         repository = icechunk.Repository.open(storage{virtual_too})\n\
         session = repository.readonly_session(\"main\")\n\
         ds = xr.open_zarr(session.store, consolidated=False{group})\nprint(ds)\n```"
    )
}

/// Python that says where a repository lies.
fn storage(href: &str) -> String {
    let parts = href.split_once("://").and_then(|(scheme, rest)| {
        let (bucket, prefix) = rest.split_once('/')?;
        Some((scheme, bucket, prefix))
    });
    match parts {
        Some(("s3", bucket, prefix)) => {
            format!("icechunk.s3_storage(bucket={bucket:?}, prefix={prefix:?}, from_env=True)")
        }
        Some(("gs", bucket, prefix)) => {
            format!("icechunk.gcs_storage(bucket={bucket:?}, prefix={prefix:?}, from_env=True)")
        }
        Some((_, container, prefix)) => format!(
            "icechunk.azure_storage(account=\"ACCOUNT\", container={container:?}, prefix={prefix:?}, from_env=True)"
        ),
        None => format!("icechunk.local_filesystem_storage({href:?})"),
    }
}

/// Python that opens references; chunks are read from where they are.
fn references(href: &str) -> String {
    format!(
        "References to chunks of the source files. With Python (`pip install xarray zarr fsspec kerchunk fastparquet`):\n\n\
         ```python\nimport xarray as xr\n\nds = xr.open_dataset({href:?}, engine=\"kerchunk\", chunks={{}})\nprint(ds)\n```"
    )
}
