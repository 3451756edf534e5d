//! Signals. Ctrl-C: the first stops cleanly, the second at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arcoforge_core::code::Code;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// A write beyond the largest length of files (`ulimit -f`) fails with a message, as on a full disk; without this it ends
/// the process.
pub(crate) fn spare_large_files() {
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// The flag that Ctrl-C, a hang-up or a request to terminate sets. The first call begins to listen.
pub(crate) fn flag() -> Arc<AtomicBool> {
    Arc::clone(FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        let handler = move || {
            if set.swap(true, Ordering::SeqCst) {
                let _ = writeln!(std::io::stderr(), "aborted; nothing was published");
                std::process::exit(i32::from(Code::Interrupted.exit_status()));
            }
            let _ = writeln!(std::io::stderr(), "stopping; press Ctrl-C again to abort at once");
        };
        // without a handler Ctrl-C ends the process as usual, which leaves no half store either
        let _ = ctrlc::set_handler(handler);
        flag
    }))
}
