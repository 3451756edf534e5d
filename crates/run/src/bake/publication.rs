//! How a dataset appears at its target: notes before and after the rename, by which a publication that was cut off is
//! told from one that was not, and what lies at a target from what another bake put there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::{atomic_write, remove_tree, unwritable};
use arcoforge_write::{LocalStore, Written, cut_short};

use super::likeness::{Likeness, Note, changed_ns, folder, likeness};
use super::past::Past;
use crate::state::State;

/// How far a publication went that may have made what lies at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Publication {
    /// To its end.
    Ended,
    /// It was cut off behind the rename, and what it replaced is gone.
    Cleaned,
    /// It was cut off right behind the rename.
    Renamed,
}

/// How far the publication of a state went that may have made what lies at the target, and its note.
pub(super) fn publication(target: &Path, state: &State) -> Option<(Publication, PathBuf)> {
    let noted = state.visible().is_file();
    if state.is_publishing() {
        // what it replaced may have stayed, and the note been renamed
        let note = if noted { state.visible() } else { state.done() };
        // of a copy the content tells: the note's folder is another one
        let may_be =
            LocalStore::took_place(target, &state.store()) || LocalStore::is_copied(target, &state.store());
        may_be.then_some((Publication::Renamed, note))
    } else if noted && !state.store().exists() {
        Some((Publication::Cleaned, state.visible()))
    } else {
        Some((Publication::Ended, state.done()))
    }
}

/// Until when objects of the store that this state published may have changed without being others: a publication links
/// and unlinks them. `None` where it is not the very folder that was published.
pub(crate) fn untouched_until(target: &Path, state: &State) -> Option<i128> {
    let note = state.done();
    (likeness(target, &note)? == Likeness::Itself).then(|| changed_ns(&note)).flatten()
}

/// What is to be said of a store that is not what a bake of ours left at the target; `None` where none did.
pub(super) fn stranger(target: &Path) -> Option<(String, &'static str)> {
    let look = |state: State| likeness(target, &publication(target, &state)?.1);
    let found: Vec<Likeness> = State::all(target).into_iter().filter_map(look).collect();
    if found.contains(&Likeness::Edited) {
        return Some((
            "a store whose metadata was changed since the last bake".to_owned(),
            "what the recipe says (`attrs`, ...) stays over updates: change it there. `--overwrite` replaces the store, \
             in one atomic step",
        ));
    }
    (!found.is_empty()).then(|| {
        (
            "a store that was put there, or written to, since the last bake: its objects are others"
                .to_owned(),
            "put back what was baked, or `--overwrite`, which replaces the store in one atomic step",
        )
    })
}

/// Notes before the rename what tells the published store from any other.
pub(super) fn write_visible(state: &State, key: &str, written: Written) -> Result<()> {
    let folder = folder(&state.store());
    let note = Note { key: key.to_owned(), crc32c: written.crc32c, folder };
    write_note(&state.visible(), &note)
}

/// Whether what lies at the target has the metadata that a state published, in another folder or touched since.
pub(super) fn is_moved(target: &Path, state: &State) -> bool {
    likeness(target, &state.done()) == Some(Likeness::Alike)
}

/// Notes the folder of a store that was moved by copying and compared, so that the next run need not read it again.
pub(super) fn note_moved(past: &Past, state: &State) -> Result<()> {
    let target = past.target();
    let note = fs::read(state.done()).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
    let Some(note) = note.filter(|_| is_moved(target, state) && past.made_by() == Some(state)) else {
        return Ok(());
    };
    write_note(&state.done(), &Note { folder: folder(target), ..note })
}

fn write_note(path: &Path, note: &Note) -> Result<()> {
    let text = serde_json::to_vec(note).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))?;
    atomic_write(path, &text)
}

/// Ends a publication that was cut off behind its rename or its commit; one that was before it is as if it had not begun.
/// Whether there was one.
pub(super) fn finish_publication(past: &mut Past) -> Result<bool> {
    past.look();
    mark_copies(past)?;
    let Some(state) = past.cut_off() else { return Ok(false) };
    if state.is_publishing() {
        LocalStore::create(past.target(), state.store())?;
    }
    if past.branch().is_some() {
        remove_tree(&state.store())?;
    }
    end_publication(state).map_err(|e| cut_short(e, past.target()))?;
    past.look();
    Ok(true)
}

/// Notes where the new stores of publications lie that were cut off and then copied elsewhere: their own notes name
/// folders that are not here.
fn mark_copies(past: &mut Past) -> Result<()> {
    let target = past.target().to_owned();
    for state in State::all(&target) {
        let store = state.store();
        if !state.is_publishing() || !LocalStore::is_copied(&target, &store) {
            continue;
        }
        let took_place = past.cut_off() == Some(&state);
        let place = if took_place { &target } else { &store };
        // else it is what was replaced, and goes
        if place.exists() && (took_place || past.is_copy_of(place, &state)) {
            LocalStore::mark(&store, place)?;
        }
    }
    Ok(())
}

/// No two states ever say that they made the target: others go before this one says so. Gives back the folders of those
/// that are kept, because units of another plan made what is in them.
pub(super) fn end_publication(state: &State) -> Result<Vec<PathBuf>> {
    let kept = state.forget_others()?;
    state.forget_receipts_before()?;
    match fs::rename(state.visible(), state.done()) {
        Err(e) if e.kind() == ErrorKind::NotFound && state.done().is_file() => {}
        other => other.map_err(|e| unwritable(&state.done(), e))?,
    }
    Ok(kept)
}
