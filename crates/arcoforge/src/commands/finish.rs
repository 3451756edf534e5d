//! `finish`: a plan whose units have run is published.

use std::time::Instant;

use arcoforge_run::{PlanFile, finish};

use super::{bake, unit};
use crate::Outcome;
use crate::cli::Finish;
use crate::given::in_session;
use crate::output::Output;

pub(crate) fn run(args: &Finish, output: &Output) -> Outcome {
    let begun = Instant::now();
    let plan = PlanFile::read(&args.plan)?;
    let baked = in_session(output, &unit::options(&plan), |session| finish(session, &plan))?;
    let target = plan.run.as_ref().map(|run| run.target.display().to_string()).unwrap_or_default();
    bake::tell(output, &baked, &target, begun);
    output.done(bake::fields("finish", &baked, &target));
    Ok(())
}
