//! Tasks, numbered over all arrays of a plan in closed form; behind those of the first stage, where there are any.

use arcoforge_core::plan::{ArrayPlan, Plan};

/// Where the tasks of every array begin.
#[derive(Debug)]
pub(crate) struct Tasks<'a> {
    plan: &'a Plan,
    /// One more than arrays: the last is the number of all tasks.
    starts: Vec<u64>,
}

impl<'a> Tasks<'a> {
    pub(crate) fn of(plan: &'a Plan) -> Self {
        let mut starts = vec![0];
        let mut all = 0_u64;
        for array in &plan.arrays {
            all += array.tasks().len();
            starts.push(all);
        }
        Self { plan, starts }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The array of a task, and its number there.
    pub(crate) fn get(&self, number: u64) -> Option<(&'a ArrayPlan, u64)> {
        let at = self.starts.partition_point(|start| *start <= number).checked_sub(1)?;
        Some((self.plan.arrays.get(at)?, number - self.starts.get(at)?))
    }
}
