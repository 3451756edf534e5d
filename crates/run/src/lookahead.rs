//! What running tasks and those behind them will read from other machines, asked for before it is needed.
//!
//! A worker says with every slab what it will read ([`TaskAhead::slab`]); what lies behind the slab is said for it, so that
//! fetching goes on while it encodes. Running tasks share the bytes that may be in hand, and what they leave goes to those
//! that come next. A chunk that is needed and was not asked for yet is fetched by the worker itself, so nobody ever
//! waits for room.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arcoforge_core::error::Result;
use arcoforge_core::plan::Plan;
use arcoforge_store::{Ahead, Object, Ticket};

use crate::reads;
use crate::session::Session;

/// Tasks behind those that run that are looked at: many at a time, because what near ones read is one request.
const TASKS_AHEAD: u64 = 512;

/// Ranges of one file that a slab will read.
pub(crate) struct Want {
    pub(crate) object: Arc<dyn Object>,
    pub(crate) ranges: Vec<Range<u64>>,
}

/// What slabs of a task will read, from one on.
pub(crate) struct Wanted {
    pub(crate) wants: Vec<Want>,
    /// How many slabs; 0 for a part of one.
    pub(crate) slabs: u64,
}

/// Says what a slab of a task, and perhaps some behind it, will read. Where it does not run yet, `None` unless it is sure
/// that it will be read; also where there is no such slab.
pub(crate) type Says<'a> = dyn Fn(u64, u64, Begun) -> Option<Wanted> + 'a;

/// Whether a slab is about to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    Now,
    NotYet,
}

/// What is asked for ahead of the tasks of a range, which are begun in order.
pub(crate) struct Lookahead {
    ahead: Ahead,
    state: Mutex<State>,
    /// Held while somebody finds out what comes next.
    naming: Mutex<()>,
}

struct State {
    tasks: BTreeMap<u64, Task>,
    /// No task from here on was looked at.
    next: u64,
    end: u64,
    /// The last task that was begun.
    newest: u64,
    /// Somebody finds out what comes next, and asks for it when that is known.
    naming: bool,
}

#[derive(Default)]
struct Task {
    running: bool,
    /// The first slab that was not looked at.
    next_slab: u64,
    /// There are no more slabs.
    complete: bool,
    waiting: VecDeque<Request>,
    waiting_bytes: u64,
    asked: HashMap<Key, VecDeque<u64>>,
    entries: HashMap<u64, Entry>,
    last_entry: u64,
    /// Bytes of all entries.
    held: u64,
}

/// Near ranges of one file.
struct Request {
    object: Arc<dyn Object>,
    range: Range<u64>,
    members: Vec<Range<u64>>,
}

/// A request that was asked for, until all of its ranges are taken.
struct Entry {
    ticket: Ticket,
    bytes: u64,
    left: usize,
}

/// An object and the bytes of a range.
type Key = (usize, u64, u64);

/// One running task; over when it is dropped.
pub(crate) struct TaskAhead {
    lookahead: Arc<Lookahead>,
    number: u64,
}

/// A range that was asked for ahead; its bytes count until it is dropped.
pub(crate) struct Piece {
    ticket: Option<Ticket>,
    range: Range<u64>,
    lookahead: Arc<Lookahead>,
}

impl Lookahead {
    /// For tasks of a plan, where it leaves memory for it: with a thread for each connection to a host.
    pub(crate) fn of(session: &Session<'_>, plan: &Plan, tasks: &Range<u64>) -> Option<Arc<Self>> {
        let threads = reads::threads(session.options.connections);
        (plan.ahead_bytes > 0).then(|| Arc::new(Self::new(threads, plan.ahead_bytes, tasks)))
    }

    /// For tasks of a range, with so many fetching threads and so many bytes in hand.
    fn new(threads: usize, bytes_max: u64, tasks: &Range<u64>) -> Self {
        let state = State {
            tasks: BTreeMap::new(),
            next: tasks.start,
            end: tasks.end,
            newest: tasks.start,
            naming: false,
        };
        let ahead = Ahead::new(threads, bytes_max, reads::request_bytes(threads, bytes_max));
        Self { ahead, state: Mutex::new(state), naming: Mutex::default() }
    }

    /// A task begins.
    pub(crate) fn begin(self: &Arc<Self>, number: u64) -> TaskAhead {
        let mut state = self.state();
        state.newest = state.newest.max(number);
        state.tasks.entry(number).or_default().running = true;
        drop(state);
        TaskAhead { lookahead: Arc::clone(self), number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a slab of a task.
    fn look_at(&self, number: u64, slab: u64, begun: Begun, says: &Says<'_>) {
        let found = says(number, slab, begun);
        let mut state = self.state();
        // one that ended meanwhile stays gone
        let Some(task) = state.tasks.get_mut(&number) else { return };
        let Some(Wanted { wants, slabs }) = found else {
            task.complete = true;
            return;
        };
        task.next_slab = task.next_slab.max(slab + slabs);
        for Want { object, ranges } in wants {
            for (range, members) in self.ahead.requests(&ranges) {
                let bytes = range.end - range.start;
                // what never fits is read when it is needed
                if bytes <= self.ahead.bytes_max() {
                    task.waiting_bytes += bytes;
                    task.waiting.push_back(Request { object: Arc::clone(&object), range, members });
                }
            }
        }
    }

    /// The next slab that nobody has looked at: of a task that was, else of the next one where `more` are to be.
    fn unseen(&self, more: bool) -> Option<(u64, u64)> {
        let mut state = self.state();
        let seen = state.tasks.iter().find(|(_, task)| !task.complete);
        if let Some((number, task)) = seen {
            return Some((*number, task.next_slab));
        }
        let number = state.next.max(state.newest + 1);
        if !more || number >= state.end || number > state.newest + TASKS_AHEAD {
            return None;
        }
        state.next = number + 1;
        state.tasks.insert(number, Task::default());
        Some((number, 0))
    }

    /// Asks for as much as may be in hand.
    fn refill(&self) {
        self.state().refill(&self.ahead);
    }
}

impl State {
    /// Whether more tasks are to be looked at: half of those that may be were begun since.
    fn begin_naming(&mut self) -> bool {
        self.naming = true;
        self.next <= self.newest + TASKS_AHEAD / 2
    }

    fn waiting_bytes(&self) -> u64 {
        self.tasks.values().map(|task| task.waiting_bytes).sum()
    }

    /// Asks for what the running task wants that has least in hand, until none is left or nothing more fits; then for
    /// what the tasks behind them want, in order.
    fn refill(&mut self, ahead: &Ahead) {
        loop {
            let wants = |task: &Task| !task.waiting.is_empty();
            let running = self.tasks.iter().filter(|(_, task)| task.running && wants(task));
            let chosen = running.min_by_key(|(_, task)| task.held).map(|(number, _)| *number);
            let next = || self.tasks.iter().find(|(_, task)| wants(task)).map(|(number, _)| *number);
            let chosen = if self.naming { chosen } else { chosen.or_else(next) };
            if !chosen.is_some_and(|number| self.ask(ahead, number)) {
                return;
            }
        }
    }

    /// Asks for the first request of a task, with those of all tasks that come next and lie near it; false where it does
    /// not fit.
    fn ask(&mut self, ahead: &Ahead, number: u64) -> bool {
        let Some(task) = self.tasks.get(&number) else { return false };
        let Some(first) = task.waiting.front() else { return false };
        let (object, alone, running) = (Arc::clone(&first.object), first.range.clone(), task.running);
        let (whole, counts) = self.near(ahead, &object, &alone);
        if let Some(ticket) = ahead.ask(&object, whole) {
            for (number, count) in counts {
                self.tasks.get_mut(&number).into_iter().for_each(|task| task.enter_first(count, &ticket));
            }
            return true;
        }
        // what is needed soon does not wait until there is room for more
        let Some(ticket) = running.then(|| ahead.ask(&object, alone)).flatten() else { return false };
        self.tasks.get_mut(&number).into_iter().for_each(|task| task.enter_first(1, &ticket));
        true
    }

    /// A range with those near it that tasks want next, and how many of each.
    fn near(
        &self,
        ahead: &Ahead,
        object: &Arc<dyn Object>,
        range: &Range<u64>,
    ) -> (Range<u64>, Vec<(u64, usize)>) {
        let mut whole = range.clone();
        let mut join = |request: &&Request| {
            let together = Some(request).filter(|request| address(&request.object) == address(object));
            let together = together.and_then(|request| ahead.together(&whole, &request.range));
            together.is_some_and(|both| {
                whole = both;
                true
            })
        };
        let count =
            |(number, task): (&u64, &Task)| (*number, task.waiting.iter().take_while(&mut join).count());
        let counts = self.tasks.iter().map(count).filter(|(_, count)| *count > 0).collect();
        (whole, counts)
    }
}

impl Task {
    /// Notes that the first requests that wait were asked for.
    fn enter_first(&mut self, count: usize, ticket: &Ticket) {
        for _ in 0..count {
            if let Some(request) = self.waiting.pop_front() {
                self.enter(&request, ticket.clone());
            }
        }
    }

    fn enter(&mut self, request: &Request, ticket: Ticket) {
        let bytes = request.range.end - request.range.start;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.held += bytes;
        self.last_entry += 1;
        self.entries.insert(self.last_entry, Entry { ticket, bytes, left: request.members.len() });
        for member in &request.members {
            self.asked.entry(key(&request.object, member)).or_default().push_back(self.last_entry);
        }
    }

    /// Takes a range that was asked for.
    fn take(&mut self, key: Key) -> Option<Ticket> {
        let numbers = self.asked.get_mut(&key)?;
        let number = numbers.pop_front()?;
        if numbers.is_empty() {
            self.asked.remove(&key);
        }
        let entry = self.entries.get_mut(&number)?;
        entry.left = entry.left.saturating_sub(1);
        if entry.left > 0 {
            return Some(entry.ticket.clone());
        }
        let entry = self.entries.remove(&number)?;
        self.held = self.held.saturating_sub(entry.bytes);
        Some(entry.ticket)
    }

    /// Takes a range that still waits for its turn: it is needed now, with what is near it.
    fn need(&mut self, ahead: &Ahead, key: Key) -> Option<Ticket> {
        let holds = |request: &Request| {
            address(&request.object) == key.0
                && (request.range.start..request.range.end).contains(&key.1)
                && request.members.iter().any(|member| (member.start, member.end) == (key.1, key.2))
        };
        let at = self.waiting.iter().position(holds)?;
        let request = self.waiting.remove(at)?;
        self.enter(&request, ahead.need(&request.object, request.range.clone()));
        self.take(key)
    }
}

impl TaskAhead {
    /// A slab begins: its reads are asked for, and what comes behind them.
    pub(crate) fn slab(&self, slab: u64, says: &Says<'_>) {
        let lookahead = &*self.lookahead;
        let naming = lookahead.naming.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = lookahead.state().tasks.get(&self.number).map_or(0, |task| task.next_slab);
        if seen <= slab {
            lookahead.look_at(self.number, slab, Begun::Now, says);
        }
        lookahead.refill();
        let own = lookahead.state().tasks.get(&self.number).map_or(0, |task| task.waiting_bytes);
        let enough = own.saturating_add(lookahead.ahead.bytes_max());
        let more = lookahead.state().begin_naming();
        while lookahead.state().waiting_bytes() < enough
            && let Some((number, slab)) = lookahead.unseen(more)
        {
            lookahead.look_at(number, slab, Begun::NotYet, says);
        }
        lookahead.state().naming = false;
        drop(naming);
        lookahead.refill();
    }

    /// A range of a file, where it was said that it would be read.
    pub(crate) fn take(&self, object: &Arc<dyn Object>, range: Range<u64>) -> Option<Piece> {
        let (lookahead, key) = (&self.lookahead, key(object, &range));
        let mut state = lookahead.state();
        let task = state.tasks.get_mut(&self.number)?;
        let ticket = task.take(key).or_else(|| task.need(&lookahead.ahead, key))?;
        Some(Piece { ticket: Some(ticket), range, lookahead: Arc::clone(lookahead) })
    }
}

impl Drop for TaskAhead {
    fn drop(&mut self) {
        let task = self.lookahead.state().tasks.remove(&self.number);
        drop(task);
        self.lookahead.refill();
    }
}

impl Piece {
    /// The bytes, once they are there.
    ///
    /// # Errors
    /// What fetching reports.
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        self.ticket.as_ref().map_or(Ok(&[]), |ticket| ticket.bytes(&self.range))
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // there is room for others now
        drop(self.ticket.take());
        self.lookahead.refill();
    }
}

fn key(object: &Arc<dyn Object>, range: &Range<u64>) -> Key {
    (address(object), range.start, range.end)
}

fn address(object: &Arc<dyn Object>) -> usize {
    Arc::as_ptr(object).cast::<()>().addr()
}

#[cfg(test)]
mod tests;
