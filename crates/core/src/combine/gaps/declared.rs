//! Declared positions whose files are absent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{AxisKey, Inserted, Value, refused, regular};
use crate::calendar::Calendar;
use crate::cftime::TimeUnits;
use crate::combine::lengths::Offsets;
use crate::combine::time::{Place, decodable, places};
use crate::combine::{CombineAxis, CombinedVar, Content, Context, Disagreement};
use crate::schema::Variable;

/// What is known of an axis with absent keys.
pub(super) struct Declared<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) at: usize,
    pub(super) axis: &'a CombineAxis,
    pub(super) offsets: &'a Offsets,
    pub(super) keys: &'a [AxisKey],
    pub(super) calendar: Calendar,
    pub(super) absent: &'a BTreeSet<u32>,
}

impl Declared<'_> {
    /// The cells of keys that have no file at all.
    pub(super) fn inserted(&self, coordinate: Option<&CombinedVar>) -> Result<Vec<Inserted>, Disagreement> {
        let (present, absent) = (self.present(), self.missing());
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let count = self.count(&present)?;
        let place = |&key: &u32| Inserted { at: self.start(key), count, values: Vec::new() };
        let mut found: Vec<Inserted> = absent.iter().map(place).collect();
        let Some(coordinate) = coordinate else { return Ok(found) };
        let values = self
            .by_keys(coordinate, &present, &absent, count)
            .or_else(|| self.by_neighbours(coordinate, &found))
            .ok_or_else(|| self.unknown(&absent))?;
        found.iter_mut().zip(values).for_each(|(inserted, values)| inserted.values = values);
        Ok(found)
    }

    /// Where every key begins, with room for what is inserted.
    pub(super) fn shifted(&self, inserted: &[Inserted]) -> Option<Arc<[u64]>> {
        let starts = self.offsets.get(self.at)?;
        // cells that are inserted in front of a key's first cell, but for its own
        let mut keys = self.missing().into_iter().zip(inserted).peekable();
        let mut more = 0;
        let shift = |(key, start): (u32, &u64)| {
            while let Some((_, inserted)) = keys.next_if(|(absent, _)| *absent < key) {
                more += inserted.count;
            }
            start + more
        };
        Some((0..).zip(starts.iter()).map(shift).collect())
    }

    /// Absent keys of which there is no file at all.
    fn missing(&self) -> Vec<u32> {
        self.absent.difference(&self.present()).copied().collect()
    }

    fn present(&self) -> BTreeSet<u32> {
        self.context.files.iter().filter_map(|file| file.index.get(self.at).copied()).collect()
    }

    fn unknown(&self, absent: &[u32]) -> Disagreement {
        let name = &self.axis.name;
        let label = absent.first().and_then(|&key| self.axis.labels.get(key as usize));
        let label = label.unwrap_or("?");
        refused(
            self.axis,
            format!(
                "the values of `{name}` for absent files such as `{label}` can't be known: the files' values lie at no one distance from their keys, and keep no step"
            ),
        )
    }

    fn start(&self, key: u32) -> u64 {
        self.offsets.get(self.at).and_then(|starts| starts.get(key as usize)).copied().unwrap_or(0)
    }

    /// How many items an absent file would hold.
    fn count(&self, present: &BTreeSet<u32>) -> Result<u64, Disagreement> {
        if let Some(count) = self.axis.items_per_file {
            return Ok(count);
        }
        let lengths: BTreeSet<u64> =
            present.iter().map(|&key| self.start(key + 1).saturating_sub(self.start(key))).collect();
        match (lengths.len(), lengths.first()) {
            (1, Some(count)) => Ok(*count),
            _ => {
                let (least, most) =
                    (lengths.first().copied().unwrap_or(0), lengths.last().copied().unwrap_or(0));
                let name = &self.axis.name;
                let what = format!(
                    "how many items absent files would hold along `{name}` is not known: the others hold from {least} to {most}"
                );
                let problem = refused(self.axis, what);
                Err(Disagreement { help: format!("`items_per_file` says it; {}", problem.help), ..problem })
            }
        }
    }

    /// Values at the distance from the key that those of every present file have.
    fn by_keys(
        &self,
        coordinate: &CombinedVar,
        present: &BTreeSet<u32>,
        absent: &[u32],
        count: u64,
    ) -> Option<Vec<Vec<Value>>> {
        let Content::Values(block) = &coordinate.content else { return None };
        if let Some(texts) = block.texts() {
            return self.texts(texts, present, absent, count);
        }
        let all: Vec<Option<Place>> = places(&coordinate.var, block)?.collect();
        let units = decodable(&coordinate.var, block);
        let mut known: Option<Vec<i128>> = None;
        for &key in present {
            let (from, to) = (self.start(key) as usize, self.start(key + 1) as usize);
            let own = self.number(key, units.as_ref())?;
            let distances: Option<Vec<i128>> =
                all.get(from..to)?.iter().map(|place| whole((*place)?)?.checked_sub(own)).collect();
            let distances = distances?;
            if known.get_or_insert_with(|| distances.clone()) != &distances {
                return None;
            }
        }
        let distances = known.filter(|known| known.len() as u64 == count)?;
        let is_float = units.is_none() && !coordinate.var.dtype.is_integer();
        let value =
            |ns: i128| Value::Number(if is_float { Place::Real(ns as f64) } else { Place::Whole(ns) });
        let values = |key: &u32| {
            let own = self.number(*key, units.as_ref())?;
            distances.iter().map(|distance| own.checked_add(*distance).map(value)).collect()
        };
        absent.iter().map(values).collect()
    }

    /// A key as the coordinate counts: an instant, or an integer.
    fn number(&self, key: u32, units: Option<&TimeUnits>) -> Option<i128> {
        match (self.keys.get(key as usize)?, units) {
            (AxisKey::Date(date), Some(units)) => {
                // the same date, whatever the calendar is called
                let alike = units.calendar == self.calendar || units.calendar.has(date);
                alike.then(|| units.calendar.to_ns(date))
            }
            (AxisKey::Int(number), None) => Some(i128::from(*number)),
            _ => None,
        }
    }

    /// Names that are the keys.
    fn texts(
        &self,
        texts: &[String],
        present: &BTreeSet<u32>,
        absent: &[u32],
        count: u64,
    ) -> Option<Vec<Vec<Value>>> {
        let label = |key: u32| self.axis.labels.get(key as usize);
        let same = |&key: &u32| texts.get(self.start(key) as usize).map(String::as_str) == label(key);
        if count != 1 || !present.iter().all(same) {
            return None;
        }
        absent.iter().map(|&key| Some(vec![Value::Text(label(key)?.to_owned())])).collect()
    }

    /// Values that keep the step of all others, where as many are missing as files are absent.
    fn by_neighbours(&self, coordinate: &CombinedVar, found: &[Inserted]) -> Option<Vec<Vec<Value>>> {
        let Content::Values(block) = &coordinate.content else { return None };
        let var: &Variable = &coordinate.var;
        let wanted: u64 = found.iter().map(|i| i.count).sum();
        let missing =
            regular::missing(places(var, block)?, decodable(var, block).as_ref(), super::INSERTED_MAX)?;
        let mut values: Vec<Vec<Value>> = Vec::new();
        for one in found {
            // neighbouring absent files share one jump
            let jump = missing.iter().find(|m| m.at == one.at)?;
            let here: u64 = found.iter().filter(|i| i.at == one.at).map(|i| i.count).sum();
            let before: u64 =
                found.iter().take(values.len()).filter(|i| i.at == one.at).map(|i| i.count).sum();
            let own = jump.values.get(before as usize..(before + one.count) as usize)?;
            (here == jump.count).then(|| values.push(own.to_vec()))?;
        }
        (wanted == values.iter().map(|v| v.len() as u64).sum::<u64>()).then_some(values)
    }
}

fn whole(place: Place) -> Option<i128> {
    match place {
        Place::Whole(x) => Some(x),
        Place::Real(x) => (x.fract() == 0.0 && x.abs() < 2f64.powi(63)).then_some(x as i128),
    }
}
