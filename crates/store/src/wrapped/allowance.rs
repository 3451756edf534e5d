//! Memory that decoders of compressed streams share: one that needs more than is free waits until others end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arcoforge_core::error::{Code, Error, Result};

use super::UnpackLimits;

/// How often those who wait look whether the run was stopped.
const LOOK: Duration = Duration::from_millis(100);

/// What is allowed, and what of it is free.
#[derive(Debug)]
pub(crate) struct Allowance {
    total: u64,
    /// What of the memory of the whole program is not for decoders.
    others: u64,
    free: Mutex<u64>,
    given_back: Condvar,
}

/// A part of it, given back when it is dropped. A thread takes at most one at a time.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    of: &'a Allowance,
    bytes: u64,
}

impl Allowance {
    pub(crate) const fn new(limits: &UnpackLimits) -> Self {
        let UnpackLimits { memory_bytes: total, other_bytes: others, .. } = *limits;
        Self { total, others, free: Mutex::new(total), given_back: Condvar::new() }
    }

    /// Takes so many bytes for a stream that is called `what`, as soon as they are free.
    ///
    /// # Errors
    /// `memory-limit` where they never are; what `check` gives while they are waited for.
    pub(crate) fn take(&self, what: &str, bytes: u64, check: &dyn Fn() -> Result<()>) -> Result<Taken<'_>> {
        if bytes > self.total {
            return Err(self.refused(what, bytes));
        }
        let mut free = self.lock();
        while *free < bytes {
            check()?;
            free = match self.given_back.wait_timeout(free, LOOK) {
                Ok((free, _)) => free,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        *free -= bytes;
        Ok(Taken { of: self, bytes })
    }

    fn refused(&self, what: &str, bytes: u64) -> Error {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let needed = mib(bytes.saturating_add(self.others));
        let message = format!(
            "the {what} stream needs {} MiB to be unpacked, so that {needed} MiB are needed, and {} MiB are allowed",
            mib(bytes),
            mib(self.total.saturating_add(self.others))
        );
        Error::new(Code::MemoryLimit, message).help(format!(
            "allow as much memory: `--memory {needed}MiB` will do; or pack it again with a smaller window or dictionary"
        ))
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.of.lock() += self.bytes;
        self.of.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_by_those_who_wait() {
        let limits = UnpackLimits { memory_bytes: 100, other_bytes: 24 << 20, ..UnpackLimits::default() };
        let allowance = Allowance::new(&limits);
        let most = Mutex::new((0, 0));
        std::thread::scope(|scope| {
            for bytes in [60, 70, 30, 100, 40, 1] {
                let (allowance, most) = (&allowance, &most);
                scope.spawn(move || {
                    let taken = allowance.take("xz", bytes, &|| Ok(())).unwrap();
                    let mut held = most.lock().unwrap();
                    held.0 += bytes;
                    held.1 = held.1.max(held.0);
                    drop(held);
                    std::thread::yield_now();
                    most.lock().unwrap().0 -= bytes;
                    drop(taken);
                });
            }
        });
        assert!(most.lock().unwrap().1 <= 100);
        assert_eq!(*allowance.lock(), 100);
        let error = allowance.take("xz", 101, &|| Ok(())).unwrap_err();
        assert_eq!(error.code, Code::MemoryLimit);
        assert!(error.help.unwrap().contains("`--memory 25MiB` will do"));
        let all = allowance.take("xz", 100, &|| Ok(())).unwrap();
        let stop = || Err(Error::new(Code::Interrupted, "stopped"));
        assert_eq!(allowance.take("xz", 1, &stop).unwrap_err().code, Code::Interrupted);
        drop(all);
    }
}
