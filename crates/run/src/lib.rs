//! Find, lock, survey, plan, run, verify: everything that decides *when*.
//!
//! In the flow this crate takes a [`Recipe`](arcoforge_core::recipe::Recipe) as a value and ends with a published
//! dataset. Expanding, combining and planning are pure and live in `arcoforge-core`; here files are opened and
//! chunks are moved. It never parses a recipe and knows nothing of SQL.
//!
//! ```no_run
//! use arcoforge_core::recipe::Recipe;
//! use arcoforge_run::{Existing, Options, Session, bake};
//!
//! # fn example(recipe: &Recipe) -> Result<(), Vec<arcoforge_core::error::Error>> {
//! let session = Session::new(Options::default(), |_event| {});
//! let baked = bake(&session, recipe, "sst.zarr".as_ref(), Existing::Refuse)?;
//! println!("{} bytes in {} objects", baked.bytes_written, baked.objects);
//! # Ok(())
//! # }
//! ```

mod bake;
mod checks;
mod checksums;
pub mod describe;
mod duplicates;
mod execute;
pub mod figures;
mod find;
mod gaps;
mod gather;
mod given;
mod init;
mod inspect;
mod levels;
mod lock;
mod lookahead;
mod place;
mod pool;
mod prepare;
mod reads;
mod receipts;
mod references;
mod remote;
mod reuse;
mod scratch;
mod session;
mod signature;
mod stac;
mod state;
mod strided;
mod survey;
mod tasks;
mod units;
mod update;
mod verify;

pub use bake::{
    AtTarget, Baked, Branch, Existing, MAIN, Past, Ready, Staged, at_target, bake, bake_locked,
    check_unbaked, prepare_for, publish, publish_all, stage,
};
pub use find::{Inputs, find};
pub use given::list_inputs;
pub use init::init;
pub use inspect::{InRepository, Inspected, inspect, inspect_version};
pub use lock::{Changes, Lock, LockedInput, Locks, lock};
pub use place::Place;
pub use prepare::{Input, Prepared, prepare};
pub use receipts::Unit;
pub use remote::{RemoteStaged, RemoteTarget, at_bucket, stage_remote};
pub use session::{Event, Options, Session, Stage};
pub use stac::{Described, stac, write_stac};
pub use state::{PlanFile, RunFile};
pub use survey::Surveyed;
pub use units::{UnitDone, check_lasting, check_planned, finish, first_text, first_units, run_unit};
pub use verify::{Verified, verify, verify_branch, verify_bucket};

pub use arcoforge_icechunk::Version;

/// The result of a whole command: every problem that was found, not only the first.
pub type Outcome<T> = Result<T, Vec<arcoforge_core::error::Error>>;
