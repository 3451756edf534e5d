//! Hostile input for everything that reads what strangers wrote.
//!
//! A target is one function over bytes, [`Target::run`]. Two programs call it: `arcoforge-fuzz` (this crate's binary, a
//! plain mutator with printed seeds, a minute of one seed in `./test fuzz`) and `fuzz/libfuzzer` (coverage-guided, for
//! `ci/long/fuzz.sh`, another seed in every run). Whatever the bytes are, a target must come to its end: no panic, no
//! abort, no overflow, within the [`guard`]'s limits of time and memory.
//!
//! ```
//! let target = arcoforge_fuzz::targets::named("template").expect("there is one");
//! arcoforge_fuzz::guard::run(target, b"https://host/{time:%Y}.nc");
//! ```
//!
//! It never looks at results: whether values are right is for the tests of each crate and for `tests/`.

pub mod guard;
pub mod mutate;
pub mod random;
pub mod targets;

pub use targets::Target;
