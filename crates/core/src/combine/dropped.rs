//! Variables that policies leave out of the dataset: they are listed, and forgotten by those that stay.

use std::collections::{BTreeMap, BTreeSet};

use super::group::Group;
use super::{CombinedVar, Context, Disagreement, Note};
use crate::steps::forget_names;

/// Names of variables that are left out, with the reason.
#[derive(Default)]
pub(super) struct Dropped(BTreeMap<String, String>);

/// Variables that some files lack, where the policy leaves them out. What else is wrong with them does not matter then.
pub(super) fn absent(context: &Context<'_>, groups: &[Group], problems: &mut Vec<Disagreement>) -> Dropped {
    let mut dropped = Dropped::default();
    for group in groups.iter().filter(|group| context.policies.get("absent", &group.name) == "drop") {
        let lacking = group.lacking(context.axes, context.files).len();
        if lacking > 0 {
            let files = if lacking == 1 { "file lacks" } else { "files lack" };
            dropped.add(&group.name, &format!("left out, because {lacking} {files} it"));
            problems.retain(|problem| problem.variable != group.name);
        }
    }
    dropped
}

impl Dropped {
    pub(super) fn add(&mut self, name: &str, why: &str) {
        self.0.insert(name.to_owned(), why.to_owned());
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Removes their names from the attributes of those that stay.
    pub(super) fn finish(self, variables: &mut [CombinedVar]) -> Vec<Note> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let gone: BTreeSet<String> = self.0.keys().cloned().collect();
        for variable in variables {
            forget_names(&mut variable.var, &gone);
        }
        let note = |(variable, what)| Note { variable, what, items: Vec::new(), more: 0 };
        self.0.into_iter().map(note).collect()
    }
}
