//! `unit`: a range of a plan's tasks.

use std::time::Instant;

use arcoforge_run::{Options, PlanFile, RunFile, figures, run_unit};
use serde_json::json;

use crate::Outcome;
use crate::cli::Unit;
use crate::given::in_session;
use crate::options::base;
use crate::output::Output;

pub(crate) fn run(args: &Unit, output: &Output) -> Outcome {
    let begun = Instant::now();
    let plan = PlanFile::read(&args.plan)?;
    let done =
        in_session(output, &options(&plan), |session| run_unit(session, &plan, args.index, args.attempt))?;
    let (unit, baked) = (&done.unit, &done.baked);
    if baked.nothing_to_do {
        output.note("the plan is published already; nothing to do");
    } else {
        output.note(&format!(
            "unit {}: {}, {}",
            args.index,
            figures::count(unit.hi - unit.lo, "task"),
            figures::duration(begun.elapsed())
        ));
    }
    output.done(json!({
        "command": "unit",
        "plan": unit.plan,
        "index": args.index,
        "lo": unit.lo,
        "hi": unit.hi,
        "attempt": unit.attempt,
        "nothing_to_do": baked.nothing_to_do,
        "bytes_read": baked.bytes_read,
    }));
    Ok(())
}

/// How the plan says that it is run.
pub(super) fn options(plan: &PlanFile) -> Options {
    let Some(run) = &plan.run else { return base(None) };
    let RunFile {
        memory_bytes,
        workers,
        connections,
        base: folder,
        take,
        scratch,
        cache,
        unchecked_copies,
        ..
    } = run;
    let mut options = base(cache.clone());
    options.budget.memory_bytes = *memory_bytes;
    options.budget.asked = true;
    options.budget.workers = *workers;
    Options {
        connections: *connections,
        rate: plan.recipe.source.rate,
        credentials: plan.recipe.source.credentials.clone(),
        base: folder.clone(),
        take: take.clone(),
        scratch: scratch.clone(),
        unchecked_copies: *unchecked_copies,
        ..options
    }
}
