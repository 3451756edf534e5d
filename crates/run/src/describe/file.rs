//! One file or store.

use std::fmt::Write;

use arcoforge_core::schema::{Storage, Variable, base_name, group_of};
use serde_json::{Value, json};

use super::values::{attributes, attrs_json, encoding, scalar_json, shape};
use crate::figures::bytes;
use crate::inspect::{InRepository, Inspected};

/// What is in a file, in the manner of `ncdump -h`, with storage.
pub fn file_text(found: &Inspected) -> String {
    let format =
        if found.repository.is_some() { "Icechunk repository".to_owned() } else { found.format.to_string() };
    let mut out = format!("{}: {format}", found.input);
    if let Some(count) = found.file_bytes {
        let _ = write!(out, ", {}", bytes(count));
    }
    out.push('\n');
    let schema = &found.schema;
    out.push_str("\ndimensions:\n");
    for (dim, length) in schema.dims() {
        let _ = writeln!(out, "  {dim} = {length}");
    }
    out.push_str("\nvariables:\n");
    for variable in &schema.variables {
        describe(&mut out, variable);
    }
    if !schema.unreadable.is_empty() {
        out.push_str("\ncan't be read:\n");
        for unreadable in &schema.unreadable {
            let _ = writeln!(out, "  {}: {}", unreadable.name, unreadable.reason);
        }
    }
    for (path, attrs) in &schema.groups {
        let _ = writeln!(out, "\ngroup /{path}:");
        attributes(&mut out, "  ", attrs, None);
    }
    if !schema.attrs.is_empty() {
        out.push_str("\nattributes:\n");
        attributes(&mut out, "  ", &schema.attrs, None);
    }
    if let Some(repository) = &found.repository {
        versions(&mut out, repository);
    }
    out
}

/// Branches, tags and the history of a repository.
fn versions(out: &mut String, found: &InRepository) {
    let _ = writeln!(out, "\nbranches: {}", found.branches.join(", "));
    for (tag, snapshot) in &found.tags {
        let _ = writeln!(out, "tag {tag}: {snapshot}");
    }
    out.push_str("\nhistory:\n");
    for snapshot in &found.history {
        let _ = writeln!(out, "  {} {}  {}", snapshot.id, snapshot.committed, snapshot.message);
        if let Some(bake) = &snapshot.bake {
            let _ = writeln!(out, "      digest {}, by arcoforge {}", bake.digest, bake.program);
        }
    }
}

fn versions_json(found: &InRepository) -> Value {
    let history = found.history.iter().map(|snapshot| {
        let bake = snapshot.bake.as_ref().map(|bake| {
            json!({
                "recipe": bake.recipe,
                "recipe_sha256": bake.recipe_digest,
                "inputs_sha256": bake.inputs_digest,
                "digest": bake.digest,
                "version": bake.program,
            })
        });
        json!({
            "snapshot": snapshot.id, "committed": snapshot.committed, "message": snapshot.message, "bake": bake,
        })
    });
    let tags: serde_json::Map<String, Value> =
        found.tags.iter().map(|(tag, snapshot)| (tag.clone(), json!(snapshot))).collect();
    json!({
        "snapshot": found.snapshot,
        "branches": found.branches,
        "tags": tags,
        "history": history.collect::<Vec<_>>(),
    })
}

fn describe(out: &mut String, variable: &Variable) {
    // dimensions of the variable's own group go by their last name
    let own = |dim: &String| {
        if group_of(dim) == variable.group() { base_name(dim).to_owned() } else { dim.clone() }
    };
    let dims: Vec<String> = variable.dims.iter().map(own).collect();
    let _ = writeln!(out, "  {} {}({})", variable.dtype, variable.name, dims.join(", "));
    let _ = writeln!(out, "      {}, {}", shape(&variable.shape), storage_text(variable));
    attributes(out, "      ", &variable.attrs, variable.fill.as_ref().map(|f| (f, variable.dtype)));
}

/// Chunks, byte order and filters. All formats that are read keep the last dimension fastest.
fn storage_text(variable: &Variable) -> String {
    match &variable.storage {
        Storage::Whole => "read as a whole, row-major".to_owned(),
        Storage::Chunks { chunk, encoding: how, chunked, .. } => {
            let layout = if *chunked { format!("chunks {}", shape(chunk)) } else { "contiguous".to_owned() };
            format!("{layout}, {}, row-major", encoding(how, variable.dtype))
        }
    }
}

/// The same as one JSON object.
pub fn file_json(found: &Inspected) -> Value {
    let schema = &found.schema;
    let dims: serde_json::Map<String, Value> =
        schema.dims().into_iter().map(|(dim, length)| (dim, json!(length))).collect();
    let groups = schema.groups.iter().map(|(path, attrs)| json!({"path": path, "attrs": attrs_json(attrs)}));
    let unreadable = schema.unreadable.iter().map(|u| json!({"name": u.name, "reason": u.reason}));
    let mut all = json!({
        "input": found.input,
        "format": if found.repository.is_some() { json!("icechunk") } else { json!(found.format) },
        "bytes": found.file_bytes,
        "dims": dims,
        "attrs": attrs_json(&schema.attrs),
        "groups": groups.collect::<Vec<_>>(),
        "variables": schema.variables.iter().map(|v| variable_json(v)).collect::<Vec<_>>(),
        "unreadable": unreadable.collect::<Vec<_>>(),
    });
    if let (Some(repository), Some(all)) = (&found.repository, all.as_object_mut()) {
        all.insert("repository".to_owned(), versions_json(repository));
    }
    all
}

fn variable_json(variable: &Variable) -> Value {
    let storage = match &variable.storage {
        Storage::Whole => json!({"layout": "whole"}),
        Storage::Chunks { chunk, encoding, chunked, .. } => json!({
            "layout": if *chunked { "chunked" } else { "contiguous" },
            "chunks": if *chunked { json!(chunk) } else { Value::Null },
            "endian": encoding.endian,
            "codecs": encoding.codecs,
            "order": "C",
        }),
    };
    json!({
        "name": variable.name,
        "dtype": variable.dtype.name(),
        "dims": variable.dims,
        "shape": variable.shape,
        "fill_value": variable.fill.as_ref().map(|f| scalar_json(f, variable.dtype)),
        "attrs": attrs_json(&variable.attrs),
        "storage": storage,
    })
}
