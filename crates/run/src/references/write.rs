//! References are written, one array after the other, beside the target.

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::hex;
use arcoforge_core::references::{Reference, References};
use arcoforge_core::target::ArraySpec;
use arcoforge_write::{JsonReferences, LocalStore, Objects, Written, parquet_metadata, parquet_objects};
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
    let format = prepared.plan.dataset.format;
    let written = if format.is_file() { json_file } else { parquet_folder };
    session.tell(&Event::Started { stage: Stage::Bake, total: prepared.plan.arrays.len() as u64 });
    let written = written(session, prepared, store, baked).map_err(|e| vec![e])?;
    session.tell(&Event::Finished { stage: Stage::Bake });
    Ok(written)
}

fn json_file(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &LocalStore,
    baked: &mut Baked,
) -> Result<(String, Written)> {
    let mut out = JsonReferences::create(store.staging(), &prepared.plan.dataset, &about(prepared)?)?;
    each(session, prepared, baked, &mut |spec, found, _| out.array(spec, &found))?;
    let written = out.finish()?;
    count(baked, written);
    Ok((String::new(), written))
}

fn parquet_folder(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &LocalStore,
    baked: &mut Baked,
) -> Result<(String, Written)> {
    each(session, prepared, baked, &mut |spec, found, baked| {
        parquet_objects(spec, &found).try_for_each(|object| {
            let (key, bytes) = object?;
            count(baked, store.write(&key, &bytes)?);
            Ok(())
        })
    })?;
    let (key, bytes) = parquet_metadata(&prepared.plan.dataset, &about(prepared)?)?;
    let written = store.write(&key, &bytes)?;
    count(baked, written);
    Ok((key, written))
}

const fn count(baked: &mut Baked, written: Written) {
    baked.objects += 1;
    baked.bytes_written += written.bytes;
}

/// Finds the references of all arrays, for a target that takes them at once. With `readable` they are also written to the
/// staging place of `store`, to be read back.
///
/// # Errors
/// As of [`write`].
pub(crate) fn collect(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &LocalStore,
    readable: bool,
    baked: &mut Baked,
) -> Outcome<Vec<(ArraySpec, References)>> {
    let fail = |e: Error| vec![e];
    session.tell(&Event::Started { stage: Stage::Bake, total: prepared.plan.arrays.len() as u64 });
    let mut file = match readable {
        true => {
            let about = about(prepared).map_err(fail)?;
            Some(JsonReferences::create(store.staging(), &prepared.plan.dataset, &about).map_err(fail)?)
        }
        false => None,
    };
    let mut all = Vec::with_capacity(prepared.plan.arrays.len());
    each(session, prepared, baked, &mut |spec, found, baked| {
        for reference in found.iter() {
            baked.objects += u64::from(reference != Reference::Absent);
            if let Reference::Inline(bytes) = reference {
                baked.bytes_written += bytes.len() as u64;
            }
        }
        file.as_mut().map_or(Ok(()), |file| file.array(spec, &found))?;
        all.push((spec.clone(), found));
        Ok(())
    })
    .map_err(fail)?;
    file.map_or(Ok(()), |file| file.finish().map(drop)).map_err(fail)?;
    session.tell(&Event::Finished { stage: Stage::Bake });
    Ok(all)
}

/// What takes the references of an array.
type Take<'a> = dyn FnMut(&ArraySpec, References, &mut Baked) -> Result<()> + 'a;

/// Finds the references of one array after the other; those of one only are in memory.
fn each(session: &Session<'_>, prepared: &Prepared, baked: &mut Baked, take: &mut Take<'_>) -> Result<()> {
    let format = prepared.plan.dataset.format;
    let (mut worker, mut files) = (Worker::new(), Files::new(format));
    for array in &prepared.plan.arrays {
        session.check_interrupt()?;
        let before = worker.bytes_read;
        let found = references(prepared, format, array, &mut worker, &mut files)?;
        take(&array.spec, found, baked)?;
        let bytes_read = worker.bytes_read - before;
        baked.bytes_read += bytes_read;
        session.tell(&Event::Advanced { stage: Stage::Bake, items: 1, bytes_read, bytes_written: 0 });
    }
    Ok(())
}

/// What the references are made of: the plan's digest, and that of the inputs with their versions. References have no place
/// for the version of a file: whoever doubts one compares this with the inputs of today.
fn about(prepared: &Prepared) -> Result<Value> {
    let mut hash = Sha256::new();
    for input in prepared.named_inputs() {
        let text = serde_json::to_vec(&input).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))?;
        hash.update(&text);
    }
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "plan": prepared.digest,
        "inputs": hex(&hash.finalize()),
    }))
}
