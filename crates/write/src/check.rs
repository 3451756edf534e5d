//! What a target can't hold, found before anything is written.

use std::collections::BTreeSet;

use arcoforge_core::dtype::Scalar;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::schema::group_of;
use arcoforge_core::target::{ArraySpec, Dataset};

use crate::{caps, json};

/// Checks every group and array of a dataset.
pub(crate) fn dataset(dataset: &Dataset) -> Result<()> {
    let mut nodes = BTreeSet::from([""]);
    let mut groups = BTreeSet::from([""]);
    for (name, _) in &dataset.groups {
        node(dataset.format, name, &groups, &mut nodes)?;
        groups.insert(name.as_str());
    }
    for array in &dataset.arrays {
        node(dataset.format, &array.name, &groups, &mut nodes)?;
        self::array(dataset.format, array).map_err(|e| e.in_variable(&array.name))?;
    }
    Ok(())
}

/// A name that both the format and a file system can hold, unique, in a group that exists.
fn node<'a>(
    format: TargetFormat,
    path: &'a str,
    groups: &BTreeSet<&str>,
    nodes: &mut BTreeSet<&'a str>,
) -> Result<()> {
    if let Some(reason) = path.split('/').find_map(|part| bad_name(format, part)) {
        return Err(Error::new(Code::TargetUnsupported, format!("found the name `{path}`: {reason}"))
            .in_variable(path)
            .help("rename it with the step `rename`"));
    }
    if !nodes.insert(path) {
        return Err(Error::new(Code::TargetUnsupported, format!("found two nodes of the name `{path}`"))
            .in_variable(path)
            .help("rename one of them with the step `rename`"));
    }
    if !groups.contains(group_of(path)) {
        return Err(Error::new(
            Code::Bug,
            format!("found `{path}` in `{}`, which is no group of the dataset", group_of(path)),
        )
        .in_variable(path));
    }
    Ok(())
}

fn bad_name(format: TargetFormat, part: &str) -> Option<&'static str> {
    let reserved: &[&str] = match format.metadata() {
        TargetFormat::Zarr3 => &["zarr.json"],
        _ => &[".zarray", ".zattrs", ".zgroup", ".zmetadata"],
    };
    match part {
        "" => Some("a part of it is empty"),
        _ if part.chars().all(|c| c == '.') => Some("a part of it consists of periods"),
        _ if part.contains(['\0', '\\']) => Some("a part of it has a character that keys can't have"),
        _ if part.len() > 255 => Some("a part of it is longer than 255 bytes"),
        _ if reserved.contains(&part) => Some("Zarr keeps its metadata under that key"),
        _ if format.metadata() == TargetFormat::Zarr3 && part.starts_with("__") => {
            Some("Zarr v3 reserves names that begin with `__`")
        }
        _ => None,
    }
}

fn array(format: TargetFormat, array: &ArraySpec) -> Result<()> {
    let rank = array.shape.len();
    let lengths = [Some(array.dims.len()), Some(array.chunk.len()), array.shard.as_ref().map(Vec::len)];
    if let Some(found) = lengths.into_iter().flatten().find(|n| *n != rank) {
        let message = format!("found {found} dimension names or chunk lengths, expected {rank}");
        return Err(Error::new(Code::Bug, message));
    }
    shard(format, array)?;
    value(array, "`_FillValue`", array.fill.as_ref())?;
    // xarray takes the attribute for a value of the type: it would mask other cells, or open nothing at all
    if let Some(found) = array.attrs.get("_FillValue") {
        let message = format!("found the `_FillValue` {found}, which is no value of {}", array.dtype);
        return Err(Error::new(Code::TargetUnsupported, message)
            .help(format!("set or delete `{}@_FillValue` with the step `attrs`", array.name)));
    }
    if format.metadata() == TargetFormat::Zarr3 {
        value(array, "value of unwritten cells", Some(&array.unwritten))?;
    } else if array.attrs.get("_ARRAY_DIMENSIONS").is_some() {
        return Err(Error::new(
            Code::TargetUnsupported,
            "found the attribute `_ARRAY_DIMENSIONS`, under which Zarr v2 stores the names of dimensions",
        )
        .help("delete the attribute with the step `attrs`"));
    }
    for codec in &array.encoding.codecs {
        if !caps(format).names(std::slice::from_ref(codec), true) {
            let message = format!("found the codec `{}`, for which the target has no name", codec.name());
            return Err(Error::new(Code::TargetUnsupported, message).help("set `output.codecs`"));
        }
    }
    Ok(())
}

fn shard(format: TargetFormat, array: &ArraySpec) -> Result<()> {
    let Some(shard) = &array.shard else { return Ok(()) };
    if !caps(format).shards {
        let icechunk = format.is_icechunk();
        let which = if icechunk { "Icechunk repositories do" } else { "Zarr v2 does" };
        return Err(Error::new(Code::TargetUnsupported, format!("found shards, which {which} not have"))
            .help("write Zarr v3, or leave `shards` out"));
    }
    let fits = |(s, c): (&u64, &u64)| *s > 0 && s.checked_rem(*c) == Some(0);
    if !shard.iter().zip(&array.chunk).all(fits) {
        let message = format!("found shards of {shard:?}, expected multiples of the chunk {:?}", array.chunk);
        return Err(Error::new(Code::OutputInvalid, message).help("change `shards` or `chunks`"));
    }
    Ok(())
}

fn value(array: &ArraySpec, what: &str, value: Option<&Scalar>) -> Result<()> {
    match value {
        Some(value) if json::normal(array.dtype, value).is_none() => Err(Error::new(
            Code::TargetUnsupported,
            format!("found the {what} {value}, which {} can't hold", array.dtype),
        )),
        _ => Ok(()),
    }
}
