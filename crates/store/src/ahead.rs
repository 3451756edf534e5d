//! Ranges that are fetched before they are needed: by threads of their own, and bounded by the bytes that are in hand.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};

use arcoforge_core::error::{Code, Error, Result};

use crate::local::lock;
use crate::object::{Object, read_range};
use crate::ranges::merge;

/// Ranges with at most this many bytes between them are one request.
const GAP_BYTES: u64 = 64 << 10;

/// What is best asked for in one go of ranges of one object, in requests of at most `request_bytes` unless one range is
/// longer, each with the indices of the ranges that lie in it. Empty ranges are left out.
///
/// One more request is taken for as dear as [`GAP_BYTES`] more bytes; of a file of which nearly all is needed that is all of
/// it, in few requests.
pub fn requests(ranges: &[Range<u64>], request_bytes: u64) -> Vec<(Range<u64>, Vec<usize>)> {
    merge(ranges, GAP_BYTES, request_bytes).into_iter().map(|m| (m.range, m.members)).collect()
}

/// Fetches what is asked for, in order, on threads of its own.
///
/// Nobody ever waits for room: [`ask`](Self::ask) refuses what does not fit at the moment, and what is needed before its
/// turn is fetched by whoever needs it. When it is dropped, what nobody has begun to fetch is left.
#[derive(Debug)]
pub struct Ahead {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    request_bytes: u64,
}

#[derive(Debug)]
struct Shared {
    bytes_max: u64,
    queue: Mutex<Queue>,
    asked: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Weak<Fetch>>,
    /// Of all tickets that are held by somebody.
    bytes: u64,
    closed: bool,
}

/// One range that was asked for. Its bytes are in memory until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Ticket(Arc<Held>);

/// Counts in what is in hand until it is dropped, or until its fetch ends where that runs.
#[derive(Debug)]
struct Held(Arc<Fetch>);

#[derive(Debug)]
struct Fetch {
    object: Arc<dyn Object>,
    range: Range<u64>,
    shared: Arc<Shared>,
    stage: Mutex<Stage>,
    settled: Condvar,
    bytes: OnceLock<Vec<u8>>,
}

#[derive(Debug)]
enum Stage {
    /// Nobody has begun.
    Asked,
    Fetching,
    /// It is being fetched, and nobody has a ticket any more.
    Abandoned,
    Fetched,
    /// What went wrong, until somebody is told.
    Failed(Option<Error>),
}

impl Ahead {
    /// With so many threads, for at most `bytes_max` bytes in hand, in requests of at most `request_bytes` unless one
    /// range is longer. Where no thread can be had, whoever needs a range fetches it.
    pub fn new(threads: usize, bytes_max: u64, request_bytes: u64) -> Self {
        let shared = Arc::new(Shared { bytes_max, queue: Mutex::default(), asked: Condvar::new() });
        let spawn = |_| {
            let shared = Arc::clone(&shared);
            Builder::new().name("fetch".to_owned()).spawn(move || shared.work()).ok()
        };
        Self { threads: (0..threads).filter_map(spawn).collect(), request_bytes, shared }
    }

    /// Most bytes that are in hand.
    pub fn bytes_max(&self) -> u64 {
        self.shared.bytes_max
    }

    /// Bytes of all tickets that are held by somebody.
    pub fn bytes(&self) -> u64 {
        lock(&self.shared.queue).bytes
    }

    /// Near ranges of one object put together: what is best asked for in one go, each with the ranges that lie in it.
    /// Empty ranges are left out.
    pub fn requests(&self, ranges: &[Range<u64>]) -> Vec<(Range<u64>, Vec<Range<u64>>)> {
        let together = requests(ranges, self.request_bytes);
        let members = |at: &[usize]| at.iter().filter_map(|&at| ranges.get(at).cloned()).collect();
        together.into_iter().map(|(range, at)| (range, members(&at))).collect()
    }

    /// What is fetched of two ranges of one object that are best asked for in one go; `None` where they are not.
    pub fn together(&self, one: &Range<u64>, other: &Range<u64>) -> Option<Range<u64>> {
        let both = one.start.min(other.start)..one.end.max(other.end);
        let between = length(&both).saturating_sub(length(one)).saturating_sub(length(other));
        let most = self.request_bytes.min(self.shared.bytes_max);
        let fits = length(&both) <= most || both == *one;
        (between <= GAP_BYTES && fits).then_some(both)
    }

    /// Asks for a range; `None` where more bytes would be in hand than may be.
    pub fn ask(&self, object: &Arc<dyn Object>, range: Range<u64>) -> Option<Ticket> {
        let mut queue = lock(&self.shared.queue);
        let bytes = queue.bytes.checked_add(length(&range)).filter(|sum| *sum <= self.shared.bytes_max)?;
        queue.bytes = bytes;
        let ticket = self.ticket(object, range);
        // where there is no thread nobody would ever take it out
        if !self.threads.is_empty() {
            queue.push(Arc::downgrade(&ticket.0.0));
        }
        drop(queue);
        self.shared.asked.notify_one();
        Some(ticket)
    }

    /// A range that is needed now, room or not: whoever takes it first fetches it.
    pub fn need(&self, object: &Arc<dyn Object>, range: Range<u64>) -> Ticket {
        let mut queue = lock(&self.shared.queue);
        queue.bytes = queue.bytes.saturating_add(length(&range));
        self.ticket(object, range)
    }

    fn ticket(&self, object: &Arc<dyn Object>, range: Range<u64>) -> Ticket {
        let fetch = Fetch {
            object: Arc::clone(object),
            range,
            shared: Arc::clone(&self.shared),
            stage: Mutex::new(Stage::Asked),
            settled: Condvar::new(),
            bytes: OnceLock::new(),
        };
        Ticket(Arc::new(Held(Arc::new(fetch))))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let mut queue = lock(&self.shared.queue);
        queue.closed = true;
        queue.waiting.clear();
        drop(queue);
        self.shared.asked.notify_all();
        for thread in self.threads.drain(..) {
            let _ended = thread.join();
        }
    }
}

impl Queue {
    /// Threads may all be busy for long: tickets that nobody holds any more go before the queue grows.
    fn push(&mut self, fetch: Weak<Fetch>) {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|fetch| fetch.strong_count() > 0);
            self.waiting.reserve(self.waiting.len() + 1);
        }
        self.waiting.push_back(fetch);
    }
}

impl Shared {
    fn work(&self) {
        while let Some(fetch) = self.next() {
            // tickets that nobody holds any more are gone from here
            if let Some(fetch) = fetch.upgrade().filter(|fetch| fetch.begin()) {
                fetch.run();
            }
        }
    }

    /// What was asked for first, once there is something; `None` at the end.
    fn next(&self) -> Option<Weak<Fetch>> {
        let mut queue = lock(&self.queue);
        while !queue.closed {
            if let Some(fetch) = queue.waiting.pop_front() {
                return Some(fetch);
            }
            queue = self.asked.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }
}

impl Ticket {
    /// Bytes of a part of the range, which is waited for or, where nobody has begun, fetched here.
    ///
    /// # Errors
    /// What fetching reports, to one of those who ask; others try again.
    pub fn bytes(&self, part: &Range<u64>) -> Result<&[u8]> {
        let fetch = &*self.0.0;
        let (object, range, whole) = (&fetch.object, &fetch.range, fetch.take()?);
        let at = |offset: u64| offset.checked_sub(range.start).and_then(|at| usize::try_from(at).ok());
        let part = at(part.start).zip(at(part.end)).and_then(|(from, to)| whole.get(from..to));
        part.ok_or_else(|| Error::new(Code::Bug, "a part lies outside what was asked for").at(object.url()))
    }
}

impl Fetch {
    /// Takes it over; false where somebody else has it.
    fn begin(&self) -> bool {
        let mut stage = lock(&self.stage);
        let waits = matches!(*stage, Stage::Asked);
        if waits {
            *stage = Stage::Fetching;
        }
        waits
    }

    fn run(&self) {
        // also where a reader panics nobody waits for ever
        let mut settled = Settled { fetch: self, stage: Some(Stage::Failed(None)) };
        settled.stage = Some(match read_range(&*self.object, self.range.clone()) {
            Ok(bytes) => {
                let _first = self.bytes.set(bytes);
                Stage::Fetched
            }
            Err(error) => Stage::Failed(Some(error)),
        });
    }

    /// Its bytes are no longer in hand.
    fn release(&self) {
        let mut queue = lock(&self.shared.queue);
        queue.bytes = queue.bytes.saturating_sub(length(&self.range));
    }

    fn take(&self) -> Result<&[u8]> {
        let mut stage = lock(&self.stage);
        loop {
            match &mut *stage {
                Stage::Fetched => return Ok(self.bytes.get().map_or(&[], Vec::as_slice)),
                Stage::Fetching | Stage::Abandoned => {
                    stage = self.settled.wait(stage).unwrap_or_else(PoisonError::into_inner);
                }
                Stage::Failed(error) if error.is_some() => {
                    let unknown = || Error::new(Code::Bug, "an error is gone");
                    return Err(error.take().unwrap_or_else(unknown));
                }
                Stage::Asked | Stage::Failed(_) => {
                    *stage = Stage::Fetching;
                    drop(stage);
                    self.run();
                    stage = lock(&self.stage);
                }
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut stage = lock(&self.0.stage);
        if matches!(*stage, Stage::Fetching) {
            *stage = Stage::Abandoned;
        } else {
            // nobody begins any more
            *stage = Stage::Failed(None);
            self.0.release();
        }
    }
}

/// Tells everybody how a fetch ended.
struct Settled<'a> {
    fetch: &'a Fetch,
    stage: Option<Stage>,
}

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        if let Some(settled) = self.stage.take() {
            let stage = std::mem::replace(&mut *lock(&self.fetch.stage), settled);
            if matches!(stage, Stage::Abandoned) {
                self.fetch.release();
            }
        }
        self.fetch.settled.notify_all();
    }
}

const fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Validator;

    /// An object of which nothing can be read as long as somebody holds the lock.
    #[derive(Debug, Default)]
    struct Shut(Validator, Mutex<()>);

    impl Object for Shut {
        fn url(&self) -> &str {
            "shut"
        }

        fn validator(&self) -> &Validator {
            &self.0
        }

        fn read_into(&self, _: u64, _: &mut [u8]) -> Result<()> {
            drop(lock(&self.1));
            Ok(())
        }

        fn is_remote(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_nobody_wants_any_more_does_not_wait() {
        // threads, which are all busy; tickets that are held
        for (threads, held) in [(0, 0), (0, 50), (1, 0), (1, 50), (2, 300)] {
            let shut = Arc::new(Shut::default());
            let object: Arc<dyn Object> = Arc::<Shut>::clone(&shut);
            let ahead = Ahead::new(threads, 1 << 20, 1 << 20);
            let closed = lock(&shut.1);
            let kept: Vec<Option<Ticket>> = (0..held).map(|_| ahead.ask(&object, 0..1)).collect();
            for _ in 0..10_000 {
                assert!(ahead.ask(&object, 0..1).is_some());
            }
            let waiting = lock(&ahead.shared.queue).waiting.len();
            assert!(waiting <= if threads == 0 { 0 } else { 4 * held + 64 }, "{threads} {held}: {waiting}");
            drop((closed, kept));
        }
    }
}
