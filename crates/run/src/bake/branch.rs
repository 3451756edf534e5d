//! A branch of an Icechunk repository as a target: what lies there, and the commit that makes a dataset appear.
//!
//! A bake fills a store beside the repository as any other does, with receipts; publishing takes its objects into the
//! repository and commits. The last commit says which bake made what a reader of the branch sees.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_core::figures::hex;
use arcoforge_core::target::Dataset;
use arcoforge_icechunk::{Repository, Root, Snapshot, Version, View};
use arcoforge_store::BucketOptions;
use arcoforge_store::files::unwritable;
use arcoforge_write::{check_place, check_target};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::publication::Publication;
use crate::session::Session;
use crate::state::State;

/// The branch that a repository begins with.
pub const MAIN: &str = "main";
/// What stands between the name of a repository and that of a branch, where each branch has a working folder of its own.
const AT: char = '@';

/// A branch of a repository in a folder, and the tag that its next commit gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    root: Root,
    /// The path beside which bakes keep what they keep, for `main`.
    work: PathBuf,
    name: String,
    tag: Option<String>,
}

/// What a state notes of its commit, before it is made and afterwards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Committed {
    /// The commit's own name.
    pub(super) bake: String,
    /// The snapshot on top of which it comes.
    pub(super) base: String,
}

impl Branch {
    /// A branch, `main` where none is named, of the repository in a folder.
    ///
    /// # Errors
    /// `usage` for a name that is none.
    pub fn new(root: &Path, name: Option<&str>, tag: Option<&str>) -> Result<Self> {
        Self::of(Root::Folder(root.to_owned()), root.to_owned(), name, tag)
    }

    /// The same of a repository at a URL in an object store. Bakes keep what they keep in a folder of this machine, `bakes`.
    ///
    /// # Errors
    /// `usage` for a name that is none; `target-unwritable` where the folder can't be made.
    pub fn in_bucket(
        session: &Session<'_>,
        url: &str,
        bakes: &Path,
        name: Option<&str>,
        tag: Option<&str>,
    ) -> Result<Self> {
        let bucket = session.sources.bucket(url)?;
        fs::create_dir_all(bakes).map_err(|e| unwritable(bakes, e))?;
        // one bucket may have the name of another, elsewhere
        let endpoint = BucketOptions::from_env().s3_place().endpoint;
        let which = format!("{} {}", bucket.url(), endpoint.unwrap_or_default());
        let digest = hex(&Sha256::digest(which));
        let last = bucket.url().rsplit('/').next().unwrap_or_default();
        let work = bakes.join(format!("{}-{last}", digest.get(..16).unwrap_or(&digest)));
        Self::of(Root::Bucket(bucket), work, name, tag)
    }

    fn of(root: Root, work: PathBuf, name: Option<&str>, tag: Option<&str>) -> Result<Self> {
        let name = name.unwrap_or(MAIN);
        for (what, text) in [("branch", Some(name)), ("tag", tag)] {
            if let Some(text) = text
                && (text.is_empty() || text.contains(['/', '\0', AT]) || text.starts_with('.'))
            {
                let message = format!("found `{text}` as the name of a {what}");
                return Err(Error::new(Code::Usage, message)
                    .help("names of branches and tags are not empty, do not begin with a period, and have no `/` and `@`"));
            }
        }
        Ok(Self { root, work, name: name.to_owned(), tag: tag.map(str::to_owned) })
    }

    /// Where the repository lies.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The branch's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag that its next commit gets.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The path by which its bakes are known: that of the repository, with the branch behind it unless it is `main`.
    pub(super) fn target(&self) -> PathBuf {
        if self.name == MAIN {
            return self.work.clone();
        }
        let mut name = self.work.file_name().unwrap_or_default().to_owned();
        name.push(format!("{AT}{}", self.name));
        self.work.with_file_name(name)
    }

    /// The last snapshot; `None` where there is no repository or no such branch.
    pub(super) fn tip(&self) -> Result<Option<Snapshot>> {
        self.found_tip().map_err(as_target)
    }

    fn found_tip(&self) -> Result<Option<Snapshot>> {
        if !self.root.is_repository()? {
            return Ok(None);
        }
        Repository::open(&self.root)?.tip(&self.name)
    }

    /// The bake that made the last snapshot, and how far its publication went.
    pub(super) fn made(&self) -> Option<(State, Publication)> {
        let bake = self.tip().ok()??.bake?;
        let state = State::new(&self.target(), &bake.digest);
        let cut_off = noted(&state.visible()).is_some_and(|noted| noted.bake == bake.id);
        Some((state, if cut_off { Publication::Cleaned } else { Publication::Ended }))
    }

    /// What the last snapshot holds.
    pub(crate) fn view(&self) -> Result<View> {
        Repository::open(&self.root)?.view(&Version::Branch(self.name.clone()))
    }

    /// Says before any work whether a commit may take the place of what is on the branch.
    pub(super) fn check(&self, overwrite: bool) -> Result<()> {
        let place = self.root.to_string();
        check_place(&self.work)?;
        check_place(&self.target())?;
        if self.root.is_begun().map_err(as_target)? {
            return Ok(());
        }
        if !self.root.is_repository().map_err(as_target)? {
            // what is refused as a target of a Zarr store is refused here; what that would replace is not replaced
            return self.check_vacant().map_err(|error| match error.code {
                Code::TargetExists => {
                    error.help("choose another place for the repository, or move what is there")
                }
                _ => error,
            });
        }
        let Some(tip) = self.tip()?.filter(|tip| !tip.initial && !overwrite) else { return Ok(()) };
        let message =
            format!("found a dataset on the branch `{}` of the repository, expected none", self.name);
        Err(Error::new(Code::TargetExists, message)
            .at(place)
            .found([FoundFile { url: format!("snapshot {}", tip.id), has: format!("{}: {}", tip.committed, tip.message) }])
            .help("`--overwrite` commits the dataset in its place, and what was stays in the history; `--branch NAME` \
                   leaves it as it is"))
    }

    /// Nothing lies where a repository is to be made.
    fn check_vacant(&self) -> Result<()> {
        if let Some(folder) = self.root.folder() {
            return check_target(folder, false);
        }
        if self.root.is_empty().map_err(as_target)? {
            return Ok(());
        }
        Err(Error::new(Code::TargetExists, "found objects that are no Icechunk repository")
            .at(self.root.to_string()))
    }

    /// What is to be said of a snapshot that no bake of this machine made.
    pub(super) fn stranger(&self) -> Option<(String, &'static str)> {
        let tip = self.tip().ok()??;
        if tip.initial {
            return None;
        }
        let what = match &tip.bake {
            Some(bake) => {
                format!("a bake of `{}` of which nothing is known beside the repository", bake.recipe)
            }
            None => "a commit that no bake made".to_owned(),
        };
        Some((
            format!("{what} on the branch `{}`: {} of {}", self.name, tip.message, tip.committed),
            "`--overwrite` commits the dataset in its place, and what was stays in the history; `--branch NAME` leaves it \
             as it is",
        ))
    }

    /// Refuses an update of a branch on which others put nodes beside those that a bake made.
    pub(super) fn check_foreign(&self, dataset: &Dataset) -> Result<()> {
        let own: BTreeSet<String> = nodes(dataset)?.into_iter().map(|(name, _)| name).collect();
        let found: Vec<FoundFile> = self
            .view()?
            .nodes()?
            .into_iter()
            .filter(|(name, _)| !own.contains(name))
            .map(|(name, _)| FoundFile {
                url: format!("/{name}"),
                has: "on the branch, and no bake made it".to_owned(),
            })
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        let message = "the branch holds what the last bake did not make, and an update would take it away";
        Err(Error::new(Code::UpdateRefused, message)
            .at(self.root.to_string())
            .found(found)
            .help("keep it on a branch of its own; or commit the dataset without it: `--overwrite`"))
    }

    /// Gives the last commit its tag, where one is wanted.
    pub(super) fn set_tag(&self) -> Result<()> {
        let Some(tag) = &self.tag else { return Ok(()) };
        let repository = Repository::open(&self.root)?;
        repository.tip(&self.name)?.map_or(Ok(()), |tip| repository.tag(tag, &tip.id))
    }

    /// Refuses a tag that names something already, before any work.
    pub(super) fn check_tag(&self) -> Result<()> {
        let Some(tag) = self.tag.as_deref() else { return Ok(()) };
        if !self.root.is_repository().map_err(as_target)? {
            return Ok(());
        }
        let tip = self.tip()?;
        let tags = Repository::open(&self.root)?.tags()?;
        let Some((_, named)) = tags.into_iter().find(|(name, _)| name == tag) else { return Ok(()) };
        // of a run that was cut off behind it
        if tip.is_some_and(|tip| tip.id == named) {
            return Ok(());
        }
        let message = format!("found the tag `{tag}` in the repository, for the snapshot {named}");
        Err(Error::new(Code::TargetExists, message)
            .at(self.root.to_string())
            .help("a tag never moves: choose another name"))
    }
}

/// Groups and arrays of a dataset with their metadata, parents first.
pub(super) fn nodes(dataset: &Dataset) -> Result<Vec<(String, Vec<u8>)>> {
    let name = |key: &str| key.strip_suffix("zarr.json").unwrap_or(key).trim_end_matches('/').to_owned();
    let mut found: Vec<(String, Vec<u8>)> =
        arcoforge_write::metadata(dataset)?.into_iter().map(|(key, bytes)| (name(&key), bytes)).collect();
    found.sort_by(|(a, _), (b, _)| {
        (a.matches('/').count(), !a.is_empty(), a).cmp(&(b.matches('/').count(), !b.is_empty(), b))
    });
    Ok(found)
}

/// What can't be read at a target can't be written to either.
fn as_target(error: Error) -> Error {
    match error.code {
        Code::SourceUnreachable | Code::SourceDenied | Code::SourceNotFound => {
            Error { code: Code::TargetUnwritable, ..error }
        }
        _ => error,
    }
}

/// What a state noted of its commit.
pub(super) fn noted(path: &Path) -> Option<Committed> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// What of a version is put into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckOut {
    Metadata,
    /// Metadata, and links to the files of chunks.
    Links,
    /// References to all, wherever chunks lie.
    References,
}

/// A store in a folder that is gone when this is dropped: what a version of a repository holds, its chunks as links.
#[derive(Debug)]
pub(crate) struct CheckedOut {
    folder: PathBuf,
}

impl CheckedOut {
    /// # Errors
    /// `target-unwritable` where no folder can be made; those of reading the repository.
    pub(crate) fn of(view: &View, what: CheckOut) -> Result<Self> {
        let name = format!("arcoforge-{}-{}", std::process::id(), view.id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, e))?;
        let made = Self { folder };
        match what {
            CheckOut::References => view.write_references(&made.references())?,
            CheckOut::Links => view.check_out(&made.folder, true)?,
            CheckOut::Metadata => view.check_out(&made.folder, false)?,
        }
        Ok(made)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of references.
    pub(crate) fn references(&self) -> PathBuf {
        self.folder.join("references.json")
    }
}

impl Drop for CheckedOut {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}
