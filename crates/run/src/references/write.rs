//! References are written, one array after the other, beside the target.

use arcoforge_core::error::{Error, Result};
use arcoforge_core::figures::hex;
use arcoforge_write::{JsonReferences, LocalStore, Written};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Files, references};
use crate::Outcome;
use crate::bake::Baked;
use crate::gather::Worker;
use crate::prepare::Prepared;
use crate::session::{Event, Session, Stage};

/// Writes the references of all arrays to the staging place of `store`. Gives back the object that makes them visible; its
/// key is empty where the target is one file.
///
/// # Errors
/// Of inputs that are read for what is written into the target; `target-unwritable`; `interrupted`.
pub(crate) fn write(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &LocalStore,
    baked: &mut Baked,
) -> Outcome<(String, Written)> {
    json_file(session, prepared, store, baked).map_err(|e| vec![e])
}

fn json_file(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &LocalStore,
    baked: &mut Baked,
) -> Result<(String, Written)> {
    let dataset = &prepared.plan.dataset;
    session.tell(&Event::Started { stage: Stage::Bake, total: prepared.plan.arrays.len() as u64 });
    let mut out = JsonReferences::create(store.staging(), dataset, &about(prepared)?)?;
    let (mut worker, mut files) = (Worker::new(), Files::default());
    for array in &prepared.plan.arrays {
        session.check_interrupt()?;
        let before = worker.bytes_read;
        let found = references(prepared, dataset.format, array, &mut worker, &mut files)?;
        out.array(&array.spec, &found)?;
        let bytes_read = worker.bytes_read - before;
        baked.bytes_read += bytes_read;
        session.tell(&Event::Advanced { stage: Stage::Bake, items: 1, bytes_read, bytes_written: 0 });
    }
    let written = out.finish()?;
    session.tell(&Event::Finished { stage: Stage::Bake });
    baked.objects += 1;
    baked.bytes_written += written.bytes;
    Ok((String::new(), written))
}

/// What the references are made of: the plan's digest, and that of the inputs with their versions. References have no place
/// for the version of a file: whoever doubts one compares this with the inputs of today.
fn about(prepared: &Prepared) -> Result<Value> {
    let mut hash = Sha256::new();
    for input in prepared.named_inputs() {
        let text = serde_json::to_vec(&input)
            .map_err(|e| Error::new(arcoforge_core::error::Code::Bug, "no JSON").caused_by(e))?;
        hash.update(&text);
    }
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "plan": prepared.digest,
        "inputs": hex(&hash.finalize()),
    }))
}
