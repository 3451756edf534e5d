//! Items worked on by several threads, results in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arcoforge_core::error::Error;

/// How many errors are collected before the rest is left undone.
pub(crate) const ERRORS_MAX: usize = 20;

/// Runs `work` for every number below `count` on `threads` threads, each with a state of its own.
///
/// # Errors
/// The errors of the items, in order. After the first no new item is begun where `stop_at_first`; else after twenty.
pub(crate) fn map<T: Send, S>(
    threads: usize,
    count: usize,
    stop_at_first: bool,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Vec<Error>> {
    let (results, errors) = attempt(threads, count, stop_at_first, state, work);
    if errors.is_empty() {
        Ok(results.into_iter().map(|(_, value)| value).collect())
    } else {
        Err(errors.into_iter().map(|(_, error)| error).collect())
    }
}

/// As [`map`], for items without results: nothing is kept of those that are done.
pub(crate) fn each<S>(
    threads: usize,
    count: usize,
    stop_at_first: bool,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), Error> + Sync,
) -> Result<(), Vec<Error>> {
    let one = |state: &mut S, item| work(state, item).map(|()| None::<()>);
    let (_, errors) = collect(threads, count, stop_at_first, state, one);
    if errors.is_empty() { Ok(()) } else { Err(errors.into_iter().map(|(_, error)| error).collect()) }
}

/// Results of items and errors of others, each with the item's number, in order.
pub(crate) type Attempted<T> = (Vec<(usize, T)>, Vec<(usize, Error)>);

/// As [`map`], and what was done is not lost where something fails.
pub(crate) fn attempt<T: Send, S>(
    threads: usize,
    count: usize,
    stop_at_first: bool,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, Error> + Sync,
) -> Attempted<T> {
    collect(threads, count, stop_at_first, state, |state, item| work(state, item).map(Some))
}

/// Does the work, and keeps the results that there are.
fn collect<T: Send, S>(
    threads: usize,
    count: usize,
    stop_at_first: bool,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<Option<T>, Error> + Sync,
) -> Attempted<T> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let errors: Mutex<Vec<(usize, Error)>> = Mutex::new(Vec::new());
    let run = || {
        let mut own = state();
        let mut done = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= count {
                break;
            }
            match work(&mut own, item) {
                Ok(value) => done.extend(value.map(|value| (item, value))),
                Err(error) => {
                    let mut errors = errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    errors.push((item, error));
                    if stop_at_first || errors.len() >= ERRORS_MAX {
                        stopped.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
        done
    };
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (1..threads.clamp(1, count.max(1))).map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for handle in handles {
            match handle.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    let mut errors = errors.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    errors.sort_by_key(|(item, _)| *item);
    results.sort_by_key(|(item, _)| *item);
    (results, errors)
}

#[cfg(test)]
mod tests {
    use arcoforge_core::error::Code;

    use super::*;

    #[test]
    fn results_keep_their_order() {
        let squares = map(4, 100, true, || (), |(), n| Ok(n * n)).expect("no errors");
        assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
    }

    #[test]
    fn errors_come_in_order() {
        let fail = |(): &mut (), n: usize| {
            if n % 10 == 3 { Err(Error::new(Code::Bug, n.to_string())) } else { Ok(()) }
        };
        let errors = map(3, 50, false, || (), fail).expect_err("five fail");
        let texts: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
        assert_eq!(texts, ["3", "13", "23", "33", "43"]);
        let errors = each(3, 50, false, || (), fail).expect_err("five fail");
        let texts: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
        assert_eq!(texts, ["3", "13", "23", "33", "43"]);
    }

    #[test]
    fn every_item_is_done_once() {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        let add = |(): &mut (), n: usize| {
            done[n].fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        each(4, 100, true, || (), add).expect("no errors");
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}
