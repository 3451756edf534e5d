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
use arcoforge_core::plan::{BATCH_BYTES, Plan};
use arcoforge_store::{Ahead, Object, Ticket};

use crate::session::Session;

/// Shorter requests are not made smaller to have more of them.
const REQUEST_BYTES_MIN: u64 = 512 << 10;
/// Threads that fetch ahead.
const THREADS_MAX: usize = 32;
/// Tasks behind those that run that are looked at.
const TASKS_AHEAD: u64 = 256;

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
        let threads = (session.options.connections as usize).clamp(1, THREADS_MAX);
        (plan.ahead_bytes > 0).then(|| Arc::new(Self::new(threads, plan.ahead_bytes, tasks)))
    }

    /// For tasks of a range, with so many fetching threads and so many bytes in hand.
    fn new(threads: usize, bytes_max: u64, tasks: &Range<u64>) -> Self {
        let request_bytes = bytes_max / (2 * threads.max(1) as u64);
        let request_bytes = request_bytes.clamp(REQUEST_BYTES_MIN, BATCH_BYTES);
        let state = State { tasks: BTreeMap::new(), next: tasks.start, end: tasks.end, newest: tasks.start };
        let ahead = Ahead::new(threads, bytes_max, request_bytes);
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

    /// The next slab that nobody has looked at: of a running task, else of the first that has any.
    fn unseen(&self) -> Option<(u64, u64)> {
        let mut state = self.state();
        let seen = state.tasks.iter().find(|(_, task)| !task.complete);
        if let Some((number, task)) = seen {
            return Some((*number, task.next_slab));
        }
        let number = state.next.max(state.newest + 1);
        if number >= state.end || number > state.newest + TASKS_AHEAD {
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
    fn waiting_bytes(&self) -> u64 {
        self.tasks.values().map(|task| task.waiting_bytes).sum()
    }

    /// Asks for what the running task wants that has least in hand, until none is left or nothing more fits; then for
    /// what the tasks behind them want, in order.
    fn refill(&mut self, ahead: &Ahead) {
        loop {
            let running = self.tasks.values_mut().filter(|task| task.running && !task.waiting.is_empty());
            let chosen = match running.min_by_key(|task| task.held) {
                Some(task) => Some(task),
                None => self.tasks.values_mut().find(|task| !task.waiting.is_empty()),
            };
            if !chosen.is_some_and(|task| task.ask(ahead)) {
                return;
            }
        }
    }
}

impl Task {
    /// Asks for the first request that waits; false where it does not fit.
    fn ask(&mut self, ahead: &Ahead) -> bool {
        let Some(request) = self.waiting.front() else { return false };
        let Some(ticket) = ahead.ask(&request.object, request.range.clone()) else { return false };
        if let Some(request) = self.waiting.pop_front() {
            self.enter(&request, ticket);
        }
        true
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
        while lookahead.state().waiting_bytes() < enough
            && let Some((number, slab)) = lookahead.unseen()
        {
            lookahead.look_at(number, slab, Begun::NotYet, says);
        }
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
mod tests {
    use std::collections::BTreeMap;

    use arcoforge_store::Validator;

    use super::*;

    /// An object of another machine whose bytes tell where they lie, and which counts what is read.
    #[derive(Debug)]
    struct Far {
        validator: Validator,
        read: Mutex<BTreeMap<(u64, usize), usize>>,
    }

    impl Object for Far {
        fn url(&self) -> &str {
            "far"
        }

        fn validator(&self) -> &Validator {
            &self.validator
        }

        fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
            *self.read.lock().expect("no panic").entry((offset, out.len())).or_default() += 1;
            out.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = at as u8);
            Ok(())
        }

        fn is_remote(&self) -> bool {
            true
        }
    }

    const FAR: u64 = 1 << 20;
    const TASKS: u64 = 10;
    const SLABS: u64 = 3;
    const CHUNKS: u64 = 4;

    /// Chunks that are too far from each other to be fetched together.
    fn range(task: u64, slab: u64, chunk: u64) -> Range<u64> {
        let start = ((task * SLABS + slab) * CHUNKS + chunk) * FAR;
        start..start + 1000
    }

    fn far() -> Arc<dyn Object> {
        Arc::new(Far {
            validator: Validator { size: 1 << 40, ..Validator::default() },
            read: Mutex::default(),
        })
    }

    /// What every slab of every task reads; tasks from `unsure` on only once they run.
    fn says(object: &Arc<dyn Object>, unsure: u64) -> impl Fn(u64, u64, Begun) -> Option<Wanted> {
        move |task, slab, begun| {
            let said = slab < SLABS && (task < unsure || begun == Begun::Now);
            let ranges = (0..CHUNKS).map(|chunk| range(task, slab, chunk)).collect();
            said.then(|| Wanted { wants: vec![Want { object: Arc::clone(object), ranges }], slabs: 1 })
        }
    }

    #[test]
    fn every_chunk_is_fetched_once_whatever_is_asked_for_and_in_any_order() {
        // threads, bytes in hand, tasks that are looked at before they run
        for (threads, bytes_max, unsure) in
            [(2, 1 << 20, TASKS), (3, 5_500, TASKS), (1, 1000, 5), (0, 3_000, 0), (2, 500, TASKS)]
        {
            let object = far();
            let says = says(&object, unsure);
            let lookahead = Arc::new(Lookahead::new(threads, bytes_max, &(0..TASKS)));
            let (mut asked, mut left) = (0, 0);
            // two tasks at a time, each from the other end
            for pair in (0..TASKS).step_by(2) {
                let running = [lookahead.begin(pair), lookahead.begin(pair + 1)];
                for slab in 0..SLABS {
                    running.iter().for_each(|task| task.slab(slab, &says));
                    for chunk in 0..CHUNKS {
                        for (task, chunk) in running.iter().zip([chunk, CHUNKS - 1 - chunk]) {
                            let range = range(task.number, slab, chunk);
                            let Some(piece) = task.take(&object, range.clone()) else {
                                left += 1;
                                continue;
                            };
                            assert!(lookahead.ahead.bytes() <= bytes_max + 1000);
                            let expected: Vec<u8> = range.map(|at| at as u8).collect();
                            assert_eq!(piece.bytes().expect("there"), expected);
                            asked += 1;
                        }
                    }
                }
                assert!(running[0].take(&object, range(pair, 0, 0)).is_none(), "taken already");
            }
            // what never fits is left to who needs it
            let all = TASKS * SLABS * CHUNKS;
            assert_eq!((asked, left), if bytes_max < 1000 { (0, all) } else { (all, 0) });
            assert_eq!(lookahead.ahead.bytes(), 0, "nothing was asked for in vain");
        }
    }

    #[test]
    fn what_comes_next_is_asked_for_where_running_tasks_leave_room() {
        // bytes in hand: chunks in hand of tasks 0 and 1, which run, and of 2 and 3
        for (bytes_max, expected) in [
            (6_000, [3, 3, 0, 0]),
            (24_000, [12, 12, 0, 0]),
            (30_000, [12, 12, 6, 0]),
            (40_000, [12, 12, 12, 4]),
        ] {
            let object = far();
            let says = says(&object, TASKS);
            let lookahead = Arc::new(Lookahead::new(0, bytes_max, &(0..TASKS)));
            let running = [lookahead.begin(0), lookahead.begin(1)];
            running.iter().for_each(|task| task.slab(0, &says));
            // what is given back goes to who has least in hand
            for chunk in 0..if bytes_max == 6_000 { CHUNKS } else { 0 } {
                drop(running[0].take(&object, range(0, 0, chunk)));
            }
            let state = lookahead.state();
            let held = |number| state.tasks.get(&number).map_or(0, |task: &Task| task.held / 1000);
            assert_eq!([0, 1, 2, 3].map(held), expected, "{bytes_max}");
        }
    }

    #[test]
    fn a_task_that_ends_while_it_is_looked_at_stays_gone() {
        // one that runs, one that begins only now
        for ended in [1, 2] {
            let object = far();
            let says = says(&object, TASKS);
            let lookahead = Arc::new(Lookahead::new(0, 1 << 20, &(0..3)));
            let (first, _second) = (lookahead.begin(0), lookahead.begin(1));
            let says = |task, slab, begun| {
                if (task, slab) == (ended, 0) {
                    drop(lookahead.begin(ended));
                }
                says(task, slab, begun)
            };
            first.slab(0, &says);
            let state = lookahead.state();
            assert!(!state.tasks.contains_key(&ended), "{ended}");
            let held: u64 = state.tasks.values().map(|task| task.held).sum();
            assert_eq!(lookahead.ahead.bytes(), held, "{ended}");
        }
    }

    #[test]
    fn what_a_task_did_not_take_is_given_back() {
        let object = far();
        let says = says(&object, TASKS);
        let lookahead = Arc::new(Lookahead::new(0, 20_000, &(0..TASKS)));
        let first = lookahead.begin(0);
        first.slab(0, &says);
        assert_eq!(lookahead.ahead.bytes(), 20_000);
        drop(first);
        // all that was known of the next task
        assert_eq!(lookahead.ahead.bytes(), SLABS * CHUNKS * 1000);
        let state = lookahead.state();
        let held: Vec<(u64, u64)> = state.tasks.iter().map(|(number, task)| (*number, task.held)).collect();
        assert_eq!(held, [(1, SLABS * CHUNKS * 1000)]);
    }
}
