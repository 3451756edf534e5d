//! What a commit says, and what a snapshot tells.

use icechunk::format::snapshot::{SnapshotInfo, SnapshotProperties};
use serde_json::{Value, json};

/// Under which name a snapshot's properties hold what a bake says of itself.
const OURS: &str = "arcoforge";

/// What a bake says of its commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// For people.
    pub message: String,
    /// Tells this commit from every other: one that is tried again has the same.
    pub id: String,
    /// The plan's digest: recipe, inputs with their versions, dataset.
    pub digest: String,
    /// The recipe's name.
    pub recipe: String,
    /// SHA-256 of the recipe as it is meant, in hex.
    pub recipe_digest: String,
    /// SHA-256 of the inputs with what tells their versions, in hex.
    pub inputs_digest: String,
    /// The version of the program.
    pub program: String,
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// The last one of a branch.
    Branch(String),
    /// The one that a tag names.
    Tag(String),
    /// The one with this name.
    Snapshot(String),
}

/// One state of a repository, and the commit that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub id: String,
    /// When it was committed, as ISO 8601 in UTC.
    pub committed: String,
    /// What the commit said; `None` of commits that no bake made.
    pub bake: Option<Commit>,
    /// The message of the commit.
    pub message: String,
    /// It is the first, in which there is nothing.
    pub initial: bool,
}

impl Commit {
    pub(crate) fn properties(&self) -> SnapshotProperties {
        let said = json!({
            "version": self.program,
            "recipe": self.recipe,
            "recipe_sha256": self.recipe_digest,
            "inputs_sha256": self.inputs_digest,
            "digest": self.digest,
            "bake": self.id,
        });
        SnapshotProperties::from([(OURS.to_owned(), said)])
    }

    fn of(properties: &SnapshotProperties, message: &str) -> Option<Self> {
        let said = properties.get(OURS)?;
        let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            message: message.to_owned(),
            id: text("bake")?,
            digest: text("digest")?,
            recipe: text("recipe").unwrap_or_default(),
            recipe_digest: text("recipe_sha256").unwrap_or_default(),
            inputs_digest: text("inputs_sha256").unwrap_or_default(),
            program: text("version").unwrap_or_default(),
        })
    }
}

impl From<SnapshotInfo> for Snapshot {
    fn from(info: SnapshotInfo) -> Self {
        Self {
            id: info.id.to_string(),
            committed: info.flushed_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            bake: Commit::of(&info.metadata, &info.message),
            initial: info.is_initial(),
            message: info.message,
        }
    }
}
