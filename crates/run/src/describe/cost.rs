//! What a plan costs: tasks, bytes, memory, and which way every array takes.

use std::fmt::Write;

use arcoforge_core::chunk::{ChunkRef, ChunkRefs};
use arcoforge_core::plan::{ArrayPlan, Filling, Mode};
use serde_json::{Map, Value, json};

use super::values::shape;
use crate::figures::{bytes, count};
use crate::prepare::Prepared;

/// From here on a source chunk counts as decoded more than once.
const MORE_THAN_ONCE: f64 = 1.005;

/// Bytes and numbers over all arrays.
struct Totals {
    chunks: u64,
    objects: u64,
    /// Bytes of cells that are decoded, as often as they are.
    decoded: u64,
    /// Bytes of stored chunks, each counted once.
    stored: u64,
}

impl Totals {
    fn of(prepared: &Prepared) -> Self {
        let arrays = &prepared.plan.arrays;
        let total = |of: &dyn Fn(&ArrayPlan) -> u64| arrays.iter().map(of).fold(0, u64::saturating_add);
        Self {
            chunks: total(&|array| array.spec.chunks().len()),
            objects: total(&|array| array.spec.objects().len()),
            decoded: total(&decoded),
            stored: total(&|array| stored(prepared, array)),
        }
    }
}

pub(super) fn text(out: &mut String, prepared: &Prepared) {
    let plan = &prepared.plan;
    let totals = Totals::of(prepared);
    let arrays = count(plan.arrays.len() as u64, "array");
    ways(out, &plan.arrays);
    let _ = writeln!(out, "\ncost:");
    if plan.scratch_tasks() > 0 {
        let _ = writeln!(
            out,
            "  {} fill {} of scratch storage first",
            count(plan.scratch_tasks(), "task"),
            bytes(plan.scratch_bytes())
        );
    }
    let _ = writeln!(
        out,
        "  {} of {arrays} write {} in {}",
        count(plan.tasks(), "task"),
        count(totals.chunks, "chunk"),
        count(totals.objects, "object")
    );
    let _ =
        writeln!(out, "  {} decoded, {} of stored chunks read", bytes(totals.decoded), bytes(totals.stored));
    let copied = plan.arrays.iter().filter(|a| a.mode == Mode::Copy).count();
    let _ = writeln!(out, "  {copied} of {arrays} copied without decoding");
    let threads = if plan.threads > 1 { format!(" of {} threads", plan.threads) } else { String::new() };
    let workers = count(plan.workers as u64, "worker");
    let ahead = match plan.ahead_bytes {
        0 => String::new(),
        ahead => format!(" ({} of it fetched ahead)", bytes(ahead)),
    };
    let _ = writeln!(out, "  at most {} of memory{ahead}, with {workers}{threads}", bytes(plan.peak_bytes));
}

/// Arrays whose source chunks are read and decoded more than once, or whose cells go through scratch storage.
fn ways(out: &mut String, arrays: &[ArrayPlan]) {
    let mut head = "\nrechunked:\n";
    for array in arrays {
        let often = array.decodes > MORE_THAN_ONCE;
        if array.mode != Mode::Decode || !often && array.scratch.is_none() {
            continue;
        }
        let name = &array.spec.name;
        let _ = match &array.scratch {
            Some(way) => writeln!(
                out,
                "{head}  {name}: in two stages: boxes of {} are read into {} of scratch storage, in pieces of {}",
                shape(&way.read),
                bytes(array.scratch_bytes()),
                shape(&way.intermediate)
            ),
            None => write!(out, "{head}  {name}: in one pass"),
        };
        let often = if often {
            format!("each chunk of the files is read {:.1} times", array.decodes)
        } else {
            "each chunk of the files is read once".to_owned()
        };
        let lead = if array.scratch.is_some() { "    " } else { "; " };
        let _ = writeln!(out, "{lead}{often}");
        head = "";
    }
}

/// The costs as fields of a JSON object.
pub(super) fn json(prepared: &Prepared) -> Map<String, Value> {
    let plan = &prepared.plan;
    let totals = Totals::of(prepared);
    let fields = json!({
        "tasks": plan.tasks(),
        "scratch_tasks": plan.scratch_tasks(),
        "workers": plan.workers,
        "threads": plan.threads,
        "chunks": totals.chunks,
        "objects": totals.objects,
        "bytes_decoded": totals.decoded,
        "bytes_stored": totals.stored,
        "bytes_scratch": plan.scratch_bytes(),
        "memory_bytes_ahead": plan.ahead_bytes,
        "memory_bytes_max": plan.peak_bytes,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The costs of one array as fields of a JSON object.
pub(super) fn array_json(array: &ArrayPlan) -> Map<String, Value> {
    let way = array.scratch.as_ref();
    let scratch = way.map(|way| {
        json!({
            "read": way.read,
            "intermediate": way.intermediate,
            "tasks": array.scratch_tasks(),
            "bytes": array.scratch_bytes(),
        })
    });
    let fields = json!({
        "tasks": array.tasks().len(),
        "how": match array.mode { Mode::Copy => "copy", Mode::Values => "values", Mode::Decode => "decode", Mode::Coarsen => "coarsen" },
        "reason": array.reason,
        "slab": array.slab,
        "decodes": array.decodes,
        "scratch": scratch,
        "worker_bytes": array.worker_bytes,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Decoded bytes of an array, as often as its source chunks are decoded.
fn decoded(array: &ArrayPlan) -> u64 {
    let spec = &array.spec;
    let once = spec.shape.iter().fold(spec.dtype.size_estimate(), |all: u64, &n| all.saturating_mul(n));
    if array.mode == Mode::Decode { (once as f64 * array.decodes) as u64 } else { once }
}

/// Stored bytes of the chunks that an array is made of; nothing for values in hand.
fn stored(prepared: &Prepared, array: &ArrayPlan) -> u64 {
    let Filling::Pieces(pieces) = &array.content else { return 0 };
    let refs = pieces.files.iter().flatten().filter_map(|piece| {
        let surveyed = prepared.surveyed.get(piece.file as usize)?;
        let mapped = prepared.files.get(piece.file as usize)?.view.variables.get(piece.variable as usize)?;
        let sources = mapped.sources().into_iter();
        Some(sources.filter_map(|source| surveyed.refs.get(source.source()?)).collect::<Vec<_>>())
    });
    let length = |chunk: ChunkRef| match chunk {
        ChunkRef::Stored { bytes, .. } => bytes,
        ChunkRef::Inline(bytes) => bytes.len() as u64,
        ChunkRef::Unallocated => 0,
    };
    refs.flatten().flat_map(ChunkRefs::iter).map(length).fold(0, u64::saturating_add)
}
