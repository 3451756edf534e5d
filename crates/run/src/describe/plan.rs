//! A plan: what would be done, and what it costs.

use std::fmt::Write;

use arcoforge_core::combine::Note;
use arcoforge_core::figures::first_of;
use arcoforge_core::plan::{ArrayPlan, Mode};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::Dataset;
use serde_json::{Map, Value, json};

use super::values::{attributes, attrs_json, codecs, scalar_json, shape};
use super::{cost, reads as shown, steps};
use crate::figures::{bytes, count};
use crate::prepare::Prepared;
use crate::reads::reads;

/// Inputs without a file that are named.
const ABSENT_SHOWN: usize = 5;
/// Arrays that are named whose chunks are kept.
const KEPT_SHOWN: usize = 5;

/// Everything that a plan says, for people.
pub fn plan_text(prepared: &Prepared) -> String {
    let mut out = String::new();
    inputs(&mut out, prepared);
    steps::text(&mut out, prepared);
    dataset(&mut out, prepared);
    arrays(&mut out, prepared);
    cost::text(&mut out, prepared);
    left_out(&mut out, prepared);
    notes(&mut out, prepared);
    out
}

fn inputs(out: &mut String, prepared: &Prepared) {
    let found = prepared.files.len() as u64;
    let _ = writeln!(out, "inputs: {} found, {} absent", count(found, "file"), prepared.absent.len());
    let ends = [("first", prepared.inputs().next()), ("last", prepared.inputs().next_back())];
    for (name, input) in ends.into_iter().take(prepared.files.len()) {
        let Some(input) = input else { continue };
        let keys = input.keys.join(", ");
        let keys = if keys.is_empty() { keys } else { format!(" ({keys})") };
        let _ = writeln!(out, "  {name}{keys}: {}", input.url);
    }
    for absent in prepared.absent.iter().take(ABSENT_SHOWN) {
        let _ = writeln!(out, "  absent: {absent}");
    }
    if prepared.absent.len() > ABSENT_SHOWN {
        let _ = writeln!(out, "  ... and {} more absent", prepared.absent.len() - ABSENT_SHOWN);
    }
    shown::text(out, &reads(prepared), !prepared.plan.dataset.format.is_references());
}

fn dataset(out: &mut String, prepared: &Prepared) {
    let whole = &prepared.plan.dataset;
    let arrays = count(whole.arrays.len() as u64, "array");
    let levels = match prepared.plan.pyramid {
        true => format!(", {}", count(prepared.plan.levels.len() as u64 + 1, "level")),
        false => String::new(),
    };
    let _ = writeln!(out, "\ndataset: {}, {arrays}{levels}", format_name(whole.format));
    let finest = prepared.plan.finest();
    let dataset = &finest.dataset;
    out.push_str("\ndimensions:\n");
    for (dim, length) in dims(dataset) {
        let _ = writeln!(out, "  {dim} = {length}");
    }
    out.push_str("\nvariables:\n");
    for array in &dataset.arrays {
        let _ = writeln!(out, "  {} {}({})", array.dtype, array.name, array.dims.join(", "));
        attributes(out, "      ", &array.attrs, array.fill.as_ref().map(|f| (f, array.dtype)));
    }
    for (path, attrs) in &dataset.groups {
        let _ = writeln!(out, "\ngroup /{path}:");
        attributes(out, "  ", attrs, None);
    }
    if !whole.attrs.is_empty() {
        out.push_str("\nattributes:\n");
        attributes(out, "  ", &whole.attrs, None);
    }
}

/// Every dimension once, in the order of first use; the same name with another length in another group as well.
fn dims(dataset: &Dataset) -> Vec<(&str, u64)> {
    let mut dims: Vec<(&str, u64)> = Vec::new();
    for array in &dataset.arrays {
        for dim in array.dims.iter().map(String::as_str).zip(array.shape.iter().copied()) {
            if !dims.contains(&dim) {
                dims.push(dim);
            }
        }
    }
    dims
}

fn arrays(out: &mut String, prepared: &Prepared) {
    let head = ["array", "type", "shape", "chunk", "bytes", "shard", "codecs", "how"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    let references = prepared.plan.dataset.format.is_references();
    rows.extend(prepared.plan.arrays.iter().map(|array| row(array, references)));
    out.push_str("\narrays:\n");
    table(out, &rows);
    if let Some(text) = kept_chunks(prepared) {
        let _ = writeln!(out, "\n{text}");
    }
    // what is not referenced, notes say
    if !references {
        reasons(out, &prepared.plan.arrays);
    }
}

/// Which arrays keep the chunks of the published dataset, where a bake from nothing would choose others.
pub(crate) fn kept_chunks(prepared: &Prepared) -> Option<String> {
    let kept = |array: &ArrayPlan| {
        let anew = array.anew.as_deref()?;
        Some(format!("`{}` {}, anew {}", array.spec.name, shape(&array.spec.chunk), shape(anew)))
    };
    let arrays: Vec<String> = prepared.plan.arrays.iter().filter_map(kept).collect();
    let shown = first_of(&arrays, KEPT_SHOWN, "; ");
    (!arrays.is_empty()).then(|| {
        format!(
            "chunks are kept as they are in the published dataset where the recipe gives no numbers of cells: {shown}"
        )
    })
}

fn row(array: &ArrayPlan, references: bool) -> Vec<String> {
    let spec = &array.spec;
    vec![
        spec.name.clone(),
        spec.dtype.to_string(),
        shape(&spec.shape),
        shape(&spec.chunk),
        bytes(spec.chunk_bytes()),
        spec.shard.as_ref().map_or("-".to_owned(), |shard| shape(shard)),
        codecs(&spec.encoding.codecs),
        how(array, references).to_owned(),
    ]
}

const fn how(array: &ArrayPlan, references: bool) -> &'static str {
    match array.mode {
        Mode::Copy if references => "referenced",
        Mode::Copy => "copied",
        Mode::Values => "written",
        Mode::Decode if array.scratch.is_some() => "decoded, in two stages",
        Mode::Decode => "decoded",
        Mode::Coarsen => "of the level above",
    }
}

/// Why chunks are decoded, and of which arrays.
fn reasons(out: &mut String, arrays: &[ArrayPlan]) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for array in arrays.iter().filter(|a| a.mode == Mode::Decode && !a.reason.is_empty()) {
        match reasons.iter_mut().find(|(reason, _)| *reason == array.reason) {
            Some((_, names)) => names.push(&array.spec.name),
            None => reasons.push((&array.reason, vec![&array.spec.name])),
        }
    }
    for (at, (reason, names)) in reasons.into_iter().enumerate() {
        let head = if at == 0 { "\ndecoded rather than copied, because of:\n" } else { "" };
        let _ = writeln!(out, "{head}  {reason} ({})", names.join(", "));
    }
}

/// Columns, padded to their widest cell.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
}

fn left_out(out: &mut String, prepared: &Prepared) {
    if prepared.left_out.is_empty() {
        return;
    }
    out.push_str("\nattributes left out, because files differ:\n");
    for (variable, name) in &prepared.left_out {
        let _ = match variable.as_str() {
            "" => writeln!(out, "  {name}"),
            variable => writeln!(out, "  {variable}@{name}"),
        };
    }
}

fn notes(out: &mut String, prepared: &Prepared) {
    if !prepared.notes.is_empty() {
        out.push_str("\nnotes:\n");
    }
    for note in &prepared.notes {
        let _ = writeln!(out, "  {}", note.text());
    }
}

/// `Zarr v3`.
pub(crate) const fn format_name(format: TargetFormat) -> &'static str {
    match format {
        TargetFormat::Zarr3 => "Zarr v3",
        TargetFormat::Zarr2 => "Zarr v2",
        TargetFormat::Icechunk => "Icechunk",
        TargetFormat::IcechunkVirtual => "references (Icechunk)",
        TargetFormat::KerchunkJson => "references (kerchunk JSON)",
        TargetFormat::KerchunkParquet => "references (kerchunk Parquet)",
    }
}

/// The same as one JSON object.
pub fn plan_json(prepared: &Prepared) -> Value {
    let plan = &prepared.plan;
    let reads = reads(prepared);
    let input = |(i, read): (crate::prepare::Input, &crate::reads::Read)| {
        let mut json = json!({"keys": i.keys, "url": i.url, "bytes": i.validator.size});
        if let Value::Object(fields) = &mut json {
            fields.extend(shown::one_json(read));
        }
        json
    };
    let finest = plan.finest();
    let dims: Map<String, Value> =
        dims(&finest.dataset).into_iter().map(|(d, n)| (d.to_owned(), json!(n))).collect();
    let left_out = prepared.left_out.iter().map(|(v, a)| json!({"variable": v, "attribute": a}));
    let note = |n: &Note| json!({"variable": n.variable, "what": n.what, "items": n.items, "more": n.more});
    let notes = prepared.notes.iter().map(note);
    let mut json = json!({
        "digest": prepared.digest,
        "inputs": prepared.inputs().zip(&reads).map(input).collect::<Vec<_>>(),
        "absent": prepared.absent,
        "steps": steps::json(prepared),
        "format": plan.dataset.format,
        "dims": dims,
        "attrs": attrs_json(&plan.dataset.attrs),
        "levels": plan.pyramid.then(|| plan.levels.len() + 1),
        "arrays": plan.arrays.iter().map(array_json).collect::<Vec<_>>(),
        "attributes_left_out": left_out.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
    });
    if let Value::Object(fields) = &mut json {
        fields.extend(cost::json(prepared));
        fields.extend(shown::json(&reads));
    }
    json
}

fn array_json(array: &ArrayPlan) -> Value {
    let spec = &array.spec;
    let mut json = json!({
        "name": spec.name,
        "dtype": spec.dtype.name(),
        "dims": spec.dims,
        "shape": spec.shape,
        "chunk": spec.chunk,
        "chunk_bytes": spec.chunk_bytes(),
        "chunk_anew": array.anew,
        "shard": spec.shard,
        "endian": spec.encoding.endian,
        "codecs": spec.encoding.codecs,
        "fill_value": spec.fill.as_ref().map(|f| scalar_json(f, spec.dtype)),
        "attrs": attrs_json(&spec.attrs),
    });
    if let Value::Object(fields) = &mut json {
        fields.extend(cost::array_json(array));
    }
    json
}
