//! The arrays of a pyramid's coarser levels, and the groups of all levels.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::filling::{Coarser, Filling};
use super::{ArrayPlan, Mode, Plan, cells, encoding, memory};
use crate::attrs::Attrs;
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::pyramid::conventions::Said;
use crate::pyramid::coordinates::{self, Cells};
use crate::pyramid::{Levels, Reduction};
use crate::recipe::{Coarsening, Output};
use crate::schema::{Variable, path_in};
use crate::target::ArraySpec;

/// Attributes that hold of other numbers than those of a coarser level.
const RANGES: [&str; 1] = ["actual_range"];
/// Attributes of a coordinate as it is stored, where coarser ones are stored as doubles.
const STORED: [&str; 7] =
    ["scale_factor", "add_offset", "missing_value", "valid_min", "valid_max", "valid_range", "_Unsigned"];

/// The name of an array or group of the dataset in a level.
pub(super) fn path(level: u32, name: &str) -> String {
    format!("{level}/{name}")
}

/// Adds the arrays of coarser levels behind those of the dataset, which become level 0. Gives back where each begins.
pub(super) fn add(
    arrays: &mut Vec<ArrayPlan>,
    variables: &[(Arc<Variable>, bool)],
    levels: &Levels,
    output: &Output,
    concat: &BTreeSet<String>,
) -> Result<Vec<usize>> {
    let mut begins = Vec::new();
    let variables: Vec<Arc<Variable>> = variables.iter().map(|(var, _)| Arc::clone(var)).collect();
    let variables = variables.as_slice();
    let pyramid = Adding { variables, levels, output, concat, bounded: bounded(arrays, variables, levels) };
    let mut above: Vec<Option<usize>> = (0..variables.len()).map(Some).collect();
    for level in 1..=levels.coarser {
        begins.push(arrays.len());
        for (base, above) in above.iter_mut().enumerate() {
            let Some(from) = *above else { continue };
            let name = variables.get(base).map_or("", |var| var.name.as_str());
            let made = pyramid.array(arrays, base, from, level).map_err(|e| e.in_variable(name))?;
            *above = made.map(|made| {
                arrays.push(made);
                arrays.len() - 1
            });
        }
    }
    for array in arrays.iter_mut().take(variables.len()) {
        let spec = Arc::make_mut(&mut array.spec);
        spec.name = path(0, &spec.name);
    }
    Ok(begins)
}

/// What the coordinate of a dimension that becomes shorter, and its bounds, are made of.
struct Bounded {
    dim: String,
    cells: Cells,
    /// Full path of its bounds, two for each cell.
    bounds: Option<String>,
}

fn bounded(arrays: &[ArrayPlan], variables: &[Arc<Variable>], levels: &Levels) -> Vec<Bounded> {
    let pairs = || variables.iter().zip(arrays);
    let of = |(var, array): (&Arc<Variable>, &ArrayPlan)| {
        let dim = levels.dims.iter().find(|dim| var.is_dimension_coordinate() && var.name == **dim)?;
        let Filling::Values(block) = &array.content else { return None };
        let fits = |name: &String| {
            pairs().any(|(var, array)| {
                let values = matches!(array.content, Filling::Values(_));
                let pairs = var.dims.first() == Some(dim) && matches!(var.shape.as_slice(), [_, 2]);
                var.name == *name && pairs && values && array.spec.attrs.packed_by().is_none()
            })
        };
        let bounds = var.bounds().find(fits);
        Some(Bounded { dim: dim.clone(), cells: Cells::of(&array.spec, block)?, bounds })
    };
    pairs().filter_map(of).collect()
}

struct Adding<'a> {
    variables: &'a [Arc<Variable>],
    levels: &'a Levels,
    output: &'a Output,
    concat: &'a BTreeSet<String>,
    bounded: Vec<Bounded>,
}

impl Adding<'_> {
    /// One array of a level; `None` where it has no meaning there.
    fn array(&self, arrays: &[ArrayPlan], base: usize, from: usize, level: u32) -> Result<Option<ArrayPlan>> {
        let bug = || Error::new(Code::Bug, "an array of a level without the one above");
        let (Some(var), Some(own), Some(above)) =
            (self.variables.get(base), arrays.get(base), arrays.get(from))
        else {
            return Err(bug());
        };
        let name = path(level, &var.name);
        if !self.is_coarsened(var) {
            return Ok(Some(match &own.content {
                Filling::Values(block) => self.values(self.spec(var, above, name), Arc::clone(block)),
                _ => self.coarser(var, arrays, (base, from), name, level)?,
            }));
        }
        if let Some(along) = self.bounded.iter().find(|b| b.dim == var.name) {
            return self
                .coordinate(var, own, above, name, &along.cells.centres(self.levels.step(level)))
                .map(Some);
        }
        if var.is_dimension_coordinate() && !matches!(own.content, Filling::Values(_)) {
            let message = "a coordinate too large to be kept in memory can't be made coarser";
            return Err(Error::new(Code::StepInvalid, message));
        }
        if let Some(along) = self.bounded.iter().find(|b| b.bounds.as_ref() == Some(&var.name)) {
            let Filling::Values(block) = &own.content else { return Err(bug()) };
            let edges = along.cells.edges(self.levels.step(level), &block.to_f64().ok_or_else(bug)?);
            return self.coordinate(var, own, above, name, &edges).map(Some);
        }
        if self.is_left_out(var) {
            return Ok(None);
        }
        match &above.content {
            Filling::Values(block) => {
                let block = self.rule(var, &above.spec)?.reduce(block)?;
                Ok(Some(self.values(self.spec(var, above, name), Arc::new(block))))
            }
            _ => self.coarser(var, arrays, (base, from), name, level).map(Some),
        }
    }

    fn is_coarsened(&self, var: &Variable) -> bool {
        var.dims.iter().any(|dim| self.levels.dims.contains(dim))
    }

    /// Corners of cells on a curved grid are no cells to be averaged, and a mean of areas is no area.
    fn is_left_out(&self, var: &Variable) -> bool {
        let is_bounds = |other: &Arc<Variable>| other.bounds().any(|name| name == var.name);
        self.levels.method(&var.name).is_none() || self.variables.iter().any(is_bounds)
    }

    fn rule(&self, var: &Variable, above: &ArraySpec) -> Result<Reduction> {
        let method = self.levels.method(&var.name).unwrap_or(Coarsening::Nearest);
        let circular = crate::horizontal::horizontal(var) == Some(crate::horizontal::Horizontal::Longitude);
        Reduction::new(above, method, self.levels.factors(var), circular)
    }

    /// The array of the level above, shorter.
    fn spec(&self, var: &Variable, above: &ArrayPlan, name: String) -> ArraySpec {
        let old = &above.spec;
        let factors = self.levels.factors(var);
        let shape: Vec<u64> = old.shape.iter().zip(&factors).map(|(n, factor)| n.div_ceil(*factor)).collect();
        let (mut chunk, mut shard) = (old.chunk.clone(), old.shard.clone());
        for (at, (dim, n)) in var.dims.iter().zip(&shape).enumerate() {
            if !self.levels.dims.contains(dim) || self.concat.contains(dim) {
                continue;
            }
            let Some(length) = chunk.get_mut(at) else { continue };
            let chunks = shard.as_ref().and_then(|shard| shard.get(at)).map_or(1, |s| s / (*length).max(1));
            *length = (*length).min((*n).max(1));
            if let Some(slot) = shard.as_mut().and_then(|shard| shard.get_mut(at)) {
                *slot = chunks.min(n.div_ceil(*length)).max(1) * *length;
            }
        }
        let mut attrs = old.attrs.clone();
        self.prune(var, &mut attrs);
        let bytes = cells(&chunk).saturating_mul(old.dtype.size_estimate());
        let encoding = encoding::own(old.dtype, bytes, self.output);
        let shard = shard.filter(|shard| *shard != chunk);
        ArraySpec { name, shape, chunk, shard, attrs, encoding, ..(**old).clone() }
    }

    /// Takes away what does not hold of a coarser level, and names that it does not have.
    fn prune(&self, var: &Variable, attrs: &mut Attrs) {
        if self.is_coarsened(var) {
            RANGES.iter().for_each(|name| drop(attrs.remove(name)));
        }
        let gone = |name: &str| {
            let path = path_in(var.group(), name);
            let kept = |b: &Bounded| b.bounds.as_ref() == Some(&path);
            let other = self.variables.iter().find(|other| other.name == path);
            other.is_some_and(|other| {
                self.is_coarsened(other) && self.is_left_out(other) && !self.bounded.iter().any(kept)
            })
        };
        for attr in ["bounds", "cell_measures", "ancillary_variables"] {
            let text = attrs.text(attr).unwrap_or_default();
            if text.split_whitespace().any(gone) {
                attrs.remove(attr);
            }
        }
    }

    fn values(&self, spec: ArraySpec, block: Arc<crate::block::Block>) -> ArrayPlan {
        ArrayPlan::of_level(spec, Filling::Values(block), Mode::Values)
    }

    /// Numbers of a coordinate or of its bounds, in a type that holds them.
    fn coordinate(
        &self,
        var: &Variable,
        own: &ArrayPlan,
        above: &ArrayPlan,
        name: String,
        numbers: &[f64],
    ) -> Result<ArrayPlan> {
        let mut spec = self.spec(var, above, name);
        let is_bounds = !var.is_dimension_coordinate();
        // edges are edges of the dataset itself
        let dtype = if is_bounds { own.spec.dtype } else { coordinates::dtype_of(&own.spec) };
        if dtype != own.spec.dtype {
            STORED.iter().for_each(|name| drop(spec.attrs.remove(name)));
            spec.fill = None;
            spec.unwritten = Scalar::Float(f64::NAN);
            spec.encoding = encoding::own(dtype, spec.chunk_bytes(), self.output);
            spec.dtype = dtype;
        }
        let block = coordinates::block(&var.name, dtype, spec.shape.clone(), numbers)?;
        Ok(self.values(spec, Arc::new(block)))
    }

    /// An array that is made of what lies in the store.
    fn coarser(
        &self,
        var: &Variable,
        arrays: &[ArrayPlan],
        (base, from): (usize, usize),
        name: String,
        level: u32,
    ) -> Result<ArrayPlan> {
        let Some(above) = arrays.get(from) else { return Err(Error::new(Code::Bug, "no level above")) };
        let spec = self.spec(var, above, name);
        let rule = self.rule(var, &above.spec)?;
        let factors = self.levels.factors(var);
        let part: Vec<u64> = above
            .spec
            .chunk
            .iter()
            .zip(&factors)
            .zip(&spec.chunk)
            .map(|((n, factor), own)| n.div_ceil(*factor).clamp(1, (*own).max(1)))
            .collect();
        let item = spec.dtype.size_estimate();
        let made = cells(&part).saturating_mul(item);
        let read = made.saturating_mul(factors.iter().product());
        let decoding = memory::decoding(above.spec.encoding.codecs.len(), above.spec.chunk_bytes(), false);
        let part_bytes =
            made.saturating_add(read).saturating_add(decoding).saturating_add(above.spec.chunk_bytes());
        let step = self.levels.step(level);
        let steps = factors.iter().map(|factor| if *factor > 1 { step } else { 1 }).collect();
        let coarser = Coarser { above: from, base, rule, steps, part, part_bytes };
        Ok(ArrayPlan::of_level(spec, Filling::Coarser(Box::new(coarser)), Mode::Coarsen))
    }
}

/// The groups of all levels, each with what the root says, and what the root says of them.
pub(super) fn groups(
    attrs: &mut Attrs,
    groups: &[(String, Attrs)],
    variables: &[(Arc<Variable>, bool)],
    arrays: &[ArrayPlan],
    levels: &Levels,
) -> Vec<(String, Attrs)> {
    let mut all = Vec::new();
    for level in 0..=levels.coarser {
        all.push((level.to_string(), attrs.clone()));
        all.extend(groups.iter().map(|(name, attrs)| (path(level, name), attrs.clone())));
    }
    // which are coordinates is said where they are
    attrs.remove("coordinates");
    let length = |dim: &String| variables.iter().find_map(|(var, _)| var.length(dim)).unwrap_or(0);
    let cells = |dim: &String| {
        let own = |((var, _), _): &(&(Arc<Variable>, bool), &ArrayPlan)| {
            var.name == *dim && var.is_dimension_coordinate()
        };
        let (_, array) = variables.iter().zip(arrays).find(own)?;
        match &array.content {
            Filling::Values(block) => Cells::of(&array.spec, block),
            _ => None,
        }
    };
    let is_data = |(var, coordinate): &&(Arc<Variable>, bool)| {
        !coordinate && var.dims.iter().any(|dim| levels.dims.contains(dim))
    };
    let data = variables.iter().filter(is_data);
    let wkt = variables.iter().find_map(|(var, _)| var.attrs.text("crs_wkt"));
    let said = Said {
        levels,
        lengths: levels.dims.iter().map(length).collect(),
        cells: levels.dims.iter().map(cells).collect(),
        methods: data.filter_map(|(v, _)| Some((v.name.clone(), levels.method(&v.name)?))).collect(),
        wkt: wkt.map(str::to_owned),
    };
    said.set(attrs);
    all
}

impl Plan {
    /// The dataset without coarser levels and without the names of groups that levels are: what it is about.
    pub fn finest(&self) -> Cow<'_, Self> {
        if !self.pyramid {
            return Cow::Borrowed(self);
        }
        let own = |name: &str| name.strip_prefix("0/").map(str::to_owned);
        let mut plan = self.clone();
        plan.arrays.truncate(self.levels.first().copied().unwrap_or(self.arrays.len()));
        for array in &mut plan.arrays {
            let spec = Arc::make_mut(&mut array.spec);
            spec.name = own(&spec.name).unwrap_or_default();
        }
        let level = self.dataset.groups.iter().find(|(name, _)| name == "0");
        plan.dataset.attrs = level.map_or_else(Attrs::new, |(_, attrs)| attrs.clone());
        plan.dataset.groups = self
            .dataset
            .groups
            .iter()
            .filter_map(|(name, attrs)| Some((own(name)?, attrs.clone())))
            .collect();
        plan.dataset.arrays = plan.arrays.iter().map(|array| Arc::clone(&array.spec)).collect();
        (plan.pyramid, plan.levels) = (false, Vec::new());
        Cow::Owned(plan)
    }

    /// Tasks of the dataset itself, and of every coarser level in order, by their numbers among all.
    pub fn stages(&self) -> Vec<std::ops::Range<u64>> {
        let begins = std::iter::once(0).chain(self.levels.iter().copied());
        let ends = self.levels.iter().copied().chain([self.arrays.len()]);
        let mut from = 0;
        let tasks = |(begin, end): (usize, usize)| {
            let count: u64 =
                self.arrays.get(begin..end).unwrap_or_default().iter().map(|array| array.tasks().len()).sum();
            from += count;
            from - count..from
        };
        begins.zip(ends).map(tasks).collect()
    }
}
