//! What every command shares: where bytes come from, what the machine allows, who watches.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arcoforge_core::check::Verdict;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Credentials, Rate};
use arcoforge_core::plan::Budget;
use arcoforge_store::{BucketOptions, Object, ROOTS_VARIABLE, SourceOptions, Sources, UnpackLimits};

/// How a command runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// What may be used.
    pub budget: Budget,
    /// Whole downloads are kept here.
    pub cache: Option<PathBuf>,
    /// Where cells lie between the stages of a bake that does not fit into memory; its own folder by default.
    pub scratch: Option<PathBuf>,
    /// What surveys found is kept here, so that inputs that did not change are not opened again.
    pub survey_cache: Option<PathBuf>,
    /// Most connections to one host at a time.
    pub connections: u32,
    /// Most requests to one host in a time.
    pub rate: Option<Rate>,
    /// The login that the recipe names.
    pub credentials: Option<Credentials>,
    /// Relative paths in a recipe start here.
    pub base: PathBuf,
    /// First keys per axis that are taken; empty for all.
    pub take: std::collections::BTreeMap<String, u64>,
    /// Copied chunks are not inflated to compare their checksums.
    pub unchecked_copies: bool,
    /// Set by Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            budget: Budget { memory_bytes: 256 << 20, asked: false, workers },
            cache: None,
            scratch: None,
            survey_cache: None,
            connections: 8,
            rate: None,
            credentials: None,
            base: PathBuf::new(),
            take: std::collections::BTreeMap::new(),
            unchecked_copies: false,
            interrupted: Arc::default(),
        }
    }
}

/// A part of a command, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Listing inputs.
    Find,
    /// Opening every input once.
    Survey,
    /// Combining and planning.
    Plan,
    /// Moving chunks.
    Bake,
    /// Making the checks of the recipe.
    Check,
    /// Making the dataset appear.
    Publish,
    /// Comparing target and sources.
    Verify,
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A stage begins; `total` counts files or tasks.
    Started {
        /// Which.
        stage: Stage,
        /// How many items it has; 0 where that is not known.
        total: u64,
    },
    /// Items of the running stage are done.
    Advanced {
        /// Which.
        stage: Stage,
        /// Items since the last event.
        items: u64,
        /// Bytes read since the last event.
        bytes_read: u64,
        /// Bytes written since the last event.
        bytes_written: u64,
    },
    /// A stage is over.
    Finished {
        /// Which.
        stage: Stage,
    },
    /// What the user may want to know.
    Note(String),
    /// Something the user should know and that does not stop the run.
    Warning(String),
    /// A check of the recipe was made.
    Checked(Verdict),
}

impl Stage {
    /// The name in JSON events and on the terminal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Survey => "survey",
            Self::Plan => "plan",
            Self::Bake => "bake",
            Self::Check => "check",
            Self::Publish => "publish",
            Self::Verify => "verify",
        }
    }
}

/// Inputs are unpacked before their data is moved: in the memory that is not the program's own.
fn unpack(budget: &Budget) -> UnpackLimits {
    let other_bytes = Budget::BASE_BYTES;
    let memory_bytes = budget.memory_bytes.saturating_sub(other_bytes);
    UnpackLimits { memory_bytes, other_bytes, ..UnpackLimits::default() }
}

/// One command's surroundings.
pub struct Session<'a> {
    /// How it runs.
    pub options: Options,
    /// Opens inputs.
    pub sources: Arc<Sources>,
    watcher: Box<dyn Fn(&Event) + Sync + 'a>,
}

impl<'a> Session<'a> {
    /// A session; `watcher` is called from several threads.
    pub fn new(options: Options, watcher: impl Fn(&Event) + Sync + 'a) -> Self {
        let sources = Arc::new(Sources::new(SourceOptions {
            cache: options.cache.clone(),
            connections_per_host: options.connections.max(1),
            rate_per_host: options.rate,
            credentials: options.credentials.clone(),
            roots: std::env::var_os(ROOTS_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from),
            interrupted: Some(Arc::clone(&options.interrupted)),
            unpack: unpack(&options.budget),
            buckets: BucketOptions::from_env(),
            ..SourceOptions::default()
        }));
        Self { options, sources, watcher: Box::new(watcher) }
    }

    /// The budget for so many inputs.
    pub(crate) fn budget_of(&self, files: usize) -> Budget {
        self.options.budget.surveying(files)
    }

    /// Tells the watcher.
    pub fn tell(&self, event: &Event) {
        (self.watcher)(event);
    }

    /// Opens an input: what lies at a path or URL, or what an OPeNDAP server gives at a
    /// `dap2+https://` or `dap4+https://` one.
    ///
    /// # Errors
    /// As of [`Sources::open`].
    pub(crate) fn open(&self, url_or_path: &str) -> Result<Arc<dyn Object>> {
        arcoforge_read::dap::open(&self.sources, url_or_path)
            .unwrap_or_else(|| self.sources.open(url_or_path))
    }

    /// Where the machine holds the credentials that the recipe names; none where it names none.
    ///
    /// # Errors
    /// `source-denied` where it does not hold them, with what to set.
    pub fn credentials_found(&self) -> Result<Option<String>> {
        Ok(self.sources.check_credentials()?.map(|held| format!("{} in {}", held.kind.name(), held.from)))
    }

    /// Makes sure, before any work, that the machine holds the credentials that the recipe names.
    ///
    /// # Errors
    /// `source-denied`, with what to set.
    pub(crate) fn check_credentials(&self) -> Result<()> {
        if let Some(warning) = self.sources.check_credentials()?.and_then(|held| held.warning.clone()) {
            self.tell(&Event::Warning(warning));
        }
        Ok(())
    }

    /// An error once Ctrl-C was pressed.
    ///
    /// # Errors
    /// `interrupted`.
    pub fn check_interrupt(&self) -> Result<()> {
        if self.options.interrupted.load(Ordering::Relaxed) {
            return Err(Error::new(Code::Interrupted, "stopped; nothing was published"));
        }
        Ok(())
    }
}
