//! The known units: names, symbols and prefixes, looked up in sorted tables that are filled once.

use std::cmp::Ordering;
use std::sync::OnceLock;

use super::definitions::{DEFINITIONS, NAME_PREFIXES, SYMBOL_PREFIXES};
use super::{Unit, parse};
use crate::names;

/// Longer names are not compared with the known ones.
const NEAREST_LENGTH_MAX: usize = 40;
/// Shorter names are near to everything; of them only the case may be wrong.
const NEAREST_LENGTH_MIN: usize = 4;
/// Symbols with prefixes that people write in another case.
const PREFIXED: &[&str] =
    &["hPa", "kPa", "MPa", "mPa", "km", "cm", "mm", "µm", "kg", "mg", "dBZ", "kHz", "MHz", "GHz"];

/// Names in any case and symbols, each sorted.
#[derive(Default)]
pub(super) struct Known {
    names: Vec<(&'static str, Unit)>,
    symbols: Vec<(&'static str, Unit)>,
}

/// The units of UDUNITS.
fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(Known::build)
}

/// The unit of a name with its prefixes, as UDUNITS takes it apart: the whole, else the longest prefix off and again.
/// Prefixes of names may be many, of symbols one.
pub(super) fn unit(name: &str) -> Option<Unit> {
    known().unit(name)
}

impl Known {
    fn build() -> Self {
        let mut known = Self::default();
        let mut bases = 0;
        for (definition, names, symbols) in DEFINITIONS {
            let unit = if definition.is_empty() {
                bases += 1;
                Unit::base(bases - 1)
            } else {
                parse::parse_with(definition, &|name| known.unit(name)).ok()
            };
            // every definition is a unit: a test counts them
            let Some(unit) = unit else { continue };
            names.split_whitespace().for_each(|name| insert(&mut known.names, name, unit, any_case));
            symbols.split_whitespace().for_each(|symbol| insert(&mut known.symbols, symbol, unit, Ord::cmp));
        }
        known
    }

    fn unit(&self, name: &str) -> Option<Unit> {
        // a blank that does not break stands for an underscore
        let spelled = name.contains('\u{a0}').then(|| name.replace('\u{a0}', "_"));
        let (mut rest, mut factor, mut symbol_seen) = (spelled.as_deref().unwrap_or(name), 1.0, false);
        while !rest.is_empty() {
            if let Some(found) = self.whole(rest) {
                return if factor == 1.0 { Some(found) } else { found.prefixed(factor) };
            }
            let (value, length) = match longest(NAME_PREFIXES, rest, true) {
                Some(found) => found,
                None if symbol_seen => return None,
                None => {
                    symbol_seen = true;
                    longest(SYMBOL_PREFIXES, rest, false)?
                }
            };
            factor *= value;
            rest = rest.get(length..)?;
        }
        None
    }

    fn whole(&self, name: &str) -> Option<Unit> {
        find(&self.names, name, any_case).or_else(|| find(&self.symbols, name, Ord::cmp))
    }
}

type Order = fn(&str, &str) -> Ordering;

fn insert(table: &mut Vec<(&'static str, Unit)>, name: &'static str, unit: Unit, order: Order) {
    // the first definition stays
    if let Err(at) = table.binary_search_by(|(known, _)| order(known, name)) {
        table.insert(at, (name, unit));
    }
}

fn find(table: &[(&'static str, Unit)], name: &str, order: Order) -> Option<Unit> {
    let at = table.binary_search_by(|(known, _)| order(known, name)).ok()?;
    table.get(at).map(|(_, unit)| *unit)
}

fn any_case(a: &str, b: &str) -> Ordering {
    let mut pairs =
        a.bytes().zip(b.bytes()).map(|(a, b)| a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()));
    pairs.find(|order| order.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// The longest prefix that `name` begins with: its value and length.
fn longest(prefixes: &[(&str, f64)], name: &str, ignore_case: bool) -> Option<(f64, usize)> {
    let begins = |prefix: &str| match name.get(..prefix.len()) {
        Some(start) if ignore_case => start.eq_ignore_ascii_case(prefix),
        Some(start) => start == prefix,
        None => false,
    };
    let fitting = prefixes.iter().filter(|(prefix, _)| begins(prefix));
    fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(prefix, value)| (*value, prefix.len()))
}

/// The known name or symbol nearest to an unknown one.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let length = name.chars().count();
    if length > NEAREST_LENGTH_MAX {
        return None;
    }
    let of = |table: &'static [(&'static str, Unit)]| table.iter().map(|(name, _)| *name);
    let symbols = PREFIXED.iter().copied().chain(of(&known().symbols));
    if let Some(found) = symbols.into_iter().find(|symbol| symbol.eq_ignore_ascii_case(name)) {
        return Some(found);
    }
    (length >= NEAREST_LENGTH_MIN).then(|| names::nearest(name, of(&known().names))).flatten()
}

#[cfg(test)]
pub(super) fn counts() -> (usize, usize) {
    (known().names.len(), known().symbols.len())
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    known().names.iter().chain(&known().symbols).map(|(name, _)| *name)
}
