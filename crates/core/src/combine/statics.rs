//! Variables without a concat dimension: equal in all files and kept once, scalars that vary laid along the axes
//! that they vary with, anything else refused with the largest difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::direction::{self, is_flipped, is_latitude, is_longitude, is_rolled, run_against};
use super::group::Group;
use super::layout::{holes, position};
use super::lengths::Offsets;
use super::place::{filled, place};
use super::time::{self, NOT_A_TIME, Place, Recoded};
use super::{
    Content, Context, Difference, Disagreement, File, Piece, Pieces, Values, alike, dataset, leave_out,
};
use crate::block::Block;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::Variable;

/// One variable without a concat dimension.
pub(super) struct Static<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) group: &'a Group,
    pub(super) offsets: &'a Offsets,
    pub(super) recoded: Option<&'a Recoded>,
    pub(super) coordinate: bool,
    /// The first file's values are taken, whatever the others hold.
    pub(super) first_counts: bool,
}

impl Static<'_> {
    /// The variable's values, kept once or laid along the axes that they vary with.
    pub(super) fn settle(&self, var: &mut Variable, problems: &mut Vec<Disagreement>) -> Option<Content> {
        let chosen = self.chosen();
        let mut differ = self.differ(chosen);
        if self.first_counts {
            // the first file's labels stand for others' values, not for cells in another order
            differ.retain(|&n| self.turned(var, chosen, n));
        }
        if differ.is_empty() {
            return self.once(chosen, var);
        }
        if var.shape.is_empty() && self.context.policies.get("scalars", &var.name) == "promote" {
            return self.promote(var, &differ, problems);
        }
        self.refuse(var, &differ, problems);
        None
    }

    /// The file whose values are kept where the others' are equal.
    pub(super) fn chosen(&self) -> usize {
        if self.first_counts { 0 } else { self.finest() }
    }

    /// The files whose values are not those of the chosen one.
    pub(super) fn differ(&self, chosen: usize) -> Vec<usize> {
        let rounding = self.coordinate && self.context.rounding(&self.group.name);
        (0..self.group.files.len())
            .filter(|&n| n != chosen)
            .filter(|&n| match self.recoded {
                Some(_) => self.block(n) != self.block(chosen),
                None => !alike::same(self.values(chosen), self.values(n), rounding),
            })
            .collect()
    }

    /// Whether a file has latitudes from the other end, or the same meridians under other numbers.
    fn turned(&self, var: &Variable, chosen: usize, number: usize) -> bool {
        let Some((a, b)) = self.block(chosen).zip(self.block(number)) else { return false };
        (is_latitude(var) && run_against(a, b)) || (is_longitude(var) && is_rolled(a, b))
    }

    /// The first file of the widest type, which holds the values of the others within their rounding.
    fn finest(&self) -> usize {
        let size = |n: &usize| {
            let mapped = self.group.files.get(*n).and_then(|o| o.mapped(self.context.files));
            mapped.and_then(|m| m.var.dtype.size()).unwrap_or(0)
        };
        (0..self.group.files.len()).rev().max_by_key(size).unwrap_or(0)
    }

    fn once(&self, chosen: usize, var: &mut Variable) -> Option<Content> {
        let occurrence = self.group.files.get(chosen)?;
        if let Some(recoded) = self.recoded {
            let block = recoded.blocks.get(chosen)?;
            return Some(Content::Values(time::set_units(var, &recoded.units, block)));
        }
        let of = &occurrence.mapped(self.context.files)?.var;
        (var.dtype, var.fill, var.storage) = (of.dtype, of.fill.clone(), of.storage.clone());
        Some(match self.values(chosen).and_then(|v| v.block.clone()) {
            Some(block) => Content::Values(block),
            None => {
                let piece = Piece { file: occurrence.file, variable: occurrence.variable };
                Content::Pieces(Pieces { along: Vec::new(), files: vec![Some(piece)] })
            }
        })
    }

    fn values(&self, number: usize) -> Option<&Values> {
        let occurrence = self.group.files.get(number)?;
        self.context.files.get(occurrence.file as usize)?.values.get(&self.group.name)
    }

    fn block(&self, number: usize) -> Option<&Arc<Block>> {
        match self.recoded {
            Some(recoded) => recoded.blocks.get(number),
            None => self.values(number)?.block.as_ref(),
        }
    }

    /// The keys of a file along some axes.
    fn key(&self, number: usize, axes: &[usize]) -> Vec<u32> {
        let file = self.group.files.get(number).and_then(|o| self.context.files.get(o.file as usize));
        let index = file.map(|f| &*f.index).unwrap_or_default();
        axes.iter().filter_map(|&axis| index.get(axis).copied()).collect()
    }

    /// One file for every key along the axes; `None` where files of one key differ.
    fn explained(&self, axes: &[usize]) -> Option<BTreeMap<Vec<u32>, usize>> {
        let mut by_key: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for number in 0..self.group.files.len() {
            let first = *by_key.entry(self.key(number, axes)).or_insert(number);
            if first != number && !alike::blocks_same(self.block(first)?, self.block(number)?, false) {
                return None;
            }
        }
        Some(by_key)
    }

    /// A scalar that varies gets the dimension of the first axis that explains it, else of all of them.
    fn promote(
        &self,
        var: &mut Variable,
        differ: &[usize],
        problems: &mut Vec<Disagreement>,
    ) -> Option<Content> {
        let axes = self.context.axes.iter().enumerate();
        let concat: Vec<usize> =
            axes.filter(|(_, a)| a.is_concat() && a.labels.len() > 1).map(|(at, _)| at).collect();
        let one = concat.iter().find_map(|&axis| Some((vec![axis], self.explained(&[axis])?)));
        let all = || Some((concat.clone(), self.explained(&concat)?));
        let Some((axes, by_key)) = one.or_else(all).filter(|(axes, _)| !axes.is_empty()) else {
            self.refuse(var, differ, problems);
            return None;
        };
        let starts: Vec<&Arc<[u64]>> = axes.iter().filter_map(|&axis| self.offsets.get(axis)).collect();
        let room = |axis: &Arc<[u64]>| axis.windows(2).filter(|w| matches!(w, [a, b] if a < b)).count();
        let positions: usize = starts.iter().map(|axis| room(axis)).product();
        let held: BTreeSet<Vec<u32>> = by_key.keys().cloned().collect();
        let mut parts: Vec<(Vec<u64>, Vec<u64>, usize)> = Vec::new();
        for (key, number) in by_key {
            let (mut origin, mut shape) = (Vec::new(), Vec::new());
            for (starts, &at) in starts.iter().zip(&key) {
                let (from, to) = (*starts.get(at as usize)?, *starts.get(at as usize + 1)?);
                origin.push(from);
                shape.push(to.saturating_sub(from));
            }
            if shape.iter().all(|&n| n > 0) {
                parts.push((origin, shape, number));
            }
        }
        if parts.len() < positions && self.recoded.is_none() {
            let empty = self.empty(&axes, &starts, &held);
            holes(self.context, self.group, var, &empty, problems)?;
        }
        let dtype = self.block(0)?.dtype;
        let unwritten = match self.recoded {
            Some(_) => Scalar::Int(NOT_A_TIME),
            None => dataset::unwritten(var),
        };
        var.shape = starts.iter().filter_map(|starts| starts.last().copied()).collect();
        var.dims = axes.iter().filter_map(|&a| Some(self.context.axes.get(a)?.name.clone())).collect();
        let mut whole = filled(dtype, var.shape.clone(), &unwritten)?;
        for (origin, shape, number) in parts {
            let part = filled(dtype, shape, &self.block(number)?.scalar(0)?)?;
            place(&mut whole, &part, &origin).then_some(())?;
        }
        let whole = Arc::new(whole);
        Some(Content::Values(match self.recoded {
            Some(recoded) => time::set_units(var, &recoded.units, &whole),
            None => whole,
        }))
    }

    /// The positions that have room and no file.
    fn empty(&self, axes: &[usize], starts: &[&Arc<[u64]>], held: &BTreeSet<Vec<u32>>) -> Vec<String> {
        let mut keys: Vec<Vec<u32>> = vec![Vec::new()];
        for starts in starts {
            let room = starts.windows(2).zip(0_u32..).filter(|(w, _)| matches!(w, [a, b] if a < b));
            let room: Vec<u32> = room.map(|(_, key)| key).collect();
            keys = keys
                .iter()
                .flat_map(|k| room.iter().map(move |at| [k.as_slice(), &[*at]].concat()))
                .collect();
        }
        let empty = keys.iter().filter(|key| !held.contains(*key));
        empty
            .map(|key| position(self.context, axes.iter().copied().zip(key.iter().map(|&k| k as usize))))
            .collect()
    }

    fn url(&self, number: usize) -> &str {
        let file = self.group.files.get(number).and_then(|o| self.context.files.get(o.file as usize));
        file.map_or("?", |f| &*f.url)
    }

    fn refuse(&self, var: &Variable, differ: &[usize], problems: &mut Vec<Disagreement>) {
        let chosen = self.finest();
        let show = |number: usize| match (self.block(chosen), self.block(number)) {
            (_, Some(b)) if b.len() == 1 => self.preview(number, b),
            (Some(a), Some(b)) if number != chosen => match alike::largest_difference(a, b) {
                Some(largest) => largest.show(),
                None => self.preview(number, b),
            },
            (_, Some(b)) => self.preview(number, b),
            (_, None) => "another content".to_owned(),
        };
        let mut found = vec![Difference::new(self.url(chosen), show(chosen))];
        found.extend(differ.iter().map(|&n| Difference::new(self.url(n), show(n))));
        let other = differ.first().and_then(|&n| self.block(n)).zip(self.block(chosen));
        let (code, key) = match other {
            _ if var.dtype == DataType::Text && self.coordinate => (Code::CombineStrings, "coords"),
            _ if var.dtype == DataType::Text => (Code::CombineStrings, "static"),
            _ if var.shape.is_empty() => (Code::CombineScalars, "scalars"),
            Some((b, a)) if is_latitude(var) && is_flipped(a, b) => {
                return problems.push(self.directions(Code::CombineLat, chosen, differ, var));
            }
            Some((b, a)) if is_longitude(var) && is_rolled(a, b) => {
                return problems.push(self.directions(Code::CombineLon, chosen, differ, var));
            }
            _ if self.coordinate => (Code::CombineCoords, "coords"),
            _ => (Code::CombineStatic, "static"),
        };
        problems.push(Disagreement {
            code,
            variable: var.name.clone(),
            what: format!("`{}` has no concat dimension, and differs between files", var.name),
            found,
            help: help(self.context.files, key, var),
        });
    }

    /// Latitudes that run the other way, or longitudes under other numbers: the first file's, and those of the others.
    fn directions(&self, code: Code, chosen: usize, differ: &[usize], var: &Variable) -> Disagreement {
        let mut files: Vec<usize> = std::iter::once(chosen).chain(differ.iter().copied()).collect();
        files.sort_unstable();
        let of = |n: &usize| Some((self.url(*n), &**self.block(*n)?));
        let files: Vec<_> = files.iter().filter_map(of).collect();
        direction::refusal(code, &var.name, &files, self.context.files)
    }

    /// The first values of a file.
    fn preview(&self, number: usize, block: &Block) -> String {
        let own = self.group.files.get(number).and_then(|o| o.mapped(self.context.files)).map(|m| &*m.var);
        let units = match (self.recoded, own) {
            (Some(recoded), _) => Some(recoded.units),
            (None, own) => own.and_then(time::units_of),
        };
        let places = match (self.recoded, own) {
            (Some(recoded), _) => recoded
                .units
                .decode(block, &[Scalar::Int(NOT_A_TIME)])
                .ok()
                .map(|instants| instants.into_iter().map(|i| i.map(Place::Whole)).collect::<Vec<_>>()),
            (None, own) => own.and_then(|own| time::places(own, block)).map(Iterator::collect::<Vec<_>>),
        };
        let shown: Vec<String> = match (places, block.texts()) {
            (Some(places), _) => {
                let show = |p: &Option<Place>| p.map_or("missing".to_owned(), |p| p.show(units.as_ref()));
                places.iter().take(3).map(show).collect()
            }
            (None, Some(texts)) => texts.iter().take(3).map(|t| format!("\"{t}\"")).collect(),
            (None, None) => (0..3).filter_map(|i| block.scalar(i)).map(|s| s.to_string()).collect(),
        };
        match block.shape.as_slice() {
            [] => shown.join(""),
            shape => {
                let more = if block.len() > 3 { ", …" } else { "" };
                format!("shape {shape:?}: {}{more}", shown.join(", "))
            }
        }
    }
}

/// What to do about values that differ.
fn help(files: &[File], key: &str, var: &Variable) -> String {
    let policy = match key {
        "coords" if var.is_dimension_coordinate() => {
            "`combine.coords: outer` takes the union of all, `inner` what all have, `override` the first file's; "
        }
        "coords" => "`combine.coords: override` takes the first file's; ",
        "scalars" => "`combine.scalars: promote` lays it along the concat dimension; ",
        _ => "`combine.static: stack` gives it the concat dimension, `first` takes the first file's; ",
    };
    format!("{policy}{}", leave_out(files, &var.name))
}
