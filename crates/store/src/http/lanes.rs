//! At most so many requests at a time, and in a time, against one host, from all threads together.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::local::lock;

/// The lanes to every host.
#[derive(Debug)]
pub(crate) struct Lanes {
    per_host: u32,
    /// From the beginning of one request to that of the next; zero without a limit.
    interval: Duration,
    hosts: Mutex<BTreeMap<String, Arc<Lane>>>,
}

#[derive(Debug, Default)]
struct Lane {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    busy: u32,
    /// The host asked everybody to wait until then.
    paused: Option<Instant>,
    /// When the rate allows the next request.
    next: Option<Instant>,
}

/// The right to one request; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    lane: Arc<Lane>,
    interval: Duration,
}

impl Lanes {
    pub(crate) fn new(per_host: u32, interval: Duration) -> Self {
        Self { per_host: per_host.max(1), interval, hosts: Mutex::default() }
    }

    /// Waits for a free lane to `host`.
    pub(crate) fn enter(&self, host: &str) -> Permit {
        let lane = self.lane(host);
        let mut state = lock(&lane.state);
        while state.busy >= self.per_host {
            state = lane.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy += 1;
        drop(state);
        Permit { lane, interval: self.interval }
    }

    /// The host asked everybody to wait until then.
    pub(crate) fn pause(&self, host: &str, until: Instant) {
        let lane = self.lane(host);
        let mut state = lock(&lane.state);
        state.paused = state.paused.max(Some(until));
    }

    fn lane(&self, host: &str) -> Arc<Lane> {
        let mut hosts = lock(&self.hosts);
        match hosts.get(host) {
            Some(lane) => Arc::clone(lane),
            None => Arc::clone(hosts.entry(host.to_owned()).or_default()),
        }
    }
}

impl Permit {
    /// When this request may begin. The turn is taken: the next one who asks gets a later one.
    pub(crate) fn turn(&self, now: Instant) -> Instant {
        let mut state = lock(&self.lane.state);
        let turn = [state.paused, state.next].into_iter().flatten().fold(now, Instant::max);
        state.next = turn.checked_add(self.interval);
        turn
    }

    /// Whether the host asked meanwhile to wait beyond `turn`.
    pub(crate) fn is_paused_beyond(&self, turn: Instant) -> bool {
        lock(&self.lane.state).paused.is_some_and(|paused| paused > turn)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.lane.state);
        state.busy = state.busy.saturating_sub(1);
        drop(state);
        self.lane.freed.notify_one();
    }
}

/// One lock for each key, made on demand: so that one thread fetches what others wait for.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks(Mutex<BTreeMap<String, Arc<Mutex<()>>>>);

impl KeyLocks {
    /// Runs `work` while no other thread works on the same key.
    pub(crate) fn with<T>(&self, key: &str, work: impl FnOnce() -> T) -> T {
        let own = Arc::clone(lock(&self.0).entry(key.to_owned()).or_default());
        let result = {
            let _held = lock(&own);
            work()
        };
        let mut locks = lock(&self.0);
        // The map and this function hold one reference each: nobody waits.
        if Arc::strong_count(&own) == 2 {
            locks.remove(key);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn never_more_at_a_time_than_allowed() {
        let lanes = Lanes::new(3, Duration::ZERO);
        let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _permit = lanes.enter("h");
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert_eq!(lock(&lanes.lane("h").state).busy, 0);
    }

    #[test]
    fn turns_keep_their_distance_and_wait_for_pauses() {
        const SECOND: Duration = Duration::from_secs(1);
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        // the interval, the pause asked for, when somebody asks, and the turns given (all in ms)
        type Row<'a> = (u64, Option<u64>, &'a [u64], &'a [u64]);
        let rows: &[Row<'_>] = &[
            (0, None, &[0, 0, 0, 5], &[0, 0, 0, 5]),
            (100, None, &[0, 0, 0, 0], &[0, 100, 200, 300]),
            // what was not used is not saved up
            (100, None, &[0, 950, 950], &[0, 950, 1050]),
            (100, Some(1000), &[0, 10, 2000], &[1000, 1100, 2000]),
            (0, Some(1000), &[0, 10, 2000], &[1000, 1000, 2000]),
        ];
        for (interval, pause, asked, given) in rows {
            let lanes = Lanes::new(1, Duration::from_millis(*interval));
            if let Some(pause) = pause {
                lanes.pause("h", at(*pause));
            }
            let found: Vec<Instant> = asked.iter().map(|&millis| lanes.enter("h").turn(at(millis))).collect();
            let given: Vec<Instant> = given.iter().map(|&millis| at(millis)).collect();
            assert_eq!(found, given, "{interval} {pause:?} {asked:?}");
            assert_eq!(lanes.enter("other").turn(start), start);
        }
        let lanes = Lanes::new(1, Duration::ZERO);
        let permit = lanes.enter("h");
        let turn = permit.turn(start);
        assert!(!permit.is_paused_beyond(turn));
        lanes.pause("h", start + SECOND);
        assert!(permit.is_paused_beyond(turn) && !permit.is_paused_beyond(start + SECOND));
    }

    #[test]
    fn one_worker_for_each_key() {
        let locks = KeyLocks::default();
        let mut counts = vec![0_u32; 1];
        let shared = Mutex::new(&mut counts);
        let busy = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    locks.with("k", || {
                        assert_eq!(busy.fetch_add(1, Ordering::SeqCst), 0);
                        lock(&shared)[0] += 1;
                        busy.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert_eq!(counts, [8]);
        assert!(lock(&locks.0).is_empty());
    }
}
