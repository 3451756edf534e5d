//! One file's schema as the steps left it, with the way back to the file's own arrays.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::attrs::Attrs;
use crate::block::{Block, BlockData};
use crate::chunk::{ChunkGrid, Region, indices};
use crate::derived::{Derived, Rule};
use crate::schema::{Schema, Unreadable, Variable, path_in};

/// One file's schema after the steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FileView {
    /// Attributes of the root group.
    pub attrs: Attrs,
    /// Groups below the root, parents first.
    pub groups: Vec<(String, Attrs)>,
    /// Variables in file order.
    pub variables: Vec<Mapped>,
    /// Variables marked as coordinates by a step.
    pub coords: BTreeSet<String>,
    /// What can't be read and was not dropped.
    pub unreadable: Vec<Unreadable>,
}

/// A variable after the steps, and where its values come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The schema after the steps; `storage` is still the file's.
    pub var: Arc<Variable>,
    /// Where the values come from.
    pub origin: Origin,
}

/// Where a variable's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// An array of the file.
    Source {
        /// Its full path in the file.
        name: Arc<str>,
        /// For every dimension of the variable the file's dimension; `None` for an added dimension of length one.
        /// The file's dimensions that are not listed have length one. `None`: the same dimensions.
        axes: Option<Vec<Option<usize>>>,
    },
    /// Values that a step gave.
    Constant(Arc<Block>),
    /// Values that are in hand with the file, and not with its schema: see [`crate::combine::File::values`].
    Held,
    /// Made of arrays of the file by rule.
    Derived(Arc<Derived>),
}

impl FileView {
    /// A file's schema before any step.
    pub fn new(schema: &Schema) -> Self {
        let variables = schema
            .variables
            .iter()
            .map(|var| Mapped {
                var: Arc::clone(var),
                origin: Origin::Source { name: var.name.as_str().into(), axes: None },
            })
            .collect();
        Self {
            attrs: schema.attrs.clone(),
            groups: schema.groups.clone(),
            variables,
            coords: BTreeSet::new(),
            unreadable: schema.unreadable.clone(),
        }
    }

    /// The variable of that name.
    pub fn variable(&self, name: &str) -> Option<&Mapped> {
        self.variables.iter().find(|m| m.var.name == name)
    }

    /// The length of a dimension, where any variable has it.
    pub fn length(&self, dim: &str) -> Option<u64> {
        self.variables.iter().find_map(|m| m.var.length(dim))
    }

    /// Names of variables and dimensions, without repetition.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.variables.iter().map(|m| m.var.name.clone()).collect();
        names.extend(self.variables.iter().flat_map(|m| m.var.dims.iter().cloned()));
        names.extend(self.unreadable.iter().map(|u| u.name.clone()));
        names
    }

    /// Variables that describe others: dimension coordinates, those marked or named in CF attributes.
    pub fn auxiliary(&self) -> BTreeSet<String> {
        let mut found = self.coords.clone();
        for Mapped { var, .. } in &self.variables {
            if var.is_dimension_coordinate() {
                found.insert(var.name.clone());
            }
            // ancillary variables are data of their own
            let described = references(var).into_iter().filter(|(attr, _)| *attr != "ancillary_variables");
            found.extend(described.map(|(_, target)| target));
        }
        found
    }

    /// Takes `group` as the root: its variables lose the prefix, variables outside leave, but for the coordinates of
    /// dimensions that the group has from its parents.
    pub(super) fn enter_group(&mut self, group: &str) {
        let prefix = format!("{group}/");
        let strip = |name: &str| name.strip_prefix(&prefix).map(str::to_owned);
        let inside = |m: &&Mapped| m.var.name.starts_with(&prefix);
        let used: BTreeSet<String> =
            self.variables.iter().filter(inside).flat_map(|m| m.var.dims.clone()).collect();
        let names: BTreeSet<String> = self.variables.iter().filter_map(|m| strip(&m.var.name)).collect();
        self.variables.retain_mut(|mapped| {
            let inherited = mapped.var.is_dimension_coordinate() && used.contains(&mapped.var.name);
            let name = match strip(&mapped.var.name) {
                Some(name) => name,
                None if inherited && !names.contains(mapped.var.base_name()) => {
                    mapped.var.base_name().to_owned()
                }
                None => return false,
            };
            let var = Arc::make_mut(&mut mapped.var);
            var.name = name;
            for dim in &mut var.dims {
                // a dimension of a parent group keeps its base name
                *dim = strip(dim).unwrap_or_else(|| crate::schema::base_name(dim).to_owned());
            }
            true
        });
        let keep = |path: &str| strip(path);
        self.groups =
            self.groups.iter().filter_map(|(path, attrs)| Some((keep(path)?, attrs.clone()))).collect();
        self.unreadable = self
            .unreadable
            .iter()
            .filter_map(|u| Some(Unreadable { name: keep(&u.name)?, reason: u.reason.clone() }))
            .collect();
    }
}

/// CF attributes whose words are names of variables, and whether every second word is a `term:` label.
pub(super) const REFERENCES: [&str; 8] = [
    "coordinates",
    "bounds",
    "climatology",
    "grid_mapping",
    "ancillary_variables",
    "cell_measures",
    "formula_terms",
    "node_coordinates",
];

/// Names that a variable's CF attributes refer to, as full paths: (attribute, name).
pub(super) fn references(var: &Variable) -> Vec<(&'static str, String)> {
    let group = var.group();
    let mut found = Vec::new();
    for attr in REFERENCES {
        for word in var.attrs.text(attr).unwrap_or_default().split_whitespace() {
            if !word.ends_with(':') {
                found.push((attr, path_in(group, word)));
            }
        }
    }
    found
}

impl Mapped {
    /// For every dimension of a plain variable the file's; the identity where no step changed them.
    pub fn axes(&self) -> Vec<Option<usize>> {
        match &self.origin {
            Origin::Source { axes: Some(axes), .. } => axes.clone(),
            Origin::Source { axes: None, .. } => (0..self.var.dims.len()).map(Some).collect(),
            Origin::Constant(_) | Origin::Held | Origin::Derived(_) => vec![None; self.var.dims.len()],
        }
    }

    /// The variable to change, with its own copy of the schema.
    pub(super) fn edit(&mut self) -> &mut Variable {
        Arc::make_mut(&mut self.var)
    }

    /// Takes other dimensions: for each the variable's dimension that it is now, `None` for a new one of length one.
    pub(crate) fn rearrange(&mut self, dims: Vec<String>, shape: Vec<u64>, from: Vec<Option<usize>>) {
        match &self.origin {
            Origin::Source { .. } => {
                let old = self.axes();
                let axes = from.iter().map(|f| f.and_then(|f| old.get(f).copied().flatten())).collect();
                self.set_dims(dims, shape, axes);
            }
            Origin::Constant(block) => {
                let moved = Arc::new(permute((**block).clone(), &from));
                self.origin = Origin::Constant(moved);
                self.set_dims(dims, shape, from);
            }
            Origin::Derived(_) | Origin::Held => {
                *self = self.clone().derive(Rule::Axes(from), |var| (var.dims, var.shape) = (dims, shape));
            }
        }
    }

    /// Sets dimensions, and the file's dimension that each comes from.
    fn set_dims(&mut self, dims: Vec<String>, shape: Vec<u64>, axes: Vec<Option<usize>>) {
        let var = Arc::make_mut(&mut self.var);
        var.dims = dims;
        var.shape = shape;
        match &mut self.origin {
            Origin::Source { axes: old, .. } => *old = Some(axes),
            Origin::Constant(block) => Arc::make_mut(block).shape = var.shape.clone(),
            Origin::Derived(_) | Origin::Held => {}
        }
    }
}

/// Rearranges a block read from the file (in the file's dimensions) into the variable's dimensions.
pub fn permute(block: Block, axes: &[Option<usize>]) -> Block {
    let kept: Vec<usize> = axes.iter().flatten().copied().collect();
    let shape: Vec<u64> =
        axes.iter().map(|a| a.and_then(|a| block.shape.get(a).copied()).unwrap_or(1)).collect();
    if kept.windows(2).all(|w| matches!(w, [a, b] if a < b)) {
        return Block { shape, ..block };
    }
    let source = ChunkGrid::new(block.shape.clone(), vec![1; block.shape.len()]);
    let order = indices(&Region::whole(&shape)).map(|target| {
        let mut index = vec![0; block.shape.len()];
        for (&axis, &at) in axes.iter().zip(&target) {
            if let Some(slot) = axis.and_then(|a| index.get_mut(a)) {
                *slot = at;
            }
        }
        source.flat(&index) as usize
    });
    let data = match &block.data {
        BlockData::Text(texts) => BlockData::Text(order.filter_map(|i| texts.get(i).cloned()).collect()),
        BlockData::Bytes(bytes) => {
            let size = block.dtype.size().unwrap_or(1);
            let mut out = Vec::with_capacity(bytes.len());
            for i in order {
                out.extend_from_slice(bytes.get(i * size..(i + 1) * size).unwrap_or_default());
            }
            BlockData::Bytes(out)
        }
    };
    Block { dtype: block.dtype, shape, data }
}
