//! Policies for single variables: each of them must name one that some file has.

use std::collections::BTreeSet;

use super::Cx;
use crate::combine::Disagreement;
use crate::error::Code;
use crate::names;

/// Reports policies for variables that no file has after the steps: they would decide nothing, in silence.
pub(super) fn check(cx: &mut Cx<'_>) {
    let mut unknown: BTreeSet<(&str, &str)> = cx
        .policies
        .variables
        .iter()
        .flat_map(|(key, of)| of.keys().map(move |name| (&**key, &**name)))
        .collect();
    for file in cx.files.iter() {
        if unknown.is_empty() {
            return;
        }
        let has = |name: &str| {
            file.view.variable(name).is_some() || file.view.unreadable.iter().any(|u| u.name == name)
        };
        unknown.retain(|(_, name)| !has(name));
    }
    let known: BTreeSet<&str> =
        cx.files.iter().flat_map(|f| f.view.variables.iter().map(|m| m.var.name.as_str())).collect();
    let report = |(key, name): (&str, &str)| Disagreement {
        code: Code::RecipeUnknownPolicy,
        variable: name.to_owned(),
        what: format!(
            "`combine.{key}` has a policy for `{name}`, and no file has such a variable after the steps"
        ),
        found: Vec::new(),
        help: match names::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? else leave the policy out"),
            None => "leave the policy out, or name a variable that `arcoforge inspect FILE` lists".to_owned(),
        },
    };
    let problems: Vec<Disagreement> = unknown.into_iter().map(report).collect();
    cx.problems.extend(problems);
}
