//! YAML text to a recipe and its diagnostics; the JSON Schema and the reference of the language.
//!
//! First in the flow: text → as-written types (with spans) → [`Recipe`]. All problems are reported at once, unknown
//! keys with the nearest known name. The same types make reader, JSON Schema and reference, so they can't disagree.
//!
//! ```
//! let text = "\
//! schema: 1
//! name: tiny
//! axes: {time: {concat: {from: 2000-01-01, to: 2000-01-31, every: 1 day}}}
//! source: {url: \"data/{time:%Y%m%d}.nc\"}
//! steps: [{renam: {ice: sic}}]
//! ";
//! let problems = arcoforge_recipe::parse(text, "recipe.yaml").unwrap_err();
//! assert_eq!(problems[0].code.as_str(), "recipe-unknown-step");
//! assert_eq!(problems[0].help.as_deref(), Some("did you mean `rename`?"));
//! ```
//!
//! YAML is read from the parser's events and not through serde: diagnostics need every key's span, whether a scalar
//! was quoted (`1.10` and `no` stay what was written), and reading on after the first problem.
//!
//! What this crate does not do: it opens no file and expands no pattern, and it has no clock (`now` stays `now`).

mod add_dim;
mod arguments;
mod attr_edits;
mod checks;
mod codecs;
mod combine;
mod diagnostic;
mod keys;
mod masks;
mod meant;
mod meant_axes;
mod meant_source;
mod meant_steps;
mod node;
mod outputs;
mod read;
mod reference;
mod scalar;
mod schema;
mod step_values;
mod steps;
mod subset;
mod times;
mod values;
mod written;

use arcoforge_core::recipe::Recipe;

pub use arguments::{
    PolicyArgument, parse_bytes, parse_chunks, parse_codecs, parse_format, parse_policy, parse_step,
    parse_take,
};
pub use diagnostic::{Diagnostic, Mark, Severity};
pub use reference::reference;
pub use schema::json_schema;

use crate::node::{Kind, Node, tree};
use crate::read::{Cx, Read};

/// Reads a recipe. `name` is the file's name for messages; nothing is opened.
///
/// Returns the recipe with warnings, sorted by their place in the text.
///
/// # Errors
/// All problems of the recipe (and its warnings), sorted by their place; at least one is an error.
pub fn parse(text: &str, name: &str) -> Result<(Recipe, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut cx = Cx::default();
    let recipe = read(text, &mut cx);
    let failed = cx.failed();
    let mut diagnostics: Vec<Diagnostic> =
        cx.diagnostics.into_iter().map(|d| d.located(text, name)).collect();
    diagnostics.sort_by_key(|d| (d.span.start, d.span.end));
    match recipe {
        Some(recipe) if !failed => Ok((recipe, diagnostics)),
        _ => Err(diagnostics),
    }
}

fn read(text: &str, cx: &mut Cx) -> Option<Recipe> {
    let root = tree(text, cx)?;
    let written = written::Recipe::read(&root, cx)?;
    check_source(&root, cx);
    Some(meant::recipe(written, cx))
}

/// Exactly one kind of input, counted on the keys as written, whether their values are right or not.
fn check_source(root: &Node, cx: &mut Cx) {
    let Kind::Map(entries) = &root.kind else { return };
    let Some((key, node)) = entries.iter().find(|(key, _)| key.value == "source") else { return };
    let Kind::Map(source) = &node.kind else { return };
    let kinds: Vec<_> = source
        .iter()
        .filter(|(key, node)| {
            matches!(key.value.as_str(), "url" | "files" | "find") && !matches!(node.kind, Kind::Null)
        })
        .map(|(key, _)| (key.value.as_str(), key.span.clone()))
        .collect();
    meant_source::check_kinds(&kinds, &key.span, cx);
}
