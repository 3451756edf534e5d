//! Reconciling: what files disagree on and a policy decides is made alike in every file's view, before they are
//! combined. Combining then still checks everything: what no policy decided is refused there.
//!
//! A rule changes views only, never reads: it replaces a variable by one that is [derived](crate::derived) from it, and
//! values that are in hand follow. The model is the first file that has the variable.

mod absent;
mod coords;
mod dims;
mod dtype;
mod empty;
mod fill;
mod grid;
mod lat;
mod lon;
mod names;
mod numbers;
mod packing;
mod repack;
mod shifted;
mod statics;
mod units;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::Block;
use crate::combine::{CombineAxis, Disagreement, File, Group, Occurrence, Values, groups};
use crate::recipe::Policies;
use crate::schema::Variable;
use crate::steps::{Mapped, Origin};

/// Makes files alike as the policies say; what they can't decide is reported.
pub fn reconcile(axes: &[CombineAxis], files: &mut [File], policies: &Policies) -> Vec<Disagreement> {
    let mut cx = Cx { axes, files, policies, problems: Vec::new(), known: BTreeMap::new() };
    names::check(&mut cx);
    dims::transpose(&mut cx);
    let groups = cx.groups();
    units::agree(&mut cx, &groups);
    packing::agree(&mut cx, &groups);
    // before types are made one: labels are equal within the rounding of the coarser type
    lat::align(&mut cx);
    lon::roll(&mut cx);
    coords::join(&mut cx);
    dtype::agree(&mut cx, &groups);
    fill::agree(&mut cx, &groups);
    statics::stack(&mut cx);
    absent::fill(&mut cx);
    empty::in_gaps(&mut cx);
    cx.problems
}

/// What all rules look at and change.
struct Cx<'a> {
    axes: &'a [CombineAxis],
    files: &'a mut [File],
    policies: &'a Policies,
    problems: Vec<Disagreement>,
    /// Schemas that rules made, by variable: files of one archive share theirs.
    known: BTreeMap<String, Vec<Arc<Variable>>>,
}

/// Versions of one variable's schema that are kept for sharing.
const VERSIONS_MAX: usize = 4;

impl Cx<'_> {
    /// Every variable with the files that have it, in order of first appearance.
    fn groups(&self) -> Vec<Group> {
        groups(self.files)
    }

    /// A variable of a file to put rules on: as a constant where its values are in hand.
    fn mapped(&self, occurrence: Occurrence) -> Option<Mapped> {
        let mapped = occurrence.mapped(self.files)?;
        let file = self.files.get(occurrence.file as usize)?;
        let block = file.values.get(&mapped.var.name).and_then(|values| values.block.as_ref());
        Some(match block {
            Some(block) => {
                Mapped { var: Arc::clone(&mapped.var), origin: Origin::Constant(Arc::clone(block)) }
            }
            None => mapped.clone(),
        })
    }

    /// Replaces a variable of a file. Values that are in hand are computed at once; others are read again where they
    /// are needed, and what they can't become is reported then.
    fn replace(&mut self, occurrence: Occurrence, mut mapped: Mapped) {
        mapped.var = self.shared(mapped.var);
        let Some(file) = self.files.get_mut(occurrence.file as usize) else { return };
        let Some(slot) = Arc::make_mut(&mut file.view).variables.get_mut(occurrence.variable as usize) else {
            return;
        };
        let held = file.values.remove(&slot.var.name).is_some_and(|values| values.block.is_some());
        *slot = mapped;
        if !held {
            return;
        }
        if let Ok(block) = slot.in_hand() {
            slot.origin = Origin::Constant(Arc::clone(&block));
            file.values.insert(slot.var.name.clone(), Values { digest: None, block: Some(block) });
        }
    }

    /// The values of a variable of a file, where they are in hand.
    fn in_hand(&self, occurrence: Occurrence) -> Option<Arc<Block>> {
        let file = self.files.get(occurrence.file as usize)?;
        file.values.get(&occurrence.mapped(self.files)?.var.name)?.block.clone()
    }

    /// Replaces a variable of a file, whose values are read anew where they are needed.
    fn lay(&mut self, occurrence: Occurrence, mut mapped: Mapped) {
        mapped.var = self.shared(mapped.var);
        let Some(file) = self.files.get_mut(occurrence.file as usize) else { return };
        let Some(slot) = Arc::make_mut(&mut file.view).variables.get_mut(occurrence.variable as usize) else {
            return;
        };
        file.values.remove(&slot.var.name);
        *slot = mapped;
    }

    /// Replaces the schema of a variable of a file; its cells stay.
    fn set_schema(&mut self, occurrence: Occurrence, var: Arc<Variable>) {
        let var = self.shared(var);
        let file = self.files.get_mut(occurrence.file as usize);
        if let Some(slot) =
            file.and_then(|f| Arc::make_mut(&mut f.view).variables.get_mut(occurrence.variable as usize))
        {
            slot.var = var;
        }
    }

    fn shared(&mut self, var: Arc<Variable>) -> Arc<Variable> {
        let versions = self.known.entry(var.name.clone()).or_default();
        if let Some(same) = versions.iter().find(|known| ***known == *var) {
            return Arc::clone(same);
        }
        if versions.len() < VERSIONS_MAX {
            versions.push(Arc::clone(&var));
        }
        var
    }
}
