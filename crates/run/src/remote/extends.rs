//! Whether an update changes no cell that readers of the published dataset see.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::chunk::{ChunkGrid, Region};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::ArrayPlan;
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_write::shard_chunks;

use crate::prepare::Prepared;
use crate::receipts::Receipts;
use crate::signature::{Signature, Signer};

/// Refuses an update that does: an object store has no step that exchanges many objects at once.
///
/// Every object that is published is looked at: the cells that its readers see have the signature that its receipt tells.
///
/// # Errors
/// `update-refused` with variable and chunk.
pub(super) fn check_extends(prepared: &Prepared, old: &Dataset, receipts: Option<&Receipts>) -> Result<()> {
    let published: BTreeMap<&str, &Arc<ArraySpec>> = old.arrays.iter().map(|a| (&*a.name, a)).collect();
    let mut signer = Signer::default();
    for array in &prepared.plan.arrays {
        let Some(was) = published.get(&*array.spec.name) else { continue };
        let objects = was.objects();
        for number in 0..objects.len() {
            let index = objects.index(number);
            let told = receipts.and_then(|receipts| receipts.signatures(&was.name, number));
            let same =
                told.map(|told| is_same(&mut signer, prepared, array, was, &index, told)).transpose()?;
            if same != Some(true) {
                return Err(refused().in_variable(&was.name).in_chunk(&index));
            }
        }
    }
    Ok(())
}

/// Whether an object would hold the same cells, as far as the published array reaches.
fn is_same(
    signer: &mut Signer,
    prepared: &Prepared,
    array: &ArrayPlan,
    was: &ArraySpec,
    index: &[u64],
    told: &[Signature],
) -> Result<bool> {
    let format = prepared.plan.dataset.format;
    let seen = ChunkGrid::new(was.shape.clone(), was.chunk.clone());
    for (chunk, told) in shard_chunks(was, index).zip(told) {
        let Some(chunk) = chunk else { continue };
        let cells: Region = seen.region(&chunk);
        if signer.cells(format, prepared, array, &cells)? != *told {
            return Ok(false);
        }
    }
    Ok(true)
}

fn refused() -> Error {
    Error::new(
        Code::UpdateRefused,
        "an update would change cells that readers of the published dataset see, and an object store has no step that \
         exchanges many objects at once",
    )
    .help(
        "`--in-place` removes the root's metadata first: readers find no dataset until the new one is whole. Or bake to \
         another target",
    )
}
