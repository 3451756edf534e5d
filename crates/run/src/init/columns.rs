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

/// Splits names at `/`, `_`, `-` and `.` and lines the parts up; `None` where names are built differently.
pub(super) fn columns(names: &[String]) -> Option<Vec<Column>> {
    let split: Vec<Vec<&str>> = names.iter().map(|name| fields(name)).collect();
    let length = split.first()?.len();
    if split.iter().any(|fields| fields.len() != length) {
        return None;
    }
    let mut columns = Vec::new();
    for at in 0..length {
        let values: Vec<&str> = split.iter().filter_map(|fields| fields.get(at).copied()).collect();
        columns.extend(refine(&values)?);
    }
    Some(columns)
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
    if values.iter().any(|v| v.is_empty() || v.contains(SEPARATORS)) {
        return None;
    }
    // runs of digits and of others, where all values have the others alike
    let split: Vec<Vec<&str>> = values.iter().map(|v| runs(v)).collect();
    let head = split.first()?;
    let alike = split.iter().all(|runs| {
        runs.len() == head.len()
            && runs.iter().zip(head).all(|(a, b)| a == b || (is_digits(a) && is_digits(b)))
    });
    if !alike {
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
