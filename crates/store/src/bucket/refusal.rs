//! What a server refused, and what that means: carried through the library that speaks its language.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Mutex;

use arcoforge_core::error::{Code, Error};

use crate::http::Failure;
use crate::local::lock;

/// An answer that is no success, or none at all.
#[derive(Debug)]
pub(super) struct Refusal {
    /// None where there was no answer.
    pub(super) status: Option<u16>,
    pub(super) failure: Failure,
}

impl Refusal {
    /// Whether it is not known what became of the request.
    pub(super) fn is_lost(&self) -> bool {
        self.status.is_none_or(|status| status >= 500 || status == 408)
    }

    /// Whether what was asked for does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404)
    }

    /// Whether a condition was not met.
    pub(super) fn is_unmet(&self) -> bool {
        matches!(self.status, Some(304 | 409 | 412))
    }
}

/// The refusal as an error of the library, taken out again behind it.
#[derive(Debug)]
pub(super) struct Carried(Mutex<Option<Refusal>>);

impl Carried {
    pub(super) fn new(refusal: Refusal) -> Self {
        Self(Mutex::new(Some(refusal)))
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request failed")
    }
}

impl StdError for Carried {}

/// What lies below an error of the library. One that is its own does not go away by repeating; its text is shown, which
/// names keys and what it could not understand, no credentials.
pub(super) fn refusal(error: object_store::Error, shown: &str) -> Refusal {
    let mut below: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(found) = below {
        if let Some(mut refusal) = found.downcast_ref::<Carried>().and_then(|carried| lock(&carried.0).take())
        {
            refusal.failure.error.place.url = Some(shown.to_owned());
            return refusal;
        }
        below = found.source();
    }
    let status = match &error {
        object_store::Error::NotFound { .. } => Some(404),
        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => Some(412),
        _ => Some(400),
    };
    let code = match &error {
        object_store::Error::NotFound { .. } => Code::SourceNotFound,
        _ => Code::SourceUnsupported,
    };
    let message = "the store's answer, or what it was asked, is not understood";
    Refusal { status, failure: Failure::never(Error::new(code, message).caused_by(error).at(shown)) }
}

/// The text of an element in the XML that says no: `<Code>NoSuchBucket</Code>`.
pub(super) fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let open = format!("<{name}>");
    let start = body.find(&open)? + open.len();
    let rest = body.get(start..)?;
    rest.get(..rest.find("</")?).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        for (body, expected) in [
            ("<?xml?><Error><Code>SlowDown</Code><Message>m</Message></Error>", Some("SlowDown")),
            ("<Error><Code></Code></Error>", None),
            ("<Error><Code>open", None),
            ("", None),
        ] {
            assert_eq!(element(body, "Code"), expected, "{body}");
        }
    }
}
