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
mod checksums;
mod codecs;
mod combine;
mod computed;
mod credentials;
mod diagnostic;
mod expand;
mod find;
mod keys;
mod masks;
mod matrix;
mod meant;
mod meant_axes;
mod meant_catalog;
mod meant_find;
mod meant_source;
mod meant_steps;
mod node;
mod outputs;
mod pyramids;
mod read;
mod reference;
mod scalar;
mod schema;
mod step_values;
mod steps;
mod subset;
mod substitute;
mod times;
mod values;
mod written;

use arcoforge_core::code::Code;
use arcoforge_core::recipe::Recipe;

pub use arguments::{
    PolicyArgument, parse_bytes, parse_chunks, parse_codecs, parse_format, parse_policy, parse_step,
    parse_take,
};
pub use diagnostic::{Diagnostic, Mark, Severity};
pub use matrix::ReadText;
pub use reference::reference;
pub use schema::json_schema;

use crate::expand::{Expanded, expand};
use crate::read::Cx;

/// Reads a recipe of one dataset. `name` is the file's name for messages; nothing is opened.
///
/// Returns the recipe with warnings, sorted by their place in the text.
///
/// # Errors
/// All problems of the recipe (and its warnings), sorted by their place; at least one is an error. A recipe that makes
/// several datasets is for [`parse_all`].
pub fn parse(text: &str, name: &str) -> Result<(Recipe, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut expanded, mut diagnostics) = read(text, name, &mut no_files)?;
    match (expanded.recipes.pop(), expanded.recipes.len()) {
        (Some(recipe), 0) => Ok((recipe, diagnostics)),
        (_, more) => {
            let message = format!("the recipe makes {} datasets, expected one here", more.saturating_add(1));
            let several = Diagnostic::error(Code::RecipeValue, expanded.several_at, message);
            diagnostics.push(several.label("several datasets").located(text, name));
            Err(diagnostics)
        }
    }
}

/// As [`parse`], for all datasets of a recipe: those of every row of its matrix, for each every output; in the order
/// written. No two have one name.
///
/// # Errors
/// As of [`parse`]; a problem that several rows have is reported once. A `matrix.csv` that is a file is refused.
pub fn parse_all(text: &str, name: &str) -> Result<(Vec<Recipe>, Vec<Diagnostic>), Vec<Diagnostic>> {
    parse_all_with(text, name, &mut no_files)
}

/// As [`parse_all`]; `read` gives the text of the file that `matrix.csv` names, or why it can't be had.
///
/// # Errors
/// As of [`parse_all`].
pub fn parse_all_with(
    text: &str,
    name: &str,
    read: &mut ReadText<'_>,
) -> Result<(Vec<Recipe>, Vec<Diagnostic>), Vec<Diagnostic>> {
    self::read(text, name, read).map(|(expanded, diagnostics)| (expanded.recipes, diagnostics))
}

fn no_files(_: &str) -> Result<String, String> {
    Err("found a file's name, and only a table within the recipe can be read here".to_owned())
}

fn read(
    text: &str,
    name: &str,
    read: &mut ReadText<'_>,
) -> Result<(Expanded, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut cx = Cx::default();
    let expanded = expand(text, read, &mut cx);
    let failed = cx.failed();
    let mut diagnostics: Vec<Diagnostic> =
        cx.diagnostics.into_iter().map(|d| d.located(text, name)).collect();
    diagnostics.sort_by_key(|d| (d.span.start, d.span.end));
    match expanded {
        Some(expanded) if !failed && !expanded.recipes.is_empty() => Ok((expanded, diagnostics)),
        _ => Err(diagnostics),
    }
}
