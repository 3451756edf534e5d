//! `{matrix.KEY}` in the texts of a recipe: found once, and replaced for every row.

use arcoforge_core::code::Code;

use crate::diagnostic::{Diagnostic, Span};
use crate::matrix::{Matrix, Row};
use crate::node::{Kind, Node, Spanned, shorten};
use crate::read::{Cx, suggest};

/// How a reference begins.
const OPEN: &str = "{matrix.";

/// One part of a text.
enum Part<'t> {
    Text(&'t str),
    /// The key, and its bytes in the text.
    Key(&'t str, Span),
    /// A reference with more than a key in it.
    Broken(Span),
}

/// The parts of a text; `{{matrix.` is a brace and a word.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut search = 0;
    while let Some(at) = text.get(search..).and_then(|rest| rest.find(OPEN)).map(|at| at + search) {
        search = at + OPEN.len();
        let braces = text.get(..at).map_or(0, |before| before.len() - before.trim_end_matches('{').len());
        if braces % 2 == 1 {
            continue;
        }
        let rest = text.get(search..).unwrap_or_default();
        let key = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        let end = search + key.len();
        parts.extend(text.get(from..at).filter(|text| !text.is_empty()).map(Part::Text));
        if rest.get(key.len()..).is_some_and(|rest| rest.starts_with('}')) && !key.is_empty() {
            parts.push(Part::Key(key, search..end));
            from = end + 1;
        } else {
            parts.push(Part::Broken(at..end));
            from = end;
        }
        search = from;
    }
    parts.extend(text.get(from..).filter(|text| !text.is_empty()).map(Part::Text));
    parts
}

/// Whether a text has references.
fn refers(text: &str) -> bool {
    text.contains(OPEN) && parts(text).iter().any(|part| !matches!(part, Part::Text(_)))
}

/// Where the texts with references stand, sorted; what is wrong with the references is reported.
pub(crate) fn references(node: &Node, matrix: Option<&Matrix>, cx: &mut Cx) -> Vec<Span> {
    let mut spans = Vec::new();
    visit(node, &mut |text| {
        if refers(&text.value) {
            spans.push(text.span.clone());
            if let Some(matrix) = matrix {
                check(text, matrix, cx);
            }
        }
    });
    spans.sort_by_key(|span| (span.start, span.end));
    spans
}

fn check(text: &Spanned<String>, matrix: &Matrix, cx: &mut Cx) {
    let known: Vec<&str> = matrix.keys.iter().map(String::as_str).collect();
    for part in parts(&text.value) {
        let (span, message, help) = match part {
            Part::Key(key, span) if !known.contains(&key) => (
                span,
                format!("`matrix` has no key `{}`", shorten(key)),
                suggest(key, &known, "the keys are"),
            ),
            Part::Broken(span) => {
                let help =
                    "only `{matrix.KEY}` is replaced; it takes no format, offset or function".to_owned();
                (span, "a reference to `matrix` is not closed behind its key".to_owned(), help)
            }
            _ => continue,
        };
        cx.push(Diagnostic::error(Code::RecipeTemplate, text.part(span), message).help(help));
    }
}

fn visit(node: &Node, found: &mut impl FnMut(&Spanned<String>)) {
    match &node.kind {
        Kind::Null => {}
        Kind::Scalar { text, .. } => found(&Spanned { value: text.clone(), span: node.span.clone() }),
        Kind::List(items) => items.iter().for_each(|item| visit(item, found)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| visit(value, found)),
    }
}

/// How many nodes there are.
pub(crate) fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Null | Kind::Scalar { .. } => 1,
        Kind::List(items) => items.iter().fold(1, |total, item| total.saturating_add(count(item))),
        Kind::Map(entries) => entries.iter().fold(1, |total, (_, value)| total.saturating_add(count(value))),
    }
}

/// The tree with the values of one row; `name` is made a name for a dataset where it has references.
pub(crate) fn substitute(node: &Node, matrix: &Matrix, row: &Row, source: &str) -> Node {
    let kind = match &node.kind {
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|(key, value)| {
                    let mut node = replaced(value, matrix, row, source);
                    if let (Kind::Scalar { text: written, .. }, Kind::Scalar { text, .. }) =
                        (&value.kind, &mut node.kind)
                        && key.value == "name"
                        && refers(written)
                    {
                        *text = slug(text);
                    }
                    (key.clone(), node)
                })
                .collect(),
        ),
        _ => return replaced(node, matrix, row, source),
    };
    Node { span: node.span.clone(), kind }
}

fn replaced(node: &Node, matrix: &Matrix, row: &Row, source: &str) -> Node {
    let kind = match &node.kind {
        Kind::Null => Kind::Null,
        Kind::Scalar { text, plain } if refers(text) => {
            return scalar(node, (text, *plain), (matrix, row), source);
        }
        Kind::Scalar { .. } => node.kind.clone(),
        Kind::List(items) => {
            Kind::List(items.iter().map(|item| replaced(item, matrix, row, source)).collect())
        }
        Kind::Map(entries) => Kind::Map(
            entries.iter().map(|(key, value)| (key.clone(), replaced(value, matrix, row, source))).collect(),
        ),
    };
    Node { span: node.span.clone(), kind }
}

/// A text that is one reference takes over whether the value was quoted, so that numbers stay numbers.
fn scalar(node: &Node, (text, plain): (&str, bool), (matrix, row): (&Matrix, &Row), source: &str) -> Node {
    let parts = parts(text);
    let value = |key: &str| matrix.value(row, key);
    let whole = match parts.as_slice() {
        [Part::Key(key, _)] => value(key).map(|raw| raw.plain),
        _ => None,
    };
    let mut replaced = String::new();
    for part in &parts {
        match part {
            Part::Text(text) => replaced.push_str(text),
            Part::Key(key, _) => replaced.push_str(value(key).map_or("", |raw| raw.text.as_str())),
            Part::Broken(_) => {}
        }
    }
    let span = whole_span(&node.span, replaced.len(), source);
    Node { span, kind: Kind::Scalar { text: replaced, plain: whole.unwrap_or(plain) } }
}

/// A span that can't be taken for that of `length` bytes as written: parts of the value stand elsewhere in the source
/// than [`Spanned::part`] would say, so that all of it has to be marked.
fn whole_span(span: &Span, length: usize, source: &str) -> Span {
    let mut start = span.start;
    while matches!(span.end.checked_sub(start).and_then(|marked| marked.checked_sub(length)), Some(0 | 2)) {
        let next = source.get(start..span.end).and_then(|rest| rest.chars().next());
        match next {
            Some(next) => start += next.len_utf8(),
            None => break,
        }
    }
    start..span.end
}

/// A name for a dataset: lower case, what is no letter or digit is a hyphen.
pub(crate) fn slug(text: &str) -> String {
    let hyphens = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    text.to_lowercase().chars().map(hyphens).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Raw;

    #[test]
    fn texts_are_replaced() {
        let raw = |text: &str, plain| Raw { text: text.into(), plain, span: 0..0 };
        let keys = vec!["a".to_owned(), "b_c".to_owned()];
        let matrix = Matrix { keys, rows: vec![Row::new(vec![raw("1", true), raw("X Y", false)])] };
        let rows = [
            ("{matrix.a}", "1 plain"),
            ("{matrix.b_c}", "X Y quoted"),
            ("{time}/{matrix.a}_{matrix.b_c}.nc", "{time}/1_X Y.nc quoted"),
            ("{{matrix.a}}", "{{matrix.a}} quoted"),
            ("{{{matrix.a}}}", "{{1}} quoted"),
            ("é{matrix.a}é", "é1é quoted"),
            ("matrix.a", "matrix.a quoted"),
        ];
        for (text, expected) in rows {
            let kind = Kind::Scalar { text: text.into(), plain: false };
            let node = replaced(&Node { span: 0..text.len() + 2, kind }, &matrix, &matrix.rows[0], text);
            let Kind::Scalar { text: found, plain } = node.kind else { panic!("{text}") };
            let quotes = if plain { "plain" } else { "quoted" };
            assert_eq!(format!("{found} {quotes}"), expected, "{text}");
        }
    }

    #[test]
    fn names_are_made() {
        for (text, expected) in [("ACCESS-CM2 r1", "access-cm2-r1"), ("_a.B_", "a-b"), ("é", "")] {
            assert_eq!(slug(text), expected, "{text}");
        }
    }
}
