//! Names in columns: what all have in common, and what differs at the same place.

/// What stands at one place of every name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// One value per name.
    pub(super) values: Vec<String>,
    /// Every value consists of digits.
    pub(super) digits: bool,
}

impl Column {
    fn new(values: Vec<String>) -> Self {
        let digits = values.iter().all(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()));
        Self { values, digits }
    }

    /// The value that all names share.
    pub(super) fn constant(&self) -> Option<&str> {
        let first = self.values.first()?;
        self.values.iter().all(|v| v == first).then_some(first.as_str())
    }

    /// How many digits every value has, where it is the same number.
    pub(super) fn width(&self) -> Option<usize> {
        let width = self.values.first()?.len();
        (self.digits && self.values.iter().all(|v| v.len() == width)).then_some(width)
    }
}

/// Splits names at `/`, `_`, `-` and `.` and lines the parts up. Where names have different numbers of parts, what
/// stands between their common beginning and end is one part; `None` where there is none.
pub(super) fn columns(names: &[String]) -> Option<Vec<Column>> {
    let mut split: Vec<Vec<&str>> = names.iter().map(|name| fields(name)).collect();
    let length = split.first()?.len();
    if split.iter().any(|fields| fields.len() != length) {
        split = joined(names, &split)?;
    }
    let length = split.first()?.len();
    let mut columns = Vec::new();
    for at in 0..length {
        let values: Vec<&str> = split.iter().filter_map(|fields| fields.get(at).copied()).collect();
        columns.extend(refine(&values)?);
    }
    Some(columns)
}

/// The middle of every name as one part: behind the parts that are alike from the left, before those from the right.
fn joined<'a>(names: &'a [String], split: &[Vec<&'a str>]) -> Option<Vec<Vec<&'a str>>> {
    let first = split.first()?;
    let shortest = split.iter().map(Vec::len).min()?;
    let alike_at = |at: usize, from_end: bool| {
        let part = |fields: &Vec<&'a str>| {
            let at = if from_end { fields.len().checked_sub(at + 1)? } else { at };
            fields.get(at).copied()
        };
        let head = part(first);
        split.iter().all(|fields| head.zip(part(fields)).is_some_and(|(a, b)| alike(&runs(a), &runs(b))))
    };
    let left = (0..shortest).take_while(|at| alike_at(*at, false)).count();
    let right = (0..shortest.saturating_sub(left + 1)).take_while(|at| alike_at(*at, true)).count();
    if left + right == 0 {
        return None;
    }
    let one = |(name, fields): (&'a String, &Vec<&'a str>)| {
        let end = fields.len().checked_sub(right)?;
        let (head, tail) = (fields.get(..left)?, fields.get(end..)?);
        let bytes = |parts: &[&str]| parts.iter().map(|p| p.len()).sum::<usize>();
        let middle = name.get(bytes(head)..name.len().checked_sub(bytes(tail))?)?;
        let usable = !middle.is_empty() && !middle.contains('/');
        usable.then(|| head.iter().copied().chain([middle]).chain(tail.iter().copied()).collect())
    };
    names.iter().zip(split).map(one).collect()
}

/// The same but for digits.
fn alike(a: &[&str], b: &[&str]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (is_digits(a) && is_digits(b)))
}

const SEPARATORS: &[char] = &['/', '_', '-', '.'];

/// Parts and the separators between them, in turn.
fn fields(name: &str) -> Vec<&str> {
    name.split_inclusive(SEPARATORS)
        .flat_map(|part| match part.char_indices().last() {
            Some((at, c)) if SEPARATORS.contains(&c) => {
                let (word, separator) = part.split_at(at);
                [word, separator]
            }
            _ => [part, ""],
        })
        .collect()
}

/// One field in columns: its digits where only they differ, else the whole field. Separators may not differ.
fn refine(values: &[&str]) -> Option<Vec<Column>> {
    let first = values.first()?;
    let owned = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    if values.iter().all(|v| v == first) {
        let same = |part: &str| Column::new(vec![part.to_owned(); values.len()]);
        return Some(runs(first).into_iter().map(same).collect());
    }
    if values.iter().any(|v| v.is_empty() || SEPARATORS.iter().any(|c| v.strip_prefix(*c) == Some(""))) {
        return None;
    }
    // runs of digits and of others, where all values have the others alike
    let split: Vec<Vec<&str>> = values.iter().map(|v| runs(v)).collect();
    let head = split.first()?;
    if !split.iter().all(|runs| alike(runs, head)) {
        return Some(vec![Column::new(owned(values))]);
    }
    let column =
        |at: usize| Column::new(split.iter().filter_map(|r| r.get(at)).map(|v| (*v).to_owned()).collect());
    Some((0..head.len()).map(column).collect())
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Runs of digits and of other characters, in turn.
fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        runs.push(run);
        rest = behind;
    }
    runs
}
