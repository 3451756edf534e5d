//! How a dataset appears at its target: notes before and after the rename, by which a publication that was cut off is
//! told from one that was not, and what lies at a target from what another bake put there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::{atomic_write, unwritable};
use arcoforge_write::{LocalStore, Written};
use serde::{Deserialize, Serialize};

use crate::receipts::checksum;
use crate::state::{PlanFile, State};

/// What `done` says: the object that made the store visible, as it was written.
#[derive(Serialize, Deserialize)]
struct Done {
    key: String,
    crc32c: u32,
}

/// How far a publication went that may have made what lies at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Publication {
    /// To its end.
    Ended,
    /// It was cut off behind the rename, and what it replaced is gone.
    Cleaned,
    /// It was cut off right behind the rename.
    Renamed,
}

/// The publication of a state, where what lies at the target is as it left it. An older one may have left the same
/// metadata: the one that went less far is the younger.
fn publication(target: &Path, state: &State) -> Option<Publication> {
    let noted = state.visible().is_file();
    let (found, note) = if state.is_publishing() {
        // what it replaced may have stayed, and the note been renamed
        let note = if noted { state.visible() } else { state.done() };
        (LocalStore::took_place(target, &state.store()).then_some(Publication::Renamed)?, note)
    } else if noted && !state.store().is_dir() {
        (Publication::Cleaned, state.visible())
    } else {
        (Publication::Ended, state.done())
    };
    let note: Done = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    (checksum(&target.join(&note.key)) == Some(note.crc32c)).then_some(found)
}

/// The state of the bake that made what lies at the target; `None` where no bake of ours did.
pub(super) fn published_by(target: &Path) -> Option<State> {
    let found =
        State::all(target).into_iter().filter_map(|state| Some((publication(target, &state)?, state)));
    found.max_by_key(|(publication, _)| *publication).map(|(_, state)| state)
}

/// Whether the target holds the dataset of this state, and nothing else took its place since.
pub(super) fn is_done(target: &Path, state: &State) -> bool {
    published_by(target).as_ref() == Some(state)
}

/// The plan of the bake that made what lies at the target; `None` where no bake of ours did.
pub(super) fn published(target: &Path) -> Option<PlanFile> {
    PlanFile::read(&published_by(target)?.plan()).ok()
}

/// Notes before the rename what tells the published store from any other.
pub(super) fn write_visible(state: &State, key: &str, written: Written) -> Result<()> {
    let done = Done { key: key.to_owned(), crc32c: written.crc32c };
    let text = serde_json::to_vec(&done).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))?;
    atomic_write(&state.visible(), &text)
}

/// Ends a publication that was cut off behind its rename; one that was before it is as if it had not begun.
pub(super) fn finish_publication(target: &Path, state: &State) -> Result<()> {
    if publication(target, state).is_none_or(|publication| publication <= Publication::Ended) {
        return Ok(());
    }
    if state.is_publishing() {
        LocalStore::create(target, state.store())?;
    }
    end_publication(state).map(drop)
}

/// No two states ever say that they made the target: others go before this one says so. Gives back the folders of those
/// that are kept, because units of another plan made what is in them.
pub(super) fn end_publication(state: &State) -> Result<Vec<PathBuf>> {
    let kept = state.forget_others()?;
    match fs::rename(state.visible(), state.done()) {
        Err(e) if e.kind() == ErrorKind::NotFound && state.done().is_file() => {}
        other => other.map_err(|e| unwritable(&state.done(), e))?,
    }
    Ok(kept)
}
