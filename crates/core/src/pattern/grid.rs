//! The pattern's positions, in closed form.

use std::collections::BTreeMap;
use std::fmt;

use super::expand::{check_templates, common_calendar, count_found, expand_axes, product, refuse_found};
use super::found;
use super::select::Selected;
use super::{Input, Source, expand};
use crate::axis::{Axis, AxisKind, Key};
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::template::Template;

/// Most positions of one pattern.
pub const POSITIONS_MAX: u64 = 1_000_000_000_000;

/// The pattern as it is meant: every axis with its keys, and the inputs of every position in closed form.
///
/// Positions are numbered row-major over the axes, the first axis slowest; URLs are made on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    axes: Vec<PatternAxis>,
    calendar: Calendar,
    inputs: Inputs,
    missing: Vec<Selected>,
}

/// One axis with its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternAxis {
    /// The axis's name; of a concat axis, the dimension's.
    pub name: String,
    /// How files along this axis are put together.
    pub kind: AxisKind,
    /// The keys, in order; after [`Pattern::take`] only the first.
    pub keys: Vec<Key>,
    /// How many items along a concat axis every file holds, where the recipe says so.
    pub items_per_file: Option<u64>,
    /// How many keys there are without [`Pattern::take`].
    pub declared: u64,
}

/// One position of the pattern: one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The position's number, see [`Pattern::position`].
    pub number: u64,
    /// Which key of every axis.
    pub index: Vec<u32>,
    /// The axes' names with the keys.
    pub keys: Vec<(String, Key)>,
    /// URLs or paths in order of preference; the first that exists is the input. Empty: a listing had no file for this
    /// position (a gap).
    pub candidates: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Inputs {
    Templates {
        url: Vec<Template>,
        overrides: Vec<(Selected, Vec<Template>)>,
    },
    /// Row-major over the declared lengths.
    Files(Vec<String>),
    Found(BTreeMap<Vec<u32>, String>),
}

impl Pattern {
    /// The pattern of declared axes and a source of URLs or files. `now` is what open ranges end at.
    ///
    /// # Errors
    /// `recipe-axis` for axes, `recipe-template` for URLs, `recipe-source` where both do not fit together.
    pub fn expand(axes: &[Axis], source: &Source, now: Option<DateTime>) -> Result<Self> {
        let mut expanded = expand_axes(axes, now)?;
        let calendar = common_calendar(axes)?;
        let inputs = match &source.input {
            Input::Url(url) => {
                refuse_found(axes)?;
                check_templates(axes, url)?;
                let mut overrides = Vec::new();
                for other in &source.overrides {
                    check_templates(axes, &other.url)?;
                    overrides
                        .push((Selected::new(&other.select, &expanded, "overrides")?, other.url.clone()));
                }
                Inputs::Templates { url: url.clone(), overrides }
            }
            Input::Files(files) => {
                count_found(axes, &mut expanded, files.len())?;
                Inputs::Files(files.clone())
            }
            Input::Find(_) => {
                return Err(Error::new(Code::Bug, "the inputs of `source.find` are not listed yet"));
            }
        };
        let pattern = Self::finish(expanded, calendar, inputs, source)?;
        pattern.check_urls()?;
        Ok(pattern)
    }

    /// The pattern of inputs that were found in a listing, with the keys that their names gave. Axes that are `found`
    /// get these keys, sorted; a single found axis without keys counts the inputs in the order given. Declared axes
    /// keep their keys, and positions without an input have no candidates.
    ///
    /// # Errors
    /// `combine-duplicates` for two inputs at one position, `recipe-source` for inputs without a key or with one that
    /// a declared axis does not have, `source-not-found` where nothing was found, and as [`Pattern::expand`].
    pub fn from_found(
        axes: &[Axis],
        source: &Source,
        now: Option<DateTime>,
        found: &[(BTreeMap<String, Key>, String)],
    ) -> Result<Self> {
        let calendar = common_calendar(axes)?;
        let mut expanded = expand_axes(axes, now)?;
        let files = found::arrange(axes, &mut expanded, found)?;
        Self::finish(expanded, calendar, Inputs::Found(files), source)
    }

    fn finish(axes: Vec<PatternAxis>, calendar: Calendar, inputs: Inputs, source: &Source) -> Result<Self> {
        if !source.overrides.is_empty() && !matches!(inputs, Inputs::Templates { .. }) {
            let error = Error::new(Code::RecipeSource, "`source.overrides` needs `source.url`");
            return Err(error.help("listed or found files have no URL template to override"));
        }
        let missing = source.missing.iter().map(|selection| Selected::new(selection, &axes, "missing"));
        let missing = missing.collect::<Result<_>>()?;
        product(&axes)?;
        Ok(Self { axes, calendar, inputs, missing })
    }

    /// The axes, in order.
    pub fn axes(&self) -> &[PatternAxis] {
        &self.axes
    }

    /// The calendar that the keys' dates are in.
    pub const fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// How many positions the grid of the axes has, those that are left out included.
    pub fn len(&self) -> u64 {
        self.axes.iter().map(|axis| axis.keys.len() as u64).product()
    }

    /// Whether the grid has no positions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of a number below [`Pattern::len`]: row-major over the keys of the axes. `None` where it is left out
    /// by `source.missing`, and beyond the end.
    ///
    /// # Errors
    /// `recipe-template` where a URL can't be made for these keys.
    pub fn position(&self, number: u64) -> Result<Option<Position>> {
        match self.index(number) {
            Some(index) if !self.missing.iter().any(|missing| missing.has(&index)) => {
                self.at(number, index).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Every position that is not left out, in order.
    pub fn positions(&self) -> impl Iterator<Item = Result<Position>> + '_ {
        (0..self.len()).filter_map(|number| self.position(number).transpose())
    }

    /// How many positions are not left out.
    pub fn count(&self) -> u64 {
        if self.missing.is_empty() {
            return self.len();
        }
        let kept = |number: &u64| {
            self.index(*number).is_some_and(|index| !self.missing.iter().any(|missing| missing.has(&index)))
        };
        (0..self.len()).filter(kept).count() as u64
    }

    /// The pattern cut to the first keys of some axes.
    ///
    /// # Errors
    /// `usage` for an axis that there is not, or for no keys at all.
    pub fn take(mut self, first: &BTreeMap<String, u64>) -> Result<Self> {
        for (name, &count) in first {
            let Some(axis) = self.axes.iter_mut().find(|axis| axis.name == *name) else {
                let help = expand::suggest_axis(name, &self.axes);
                let message = format!("`take` names `{name}`, which is not an axis of the recipe");
                return Err(Error::new(Code::Usage, message).help(help));
            };
            if count == 0 {
                return Err(Error::new(Code::Usage, format!("`take` keeps no keys of axis `{name}`")));
            }
            axis.keys.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        }
        Ok(self)
    }

    /// Which key of every axis a position has.
    fn index(&self, number: u64) -> Option<Vec<u32>> {
        let mut rest = number;
        let mut index = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            let length = axis.keys.len() as u64;
            index.push(u32::try_from(rest.checked_rem(length)?).ok()?);
            rest = rest.checked_div(length)?;
        }
        index.reverse();
        (rest == 0).then_some(index)
    }

    fn at(&self, number: u64, index: Vec<u32>) -> Result<Position> {
        let key = |(axis, at): (&PatternAxis, &u32)| {
            Some((axis.name.clone(), axis.keys.get(*at as usize)?.clone()))
        };
        let keys: Vec<(String, Key)> = self.axes.iter().zip(&index).filter_map(key).collect();
        let candidates = match &self.inputs {
            Inputs::Templates { url, overrides } => {
                let chosen =
                    overrides.iter().find(|(select, _)| select.has(&index)).map_or(url, |(_, url)| url);
                let bound: Vec<(&str, &Key)> = keys.iter().map(|(name, key)| (name.as_str(), key)).collect();
                chosen.iter().map(|template| template.render(&bound, self.calendar)).collect::<Result<_>>()?
            }
            Inputs::Files(files) => {
                let number = self.axes.iter().zip(&index).fold(0_u64, |number, (axis, at)| {
                    number.saturating_mul(axis.declared).saturating_add(u64::from(*at))
                });
                let file = usize::try_from(number).ok().and_then(|number| files.get(number));
                file.into_iter().cloned().collect()
            }
            Inputs::Found(files) => files.get(&index).into_iter().cloned().collect(),
        };
        Ok(Position { number, index, keys, candidates })
    }

    /// Renders what shows faults that only values have: a format that does not fit, keys that share a URL.
    fn check_urls(&self) -> Result<()> {
        if !matches!(self.inputs, Inputs::Templates { .. }) || self.is_empty() {
            return Ok(());
        }
        let origin = vec![0; self.axes.len()];
        let first = self.at(0, origin.clone())?;
        for (at, axis) in self.axes.iter().enumerate() {
            let [a, b, ..] = axis.keys.as_slice() else { continue };
            let index = (0..self.axes.len()).map(|i| u32::from(i == at)).collect();
            if self.at(0, index)?.candidates == first.candidates {
                let url = first.candidates.first().map_or("", String::as_str);
                let message =
                    format!("keys `{a}` and `{b}` of axis `{}` have the same URL: {url}", axis.name);
                let help =
                    format!("use `{{{}}}` in the template so that every key has its own file", axis.name);
                return Err(Error::new(Code::RecipeTemplate, message).help(help));
            }
        }
        Ok(())
    }
}

impl Position {
    /// The key along an axis.
    pub fn key(&self, axis: &str) -> Option<&Key> {
        self.keys.iter().find(|(name, _)| name == axis).map(|(_, key)| key)
    }
}

/// What users see: `time 1981-09-01, variable sst`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(|(name, key)| format!("{name} {key}")).collect();
        f.write_str(&keys.join(", "))
    }
}
