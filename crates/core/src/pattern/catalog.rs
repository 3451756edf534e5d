//! Catalogs that name inputs, and what they are asked.

use serde::{Deserialize, Serialize};

/// A catalog, and what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Catalog {
    /// A `SpatioTemporal` Asset Catalog: an API, or files.
    Stac(Stac),
    /// NASA's Common Metadata Repository.
    Cmr(Cmr),
    /// The catalog of a THREDDS data server.
    Thredds(Thredds),
    /// An index node of the Earth System Grid Federation.
    Esgf(Esgf),
    /// A table of URLs.
    Table(Table),
}

/// Items of a `SpatioTemporal` Asset Catalog (STAC 1.0 and 1.1, STAC API 1.0 item search).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stac {
    /// The API's landing page or its search, or a catalog, collection or item as a file.
    pub url: String,
    /// The search as JSON: what is posted, without a limit.
    pub search: String,
    /// Names of the assets that are inputs; none: the only one whose role is `data`.
    pub assets: Vec<String>,
}

/// Granules of NASA's Common Metadata Repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cmr {
    /// Where its search is.
    pub url: String,
    /// Parameters of the search.
    pub parameters: Vec<(String, String)>,
    /// Which links are inputs.
    pub access: Access,
}

/// How a granule is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Over HTTPS, from everywhere.
    #[default]
    Https,
    /// In the bucket, from its region.
    S3,
}

/// Datasets of a THREDDS catalog (client catalog specification 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thredds {
    /// The catalog's XML.
    pub url: String,
    /// Globs of the titles, names or paths of the catalogs that are followed; none: all.
    pub follow: Vec<String>,
    /// Which service gives the URLs.
    pub service: Service,
}

/// A service of a THREDDS server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The files (`HTTPServer`).
    #[default]
    Http,
    /// `OPeNDAP`.
    Dap,
}

/// Files of the Earth System Grid Federation (its search API).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Esgf {
    /// Where the search of an index node is.
    pub url: String,
    /// Facets and other parameters of the search.
    pub parameters: Vec<(String, String)>,
    /// Data nodes in order of preference; none: where a file was published first.
    pub nodes: Vec<String>,
}

/// A table with a column of URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Path or URL of a CSV or Parquet file.
    pub file: String,
    /// The column of URLs or paths, which are relative to the table.
    pub url: String,
    /// The column of checksums.
    pub checksum: Option<String>,
    /// The column of sizes in bytes.
    pub size: Option<String>,
}
