//! Limits of time and memory, and which panics are a fault.
//!
//! A fault ends the process with an abort, for which libFuzzer keeps the input; the binary of this crate keeps every
//! input in a file while it runs, so that one which ends the process by itself (a stack that overflows) is there too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Target;

/// Longest time for one input, in milliseconds; `ARCOFORGE_FUZZ_MILLIS` sets another.
const MILLIS_MAX: u64 = 10_000;
/// Most memory for one input.
const MEMORY_BYTES_MAX: usize = 300 << 20;
/// Panics below this library are caught at the reader's border, where they become an error of the file.
const CAUGHT_AT_THE_BORDER: &str = "hdf5-reader";

/// Counts memory in use, and stops who takes too much.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// More than this is a fault; nothing is while no target runs.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);
/// When the input that runs began, in milliseconds after the first one plus 1; 0: none runs.
static BEGAN: AtomicU64 = AtomicU64::new(0);

/// Counts what is asked for; more than the limit ends the process here, where the backtrace says who asked.
fn take(bytes: usize) {
    let now = IN_USE.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    HIGHEST.fetch_max(now, Ordering::Relaxed);
    if now > LIMIT.load(Ordering::Relaxed) {
        LIMIT.store(usize::MAX, Ordering::SeqCst);
        let place = Backtrace::force_capture();
        fail(&format!("{now} bytes of memory in use, more than {MEMORY_BYTES_MAX}\n{place}"));
    }
}

// SAFETY: hands every call on to the system's allocator, unchanged.
#[allow(unsafe_code, reason = "memory can be counted nowhere else")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: memory of the functions above, with its layout.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: memory of the functions above, with its layout.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// What one input cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// How long it took.
    pub time: Duration,
    /// Most memory that it held at a time.
    pub memory_bytes: usize,
}

/// Runs one input. Ends the process where the target panics, or goes beyond a limit.
pub fn run(target: &Target, data: &[u8]) -> Cost {
    static READY: Once = Once::new();
    READY.call_once(watch);
    let before = IN_USE.load(Ordering::Relaxed);
    HIGHEST.store(before, Ordering::Relaxed);
    LIMIT.store(before.saturating_add(MEMORY_BYTES_MAX), Ordering::Relaxed);
    let began = Instant::now();
    BEGAN.store(millis().saturating_add(1), Ordering::Relaxed);
    let done = catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
    BEGAN.store(0, Ordering::Relaxed);
    LIMIT.store(usize::MAX, Ordering::Relaxed);
    if done.is_err() {
        fail("the target panicked");
    }
    let memory_bytes = HIGHEST.load(Ordering::Relaxed).saturating_sub(before);
    Cost { time: began.elapsed(), memory_bytes }
}

fn millis() -> u64 {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    u64::try_from(FIRST.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Replaces the hook for panics (libFuzzer's own ends the process for those that are caught, too), starts the watchdog.
fn watch() {
    std::panic::set_hook(Box::new(panicked));
    let limit = std::env::var("ARCOFORGE_FUZZ_MILLIS").ok().and_then(|text| text.parse().ok());
    let limit = limit.unwrap_or(MILLIS_MAX);
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(50));
            let began = BEGAN.load(Ordering::Relaxed);
            if began > 0 && millis().saturating_sub(began) > limit {
                fail(&format!("no end after {limit} ms"));
            }
        }
    });
}

fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    if place.contains(CAUGHT_AT_THE_BORDER) {
        return;
    }
    let text = info.payload_as_str().unwrap_or("a panic");
    fail(&format!("{place}: {text}\n{}", Backtrace::force_capture()));
}

#[allow(clippy::print_stderr, reason = "the process ends here, and its user has to know why")]
fn fail(why: &str) -> ! {
    LIMIT.store(usize::MAX, Ordering::SeqCst);
    eprintln!("FAULT: {why}");
    std::process::abort()
}
