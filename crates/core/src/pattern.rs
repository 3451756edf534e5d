//! The file pattern: axes and source make positions, positions make URLs.
//!
//! ```
//! use arcoforge_core::axis::{Axis, AxisKind, Key, Keys};
//! use arcoforge_core::pattern::{Input, Pattern, Source};
//! use arcoforge_core::template::Template;
//!
//! let years = Keys::Integers { from: 1981, to: 1983, step: 1 };
//! let axes = [Axis { name: "time".into(), kind: AxisKind::Concat, keys: years, items_per_file: None }];
//! let url = Template::parse("https://host/sst.{time}.nc")?;
//! let source = Source::new(Input::Url(vec![url]));
//! let pattern = Pattern::expand(&axes, &source, None)?;
//! assert_eq!(pattern.len(), 3);
//! assert_eq!(pattern.position(2)?.unwrap().candidates, ["https://host/sst.1983.nc"]);
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```

mod catalog;
mod checksums;
mod credentials;
mod expand;
mod found;
mod grid;
mod rate;
mod select;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::axis::Key;
use crate::template::Template;

pub use catalog::{Access, Catalog, Cmr, Esgf, Service, Stac, Table, Thredds};
pub use checksums::{Algorithm, Checksum, Checksums, parse_manifest};
pub use credentials::{CredentialKind, Credentials, is_credential_name};
pub use grid::{POSITIONS_MAX, Pattern, PatternAxis, Position};
pub use rate::Rate;

/// Where a recipe's files are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The inputs themselves.
    pub input: Input,
    /// Other templates for parts of the pattern; the first that selects a position is taken.
    pub overrides: Vec<Override>,
    /// Positions that do not exist in the archive and are left out.
    pub missing: Vec<Selection>,
    /// The group inside each file that is taken as its root.
    pub group: Option<String>,
    /// Most connections to one host at a time.
    pub connections: Option<u32>,
    /// Most requests to one host in a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What the bytes of the inputs must add up to.
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    pub checksums: Checksums,
    /// The login that the servers ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
}

impl Source {
    /// A source without overrides, gaps and limits.
    pub const fn new(input: Input) -> Self {
        Self {
            input,
            overrides: Vec::new(),
            missing: Vec::new(),
            group: None,
            connections: None,
            rate: None,
            checksums: Checksums { listed: BTreeMap::new(), manifests: Vec::new() },
            credentials: None,
        }
    }
}

/// The inputs of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Templates: per position the first that exists is taken.
    Url(Vec<Template>),
    /// One URL or path per position, row-major in the order of the axes; also the only form with no axes (one file).
    Files(Vec<String>),
    /// Found in a listing.
    Find(Find),
}

/// Inputs found in a listing or a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Find {
    /// Glob patterns (or directories) of paths or URLs; none where a catalog is asked.
    pub glob: Vec<String>,
    /// The catalog that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Catalog>,
    /// Axis → field of the catalog's records that holds its key, such as `properties.datetime`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, String>,
    /// The bytes of inputs must add up to the checksums that the catalog gives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// Named groups give the keys of the axes.
    pub regex: Option<String>,
    /// Axis → strptime format, for keys that are dates.
    pub parse: BTreeMap<String, String>,
    /// What to do with two files at one position.
    pub pick: Option<Pick>,
}

/// Which of two files at one position is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// The last by modification time, then by name.
    Latest,
}

/// Another template for a part of the pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Which positions.
    pub select: Selection,
    /// Their templates, in order of preference.
    pub url: Vec<Template>,
}

/// A set of positions: axis → which of its keys. Axes not named: all keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Selection(pub BTreeMap<String, KeyMatch>);

/// Which keys of one axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyMatch {
    /// One key.
    One(Key),
    /// Several keys.
    Any(Vec<Key>),
    /// An inclusive range; an open end is `None`.
    Range {
        /// First.
        from: Option<Key>,
        /// Last.
        to: Option<Key>,
    },
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
