//! Which dimensions an array has: HDF5's dimension scales as the NetCDF-4 library uses them, and names for those that
//! have none (its `phony_dim_N`).

use std::collections::BTreeMap;

use arcoforge_core::schema::{base_name, group_of};

use super::attrs::RawAttr;
use super::dataset::Space;
use super::fault::Parsed;
use super::file::File;
use super::tree::join;
use super::types::Kind;

/// Attributes of NetCDF-4's and HDF5's own plumbing, on any object.
const PLUMBING: [&str; 6] = [
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_nc3_strict",
    "_NCProperties",
];
/// What the NAME of a dimension without a variable begins with.
const NOT_A_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable";
/// Put before the name of a variable that has a dimension's name without being its coordinate.
const NON_COORD: &str = "_nc4_non_coord_";

/// A dataset of the file, before it is known what it means.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) path: String,
    pub(super) address: u64,
    pub(super) attrs: Vec<RawAttr>,
    pub(super) space: Space,
}

/// What a dataset is called, and its extent along named dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// False for a dimension without a variable.
    pub(super) is_variable: bool,
    pub(super) dims: Vec<String>,
    /// At least the stored extent; more where other variables have more records.
    pub(super) shape: Vec<u64>,
    /// Whether the last dimension has a name only because of its length.
    pub(super) phony_last: bool,
}

struct Scale {
    path: String,
    length: u64,
    unlimited: bool,
}

impl Array {
    fn attr(&self, name: &str) -> Option<&RawAttr> {
        self.attrs.iter().find(|attr| attr.name == name)
    }

    fn text(&self, file: &File, name: &str) -> Option<String> {
        self.attr(name)?.text(file)
    }

    /// Whether this is a dimension scale.
    pub(super) fn is_scale(&self, file: &File) -> bool {
        self.text(file, "CLASS").is_some_and(|class| class == "DIMENSION_SCALE")
    }

    fn unlimited(&self, dim: usize) -> bool {
        self.space.max.as_ref().and_then(|max| max.get(dim)) == Some(&u64::MAX)
    }

    fn integers(&self, name: &str) -> Vec<i128> {
        let Some(attr) = self.attr(name) else { return Vec::new() };
        let Kind::Number(number) = attr.element.kind else { return Vec::new() };
        attr.elements().filter_map(|e| number.scalar(e)?.as_i128()).collect()
    }

    /// Addresses of the scales attached to every dimension; `None` where there is none.
    fn attached(&self, file: &File) -> Parsed<Vec<Option<u64>>> {
        let Some(attr) = self.attr("DIMENSION_LIST") else { return Ok(Vec::new()) };
        if !matches!(&attr.element.kind, Kind::Sequence(of) if of.kind == Kind::Reference) {
            return Ok(Vec::new());
        }
        let bytes = usize::from(file.offset_size);
        let first = |reference: &[u8]| -> Parsed<Option<u64>> {
            let addresses = file.heap_object(reference, bytes)?;
            Ok(addresses
                .get(..bytes)
                .map(|b| b.iter().rev().fold(0, |address, &b| address << 8 | u64::from(b))))
        };
        attr.elements().map(first).collect()
    }
}

/// Whether an attribute belongs to the plumbing and not to the user.
pub(super) fn is_plumbing(name: &str, is_scale: bool) -> bool {
    PLUMBING.contains(&name) || (is_scale && matches!(name, "CLASS" | "NAME"))
}

/// Names every dataset and its dimensions. `groups`: parents before children.
pub(super) fn name_all(file: &File, groups: &[String], arrays: &[Array]) -> Parsed<Vec<Named>> {
    let is_scale: Vec<bool> = arrays.iter().map(|array| array.is_scale(file)).collect();
    let mut scales = Scales::new(arrays, &is_scale);
    let mut links = Vec::with_capacity(arrays.len());
    for (array, &is_scale) in arrays.iter().zip(&is_scale) {
        links.push(scales.of(file, array, is_scale)?);
    }
    scales.grow(arrays, &links);
    let mut named: Vec<Named> = arrays
        .iter()
        .zip(&is_scale)
        .map(|(array, &is_scale)| Named {
            name: variable_name(&array.path),
            is_variable: !(is_scale
                && array.text(file, "NAME").is_some_and(|n| n.starts_with(NOT_A_VARIABLE))),
            dims: Vec::new(),
            shape: array.space.shape.clone(),
            phony_last: false,
        })
        .collect();
    let mut phony = Phony::new(&scales, arrays);
    for group in children_first(groups) {
        for ((array, links), named) in arrays.iter().zip(&links).zip(&mut named) {
            if group_of(&array.path) == group {
                name_dims(&scales, &mut phony, group, array, links, named);
            }
        }
    }
    Ok(named)
}

fn name_dims(
    scales: &Scales,
    phony: &mut Phony,
    group: &str,
    array: &Array,
    links: &[Option<usize>],
    named: &mut Named,
) {
    for (dim, &extent) in array.space.shape.iter().enumerate() {
        let scale = links.get(dim).copied().flatten().and_then(|at| scales.all.get(at));
        let fits = |s: &&Scale| s.length == extent || (s.unlimited && s.length > extent);
        let scale = scale.filter(fits);
        named.phony_last = scale.is_none();
        let name = match scale {
            Some(scale) => {
                if let Some(length) = named.shape.get_mut(dim) {
                    *length = scale.length;
                }
                scale.path.clone()
            }
            None => phony.name(group, extent, array.unlimited(dim), &named.dims),
        };
        named.dims.push(name);
    }
}

fn variable_name(path: &str) -> String {
    match base_name(path).strip_prefix(NON_COORD) {
        Some(base) if !base.is_empty() => join(group_of(path), base),
        _ => path.to_owned(),
    }
}

/// All dimension scales of the file.
struct Scales {
    all: Vec<Scale>,
    by_address: BTreeMap<u64, usize>,
    by_id: BTreeMap<i128, usize>,
    /// One more than the largest dimension id of the NetCDF library.
    next_id: i128,
}

impl Scales {
    fn new(arrays: &[Array], is_scale: &[bool]) -> Self {
        let mut scales =
            Self { all: Vec::new(), by_address: BTreeMap::new(), by_id: BTreeMap::new(), next_id: 0 };
        for (array, _) in arrays.iter().zip(is_scale).filter(|(_, is_scale)| **is_scale) {
            let at = scales.all.len();
            scales.by_address.entry(array.address).or_insert(at);
            let id = array.integers("_Netcdf4Dimid").first().copied().unwrap_or(scales.next_id);
            scales.by_id.entry(id).or_insert(at);
            scales.next_id = scales.next_id.max(id + 1);
            scales.all.push(Scale {
                path: array.path.clone(),
                length: array.space.shape.first().copied().unwrap_or(0),
                unlimited: array.unlimited(0),
            });
        }
        scales
    }

    /// The scale of every dimension of an array.
    fn of(&self, file: &File, array: &Array, is_scale: bool) -> Parsed<Vec<Option<usize>>> {
        let rank = array.space.shape.len();
        let own = if is_scale { self.by_address.get(&array.address).copied() } else { None };
        let by_id: Vec<_> =
            array.integers("_Netcdf4Coordinates").iter().map(|id| self.by_id.get(id).copied()).collect();
        let attached = array.attached(file)?;
        let mut found: Vec<Option<usize>> = (0..rank)
            .map(|dim| {
                let address = attached.get(dim).copied().flatten();
                address.and_then(|address| self.by_address.get(&address).copied())
            })
            .collect();
        if by_id.len() == rank && (is_scale || found.iter().all(Option::is_none)) {
            return Ok(by_id);
        }
        if let (Some(own), Some(first)) = (own, found.first_mut()) {
            *first = Some(own);
        }
        Ok(found)
    }

    /// An unlimited dimension is as long as the longest array along it.
    fn grow(&mut self, arrays: &[Array], links: &[Vec<Option<usize>>]) {
        for (array, links) in arrays.iter().zip(links) {
            for (&extent, link) in array.space.shape.iter().zip(links) {
                if let Some(scale) = link.and_then(|at| self.all.get_mut(at)).filter(|scale| scale.unlimited)
                {
                    scale.length = scale.length.max(extent);
                }
            }
        }
    }
}

/// Names for dimensions without a scale, by the rule of the NetCDF-C library: within a group, dimensions of one length
/// are one, unless one array has several.
struct Phony {
    next: i128,
    /// Per group: name, length, whether unlimited.
    known: BTreeMap<String, Vec<(String, u64, bool)>>,
}

impl Phony {
    fn new(scales: &Scales, arrays: &[Array]) -> Self {
        let mut known: BTreeMap<String, Vec<(String, u64, bool)>> = BTreeMap::new();
        for array in arrays {
            if let Some(scale) = scales.by_address.get(&array.address).and_then(|&at| scales.all.get(at))
                && scale.path == array.path
            {
                let dims = known.entry(group_of(&scale.path).to_owned()).or_default();
                dims.push((scale.path.clone(), scale.length, scale.unlimited));
            }
        }
        Self { next: scales.next_id, known }
    }

    fn name(&mut self, group: &str, length: u64, unlimited: bool, taken: &[String]) -> String {
        let known = self.known.entry(group.to_owned()).or_default();
        let same = known.iter().find(|(name, n, u)| *n == length && *u == unlimited && !taken.contains(name));
        if let Some((name, ..)) = same {
            return name.clone();
        }
        let name = join(group, &format!("phony_dim_{}", self.next));
        self.next += 1;
        known.push((name.clone(), length, unlimited));
        name
    }
}

/// Groups in the order in which the NetCDF-C library names dimensions: those inside a group before the group.
fn children_first(groups: &[String]) -> Vec<&str> {
    let mut inside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for group in groups.iter().filter(|group| !group.is_empty()) {
        inside.entry(group_of(group)).or_default().push(group);
    }
    let (mut order, mut open) = (Vec::new(), vec![""]);
    while let Some(group) = open.pop() {
        order.push(group);
        open.extend(inside.get(group).into_iter().flatten());
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_after_those_inside() {
        let groups: Vec<String> = ["", "a", "a/x", "a/y", "b"].iter().map(ToString::to_string).collect();
        assert_eq!(children_first(&groups), ["a/x", "a/y", "a", "b", ""]);
    }

    #[test]
    fn names_lose_the_mark_of_a_non_coordinate() {
        let rows =
            [("g/_nc4_non_coord_time", "g/time"), ("_nc4_non_coord_", "_nc4_non_coord_"), ("g/t", "g/t")];
        for (path, expected) in rows {
            assert_eq!(variable_name(path), expected);
        }
    }

    #[test]
    fn dimensions_without_scale_share_a_name_by_length() {
        let mut phony = Phony { next: 3, known: BTreeMap::new() };
        let mut dims = Vec::new();
        for length in [4, 4, 5] {
            let name = phony.name("g", length, false, &dims);
            dims.push(name);
        }
        assert_eq!(dims, ["g/phony_dim_3", "g/phony_dim_4", "g/phony_dim_5"]);
        assert_eq!(phony.name("g", 4, false, &[]), "g/phony_dim_3");
        assert_eq!(phony.name("g", 4, true, &[]), "g/phony_dim_6");
        assert_eq!(phony.name("", 4, false, &[]), "phony_dim_7");
    }
}
