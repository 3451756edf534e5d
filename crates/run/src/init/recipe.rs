//! The recipe's text.

use std::fmt::Write;

use arcoforge_core::calendar::DateTime;

use super::facts::Facts;
use super::guess::{Axis, Guess};
use super::text::{glob, quoted, regex, single_quoted, template};

/// Keys of a list that are written in the recipe; longer ones are found.
const LISTED: usize = 50;

/// What a recipe is written of.
pub(super) struct Draft<'a> {
    /// All inputs, as the recipe names them.
    pub(super) names: &'a [String],
    /// Whether they can be listed (files of this machine).
    pub(super) local: bool,
    /// What the names tell.
    pub(super) guess: Option<&'a Guess>,
    /// For every axis of the guess, whether it puts files side by side.
    pub(super) merges: Vec<bool>,
    /// What the files tell.
    pub(super) facts: &'a Facts,
}

/// The commented recipe.
pub(super) fn write(draft: &Draft<'_>) -> String {
    let mut out = String::from(HEAD);
    let title = draft.facts.title.as_deref().unwrap_or("one line about the data");
    let _ = writeln!(out, "name: {}", slug(draft.names));
    let _ = writeln!(out, "about:\n  title: {}", quoted(title));
    out.push_str(
        "  # license: CC-BY-4.0\n  # providers: [{name: ..., roles: [producer], url: \"https://...\"}]\n",
    );
    let labels = labels(draft);
    match (draft.names, draft.guess) {
        ([one], _) => {
            let _ = write!(
                out,
                "# One file: nothing to put together.\naxes: {{}}\nsource:\n  files: [{}]\n",
                quoted(one)
            );
        }
        (_, Some(guess)) if guess.is_grid() && short(guess) => declared(&mut out, draft, guess, &labels),
        (_, Some(guess)) if draft.local => found(&mut out, draft, guess, &labels),
        _ => listed(&mut out, draft),
    }
    steps(&mut out, draft, &labels);
    combine(&mut out, draft.facts);
    output(&mut out, draft, &labels);
    out
}

const HEAD: &str = "\
# Written by `arcoforge init` from the names of the files and what the first and last of them hold: read it through.
#
#     arcoforge check recipe.yaml     # is it well formed?
#     arcoforge plan recipe.yaml      # what would be made of which files?
#     arcoforge bake recipe.yaml
schema: 1
";

/// Lists in the recipe stay short enough to read.
fn short(guess: &Guess) -> bool {
    guess.axes.iter().all(|axis| match axis {
        Axis::Dates(..) => true,
        Axis::Numbers(numbers) => consecutive(numbers) || numbers.len() <= LISTED,
        Axis::Words(words) => words.len() <= LISTED,
    })
}

fn consecutive(numbers: &[i64]) -> bool {
    numbers.windows(2).all(|w| matches!(w, [a, b] if a.checked_add(1) == Some(*b)))
}

/// The names of the axes: the dimension where the files have it.
fn labels(draft: &Draft<'_>) -> Vec<String> {
    let Some(guess) = draft.guess else { return Vec::new() };
    let dates = guess.axes.iter().any(|a| matches!(a, Axis::Dates(..)));
    let alone = draft.merges.iter().filter(|merge| !**merge).count() == 1;
    let mut labels: Vec<String> = Vec::new();
    for (axis, merge) in guess.axes.iter().zip(&draft.merges) {
        let Facts { time, varying, same_times, .. } = draft.facts;
        let along = if *same_times { None } else { varying.clone().or_else(|| time.clone()) };
        let label = match axis {
            Axis::Dates(..) => time.clone().or_else(|| varying.clone()).unwrap_or_else(|| "time".to_owned()),
            Axis::Numbers(_) if !dates && alone => along.unwrap_or_else(|| "member".to_owned()),
            _ if *merge => "variable".to_owned(),
            _ => "member".to_owned(),
        };
        let taken =
            labels.iter().filter(|l| l.trim_end_matches(|c: char| c.is_ascii_digit()) == label).count();
        labels.push(if taken == 0 { label } else { format!("{label}{}", taken + 1) });
    }
    labels
}

/// Axes that say which files there are, and a template.
fn declared(out: &mut String, draft: &Draft<'_>, guess: &Guess, labels: &[String]) {
    out.push_str("# The axes say which files there are; to extend the series, move `to` (or write `to: now`).\naxes:\n");
    for ((axis, label), merge) in guess.axes.iter().zip(labels).zip(&draft.merges) {
        let kind = kind(*merge);
        let keys = match axis {
            Axis::Dates(dates, Some(every)) => format!("{{{}, every: {every}}}", ends(dates)),
            Axis::Dates(dates, None) => format!("[{}]", join(dates.iter().map(date))),
            Axis::Numbers(numbers) if consecutive(numbers) && numbers.len() > 2 => {
                let (from, to) = (numbers.first().unwrap_or(&0), numbers.last().unwrap_or(&0));
                format!("{{from: {from}, to: {to}}}")
            }
            Axis::Numbers(numbers) => format!("[{}]", join(numbers.iter().map(i64::to_string))),
            Axis::Words(words) => format!("[{}]", join(words.iter().map(|w| quoted(w)))),
        };
        let _ = writeln!(out, "  {label}: {{{kind}: {keys}}}");
    }
    let _ = write!(
        out,
        "source:\n  # Relative paths begin at the folder of this file.\n  url: {}\n",
        quoted(&template(guess, labels))
    );
    out.push_str("  # missing: [{...}]    # positions that the archive does not have\n");
}

const fn kind(merge: bool) -> &'static str {
    if merge { "merge" } else { "concat" }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn ends(dates: &[DateTime]) -> String {
    let text = |d: Option<&DateTime>| d.map(date).unwrap_or_default();
    format!("from: {}, to: {}", text(dates.first()), text(dates.last()))
}

/// A date with its time only where that is not midnight.
fn date(date: &DateTime) -> String {
    let day = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    match date.ns_of_day() {
        0 => day,
        _ => format!("{day}T{:02}:{:02}:{:02}", date.hour, date.minute, date.second),
    }
}

/// Axes with keys as found in the names.
fn found(out: &mut String, draft: &Draft<'_>, guess: &Guess, labels: &[String]) {
    out.push_str("# The files are listed, and the keys read from their names by the groups of the regular expression.\naxes:\n");
    for (label, merge) in labels.iter().zip(&draft.merges) {
        let _ = writeln!(out, "  {label}: {{{}: found}}", kind(*merge));
    }
    let _ = write!(
        out,
        "source:\n  find:\n    # Relative paths begin at the folder of this file.\n    glob: {}\n    regex: {}\n",
        quoted(&glob(guess)),
        single_quoted(&regex(guess, labels)),
    );
    for (axis, label) in guess.axes.iter().zip(labels) {
        let format = guess.parts.iter().find_map(|part| match part {
            super::guess::Part::Key { axis: of, format, main: true } if labels.get(*of) == Some(label) => {
                Some(format)
            }
            _ => None,
        });
        if let (Axis::Dates(..), Some(format)) = (axis, format) {
            let _ = writeln!(out, "    parse: {{{label}: {}}}", quoted(format));
        }
    }
}

/// Every input by name.
fn listed(out: &mut String, draft: &Draft<'_>) {
    let dim = along(draft.facts);
    out.push_str("# The names follow no pattern that was recognised: the files stand in the order in which they follow each other.\n");
    let _ = write!(out, "axes:\n  {dim}: {{concat: found}}\nsource:\n  files:\n");
    for name in draft.names {
        let _ = writeln!(out, "    - {}", quoted(name));
    }
}

/// The dimension of files whose names say nothing.
fn along(facts: &Facts) -> String {
    facts.varying.clone().or_else(|| facts.time.clone()).unwrap_or_else(|| "time".to_owned())
}

fn steps(out: &mut String, draft: &Draft<'_>, labels: &[String]) {
    let facts = draft.facts;
    let mut steps = String::new();
    for (name, reason) in &facts.unreadable {
        let _ = write!(steps, "  # {}\n  - drop: [{}]\n", reason.replace('\n', " "), quoted(name));
    }
    if let Some(guess) = draft.guess.filter(|_| draft.names.len() > 1) {
        for ((axis, label), merge) in guess.axes.iter().zip(labels).zip(&draft.merges) {
            if *merge || facts.dims.contains(label) {
                continue;
            }
            let scalar = facts.scalar_time.as_ref().filter(|_| matches!(axis, Axis::Dates(..)));
            let value = scalar.map_or(format!("key: {label}"), |name| format!("scalar: {name}"));
            let _ = write!(
                steps,
                "  # The files have no dimension `{label}`.\n  - add_dim: {{{label}: {{{value}}}}}\n"
            );
        }
    } else if draft.names.len() > 1 && !facts.dims.contains(&along(facts)) {
        let _ = write!(
            steps,
            "  # The files have no dimension `{0}`.\n  - add_dim: {{{0}: {{key: {0}}}}}\n",
            along(facts)
        );
    }
    let ones: Vec<&String> =
        facts.ones.iter().filter(|dim| !dim.contains('/') && !labels.contains(dim)).collect();
    if !ones.is_empty() {
        let list = join(ones.iter().map(|d| (*d).clone()));
        let _ = write!(steps, "  # Of length one in every file that was opened:\n  # - squeeze: [{list}]\n");
    }
    if steps.lines().any(|line| line.starts_with("  - ")) {
        let _ = write!(out, "steps:\n{steps}");
    } else if !steps.is_empty() {
        let commented: String =
            steps.lines().map(|l| format!("#{}\n", l.replacen("  # ", "   ", 1))).collect();
        let _ = write!(out, "# steps:\n{commented}");
    }
}

fn combine(out: &mut String, facts: &Facts) {
    if !facts.packing.is_empty() {
        let _ = write!(
            out,
            "# scale_factor or add_offset differ between the first and the last file ({}): this version stops there, a\n\
             # later one writes unpacked numbers. Until then, drop these variables or make a recipe for each packing.\n\
             # combine: {{packing: decode}}\n",
            facts.packing.join(", ")
        );
    } else if facts.packed {
        out.push_str(
            "# Packed values are kept as they are, as long as all files pack alike; this version stops where\n\
             # files differ, a later one writes unpacked numbers there:\n\
             # combine: {packing: decode}\n",
        );
    }
}

fn output(out: &mut String, draft: &Draft<'_>, labels: &[String]) {
    let dim =
        labels.last().cloned().or_else(|| draft.facts.time.clone()).unwrap_or_else(|| "time".to_owned());
    let _ = write!(
        out,
        "# Without `chunks` the target's are those of the files. For long time series at single places, more steps a\n\
         # chunk; for maps, one step a chunk and many chunks a shard.\n\
         # output:\n#   chunks: {{{dim}: 30}}\n#   shards: {{{dim}: 360}}\n#   attrs: {{Conventions: CF-1.11}}\n"
    );
}

/// A name for the dataset: what the files' names begin with, else the folder that holds them all.
fn slug(names: &[String]) -> String {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split('/').collect()).collect();
    let bases: Vec<&str> = parts.iter().filter_map(|parts| parts.last().copied()).collect();
    let stem = match bases.as_slice() {
        [one] => one.rsplit_once('.').map_or(*one, |(stem, _)| stem).to_owned(),
        // what follows is a key, and its first digits may be common
        many => common(many).trim_end_matches(|c: char| !c.is_ascii_alphabetic()).to_owned(),
    };
    let first = parts.first().map_or(&[][..], Vec::as_slice);
    let holds_all = |depth: &usize| {
        let folder = first.get(..=*depth);
        parts.iter().all(|parts| parts.len() > depth + 1 && parts.get(..=*depth) == folder)
    };
    let folder = (0..first.len()).take_while(holds_all).last().and_then(|depth| first.get(depth));
    let folder = folder.copied().unwrap_or_default();
    let slugs = [lower_and_hyphens(&stem), lower_and_hyphens(folder)];
    slugs.into_iter().find(|slug| slug.len() > 1).unwrap_or_else(|| "dataset".to_owned())
}

/// What all names begin with.
fn common(names: &[&str]) -> String {
    let Some((first, others)) = names.split_first() else { return String::new() };
    let length = others.iter().fold(first.chars().count(), |length, other| {
        first.chars().zip(other.chars()).take(length).take_while(|(a, b)| a == b).count()
    });
    first.chars().take(length).collect()
}

fn lower_and_hyphens(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if c != '-' || !slug.ends_with('-') {
            slug.push(c);
        }
    }
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn names_of_datasets() {
        let rows: &[(&[&str], &str)] = &[
            (&["a/sst.19900101.nc", "a/sst.19900102.nc"], "sst"),
            (&["xy_2000-01-01.nc", "xy_2000-01-02.nc"], "xy"),
            (&["daily/x.2000001.nc", "daily/x.2000002.nc"], "daily"),
            (&["cmip/pr/pr_2000.nc", "cmip/tas/tas_2000.nc"], "cmip"),
            (&["https://host/sea/19900101.nc", "https://host/sea/19900102.nc"], "sea"),
            (&["/data/OISST v2/1981.nc", "/data/OISST v2/1982.nc"], "oisst-v2"),
            (&["One File.nc"], "one-file"),
            (&["1981.nc", "1982.nc"], "dataset"),
        ];
        for (names, expected) in rows {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(slug(&names), *expected, "{names:?}");
        }
    }
}
