//! A variable that varies along concat axes: its files laid end to end.

use std::sync::Arc;

use super::group::{Group, Occurrence};
use super::lengths::Offsets;
use super::place::{filled, place};
use super::time::{self, NOT_A_TIME, Recoded};
use super::{
    Along, Content, Context, Difference, Disagreement, Piece, Pieces, alike, dataset, is_needed_always,
    leave_out,
};
use crate::block::Block;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::Variable;

/// One variable to lay out.
pub(super) struct Layout<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) group: &'a Group,
    /// The concat axes that it varies along, and the dimension of each.
    pub(super) along: &'a [(usize, usize)],
    pub(super) offsets: &'a Offsets,
    pub(super) recoded: Option<&'a Recoded>,
    pub(super) coordinate: bool,
}

impl Layout<'_> {
    /// Lays the files out; sets the variable's shape, fill value and, for recoded times, units.
    pub(super) fn lay_out(&self, var: &mut Variable, problems: &mut Vec<Disagreement>) -> Option<Content> {
        for &(axis, dim) in self.along {
            *var.shape.get_mut(dim)? = self.starts(axis).last().copied()?;
        }
        let slots = self.slots(problems)?;
        let no_file = |(flat, slot): &(usize, &Option<usize>)| slot.is_none() && self.has_room(*flat);
        if slots.iter().enumerate().any(|slot| no_file(&slot)) && self.recoded.is_none() {
            let empty = slots.iter().enumerate().filter(no_file).map(|(flat, _)| self.position(flat));
            holes(self.context, self.group, var, &empty.collect::<Vec<_>>(), problems)?;
        }
        if self.in_hand(&slots, problems)? { self.values(&slots, var) } else { self.pieces(&slots) }
    }

    fn starts(&self, axis: usize) -> Arc<[u64]> {
        self.offsets.get(axis).cloned().unwrap_or_else(|| Arc::from([]))
    }

    /// Keys along every axis.
    fn lengths(&self) -> Vec<usize> {
        let keys = |&(axis, _): &(usize, usize)| Some(self.context.axes.get(axis)?.labels.len());
        self.along.iter().filter_map(keys).collect()
    }

    /// The file at every position, row-major over the axes.
    fn slots(&self, problems: &mut Vec<Disagreement>) -> Option<Vec<Option<usize>>> {
        let lengths = self.lengths();
        let mut slots: Vec<Option<usize>> =
            vec![None; lengths.iter().try_fold(1_usize, |p, &n| p.checked_mul(n))?];
        let before = problems.len();
        for (number, occurrence) in self.group.files.iter().enumerate() {
            let index = &self.context.files.get(occurrence.file as usize)?.index;
            let flat = self
                .along
                .iter()
                .zip(&lengths)
                .fold(0, |flat, (&(axis, _), &n)| flat * n + index.get(axis).map_or(0, |&i| i as usize));
            let slot = slots.get_mut(flat)?;
            match *slot {
                None => *slot = Some(number),
                Some(first) => self.repeated_alike(first, number, problems)?,
            }
        }
        (problems.len() == before).then_some(slots)
    }

    /// Keys whose files are all left out take no room.
    fn has_room(&self, flat: usize) -> bool {
        let mut rest = flat;
        self.along.iter().zip(self.lengths()).rev().all(|(&(axis, _), n)| {
            let at = rest % n.max(1);
            rest /= n.max(1);
            self.offsets.get(axis).is_some_and(|starts| starts.get(at) < starts.get(at + 1))
        })
    }

    /// What users call a place.
    fn position(&self, flat: usize) -> String {
        let mut rest = flat;
        let mut keys = Vec::with_capacity(self.along.len());
        for (&(axis, _), n) in self.along.iter().zip(self.lengths()).rev() {
            keys.push((axis, rest % n.max(1)));
            rest /= n.max(1);
        }
        position(self.context, keys.into_iter().rev())
    }

    fn block(&self, number: usize) -> Option<Arc<Block>> {
        match self.recoded {
            Some(recoded) => recoded.blocks.get(number).cloned(),
            None => {
                let file = self.context.files.get(self.group.files.get(number)?.file as usize)?;
                file.values.get(&self.group.name)?.block.clone()
            }
        }
    }

    /// Whether the values are in memory rather than in the files. Values that were only read to be compared are not.
    fn in_hand(&self, slots: &[Option<usize>], problems: &mut Vec<Disagreement>) -> Option<bool> {
        let first = self.group.first(self.context.files)?.1;
        if self.recoded.is_none() && !is_needed_always(self.context.axes, first) {
            return Some(false);
        }
        let mut with = slots.iter().flatten().map(|&n| (n, self.block(n).is_some()));
        let lacks = with.clone().find(|(_, has)| !has);
        let Some(((without, _), (holds, _))) = lacks.zip(with.find(|(_, has)| *has)) else {
            return Some(lacks.is_none());
        };
        let url = |n: usize| {
            let file = self.group.files.get(n).and_then(|o| self.context.files.get(o.file as usize));
            file.map_or("?", |f| &*f.url)
        };
        problems.push(Disagreement {
            code: Code::SourceLimit,
            variable: self.group.name.clone(),
            what: "the values are small in some files, and too large to be kept in memory in others"
                .to_owned(),
            found: vec![Difference::new(url(holds), "small"), Difference::new(url(without), "large")],
            help: leave_out(self.context.files, &self.group.name),
        });
        None
    }

    fn pieces(&self, slots: &[Option<usize>]) -> Option<Content> {
        let along = self.along.iter().map(|&(axis, dim)| Along::of_files(dim, &self.starts(axis))).collect();
        let piece = |o: &Occurrence| Piece { file: o.file, variable: o.variable };
        let files = slots.iter().map(|s| s.and_then(|n| self.group.files.get(n)).map(piece)).collect();
        Some(Content::Pieces(Pieces { along, files }))
    }

    fn values(&self, slots: &[Option<usize>], var: &mut Variable) -> Option<Content> {
        let (dtype, unwritten) = match self.recoded {
            Some(_) => (DataType::Int64, Scalar::Int(NOT_A_TIME)),
            None => (var.dtype, dataset::unwritten(var)),
        };
        let mut whole = filled(dtype, var.shape.clone(), &unwritten)?;
        let lengths = self.lengths();
        for (flat, number) in slots.iter().enumerate() {
            let Some(block) = number.and_then(|n| self.block(n)) else { continue };
            let mut origin = vec![0; var.shape.len()];
            let mut rest = flat;
            for (&(axis, dim), &n) in self.along.iter().zip(&lengths).rev() {
                *origin.get_mut(dim)? = self.offsets.get(axis)?.get(rest % n.max(1)).copied()?;
                rest /= n.max(1);
            }
            place(&mut whole, &block, &origin).then_some(())?;
        }
        let whole = Arc::new(whole);
        Some(Content::Values(match self.recoded {
            Some(recoded) => time::set_units(var, &recoded.units, &whole),
            None => whole,
        }))
    }

    /// Two files at one place of a variable must hold the same values.
    fn repeated_alike(&self, a: usize, b: usize, problems: &mut Vec<Disagreement>) -> Option<()> {
        let file = |n: usize| self.context.files.get(self.group.files.get(n)?.file as usize);
        let (first, other) = (file(a)?, file(b)?);
        let rounding = self.coordinate && self.context.rounding(&self.group.name);
        let alike = match self.recoded {
            Some(_) => self.block(a) == self.block(b),
            None => {
                let values = |file: &'_ super::File| file.values.get(&self.group.name).cloned();
                alike::same(values(first).as_ref(), values(other).as_ref(), rounding)
            }
        };
        if alike {
            return Some(());
        }
        let largest = self.block(a).zip(self.block(b)).and_then(|(a, b)| alike::largest_difference(&a, &b));
        let what =
            format!("`{}` stands in several files of one position, with other values", self.group.name);
        let (has, instead) = match largest {
            Some(largest) => (format!("{} at item {}", largest.first, largest.item), largest.show()),
            None => ("one content".to_owned(), "another content".to_owned()),
        };
        let found = vec![Difference::new(&*first.url, has), Difference::new(&*other.url, instead)];
        match problems.iter_mut().find(|p| p.variable == self.group.name && p.what == what) {
            Some(problem) => problem.found.extend(found),
            None => problems.push(Disagreement {
                code: if self.coordinate { Code::CombineCoords } else { Code::CombineDuplicates },
                variable: self.group.name.clone(),
                what,
                found,
                help: format!("rename or drop `{}` in some of the files", self.group.name),
            }),
        }
        Some(())
    }
}

/// The keys along some axes as users see them: `time` 2020-01, `tile` 3.
pub(super) fn position(context: &Context<'_>, keys: impl Iterator<Item = (usize, usize)>) -> String {
    let one = |(axis, key): (usize, usize)| {
        let axis = context.axes.get(axis)?;
        Some(format!("`{}` {}", axis.name, axis.labels.get(key)?))
    };
    keys.filter_map(one).collect::<Vec<_>>().join(", ")
}

/// Positions that are named in a refusal.
const SHOWN: usize = 5;

/// Cells without a file need a value that readers mask.
pub(super) fn holes(
    context: &Context<'_>,
    group: &Group,
    var: &mut Variable,
    empty: &[String],
    problems: &mut Vec<Disagreement>,
) -> Option<()> {
    if var.fill.is_some() {
        return Some(());
    }
    if var.dtype.is_float() && !time::is_time_like(var) {
        var.fill = Some(Scalar::Float(f64::NAN));
        return Some(());
    }
    let first = group.first(context.files).map(|(file, _)| Difference::new(&*file.url, var.dtype));
    let shown = empty.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    let none = match empty.len() {
        1 => format!("1 position has no file ({shown})"),
        count if count > SHOWN => format!("{count} positions have no file ({shown}; …)"),
        count => format!("{count} positions have no file ({shown})"),
    };
    problems.push(Disagreement {
        code: Code::CombineGaps,
        variable: var.name.clone(),
        what: format!("{none}, and the variable has no _FillValue to put there"),
        found: first.into_iter().collect(),
        help: format!(
            "`attrs: {{set: {{{}@_FillValue: …}}}}` gives it one, {}",
            var.name,
            leave_out(context.files, &var.name)
        ),
    });
    None
}
