//! `source.find` as written: a listing or one of the catalogs, and how keys are told.

use serde_json::{Map, Value};

use arcoforge_core::dtype::Scalar;
use schemars::{JsonSchema, json_schema};

use crate::diagnostic::Span;
use crate::node::{Kind, Node, Spanned};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, inline_schemas, schema_as, written};
use crate::scalar::Raw;
use crate::values::{Flag, Real};

/// Kinds of places where inputs are found: exactly one is given.
pub(crate) const KINDS: [&str; 6] = ["glob", "stac", "cmr", "thredds", "esgf", "table"];

written! {
    /// Files found in a listing or a catalog. Exactly one of `glob`, `stac`, `cmr`, `thredds`, `esgf` and `table`.
    #[schemars(extend("oneOf" = [
        {"required": ["glob"]}, {"required": ["stac"]}, {"required": ["cmr"]}, {"required": ["thredds"]},
        {"required": ["esgf"]}, {"required": ["table"]},
    ]))]
    struct Find {
        required {}
        optional {
            /// A glob pattern or a folder, or a list of them; of this machine, or of a server that lists its folders.
            glob: OneOrMany<Text>,
            /// The items of a STAC API or catalog.
            stac: At<StacSearch>,
            /// The granules of NASA's CMR.
            cmr: At<CmrSearch>,
            /// The datasets of a THREDDS catalog.
            thredds: At<ThreddsCatalog>,
            /// The files of an ESGF index node.
            esgf: At<EsgfSearch>,
            /// The rows of a CSV or Parquet file.
            table: At<UrlTable>,
            /// A regular expression on the path or URL; what does not match is left out. Named groups give keys of axes.
            regex: Text,
            /// Axis → field of the catalog's records that holds its key: `properties.datetime`, a column.
            keys: Entries<Text>,
            /// Axis → format (`%Y%m`), for keys that are dates.
            parse: Entries<Text>,
            /// What to do with two files at one position: `latest`. Without it they are an error.
            pick: Text,
            /// Whether the bytes must add up to the checksums that the catalog gives; needs every byte once. Default: `false`.
            verify: Flag,
        }
    }
}

written! {
    /// The items of a STAC API, or of a catalog of files.
    struct StacSearch {
        required {
            /// The API's landing page or its search, or a catalog, collection or item.
            url: Text,
        }
        optional {
            /// The collections.
            collections: OneOrMany<Text>,
            /// The items themselves.
            ids: OneOrMany<Text>,
            /// West, south, east, north in degrees.
            bbox: Vec<Real>,
            /// A GeoJSON geometry.
            intersects: Json,
            /// A date, or the first and the last of a range: `2020-01/2020-03`; `..` is an open end.
            datetime: Text,
            /// Properties, by the query extension: `{eo:cloud_cover: {lt: 10}}`.
            query: Json,
            /// A filter in CQL2, as text or as JSON.
            filter: Json,
            /// The assets that are inputs. Default: the one with the role `data`.
            asset: OneOrMany<Text>,
        }
    }
}

written! {
    /// The granules of NASA's CMR. One of `short_name` and `concept_id` names the collection.
    struct CmrSearch {
        required {}
        optional {
            /// The collection's short name.
            short_name: Text,
            /// The collection's version.
            version: Text,
            /// The collection's concept id.
            concept_id: Text,
            /// Who provides it, such as `POCLOUD`.
            provider: Text,
            /// A date, or the first and the last of a range: `2020-01/2020-03`; `..` is an open end.
            temporal: Text,
            /// West, south, east, north in degrees.
            bounding_box: Vec<Real>,
            /// Further parameters of the granule search: `{cloud_cover: "0,20"}`.
            parameters: Entries<Raw>,
            /// Which links are inputs: `https` or `s3`. Default: `https`.
            access: Text,
            /// Where the search is. Default: `https://cmr.earthdata.nasa.gov/search`.
            url: Text,
        }
    }
}

written! {
    /// The datasets of a THREDDS catalog, and of the catalogs that it refers to.
    struct ThreddsCatalog {
        required {
            /// The catalog's XML: `https://host/thredds/catalog/…/catalog.xml`.
            url: Text,
        }
        optional {
            /// Globs of the titles, names or paths of catalogs that are followed. Default: all.
            follow: OneOrMany<Text>,
            /// Which service is read: `http` (the files) or `dap`. Default: `http`.
            service: Text,
        }
    }
}

written! {
    /// The files of an ESGF index node.
    struct EsgfSearch {
        required {
            /// Where the search of an index node is: `https://host/esg-search/search`.
            url: Text,
            /// Facet → value, or a list of them: `{project: CMIP6, variable_id: tas}`.
            facets: Entries<OneOrMany<Raw>>,
        }
        optional {
            /// Whether only the latest version counts. Default: `true`.
            latest: Flag,
            /// Data nodes in order of preference, where a file has replicas. Default: where it was published first.
            nodes: OneOrMany<Text>,
        }
    }
}

written! {
    /// The rows of a CSV or Parquet file.
    struct UrlTable {
        required {
            /// Path or URL of the table.
            file: Text,
        }
        optional {
            /// The column of URLs or paths; these are relative to the table. Default: `url`.
            url: Text,
            /// The column of checksums: `sha256:…`, or digits whose number tells the algorithm.
            checksum: Text,
            /// The column of sizes in bytes.
            size: Text,
        }
    }
}

/// A map, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T: Read> Read for At<T> {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        T::read(node, cx).map(|value| Self { value, span: node.span.clone() })
    }
}

schema_as! {
    [T: JsonSchema] At<T> => T;
}

/// What is handed on to a server as JSON.
pub(crate) type Json = Spanned<Value>;

impl Read for Json {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        Some(Self { value: json(node, cx)?, span: node.span.clone() })
    }
}

fn json(node: &Node, cx: &mut Cx) -> Option<Value> {
    Some(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Scalar { .. } => match Raw::read(node, cx)?.value() {
            Scalar::Bool(flag) => flag.into(),
            Scalar::Int(number) => number.into(),
            Scalar::UInt(number) => number.into(),
            Scalar::Float(number) if number.is_finite() => number.into(),
            Scalar::Text(text) => text.into(),
            Scalar::Float(_) | Scalar::Complex(..) => return cx.wrong_type(node, "a finite number"),
        },
        Kind::List(items) => {
            let items = items.iter().enumerate();
            Value::Array(
                items.filter_map(|(at, item)| cx.within(&at.to_string(), |cx| json(item, cx))).collect(),
            )
        }
        Kind::Map(entries) => {
            let mut map = Map::new();
            for (key, node) in entries {
                if let Some(value) = cx.within(&key.value, |cx| json(node, cx)) {
                    map.insert(key.value.clone(), value);
                }
            }
            Value::Object(map)
        }
    })
}

inline_schemas! {
    Json => |_| json_schema!({ "type": ["object", "array", "string", "number", "boolean"] });
}
