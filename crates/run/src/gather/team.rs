//! Threads that work at one slab together, so that memory for one suffices and a source chunk is decoded once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use arcoforge_core::error::{Error, Result};

use super::Worker;

impl Worker {
    /// A worker with as many threads for every slab.
    pub(crate) fn with_threads(threads: usize) -> Self {
        let mut worker = Self::new();
        worker.team = (1..threads).map(|_| Self::new()).collect();
        worker
    }

    /// How many threads work at a slab, or at one of its chunks by itself; those of [`each`](Self::each) are one.
    pub(crate) fn size(&self) -> usize {
        1 + self.team.len()
    }

    /// Does `work` for every number below `count`, on all threads of the worker. The first numbers are begun first.
    ///
    /// # Errors
    /// Of those that failed, the one of the lowest number; no other number is begun after a failure.
    pub(crate) fn each(
        &mut self,
        count: usize,
        work: impl Fn(&mut Self, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        if self.team.is_empty() || count < 2 {
            return (0..count).try_for_each(|number| work(self, number));
        }
        let mut team = std::mem::take(&mut self.team);
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let run = |worker: &mut Self| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    break;
                }
                if let Err(error) = work(worker, number) {
                    next.fetch_max(count, Ordering::Relaxed);
                    keep_lowest(&failed, number, error);
                }
            }
        };
        std::thread::scope(|scope| {
            for helper in team.iter_mut().take(count - 1) {
                scope.spawn(|| run(helper));
            }
            run(self);
        });
        self.bytes_read += team.iter_mut().map(|helper| std::mem::take(&mut helper.bytes_read)).sum::<u64>();
        self.team = team;
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), |(_, error)| Err(error))
    }
}

fn keep_lowest(failed: &Mutex<Option<(usize, Error)>>, number: usize, error: Error) {
    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.as_ref().is_none_or(|(lowest, _)| number < *lowest) {
        *failed = Some((number, error));
    }
}

#[cfg(test)]
mod tests {
    use arcoforge_core::error::Code;

    use super::*;

    #[test]
    fn every_number_is_done_once_by_any_number_of_threads() {
        for threads in 1..5 {
            for count in [0, 1, 2, 3, 100] {
                let done = Mutex::new(Vec::new());
                let mut worker = Worker::with_threads(threads);
                let result = worker.each(count, |worker, number| {
                    worker.bytes_read += 10;
                    done.lock().expect("no panic").push(number);
                    Ok(())
                });
                assert!(result.is_ok());
                let mut done = done.into_inner().expect("no panic");
                done.sort_unstable();
                assert_eq!(done, (0..count).collect::<Vec<_>>(), "{threads} threads");
                assert_eq!(worker.bytes_read, 10 * count as u64, "{threads} threads");
                assert_eq!(worker.size(), threads);
            }
        }
    }

    #[test]
    fn a_failure_ends_the_work() {
        for threads in 1..5 {
            let mut worker = Worker::with_threads(threads);
            let fail = |_: &mut Worker, number: usize| match number {
                7.. => Err(Error::new(Code::Bug, number.to_string())),
                _ => Ok(()),
            };
            assert_eq!(worker.each(1000, fail).expect_err("it fails").message, "7", "{threads} threads");
        }
    }
}
