//! At most so many requests at a time against one host, from all threads together.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::local::lock;

/// The lanes to every host.
#[derive(Debug)]
pub(crate) struct Lanes {
    per_host: u32,
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
    not_before: Option<Instant>,
}

/// The right to one request; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Lane>);

impl Lanes {
    pub(crate) fn new(per_host: u32) -> Self {
        Self { per_host: per_host.max(1), hosts: Mutex::default() }
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
        Permit(lane)
    }

    /// The host asked everybody to wait until then.
    pub(crate) fn pause(&self, host: &str, until: Instant) {
        let lane = self.lane(host);
        let mut state = lock(&lane.state);
        state.not_before = state.not_before.max(Some(until));
    }

    /// Until when the host asked everybody to wait.
    pub(crate) fn paused_until(&self, host: &str) -> Option<Instant> {
        lock(&self.lane(host).state).not_before
    }

    fn lane(&self, host: &str) -> Arc<Lane> {
        let mut hosts = lock(&self.hosts);
        match hosts.get(host) {
            Some(lane) => Arc::clone(lane),
            None => Arc::clone(hosts.entry(host.to_owned()).or_default()),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.busy = state.busy.saturating_sub(1);
        drop(state);
        self.0.freed.notify_one();
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
        let lanes = Lanes::new(3);
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
