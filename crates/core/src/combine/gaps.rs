//! Gaps along concat axes: items that are missing between those that there are. They are listed, or, by policy
//! `gaps: fill`, get cells with fill values and their place in the coordinate.

mod declared;
mod keys;
mod regular;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lengths::Offsets;
use super::order::in_order;
use super::time::{Place, decodable, is_time_like, places};
use super::{CombineAxis, CombinedVar, Content, Context, Disagreement, File, Note, dataset};
use crate::block::Block;
use crate::calendar::{Calendar, DateTime};
use crate::cftime::TimeUnits;
use crate::derived::{Run, Runs};
use crate::dtype::Scalar;
use crate::error::Code;
use crate::recipe::TimeEncoding;
use crate::schema::Variable;
use crate::steps::{Mapped, Origin};

pub use keys::{Holes, holes};

/// What becomes of items along a concat axis that no file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Gaps {
    /// They are not in the dataset.
    #[default]
    LeftOut,
    /// Keys of the axis whose files are absent keep their place.
    Declared {
        /// Every key.
        keys: Vec<AxisKey>,
        /// The calendar that the keys' dates are in.
        calendar: Calendar,
        /// Those whose files are absent.
        absent: BTreeSet<u32>,
    },
    /// The keys are those of found files; what is missing between their items is inserted.
    Found,
}

/// A key of an axis, as far as a coordinate's values can be told from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AxisKey {
    /// A date.
    Date(DateTime),
    /// A number.
    Int(i64),
    /// Its label.
    Text,
}

/// Missing items that are named in a note.
const SHOWN: usize = 3;
/// Most items that are inserted along one axis.
const INSERTED_MAX: u64 = 10_000_000;

/// Cells that are inserted along an axis.
struct Inserted {
    /// In front of which cell.
    at: u64,
    count: u64,
    /// The coordinate's values there, where there is a coordinate.
    values: Vec<Value>,
}

/// A value of a coordinate.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(Place),
    Text(String),
}

/// Declared keys whose files are absent get their place, where the policy keeps it; `offsets` then tell it.
pub(super) fn keep(
    context: &Context<'_>,
    offsets: &mut Offsets,
    variables: &mut [CombinedVar],
    notes: &mut Vec<Note>,
    problems: &mut Vec<Disagreement>,
) {
    for (at, axis) in context.axes.iter().enumerate().filter(|(_, axis)| axis.is_concat()) {
        let Gaps::Declared { keys, calendar, absent } = &axis.gaps else { continue };
        let declared = declared::Declared { context, at, axis, offsets, keys, calendar: *calendar, absent };
        let inserted = declared.inserted(coordinate_of(axis, variables));
        let shifted = inserted.as_ref().ok().and_then(|inserted| declared.shifted(inserted));
        settle(axis, variables, inserted, notes, problems);
        if let (Some(slot), Some(shifted)) = (offsets.get_mut(at), shifted) {
            *slot = shifted;
        }
    }
}

/// Lists what is missing between the items along every concat axis, or inserts it where files were found and the policy
/// says so.
pub(super) fn close(
    context: &Context<'_>,
    variables: &mut [CombinedVar],
    notes: &mut Vec<Note>,
    problems: &mut Vec<Disagreement>,
) {
    for axis in context.axes.iter().filter(|axis| axis.is_concat()) {
        let coordinate = coordinate_of(axis, variables);
        if axis.gaps == Gaps::Found {
            let inserted = found(axis, coordinate);
            settle(axis, variables, inserted, notes, problems);
        } else {
            notes.extend(coordinate.and_then(|v| jumps(axis, v)));
        }
    }
}

/// Whether items along an axis get a place without a file.
pub(crate) fn leaves_cells(axis: &CombineAxis, files: &[File]) -> bool {
    match &axis.gaps {
        Gaps::LeftOut => false,
        Gaps::Declared { absent, .. } => !absent.is_empty(),
        Gaps::Found => {
            let own = |file: &File| -> Option<(Vec<Place>, Option<TimeUnits>)> {
                let block = file.values.get(&axis.name)?.block.clone()?;
                let var = &file.view.variable(&axis.name)?.var;
                Some((places(var, &block)?.flatten().collect(), decodable(var, &block)))
            };
            let known: Vec<_> = files.iter().filter_map(own).collect();
            let units = known.first().and_then(|(_, units)| *units);
            let mut all: Vec<Place> = known.into_iter().flat_map(|(places, _)| places).collect();
            all.sort_by(Place::order);
            all.dedup();
            let all = all.iter().map(|place| Some(*place));
            regular::jumps(all, units.as_ref(), INSERTED_MAX, 0).is_some_and(|(_, count)| count > 0)
        }
    }
}

fn coordinate_of<'a>(axis: &CombineAxis, variables: &'a [CombinedVar]) -> Option<&'a CombinedVar> {
    variables.iter().find(|v| v.var.name == axis.name && v.var.is_dimension_coordinate())
}

fn settle(
    axis: &CombineAxis,
    variables: &mut [CombinedVar],
    inserted: Result<Vec<Inserted>, Disagreement>,
    notes: &mut Vec<Note>,
    problems: &mut Vec<Disagreement>,
) {
    let inserted = inserted.and_then(|inserted| insert(axis, variables, &inserted).map(|()| inserted));
    match inserted {
        Err(problem) => problems.push(problem),
        Ok(inserted) => notes.extend(kept(axis, variables, &inserted)),
    }
}

fn refused(axis: &CombineAxis, what: String) -> Disagreement {
    Disagreement {
        code: Code::CombineGaps,
        variable: axis.name.clone(),
        what,
        found: Vec::new(),
        help: format!("`combine.gaps: skip` leaves such positions out of `{}`", axis.name),
    }
}

/// The note on items that are missing between found ones, where these keep a step.
fn jumps(axis: &CombineAxis, coordinate: &CombinedVar) -> Option<Note> {
    let Content::Values(block) = &coordinate.content else { return None };
    let units = decodable(&coordinate.var, block);
    let all = places(&coordinate.var, block)?;
    let (jumps, count) = regular::jumps(all, units.as_ref(), INSERTED_MAX, SHOWN)?;
    let shown = jumps.iter().flat_map(|jump| (1..=jump.count).map(|n| jump.value(n).map(Value::Number)));
    let shown: Vec<Value> = shown.take(SHOWN).collect::<Option<_>>()?;
    note(axis, units.as_ref(), &shown, count, "missing between those that there are")
}

fn kept(axis: &CombineAxis, variables: &[CombinedVar], inserted: &[Inserted]) -> Option<Note> {
    let what = "without a file, kept with fill values";
    let values = || inserted.iter().flat_map(|i| &i.values);
    let shown: Vec<Value> = values().take(SHOWN).cloned().collect();
    if let Some(coordinate) = coordinate_of(axis, variables)
        && let Content::Values(block) = &coordinate.content
        && !shown.is_empty()
    {
        let count = values().count() as u64;
        return note(axis, decodable(&coordinate.var, block).as_ref(), &shown, count, what);
    }
    let count: u64 = inserted.iter().map(|i| i.count).sum();
    let what = format!("{} {what}", items_of(count));
    (count > 0).then(|| Note { variable: axis.name.clone(), what, items: Vec::new(), more: 0 })
}

fn items_of(count: u64) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

/// `shown`: the first of `count` items.
fn note(
    axis: &CombineAxis,
    units: Option<&TimeUnits>,
    shown: &[Value],
    count: u64,
    what: &str,
) -> Option<Note> {
    let show = |value: &Value| match value {
        Value::Number(place) => place.show(units),
        Value::Text(text) => text.clone(),
    };
    let items: Vec<String> = shown.iter().map(show).collect();
    let more = count.saturating_sub(items.len() as u64);
    let what = format!("{} {what}", items_of(count));
    (count > 0).then(|| Note { variable: axis.name.clone(), what, items, more })
}

/// Items that are missing between those of found files, which must keep a step.
fn found(axis: &CombineAxis, coordinate: Option<&CombinedVar>) -> Result<Vec<Inserted>, Disagreement> {
    let unknown = |why: &str| {
        refused(axis, format!("`combine.gaps: fill` can't tell what is missing along `{}`: {why}", axis.name))
    };
    let coordinate = coordinate.ok_or_else(|| unknown("there is no such coordinate"))?;
    let Content::Values(block) = &coordinate.content else {
        return Err(unknown("it is too large to be kept in memory"));
    };
    let all = places(&coordinate.var, block).filter(|all| all.clone().all(|place| place.is_some()));
    let all = all.ok_or_else(|| unknown("it holds text or missing values"))?;
    regular::missing(all, decodable(&coordinate.var, block).as_ref(), INSERTED_MAX)
        .ok_or_else(|| unknown("its distances are no multiples of the smallest one"))
}

/// Inserts cells into every variable that has the axis's dimension.
fn insert(
    axis: &CombineAxis,
    variables: &mut [CombinedVar],
    inserted: &[Inserted],
) -> Result<(), Disagreement> {
    let count: u64 = inserted.iter().map(|i| i.count).sum();
    if count == 0 {
        return Ok(());
    }
    if count > INSERTED_MAX {
        return Err(refused(
            axis,
            format!("{count} items would be inserted along `{}`; at most {INSERTED_MAX} are", axis.name),
        ));
    }
    for variable in variables.iter_mut() {
        let Some(dim) = variable.var.dims.iter().position(|d| *d == axis.name) else { continue };
        let length = variable.var.shape.get(dim).copied().unwrap_or(0);
        let runs = runs(inserted, length);
        if variable.var.name == axis.name && variable.var.dims.len() == 1 {
            coordinate(axis, variable, inserted, &runs)?;
        } else {
            data(axis, variable, dim, &runs)?;
        }
    }
    Ok(())
}

fn runs(inserted: &[Inserted], length: u64) -> Runs {
    let mut runs = Vec::new();
    let mut from = 0;
    for Inserted { at, count, .. } in inserted {
        runs.push(Run { first: Some(from), count: at.saturating_sub(from), reversed: false });
        runs.push(Run { first: None, count: *count, reversed: false });
        from = *at;
    }
    runs.push(Run { first: Some(from), count: length.saturating_sub(from), reversed: false });
    Runs::new(runs)
}

/// A variable gets fill values in the new cells.
fn data(axis: &CombineAxis, variable: &mut CombinedVar, dim: usize, runs: &Runs) -> Result<(), Disagreement> {
    let var = Arc::make_mut(&mut variable.var);
    if var.fill.is_none() {
        if !var.dtype.is_float() || is_time_like(var) {
            let help = format!(
                "`attrs: {{set: {{{0}@_FillValue: …}}}}` gives it one, `drop: [{0}]` leaves it out",
                var.name
            );
            let what = format!(
                "`combine.gaps: fill` leaves cells empty, and the variable ({}) has no _FillValue to put there",
                var.dtype
            );
            return Err(Disagreement { variable: var.name.clone(), help, ..refused(axis, what) });
        }
        var.fill = Some(Scalar::Float(f64::NAN));
    }
    variable.unwritten = dataset::unwritten(var);
    match &mut variable.content {
        Content::Pieces(pieces) => {
            pieces.along.iter_mut().filter(|a| a.dim == dim).for_each(|along| *along = along.pick(runs));
        }
        Content::Values(block) => {
            let all = (0..var.dims.len()).map(|d| (d == dim).then(|| runs.clone())).collect();
            let old = Mapped { var: Arc::clone(&variable.var), origin: Origin::Constant(Arc::clone(block)) };
            let new = old.pick(all, variable.unwritten.clone()).in_hand();
            *block = new.map_err(|e| refused(axis, e.message))?;
        }
    }
    if let Some(length) = Arc::make_mut(&mut variable.var).shape.get_mut(dim) {
        *length = runs.len();
    }
    Ok(())
}

/// The axis's coordinate gets the values that the new cells stand for, which must keep its order.
fn coordinate(
    axis: &CombineAxis,
    variable: &mut CombinedVar,
    inserted: &[Inserted],
    runs: &Runs,
) -> Result<(), Disagreement> {
    let Content::Values(block) = &variable.content else {
        return Err(refused(axis, format!("`{}` is too large to be kept in memory", axis.name)));
    };
    let units = decodable(&variable.var, block);
    let mut values = inserted.iter().flat_map(|i| &i.values);
    let cell = |cell: Option<u64>| match cell {
        Some(cell) => block.scalar(usize::try_from(cell).ok()?),
        None => encode(&variable.var, units.as_ref(), values.next()?),
    };
    let scalars: Option<Vec<Scalar>> = runs.cells(&(0..runs.len())).into_iter().map(cell).collect();
    let new = scalars.and_then(|new| Block::of_scalars(block.dtype, vec![new.len() as u64], new));
    let new = new.ok_or_else(|| {
        refused(
            axis,
            format!("`{}` is stored as {}, which can't hold what is missing", axis.name, block.dtype),
        )
    })?;
    if let (Some(before), Some(after)) = (places(&variable.var, block), places(&variable.var, &new))
        && in_order(before.flatten())
        && !in_order(after.flatten())
    {
        return Err(refused(
            axis,
            format!("what is missing along `{}` would not stand between its neighbours", axis.name),
        ));
    }
    Arc::make_mut(&mut variable.var).shape = new.shape.clone();
    variable.content = Content::Values(Arc::new(new));
    Ok(())
}

/// The number that stands for a value in the coordinate's type and units, exactly.
fn encode(var: &Variable, units: Option<&TimeUnits>, value: &Value) -> Option<Scalar> {
    match (value, units) {
        (Value::Text(text), _) => Some(Scalar::Text(text.clone())),
        (Value::Number(Place::Whole(ns)), Some(units)) => {
            let encoding = TimeEncoding {
                units: var.attrs.text("units").map(str::to_owned),
                calendar: Some(units.calendar),
                dtype: Some(var.dtype),
            };
            crate::cftime::encode_as(&[Some(*ns)], units, &encoding).ok()?.1.scalar(0)
        }
        (Value::Number(Place::Whole(x)), None) => i64::try_from(*x).ok().map(Scalar::Int),
        (Value::Number(Place::Real(x)), _) => Some(Scalar::Float(*x)),
    }
}
