//! What can't be referenced, of every array, before anything is written.

use std::sync::Arc;

use arcoforge_core::combine::{Note, Pieces};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{ArrayPlan, Filling, Mode};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_store::{Access, Object};

use super::{Files, INLINE_BYTES, Place, places};
use crate::Outcome;
use crate::figures::bytes;
use crate::prepare::Prepared;

/// What helps where only some chunks are in the way.
const BAKE: &str = "bake to `zarr3`, which holds chunks of its own";
/// The same of servers without ranges.
const MIRROR: &str =
    "bake to `zarr3`, which holds chunks of its own, or reference a mirror that sends ranges";

/// Looks for every chunk where it is; gives back what is written into the target although it lies in files.
///
/// # Errors
/// `target-unsupported` for every array that can't be referenced and is not small, each with the reason and what to change;
/// `source-corrupt` for references beyond the end of a file.
pub(crate) fn refuse(prepared: &Prepared, format: TargetFormat) -> Outcome<Vec<Note>> {
    let mut files = Files::new(format);
    let (mut errors, mut notes) = (Vec::new(), Vec::new());
    for array in &prepared.plan.arrays {
        match obstacle(prepared, format, array, &mut files) {
            Ok(None) => {}
            Ok(Some(found)) if found.bytes <= INLINE_BYTES => notes.push(found.note(array)),
            Ok(Some(found)) => errors.push(found.error(array)),
            Err(error) => errors.push(error.in_variable(&array.spec.name)),
        }
    }
    if errors.is_empty() { Ok(notes) } else { Err(errors) }
}

/// What is in the way.
struct Obstacle {
    reason: String,
    remedy: &'static str,
    /// Decoded bytes of what can't be referenced.
    bytes: u64,
    /// The first file that it was found in, where only some chunks are in the way.
    url: Option<String>,
}

impl Obstacle {
    fn note(self, array: &ArrayPlan) -> Note {
        let what =
            format!("written into the target ({}), not referenced: {}", bytes(self.bytes), self.reason);
        Note { variable: array.spec.name.clone(), what, items: Vec::new(), more: 0 }
    }

    fn error(self, array: &ArrayPlan) -> Error {
        let name = &array.spec.name;
        let message = format!(
            "`{name}` can't be referenced: {} (it is too large to be written into the target: {}, and {} are allowed)",
            self.reason,
            bytes(self.bytes),
            bytes(INLINE_BYTES)
        );
        let error = Error::new(Code::TargetUnsupported, message).in_variable(name);
        let error = error.help(format!("{}; `drop: ['{name}']` leaves it out", self.remedy));
        match self.url {
            Some(url) => error.at(url),
            None => error,
        }
    }
}

fn obstacle(
    prepared: &Prepared,
    format: TargetFormat,
    array: &ArrayPlan,
    files: &mut Files,
) -> Result<Option<Obstacle>> {
    let spec = &array.spec;
    match (&array.content, array.mode) {
        (Filling::Values(_) | Filling::Coarser(_), _) => Ok(None),
        (Filling::Pieces(pieces), Mode::Copy) => some(prepared, format, array, pieces, files),
        (Filling::Pieces(_), _) => {
            let cells = spec.shape.iter().fold(1_u64, |all, &n| all.saturating_mul(n));
            let bytes = cells.saturating_mul(spec.dtype.size_estimate());
            Ok(Some(Obstacle { reason: array.reason.clone(), remedy: array.remedy, bytes, url: None }))
        }
    }
}

/// The chunks of an array that can't be referenced, although others can.
fn some(
    prepared: &Prepared,
    format: TargetFormat,
    array: &ArrayPlan,
    pieces: &Pieces,
    files: &mut Files,
) -> Result<Option<Obstacle>> {
    let spec = &array.spec;
    let mut found: Option<Obstacle> = None;
    places(prepared, format, spec, pieces, &mut |_, place| {
        let (reason, remedy, url) = match place {
            Place::Absent | Place::Bytes(_) => return Ok(()),
            Place::Nowhere(reason) => (reason, BAKE, None),
            Place::Range(object, offset, length) => {
                let size = object.end();
                let end = offset.saturating_add(length);
                if end > size {
                    let message =
                        format!("found a reference to bytes {offset}..{end} in a file of {size} bytes");
                    return Err(Error::new(Code::SourceCorrupt, message)
                        .at(object.url())
                        .help("the file is truncated or damaged: fetch it again"));
                }
                if files.find(object, offset)?.is_some() {
                    return Ok(());
                }
                if object.access() == Access::NoRanges {
                    let reason = "the server of a file sends no ranges, by which readers ask for chunks";
                    (reason.to_owned(), MIRROR, Some(object.url()))
                } else {
                    (unnameable(files, object, offset)?, BAKE, Some(object.url()))
                }
            }
        };
        let obstacle =
            found.get_or_insert_with(|| Obstacle { reason, remedy, bytes: 0, url: url.map(str::to_owned) });
        obstacle.bytes = obstacle.bytes.saturating_add(spec.chunk_bytes());
        Ok(())
    })?;
    Ok(found)
}

/// Why the target can't name what holds a byte.
fn unnameable(files: &mut Files, object: &Arc<dyn Object>, offset: u64) -> Result<String> {
    Ok(match files.found(object, offset)? {
        Some((found, _)) => format!(
            "Icechunk's clients read files, HTTP without queries and S3, and not `{}`",
            found.url.split('?').next().unwrap_or_default()
        ),
        None if arcoforge_read::dap::is_dataset(object.url()) => {
            "an OPeNDAP server makes what it is asked for: there is no file to refer to".to_owned()
        }
        None => "a file is compressed as a whole, and has no ranges of its own".to_owned(),
    })
}
