//! Which times are written anew: those that files count in different ways, and those that a policy changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{has_bounds, is_time_like, owner, parse};
use crate::calendar::Calendar;
use crate::cftime;
use crate::combine::File;
use crate::combine::group::Group;
use crate::error::Result;
use crate::recipe::Policies;
use crate::schema::Variable;

/// A time and its bounds: places in the list of groups, the time first.
pub(in crate::combine) struct Family(pub(in crate::combine) Vec<usize>);

/// What the policies of a time say; its bounds follow it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// `combine.time: error`.
    pub(super) alike: bool,
    /// `combine.months: calendar`.
    pub(super) months: bool,
    /// `combine.calendar: convert:NAME`.
    pub(super) calendar: Option<Calendar>,
}

impl Wanted {
    /// # Errors
    /// `combine-calendar` for the name of no calendar.
    pub(super) fn of(policies: &Policies, name: &str) -> Result<Self> {
        let calendar = policies.get("calendar", name).strip_prefix("convert:");
        Ok(Self {
            alike: policies.get("time", name) == "error",
            months: policies.get("months", name) == "calendar",
            calendar: calendar.map(cftime::calendar_named).transpose()?,
        })
    }

    /// Whether times with the attributes of `own` can't stay as they are.
    fn changes(&self, own: &Variable) -> bool {
        match parse(own) {
            Ok(units) => {
                (self.months && units.counts_months()) || self.calendar.is_some_and(|c| c != units.calendar)
            }
            // converting what can't be decoded is refused, not left out in silence
            Err(_) => self.calendar.is_some(),
        }
    }
}

/// The families whose members are counted in another way, or stored in another type, in some files, and those that a
/// policy changes.
pub(in crate::combine) fn families(files: &[File], groups: &[Group], policies: &Policies) -> Vec<Family> {
    let at: BTreeMap<&str, usize> = groups.iter().enumerate().map(|(at, g)| (g.name.as_str(), at)).collect();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut found = Vec::new();
    let timely = |group: &Group| group.first(files).is_some_and(|(_, m)| is_time_like(&m.var));
    let bounded = |group: &Group| {
        let first = group.first(files);
        first.is_some_and(|(file, mapped)| {
            file.view.variables.iter().any(|p| is_time_like(&p.var) && has_bounds(&p.var, &mapped.var))
        })
    };
    let parents = groups.iter().enumerate().filter(|(_, g)| timely(g) && !bounded(g));
    for (number, group) in parents {
        let Some((_, mapped)) = group.first(files) else { continue };
        let mut members = vec![number];
        for path in mapped.var.bounds() {
            members.extend(at.get(path.as_str()).copied().filter(|&n| taken.insert(n)));
        }
        let wanted = Wanted::of(policies, &group.name);
        let changes = |group: &Group| match &wanted {
            Ok(wanted) => owners(files, group).any(|own| wanted.changes(own)),
            Err(_) => true,
        };
        if members.iter().filter_map(|&n| groups.get(n)).any(|g| differ(files, g) || changes(g)) {
            found.push(Family(members));
        }
    }
    found
}

/// The variables whose units hold for a group; files that share one schema are looked at once.
fn owners<'a>(files: &'a [File], group: &'a Group) -> impl Iterator<Item = &'a Variable> {
    let mut last: Option<&Arc<Variable>> = None;
    group.files.iter().filter_map(move |occurrence| {
        let mapped = occurrence.mapped(files)?;
        if is_time_like(&mapped.var) && last.is_some_and(|last| Arc::ptr_eq(last, &mapped.var)) {
            return None;
        }
        last = Some(&mapped.var);
        owner(&files.get(occurrence.file as usize)?.view, &mapped.var)
    })
}

/// Whether unit and reference are the same in all files that have the group.
pub(super) fn counted_alike(files: &[File], group: &Group) -> bool {
    let mut all = owners(files, group).map(|own| match parse(own) {
        Ok(units) => Ok((units.unit, units.reference)),
        Err(_) => Err(own.attrs.text("units")),
    });
    let first = all.next();
    all.all(|other| Some(other) == first)
}

fn differ(files: &[File], group: &Group) -> bool {
    let Some((file, first)) = group.first(files) else { return false };
    let Some(model) = owner(&file.view, &first.var) else { return false };
    let parsed = parse(model).ok();
    let mut same_as = Arc::clone(&first.var);
    group.files.iter().skip(1).any(|occurrence| {
        let (Some(file), Some(mapped)) = (files.get(occurrence.file as usize), occurrence.mapped(files))
        else {
            return false;
        };
        if is_time_like(&mapped.var) && Arc::ptr_eq(&same_as, &mapped.var) {
            return false;
        }
        // a time without units is a disagreement of attributes
        let Some(own) = owner(&file.view, &mapped.var) else { return false };
        let text = |v: &'_ Variable, attr: &str| v.attrs.text(attr).map(str::to_owned);
        let same_text = ["units", "calendar"].iter().all(|attr| text(own, attr) == text(model, attr));
        let same = mapped.var.dtype == first.var.dtype
            && (same_text || (parsed.is_some() && parse(own).ok() == parsed));
        if same {
            same_as = Arc::clone(&mapped.var);
        }
        !same
    })
}
