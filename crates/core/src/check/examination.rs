//! All checks of a recipe against one dataset.

use super::names::{fitting, invalid};
use super::{Failure, Questions, Tally, Verdict, Walk, cf, metadata};
use crate::dtype::DataType;
use crate::error::{Error, Result};
use crate::figures::Short;
use crate::recipe::{Check, CheckRule};
use crate::target::{ArraySpec, Dataset};

/// The checks, and what has to be read for them.
#[derive(Debug)]
pub struct Examination<'a> {
    dataset: &'a Dataset,
    checks: &'a [Check],
    parts: Vec<Vec<Part>>,
    questions: Vec<Questions>,
    walks: Vec<Walk>,
}

/// What a check needs of the values.
#[derive(Debug, Clone, Copy)]
enum Part {
    Walk(usize),
    Range {
        question: usize,
        bound: usize,
    },
    Missing {
        question: usize,
        most: f64,
    },
    /// Nothing may be missing in a coordinate of a dimension.
    Whole(usize),
}

impl<'a> Examination<'a> {
    /// Holds the checks against the dataset that is planned.
    ///
    /// # Errors
    /// `check-invalid` for every check that names what the dataset lacks, or can't be made on it.
    pub fn new(checks: &'a [Check], dataset: &'a Dataset) -> Result<Self, Vec<Error>> {
        let mut all = Self { dataset, checks, parts: Vec::new(), questions: Vec::new(), walks: Vec::new() };
        let mut errors = Vec::new();
        for check in checks {
            match all.parts_of(check) {
                Ok(parts) => all.parts.push(parts),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(all) } else { Err(errors) }
    }

    /// Whether nothing is to be checked.
    pub const fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// What is asked of values; one per array.
    pub fn questions(&self) -> &[Questions] {
        &self.questions
    }

    /// What is asked of coordinates, each to be walked from its first value to its last.
    pub fn walks(&self) -> &[Walk] {
        &self.walks
    }

    /// What every check found: `walks` are those of [`Examination::walks`] at their end, `tallies` answer
    /// [`Examination::questions`], both in order.
    pub fn verdicts(&self, walks: &[Walk], tallies: &[Tally]) -> Vec<Verdict> {
        let verdict = |(check, parts): (&Check, &Vec<Part>)| {
            let (mut failures, advice) = self.of_metadata(&check.rule);
            failures.extend(parts.iter().filter_map(|part| self.judge(part, walks, tallies)));
            Verdict { check: check.name(), about: check.about(), level: check.level, failures, advice }
        };
        self.checks.iter().zip(&self.parts).map(verdict).collect()
    }

    fn parts_of(&mut self, check: &Check) -> Result<Vec<Part>> {
        let dataset = self.dataset;
        let name = check.name();
        let mut parts = Vec::new();
        match &check.rule {
            CheckRule::Monotonic(names) => {
                for pattern in names {
                    for at in fitting(name, pattern, dataset, is_coordinate)? {
                        let Some(array) = dataset.arrays.get(at) else { continue };
                        parts.push(self.walk(Walk::order(at, array)));
                    }
                }
            }
            CheckRule::Gaps { coordinate, every } => {
                for at in fitting(name, coordinate, dataset, is_coordinate)? {
                    let Some(array) = dataset.arrays.get(at) else { continue };
                    parts.push(self.walk(Walk::steps(at, array, every.as_deref())?));
                }
            }
            CheckRule::Range(ranges) => {
                for (pattern, least, greatest) in ranges {
                    if least.is_nan() || greatest.is_nan() || least > greatest {
                        let (least, greatest) = (Short(*least), Short(*greatest));
                        let what =
                            format!("no value of `{pattern}` is at least {least} and at most {greatest}");
                        return Err(invalid(name, what));
                    }
                    for at in fitting(name, pattern, dataset, is_real)? {
                        let question = self.question(at);
                        let Some(bound) = self.questions.get_mut(question).map(|q| q.add(*least, *greatest))
                        else {
                            continue;
                        };
                        parts.push(Part::Range { question, bound });
                    }
                }
            }
            CheckRule::NanFraction(shares) => {
                for (pattern, most) in shares {
                    if !(0.0..=1.0).contains(most) {
                        return Err(invalid(name, format!("{} is no share: expected 0 to 1", Short(*most))));
                    }
                    for at in fitting(name, pattern, dataset, is_number)? {
                        parts.push(Part::Missing { question: self.question(at), most: *most });
                    }
                }
            }
            CheckRule::Size(sizes) => metadata::size_fits(sizes, dataset)?,
            CheckRule::Units(names) => drop(metadata::units_of(names, dataset)?),
            CheckRule::Cf => {
                for (at, array) in dataset.arrays.iter().enumerate() {
                    if is_dimension(array) && is_real(array).is_ok() {
                        parts.push(Part::Whole(self.question(at)));
                    }
                }
            }
        }
        Ok(parts)
    }

    fn walk(&mut self, walk: Walk) -> Part {
        self.walks.push(walk);
        Part::Walk(self.walks.len() - 1)
    }

    /// The number of the questions about an array, which is read once for all of them.
    fn question(&mut self, array: usize) -> usize {
        if let Some(at) = self.questions.iter().position(|q| q.array == array) {
            return at;
        }
        if let Some(spec) = self.dataset.arrays.get(array) {
            self.questions.push(Questions::new(array, spec));
        }
        self.questions.len() - 1
    }

    fn of_metadata(&self, rule: &CheckRule) -> (Vec<Failure>, Vec<Failure>) {
        match rule {
            CheckRule::Size(sizes) => (metadata::size(sizes, self.dataset), Vec::new()),
            CheckRule::Units(names) => {
                let arrays = metadata::units_of(names, self.dataset).unwrap_or_default();
                let arrays = arrays.iter().filter_map(|at| self.dataset.arrays.get(*at));
                (arrays.filter_map(|array| metadata::units(array)).collect(), Vec::new())
            }
            CheckRule::Cf => {
                let (must, should): (Vec<_>, Vec<_>) =
                    cf::lint(self.dataset).into_iter().partition(|finding| finding.required);
                let all = |findings: Vec<cf::Finding>| findings.iter().map(cf::Finding::to_failure).collect();
                (all(must), all(should))
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    fn judge(&self, part: &Part, walks: &[Walk], tallies: &[Tally]) -> Option<Failure> {
        let at = match part {
            Part::Walk(at) => return walks.get(*at)?.failures(),
            Part::Range { question, .. } | Part::Missing { question, .. } | Part::Whole(question) => {
                *question
            }
        };
        let (questions, tally) = (self.questions.get(at)?, tallies.get(at)?);
        let array = self.dataset.arrays.get(questions.array)?;
        match part {
            Part::Walk(_) => None,
            Part::Range { bound, .. } => {
                outside(array, *questions.bounds.get(*bound)?, *tally.outside.get(*bound)?, tally)
            }
            Part::Missing { most, .. } => {
                (tally.missing_share() > *most).then(|| too_much_missing(array, tally, *most))
            }
            Part::Whole(_) => (tally.missing > 0)
                .then(|| cf::missing_in_coordinate(&array.name, tally.missing, tally.cells).to_failure()),
        }
    }
}

fn outside(array: &ArraySpec, bounds: (f64, f64), outside: (u64, u64), tally: &Tally) -> Option<Failure> {
    let (cells, chunk) = outside;
    (cells > 0).then(|| {
        let message = format!(
            "{cells} of {} values of `{}` lie outside {} to {}: the least is {}, the greatest {}",
            tally.cells - tally.missing,
            array.name,
            Short(bounds.0),
            Short(bounds.1),
            Short(tally.least),
            Short(tally.greatest)
        );
        Failure { chunk: Some(array.chunks().index(chunk)), ..Failure::of(&array.name, message) }
    })
}

fn too_much_missing(array: &ArraySpec, tally: &Tally, most: f64) -> Failure {
    let message = format!(
        "{} of {} values of `{}` are missing, a share of {}, expected at most {}",
        tally.missing,
        tally.cells,
        array.name,
        rounded(tally.missing_share(), most),
        Short(most)
    );
    Failure::of(&array.name, message)
}

/// A share in as few digits as tell it from the one that is allowed.
fn rounded(share: f64, most: f64) -> String {
    let texts = (3..16).map(|digits| format!("{share:.digits$}"));
    let mut telling = texts.filter(|text| text.parse::<f64>().is_ok_and(|x| x > most));
    telling.next().unwrap_or_else(|| Short(share).to_string())
}

fn is_coordinate(array: &ArraySpec) -> Result<(), String> {
    match array.shape.len() {
        0 | 1 if !matches!(array.dtype, DataType::Complex64 | DataType::Complex128) => Ok(()),
        0 | 1 => Err("holds complex numbers, which have no order".into()),
        n => Err(format!("has {n} dimensions, expected a coordinate of one")),
    }
}

fn is_real(array: &ArraySpec) -> Result<(), String> {
    match array.dtype {
        DataType::Text | DataType::Complex64 | DataType::Complex128 => {
            Err(format!("holds {}, expected real numbers", array.dtype))
        }
        _ => Ok(()),
    }
}

fn is_number(array: &ArraySpec) -> Result<(), String> {
    match array.dtype {
        DataType::Text => Err("holds text, expected numbers".into()),
        _ => Ok(()),
    }
}

/// A coordinate variable in the sense of CF.
fn is_dimension(array: &ArraySpec) -> bool {
    let base = crate::schema::base_name(&array.name);
    array.dims.len() == 1 && array.dims.first().is_some_and(|dim| dim == base)
}
