//! STAC for a dataset: a collection and an item with the datacube extension, and the lines of code that open it.
//!
//! Written beside a target once it is published, in `TARGET.stac/`: `collection.json`, `item.json` and `README.md`. They
//! follow STAC 1.1.0, the datacube extension 2.3.0 and the xarray-assets extension 1.0.0, and are made of the plan alone:
//! extents come from the coordinate variables, whose values planning has in hand.

mod dimensions;
mod snippet;

use std::path::PathBuf;

use arcoforge_core::attrs::Attrs;
use arcoforge_core::error::Result;
use arcoforge_core::plan::Plan;
use arcoforge_core::recipe::{About, Recipe, TargetFormat};
use arcoforge_core::target::ArraySpec;
use arcoforge_store::files::{atomic_write, create_dirs};
use serde_json::{Map, Value, json};

use self::dimensions::{Axis, Extent, extents};
use self::snippet::snippet;
use crate::place::Place;
use crate::session::Session;

/// What the folder's name has behind that of the target.
const SUFFIX: &str = ".stac";
const DATACUBE: &str = "https://stac-extensions.github.io/datacube/v2.3.0/schema.json";
const XARRAY: &str = "https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json";
const VERSION: &str = "1.1.0";
/// Of a dataset whose coordinates do not say where it lies.
const WORLD: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];

/// The files that describe a dataset: names and contents.
pub type Described = Vec<(&'static str, Vec<u8>)>;

/// Describes a dataset that goes to `place`.
pub fn stac(recipe: &Recipe, plan: &Plan, place: &Place) -> Described {
    let href = &match place {
        // from the file that says so
        Place::Folder(path) => format!("../{}", path.file_name().unwrap_or(path.as_os_str()).display()),
        Place::Bucket(url) => url.clone(),
    };
    let level = plan.pyramid.then_some("0");
    let finest = plan.finest();
    let plan = &*finest;
    let found = extents(plan);
    let format = plan.dataset.format;
    let pretty = |value: &Value| {
        let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
        text.push(b'\n');
        text
    };
    let title = recipe.about.title.as_deref().unwrap_or(&recipe.name);
    let readme = format!("# {title}\n\n{}\n", snippet(format, &place.to_string(), level));
    vec![
        ("collection.json", pretty(&collection(recipe, plan, &found, (href, level)))),
        ("item.json", pretty(&item(recipe, plan, &found, (href, level)))),
        ("README.md", readme.into_bytes()),
    ]
}

/// Writes the description of a dataset beside it, each file whole or not at all.
///
/// # Errors
/// `target-unwritable`.
pub fn write_stac(session: &Session<'_>, place: &Place, described: &Described) -> Result<()> {
    match place {
        Place::Folder(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(SUFFIX);
            let folder = PathBuf::from(name);
            create_dirs(&folder)?;
            described.iter().try_for_each(|(name, bytes)| atomic_write(&folder.join(name), bytes))
        }
        Place::Bucket(url) => {
            let bucket = session.sources.bucket(&format!("{url}{SUFFIX}"))?;
            described.iter().try_for_each(|(name, bytes)| bucket.put(name, bytes.clone()).map(drop))
        }
    }
}

/// What the coordinates say of place and time.
struct Found {
    /// By dimension.
    dims: Vec<(String, Extent)>,
}

impl Found {
    fn along(&self, axis: Axis) -> Option<&Extent> {
        self.dims.iter().map(|(_, extent)| extent).find(|extent| extent.axis == axis)
    }

    /// West, south, east, north, in degrees.
    fn bbox(&self) -> Option<[f64; 4]> {
        let (x, y) = (self.along(Axis::Longitude)?.range?, self.along(Axis::Latitude)?.range?);
        // longitudes of STAC end at 180: a grid from 0 to 360 goes around
        let (west, east) =
            if x.1 - x.0 >= 180.0 && x.1 > 180.0 { (-180.0, 180.0) } else { (turned(x.0), turned(x.1)) };
        Some([west, y.0.max(-90.0), east, y.1.min(90.0)])
    }

    fn times(&self) -> (Option<&str>, Option<&str>) {
        match self.along(Axis::Time).and_then(|extent| extent.times.as_ref()) {
            Some((first, last)) => (Some(first), Some(last)),
            None => (None, None),
        }
    }
}

fn turned(degrees: f64) -> f64 {
    if degrees > 180.0 { degrees - 360.0 } else { degrees }
}

fn item(recipe: &Recipe, plan: &Plan, found: &Found, at: (&str, Option<&str>)) -> Value {
    let (first, last) = found.times();
    let mut properties = about(&recipe.about, &recipe.name);
    let instant = if first.is_some() && first == last { first } else { None };
    properties.insert("datetime".into(), json!(instant));
    if first.is_some() && instant.is_none() {
        properties.insert("start_datetime".into(), json!(first));
        properties.insert("end_datetime".into(), json!(last));
    }
    properties.extend(cube(plan, found));
    let mut item = json!({
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [DATACUBE, XARRAY],
        "id": recipe.name,
        "collection": recipe.name,
        "geometry": found.bbox().map(geometry),
        "properties": properties,
        "links": [
            {"rel": "collection", "href": "./collection.json", "type": "application/json"},
            {"rel": "parent", "href": "./collection.json", "type": "application/json"},
        ],
        "assets": {"data": asset(plan.dataset.format, at)},
    });
    if let (Some(bbox), Some(item)) = (found.bbox(), item.as_object_mut()) {
        item.insert("bbox".into(), json!(bbox));
    }
    item
}

fn collection(recipe: &Recipe, plan: &Plan, found: &Found, at: (&str, Option<&str>)) -> Value {
    let (first, last) = found.times();
    let mut collection = json!({
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [DATACUBE, XARRAY],
        "id": recipe.name,
    });
    let rest = json!({
        "extent": {
            "spatial": {"bbox": [found.bbox().unwrap_or(WORLD)]},
            "temporal": {"interval": [[first, last]]},
        },
        "links": [{"rel": "item", "href": "./item.json", "type": "application/geo+json"}],
        "assets": {"data": asset(plan.dataset.format, at)},
    });
    if let (Some(collection), Value::Object(rest)) = (collection.as_object_mut(), rest) {
        collection.extend(about(&recipe.about, &recipe.name));
        let said = |key: &str| collection.contains_key(key);
        let missing =
            [("license", "other"), ("description", recipe.about.title.as_deref().unwrap_or(&recipe.name))];
        let missing: Vec<_> = missing.into_iter().filter(|(key, _)| !said(key)).collect();
        collection.extend(missing.into_iter().map(|(key, value)| (key.to_owned(), json!(value))));
        collection.extend(rest);
        collection.extend(cube(plan, found));
    }
    collection
}

/// Title, description, licence and providers.
fn about(about: &About, name: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("title".into(), json!(about.title.as_deref().unwrap_or(name)));
    let texts = [("description", &about.description), ("license", &about.license)];
    for (key, text) in texts {
        if let Some(text) = text {
            fields.insert(key.into(), json!(text));
        }
    }
    if !about.providers.is_empty() {
        let provider = |p: &arcoforge_core::recipe::Provider| {
            let mut fields = json!({"name": p.name, "roles": p.roles});
            if let (Some(url), Some(fields)) = (&p.url, fields.as_object_mut()) {
                fields.insert("url".into(), json!(url));
            }
            fields
        };
        fields.insert("providers".into(), about.providers.iter().map(provider).collect());
    }
    fields
}

/// `cube:dimensions` and `cube:variables`.
fn cube(plan: &Plan, found: &Found) -> Map<String, Value> {
    let dims: Map<String, Value> =
        found.dims.iter().map(|(name, extent)| (name.clone(), extent.to_json())).collect();
    let variables = plan.dataset.arrays.iter().filter(|spec| !is_dimension(spec));
    let variables: Map<String, Value> =
        variables.map(|spec| (spec.name.clone(), variable(spec, plan))).collect();
    [
        ("cube:dimensions".to_owned(), Value::Object(dims)),
        ("cube:variables".to_owned(), Value::Object(variables)),
    ]
    .into_iter()
    .collect()
}

fn is_dimension(spec: &ArraySpec) -> bool {
    spec.dims.len() == 1 && spec.dims.first().is_some_and(|dim| *dim == spec.name)
}

fn variable(spec: &ArraySpec, plan: &Plan) -> Value {
    let named = |attr: &str| {
        let names = |attrs: &Attrs| {
            attrs.text(attr).is_some_and(|text| text.split_whitespace().any(|n| n == spec.name))
        };
        plan.dataset.arrays.iter().any(|other| names(&other.attrs))
    };
    let auxiliary = spec.dims.is_empty()
        || ["coordinates", "bounds", "climatology", "grid_mapping", "ancillary_variables"]
            .into_iter()
            .any(named);
    let mut fields = json!({
        "dimensions": spec.dims,
        "type": if auxiliary { "auxiliary" } else { "data" },
        "shape": spec.shape,
        "data_type": spec.dtype.name(),
    });
    let texts = [("unit", "units"), ("description", "long_name"), ("standard_name", "standard_name")];
    for (key, attr) in texts {
        if let (Some(text), Some(fields)) = (spec.attrs.text(attr), fields.as_object_mut()) {
            fields.insert(key.into(), json!(text));
        }
    }
    fields
}

/// `level` is the group that holds the dataset itself, where there are coarser ones.
fn asset(format: TargetFormat, (href, level): (&str, Option<&str>)) -> Value {
    let media = match format {
        TargetFormat::Zarr3 => "application/vnd.zarr; version=3",
        TargetFormat::Zarr2 => "application/vnd.zarr; version=2",
        TargetFormat::Icechunk | TargetFormat::IcechunkVirtual => "application/vnd.zarr+icechunk",
        TargetFormat::KerchunkJson => "application/json",
        TargetFormat::KerchunkParquet => "application/vnd.apache.parquet",
    };
    let references = format.is_references() && !format.is_icechunk();
    let mut options = json!({"engine": if references { "kerchunk" } else { "zarr" }, "chunks": {}});
    if let (Some(level), Some(options)) = (level, options.as_object_mut()) {
        options.insert("group".into(), json!(level));
    }
    json!({
        "href": href,
        "type": media,
        "roles": [if references { "references" } else { "data" }],
        "title": if references { "References to the dataset's chunks" } else { "The dataset as Zarr" },
        "xarray:open_kwargs": options,
    })
}

fn geometry([west, south, east, north]: [f64; 4]) -> Value {
    let ring = |w: f64, e: f64| json!([[[w, south], [e, south], [e, north], [w, north], [w, south]]]);
    // a box over the date line is two
    match west <= east {
        true => json!({"type": "Polygon", "coordinates": ring(west, east)}),
        false => json!({"type": "MultiPolygon", "coordinates": [ring(west, 180.0), ring(-180.0, east)]}),
    }
}
