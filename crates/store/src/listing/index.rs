//! Index pages of web servers: the names that a folder's page links to.
//!
//! Servers write their pages in as many ways as there are servers (Apache, nginx, IIS, NASA's, NOAA's); what they share is
//! `<a href>`. A name of the folder is a link to something directly below it, and a folder's has a slash at its end. All
//! else is left out: the folder above, links that sort, help, other places, other hosts.

use std::collections::BTreeMap;

use super::remote::{Child, Kind};
use crate::location::{host_of, percent_decoded};

/// Most names of one page.
pub(super) const NAMES_MAX: usize = 1_000_000;

/// The names that a page links to, sorted, each once, and how many links it has in all. `base` is the URL of the page,
/// whatever it was asked for by.
pub(super) fn children(html: &str, base: &str) -> (Vec<Child>, usize) {
    let mut children = BTreeMap::new();
    let links = links(html);
    for link in links.iter().take(NAMES_MAX) {
        if let Some(child) = child(link, base) {
            // a file and a folder of one name: the folder is what can be entered
            let known: &mut Child = children.entry(child.name.clone()).or_insert_with(|| child.clone());
            if child.kind == Kind::Folder {
                *known = child;
            }
        }
    }
    (children.into_values().collect(), links.len())
}

/// The title of a page.
pub(super) fn title(html: &str) -> Option<String> {
    let at = find(html, 0, "<title")?;
    let start = at + html.get(at..)?.find('>')? + 1;
    let end = find(html, start, "</title")?;
    let words: Vec<String> = unescape(html.get(start..end)?).split_whitespace().map(str::to_owned).collect();
    let title: String = words.join(" ").chars().filter(|c| !c.is_control()).take(80).collect();
    (!title.is_empty()).then_some(title)
}

/// Every `href` of an `<a>`, in order, without entities. Comments and scripts are passed over.
fn links(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = html.get(at..).and_then(|rest| rest.find('<')).map(|offset| at + offset) {
        let tag = html.get(open..).unwrap_or_default();
        let skip_to = |end: &str| find(html, open, end).map_or(html.len(), |found| found + end.len());
        if tag.starts_with("<!--") {
            at = skip_to("-->");
        } else if begins(tag, "<script") {
            at = skip_to("</script");
        } else if begins(tag, "<a") && tag.as_bytes().get(2).is_some_and(u8::is_ascii_whitespace) {
            let (link, length) = href(tag);
            found.extend(link);
            at = open + length.max(1);
        } else {
            at = open + 1;
        }
    }
    found
}

/// The `href` among the attributes of a tag, and the tag's length.
fn href(tag: &str) -> (Option<String>, usize) {
    let bytes = tag.as_bytes();
    let is_name = |b: &u8| !b.is_ascii_whitespace() && !matches!(b, b'=' | b'>' | b'/');
    let (mut at, mut link) = (2, None);
    let skip = |mut at: usize, over: &dyn Fn(&u8) -> bool| {
        while bytes.get(at).is_some_and(over) {
            at += 1;
        }
        at
    };
    loop {
        at = skip(at, &|b| b.is_ascii_whitespace() || *b == b'/');
        match bytes.get(at) {
            None | Some(b'>') => return (link, at),
            // an `=` without a name
            Some(b'=') => at += 1,
            Some(_) => {}
        }
        let end = skip(at, &is_name);
        let name = tag.get(at..end).unwrap_or_default();
        at = skip(end, &u8::is_ascii_whitespace);
        if bytes.get(at) != Some(&b'=') {
            continue;
        }
        at = skip(at + 1, &u8::is_ascii_whitespace);
        let (from, to) = match bytes.get(at) {
            Some(quote @ (b'"' | b'\'')) => {
                let from = at + 1;
                (from, skip(from, &|b| b != quote))
            }
            _ => (at, skip(at, &|b| !b.is_ascii_whitespace() && *b != b'>')),
        };
        let is_closed = from == at || bytes.get(to).is_some();
        if is_closed && name.eq_ignore_ascii_case("href") && link.is_none() {
            link = tag.get(from..to).map(|text| unescape(text.trim()));
        }
        at = if from > at { to + 1 } else { to };
    }
}

/// What a link leads to, where that lies directly below the folder of `base`.
fn child(link: &str, base: &str) -> Option<Child> {
    // sorting, searching, and places within a page
    if link.is_empty() || link.contains(['?', '#', '\\']) || link.chars().any(char::is_control) {
        return None;
    }
    let (target, folder) = (resolve(base, link)?, folder_of(base)?);
    let same_host = host_of(&target) == host_of(base);
    let path = |url: &str| url.split_once("://")?.1.split_once('/').map(|(_, path)| path.to_owned());
    let (target, folder) = (path(&target)?, path(&folder).unwrap_or_default());
    let segments = |path: &str| -> Vec<String> { path.split('/').map(decoded).collect() };
    let (all, above) = (segments(&target), segments(&folder));
    let above = above.split_last().map_or(&[][..], |(_, above)| above);
    let rest = all.strip_prefix(above).filter(|_| same_host)?;
    let (name, kind) = match rest {
        [name] => (name, Kind::File),
        [name, end] if end.is_empty() => (name, Kind::Folder),
        _ => return None,
    };
    let segment = target.trim_end_matches('/').rsplit('/').next()?;
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    plain.then(|| Child { name: name.clone(), segment: escaped(segment), kind, ..Child::default() })
}

/// What may not stand in a glob or a request line as it is.
fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_graphic() && !br#""<>\^`{|}*[]"#.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A part of a path as people read it; as it stands where its escapes are none.
pub(super) fn decoded(segment: &str) -> String {
    let bytes = percent_decoded(segment).and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.unwrap_or_else(|| segment.to_owned())
}

/// A link as a URL (RFC 3986, 5.2); `None` for other schemes than `http` and `https`.
pub fn resolve(base: &str, link: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let is_web = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let colon = link.find([':', '/', '?', '#']).filter(|at| link.as_bytes().get(*at) == Some(&b':'));
    if let Some(at) = colon {
        let (own, rest) = link.split_at_checked(at)?;
        let (authority, path) = {
            let rest = rest.strip_prefix("://").filter(|_| is_web(own))?;
            rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len()))?
        };
        return (!authority.is_empty()).then(|| format!("{own}://{authority}{}", without_dots(path)));
    }
    if let Some(rest) = link.strip_prefix("//") {
        return resolve(base, &format!("{scheme}://{rest}"));
    }
    let path = match link.chars().next() {
        Some('/') => link.to_owned(),
        Some('?') => format!(
            "{}{link}",
            base.split(['?', '#'])
                .next()?
                .split_once("://")?
                .1
                .split_once('/')
                .map_or_else(|| "/".to_owned(), |(_, path)| format!("/{path}"))
        ),
        None | Some('#') => return Some(base.to_owned()),
        Some(_) => {
            let folder = folder_of(base)?;
            let path = folder.split_once("://")?.1.split_once('/').map_or("", |(_, path)| path);
            format!("/{path}{link}")
        }
    };
    Some(format!("{scheme}://{host}{}", without_dots(&path)))
}

/// A URL up to its last slash, without its query.
fn folder_of(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let start = url.find("://")? + 3;
    match url.get(start..)?.rfind('/') {
        Some(at) => url.get(..=start + at).map(str::to_owned),
        None => Some(format!("{url}/")),
    }
}

/// A path without `.` and `..`; its query stays.
fn without_dots(path: &str) -> String {
    let (path, query) =
        path.split_at_checked(path.find(['?', '#']).unwrap_or(path.len())).unwrap_or((path, ""));
    let mut kept: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        match *part {
            "." | "%2e" | "%2E" => {}
            ".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
            }
            part => {
                kept.push(part);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    format!("{}{query}", kept.join("/"))
}

fn begins(text: &str, tag: &str) -> bool {
    text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
}

/// Where a tag stands from `from` on, in either case.
fn find(html: &str, from: usize, tag: &str) -> Option<usize> {
    let rest = html.as_bytes().get(from..)?;
    rest.windows(tag.len()).position(|window| window.eq_ignore_ascii_case(tag.as_bytes())).map(|at| from + at)
}

/// Text without the entities that links are written with.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        match entity.and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            match number.strip_prefix(['x', 'X']) {
                Some(digits) => code(digits, 16),
                None => code(number, 10),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_page() {
        let base = "https://h.org/data/oisst/";
        let rows: &[(&str, &str)] = &[
            // Apache
            (
                r#"<a href="?C=N;O=D">Name</a><a href="/data/">Parent Directory</a><a href="202001/">202001/</a>
                   <a href="a.nc">a.nc</a>"#,
                "202001/ a.nc",
            ),
            // nginx
            ("<a href=\"../\">../</a>\n<a href=\"a.nc\">a.nc</a> 01-Jan-2020 10:00 123", "a.nc"),
            // IIS
            (r#"<A HREF="/data/">[To Parent Directory]</A><A HREF="/data/oisst/a.nc">a.nc</A>"#, "a.nc"),
            (r#"<a class=x href=/data/oisst/b/ >b</a><a href='https://H.org/data/oisst/c.nc'>"#, "b/ c.nc"),
            (
                r#"<a href="//h.org/data/oisst/a.nc"><a href="./b.nc"><a href="../oisst/c.nc">"#,
                "a.nc b.nc c.nc",
            ),
            (
                "<a href = \"a&amp;b.nc\"><a href=\"c%20d.nc\"><a href=\"&#101;&#x66;.nc\">",
                "a&b.nc c d.nc ef.nc",
            ),
            ("<a href=\"%C3%A9.nc\"><a href=\"é2.nc\">", "é.nc é2.nc"),
            // not below the folder
            ("<a href=\"b/c.nc\"><a href=\"https://other.org/data/oisst/a.nc\"><a href=\"mailto:a@b\">", ""),
            (
                "<a href=\"javascript:x()\"><a href=\"ftp://h.org/data/oisst/a\"><a href=\"#top\"><a href=\"\">",
                "",
            ),
            ("<a href=\"..%2Fx\"><a href=\"%2e%2e\"><a href=\".\"><a href=\"a.nc?x=1\"><a href=\"/\">", ""),
            ("<!-- <a href=\"a.nc\"> --><script>'<a href=\"b.nc\">'</script><a href=c.nc>", "c.nc"),
            ("<a name=x><area href=a.nc><a title='href=no' href=b.nc><a href=b.nc><a href='b.nc'/>", "b.nc"),
            ("<a href=\"unclosed", ""),
            ("<a href=", ""),
            ("<a =x href=a.nc>", "a.nc"),
            ("<a", ""),
        ];
        for (html, expected) in rows {
            let name = |child: &Child| {
                format!("{}{}", child.name, if child.kind == Kind::Folder { "/" } else { "" })
            };
            let (found, _) = children(html, base);
            assert_eq!(found.iter().map(name).collect::<Vec<_>>().join(" "), *expected, "{html}");
        }
        let (found, links) = children("<a href=\"a%5B1%5D%20b.nc\"><a href='/'>", "http://h");
        assert_eq!(
            (found[0].segment.as_str(), found[0].name.as_str(), links),
            ("a%5B1%5D%20b.nc", "a[1] b.nc", 2)
        );
    }

    #[test]
    fn links_as_urls() {
        // RFC 3986, 5.4
        let base = "http://a/b/c/d;p?q";
        for (link, expected) in [
            ("g", Some("http://a/b/c/g")),
            ("./g", Some("http://a/b/c/g")),
            ("g/", Some("http://a/b/c/g/")),
            ("/g", Some("http://a/g")),
            ("//g", Some("http://g")),
            ("?y", Some("http://a/b/c/d;p?y")),
            ("g?y", Some("http://a/b/c/g?y")),
            ("g?y/./x", Some("http://a/b/c/g?y/./x")),
            (";x", Some("http://a/b/c/;x")),
            ("", Some("http://a/b/c/d;p?q")),
            (".", Some("http://a/b/c/")),
            ("..", Some("http://a/b/")),
            ("../g", Some("http://a/b/g")),
            ("../../../g", Some("http://a/g")),
            ("/./g", Some("http://a/g")),
            ("g.", Some("http://a/b/c/g.")),
            ("..g", Some("http://a/b/c/..g")),
            ("./g/.", Some("http://a/b/c/g/")),
            ("g;x=1/../y", Some("http://a/b/c/y")),
            ("https://h/x/../y", Some("https://h/y")),
            ("g:h", None),
            ("http:g", None),
        ] {
            assert_eq!(resolve(base, link).as_deref(), expected, "{link}");
        }
    }
}
