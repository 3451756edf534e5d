//! A repository: opened or made, its branches, tags and history.

use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use futures::TryStreamExt;
use icechunk::format::SnapshotId;
use icechunk::format::format_constants::SpecVersionBin;
use icechunk::format::snapshot::Snapshot as Format;
use icechunk::repository::VersionInfo;

use crate::config;
use crate::root::Root;
use crate::runtime::wait;
use crate::snapshot::{Snapshot, Version};
use crate::storage::Kept;
use crate::transaction::Transaction;
use crate::view::View;

/// How often it is tried to make a repository, while others do.
const CREATIONS: usize = 3;

/// An open repository. Calls of one may run on many threads at once.
#[derive(Debug)]
pub struct Repository {
    pub(crate) inner: icechunk::Repository,
    pub(crate) home: Home,
}

/// Where a repository lies, and its storage.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) root: Root,
    pub(crate) kept: Arc<Kept>,
}

impl Home {
    fn new(root: &Root) -> Self {
        Self { root: root.clone(), kept: Arc::new(Kept::new(root.objects())) }
    }

    /// What went wrong.
    pub(crate) fn failed(&self, what: &str, error: &impl std::fmt::Display) -> Error {
        self.kept.failed(what, error)
    }

    /// For messages.
    pub(crate) fn place(&self) -> String {
        self.root.to_string()
    }
}

impl Repository {
    /// Opens what lies in a folder or an object store. What this program can't read of the repository's configuration (places
    /// of virtual chunks on this machine, ...) is in nobody's way: it stays as it is.
    ///
    /// # Errors
    /// `target-not-found` where no repository lies there; `target-unwritable` where it can't be read;
    /// `target-unsupported` for version 1 of the format.
    pub fn open(root: &Root) -> Result<Self> {
        if !root.is_repository()? {
            return Err(Error::new(Code::TargetNotFound, "found no Icechunk repository")
                .at(root.to_string())
                .help("name the folder or the prefix of one: it holds `repo` and `snapshots`"));
        }
        let home = Home::new(root);
        let open = || wait(icechunk::Repository::open(Arc::<Kept>::clone(&home.kept)).execute());
        let mut opened = open()?;
        if opened.is_err() && config::hide(&home)? {
            opened = open()?;
            home.kept.show(None);
        }
        let inner = opened.map_err(|e| home.failed("can't open the repository", &e))?;
        if inner.spec_version() < SpecVersionBin::V2 {
            return Err(Error::new(
                Code::TargetUnsupported,
                "found an Icechunk repository of version 1 of the format",
            )
            .at(root.to_string())
            .help("`icechunk.upgrade_icechunk_repository` of the Python package makes it one of version 2"));
        }
        Ok(Self { inner, home })
    }

    /// Opens what lies somewhere, or makes a repository where nothing does: with the branch `main` and nothing in it.
    ///
    /// # Errors
    /// As of [`open`](Self::open); `target-unwritable` where none can be made.
    pub fn create(root: &Root) -> Result<Self> {
        let mut last = None;
        for _ in 0..CREATIONS {
            if root.is_repository()? {
                return Self::open(root);
            }
            let home = Home::new(root);
            let created = icechunk::Repository::create(Arc::<Kept>::clone(&home.kept));
            let created = created.spec_version(SpecVersionBin::V2).check_clean_root(!root.is_begun()?);
            // its root is written last, where there is none yet: two who make it make one
            match wait(created.execute())? {
                Ok(inner) => return Ok(Self { inner, home }),
                // another process may have begun meanwhile, or been faster
                Err(e) => last = Some(home.failed("can't make a repository", &e)),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(Code::Bug, "no repository was made")))
    }

    /// Where it lies.
    pub const fn root(&self) -> &Root {
        &self.home.root
    }

    /// Names of all branches, sorted.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn branches(&self) -> Result<Vec<String>> {
        let found = self.call("can't list branches", self.inner.list_branches())?;
        Ok(found.into_iter().collect())
    }

    /// Names of all tags with their snapshots, sorted.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn tags(&self) -> Result<Vec<(String, String)>> {
        let found = self.call("can't list tags", self.inner.list_tags())?;
        let one = |name: String| {
            let id = self.call("can't look up a tag", self.inner.lookup_tag(&name))?;
            Ok((name, id.to_string()))
        };
        found.into_iter().map(one).collect()
    }

    /// The snapshot of a version and all before it, the last one first.
    ///
    /// # Errors
    /// `target-not-found` for a version that is not there.
    pub fn history(&self, version: &Version) -> Result<Vec<Snapshot>> {
        let version = known(version)?;
        let read = async {
            let ancestry = self.inner.ancestry(&version).await?;
            let infos: Vec<_> = ancestry.try_collect().await?;
            Ok::<_, icechunk::repository::RepositoryError>(infos)
        };
        let infos = self.call("can't read the history", read)?;
        Ok(infos.into_iter().map(Snapshot::from).collect())
    }

    /// The last snapshot of a branch; `None` where there is no such branch.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn tip(&self, branch: &str) -> Result<Option<Snapshot>> {
        Ok(self.since(branch, None)?.into_iter().next())
    }

    /// Snapshots of a branch that came behind one that is given, the last one first; without one, the last one only.
    pub(crate) fn since(&self, branch: &str, base: Option<&str>) -> Result<Vec<Snapshot>> {
        let version = VersionInfo::BranchTipRef(branch.to_owned());
        let read = async {
            let mut ancestry = Box::pin(self.inner.ancestry(&version).await?);
            let mut found = Vec::new();
            while let Some(info) = ancestry.try_next().await? {
                let snapshot = Snapshot::from(info);
                match base {
                    Some(base) if snapshot.id == base => break,
                    Some(_) => found.push(snapshot),
                    None => return Ok(vec![snapshot]),
                }
            }
            Ok::<_, icechunk::repository::RepositoryError>(found)
        };
        if !self.branches()?.iter().any(|name| name == branch) {
            return Ok(Vec::new());
        }
        self.call("can't read the history", read)
    }

    /// The commit of a bake, where it is among those of a branch behind one that is given.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn find(&self, branch: &str, base: &str, id: &str) -> Result<Option<Snapshot>> {
        let found = self.since(branch, Some(base))?;
        Ok(found.into_iter().find(|snapshot| snapshot.bake.as_ref().is_some_and(|bake| bake.id == id)))
    }

    /// Names a snapshot by a tag. Where the tag names it already, nothing is done.
    ///
    /// # Errors
    /// `target-exists` where the tag names another snapshot, or named one and was deleted: a tag never moves.
    pub fn tag(&self, name: &str, snapshot: &str) -> Result<()> {
        let id = snapshot_id(snapshot)?;
        let created = wait(self.inner.create_tag(name, &id))?;
        let Err(error) = created else { return Ok(()) };
        let now = wait(self.inner.lookup_tag(name))?.ok();
        match now {
            Some(now) if now == id => Ok(()),
            Some(now) => {
                let message = format!("the tag `{name}` names the snapshot {now}, and a tag never moves");
                Err(Error::new(Code::TargetExists, message)
                    .at(self.place())
                    .help("choose another name for the tag"))
            }
            None => Err(self.home.failed(&format!("can't make the tag `{name}`"), &error)),
        }
    }

    /// What a version holds.
    ///
    /// # Errors
    /// `target-not-found` for a version that is not there.
    pub fn view(&self, version: &Version) -> Result<View> {
        let version = known(version)?;
        let session = self.call("can't read the version", self.inner.readonly_session(&version))?;
        Ok(View::new(session, self.home.clone()))
    }

    /// Begins a commit on a branch; one that is not there yet begins with nothing in it.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn begin(&self, branch: &str) -> Result<Transaction<'_>> {
        if !self.branches()?.iter().any(|name| name == branch) {
            let first = Format::INITIAL_SNAPSHOT_ID;
            let created = wait(self.inner.create_branch(branch, &first))?;
            // another process may have been faster
            if let Err(e) = created
                && !self.branches()?.iter().any(|name| name == branch)
            {
                return Err(self.home.failed(&format!("can't make the branch `{branch}`"), &e));
            }
        }
        let session = self.call("can't begin a commit", self.inner.writable_session(branch))?;
        let base = Version::Snapshot(session.snapshot_id().to_string());
        Ok(Transaction::new(self, branch.to_owned(), session, self.view(&base)?))
    }

    pub(crate) fn place(&self) -> String {
        self.home.place()
    }

    fn call<T, E: std::fmt::Display>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        wait(call)?.map_err(|e| self.home.failed(what, &e))
    }
}

pub(crate) fn snapshot_id(text: &str) -> Result<SnapshotId> {
    SnapshotId::try_from(text).map_err(|_| {
        let message = format!("found `{text}`, which is no name of a snapshot");
        Error::new(Code::TargetNotFound, message).help("`arcoforge inspect` lists them")
    })
}

fn known(version: &Version) -> Result<VersionInfo> {
    Ok(match version {
        Version::Branch(name) => VersionInfo::BranchTipRef(name.clone()),
        Version::Tag(name) => VersionInfo::TagRef(name.clone()),
        Version::Snapshot(id) => VersionInfo::SnapshotId(snapshot_id(id)?),
    })
}
