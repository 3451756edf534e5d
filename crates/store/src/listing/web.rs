//! Folders of web servers, by the pages that list them.

use arcoforge_core::error::{Code, Error, Result};

use super::index::{children, title};
use super::remote::{Child, Folders};
use crate::http::Ask;
use crate::location::redact;
use crate::sources::Sources;

/// What web servers show of their folders.
pub(super) struct Web<'a>(pub(super) &'a Sources);

impl Folders for Web<'_> {
    fn names(&self, folder: &str) -> Result<Vec<Child>> {
        let page = self.0.page(&Ask { url: folder, ..Ask::default() })?;
        let no_listing = |message: String| {
            Error::new(Code::SourceNotData, message).at(redact(folder)).help(
                "the server may not list this folder: name the files by a template (`source.url`), or search a catalog",
            )
        };
        if last_part(&page.url) != last_part(folder) {
            return Err(no_listing(format!(
                "the request for a folder's listing was redirected to `{}`",
                redact(&page.url)
            )));
        }
        let (children, links) = children(&page.text, &page.url);
        let is_page = page.text.contains('<') && !page.text.trim_start().starts_with("<?xml");
        if links == 0 && !is_page {
            return Err(no_listing(
                "found no page (HTML) with links, expected a folder's listing".to_owned(),
            ));
        }
        if children.is_empty() && links > 1 && page.text.to_ascii_lowercase().contains("<form") {
            let title = title(&page.text).map_or_else(String::new, |title| format!(" titled \"{title}\""));
            return Err(no_listing(format!("found a page{title} with a form, expected a folder's listing")));
        }
        Ok(children)
    }
}

/// The name of a folder.
fn last_part(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path =
        path.split_once("://").map_or("", |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
