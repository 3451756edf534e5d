//! What earlier bakes left at a target, looked up once and handed on from step to step.

use std::path::{Path, PathBuf};

use arcoforge_core::error::Result;
use arcoforge_core::target::Dataset;
use arcoforge_write::{check_place, check_target};

use super::branch::Branch;
use super::likeness::{Compared, Likeness, is_copy, likeness};
use super::publication::{Publication, publication, stranger};
use crate::state::{PlanFile, Plans, State};
use crate::update;

/// A target, and what is known of the bakes before. Every plan is read once, and no store is compared twice.
#[derive(Debug)]
pub struct Past {
    target: PathBuf,
    /// Where the target is a branch of a repository.
    branch: Option<Branch>,
    made: Option<Made>,
    plans: Plans,
    compared: Compared,
    /// The bake whose place the new one may take: their datasets were compared.
    passed: Option<State>,
}

/// The bake that made what lies at a target, and how far its publication went.
#[derive(Debug)]
struct Made {
    by: State,
    publication: Publication,
}

impl Past {
    /// Looks at a target and changes nothing.
    pub fn of(target: &Path) -> Self {
        Self::looked(target.to_owned(), None)
    }

    /// Looks at a branch of an Icechunk repository and changes nothing.
    pub fn of_branch(branch: Branch) -> Self {
        Self::looked(branch.target(), Some(branch))
    }

    fn looked(target: PathBuf, branch: Option<Branch>) -> Self {
        let (plans, compared) = (Plans::default(), Compared::default());
        let mut past = Self { target, branch, made: None, plans, compared, passed: None };
        past.look();
        past
    }

    /// Looks again: another process may have published meanwhile.
    pub(crate) fn look(&mut self) {
        if let Some(branch) = &self.branch {
            self.made = branch.made().map(|(by, publication)| Made { by, publication });
            return;
        }
        let Self { target, plans, compared, .. } = self;
        let looked = |state: State| {
            let (found, note) = publication(target, &state)?;
            Some((likeness(target, &note)?, found, note, state))
        };
        let looked: Vec<_> = State::all(target).into_iter().filter_map(looked).collect();
        let mut youngest = |like: Likeness| {
            let same = looked.iter().filter(|(found, _, note, state)| {
                *found == like && (like == Likeness::Itself || is_copy(target, state, note, plans, compared))
            });
            // an older one may have left the same: the one that went less far is the younger
            same.max_by_key(|(_, publication, ..)| *publication)
        };
        // where one is known by its folder, no object is compared with any
        let found = youngest(Likeness::Itself).or_else(|| youngest(Likeness::Alike));
        self.made = found.map(|(_, publication, _, by)| Made { by: by.clone(), publication: *publication });
    }

    /// The target.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// What readers open: the target, or the repository of which it is a branch.
    pub fn place(&self) -> String {
        self.branch
            .as_ref()
            .map_or_else(|| self.target.display().to_string(), |branch| branch.root().to_string())
    }

    /// The branch that is the target, where it is one.
    pub(crate) const fn branch(&self) -> Option<&Branch> {
        self.branch.as_ref()
    }

    /// Says before any work whether a dataset may be published here, in the place of what is there with `overwrite`.
    pub(super) fn check(&self, overwrite: bool) -> Result<()> {
        match &self.branch {
            Some(branch) => branch.check(overwrite),
            None => check_target(&self.target, overwrite),
        }
    }

    /// The same of a place where a bake of ours lies, which may hold the very dataset.
    pub(crate) fn check_place(&self) -> Result<()> {
        match &self.branch {
            Some(branch) => branch.check(true),
            None => check_place(&self.target),
        }
    }

    /// What is to be said of what lies there and no bake of ours left.
    pub(super) fn stranger(&self) -> Option<(String, &'static str)> {
        match &self.branch {
            Some(branch) => branch.stranger(),
            None => stranger(&self.target),
        }
    }

    /// Refuses an update of what others put something into.
    pub(super) fn check_foreign(&self, dataset: &Dataset) -> Result<()> {
        match &self.branch {
            Some(branch) => branch.check_foreign(dataset),
            None => update::check_foreign(&self.target, dataset),
        }
    }

    /// The state of the bake that made what lies at the target; `None` where no bake of ours did.
    pub(crate) fn made_by(&self) -> Option<&State> {
        self.made.as_ref().map(|made| &made.by)
    }

    /// The same where its publication was cut off behind its rename.
    pub(super) fn cut_off(&self) -> Option<&State> {
        self.made.as_ref().filter(|made| made.publication > Publication::Ended).map(|made| &made.by)
    }

    /// Whether a folder holds all that the receipts of a state tell.
    pub(super) fn is_copy_of(&mut self, place: &Path, state: &State) -> bool {
        is_copy(place, state, &state.visible(), &mut self.plans, &mut self.compared)
    }

    /// The plan of that bake.
    pub(super) fn published(&mut self) -> Option<&PlanFile> {
        self.plans.plan(&self.made.as_ref()?.by)
    }

    /// What that bake made.
    pub(super) fn dataset(&mut self) -> Option<&Dataset> {
        self.plans.dataset(&self.made.as_ref()?.by)
    }

    /// Plans of this target's bakes.
    pub(crate) const fn plans(&mut self) -> &mut Plans {
        &mut self.plans
    }

    /// Whether the new dataset was found to be one that may take the place of what lies there now.
    pub(super) fn has_passed(&self) -> bool {
        self.passed.is_some() && self.passed.as_ref() == self.made_by()
    }

    /// Notes that it was; the inputs of earlier bakes are not needed any more.
    pub(super) fn pass(&mut self) {
        self.passed = self.made_by().cloned();
        self.plans.forget_inputs();
    }

    /// Gives back the memory of all plans.
    pub(crate) fn forget(&mut self) {
        self.plans = Plans::default();
    }
}
