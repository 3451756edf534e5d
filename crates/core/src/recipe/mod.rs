//! The recipe as it is meant: concrete and valid by construction. `arcoforge-recipe` makes it from text,
//! the command line makes it from arguments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attrs::AttrValue;
use crate::axis::Axis;
use crate::codec::Codec;
use crate::pattern::Source;

mod check;
mod step;

pub use check::{Check, CheckRule, Level};
pub use step::{
    AddDim, AttrEdit, Coarsening, Computed, DimValue, Kept, Label, MaskRule, Naming, Pyramid, Selection,
    Step, TimeEncoding, TimeFrom,
};

/// A recipe: which files become which dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// `[a-z0-9-]+`, the name of the dataset.
    pub name: String,
    /// Who and what; never changes the values.
    pub about: About,
    /// The file pattern's axes; their order is significant.
    pub axes: Vec<Axis>,
    /// Where the files are.
    pub source: Source,
    /// Applied in order: those of files to every file before combining, those of the dataset ([`Step::of_dataset`]),
    /// which stand behind them, after it.
    pub steps: Vec<Step>,
    /// What to do where files disagree.
    pub combine: Policies,
    /// The dataset to write.
    pub output: Output,
    /// What must hold of the dataset before it is published.
    pub checks: Vec<Check>,
    /// What `--take` keeps by default in a test: number of keys per axis.
    pub test: BTreeMap<String, u64>,
}

/// Descriptive metadata of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// One line.
    pub title: Option<String>,
    /// More lines.
    pub description: Option<String>,
    /// An SPDX expression or a name.
    pub license: Option<String>,
    /// Organisations, as in STAC.
    pub providers: Vec<Provider>,
    /// People who answer for the recipe.
    pub maintainers: Vec<Maintainer>,
}

/// An organisation that made, hosts or processes the data, as in STAC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The organisation.
    pub name: String,
    /// `producer`, `licensor`, `processor`, `host`.
    pub roles: Vec<String>,
    /// Its page.
    pub url: Option<String>,
}

/// A person who answers for the recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintainer {
    /// GitHub login.
    pub github: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// ORCID iD.
    pub orcid: Option<String>,
}

/// What to do where files disagree: policy key → policy, and per variable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policies {
    /// For every variable.
    pub all: BTreeMap<String, String>,
    /// Policy key → variable → policy.
    pub variables: BTreeMap<String, BTreeMap<String, String>>,
}

/// The dataset to write.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Output {
    /// Where to, unless the command line says otherwise.
    pub to: Option<String>,
    /// Zarr v3 unless said otherwise.
    pub format: TargetFormat,
    /// Chunk lengths per dimension.
    pub chunks: BTreeMap<String, ChunkLength>,
    /// Shard lengths per dimension.
    pub shards: BTreeMap<String, ChunkLength>,
    /// How chunks are encoded.
    pub codecs: Codecs,
    /// Attributes of the root group, set last.
    pub attrs: Vec<(String, AttrValue)>,
}

/// What the target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetFormat {
    /// Zarr version 3.
    #[default]
    Zarr3,
    /// Zarr version 2.
    Zarr2,
    /// An Icechunk repository: Zarr version 3 in snapshots.
    Icechunk,
    /// The same with references to chunks of the sources in place of chunks.
    #[serde(rename = "icechunk-virtual")]
    IcechunkVirtual,
    /// References to chunks of the sources, one JSON file as kerchunk writes it.
    #[serde(rename = "kerchunk-json")]
    KerchunkJson,
    /// The same as a folder of Parquet files.
    #[serde(rename = "kerchunk-parquet")]
    KerchunkParquet,
}

impl TargetFormat {
    /// Whether chunks stay in the sources, and the target only says where.
    pub const fn is_references(self) -> bool {
        matches!(self, Self::IcechunkVirtual | Self::KerchunkJson | Self::KerchunkParquet)
    }

    /// Whether the target is a branch of an Icechunk repository.
    pub const fn is_icechunk(self) -> bool {
        matches!(self, Self::Icechunk | Self::IcechunkVirtual)
    }

    /// Whether the target is one file rather than a folder.
    pub const fn is_file(self) -> bool {
        matches!(self, Self::KerchunkJson)
    }

    /// The format of the metadata: Zarr v3 or v2.
    #[must_use]
    pub const fn metadata(self) -> Self {
        match self {
            Self::Zarr3 | Self::Icechunk | Self::IcechunkVirtual => Self::Zarr3,
            Self::Zarr2 | Self::KerchunkJson | Self::KerchunkParquet => Self::Zarr2,
        }
    }
}

/// The length of chunks or shards along one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChunkLength {
    /// Cells.
    Cells(u64),
    /// The whole dimension.
    Whole,
    /// As many cells as make a chunk (or shard) of about this many bytes.
    Bytes(u64),
}

/// How chunks are encoded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codecs {
    /// Stored chunks are copied where the core specification names their codecs; else the measured default.
    #[default]
    Default,
    /// Stored chunks are also copied where only `numcodecs.*` names their codecs.
    Source,
    /// Exactly these, in the order of encoding; nothing is copied unless it has them.
    Chain(Vec<Codec>),
}
