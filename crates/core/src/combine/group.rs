//! One variable over all files that have it.

use std::collections::{BTreeMap, BTreeSet};

use super::{CombineAxis, File};
use crate::steps::Mapped;

/// A variable's name and every file that has it, in file order.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) files: Vec<Occurrence>,
}

/// One file that has the variable.
#[derive(Clone, Copy)]
pub(crate) struct Occurrence {
    pub(crate) file: u32,
    pub(crate) variable: u32,
}

/// All variables of all files, in the order of first appearance.
pub(crate) fn variables(files: &[File]) -> Vec<Group> {
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        for (place, mapped) in file.view.variables.iter().enumerate() {
            let occurrence = Occurrence { file: number as u32, variable: place as u32 };
            match at.get(mapped.var.name.as_str()).and_then(|&at| groups.get_mut(at)) {
                Some(group) => group.files.push(occurrence),
                None => {
                    at.insert(&mapped.var.name, groups.len());
                    groups.push(Group { name: mapped.var.name.clone(), files: vec![occurrence] });
                }
            }
        }
    }
    groups
}

impl Occurrence {
    /// The variable in its file.
    pub(crate) fn mapped(self, files: &[File]) -> Option<&Mapped> {
        files.get(self.file as usize)?.view.variables.get(self.variable as usize)
    }
}

impl Group {
    /// The first file's variable; the model of the combined one.
    pub(crate) fn first<'a>(&self, files: &'a [File]) -> Option<(&'a File, &'a Mapped)> {
        let first = self.files.first()?;
        Some((files.get(first.file as usize)?, first.mapped(files)?))
    }

    /// The concat axes whose dimension the variable has: (axis, dimension).
    pub(crate) fn along(&self, axes: &[CombineAxis], files: &[File]) -> Vec<(usize, usize)> {
        let Some((_, mapped)) = self.first(files) else { return Vec::new() };
        let dim_of = |axis: &CombineAxis| mapped.var.dims.iter().position(|d| *d == axis.name);
        axes.iter()
            .enumerate()
            .filter(|(_, axis)| axis.is_concat())
            .filter_map(|(at, axis)| Some((at, dim_of(axis)?)))
            .collect()
    }

    /// The numbers of files that lack it while others of their merge key have it.
    pub(crate) fn lacking(&self, axes: &[CombineAxis], files: &[File]) -> Vec<u32> {
        if self.files.len() == files.len() {
            return Vec::new();
        }
        let has: BTreeSet<u32> = self.files.iter().map(|o| o.file).collect();
        let key = |file: &File| merge_key(axes, Some(file));
        let keys: BTreeSet<Vec<u32>> = has.iter().filter_map(|&n| files.get(n as usize)).map(key).collect();
        let lacks = |(file, number): &(&File, u32)| !has.contains(number) && keys.contains(&key(file));
        files.iter().zip(0..).filter(lacks).map(|(_, number)| number).collect()
    }

    /// Whether several files hold the same part of a variable that varies along a concat axis.
    pub(crate) fn repeated(&self, axes: &[CombineAxis], files: &[File]) -> bool {
        let along = self.along(axes, files);
        // positions of a full grid are distinct
        if along.is_empty() || along.len() == axes.len() {
            return false;
        }
        let mut seen = BTreeSet::new();
        let place = |o: &Occurrence| place_of(&along, files.get(o.file as usize));
        self.files.iter().any(|o| !seen.insert(place(o)))
    }
}

/// A file's keys along the axes of a variable.
pub(crate) fn place_of(along: &[(usize, usize)], file: Option<&File>) -> Vec<u32> {
    let index = file.map(|f| &*f.index).unwrap_or_default();
    along.iter().filter_map(|(axis, _)| index.get(*axis).copied()).collect()
}

/// A file's keys along the merge axes.
pub(crate) fn merge_key(axes: &[CombineAxis], file: Option<&File>) -> Vec<u32> {
    let Some(file) = file else { return Vec::new() };
    axes.iter().zip(file.index.iter()).filter(|(axis, _)| !axis.is_concat()).map(|(_, &key)| key).collect()
}
