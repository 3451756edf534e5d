//! Bakes to object stores: `s3://`, `gs://`, `az://`.
//!
//! An object store has no rename, no lock and no folder; it has objects that appear whole, and puts that happen only where
//! nothing else came between. From these:
//!
//! - Chunks lie under their final keys from the beginning. Nobody finds them: readers begin at the root's metadata, which is
//!   put last, only where what lay there at the beginning still lies there.
//! - Whatever a bake keeps lies beside its target, in `TARGET.bake/DIGEST/`: the plan, receipts in segments, and notes. Any
//!   machine goes on from there.
//! - A receipt counts where the store lists the object with the length and the tag that it had when it was put, so that
//!   what anybody else wrote there since is made again.
//! - One process at a time bakes to a target, by a [claim](claim).
//! - An update puts objects beyond what readers see first, and the root's metadata last. One that would change cells which
//!   readers see is refused without `--in-place`: then the root's metadata goes first, and readers find no dataset until the
//!   new one is whole.

mod claim;
mod extends;
mod log;
mod past;
mod staged;

pub use self::staged::{RemoteStaged, RemoteTarget, at_bucket, stage_remote};
