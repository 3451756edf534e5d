//! Plans of earlier bakes, each read once however often it is asked for: one of a million inputs takes seconds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arcoforge_core::target::Dataset;

use super::{PlanFile, State};

/// Plans that were read, by the folders of their states; `None` for one that can't be.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    whole: BTreeMap<PathBuf, Option<PlanFile>>,
    /// What is kept of those whose inputs were forgotten.
    datasets: BTreeMap<PathBuf, Dataset>,
}

impl Plans {
    /// The plan of a state.
    pub(crate) fn plan(&mut self, state: &State) -> Option<&PlanFile> {
        let read = || PlanFile::read(&state.plan()).ok();
        self.whole.entry(state.dir().to_owned()).or_insert_with(read).as_ref()
    }

    /// What the bake of a state makes.
    pub(crate) fn dataset(&mut self, state: &State) -> Option<&Dataset> {
        if self.datasets.contains_key(state.dir()) {
            return self.datasets.get(state.dir());
        }
        self.plan(state).map(|plan| &plan.dataset)
    }

    /// The same of a state that is not asked for again.
    pub(crate) fn take_dataset(&mut self, state: &State) -> Option<Dataset> {
        if let Some(dataset) = self.datasets.remove(state.dir()) {
            return Some(dataset);
        }
        self.plan(state)?;
        self.whole.remove(state.dir())?.map(|plan| plan.dataset)
    }

    /// Gives back the memory of inputs: nobody compares them any more.
    pub(crate) fn forget_inputs(&mut self) {
        for (dir, plan) in std::mem::take(&mut self.whole) {
            self.datasets.extend(plan.map(|plan| (dir, plan.dataset)));
        }
    }
}
