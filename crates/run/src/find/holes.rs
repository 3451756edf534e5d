//! What is missing between found inputs, said before any of them is opened.

use arcoforge_core::axis::{Axis, Keys};
use arcoforge_core::combine::{Holes, holes};
use arcoforge_core::pattern::Pattern;

use crate::session::{Event, Session};

/// A warning for each axis of found dates that keeps a step and lacks some of them.
pub(super) fn tell(session: &Session<'_>, axes: &[Axis], pattern: &Pattern) {
    for (axis, found) in axes.iter().zip(pattern.axes()).filter(|(axis, _)| axis.keys == Keys::Found) {
        if let Some(holes) = holes(&found.keys, pattern.calendar()) {
            session.tell(&Event::Warning(text(&axis.name, &holes)));
        }
    }
}

fn text(axis: &str, holes: &Holes) -> String {
    let Holes { step, found, missing, ranges, more } = holes;
    let shown = ranges.iter().map(
        |(first, last)| {
            if first == last { first.to_string() } else { format!("{first}..{last}") }
        },
    );
    let mut shown: Vec<String> = shown.collect();
    if *more > 0 {
        shown.push(format!("and {more} more"));
    }
    let all = found + missing;
    format!("along `{axis}`, found {found} of {all} {step}s, missing: {}", shown.join(", "))
}
