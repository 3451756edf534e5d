//! Hypercubes: which cell of a variable every field is, and the coordinates along its dimensions.

use std::collections::{BTreeMap, BTreeSet};

use super::families::{AXES, Family, Place, Value, families, place};
use super::grid::Grid;
use super::index::Index;
use super::names;

/// Cells of a hypercube, be they there or not; and so many for each field that is there.
const CELLS_MIN: usize = 1 << 20;
const CELLS_PER_FIELD: usize = 1024;
/// No field.
const NONE: u32 = u32::MAX;

/// One variable.
#[derive(Debug, Clone)]
pub(super) struct Cube {
    pub(super) name: String,
    pub(super) family: Family,
    /// The values along every axis; one where it is no dimension, none where fields have no such key.
    pub(super) axes: [Vec<Value>; 6],
    /// Names of the axes in this file.
    pub(super) axis_names: [String; 6],
    /// Fields in C order of the dimensions.
    cells: Vec<u32>,
    pub(super) wide: bool,
}

/// The variables of a file, and those that can't be read with the reason.
#[derive(Debug, Default)]
pub(super) struct Cubes {
    pub(super) cubes: Vec<Cube>,
    pub(super) refused: Vec<(String, String)>,
    /// Names of the dimensions of every grid.
    pub(super) grid_dims: Vec<Vec<String>>,
    /// Names that are taken.
    pub(super) taken: BTreeSet<String>,
}

impl Cube {
    /// Lengths along the dimensions before those of the grid.
    pub(super) fn outer(&self) -> Vec<u64> {
        self.axes.iter().map(Vec::len).filter(|&n| n > 1).map(|n| n as u64).collect()
    }

    /// The field of every cell, in C order.
    pub(super) fn fields(&self) -> impl Iterator<Item = Option<u32>> + '_ {
        self.cells.iter().map(|&field| (field != NONE).then_some(field))
    }
}

/// Puts the fields of a file into hypercubes. `same` tells whether two fields have the same bytes.
pub(super) fn cubes(index: &Index, mut same: impl FnMut(u32, u32) -> bool) -> Cubes {
    let families = families(index);
    let names = names::of_families(index, &families);
    let mut made = Cubes::default();
    for (family, name) in families.into_iter().zip(names) {
        if let Some(&(a, b)) = family.twins.iter().find(|&&(a, b)| !same(a, b)) {
            let message = |n: u32| index.fields.get(n as usize).map_or(0, |field| field.message);
            let reason = format!(
                "messages {} and {} are of the same place and have different values: nothing in their headers tells them apart",
                message(a),
                message(b)
            );
            made.refused.push((name, reason));
            continue;
        }
        match cube(index, family, name.clone()) {
            Ok(cube) => made.cubes.push(cube),
            Err(reason) => made.refused.push((name, reason)),
        }
    }
    made.taken = made.cubes.iter().map(|cube| cube.name.clone()).collect();
    made.taken.extend(made.refused.iter().map(|(name, _)| name.clone()));
    name_grids(index, &mut made);
    name_axes(index, &mut made);
    made
}

fn cube(index: &Index, family: Family, name: String) -> Result<Cube, String> {
    let places: Vec<(Place, u32)> = family
        .fields
        .iter()
        .filter_map(|&number| index.fields.get(number as usize).map(|field| (place(index, field), number)))
        .collect();
    let mut axes: [Vec<Value>; 6] = Default::default();
    for (at, axis) in axes.iter_mut().enumerate() {
        axis.extend(places.iter().filter_map(|(place, _)| place.get(at).copied().flatten()));
        axis.sort_unstable();
        axis.dedup();
    }
    let kind = index.products.get(family.product as usize).map_or("", |product| product.type_of_level);
    if matches!(kind, "isobaricInhPa" | "isobaricInPa") {
        axes[3].reverse();
    }
    let cells = axes.iter().map(Vec::len).filter(|&n| n > 1).try_fold(1usize, usize::checked_mul);
    let most = CELLS_MIN.max(places.len().saturating_mul(CELLS_PER_FIELD));
    let cells = cells.filter(|&cells| cells <= most).ok_or_else(|| {
        format!(
            "{} fields lie so far apart that they make no hypercube of at most {most} cells",
            places.len()
        )
    })?;
    let numbers: Vec<BTreeMap<Value, usize>> =
        axes.iter().map(|axis| axis.iter().enumerate().map(|(at, &value)| (value, at)).collect()).collect();
    let mut cube =
        Cube { name, axes, axis_names: Default::default(), cells: vec![NONE; cells], wide: false, family };
    for (place, number) in places {
        let mut at = 0;
        for ((axis, numbers), value) in cube.axes.iter().zip(&numbers).zip(place) {
            let here = value.and_then(|value| numbers.get(&value)).copied().unwrap_or(0);
            at = if axis.len() > 1 { at * axis.len() + here } else { at };
        }
        if let Some(cell) = cube.cells.get_mut(at).filter(|cell| **cell == NONE) {
            *cell = number;
        }
        cube.wide |= index.fields.get(number as usize).is_some_and(|field| field.wide);
    }
    Ok(cube)
}

/// Names for the dimensions of grids: their own for the one with most points, others with their shape.
fn name_grids(index: &Index, made: &mut Cubes) {
    let used: BTreeSet<u32> = made.cubes.iter().map(|cube| cube.family.grid).collect();
    let mut order: Vec<(u32, &Grid)> =
        used.iter().filter_map(|&n| Some((n, index.grids.get(n as usize)?))).collect();
    order.sort_by_key(|(n, grid)| (std::cmp::Reverse(grid.points()), *n));
    made.grid_dims = vec![Vec::new(); index.grids.len()];
    for (number, grid) in order {
        let lengths: Vec<String> = grid.dims.iter().map(|(_, length)| length.to_string()).collect();
        let own: Vec<String> = grid.dims.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut names = own.clone();
        let mut repeat = 1;
        while names.iter().any(|name| made.taken.contains(name)) {
            let suffix = match repeat {
                1 => format!("_of_{}", lengths.join("x")),
                n => format!("_of_{}_{n}", lengths.join("x")),
            };
            names = own.iter().map(|name| format!("{name}{suffix}")).collect();
            repeat += 1;
        }
        made.taken.extend(names.iter().cloned());
        if let Some(slot) = made.grid_dims.get_mut(number as usize) {
            *slot = names;
        }
    }
}

/// Names for the axes: one for every set of values that some variable has along it.
fn name_axes(index: &Index, made: &mut Cubes) {
    let mut sets: BTreeMap<String, Vec<Vec<Value>>> = BTreeMap::new();
    let mut bases: Vec<[String; 6]> = Vec::new();
    for cube in &made.cubes {
        let kind =
            index.products.get(cube.family.product as usize).map_or("", |product| product.type_of_level);
        let base = AXES.map(|axis| match (axis, kind) {
            ("level", "unknown" | "undef" | "") => "level".to_owned(),
            ("level", kind) => kind.to_owned(),
            (axis, _) => axis.to_owned(),
        });
        for (name, axis) in base.iter().zip(&cube.axes).filter(|(_, axis)| !axis.is_empty()) {
            let known = sets.entry(name.clone()).or_default();
            if !known.contains(axis) {
                known.push(axis.clone());
            }
        }
        bases.push(base);
    }
    let mut taken = std::mem::take(&mut made.taken);
    let names: BTreeMap<&String, Vec<String>> =
        sets.iter().map(|(base, sets)| (base, names::of_sets(base, sets, &mut taken))).collect();
    made.taken = taken;
    for (cube, base) in made.cubes.iter_mut().zip(bases) {
        for ((slot, name), axis) in cube.axis_names.iter_mut().zip(&base).zip(&cube.axes) {
            let known = sets.get(name).and_then(|sets| sets.iter().position(|set| set == axis));
            let named = known.and_then(|at| names.get(name)?.get(at));
            *slot = named.cloned().unwrap_or_else(|| name.clone());
        }
    }
}
