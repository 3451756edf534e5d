//! ecCodes' definitions of parameters, product templates and code tables, as `ci/grib/tables.py` packs them.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use arcoforge_codec::{Scratch, decode};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;

/// The length of the text, then the text as a Zstandard frame.
const PACKED: &[u8] = include_bytes!("tables.zst");

static TEXT: LazyLock<String> = LazyLock::new(unpack);
static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::parse(&TEXT));

/// What the definitions say; read once, when the first GRIB file is opened.
pub(super) fn tables() -> &'static Tables {
    &TABLES
}

/// One item of a section's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A number of a key.
    Field { key: &'static str, octets: u8, signed: bool, missing: bool },
    /// What follows up to [`Item::End`], as often as the key says.
    List(&'static str),
    /// The end of a list.
    End,
    /// So many numbers that are passed over.
    Array { octets: u8, count: &'static str },
    /// Another name of a key.
    Alias { name: &'static str, key: &'static str },
}

/// What a condition compares a key with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// A number.
    Number(i64),
    /// The number that stands for a missing one.
    Missing,
    /// All numbers of a list.
    Numbers(Vec<i64>),
    /// A text.
    Text(&'static str),
}

impl Wanted {
    /// For how many conditions it counts.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            _ => 1,
        }
    }
}

/// Conditions that must all hold.
pub(super) type Conditions = Vec<(&'static str, Wanted)>;

/// One file of a concept: values in order, with the numbers of their conditions, by the parameter they ask for.
#[derive(Debug, Default)]
pub(super) struct Concept {
    /// Place in the file, value, number of the conditions.
    rows: BTreeMap<Option<i64>, Vec<(u32, &'static str, usize)>>,
}

/// All definitions.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) version: &'static str,
    layouts: BTreeMap<&'static str, Vec<Item>>,
    codes: BTreeMap<(&'static str, i64), (&'static str, &'static str)>,
    conditions: Vec<&'static str>,
    parsed: Vec<OnceLock<Conditions>>,
    files: BTreeMap<&'static str, (&'static str, OnceLock<Concept>)>,
}

fn unpack() -> String {
    let Some((length, frame)) = PACKED.split_first_chunk() else { return String::new() };
    let mut out = vec![0; usize::try_from(u32::from_le_bytes(*length)).unwrap_or(0)];
    let encoding = Encoding { endian: Endian::Little, codecs: vec![Codec::Zstd { level: 22 }] };
    match decode(&encoding, 1, 0, frame, &mut out, &mut Scratch::default()) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

impl Tables {
    fn parse(text: &'static str) -> Self {
        let mut tables = Self::default();
        let mut file: Option<(&'static str, usize)> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let line = line.trim_end_matches('\n');
            match line.get(..2) {
                Some("F ") => {
                    tables.end_file(text, file.take(), start);
                    file = line.get(2..).map(|name| (name, at));
                }
                Some(head) if file.is_none() => {
                    tables.line(head, line.get(2..).unwrap_or_default());
                }
                _ => {}
            }
        }
        tables.end_file(text, file, at);
        tables.parsed.resize_with(tables.conditions.len(), OnceLock::new);
        tables
    }

    fn end_file(&mut self, text: &'static str, file: Option<(&'static str, usize)>, end: usize) {
        if let Some((name, start)) = file {
            self.files.insert(name, (text.get(start..end).unwrap_or_default(), OnceLock::new()));
        }
    }

    fn line(&mut self, head: &str, rest: &'static str) {
        match head {
            "V " => self.version = rest,
            "C " => self.conditions.push(rest),
            "S " => {
                let mut words = rest.split(' ');
                let name = words.next().unwrap_or_default();
                self.layouts.insert(name, words.filter_map(item).collect());
            }
            _ => {
                let mut cells = rest.split('\t');
                let (Some(table), Some(code), Some(short), Some(title)) =
                    (cells.next(), cells.next(), cells.next(), cells.next())
                else {
                    return;
                };
                if let Ok(code) = code.parse() {
                    self.codes.insert((table, code), (short, title));
                }
            }
        }
    }

    /// The layout of a section, such as `4.8` or, of the local part of GRIB 1 section 1, `1.98.1`.
    pub(super) fn layout(&self, name: &str) -> Option<&[Item]> {
        self.layouts.get(name).map(Vec::as_slice)
    }

    /// The abbreviation and the title of a code.
    pub(super) fn code(&self, table: &'static str, code: i64) -> Option<(&'static str, &'static str)> {
        self.codes.get(&(table, code)).copied()
    }

    /// A file of a concept: `2 ecmf shortName.lte33`.
    pub(super) fn concept(&'static self, name: &str) -> Option<&'static Concept> {
        let (text, concept) = self.files.get(name)?;
        Some(concept.get_or_init(|| self.read(text)))
    }

    fn read(&'static self, text: &'static str) -> Concept {
        let mut concept = Concept::default();
        let mut number = 0i64;
        for (row, line) in text.lines().enumerate() {
            let Some((value, step)) = line.rsplit_once('\t') else { continue };
            number += step.parse::<i64>().unwrap_or(0);
            let Ok(at) = usize::try_from(number) else { continue };
            let parameter = self.conditions(at).iter().find_map(|(key, wanted)| match wanted {
                Wanted::Number(n) if matches!(*key, "parameterNumber" | "indicatorOfParameter") => Some(*n),
                _ => None,
            });
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            concept.rows.entry(parameter).or_default().push((row, value, at));
        }
        concept
    }

    /// Conditions by number; none for a number that there is not.
    pub(super) fn conditions(&self, number: usize) -> &[(&'static str, Wanted)] {
        match (self.conditions.get(number), self.parsed.get(number)) {
            (Some(text), Some(parsed)) => parsed.get_or_init(|| conditions(text)),
            _ => &[],
        }
    }
}

impl Concept {
    /// Rows that may hold for a parameter, in the order of the file.
    pub(super) fn rows(&self, parameter: Option<i64>) -> Vec<(u32, &'static str, usize)> {
        let of = |key| self.rows.get(&key).map(Vec::as_slice).unwrap_or_default();
        let mut rows = of(None).to_vec();
        if parameter.is_some() {
            rows.extend_from_slice(of(parameter));
        }
        rows.sort_unstable();
        rows
    }
}

fn item(word: &'static str) -> Option<Item> {
    if let Some(count) = word.strip_prefix('[') {
        return Some(Item::List(count));
    }
    if word == "]" {
        return Some(Item::End);
    }
    if let Some(array) = word.strip_prefix('*') {
        let (octets, count) = array.split_once(',')?;
        return Some(Item::Array { octets: octets.parse().ok()?, count });
    }
    if let Some(alias) = word.strip_prefix('=') {
        let (name, key) = alias.split_once(':')?;
        return Some(Item::Alias { name, key });
    }
    let (key, size) = word.split_once('/')?;
    let (missing, size) = (size.ends_with('?'), size.trim_end_matches('?'));
    let (signed, size) = (size.starts_with('-'), size.trim_start_matches('-'));
    Some(Item::Field { key, octets: size.parse().ok()?, signed, missing })
}

fn conditions(text: &'static str) -> Conditions {
    let one = |word: &'static str| {
        let (key, value) = word.split_once('=')?;
        let wanted = match value {
            "m" => Wanted::Missing,
            _ => match (value.parse(), value.strip_prefix('[')) {
                (Ok(number), _) => Wanted::Number(number),
                (_, Some(list)) => {
                    Wanted::Numbers(list.trim_end_matches(']').split(',').flat_map(str::parse).collect())
                }
                _ => Wanted::Text(value),
            },
        };
        Some((key, wanted))
    };
    text.split_whitespace().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_unpack() {
        let tables = tables();
        assert!(tables.version.starts_with("2."), "{}", tables.version);
        assert!(tables.conditions.len() > 10_000);
        assert!(tables.concept("2 . shortName").is_some_and(|c| !c.rows.is_empty()));
        assert_eq!(tables.code("centre2", 7).map(|(short, _)| short), Some("kwbc"));
        let first = tables.layout("4.8").and_then(<[Item]>::first).copied();
        let field = Item::Field { key: "parameterCategory", octets: 1, signed: false, missing: false };
        assert_eq!(first, Some(field));
    }
}
