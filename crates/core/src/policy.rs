//! The table of combine policies: what may differ between files, and what can be done about it.
//!
//! The first policy of a key is its default. A policy that is not `available` is part of the language, but this
//! version can't carry it out: a recipe that asks for it is refused, never baked in another way. Where a default is
//! carried out in part, files that need the rest of it are refused.

use crate::axis::{Axis, AxisKind};
use crate::calendar::Calendar;
use crate::recipe::{Kept, Policies, Step};

/// One thing that may differ between files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyKey {
    /// The key under `combine:`.
    pub key: &'static str,
    /// What differs between files.
    pub differs: &'static str,
    /// Whether a policy can be given per variable (`combine: {units: {sst: convert}}`).
    pub per_variable: bool,
    /// What can be done; the first is the default.
    pub policies: &'static [Policy],
}

/// One thing to do where files differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The name; one that ends in a colon takes an argument (`convert:noleap`).
    pub name: &'static str,
    /// What it does, one phrase.
    pub does: &'static str,
    /// Whether this version carries it out.
    pub available: bool,
}

const fn now(name: &'static str, does: &'static str) -> Policy {
    Policy { name, does, available: true }
}

const fn later(name: &'static str, does: &'static str) -> Policy {
    Policy { name, does, available: false }
}

const fn variable(key: &'static str, differs: &'static str, policies: &'static [Policy]) -> PolicyKey {
    PolicyKey { key, differs, per_variable: true, policies }
}

const fn dataset(key: &'static str, differs: &'static str, policies: &'static [Policy]) -> PolicyKey {
    PolicyKey { key, differs, per_variable: false, policies }
}

/// Every key, in the order of the documentation.
pub const POLICIES: &[PolicyKey] = &[
    variable(
        "packing",
        "scale_factor, add_offset, packed type",
        &[
            now("decode", "identical packing stays packed, bit for bit; else all files as decoded floats"),
            now("auto", "one new packing in integers that holds all that any file can represent"),
            now(
                "first",
                "the first file's packing: numbers are rounded to its scale, and refused where it can't hold them",
            ),
            now("error", "refuse"),
        ],
    ),
    variable(
        "dtype",
        "integer or float widths",
        &[
            now("promote", "the smallest type that holds the values of all exactly"),
            now("first", "the first file's type, refusing what does not fit"),
            now("error", "refuse"),
        ],
    ),
    variable(
        "fill",
        "_FillValue, missing_value",
        &[
            now("mask", "each file masked with its own values; one written, NaN in floats"),
            now("error", "refuse"),
        ],
    ),
    variable(
        "units",
        "units of data (texts of one unit are equal)",
        &[
            now("error", "refuse, naming both units"),
            now("convert", "convert to the first file's units, as floats"),
            now("first", "take the first file's units without converting"),
        ],
    ),
    variable(
        "time",
        "reference date or unit of times",
        &[
            now("decode", "each file decoded with its own units, one target unit fine enough for all"),
            now("error", "refuse, naming the files"),
        ],
    ),
    variable(
        "calendar",
        "calendars (aliases are equal)",
        &[
            now("error", "refuse"),
            now(
                "convert:",
                "convert every date to the calendar named after the colon, refusing dates that it does not have",
            ),
        ],
    ),
    variable(
        "months",
        "times in `months since` or `years since`",
        &[
            now("error", "refuse, explaining that their length varies"),
            now(
                "calendar",
                "count calendar months and years from the reference; fractions lie linearly between them",
            ),
        ],
    ),
    dataset(
        "order",
        "order along a concat axis",
        &[
            now("error", "refuse what neither rises nor falls throughout, naming the files"),
            now("sort", "sort the whole dataset by its coordinate, so that it rises"),
            now("keep", "keep the order of the recipe"),
        ],
    ),
    dataset(
        "duplicates",
        "overlaps and duplicate positions",
        &[
            now("error", "refuse, listing them"),
            now("first", "the first file wins"),
            now("last", "the last file wins"),
            now("identical", "keep one if all values are equal, bit for bit, else refuse"),
        ],
    ),
    dataset(
        "gaps",
        "a declared position whose file is absent",
        &[
            now("error", "refuse, listing them"),
            now("fill", "keep the position, with fill values"),
            now("skip", "leave the position out"),
        ],
    ),
    variable(
        "absent",
        "a variable that some files lack",
        &[
            now("error", "refuse, naming file and variable"),
            now("fill", "fill with a real _FillValue, given to the variable where it has none"),
            now("drop", "leave the variable out"),
        ],
    ),
    variable(
        "coords",
        "coordinates along dimensions that are not concatenated",
        &[
            now(
                "equal",
                "equal within the rounding of the coarser type, else refuse with the largest difference",
            ),
            now("error", "refuse any difference"),
            now("override", "take the first file's"),
            now("outer", "the union of all"),
            now("inner", "the intersection of all"),
        ],
    ),
    variable(
        "static",
        "arrays without the concat dimension",
        &[
            now("error", "refuse, with the largest difference"),
            now("stack", "give them the concat dimension"),
            now("first", "take the first file's"),
        ],
    ),
    dataset(
        "lat",
        "latitude that runs north to south in some files",
        &[now("align", "flip to the first file's direction"), now("error", "refuse")],
    ),
    dataset(
        "lon",
        "longitude convention (0 to 360, -180 to 180)",
        &[now("error", "refuse"), now("roll", "roll to the first file's convention")],
    ),
    variable(
        "dims",
        "order of dimensions",
        &[now("transpose", "to the first file's order"), now("error", "refuse")],
    ),
    variable(
        "attrs",
        "attributes",
        &[
            now("equal", "keep what is equal in all files, list what is not"),
            now("first", "take the first file's; what the numbers mean must still be equal"),
            now("error", "refuse any difference"),
            now("collect", "keep every value, as lists, where readers take a list"),
        ],
    ),
    variable(
        "scalars",
        "scalar variables",
        &[
            now("promote", "constant ones stay scalar, varying ones get the concat dimension"),
            now("drop", "leave varying ones out"),
            now("error", "refuse varying ones"),
        ],
    ),
    variable(
        "strings",
        "strings, chars and enums",
        &[
            now("text", "UTF-8 of variable length; enums with flag_values and flag_meanings"),
            later(
                "keep",
                "as each file has them; Zarr has no type of fixed-length text that all readers know",
            ),
        ],
    ),
];

impl Policy {
    /// The name as messages show it: `convert:NAME` where it takes an argument.
    pub fn shown(&self) -> String {
        if self.name.ends_with(':') { format!("{}NAME", self.name) } else { self.name.to_owned() }
    }
}

impl PolicyKey {
    /// The row of a key.
    pub fn find(key: &str) -> Option<&'static Self> {
        POLICIES.iter().find(|row| row.key == key)
    }

    /// The policy that holds where the recipe says nothing.
    pub fn default_policy(&self) -> &'static str {
        self.policies.first().map_or("error", |policy| policy.name)
    }

    /// Whether a policy of this key takes the argument after its colon.
    fn takes(&self, argument: &str) -> bool {
        match self.key {
            "calendar" => Calendar::parse(argument).is_some(),
            _ => !argument.is_empty(),
        }
    }

    /// The policy of a name; `convert:` matches `convert:noleap` but neither `convert` nor `convert:martian`.
    pub fn policy(&self, name: &str) -> Option<&'static Policy> {
        self.policies.iter().find(|policy| match policy.name.strip_suffix(':') {
            Some(_) => name.strip_prefix(policy.name).is_some_and(|argument| self.takes(argument)),
            None => policy.name == name,
        })
    }
}

impl Policies {
    /// The policy of `key` for `variable` (empty where no variable is meant): the variable's own, else the one for
    /// all, else the key's default. A key that is not in [`POLICIES`] is `error`.
    pub fn get(&self, key: &str, variable: &str) -> &str {
        let own = self.variables.get(key).and_then(|policies| policies.get(variable));
        own.or_else(|| self.all.get(key))
            .map(String::as_str)
            .unwrap_or_else(|| PolicyKey::find(key).map_or("error", PolicyKey::default_policy))
    }

    /// What steps along concat axes say of order and duplicates, where nobody set a policy: the steps come after
    /// combining, which must not refuse what they will mend. `sort` keeps the files' order until it sorts.
    pub fn imply(&mut self, steps: &[Step], axes: &[Axis]) {
        let (order, duplicates) = (!self.all.contains_key("order"), !self.all.contains_key("duplicates"));
        let concat = |dim: &str| axes.iter().any(|axis| axis.kind == AxisKind::Concat && axis.name == dim);
        for step in steps {
            match step {
                Step::Sort(dims) if order => {
                    for (dim, _) in dims.iter().filter(|(dim, _)| concat(dim)) {
                        self.set("order", Some(dim.clone()), "keep");
                    }
                }
                Step::Dedupe(dims) if duplicates => {
                    for (dim, kept) in dims.iter().filter(|(dim, _)| concat(dim)) {
                        let kept = match kept {
                            Kept::First => "first",
                            Kept::Last => "last",
                            Kept::Identical => "identical",
                        };
                        self.set("duplicates", Some(dim.clone()), kept);
                    }
                }
                _ => {}
            }
        }
    }

    /// Sets a policy, for one variable or for all.
    pub fn set(&mut self, key: impl Into<String>, variable: Option<String>, policy: impl Into<String>) {
        match variable {
            Some(variable) => {
                self.variables.entry(key.into()).or_default().insert(variable, policy.into());
            }
            None => {
                self.all.insert(key.into(), policy.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_unique_and_its_default_is_available() {
        for (at, row) in POLICIES.iter().enumerate() {
            assert!(POLICIES.iter().skip(at + 1).all(|other| other.key != row.key), "{}", row.key);
            assert!(row.policies.first().is_some_and(|policy| policy.available), "{}", row.key);
        }
    }

    #[test]
    fn the_nearest_policy_wins() {
        let mut policies = Policies::default();
        assert_eq!(policies.get("units", "sst"), "error");
        assert_eq!(policies.get("packing", "sst"), "decode");
        policies.set("packing", None, "error");
        policies.set("packing", Some("ice".into()), "decode");
        for (variable, expected) in [("sst", "error"), ("ice", "decode"), ("", "error")] {
            assert_eq!(policies.get("packing", variable), expected, "{variable}");
        }
        assert_eq!(policies.get("no such key", ""), "error");
    }

    #[test]
    fn an_argument_follows_the_colon() {
        let calendar = PolicyKey::find("calendar").unwrap();
        let rows = [
            ("convert:noleap", true),
            ("convert:Gregorian", true),
            ("convert:martian", false),
            ("convert:", false),
            ("convert", false),
            ("error", true),
        ];
        for (name, found) in rows {
            assert_eq!(calendar.policy(name).is_some(), found, "{name}");
        }
    }
}
