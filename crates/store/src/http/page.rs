//! Web pages that servers send where data was asked for: login forms, error pages with status 200, landing pages.

use arcoforge_core::error::{Code, Error};

use super::head::Head;

/// NASA's login server.
const EARTHDATA_LOGIN: &str = "https://urs.earthdata.nasa.gov/";
/// Bytes at the beginning of a body that are looked at.
pub(crate) const LOOKED_AT: usize = 4096;

/// An error if the beginning of a body is a web page. What the header says alone is not believed: servers without a
/// type for `.nc` call data `text/html` too.
pub(crate) fn refuse(head: &Head, start: &[u8], shown: &str, answered_by: &str) -> Option<Error> {
    let start = start.get(..LOOKED_AT).unwrap_or(start);
    let binary = start.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31));
    if binary {
        return None;
    }
    let text = String::from_utf8_lossy(start);
    let body = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_ascii_lowercase();
    let begins = ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| body.starts_with(tag))
        || ((body.starts_with("<?xml") || body.starts_with("<!--")) && body.contains("<html"));
    let is_page = begins || (head.is_html() && !body.is_empty());
    if !is_page {
        return None;
    }
    let message = match title(&text) {
        Some(title) => format!("the server sent a web page (HTML) titled \"{title}\", not data"),
        None => "the server sent a web page (HTML), not data".to_owned(),
    };
    if answered_by.starts_with(EARTHDATA_LOGIN) {
        let message = "NASA's Earthdata Login answered in place of the archive";
        return Some(Error::new(Code::SourceDenied, message).at(shown).help(
            "give `credentials: earthdata` in `source`; an account that is given already may have to accept the archive's \
             licence first, or to approve its application: open the URL in a browser",
        ));
    }
    let redirected = if answered_by == shown {
        String::new()
    } else {
        format!(" (the request was redirected to `{answered_by}`)")
    };
    Some(Error::new(Code::SourceNotData, message).at(shown).help(format!(
        "open the URL in a browser: it may ask for a login, be an error page, or lead to the data{redirected}"
    )))
}

fn title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower.get(tag..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    let words: Vec<&str> = text.get(start..end)?.split_whitespace().collect();
    let title: String = words.join(" ").chars().filter(|c| !c.is_control()).take(120).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_data() {
        for (kind, body, expected) in [
            (Some("text/html"), "<!DOCTYPE html><title>Log in</title>", Some(Some("Log in"))),
            (None, "\n\u{feff} <HTML><head><TITLE lang=en>\n Not\n found </TITLE>", Some(Some("Not found"))),
            (Some("application/octet-stream"), "<!doctype HTML>", Some(None)),
            (Some("text/html; charset=utf-8"), "Please log in", Some(None)),
            (None, "<?xml version='1.0'?><!DOCTYPE html><html>", Some(None)),
            (None, "<?xml version='1.0'?><kml/>", None),
            (Some("text/html"), "CDF\u{1}\0\0\0\0", None),
            (Some("text/html"), "\u{fffd}HDF\r\n\u{1a}\n\0", None),
            (Some("text/html"), "", None),
            (Some("text/plain"), "a,b,c", None),
            (None, "<title>", None),
        ] {
            let head = Head { content_type: kind.map(str::to_owned), ..Head::default() };
            let error = refuse(&head, body.as_bytes(), "http://h/a.nc", "http://h/a.nc");
            assert_eq!(error.is_some(), expected.is_some(), "{body}");
            if let (Some(error), Some(Some(title))) = (error, expected) {
                assert!(error.message.contains(title), "{}", error.message);
            }
        }
    }
}
