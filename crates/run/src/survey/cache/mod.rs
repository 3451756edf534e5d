//! What surveys took from inputs, kept between runs: as long as an input has the version that it had, it is not opened
//! again.
//!
//! `FOLDER/SOURCE/NUMBER.survey` holds ten thousand positions of one source: schemas, chunk references, and the values that
//! were read, equal ones once. Steps, policies and combining run anew on what it gives back, so nothing of a recipe but
//! its source is in the name. A file that is damaged, or of another version, is as good as none; files are replaced as a
//! whole, so that several processes may use them at a time.

mod facts;
mod format;
mod old;
mod replay;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arcoforge_core::block::Block;
use arcoforge_core::figures::hex;
use arcoforge_core::pattern::Position;
use arcoforge_core::recipe::Recipe;
use arcoforge_core::schema::Schema;
use arcoforge_store::Validator;
use sha2::{Digest, Sha256};

use super::hand::left_for_values;
use crate::find::Inputs;
use crate::session::{Options, Session};
use facts::block_digest;

pub(super) use facts::Facts;
pub(super) use replay::Replay;

/// Positions of one file.
const PARTITION: u64 = 10_000;
/// Inputs that one file may hold: those of positions that a run leaves out stay.
const INPUTS_MAX: usize = 2 * PARTITION as usize;
/// Values of one file, decoded; what is beyond is read again.
const VALUES_BYTES_MAX: u64 = 64 << 20;
/// Schemas that are kept for sharing.
const SCHEMAS_MAX: usize = 8;
/// Files that are held in memory at a time.
const HELD: usize = 3;
/// A file that was changed so short a time ago may be changed again without another time to tell.
const SETTLED_NS: i128 = 2_000_000_000;
/// The same for times of servers, which count in seconds, by another clock.
const SETTLED_REMOTE_NS: i128 = 60_000_000_000;

/// Facts by the names of inputs.
type Known = HashMap<Arc<str>, Arc<Facts>>;

/// The surveys of one source.
pub(crate) struct SurveyCache {
    folder: PathBuf,
    /// Positions of the whole pattern along every axis.
    lengths: Vec<u64>,
    /// A file with more is as good as none.
    memory_bytes: u64,
    state: Mutex<State>,
    /// Schemas that files had lately: those of an archive share theirs until they are written.
    schemas: Mutex<Vec<Arc<Schema>>>,
}

#[derive(Default)]
struct State {
    held: VecDeque<(u64, Arc<OnceLock<Known>>)>,
    /// What this run found, and no file holds yet.
    new: BTreeMap<u64, New>,
}

/// What is to be added to one file.
#[derive(Default)]
struct New {
    inputs: Known,
    /// Values of these inputs, equal ones once.
    values: HashMap<u128, Arc<Block>>,
    bytes: u64,
}

/// Where the facts of one input are kept.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    number: u64,
    name: Arc<str>,
}

impl SurveyCache {
    /// The surveys of a recipe's inputs; `None` where none are to be kept.
    pub(crate) fn of(session: &Session<'_>, recipe: &Recipe, inputs: &Inputs) -> Option<Self> {
        let Options { survey_cache, base, .. } = &session.options;
        let lengths = inputs.pattern.axes().iter().map(|axis| axis.declared.max(1)).collect();
        let folder = survey_cache.as_ref()?.join(source_name(base, recipe));
        // what is kept of a few partitions at a time, beside the values themselves
        let memory_bytes = left_for_values(session, inputs.len()) / 8;
        Some(Self { folder, lengths, memory_bytes, state: Mutex::default(), schemas: Mutex::default() })
    }

    /// Where the facts of a position's candidate are.
    pub(super) fn place(&self, position: &Position, name: &str) -> Place {
        Place { number: self.number(position), name: name.into() }
    }

    /// In which file a position is; pruned and whole patterns count alike.
    fn number(&self, position: &Position) -> u64 {
        let flat = |flat: u64, (at, length): (&u32, &u64)| {
            flat.saturating_mul(*length).saturating_add(u64::from(*at))
        };
        position.index.iter().zip(&self.lengths).fold(0, flat) / PARTITION
    }

    /// What is known of an input.
    pub(super) fn find(&self, place: &mut Place) -> Option<Arc<Facts>> {
        let held = {
            let mut state = self.lock();
            if let Some(facts) = state.new.get(&place.number).and_then(|new| new.inputs.get(&place.name)) {
                return Some(Arc::clone(facts));
            }
            state.hold(place.number)
        };
        let (name, facts) = held.get_or_init(|| self.read(place.number)).get_key_value(&place.name)?;
        // one name for all who keep it
        place.name = Arc::clone(name);
        Some(Arc::clone(facts))
    }

    /// Keeps what a survey found.
    pub(super) fn keep(&self, place: &Place, mut facts: Facts) {
        let digests: Vec<u128> = facts.values.iter().map(|(_, _, block)| block_digest(block)).collect();
        self.share_schema(&mut facts.schema);
        let values_max = VALUES_BYTES_MAX.min(self.memory_bytes / 4);
        let mut state = self.lock();
        let new = state.new.entry(place.number).or_default();
        let mut digests = digests.into_iter();
        facts.values.retain_mut(|(_, _, block)| {
            digests.next().is_some_and(|digest| new.share(digest, block, values_max))
        });
        new.inputs.insert(Arc::clone(&place.name), Arc::new(facts));
    }

    /// Makes equal schemas one.
    fn share_schema(&self, schema: &mut Arc<Schema>) {
        let known = self.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(same) = known.iter().find(|known| Arc::ptr_eq(known, schema) || *known == schema) {
            *schema = Arc::clone(same);
            return;
        }
        let mut known = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SCHEMAS_MAX {
            known.remove(0);
        }
        known.push(Arc::clone(schema));
    }

    /// Writes the files of positions before this one, and lets go what was read of them.
    pub(super) fn flush_before(&self, position: &Position) {
        let until = self.number(position);
        let numbers: Vec<u64> = self.lock().new.range(..until).map(|(number, _)| *number).collect();
        self.lock().held.retain(|(held, _)| *held >= until);
        numbers.into_iter().for_each(|number| self.write(number));
    }

    /// Writes what no file holds yet.
    pub(crate) fn flush(&self) {
        let numbers: Vec<u64> = self.lock().new.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.write(number));
    }

    /// Ends a survey: what no run has used for long goes.
    pub(crate) fn end(&self) {
        // combining asks for little of it again
        self.lock().held.clear();
        old::touch(&self.folder);
        if let Some(root) = self.folder.parent() {
            old::prune(root, SystemTime::now());
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.survey"))
    }

    fn read(&self, number: u64) -> Known {
        format::read(&self.path(number), self.memory_bytes).unwrap_or_default()
    }

    /// Adds what is new to a file. One that can't be written costs the next run its time, and this one nothing.
    fn write(&self, number: u64) {
        let Some(New { inputs: mut all, .. }) = self.lock().new.remove(&number) else { return };
        for (name, facts) in self.read(number) {
            if all.len() >= INPUTS_MAX {
                break;
            }
            all.entry(name).or_insert(facts);
        }
        let _ = format::write(&self.path(number), &all);
        self.lock().held.retain(|(held, _)| *held != number);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// One text where the input is called the same.
    pub(super) fn share(&mut self, url: &Arc<str>) {
        if self.name == *url {
            self.name = Arc::clone(url);
        }
    }
}

impl New {
    /// Makes equal values one; false for values that are too many.
    fn share(&mut self, digest: u128, block: &mut Arc<Block>, values_max: u64) -> bool {
        if let Some(same) = self.values.get(&digest) {
            *block = Arc::clone(same);
            return true;
        }
        let bytes = self.bytes + block.held_bytes();
        if bytes > values_max {
            return false;
        }
        self.bytes = bytes;
        self.values.insert(digest, Arc::clone(block));
        true
    }
}

impl State {
    fn hold(&mut self, number: u64) -> Arc<OnceLock<Known>> {
        if let Some((_, held)) = self.held.iter().find(|(held, _)| *held == number) {
            return Arc::clone(held);
        }
        if self.held.len() >= HELD {
            self.held.pop_front();
        }
        let slot = Arc::default();
        self.held.push_back((number, Arc::clone(&slot)));
        slot
    }
}

/// Whether a version tells itself from every later one.
pub(super) fn is_settled(version: &Validator, remote: bool) -> bool {
    if version.size == 0 {
        return false;
    }
    // that of a file of this machine is made of its times, too
    if remote && version.etag.as_ref().is_some_and(|tag| !tag.starts_with("W/")) {
        return true;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
    let age = if remote { SETTLED_REMOTE_NS } else { SETTLED_NS };
    version.modified_ns.is_some_and(|modified| i128::from(modified) + age <= now)
}

/// A name for what positions and their inputs depend on.
fn source_name(base: &Path, recipe: &Recipe) -> String {
    let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
    let source = (&recipe.source.input, &recipe.source.overrides);
    let text = serde_json::to_string(&source).unwrap_or_default();
    let digest =
        Sha256::new().chain_update(base.as_os_str().as_encoded_bytes()).chain_update([0]).chain_update(text);
    hex(digest.finalize().get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_change_without_another_version_is_not_settled() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as i64;
        let second = 1_000_000_000;
        let (strong, weak, inode) = (Some("\"a\""), Some("W/\"a\""), Some("12-1700000000.5"));
        // size, tag, age in seconds, remote, settled
        let rows = [
            (8, None, Some(100), false, true),
            (8, inode, Some(100), false, true),
            (8, inode, Some(0), false, false),
            (8, inode, Some(1), false, false),
            (8, inode, Some(-100), false, false),
            (8, inode, None, false, false),
            (8, strong, Some(0), true, true),
            (8, strong, None, true, true),
            (8, weak, Some(10), true, false),
            (8, weak, Some(100), true, true),
            (8, None, None, true, false),
            (0, strong, Some(100), true, false),
        ];
        for (size, tag, age, remote, expected) in rows {
            let modified_ns = age.map(|age| now - age * second);
            let version = Validator { size, etag: tag.map(str::to_owned), modified_ns };
            assert_eq!(is_settled(&version, remote), expected, "{version:?}");
        }
    }
}
