//! Attributes of a DMR, with their types.

use arcoforge_core::error::{Code, Error, Result};
use roxmltree::Node;

use super::SEPARATOR;
use super::dmr::Shared;
use super::text::{Attribute, DEPTH_MAX, Kind, is_global};

/// The attributes that an element has. Those in containers carry the names of all, with dots between; several texts are one,
/// with [`SEPARATOR`] between them.
pub(super) fn attributes_of(
    node: Node<'_, '_>,
    of: Option<&str>,
    shared: &Shared,
    group: &str,
) -> Result<Vec<Attribute>> {
    let mut all = Vec::new();
    let mut reader = Attributes { of, shared, group, all: &mut all };
    reader.below(node, "", 0)?;
    Ok(all)
}

struct Attributes<'a> {
    of: Option<&'a str>,
    shared: &'a Shared,
    group: &'a str,
    all: &'a mut Vec<Attribute>,
}

fn wrong(what: &str) -> Error {
    Error::new(
        Code::SourceCorrupt,
        format!("the server's description of the dataset is not valid DAP4: {what}"),
    )
}

impl Attributes<'_> {
    fn below(&mut self, node: Node<'_, '_>, prefix: &str, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(wrong("the attributes are too deep"));
        }
        for child in node.children().filter(|child| child.tag_name().name() == "Attribute") {
            let own = child.attribute("name").filter(|name| !name.is_empty());
            let own = own.ok_or_else(|| wrong("found an attribute without a name"))?;
            let kind = child.attribute("type").unwrap_or("String");
            let name = format!("{prefix}{own}");
            if !kind.eq_ignore_ascii_case("Container") {
                // sums of values are told beside them
                if !own.starts_with("DAP4_Checksum") && !own.starts_with("_DAP4_") {
                    self.one(child, name, kind)?;
                }
            } else if self.of.is_some() || depth > 0 || !is_global(own) {
                if own != "DODS_EXTRA" {
                    self.below(child, &format!("{name}."), depth + 1)?;
                }
            } else {
                // what a dataset of DAP2 calls its own
                self.below(child, "", depth + 1)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, node: Node<'_, '_>, name: String, kind: &str) -> Result<()> {
        let mut values: Vec<String> = node.attribute("value").map(str::to_owned).into_iter().collect();
        for value in node.children().filter(|child| child.tag_name().name() == "Value") {
            let text =
                || value.descendants().filter_map(|n| if n.is_text() { n.text() } else { None }).collect();
            values.push(value.attribute("value").map_or_else(text, str::to_owned));
        }
        let kind = match (Kind::of_dap4(kind), kind) {
            (Some(kind), _) => kind,
            (None, "Enum") => {
                let one = self.shared.enumeration(node.attribute("enum").unwrap_or_default(), self.group)?;
                for value in &mut values {
                    if let Some((_, number)) = one.members.iter().find(|(name, _)| name == value.trim()) {
                        value.clone_from(number);
                    }
                }
                one.kind
            }
            (None, "Opaque") => Kind::Text,
            (None, other) => {
                return Err(wrong(&format!("found the type `{other}` of the attribute `{name}`")));
            }
        };
        let values = match kind {
            Kind::Text => vec![values.join(&SEPARATOR.to_string())],
            Kind::Char => vec![values.concat()],
            _ => values.iter().map(|value| value.trim().to_owned()).collect(),
        };
        self.all.push(Attribute { of: self.of.map(str::to_owned), name, kind, values });
        Ok(())
    }
}
