//! What the format itself has no place for, in the headers that stand for datasets of DAP4: groups, and lists of texts.

use arcoforge_core::attrs::{AttrValue, Attrs};

use super::header::Header;
use crate::dap::SEPARATOR;

/// Makes groups of the attributes that carry a group's path, and lists of texts of those with separators.
pub(super) fn sort_out(header: &mut Header) {
    let mut groups: Vec<(String, Vec<(String, AttrValue)>)> = Vec::new();
    let mut root = Vec::new();
    for (name, value) in listed(&header.attrs) {
        let Some((path, own)) = name.split_once(SEPARATOR) else {
            root.push((name, value));
            continue;
        };
        let known = groups.iter().position(|(known, _)| known == path);
        let at = known.unwrap_or_else(|| {
            groups.push((path.to_owned(), Vec::new()));
            groups.len() - 1
        });
        if let Some((_, attrs)) = groups.get_mut(at).filter(|_| !own.is_empty()) {
            attrs.push((own.to_owned(), value));
        }
    }
    groups.sort_by(|(a, _), (b, _)| a.cmp(b));
    header.attrs = root.into_iter().collect();
    header.groups =
        Some(groups.into_iter().map(|(path, attrs)| (path, attrs.into_iter().collect())).collect());
    for variable in &mut header.variables {
        variable.attrs = listed(&variable.attrs).collect();
    }
}

fn listed(attrs: &Attrs) -> impl Iterator<Item = (String, AttrValue)> {
    attrs.iter().map(|(name, value)| {
        let value = match value {
            AttrValue::Text(text) if text.contains(SEPARATOR) => {
                AttrValue::Texts(text.split(SEPARATOR).map(str::to_owned).collect())
            }
            other => other.clone(),
        };
        (name.to_owned(), value)
    })
}
