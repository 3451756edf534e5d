//! What values in hand may take: they are counted before they are read, and refused before the memory is taken.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arcoforge_core::block::Block;
use arcoforge_core::dtype::DataType;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::Budget;
use arcoforge_core::schema::Variable;

use crate::session::Session;

/// Rows that are read at a time to be compared, at least.
const PART_BYTES_MIN: u64 = 128 << 10;
/// Beside the values of one file's own: their place in its list, their shape, and what the allocator gives for each.
const OWN_BYTES: u64 = 224;
/// A text of some words in memory, and as it is read.
const TEXT_BYTES: u64 = 96;

/// Files that are surveyed or read from the cache at a time, with what they have in common with no other.
const KEPT_FILES: usize = 20_000;
/// What the cache keeps of one of them, and writes.
const KEPT_BYTES: u64 = 1280;

/// What is resident beside values while so many files are surveyed.
fn base_bytes(files: usize) -> u64 {
    let kept = (files.min(KEPT_FILES) as u64).saturating_mul(KEPT_BYTES);
    Budget::base_bytes(files, 0).saturating_add(kept)
}

/// Bytes that are left for values in hand of so many files.
pub(super) fn left_for_values(session: &Session<'_>, files: usize) -> u64 {
    left(&session.budget_of(files), files)
}

fn left(budget: &Budget, files: usize) -> u64 {
    budget.memory_bytes.saturating_sub(base_bytes(files))
}

/// Refuses what can't be surveyed before a file is opened.
///
/// # Errors
/// `memory-limit` where what is known of so many files alone takes more than is allowed.
pub(crate) fn check_files(budget: &Budget, files: usize) -> Result<()> {
    let known = (files as u64).saturating_mul(Budget::FILE_BYTES);
    if known <= budget.memory_bytes {
        return Ok(());
    }
    let least = Budget { memory_bytes: 0, asked: false, ..*budget }.surveying(files).memory_bytes;
    let message = format!(
        "what is known of {files} files takes {} MiB, and {} MiB are allowed",
        known.div_ceil(1 << 20),
        budget.memory_bytes >> 20
    );
    let help = format!(
        "bake fewer files at a time, or allow more memory: `--memory {}MiB` will do for the survey",
        least.div_ceil(1 << 20)
    );
    Err(Error::new(Code::MemoryLimit, message).help(help))
}

/// Bytes of values before they are read.
fn estimate(var: &Variable) -> u64 {
    match var.dtype {
        DataType::Text => var.shape.iter().fold(TEXT_BYTES, |bytes, length| bytes.saturating_mul(*length)),
        _ => var.bytes(),
    }
}

/// The values of one survey that are in memory until the files are combined.
pub(crate) struct Hand {
    /// All that may be resident, and what of it is left to values.
    limit: u64,
    allowed: u64,
    /// What else is in memory.
    base: u64,
    threads: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: u64,
    /// The first variable for which there is no room.
    over: Option<String>,
    /// What is not read for want of room; what files have alike is in memory once.
    wanted: u64,
    alike: BTreeSet<String>,
}

/// Room that was taken for the values of one variable of one file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Room {
    bytes: u64,
    copies: u64,
    /// What is taken beside the values, whatever they are.
    beside: u64,
}

impl Room {
    fn of(self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.copies).saturating_add(self.beside)
    }
}

impl Hand {
    /// For the survey of so many files.
    pub(crate) fn of(session: &Session<'_>, files: usize) -> Self {
        let (base, threads) = (base_bytes(files), session.options.budget.workers.max(1) as u64);
        let (limit, allowed) = (session.budget_of(files).memory_bytes, left_for_values(session, files));
        Self { limit, allowed, base, threads, state: Mutex::default() }
    }

    /// Takes room for values before they are read; `None` where there is none. `own`: they are the file's own, so that
    /// combining makes a copy in which all files' values stand.
    pub(super) fn take(&self, var: &Variable, own: bool) -> Option<Room> {
        let (copies, beside) = if own { (2, OWN_BYTES) } else { (1, 0) };
        let room = Room { bytes: estimate(var), copies, beside };
        let needed = room.of(room.bytes);
        let mut state = self.lock();
        if state.over.is_none() && state.held.saturating_add(needed) <= self.allowed {
            state.held += needed;
            return Some(room);
        }
        state.over.get_or_insert_with(|| var.name.clone());
        if own || state.alike.insert(var.name.clone()) {
            state.wanted = state.wanted.saturating_add(needed);
        }
        None
    }

    /// Room as it turned out: what another file has, too, takes none, and texts tell their length when they are read.
    pub(super) fn settle(&self, room: Room, block: Option<&Block>, name: &str) {
        let needed = room.of(block.map_or(0, Block::held_bytes));
        let mut state = self.lock();
        state.held = state.held.saturating_sub(room.of(room.bytes)).saturating_add(needed);
        if state.held > self.allowed {
            state.over.get_or_insert_with(|| name.to_owned());
        }
    }

    /// Bytes of rows that one thread reads to compare them, at most `most`.
    pub(super) fn part(&self, most: u64) -> u64 {
        let left = self.allowed.saturating_sub(self.lock().held);
        (left / (2 * self.threads)).min(most).max(PART_BYTES_MIN.min(most))
    }

    /// Values that a step looks at are read where there is room for them now.
    pub(super) fn check(&self, var: &Variable) -> Result<()> {
        self.fits(&var.name, estimate(var))
    }

    /// What else is taken until the files are combined.
    pub(crate) fn add(&self, name: &str, bytes: u64) -> Result<()> {
        self.fits(name, bytes)?;
        self.lock().held += bytes;
        Ok(())
    }

    fn fits(&self, name: &str, bytes: u64) -> Result<()> {
        let mut state = self.lock();
        if state.held.saturating_add(bytes) <= self.allowed {
            return Ok(());
        }
        state.over.get_or_insert_with(|| name.to_owned());
        state.wanted = state.wanted.saturating_add(bytes);
        drop(state);
        Err(self.refused().unwrap_or_else(|| Error::new(Code::Bug, "no room for values")))
    }

    /// Resident bytes while files are combined.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.base.saturating_add(self.lock().held)
    }

    /// What to say where there was no room.
    pub(super) fn refused(&self) -> Option<Error> {
        let state = self.lock();
        let name = state.over.as_ref()?;
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let values = state.held.saturating_add(state.wanted);
        let needed = mib(values.saturating_add(self.base));
        let message = format!(
            "values that are compared and put together in memory (coordinates, texts and the like) take {} MiB, so that \
             {needed} MiB are needed, and {} MiB are allowed",
            mib(values),
            mib(self.limit)
        );
        let help = format!(
            "drop what is not needed (`drop: [{name}]`), or allow as much memory: `--memory {needed}MiB` will do"
        );
        Some(Error::new(Code::MemoryLimit, message).in_variable(name).help(help))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_alone_take_too_much_are_refused_before_they_are_opened() {
        let mib = |memory: u64, asked| Budget { memory_bytes: memory << 20, asked, workers: 2 };
        // limit in MiB, whether somebody asked for it, files, what the help says will do
        let rows = [
            (256, true, 100_000, None),
            (100, true, 200_000, Some(317)),
            (64, true, 1000, None),
            (1024, true, 1_000_000, None),
            (700, true, 1_000_000, Some(1489)),
            (256, false, 1_000_000, None),
        ];
        for (memory, asked, files, expected) in rows {
            let refused = check_files(&mib(memory, asked).surveying(files), files);
            let help = refused.err().and_then(|error| error.help);
            let said = expected.map(|least| format!("`--memory {least}MiB` will do for the survey"));
            let same = match (&help, &said) {
                (Some(help), Some(said)) => help.ends_with(said.as_str()),
                (help, said) => help.is_none() && said.is_none(),
            };
            assert!(same, "{memory} MiB, {files} files: {help:?}");
        }
    }

    #[test]
    fn one_time_of_each_of_a_million_files_fits_into_a_gibibyte() {
        let files = 1_000_000;
        let budget = Budget { memory_bytes: 1 << 30, asked: true, workers: 2 };
        assert!(left(&budget, files) >= (OWN_BYTES + 2 * 8) * files as u64);
    }
}
