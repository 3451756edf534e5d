//! What the files themselves tell.

use std::collections::BTreeSet;

use arcoforge_core::schema::{Schema, Variable};

/// Names of time dimensions, where no units say so.
const TIMES: &[&str] = &["time", "Time", "TIME", "t", "ocean_time", "XTIME", "date"];

/// What the first and last file tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// The dimension along which time runs.
    pub(super) time: Option<String>,
    /// A scalar variable that holds the file's time.
    pub(super) scalar_time: Option<String>,
    /// Other dimensions of length one.
    pub(super) ones: Vec<String>,
    /// Dimensions.
    pub(super) dims: BTreeSet<String>,
    /// The dimension whose length differs between the files, where it is one.
    pub(super) varying: Option<String>,
    /// The title.
    pub(super) title: Option<String>,
    /// What can't be read: names and reasons.
    pub(super) unreadable: Vec<(String, String)>,
    /// Variables whose packing differs.
    pub(super) packing: Vec<String>,
    /// Variables that are packed.
    pub(super) packed: bool,
    /// First and last file hold the same times, so that they do not follow each other in time.
    pub(super) same_times: bool,
}

impl Facts {
    /// Of the first and last file, which may be one.
    pub(super) fn new(first: &Schema, last: &Schema) -> Self {
        let dims = first.dims();
        let time = time_dim(first);
        let ones = dims.iter().filter(|(dim, length)| *length == 1 && Some(dim) != time.as_ref());
        let others = last.dims();
        let differs = |(dim, length): &&(String, u64)| {
            others.iter().any(|(other, found)| other == dim && found != length)
        };
        Self {
            scalar_time: scalar_time(first),
            ones: ones.map(|(dim, _)| dim.clone()).collect(),
            varying: dims.iter().find(differs).map(|(dim, _)| dim.clone()),
            dims: dims.iter().map(|(dim, _)| dim.clone()).collect(),
            title: first.attrs.text("title").map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()),
            unreadable: first.unreadable.iter().map(|u| (u.name.clone(), u.reason.clone())).collect(),
            packing: repacked(first, last),
            packed: first.variables.iter().any(|v| v.attrs.get("scale_factor").is_some()),
            same_times: false,
            time,
        }
    }
}

fn is_time(variable: &Variable) -> bool {
    variable.attrs.text("units").is_some_and(|units| units.contains(" since "))
}

fn time_dim(schema: &Schema) -> Option<String> {
    let coordinate = |v: &&std::sync::Arc<Variable>| v.is_dimension_coordinate() && is_time(v);
    let named = |v: &&std::sync::Arc<Variable>| TIMES.contains(&v.name.as_str()) && v.dims.len() == 1;
    let variables = &schema.variables;
    let found = variables.iter().find(|v| coordinate(v) && v.name == "time");
    let found = found.or_else(|| variables.iter().find(coordinate)).or_else(|| variables.iter().find(named));
    let dims = schema.dims();
    let bare = || dims.iter().map(|(dim, _)| dim).find(|dim| TIMES.contains(&dim.as_str())).cloned();
    found.and_then(|v| v.dims.first().cloned()).or_else(bare)
}

fn scalar_time(schema: &Schema) -> Option<String> {
    schema.variables.iter().find(|v| v.dims.is_empty() && is_time(v)).map(|v| v.name.clone())
}

fn repacked(first: &Schema, last: &Schema) -> Vec<String> {
    let differs = |v: &&std::sync::Arc<Variable>| {
        last.variable(&v.name).is_some_and(|other| {
            ["scale_factor", "add_offset"].iter().any(|name| {
                match (v.attrs.get(name), other.attrs.get(name)) {
                    (Some(a), Some(b)) => !a.same(b),
                    (a, b) => a.is_some() != b.is_some(),
                }
            })
        })
    };
    first.variables.iter().filter(differs).map(|v| v.name.clone()).collect()
}

/// Whether two files hold different data variables, so that they are put side by side.
pub(super) fn other_variables(a: &Schema, b: &Schema) -> bool {
    let data = |schema: &Schema| -> BTreeSet<String> {
        schema.variables.iter().filter(|v| v.dims.len() > 1).map(|v| v.name.clone()).collect()
    };
    data(a) != data(b)
}
