//! Several requests at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

use arcoforge_core::error::Result;

/// What `ask` gives for each item, in their order, asked by at most `threads` threads. After an error no more are begun.
///
/// # Errors
///
/// That of the first item that failed.
pub(crate) fn at_once<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    ask: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if threads.min(items.len()) < 2 {
        return items.iter().map(ask).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            let answer = ask(item);
            if answer.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            done.push((at, answer));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(work)).collect();
        let mut done = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use arcoforge_core::error::{Code, Error};

    use super::*;

    #[test]
    fn answers_keep_their_order() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [0, 1, 4, 200] {
            let squares = at_once(&items, threads, |n| Ok(n * n)).expect("no errors");
            assert_eq!(squares, items.iter().map(|n| n * n).collect::<Vec<_>>(), "{threads} threads");
        }
    }

    #[test]
    fn nothing_is_begun_after_an_error() {
        let asked = AtomicUsize::new(0);
        let items: Vec<usize> = (0..10_000).collect();
        let failed = at_once(&items, 4, |n| {
            asked.fetch_add(1, Ordering::Relaxed);
            if *n == 3 { Err(Error::new(Code::SourceUnreachable, "third")) } else { Ok(()) }
        });
        assert_eq!(failed.map_err(|e| e.message), Err("third".to_owned()));
        assert!(asked.into_inner() < items.len());
    }
}
