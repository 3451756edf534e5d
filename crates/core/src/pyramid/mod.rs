//! Pyramids: the dataset itself as level 0, and coarser versions of it, each made of the one above.
//!
//! A level is a group, `0` to `n`, that holds the whole dataset: what has none of the coarsened dimensions is the same in
//! all. The root group says how they belong together, by the conventions in [`conventions`]. Cells become one by a
//! [`Reduction`] of the level above; coordinates are the means of those of the dataset itself.

mod axes;
pub(crate) mod conventions;
pub(crate) mod coordinates;
mod degrees;
mod missing;
mod reduce;

use std::collections::BTreeSet;

use crate::cftime::is_time;
use crate::combine::{Combined, CombinedVar, Note};
use crate::dtype::DataType;
use crate::error::{Code, Error, Result};
use crate::horizontal::is_degrees;
use crate::names::{matches, nearest};
use crate::recipe::{Coarsening, Pyramid};
use crate::schema::{Variable, base_name, path_in};

pub use reduce::Reduction;

/// The coarsest level is no longer than this along any of its dimensions, where nobody says how many levels there are.
const COARSEST_CELLS: u64 = 256;
/// Degrees of a compass, beside plain ones.
const TRUE_NORTH: [&str; 6] = ["degree_true", "degrees_true", "degree_T", "degrees_T", "degreeT", "degreesT"];
/// More levels than a dimension of 64 bits can be halved.
const LEVELS_MAX: u32 = 64;

/// The levels of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Full paths of the dimensions that become shorter, the vertical one first where that is known.
    pub dims: Vec<String>,
    /// Cells along each that become one.
    pub factor: u64,
    /// Levels below the dataset itself.
    pub coarser: u32,
    /// How variables are coarsened that have these dimensions. One that is not named is left to the dataset itself.
    pub methods: Vec<(String, Coarsening)>,
}

impl Levels {
    /// What the step means for a dataset.
    ///
    /// # Errors
    /// `step-unknown-variable` for a dimension or a variable that the dataset lacks; `step-invalid` where a dimension is a
    /// time, where there are more levels than cells, or where a variable's type has no such method.
    pub(crate) fn of(combined: &Combined, step: &Pyramid) -> Result<Self> {
        let dims = match step.dims.is_empty() {
            true => axes::found(combined)?,
            false => step.dims.iter().map(|dim| axes::named(combined, dim)).collect::<Result<_>>()?,
        };
        let dims = axes::upright(combined, dims);
        let lengths: Vec<u64> = dims.iter().map(|dim| axes::length(combined, dim)).collect();
        let coarser = coarser(step, &dims, &lengths)?;
        let mut methods = Vec::new();
        for (pattern, _) in &step.methods {
            let known = || combined.variables.iter().map(|v| v.var.name.as_str());
            if !known().any(|name| matches(pattern, name)) {
                return Err(unknown(pattern, "no variable of the dataset", known()));
            }
            let has_method =
                |v: &CombinedVar| matches(pattern, &v.var.name) && by_method(combined, &v.var, &dims);
            if pattern != "*" && !combined.variables.iter().any(has_method) {
                return Err(ignored(pattern, &dims));
            }
        }
        for CombinedVar { var, .. } in &combined.variables {
            if var.dims.iter().any(|dim| dims.contains(dim)) {
                let asked = step.methods.iter().find(|(pattern, _)| matches(pattern, &var.name));
                let asked = asked.map(|(_, method)| *method);
                let method = asked.or_else(|| (!is_measure(combined, var)).then(|| usual(var)));
                methods.extend(method.map(|method| (var.name.clone(), method)));
            }
        }
        Ok(Self { dims, factor: step.factor, coarser, methods })
    }

    /// Cells along every dimension of a variable that become one of the next level.
    pub(crate) fn factors(&self, var: &Variable) -> Vec<u64> {
        let one = |dim: &String| if self.dims.contains(dim) { self.factor } else { 1 };
        var.dims.iter().map(one).collect()
    }

    /// How a variable is coarsened; `None` where it is not.
    pub(crate) fn method(&self, name: &str) -> Option<Coarsening> {
        self.methods.iter().find(|(known, _)| known == name).map(|(_, method)| *method)
    }

    /// What coarser levels do not have, and what nobody asked for and may not expect.
    pub(crate) fn notes(&self, combined: &Combined) -> Vec<Note> {
        let coarsened = |var: &&Variable| var.dims.iter().any(|dim| self.dims.contains(dim));
        let what = |var: &Variable| match self.method(&var.name) {
            None => Some("left out of coarser levels: a mean of areas or volumes is none of the larger cell"),
            Some(Coarsening::Nearest) if is_direction(var) => Some(
                "a direction: coarser levels have that of the cell nearest to the middle, not a mean of degrees",
            ),
            Some(_) => None,
        };
        let all = combined.variables.iter().map(|v| v.var.as_ref()).filter(coarsened);
        let note = |var: &Variable| {
            let what = what(var)?.into();
            Some(Note { variable: var.name.clone(), what, items: Vec::new(), more: 0 })
        };
        all.filter_map(note).collect()
    }

    /// Cells of the dataset itself that are one of a level.
    pub(crate) fn step(&self, level: u32) -> u64 {
        self.factor.saturating_pow(level)
    }
}

/// What nobody asks for: means of what is a quantity; what is a code or a mark stays one, and so does a direction.
fn usual(var: &Variable) -> Coarsening {
    let flags =
        ["flag_values", "flag_masks", "flag_meanings"].iter().any(|name| var.attrs.get(name).is_some());
    let packed = var.dtype.is_integer() && var.attrs.packed_by().is_some();
    let quantity = !flags && !is_direction(var) && (var.dtype.is_float() || packed);
    if quantity { Coarsening::Mean } else { Coarsening::Nearest }
}

/// Whether a method makes a variable coarser: it has the dimensions, and its cells are not where cells are.
fn by_method(combined: &Combined, var: &Variable, dims: &[String]) -> bool {
    let placed = var.is_dimension_coordinate() && var.dtype != DataType::Text;
    let is_bounds = |other: &CombinedVar| other.var.bounds().any(|name| name == var.name);
    var.dims.iter().any(|dim| dims.contains(dim)) && !placed && !combined.variables.iter().any(is_bounds)
}

/// A method that would do nothing.
fn ignored(pattern: &str, dims: &[String]) -> Error {
    let dims: Vec<&str> = dims.iter().map(|dim| base_name(dim)).collect();
    let message = format!(
        "`method` names `{pattern}`, which no method makes coarser: coordinates of {} are the middle of their cells, \
         bounds the outer edges, and what has none of these dimensions stays as it is",
        dims.join(" and ")
    );
    invalid(message).help("leave it out of `method`")
}

/// Whether a variable is an angle of the compass: 350 and 10 have the mean 0, and numbers the mean 180.
fn is_direction(var: &Variable) -> bool {
    let name = var.attrs.text("standard_name").unwrap_or_default();
    let named = name.ends_with("_direction")
        || name.starts_with("direction_of_")
        || ["_from_direction", "_to_direction"].iter().any(|part| name.contains(part));
    let units = var.attrs.text("units").map_or("", str::trim);
    named && (is_degrees(var) || TRUE_NORTH.contains(&units))
}

/// Whether a variable is the area or the volume of cells: no mean of it is one of theirs.
fn is_measure(combined: &Combined, var: &Variable) -> bool {
    let standard = var.attrs.text("standard_name");
    let named = |other: &CombinedVar| {
        let names = other.var.attrs.text("cell_measures").unwrap_or_default();
        names.split_whitespace().any(|name| path_in(other.var.group(), name) == var.name)
    };
    matches!(standard, Some("cell_area" | "cell_volume")) || combined.variables.iter().any(named)
}

/// How many levels there are below the dataset itself.
fn coarser(step: &Pyramid, dims: &[String], lengths: &[u64]) -> Result<u32> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let at = |level: u32| longest.div_ceil(step.factor.saturating_pow(level));
    let Some(levels) = step.levels else {
        return Ok((0..LEVELS_MAX).find(|level| at(*level) <= COARSEST_CELLS).unwrap_or(0));
    };
    let coarser = levels.saturating_sub(1);
    let most = (0..LEVELS_MAX).find(|level| at(*level) <= 1).unwrap_or(LEVELS_MAX);
    if coarser <= most {
        return Ok(coarser);
    }
    let shown: Vec<String> =
        dims.iter().zip(lengths).map(|(dim, n)| format!("{} = {n}", base_name(dim))).collect();
    let message =
        format!("found {levels} levels, and one cell is left with {} ({})", most + 1, shown.join(", "));
    Err(invalid(message).help("ask for fewer levels, or for none: they end where the coarsest is small"))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::StepInvalid, message)
}

fn unknown<'a>(name: &str, what: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: BTreeSet<&str> = known.collect();
    let error = Error::new(Code::StepUnknownVariable, format!("`{name}` is {what}"));
    match nearest(name, known.iter().copied()) {
        Some(near) => error.help(format!("the nearest name is `{near}`")),
        None => error.help(format!("it has {}", known.into_iter().collect::<Vec<_>>().join(", "))),
    }
}

/// Whether a variable counts time.
fn counts_time(var: &Variable) -> bool {
    var.dtype != DataType::Text && var.attrs.text("units").is_some_and(is_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attrs::{AttrValue, Attrs};
    use crate::dtype::Scalar;
    use crate::schema::Storage;

    fn step(levels: Option<u32>, factor: u64) -> Pyramid {
        Pyramid { dims: Vec::new(), levels, factor, methods: Vec::new() }
    }

    #[test]
    fn levels_end_where_the_coarsest_is_small() {
        let dims = ["lat".to_owned(), "lon".to_owned()];
        for (levels, factor, lengths, expected) in [
            (None, 2, [720, 1440], Ok(3)),
            (None, 2, [721, 1440], Ok(3)),
            (None, 2, [256, 256], Ok(0)),
            (None, 2, [100, 257], Ok(1)),
            (None, 4, [7200, 14400], Ok(3)),
            (Some(2), 2, [10, 10], Ok(1)),
            (Some(5), 2, [10, 10], Ok(4)),
            (Some(6), 2, [10, 10], Err("found 6 levels, and one cell is left with 5 (lat = 10, lon = 10)")),
            (Some(3), 10, [10, 10], Err("found 3 levels, and one cell is left with 2 (lat = 10, lon = 10)")),
        ] {
            let found = coarser(&step(levels, factor), &dims, &lengths);
            assert_eq!(
                found.map_err(|e| e.message),
                expected.map_err(str::to_owned),
                "{levels:?} {lengths:?}"
            );
        }
    }

    #[test]
    fn quantities_are_averaged_and_codes_are_not() {
        for (dtype, attrs, expected) in [
            (DataType::Float32, &[][..], Coarsening::Mean),
            (DataType::Int16, &["scale_factor"], Coarsening::Mean),
            (DataType::Int16, &["flag_values"], Coarsening::Nearest),
            (DataType::Float32, &["flag_values"], Coarsening::Nearest),
            (DataType::UInt8, &[], Coarsening::Nearest),
            (DataType::Bool, &[], Coarsening::Nearest),
            (DataType::Text, &[], Coarsening::Nearest),
        ] {
            let one = AttrValue::number(DataType::Float64, Scalar::Float(0.5));
            let var = Variable {
                name: "x".into(),
                dims: Vec::new(),
                shape: Vec::new(),
                dtype,
                attrs: attrs.iter().map(|name| ((*name).to_owned(), one.clone())).collect::<Attrs>(),
                fill: None,
                storage: Storage::Whole,
            };
            assert_eq!(usual(&var), expected, "{dtype} {attrs:?}");
        }
    }

    #[test]
    fn directions_are_not_averaged() {
        for (standard_name, units, expected) in [
            ("wind_from_direction", "degree", true),
            ("wind_to_direction", "degrees", true),
            ("sea_surface_wave_from_direction_at_variance_spectral_density_maximum", "degrees_true", true),
            ("direction_of_sea_ice_velocity", "degree", true),
            ("sea_surface_wave_directional_spread", "degree", false),
            ("wind_from_direction", "1", false),
            ("air_temperature", "degrees", false),
        ] {
            let text = |name: &str, text: &str| (name.to_owned(), AttrValue::Text(text.into()));
            let var = Variable {
                name: "x".into(),
                dims: Vec::new(),
                shape: Vec::new(),
                dtype: DataType::Float32,
                attrs: [text("standard_name", standard_name), text("units", units)].into_iter().collect(),
                fill: None,
                storage: Storage::Whole,
            };
            assert_eq!(is_direction(&var), expected, "{standard_name} {units}");
            assert_eq!(usual(&var) == Coarsening::Nearest, expected, "{standard_name} {units}");
        }
    }
}
