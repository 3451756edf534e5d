//! What steps name and files lack: no fault of one file, but of all of them together.

use std::collections::BTreeSet;

use super::name;
use crate::error::{Code, Error};
use crate::names;
use crate::recipe::Step;

/// A step that could not be carried out in a file, in whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmatched {
    /// The step's place in the recipe, from 0.
    pub step: usize,
    /// What the file lacks.
    pub lack: Lack,
}

/// What a file lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// A name or glob that nothing in this file has. An error only where no file has it.
    Name {
        /// As the step writes it.
        name: String,
        /// The nearest name that the file does have.
        nearest: Option<String>,
    },
    /// Some of the variables that are needed together. An error only where no file has them all.
    Together {
        /// The variable that is made or changed.
        of: String,
        /// What it needs.
        needs: Vec<String>,
    },
    /// A variable that others are needed for is in the file, and would stay as it is. An error wherever that is so.
    Partly {
        /// The variable.
        of: String,
        /// What the file lacks.
        lacks: String,
        /// The file.
        url: String,
    },
}

/// What a step did not find in a file.
#[derive(Debug, Default)]
pub(super) struct Missing {
    names: Vec<String>,
    others: Vec<Lack>,
}

impl Missing {
    pub(super) const fn is_empty(&self) -> bool {
        self.names.is_empty() && self.others.is_empty()
    }

    /// How many names were missed.
    pub(super) const fn names(&self) -> usize {
        self.names.len()
    }

    pub(super) fn push(&mut self, name: String) {
        self.names.push(name);
    }

    pub(super) fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names);
    }

    /// The file lacks some of what `of` needs.
    pub(super) fn together<'a>(&mut self, of: &str, needs: impl IntoIterator<Item = &'a str>) {
        let needs = needs.into_iter().map(str::to_owned).collect();
        self.others.push(Lack::Together { of: of.to_owned(), needs });
    }

    /// The file has `of`, which would stay as it is.
    pub(super) fn partly(&mut self, of: &str, lacks: &str, url: &str) {
        let [of, lacks, url] = [of, lacks, url].map(str::to_owned);
        self.others.push(Lack::Partly { of, lacks, url });
    }

    /// All of it, for a step of a file with these names.
    pub(super) fn of(self, step: usize, known: &BTreeSet<String>) -> impl Iterator<Item = Unmatched> {
        let named = |name: String| {
            let nearest = names::nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
            Lack::Name { name, nearest }
        };
        let lacks: Vec<Lack> = self.names.into_iter().map(named).chain(self.others).collect();
        lacks.into_iter().map(move |lack| Unmatched { step, lack })
    }
}

impl Unmatched {
    fn is_of(&self, other: &Self) -> bool {
        self.step == other.step
            && match (&self.lack, &other.lack) {
                (Lack::Name { name: a, .. }, Lack::Name { name: b, .. })
                | (Lack::Together { of: a, .. }, Lack::Together { of: b, .. })
                | (Lack::Partly { of: a, .. }, Lack::Partly { of: b, .. }) => a == b,
                _ => false,
            }
    }

    const fn is_partly(&self) -> bool {
        matches!(self.lack, Lack::Partly { .. })
    }

    /// Adds what one more file lacks to what all before it lack: what holds for all files stays, and what may hold for none.
    pub fn join(all: &mut Vec<Self>, of_file: Vec<Self>, is_first: bool) {
        if !is_first {
            all.retain(|one| one.is_partly() || of_file.iter().any(|other| one.is_of(other)));
        }
        for one in of_file.into_iter().filter(|one| is_first || one.is_partly()) {
            if !all.iter().any(|other| one.is_of(other)) {
                all.push(one);
            }
        }
    }

    /// The errors of what all files together lack: names first, since nothing can need what is misspelled.
    pub fn errors(steps: &[Step], all: &[Self]) -> Vec<Error> {
        let names = |one: &&Self| matches!(one.lack, Lack::Name { .. });
        let together = |one: &&Self| matches!(one.lack, Lack::Together { .. });
        let kinds: [&dyn Fn(&&Self) -> bool; 3] = [&names, &together, &|one| one.is_partly()];
        let of_kind = |kind: &&dyn Fn(&&Self) -> bool| -> Vec<Error> {
            all.iter().filter(kind).map(|one| one.error(steps)).collect()
        };
        kinds.iter().map(of_kind).find(|errors| !errors.is_empty()).unwrap_or_default()
    }

    fn error(&self, steps: &[Step]) -> Error {
        let (step, number) = (steps.get(self.step).map_or("step", name), self.step + 1);
        match &self.lack {
            Lack::Name { name, nearest } => no_name(step, number, name, nearest.as_deref()),
            Lack::Together { of, needs } => {
                let list: Vec<String> = needs.iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "step {number} (`{step}` of `{of}`) needs {}, and no file has all of them",
                    list.join(", ")
                );
                Error::new(Code::StepUnknownVariable, message)
                    .help("a step sees one file at a time: leave it out, and compute it from the dataset")
            }
            Lack::Partly { of, lacks, url } => {
                let message = format!(
                    "step {number} (`{step}`) needs `{lacks}` for `{of}`; the file has `{of}`, which would stay as it is, and not `{lacks}`"
                );
                Error::new(Code::StepUnknownVariable, message)
                    .at(url.as_str())
                    .help("a step sees one file at a time: leave the step or the file out")
            }
        }
    }
}

/// The error for a name that no file has.
fn no_name(step: &str, number: usize, wrong: &str, nearest: Option<&str>) -> Error {
    if nearest == Some(wrong) {
        let message = match step {
            "flip" | "squeeze" | "transpose" | "subset" => {
                format!("step {number} (`{step}`) takes dimensions, `{wrong}` is a variable and no dimension")
            }
            _ => format!("step {number} (`{step}`) takes variables, `{wrong}` is a dimension without one"),
        };
        return Error::new(Code::StepUnknownVariable, message)
            .help("`arcoforge inspect FILE` lists variables with their dimensions");
    }
    let error = Error::new(
        Code::StepUnknownVariable,
        format!("step {number} (`{step}`) names `{wrong}`, which no file has"),
    );
    if matches!(step, "cast" | "fill" | "mask") && names::is_glob(wrong) {
        return error.help("globs here leave coordinates, bounds and times alone; write their names");
    }
    match nearest {
        Some(near) => error.help(format!("the nearest name is `{near}`")),
        None => error.help("`arcoforge inspect FILE` lists the names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_lack_together() {
        let name = |name: &str| Lack::Name { name: name.into(), nearest: None };
        let together = |of: &str| Lack::Together { of: of.into(), needs: vec![of.into(), "b".into()] };
        let partly = |of: &str, url: &str| Lack::Partly { of: of.into(), lacks: "b".into(), url: url.into() };
        // what every file lacks: what is told of all
        let rows: Vec<(Vec<Vec<Lack>>, &[&str])> = vec![
            (vec![vec![], vec![]], &[]),
            (vec![vec![name("a")], vec![]], &[]),
            (vec![vec![], vec![name("a")]], &[]),
            (vec![vec![name("a"), name("b")], vec![name("b")]], &["names `b`, which no file has"]),
            (
                vec![vec![name("a"), together("u")], vec![name("b"), together("u")]],
                &["`u`, `b`, and no file has all"],
            ),
            (vec![vec![name("a"), together("u")], vec![name("a"), together("u")]], &["names `a`, which"]),
            (vec![vec![together("u")], vec![]], &[]),
            (vec![vec![], vec![partly("u", "x.nc")], vec![partly("u", "y.nc")]], &["the file has `u`"]),
            (vec![vec![partly("u", "x.nc")], vec![]], &["the file has `u`"]),
            (vec![vec![together("w"), partly("u", "x.nc")], vec![together("w")]], &["`w`, `b`, and no file"]),
        ];
        for (files, expected) in rows {
            let mut all = Vec::new();
            for (number, lacks) in files.iter().enumerate() {
                let of_file = lacks.iter().map(|lack| Unmatched { step: 0, lack: lack.clone() }).collect();
                Unmatched::join(&mut all, of_file, number == 0);
            }
            let errors = Unmatched::errors(&[], &all);
            assert_eq!(errors.len(), expected.len(), "{files:?}: {errors:?}");
            for (error, part) in errors.iter().zip(expected) {
                assert!(error.message.contains(part), "{files:?}: {error}");
            }
        }
    }
}
