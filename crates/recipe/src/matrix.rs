//! `matrix`: the rows that make several datasets from one recipe.

use std::collections::BTreeSet;

use arcoforge_core::code::Code;
use arcoforge_core::csv;

use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, shorten};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, suggest, written};
use crate::scalar::Raw;

/// Most datasets of one recipe.
pub(crate) const RECIPES_MAX: usize = 100_000;
/// Most comparisons of rows with `exclude`.
const COMPARISONS_MAX: usize = 50_000_000;

/// Gives the text of a file that a recipe names, or why it can't be had.
pub type ReadText<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

written! {
    /// Several datasets from one recipe, one for each row. `{matrix.KEY}` stands for the row's value in any text of the
    /// recipe, but not in its keys.
    #[schemars(rename = "Matrix", extend("minProperties" = 1))]
    struct MatrixMap {
        required {}
        optional {
            /// Key → values; every combination is a row.
            values: Entries<OneOrMany<Raw>>,
            /// A table whose columns are further keys: comma-separated values, or the path of such a file. Every row
            /// of it is combined with every combination of `values`.
            csv: Text,
            /// Rows to leave out: those that have all these values.
            exclude: Vec<Entries<Raw>>,
            /// Rows to add; each with all keys.
            include: Vec<Entries<Raw>>,
        }
    }
}

/// The rows, expanded.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    /// The names of the columns, in the order written.
    pub(crate) keys: Vec<String>,
    /// At least one row, each with as many values.
    pub(crate) rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The values, in the order of the keys.
    pub(crate) values: Vec<Raw>,
    span: Span,
}

#[cfg(test)]
impl Row {
    pub(crate) fn new(values: Vec<Raw>) -> Self {
        Self { values, span: 0..0 }
    }
}

impl Matrix {
    /// The value of a key.
    pub(crate) fn value<'a>(&self, row: &'a Row, key: &str) -> Option<&'a Raw> {
        self.keys.iter().position(|known| known == key).and_then(|at| row.values.get(at))
    }

    /// A row as messages name it.
    pub(crate) fn label(&self, row: &Row) -> String {
        let pairs = self.keys.iter().zip(&row.values);
        pairs.map(|(key, raw)| format!("{key}: {}", raw.text)).collect::<Vec<_>>().join(", ")
    }
}

/// Reads and expands a matrix. `None` where anything is wrong with it, which was reported then.
pub(crate) fn matrix(node: &Node, read: &mut ReadText<'_>, cx: &mut Cx) -> Option<Matrix> {
    let before = cx.diagnostics.len();
    let map = MatrixMap::read(node, cx)?;
    let mut columns: Vec<(Text, Vec<Raw>)> = Vec::new();
    for (key, values) in map.values.map_or_else(Vec::new, |values| values.0) {
        check_values(&key, &values.0, cx);
        columns.push((key, values.0));
    }
    let mut table = Vec::new();
    let mut keys: Vec<Text> = columns.iter().map(|(key, _)| key.clone()).collect();
    if let Some(csv) = &map.csv {
        let (names, rows) = read_csv(csv, read, cx)?;
        keys.extend(names);
        table = rows;
    }
    let include = map.include.unwrap_or_default();
    if keys.is_empty() {
        keys.extend(include.iter().take(1).flat_map(|row| row.0.iter().map(|(key, _)| key.clone())));
    }
    check_keys(&keys, cx);
    if cx.diagnostics.len() > before {
        return None;
    }
    let combined = !columns.is_empty() || map.csv.is_some();
    let mut rows = if combined { product(&columns, table, &node.span, cx)? } else { Vec::new() };
    exclude(&mut rows, &keys, &map.exclude.unwrap_or_default(), cx);
    for row in include {
        rows.extend(included(row, &keys, &node.span, cx));
    }
    check_rows(&rows, &node.span, cx);
    (cx.diagnostics.len() == before)
        .then(|| Matrix { keys: keys.into_iter().map(|key| key.value).collect(), rows })
}

fn check_values(key: &Text, values: &[Raw], cx: &mut Cx) {
    if values.is_empty() {
        let message = format!("`matrix.values.{}` lists no values", shorten(&key.value));
        cx.bad_value::<()>(&key.span, message, None);
    }
    values.iter().for_each(|raw| check_value(raw, cx));
}

/// A value is put into texts that may be templates.
fn check_value(raw: &Raw, cx: &mut Cx) {
    if raw.text.contains(['{', '}']) {
        let message = format!("`{}` has braces, which a value of `matrix` can't have", shorten(&raw.text));
        cx.bad_value::<()>(&raw.span, message, None);
    }
}

fn read_csv(csv: &Text, read: &mut ReadText<'_>, cx: &mut Cx) -> Option<(Vec<Text>, Vec<Vec<Raw>>)> {
    let inline = csv.value.contains('\n');
    let text = if inline { Ok(csv.value.clone()) } else { read(&csv.value) };
    let wrong = |message: String| {
        if inline {
            format!("`matrix.csv`: {message}")
        } else {
            format!("`{}`: {message}", shorten(&csv.value))
        }
    };
    let (names, rows) = match text.and_then(|text| csv::table(&text, RECIPES_MAX)) {
        Ok(table) => table,
        Err(message) => return cx.bad_value(&csv.span, wrong(message), None),
    };
    if rows.is_empty() {
        return cx.bad_value(&csv.span, wrong("the table has no rows".to_owned()), None);
    }
    let raw = |text| Raw { text, plain: true, span: csv.span.clone() };
    let rows: Vec<Vec<Raw>> = rows.into_iter().map(|cells| cells.into_iter().map(raw).collect()).collect();
    rows.iter().flatten().for_each(|cell| check_value(cell, cx));
    let names = names.into_iter().map(|value| Text { value, span: csv.span.clone() }).collect();
    Some((names, rows))
}

fn check_keys(keys: &[Text], cx: &mut Cx) {
    let mut seen = BTreeSet::new();
    for key in keys {
        let word = key.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && key.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !word {
            let message = format!("`{}` can't be a key of `matrix`", shorten(&key.value));
            let help = "a key has letters, digits and underscores, and begins with a letter".to_owned();
            cx.bad_value::<()>(&key.span, message, Some(help));
        } else if !seen.insert(&key.value) {
            let message = format!("`matrix` has the key `{}` twice", key.value);
            cx.bad_value::<()>(&key.span, message, None);
        }
    }
}

/// Every combination of values, each with every row of the table.
fn product(columns: &[(Text, Vec<Raw>)], table: Vec<Vec<Raw>>, span: &Span, cx: &mut Cx) -> Option<Vec<Row>> {
    let table = if table.is_empty() { vec![Vec::new()] } else { table };
    let count = columns.iter().fold(table.len(), |count, (_, values)| count.saturating_mul(values.len()));
    if count > RECIPES_MAX {
        let message = format!("`matrix` makes {count} datasets, expected at most {RECIPES_MAX}");
        return cx.bad_value(span, message, None);
    }
    let mut rows: Vec<Vec<Raw>> = vec![Vec::new()];
    for (_, values) in columns {
        let longer = |row: &Vec<Raw>, raw: &Raw| row.iter().chain([raw]).cloned().collect();
        rows = rows.iter().flat_map(|row| values.iter().map(move |raw| longer(row, raw))).collect();
    }
    let whole = |row: &Vec<Raw>, cells: &Vec<Raw>| Row {
        values: row.iter().chain(cells).cloned().collect(),
        span: span.clone(),
    };
    Some(rows.iter().flat_map(|row| table.iter().map(move |cells| whole(row, cells))).collect())
}

fn exclude(rows: &mut Vec<Row>, keys: &[Text], excluded: &[Entries<Raw>], cx: &mut Cx) {
    if rows.len().saturating_mul(excluded.len()) > COMPARISONS_MAX {
        let message = format!("{} rows to exclude from {} are too many", excluded.len(), rows.len());
        let span = excluded.first().and_then(|one| one.0.first()).map_or(0..0, |(key, _)| key.span.clone());
        cx.bad_value::<()>(&span, message, Some("list the rows themselves, with `csv`".into()));
        return;
    }
    for one in excluded {
        let known = |(key, raw)| Some((position(keys, key, cx)?, raw));
        let wanted: Vec<Option<(usize, &Raw)>> =
            one.0.iter().map(|(key, raw)| (key, raw)).map(known).collect();
        let Some(wanted) = wanted.into_iter().collect::<Option<Vec<_>>>() else { continue };
        let before = rows.len();
        rows.retain(|row| {
            wanted.iter().any(|(at, raw)| row.values.get(*at).is_none_or(|value| value.text != raw.text))
        });
        if let (true, Some((key, _))) = (rows.len() == before, one.0.first()) {
            let message = "no row of `matrix` has all these values: nothing is excluded".to_owned();
            cx.bad_value::<()>(&key.span, message, None);
        }
    }
}

fn position(keys: &[Text], key: &Text, cx: &mut Cx) -> Option<usize> {
    let at = keys.iter().position(|known| known.value == key.value);
    if at.is_none() {
        let known: Vec<&str> = keys.iter().map(|key| key.value.as_str()).collect();
        let message = format!("`matrix` has no key `{}`", shorten(&key.value));
        let diagnostic = Diagnostic::error(Code::RecipeUnknownKey, key.span.clone(), message);
        let help = suggest(&key.value, &known, "the keys are");
        cx.push(diagnostic.label("unknown key").help(help));
    }
    at
}

fn included(row: Entries<Raw>, keys: &[Text], span: &Span, cx: &mut Cx) -> Option<Row> {
    let span = row.0.first().map_or(span.clone(), |(key, _)| key.span.clone());
    let mut values: Vec<Option<Raw>> = vec![None; keys.len()];
    for (key, raw) in row.0 {
        check_value(&raw, cx);
        if let Some(at) = position(keys, &key, cx)
            && let Some(value) = values.get_mut(at)
        {
            *value = Some(raw);
        }
    }
    let lacking = keys.iter().zip(&values).find(|(_, value)| value.is_none());
    if let Some((key, _)) = lacking {
        cx.within("include", |cx| {
            cx.missing_key(&span, &key.value, Some("a row that is added has all keys"));
        });
    }
    Some(Row { values: values.into_iter().collect::<Option<_>>()?, span })
}

fn check_rows(rows: &[Row], span: &Span, cx: &mut Cx) {
    if rows.is_empty() {
        let help = "give `values`, `csv` or `include`, and do not exclude all of them".to_owned();
        cx.bad_value::<()>(span, "`matrix` has no rows".to_owned(), Some(help));
    }
    if rows.len() > RECIPES_MAX {
        let message = format!("`matrix` has {} rows, expected at most {RECIPES_MAX}", rows.len());
        cx.bad_value::<()>(span, message, None);
    }
    let mut seen = BTreeSet::new();
    for row in rows {
        let texts: Vec<&str> = row.values.iter().map(|raw| raw.text.as_str()).collect();
        if !seen.insert(texts.clone()) {
            let message = format!("`matrix` has the row `{}` twice", shorten(&texts.join(", ")));
            cx.bad_value::<()>(&row.span, message, None);
            return;
        }
    }
}
