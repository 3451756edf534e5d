//! What all rules share: the dataset, the way from a name in an attribute to its array, and the findings.

use crate::attrs::AttrValue;
use crate::check::Failure;
use crate::names::nearest;
use crate::schema::{base_name, group_of};
use crate::target::{ArraySpec, Dataset};

/// One thing that the conventions do not allow or advise against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The section of the conventions.
    pub section: &'static str,
    /// The variable; `None` where it is about the whole dataset.
    pub variable: Option<String>,
    /// What was found, and what was expected.
    pub message: String,
    /// Whether the conventions require it; else they recommend it.
    pub required: bool,
}

/// The findings so far.
#[derive(Debug)]
pub(super) struct Linter<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) findings: Vec<Finding>,
}

impl Finding {
    /// As the failure of a check.
    pub fn to_failure(&self) -> Failure {
        let about = self.variable.as_ref().map(|name| format!(" `{name}`:")).unwrap_or_default();
        Failure {
            message: format!("CF {}:{about} {}", self.section, self.message),
            variable: self.variable.clone(),
            chunk: None,
        }
    }
}

impl<'a> Linter<'a> {
    pub(super) const fn new(dataset: &'a Dataset) -> Self {
        Self { dataset, findings: Vec::new() }
    }

    /// Notes what the conventions require.
    pub(super) fn must(&mut self, section: &'static str, array: &ArraySpec, message: impl Into<String>) {
        self.note(section, Some(array), message.into(), true);
    }

    /// Notes what the conventions recommend.
    pub(super) fn should(&mut self, section: &'static str, array: &ArraySpec, message: impl Into<String>) {
        self.note(section, Some(array), message.into(), false);
    }

    pub(super) fn note(
        &mut self,
        section: &'static str,
        array: Option<&ArraySpec>,
        message: String,
        required: bool,
    ) {
        let variable = array.map(|array| array.name.clone());
        self.findings.push(Finding { section, variable, message, required });
    }

    /// The text of an attribute; one that is no text is noted.
    pub(super) fn text<'b>(
        &mut self,
        section: &'static str,
        array: &'b ArraySpec,
        name: &str,
    ) -> Option<&'b str> {
        let value = array.attrs.get(name)?;
        let text = value.as_text();
        if text.is_none() {
            self.must(section, array, format!("`{name}` is {value}, expected text"));
        }
        text
    }

    /// The array of a name as an attribute of `from` has it (section 2.7): absolute, relative, or plain, which is
    /// looked for in the own group, then above, then anywhere.
    pub(super) fn find(&self, name: &str, from: &ArraySpec) -> Option<&'a ArraySpec> {
        let at = |path: &str| self.dataset.arrays.iter().find(|a| a.name == path).map(AsRef::as_ref);
        if let Some(path) = name.strip_prefix('/') {
            return at(path);
        }
        let mut group = group_of(&from.name);
        loop {
            let path = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
            if let Some(array) = at(&path) {
                return Some(array);
            }
            if group.is_empty() {
                break;
            }
            group = group_of(group);
        }
        self.dataset.arrays.iter().find(|a| base_name(&a.name) == name).map(AsRef::as_ref)
    }

    /// As [`Linter::find`]; a name that no array has is noted.
    pub(super) fn expect(
        &mut self,
        section: &'static str,
        from: &ArraySpec,
        attribute: &str,
        name: &str,
    ) -> Option<&'a ArraySpec> {
        let found = self.find(name, from);
        if found.is_none() {
            let known = self.dataset.arrays.iter().map(|a| a.name.as_str());
            let near =
                nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("`{attribute}` names `{name}`, which the dataset does not have{near}");
            self.must(section, from, message);
        }
        found
    }

    /// Whether some array names `array` in this attribute.
    pub(super) fn is_named(&self, array: &ArraySpec, attribute: &str) -> bool {
        let names = |from: &ArraySpec| {
            let text = from.attrs.text(attribute).unwrap_or_default();
            text.split_whitespace()
                .any(|word| self.find(word.trim_end_matches(':'), from).is_some_and(|a| a.name == array.name))
        };
        self.dataset.arrays.iter().any(|from| names(from))
    }

    /// Whether `array` holds the bounds of another.
    pub(super) fn is_bounds(&self, array: &ArraySpec) -> bool {
        self.is_named(array, "bounds") || self.is_named(array, "climatology")
    }

    /// Whether `name` is a global attribute's list with `word` in it.
    pub(super) fn is_external(&self, word: &str) -> bool {
        let listed = self.dataset.attrs.text("external_variables").unwrap_or_default();
        listed.split_whitespace().any(|name| name == word)
    }
}

/// Whether this is a coordinate variable: one dimension, of its own name.
pub(super) fn is_dimension(array: &ArraySpec) -> bool {
    array.dims.len() == 1 && array.dims.first().is_some_and(|dim| dim == base_name(&array.name))
}

/// `name: value` pairs; `None` where the text is not made of them.
pub(super) fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pair = |pair: &[&'_ str]| -> Option<(usize, usize)> {
        let [name, value] = pair else { return None };
        (name.len() > 1 && name.ends_with(':') && !value.ends_with(':')).then_some((name.len(), value.len()))
    };
    if words.is_empty() || !words.chunks(2).all(|two| pair(two).is_some()) {
        return None;
    }
    let both = |two: &[&'_ str]| two.len() == 2;
    Some(
        words
            .chunks(2)
            .filter(|two| both(two))
            .filter_map(|two| Some((two.first()?.trim_end_matches(':'), *two.get(1)?)))
            .collect(),
    )
}

/// The type of a number attribute's values.
pub(super) fn number_type(value: &AttrValue) -> Option<crate::dtype::DataType> {
    match value {
        AttrValue::Numbers { dtype, .. } => Some(*dtype),
        _ => None,
    }
}
