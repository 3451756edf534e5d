//! Steps as meant: what names axes exists, and steps of the dataset stand behind those of files.

use arcoforge_core::axis::AxisKind;
use arcoforge_core::code::Code;
use arcoforge_core::recipe::{DimValue, Selection, Step};

use crate::diagnostic::{Diagnostic, Span};
use crate::meant::{Axes, unknown_axis};
use crate::meant_source::check_template;
use crate::read::{Cx, Text};
use crate::steps::StepItem;

/// Steps in order, and where the first one of the dataset stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    /// As meant.
    pub(crate) steps: Vec<Step>,
    of_dataset: Option<Span>,
    pyramid: Option<Span>,
}

impl Steps {
    /// Adds steps; `axes` are absent where they were not written, which was reported then.
    pub(crate) fn extend(&mut self, items: Vec<StepItem>, axes: Option<&Axes>, cx: &mut Cx) {
        for item in items {
            if let Some(axes) = axes {
                check_names(&item, axes, cx);
            }
            for step in parted(item.step, axes) {
                if step.of_dataset() || selects_along(&step, axes) {
                    self.of_dataset.get_or_insert_with(|| item.span.clone());
                } else if let Some(first) = &self.of_dataset {
                    after_dataset(&item.span, first, cx);
                }
                if let Some(first) = &self.pyramid {
                    after_pyramid(&item.span, first, cx);
                }
                if matches!(step, Step::Pyramid(_)) {
                    self.pyramid.get_or_insert_with(|| item.span.clone());
                }
                self.steps.push(step);
            }
        }
    }
}

/// Axes that a step names.
fn check_names(item: &StepItem, axes: &Axes, cx: &mut Cx) {
    if let Step::AddDim(add) = &item.step
        && let DimValue::Key(axis) = &add.value
        && !axes.names.iter().any(|name| name.value == *axis)
    {
        unknown_axis(&Text { value: axis.clone(), span: item.span.clone() }, axes, cx);
    }
    for (text, template) in &item.templates {
        check_template(text, template, axes, cx);
    }
}

/// A subset along concat axes and other dimensions is two: of files, then of the dataset.
fn parted(step: Step, axes: Option<&Axes>) -> Vec<Step> {
    let Step::Subset(selections) = step else { return vec![step] };
    let (dataset, files): (Vec<_>, Vec<_>) =
        selections.into_iter().partition(|selection| is_concat(selection, axes));
    [files, dataset].into_iter().filter(|part| !part.is_empty()).map(Step::Subset).collect()
}

/// Whether a step is a subset along a concat axis.
fn selects_along(step: &Step, axes: Option<&Axes>) -> bool {
    matches!(step, Step::Subset(selections) if selections.iter().any(|one| is_concat(one, axes)))
}

fn is_concat(selection: &Selection, axes: Option<&Axes>) -> bool {
    let (Selection::Labels { dim, .. }
    | Selection::Values { dim, .. }
    | Selection::Range { dim, .. }
    | Selection::Items { dim, .. }) = selection
    else {
        return false;
    };
    let concat = |axes: &Axes| {
        axes.right.iter().any(|axis| matches!(axis.kind, AxisKind::Concat) && axis.name == *dim)
    };
    axes.is_some_and(concat)
}

fn after_pyramid(span: &Span, first: &Span, cx: &mut Cx) {
    let message = "a step stands behind `pyramid`, which is the last";
    cx.push(
        Diagnostic::error(Code::RecipeValue, span.clone(), message)
            .label("would change one level only")
            .also(first.clone(), "makes coarser versions of what the steps before it leave")
            .help("put `pyramid` behind all other steps"),
    );
}

fn after_dataset(span: &Span, first: &Span, cx: &mut Cx) {
    let message = "a step of the files stands behind a step of the dataset";
    cx.push(
        Diagnostic::error(Code::RecipeValue, span.clone(), message)
            .label("of every file, before they are combined")
            .also(first.clone(), "of the dataset, after they are combined")
            .help("put the steps of the files first"),
    );
}
