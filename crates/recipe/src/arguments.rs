//! Parts of the language as command line arguments: `--step`, `--set`, `--chunks`, `--take`, `--format`.

use std::collections::BTreeMap;

use arcoforge_core::code::Code;
use arcoforge_core::error::{Error, Result};
use arcoforge_core::recipe::{ChunkLength, Codecs, Step, TargetFormat};

use crate::codecs::CodecList;
use crate::combine;
use crate::diagnostic::Severity;
use crate::meant;
use crate::node::{Node, Spanned, shorten, tree};
use crate::outputs::FormatName;
use crate::read::{Cx, Number, Read};
use crate::scalar::{Length, bytes_of};
use crate::steps::StepItem;

/// One `--set combine.KEY[.VARIABLE]=POLICY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyArgument {
    /// The policy's key.
    pub key: String,
    /// For this variable only.
    pub variable: Option<String>,
    /// The policy.
    pub policy: String,
}

/// Reads a step as in a recipe's list: `rename: {ice: sic}`.
///
/// # Errors
/// As in a recipe: `recipe-syntax`, `recipe-unknown-step`, `recipe-type` and so on; the first problem.
pub fn parse_step(text: &str) -> Result<Step> {
    let mut cx = Cx::default();
    let step = tree(text, &mut cx).and_then(|node| StepItem::read(&node, &mut cx));
    finish(step.map(|item| item.step), cx, text)
}

/// Reads a codec choice as in `output.codecs`: `default`, `none`, `[shuffle, {zlib: 4}]`.
///
/// # Errors
/// As in a recipe; the first problem.
pub fn parse_codecs(text: &str) -> Result<Codecs> {
    let mut cx = Cx::default();
    let codecs = tree(text, &mut cx).and_then(|node| CodecList::read(&node, &mut cx));
    finish(codecs.map(|codecs| codecs.0), cx, text)
}

/// Reads a policy: `combine.units=convert`, `combine.units.sst=convert`.
///
/// # Errors
/// `usage` where the form is another; else as in a recipe.
pub fn parse_policy(text: &str) -> Result<PolicyArgument> {
    let form = || usage(text, "combine.KEY=POLICY or combine.KEY.VARIABLE=POLICY");
    let (path, policy) = text.split_once('=').ok_or_else(form)?;
    let path = path.trim().strip_prefix("combine.").ok_or_else(form)?;
    let (key, variable) = match path.split_once('.') {
        Some((key, variable)) if !variable.is_empty() => (key, Some(variable.to_owned())),
        Some(_) => return Err(form()),
        None => (path, None),
    };
    let mut cx = Cx::default();
    let row = combine::find_row(&Spanned { value: key.to_owned(), span: 0..0 }, &mut cx);
    let policy = row.and_then(|row| {
        if variable.is_some() && !row.per_variable {
            combine::not_per_variable(row, &(0..0), &mut cx);
        }
        combine::policy(row, &Node::plain(policy.trim()), &mut cx)
    });
    finish(policy.map(|policy| PolicyArgument { key: key.to_owned(), variable, policy }), cx, text)
}

/// Reads lengths of chunks or shards: `time=20,lat=whole,lon=64MiB`.
///
/// # Errors
/// `usage` where the form is another; `recipe-value` for a length that is none.
pub fn parse_chunks(text: &str) -> Result<BTreeMap<String, ChunkLength>> {
    let mut cx = Cx::default();
    let mut chunks = BTreeMap::new();
    for (dim, length) in pairs(text, "DIM=LENGTH, as in time=20,lat=whole,lon=64MiB")? {
        if let Some(length) = cx.within(dim, |cx| Length::read(&Node::plain(length), cx)) {
            chunks.insert(dim.to_owned(), length.0);
        }
    }
    finish(Some(chunks), cx, text)
}

/// Reads numbers of keys: `time=2,member=1`. Whether these are axes is for the caller to check.
///
/// # Errors
/// `usage` where the form is another; `recipe-type` or `recipe-value` for a number that is none, or 0.
pub fn parse_take(text: &str) -> Result<BTreeMap<String, u64>> {
    let mut cx = Cx::default();
    let mut entries = Vec::new();
    for (axis, count) in pairs(text, "AXIS=NUMBER, as in time=2,member=1")? {
        if let Some(count) = cx.within(axis, |cx| Number::read(&Node::plain(count), cx)) {
            entries.push((Spanned { value: axis.to_owned(), span: 0..0 }, count));
        }
    }
    let take = meant::take(entries, None, &mut cx);
    finish(Some(take), cx, text)
}

/// Reads a target's format: `zarr3`, `zarr2`.
///
/// # Errors
/// `recipe-value` for an unknown one, `recipe-not-yet` for one of a later version.
pub fn parse_format(text: &str) -> Result<TargetFormat> {
    let mut cx = Cx::default();
    let format = FormatName::read(&Node::plain(text), &mut cx);
    finish(format.map(|format| format.0), cx, text)
}

/// Reads a size in bytes: `2GiB`, `500 MB`.
///
/// # Errors
/// `usage` where it is none.
pub fn parse_bytes(text: &str) -> Result<u64> {
    bytes_of(text).ok_or_else(|| usage(text, "a size with its unit, as in 2GiB or 500MB"))
}

/// `A=x,B=y` in pairs; every name once.
fn pairs<'t>(text: &'t str, form: &str) -> Result<Vec<(&'t str, &'t str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for item in text.split(',') {
        let (name, value) = item.split_once('=').ok_or_else(|| usage(text, form))?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return Err(usage(text, form));
        }
        if pairs.iter().any(|(known, _)| *known == name) {
            let message = format!("`{}` gives `{}` twice", shorten(text), shorten(name));
            return Err(Error::new(Code::Usage, message));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn usage(text: &str, form: &str) -> Error {
    Error::new(Code::Usage, format!("`{}` can't be understood, expected {form}", shorten(text)))
}

/// The value, or the first problem as an error.
fn finish<T>(value: Option<T>, cx: Cx, text: &str) -> Result<T> {
    let problem = cx.diagnostics.into_iter().find(|d| d.severity == Severity::Error);
    match (value, problem) {
        (Some(value), None) => Ok(value),
        (_, Some(problem)) => {
            // an argument is no recipe; the message names what is wrong in it
            let message = problem.message.replacen("the recipe takes", "it takes", 1);
            let error = Error::new(problem.code, format!("`{}`: {message}", shorten(text)));
            Err(match problem.help {
                Some(help) => error.help(help),
                None => error,
            })
        }
        (None, None) => {
            Err(Error::new(Code::Bug, format!("`{}` was neither read nor refused", shorten(text))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value as text, or the code and message of the error.
    fn outcome<T: std::fmt::Debug>(result: Result<T>) -> String {
        match result {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{}: {}", error.code, error.message),
        }
    }

    fn check(rows: &[(&str, &str)], read: impl Fn(&str) -> String) {
        for (text, expected) in rows {
            assert_eq!(read(text), *expected, "{text}");
        }
    }

    #[test]
    fn steps() {
        check(
            &[
                ("rename: {ice: sic}", "Rename({\"ice\": Name(\"sic\")})"),
                ("squeeze: [zlev]", "Squeeze([\"zlev\"])"),
                ("squeeze: zlev", "Squeeze([\"zlev\"])"),
                ("squeze: zlev", "recipe-unknown-step: `squeze: zlev`: there is no step `squeze`"),
                (
                    "squeeze",
                    "recipe-type: `squeeze`: it takes a step with its value, as `NAME: value`, found `squeeze`",
                ),
                ("drop: {", "recipe-syntax: `drop: {`: not valid YAML: unclosed bracket '{'"),
                ("", "recipe-type: ``: it takes one step in each item, found a map"),
                ("pyramid: 3", "Pyramid(Pyramid { dims: [], levels: Some(3), factor: 2, methods: [] })"),
                ("pyramid: 1", "recipe-value: `pyramid: 1`: `pyramid.levels` is 1, expected 2 to 64"),
                (
                    "pyramid: {method: {sst: average}}",
                    "recipe-value: `pyramid: {method: {sst: average}}`: `pyramid.method.sst` is `average`, which is not a method",
                ),
            ],
            |text| outcome(parse_step(text)),
        );
    }

    #[test]
    fn policies() {
        check(
            &[
                ("combine.gaps=skip", "PolicyArgument { key: \"gaps\", variable: None, policy: \"skip\" }"),
                (
                    "combine.dtype.sst=error",
                    "PolicyArgument { key: \"dtype\", variable: Some(\"sst\"), policy: \"error\" }",
                ),
                (
                    "units=convert",
                    "usage: `units=convert` can't be understood, expected combine.KEY=POLICY or combine.KEY.VARIABLE=POLICY",
                ),
                (
                    "combine.units",
                    "usage: `combine.units` can't be understood, expected combine.KEY=POLICY or combine.KEY.VARIABLE=POLICY",
                ),
                (
                    "combine.unit=error",
                    "recipe-unknown-policy: `combine.unit=error`: `combine` has no key `unit`",
                ),
                (
                    "combine.units=eror",
                    "recipe-unknown-policy: `combine.units=eror`: `combine.units` has no policy `eror`",
                ),
                (
                    "combine.gaps.sst=skip",
                    "recipe-unknown-policy: `combine.gaps.sst=skip`: `combine.gaps` holds for the whole dataset, not \
                     per variable",
                ),
                (
                    "combine.strings=keep",
                    "recipe-not-yet: `combine.strings=keep`: `combine.strings: keep` is part of the language, but \
                     this version can't carry it out yet",
                ),
            ],
            |text| outcome(parse_policy(text)),
        );
    }

    #[test]
    fn chunks_take_and_format() {
        check(
            &[
                (
                    "time=20,lat=whole,lon=64MiB",
                    "{\"lat\": Whole, \"lon\": Bytes(67108864), \"time\": Cells(20)}",
                ),
                ("time=0", "recipe-value: `time=0`: `time` is 0, a chunk has at least one cell"),
                (
                    "time=",
                    "usage: `time=` can't be understood, expected DIM=LENGTH, as in time=20,lat=whole,lon=64MiB",
                ),
                ("time=1,time=2", "usage: `time=1,time=2` gives `time` twice"),
            ],
            |text| outcome(parse_chunks(text)),
        );
        check(
            &[
                ("time=2,member=1", "{\"member\": 1, \"time\": 2}"),
                ("time=0", "recipe-value: `time=0`: `time` takes 0 keys, expected at least 1"),
                ("time=x", "recipe-type: `time=x`: `time` takes a whole number, found `x`"),
            ],
            |text| outcome(parse_take(text)),
        );
        check(&[("zarr2", "Zarr2"), ("zarr", "recipe-value: `zarr`: `zarr` is not a format")], |text| {
            outcome(parse_format(text))
        });
        check(
            &[
                ("2GiB", "2147483648"),
                ("2", "usage: `2` can't be understood, expected a size with its unit, as in 2GiB or 500MB"),
            ],
            |text| outcome(parse_bytes(text)),
        );
    }
}
