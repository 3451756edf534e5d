//! From the recipe as written to the recipe as meant: what depends on more than one value is checked here.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::axis::Axis;
use arcoforge_core::code::Code;
use arcoforge_core::recipe::{About, Maintainer, Output, Provider, Recipe, Step};

use crate::diagnostic::{Diagnostic, Span};
use crate::meant_steps::Steps;
use crate::node::shorten;
use crate::read::{Cx, Text, suggest};
use crate::scalar::is_orcid;
use crate::substitute::slug;
use crate::{meant_axes, meant_source, written};

/// Roles of a provider, as in STAC.
const ROLES: &[&str] = &["producer", "licensor", "processor", "host"];

/// Most characters of a dataset's name.
const NAME_MAX: usize = 100;

/// The axes as far as they are known: names of all that were written, and those that are right.
pub(crate) struct Axes {
    /// Every name with where it stands, in order.
    pub(crate) names: Vec<Text>,
    /// The right ones, in order.
    pub(crate) right: Vec<Axis>,
}

/// A recipe of one output, and where its name and target are written.
pub(crate) struct Made {
    /// As meant.
    pub(crate) recipe: Recipe,
    /// Where the name stands.
    pub(crate) name_at: Span,
    /// Where `output.to` stands.
    pub(crate) to_at: Option<Span>,
}

/// The recipes as meant, one for each output. They are usable only where `cx` has no error.
pub(crate) fn recipes(written: written::Recipe, cx: &mut Cx) -> Vec<Made> {
    if let Some(schema) = written.schema.filter(|schema| schema.value != 1) {
        let message = format!("`schema` is {}, this version reads 1", schema.value);
        cx.bad_value::<()>(&schema.span, message, Some("write `schema: 1`".into()));
    }
    if let Some(name) = &written.name {
        check_name(name, cx);
    }
    let axes_known = written.axes.is_some();
    let axes = meant_axes::axes(written.axes.map_or_else(Vec::new, |axes| axes.0), cx);
    let known = axes_known.then_some(&axes);
    let source = meant_source::source(written.source, &axes, axes_known, cx);
    let mut steps = Steps::default();
    steps.extend(written.steps.unwrap_or_default(), known, cx);
    let test = written.test.and_then(|test| test.take).map_or_else(Vec::new, |take| take.0);
    let name = written.name.unwrap_or_else(|| Text { value: String::new(), span: 0..0 });
    let whole = Recipe {
        name: name.value.clone(),
        about: written.about.map_or_else(About::default, |about| self::about(about, cx)),
        source,
        steps: Vec::new(),
        combine: written.combine.map_or_else(Default::default, |combine| combine.0),
        output: Output::default(),
        checks: written.checks.unwrap_or_default().into_iter().flat_map(|item| item.0).collect(),
        test: take(test, known, cx),
        axes: axes.right.clone(),
    };
    let Some(outputs) = written.output else {
        return vec![Made { recipe: with_steps(whole, steps.steps, &axes), name_at: name.span, to_at: None }];
    };
    let listed = outputs.listed;
    let each = outputs.outputs.into_iter().map(|mut output| {
        let own = output.name.take().filter(|_| listed);
        let mut steps = steps.clone();
        steps.extend(output.steps.take().unwrap_or_default(), known, cx);
        let joined = own.as_ref().map_or_else(|| name.value.clone(), |own| joined(&name, own, cx));
        let name_at = own.map_or_else(|| name.span.clone(), |own| own.span);
        let to_at = output.to.as_ref().map(|to| to.span.clone());
        let output = self::output(output, cx);
        let recipe = Recipe { name: joined, output, ..with_steps(whole.clone(), steps.steps, &axes) };
        Made { recipe, name_at, to_at }
    });
    each.collect()
}

/// The recipe with its steps, and the policies that they imply.
fn with_steps(whole: Recipe, steps: Vec<Step>, axes: &Axes) -> Recipe {
    let mut combine = whole.combine;
    combine.imply(&steps, &axes.right);
    Recipe { steps, combine, ..whole }
}

/// The name of the dataset of one output.
fn joined(name: &Text, own: &Text, cx: &mut Cx) -> String {
    check_name(own, cx);
    let joined = format!("{}-{}", name.value, own.value);
    if joined.len() > NAME_MAX && name.value.len() <= NAME_MAX && own.value.len() <= NAME_MAX {
        let message = format!("`{}` is longer than {NAME_MAX} characters", shorten(&joined));
        cx.bad_value::<()>(&own.span, message, None);
    }
    joined
}

fn check_name(name: &Text, cx: &mut Cx) {
    let first = name.value.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = name.value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !first || !rest || name.value.len() > NAME_MAX {
        let message = format!("`{}` is not a name for a dataset", shorten(&name.value));
        let short: String = name.value.to_lowercase().chars().take(NAME_MAX).collect();
        let slug = slug(&short);
        let mut help = "a name has lower-case letters, digits and hyphens, at most 100".to_owned();
        if !slug.is_empty() {
            help = format!("{help}; for example `{slug}`");
        }
        cx.bad_value::<()>(&name.span, message, Some(help));
    }
}

fn about(about: written::About, cx: &mut Cx) -> About {
    let text = |text: Option<Text>| text.map(|text| text.value);
    let mut providers = Vec::new();
    for provider in about.providers.unwrap_or_default() {
        let roles = provider.roles.unwrap_or_default();
        for role in roles.iter().filter(|role| !ROLES.contains(&role.value.as_str())) {
            let help = suggest(&role.value, ROLES, "one of");
            cx.bad_value::<()>(&role.span, format!("`{}` is not a role", shorten(&role.value)), Some(help));
        }
        providers.push(Provider {
            name: text(provider.name).unwrap_or_default(),
            roles: roles.into_iter().map(|role| role.value).collect(),
            url: text(provider.url),
        });
    }
    let mut maintainers = Vec::new();
    for person in about.maintainers.unwrap_or_default() {
        if let Some(orcid) = person.orcid.as_ref().filter(|orcid| !is_orcid(&orcid.value)) {
            let message = format!("`{}` is not an ORCID iD", shorten(&orcid.value));
            let help =
                "16 digits in groups of four, as `0000-0002-1825-0097`; the last is a check digit".to_owned();
            cx.bad_value::<()>(&orcid.span, message, Some(help));
        }
        maintainers.push(Maintainer {
            github: text(person.github),
            name: text(person.name),
            orcid: text(person.orcid),
        });
    }
    About {
        title: text(about.title),
        description: text(about.description),
        license: text(about.license),
        providers,
        maintainers,
    }
}

/// Reports a name that is not an axis.
pub(crate) fn unknown_axis(name: &Text, axes: &Axes, cx: &mut Cx) {
    let known: Vec<&str> = axes.names.iter().map(|name| name.value.as_str()).collect();
    let message = format!("`{}` is not an axis of the recipe", shorten(&name.value));
    let help = match known.as_slice() {
        [] => "the recipe has no axes (`axes: {}`)".to_owned(),
        known => suggest(&name.value, known, "the axes are"),
    };
    let diagnostic = Diagnostic::error(Code::RecipeAxis, name.span.clone(), message);
    cx.push(diagnostic.label("unknown axis").help(help));
}

fn output(output: written::Output, cx: &mut Cx) -> Output {
    if let Some(to) = output.to.as_ref().filter(|to| to.value.trim().is_empty()) {
        cx.bad_value::<()>(&to.span, "`output.to` is empty".into(), None);
    }
    Output {
        to: output.to.map(|to| to.value),
        format: output.format.map_or_else(Default::default, |format| format.0),
        chunks: lengths(output.chunks),
        shards: lengths(output.shards),
        codecs: output.codecs.map_or_else(Default::default, |codecs| codecs.0),
        attrs: output.attrs.map_or_else(Vec::new, |attrs| {
            attrs.0.into_iter().map(|(name, value)| (name.value, value.0)).collect()
        }),
    }
}

fn lengths(
    lengths: Option<crate::read::Entries<crate::scalar::Length>>,
) -> BTreeMap<String, arcoforge_core::recipe::ChunkLength> {
    lengths.map_or_else(BTreeMap::new, |map| {
        map.0.into_iter().map(|(dim, length)| (dim.value, length.0)).collect()
    })
}

/// Keys to take per axis; names are checked where the axes are known.
pub(crate) fn take(
    entries: Vec<(Text, crate::read::Number)>,
    axes: Option<&Axes>,
    cx: &mut Cx,
) -> BTreeMap<String, u64> {
    let mut take = BTreeMap::new();
    for (axis, count) in entries {
        if count.value == 0 {
            let message = format!("`{}` takes 0 keys, expected at least 1", shorten(&axis.value));
            cx.bad_value::<()>(&count.span, message, None);
        }
        if let Some(axes) = axes.filter(|axes| !axes.names.iter().any(|name| name.value == axis.value)) {
            unknown_axis(&axis, axes, cx);
        }
        take.insert(axis.value, count.value);
    }
    take
}

/// The axes that a set of templates never names.
pub(crate) fn unused<'a>(axes: &'a Axes, used: &BTreeSet<String>) -> Vec<&'a Text> {
    axes.names.iter().filter(|name| !used.contains(&name.value)).collect()
}
