//! Units: ranges of a plan's tasks, each carried out by a process of its own, in any order, as often as one likes.

use std::ops::Range;

use arcoforge_core::check::Examination;
use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_core::figures::first_of;
use arcoforge_core::recipe::{Recipe, TargetFormat};

use crate::Outcome;
use crate::bake::{Baked, Branch, Existing, Past, Staged, check_existing, publish};
use crate::figures::count;
use crate::prepare::{Prepared, prepare_like};
use crate::receipts::{Receipts, Unit};
use crate::reuse::Reuse;
use crate::session::Session;
use crate::signature::{is_weak, why_weak};
use crate::state::{PlanFile, RunFile};
use crate::tasks::Tasks;

/// Units that a message names.
const NAMED_MAX: usize = 8;

/// What a unit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitDone {
    /// Which.
    pub unit: Unit,
    /// Objects that it owns are there, and so many bytes.
    pub baked: Baked,
}

/// Carries out one unit of a plan. Its chunks and receipts are on the disk when this returns.
///
/// # Errors
/// `plan-invalid` where the inputs are not those of the plan any more; `usage` for a number beyond the last; whatever is
/// wrong with the inputs or the target. What was done before an error is kept: the unit can be run again.
pub fn run_unit(session: &Session<'_>, plan: &PlanFile, index: u64, attempt: u32) -> Outcome<UnitDone> {
    let run = run_of(plan)?;
    if index >= run.units {
        let message = format!("found `--index {index}`, and the plan has {}", count(run.units, "unit"));
        return Err(vec![
            Error::new(Code::Usage, message).help(format!("units are numbered from 0 to {}", run.units - 1)),
        ]);
    }
    let past = past_of(plan, run).map_err(|e| vec![e])?;
    let prepared = prepared(session, plan, run)?;
    let range = range(run, &prepared, index);
    let unit = Unit { plan: plan.digest.clone(), lo: range.start, hi: range.end, attempt };
    let mut staged = Staged::new(past, &prepared, run.overwrite);
    if !staged.is_done() {
        check_planned(staged.past(), run.overwrite, &plan.recipe, &prepared)?;
        staged.take(&plan.recipe, &prepared, true).map_err(|e| vec![e])?;
    }
    if !staged.is_done() {
        let (receipts, reuse) = (staged.receipts(&prepared), staged.reuse(&prepared, false));
        let run = staged.run(session, &prepared, receipts, &reuse, &range, Some(&unit));
        run.map_err(|errors| errors.into_iter().map(|e| too_early(e, plan, &prepared)).collect::<Vec<_>>())?;
    }
    Ok(UnitDone { unit, baked: staged.baked().clone() })
}

/// Publishes a plan whose units have all run.
///
/// # Errors
/// `units-missing` with their numbers; a failed check; as [`publish`].
pub fn finish(session: &Session<'_>, plan: &PlanFile) -> Outcome<Baked> {
    let run = run_of(plan)?;
    let past = past_of(plan, run).map_err(|e| vec![e])?;
    let prepared = prepared(session, plan, run)?;
    let mut staged = Staged::new(past, &prepared, run.overwrite);
    if staged.is_done() {
        staged.settle().map_err(|e| vec![e])?;
    } else {
        check_planned(staged.past(), run.overwrite, &plan.recipe, &prepared)?;
        let seen = prepared.plan.finest();
        let examination = Examination::new(&plan.recipe.checks, &seen.dataset)?;
        staged.take(&plan.recipe, &prepared, false).map_err(|e| vec![e])?;
        if !staged.is_done() {
            // another bake may have published between the first look and the lock
            check_planned(staged.past(), run.overwrite, &plan.recipe, &prepared)?;
            let receipts = staged.receipts(&prepared);
            check_covered(&receipts, &prepared, run)?;
            // every task of units is done, which this counts; coarser levels are made of what they made
            staged.run(session, &prepared, receipts, &Reuse::default(), &(0..run.tasks), None)?;
            staged.complete(session, &prepared, &examination)?;
        }
    }
    publish(session, vec![staged])?.pop().ok_or_else(|| vec![Error::new(Code::Bug, "nothing was published")])
}

/// The target of a plan.
fn past_of(plan: &PlanFile, run: &RunFile) -> Result<Past> {
    let past = match plan.dataset.format {
        TargetFormat::Icechunk | TargetFormat::IcechunkVirtual => {
            Past::of_branch(Branch::new(&run.target, run.branch.as_deref(), run.tag.as_deref())?)
        }
        _ => Past::of(&run.target),
    };
    past.check_place()?;
    Ok(past)
}

/// Refuses units over inputs whose versions nothing tells: each process would take them for others.
///
/// # Errors
/// `source-changed` with the names of these inputs; `usage` for a target of references.
pub fn check_lasting(prepared: &Prepared) -> Outcome<()> {
    if prepared.plan.dataset.format.is_references() {
        let message = "found units for a target of references, which moves no data: one process writes it";
        return Err(vec![
            Error::new(Code::Usage, message).help("leave out `--units`, and run `arcoforge bake`"),
        ]);
    }
    let weak: Vec<FoundFile> = prepared
        .inputs()
        .filter(|input| is_weak(&input.validator))
        .map(|input| FoundFile { has: why_weak(&input.url).to_owned(), url: input.url.to_string() })
        .collect();
    if weak.is_empty() {
        return Ok(());
    }
    let message =
        "units are processes of their own, and nothing would tell them that an input is the one of the plan";
    Err(vec![Error::new(Code::SourceChanged, message).found(weak).help(
        "`bake` needs no versions: it reads every input in one run. For units, fetch these files first, and `touch` \
         those of this machine",
    )])
}

/// Refuses units of a plan that could not be published in the end, before any of them runs.
///
/// # Errors
/// As a bake: `target-exists`, `target-unwritable`.
pub fn check_planned(past: &mut Past, overwrite: bool, recipe: &Recipe, prepared: &Prepared) -> Outcome<()> {
    let existing = if overwrite { Existing::Overwrite } else { Existing::Refuse };
    let found = check_existing(past, existing, recipe, prepared);
    let replaceable =
        found.is_err() && !overwrite && check_existing(past, Existing::Overwrite, recipe, prepared).is_ok();
    found.map_err(|errors| {
        let help = "plan with `--overwrite` to replace it, in one atomic step (what units of this plan made so far is \
                    kept), or plan for another target";
        let explained = |e: Error| if e.code == Code::TargetExists && replaceable { e.help(help) } else { e };
        errors.into_iter().map(explained).collect()
    })
}

/// How many units, from 0, move cells to scratch storage: all others begin when these have ended. None where one stage
/// suffices, or one unit does everything.
pub fn first_units(units: u64, prepared: &Prepared) -> u64 {
    let moved = prepared.scratch_tasks();
    if moved == 0 || units == 1 {
        return 0;
    }
    share(moved, prepared.unit_tasks(), units).clamp(1, units - 1)
}

/// `units 0 to 3 move cells to scratch storage`.
pub fn first_text(first: u64) -> String {
    match first {
        1 => "unit 0 moves cells to scratch storage".to_owned(),
        _ => format!("units 0 to {} move cells to scratch storage", first - 1),
    }
}

/// Names the units that a unit needs.
fn too_early(error: Error, plan: &PlanFile, prepared: &Prepared) -> Error {
    let first = plan.run.as_ref().map_or(0, |run| first_units(run.units, prepared));
    if error.code != Code::UnitsMissing || first == 0 {
        return error;
    }
    error.help(format!("{}: run to the end what comes first, then this unit", first_text(first)))
}

/// The `n`th of `units` shares of so many tasks begins here.
fn share(n: u64, units: u64, tasks: u64) -> u64 {
    u64::try_from(u128::from(tasks) * u128::from(n) / u128::from(units.max(1))).unwrap_or(u64::MAX)
}

/// How the plan's units are run.
fn run_of(plan: &PlanFile) -> Outcome<&RunFile> {
    plan.run.as_ref().ok_or_else(|| {
        vec![
            Error::new(Code::PlanInvalid, "the plan is of one bake and has no units")
                .help("`arcoforge plan RECIPE --to STORE --units N --save PLAN` writes a plan of units"),
        ]
    })
}

/// Prepares again and compares: planning is pure, so that nothing but the inputs can differ.
fn prepared(session: &Session<'_>, plan: &PlanFile, run: &RunFile) -> Outcome<Prepared> {
    let prepared = prepare_like(session, &plan.recipe, None, |_| Ok(Some(&plan.dataset)))?;
    let invalid = |message: String| {
        Error::new(Code::PlanInvalid, message)
            .help("make the plan anew: `arcoforge plan RECIPE --to STORE --units N --save PLAN`")
    };
    if prepared.digest != plan.digest {
        let mut pairs = plan.inputs.iter().zip(prepared.named_inputs());
        let first = pairs.find(|(was, now)| *was != now);
        let first = first.map(|(input, _)| format!("; the first that differs: {}", input.url));
        let message = "the inputs are not those of the plan any more".to_owned();
        return Err(vec![invalid(message + &first.unwrap_or_default())]);
    }
    let tasks = prepared.tasks();
    if tasks != run.tasks {
        return Err(vec![invalid(format!(
            "the plan has {} tasks, and this process makes {tasks} of it",
            run.tasks
        ))]);
    }
    Ok(prepared)
}

/// The tasks of a unit: all units of a stage have as many, but for one. The first `moved` tasks go to scratch storage, and
/// no unit but an only one has tasks of both stages.
fn range(run: &RunFile, prepared: &Prepared, index: u64) -> Range<u64> {
    let (first, moved) = (first_units(run.units, prepared), prepared.scratch_tasks());
    let (at, units, from, tasks) = match index.checked_sub(first) {
        None => (index, first, 0, moved),
        Some(at) if first == 0 => (at, run.units, 0, prepared.unit_tasks()),
        Some(at) => (at, run.units - first, moved, prepared.unit_tasks() - moved),
    };
    from + share(at, units, tasks)..from + share(at + 1, units, tasks)
}

/// The receipts cover the plan.
fn check_covered(receipts: &Receipts, prepared: &Prepared, run: &RunFile) -> Outcome<()> {
    let tasks = Tasks::of(&prepared.plan);
    let moved = prepared.scratch_tasks();
    // what was moved to scratch storage is not asked for any more
    let whole = |number: u64| {
        number < moved
            || tasks.get(number - moved).is_some_and(|(array, task)| receipts.has_task(array, task))
    };
    let missing: Vec<u64> = (0..run.units).filter(|index| !range(run, prepared, *index).all(whole)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} of {} not run to their end: {}",
        count(missing.len() as u64, "unit"),
        run.units,
        first_of(&missing, NAMED_MAX, ", ")
    );
    let command = format!("`arcoforge unit --plan PLAN --index {}`", missing.first().unwrap_or(&0));
    let help = match first_units(run.units, prepared) {
        0 => format!("run them: {command}"),
        first => format!(
            "{}: where they have not run yet, run them first. Then these: {command}",
            first_text(first)
        ),
    };
    Err(vec![Error::new(Code::UnitsMissing, message).at(run.target.display().to_string()).help(help)])
}
