//! What a slab will read of other machines, known without reading it.

use std::sync::Arc;

use arcoforge_core::chunk::Region;
use arcoforge_core::derived::leaves;
use arcoforge_core::error::Result;
use arcoforge_core::steps::Mapped;

use super::{Placement, Worker, chunks, derived, is_direct};
use crate::lookahead::{TaskAhead, Want};
use crate::prepare::Prepared;
use crate::survey::Surveyed;

impl Worker {
    /// The task that is about to run on all threads of the worker, as far as it is read ahead; `None` when it is over.
    pub(crate) fn look_ahead(&mut self, task: Option<TaskAhead>) {
        self.ahead = task.map(Arc::new);
        for helper in &mut self.team {
            helper.ahead.clone_from(&self.ahead);
        }
    }

    /// The running task, where it is read ahead.
    pub(crate) const fn ahead(&self) -> Option<&Arc<TaskAhead>> {
        self.ahead.as_ref()
    }
}

/// The stored chunks that boxes are made of, file by file, as [`fill`](super::fill) will read them. What it will find
/// wrong with a file is left to it, and what only the format's reader can decode is not known.
pub(crate) fn wants(prepared: &Prepared, placements: &[Placement]) -> Vec<Want> {
    let mut wants = Vec::new();
    for same in placements.chunk_by(|a, b| a.piece == b.piece) {
        let Some(Ok((_, mapped, surveyed))) =
            same.first().and_then(|p| p.piece).map(|piece| prepared.piece(piece))
        else {
            continue;
        };
        if !surveyed.object.is_remote() {
            continue;
        }
        let mut want = Want { object: Arc::clone(&surveyed.object), ranges: Vec::new() };
        if is_direct(mapped, same) {
            for placement in same {
                let _left = add(&mut want, surveyed, mapped, placement.origin(), &placement.cells);
            }
        } else {
            for (hull, _) in derived::boxes(same) {
                leaves(mapped, &hull, &mut |leaf, cells| {
                    let origin = cells.0.iter().map(|r| (r.start, r.start)).collect();
                    let _left = add(&mut want, surveyed, leaf, origin, cells);
                });
            }
        }
        if !want.ranges.is_empty() {
            wants.push(want);
        }
    }
    wants
}

/// The stored chunks of one array that hold `cells`.
fn add(
    want: &mut Want,
    surveyed: &Surveyed,
    mapped: &Mapped,
    origin: Vec<(u64, u64)>,
    cells: &Region,
) -> Result<()> {
    if let Some(part) = chunks::part(surveyed, mapped, origin)? {
        want.ranges.extend(part.stored(&part.to_file(cells)));
    }
    Ok(())
}
