//! From one text to all of its recipes: every row of the matrix, every output.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::code::Code;
use arcoforge_core::recipe::Recipe;

use crate::diagnostic::{Diagnostic, Span};
use crate::matrix::{Matrix, RECIPES_MAX, ReadText, matrix};
use crate::meant::{self, Made};
use crate::node::{Kind, Node, shorten, tree};
use crate::read::{Cx, Read};
use crate::substitute::{count, references, substitute};
use crate::{meant_find, meant_source, written};

/// Most nodes that the rows of a matrix may make.
const NODES_MAX: usize = 50_000_000;

/// All recipes of a text.
pub(crate) struct Expanded {
    /// In the order of the rows, then of the outputs.
    pub(crate) recipes: Vec<Recipe>,
    /// Where the text says that they are several.
    pub(crate) several_at: Span,
}

/// Reads and expands. The recipes are usable only where `cx` has no error.
pub(crate) fn expand(text: &str, read: &mut ReadText<'_>, cx: &mut Cx) -> Option<Expanded> {
    let mut root = tree(text, cx)?;
    let found = take_matrix(&mut root);
    let at = |key: &str| match &root.kind {
        Kind::Map(entries) => entries.iter().find(|(k, _)| k.value == key).map(|(k, _)| k.span.clone()),
        _ => None,
    };
    let several_at = found.as_ref().map(|node| node.span.clone()).or_else(|| at("output")).unwrap_or(0..0);
    let made = match found {
        None => one(&root, cx).into_iter().map(|made| (String::new(), made)).collect(),
        Some(node) => {
            let matrix = cx.within("matrix", |cx| matrix(&node, read, cx));
            rows(&root, matrix.as_ref(), (text, &node.span), cx)
        }
    };
    check_unique(&made, cx);
    Some(Expanded { recipes: made.into_iter().map(|(_, made)| made.recipe).collect(), several_at })
}

/// Takes the matrix out of the tree, as the rest is read for every row of it.
fn take_matrix(root: &mut Node) -> Option<Node> {
    let Kind::Map(entries) = &mut root.kind else { return None };
    let at = entries.iter().position(|(key, _)| key.value == "matrix")?;
    let (_, node) = entries.remove(at);
    (!matches!(node.kind, Kind::Null)).then_some(node)
}

/// The recipes of a tree without a matrix, one for each output.
fn one(root: &Node, cx: &mut Cx) -> Vec<Made> {
    let Some(written) = written::Recipe::read(root, cx) else { return Vec::new() };
    check_source(root, cx);
    meant::recipes(written, cx)
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
    if let Some((key, node)) = source.iter().find(|(key, _)| key.value == "find") {
        meant_find::check_kinds(node, &key.span, cx);
    }
}

/// The recipes of every row, with what the row is called. A problem is reported once, not for every row.
fn rows(root: &Node, matrix: Option<&Matrix>, (text, at): (&str, &Span), cx: &mut Cx) -> Vec<(String, Made)> {
    let before = cx.diagnostics.len();
    let spans = references(root, matrix, cx);
    let Some(matrix) = matrix.filter(|_| cx.diagnostics.len() == before) else {
        unexpanded(root, &spans, cx);
        return Vec::new();
    };
    if matrix.rows.len().saturating_mul(count(root)) > NODES_MAX {
        let message =
            format!("{} rows of `matrix` are too many for a recipe of this length", matrix.rows.len());
        return cx.bad_value(at, message, None).unwrap_or_default();
    }
    let mut all = Vec::new();
    let mut reported: BTreeSet<(Code, usize, usize)> = BTreeSet::new();
    for row in &matrix.rows {
        let mut own = Cx::default();
        let made = one(&substitute(root, matrix, row, text), &mut own);
        let label = matrix.label(row);
        let mut new = Vec::new();
        for mut diagnostic in own.diagnostics {
            let place = (diagnostic.code, diagnostic.span.start, diagnostic.span.end);
            if reported.contains(&place) {
                continue;
            }
            if matrix.rows.len() > 1 && inside(&spans, &diagnostic.span) {
                diagnostic.message += &format!(" (in the row `{}` of `matrix`)", shorten(&label));
            }
            new.push(place);
            cx.push(diagnostic);
        }
        reported.extend(new);
        if all.len().saturating_add(made.len()) > RECIPES_MAX {
            let message = format!("the recipe makes more than {RECIPES_MAX} datasets");
            return cx.bad_value(at, message, None).unwrap_or_default();
        }
        all.extend(made.into_iter().map(|made| (label.clone(), made)));
    }
    all
}

/// Reads the recipe where the matrix is wrong, for the problems that do not depend on it.
fn unexpanded(root: &Node, references: &[Span], cx: &mut Cx) {
    let mut own = Cx::default();
    one(root, &mut own);
    let independent = own.diagnostics.into_iter().filter(|d| !inside(references, &d.span));
    independent.for_each(|diagnostic| cx.push(diagnostic));
}

/// Whether a span lies in one of these, which are sorted.
fn inside(spans: &[Span], span: &Span) -> bool {
    let behind = spans.partition_point(|other| other.start <= span.start);
    behind.checked_sub(1).and_then(|at| spans.get(at)).is_some_and(|other| span.end <= other.end)
}

/// No two datasets have one name, or one target.
fn check_unique(made: &[(String, Made)], cx: &mut Cx) {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut targets: BTreeMap<&str, &str> = BTreeMap::new();
    let both = |first: &str, second: &str| match first == second {
        true if first.is_empty() => "two outputs".to_owned(),
        true => format!("two outputs of the row `{}`", shorten(first)),
        false => format!("the rows `{}` and `{}` of `matrix`", shorten(first), shorten(second)),
    };
    let (mut named_twice, mut written_twice) = (false, false);
    for (label, Made { recipe, name_at, to_at }) in made {
        let first = names.insert(&recipe.name, label);
        // two outputs of one name were reported where they are read
        if let Some(first) = first.filter(|first| !named_twice && first != label && !recipe.name.is_empty()) {
            named_twice = true;
            let message = format!("{} are both called `{}`", both(first, label), shorten(&recipe.name));
            let help = "write `{matrix.KEY}` into `name`, so that the names of all rows differ";
            cx.bad_value::<()>(name_at, message, Some(help.into()));
        }
        let (Some(to), Some(at)) = (&recipe.output.to, to_at) else { continue };
        if let Some(first) = targets.insert(to, label).filter(|_| !written_twice) {
            written_twice = true;
            let message = format!("{} are both written to `{}`", both(first, label), shorten(to));
            let help =
                "write `{matrix.KEY}` into `output.to`, or leave it out: `./NAME.zarr` is then the target";
            cx.push(Diagnostic::error(Code::RecipeValue, at.clone(), message).help(help));
        }
    }
}
