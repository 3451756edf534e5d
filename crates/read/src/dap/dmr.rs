//! The description of a dataset in DAP4, a DMR in XML (OPeNDAP DAP4 Specification, volume 1, "DMR Declarations").

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::error::{Code, Error, Result};
use roxmltree::{Document, Node, ParsingOptions};

use super::dmr_attributes::attributes_of;
use super::text::{Attribute, Declared, Kind};
use super::{SEPARATOR, text::DEPTH_MAX};

/// Elements and texts of one description.
const NODES_MAX: u32 = 1 << 22;

/// A type whose values have names.
#[derive(Debug, Clone)]
pub(super) struct Enumeration {
    pub(super) kind: Kind,
    /// Names with values, as written.
    pub(super) members: Vec<(String, String)>,
}

/// What is declared in all groups, by path: for variables to refer to.
#[derive(Debug, Default)]
pub(super) struct Shared {
    dims: BTreeMap<String, u64>,
    enumerations: BTreeMap<String, Enumeration>,
}

struct Walk<'w> {
    wanted: Option<&'w [String]>,
    /// Which of these there are.
    found: BTreeSet<usize>,
    shared: Shared,
    declared: Vec<Declared>,
    attributes: Vec<Attribute>,
    /// What the maps of each variable name.
    maps: Vec<Vec<String>>,
    groups: Vec<String>,
}

fn wrong(what: &str) -> Error {
    Error::new(
        Code::SourceCorrupt,
        format!("the server's description of the dataset is not valid DAP4: {what}"),
    )
}

/// The arrays of a description and all attributes; names are paths without the first slash. Only what lies at or below the
/// `wanted` paths, if there are some.
///
/// # Errors
/// `source-unsupported` for structures, sequences and opaque values that are wanted, by name, and for wanted paths that are not
/// there; `source-corrupt` for what is no DMR.
pub(super) fn parse(text: &str, wanted: Option<&[String]>) -> Result<(Vec<Declared>, Vec<Attribute>)> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|e| wrong("it is no XML").caused_by(e))?;
    let root = document.root_element();
    if root.tag_name().name() != "Dataset" {
        return Err(wrong(&format!("found `{}`, expected `Dataset`", root.tag_name().name())));
    }
    let mut walk = Walk {
        wanted,
        found: BTreeSet::new(),
        shared: Shared::default(),
        declared: Vec::new(),
        attributes: Vec::new(),
        maps: Vec::new(),
        groups: Vec::new(),
    };
    walk.shared.collect(root, "", 0)?;
    walk.group(root, "")?;
    walk.finish()
}

/// The element's own name, which has no slash.
fn name_of<'x>(node: Node<'x, '_>) -> Result<&'x str> {
    match node.attribute("name") {
        Some(name) if name.contains('/') => Err(Error::new(
            Code::SourceUnsupported,
            format!("the name `{name}` holds a slash, which would be read as a group's path"),
        )),
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(wrong(&format!("found `{}` without a name", node.tag_name().name()))),
    }
}

fn path(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

/// The parts of a qualified name, without the backslashes before dots, slashes and backslashes in them.
pub(super) fn names_of(qualified: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut chars = qualified.strip_prefix('/').unwrap_or(qualified).chars();
    while let Some(c) = chars.next() {
        match (c, names.last_mut()) {
            ('/', _) => names.push(String::new()),
            ('\\', Some(name)) => name.extend(chars.next()),
            (c, Some(name)) => name.push(c),
            (_, None) => {}
        }
    }
    names
}

/// A path as it is asked for: qualified, with backslashes and `%` escapes.
fn asked(path: &str) -> String {
    let mut out = String::new();
    for name in path.split('/') {
        out.push('/');
        for byte in name.bytes() {
            match byte {
                b'.' => out.push_str("%5C."),
                b'\\' => out.push_str("%5C%5C"),
                b'-' | b'_' | b'~' => out.push(char::from(byte)),
                _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    out
}

impl Kind {
    /// Of a type of DAP4.
    pub(super) fn of_dap4(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "byte" | "uint8" => Self::UInt8,
            "int8" => Self::Int8,
            "char" => Self::Char,
            "int16" => Self::Int16,
            "uint16" => Self::UInt16,
            "int32" => Self::Int32,
            "uint32" => Self::UInt32,
            "int64" => Self::Int64,
            "uint64" => Self::UInt64,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "string" | "url" => Self::Text,
            _ => return None,
        })
    }
}

impl Shared {
    fn collect(&mut self, node: Node<'_, '_>, group: &str, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(wrong("groups are too deep within each other"));
        }
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "Dimension" => {
                    let (name, size) = (name_of(child)?, child.attribute("size").unwrap_or_default());
                    let length = size
                        .trim()
                        .parse()
                        .map_err(|_| wrong(&format!("the dimension `{name}` has the size `{size}`")))?;
                    self.dims.insert(path(group, name), length);
                }
                "Enumeration" => {
                    self.enumerations.insert(path(group, name_of(child)?), enumeration(child)?);
                }
                "Group" => self.collect(child, &path(group, name_of(child)?), depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn enumeration(&self, name: &str, group: &str) -> Result<&Enumeration> {
        let (_, found) = resolve(&self.enumerations, name, group)
            .ok_or_else(|| wrong(&format!("found no enumeration `{name}`")))?;
        Ok(found)
    }
}

/// What a name means: from the root if it is qualified, else in the group or the nearest one around it.
fn resolve<'s, T>(all: &'s BTreeMap<String, T>, name: &str, group: &str) -> Option<(&'s String, &'s T)> {
    let names = names_of(name).join("/");
    let mut within = if name.starts_with('/') { "" } else { group };
    loop {
        match all.get_key_value(&path(within, &names)) {
            None if within.is_empty() => return None,
            None => within = within.rsplit_once('/').map_or("", |(outer, _)| outer),
            found => return found,
        }
    }
}

fn enumeration(node: Node<'_, '_>) -> Result<Enumeration> {
    let name = name_of(node)?;
    let base = node.attribute("basetype").unwrap_or_default();
    let is_whole = |kind: &Kind| !matches!(kind, Kind::Text | Kind::Char | Kind::Float32 | Kind::Float64);
    let kind = Kind::of_dap4(base).filter(is_whole);
    let kind = kind.ok_or_else(|| wrong(&format!("the enumeration `{name}` has the base type `{base}`")))?;
    let consts = node.children().filter(|child| child.tag_name().name() == "EnumConst");
    let text = |node: Node<'_, '_>, key| node.attribute(key).unwrap_or_default().trim().to_owned();
    Ok(Enumeration { kind, members: consts.map(|one| (text(one, "name"), text(one, "value"))).collect() })
}

impl Walk<'_> {
    fn group(&mut self, node: Node<'_, '_>, group: &str) -> Result<()> {
        let mut own = attributes_of(node, None, &self.shared, group)?;
        if !group.is_empty() {
            own.iter_mut().for_each(|a| a.name = format!("{group}{SEPARATOR}{}", a.name));
            self.groups.push(group.to_owned());
        }
        self.attributes.append(&mut own);
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "Dimension" | "Enumeration" | "Attribute" | "OtherXML" => {}
                "Group" => self.group(child, &path(group, name_of(child)?))?,
                kind => self.variable(child, kind, group)?,
            }
        }
        Ok(())
    }

    fn is_wanted(&mut self, path: &str) -> bool {
        let Some(wanted) = self.wanted else { return true };
        let holds = |outer: &String| {
            path.strip_prefix(outer.as_str())
                .is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with('/'))
        };
        let before = self.found.len();
        let holding: Vec<usize> =
            wanted.iter().enumerate().filter(|(_, outer)| holds(outer)).map(|(at, _)| at).collect();
        self.found.extend(&holding);
        !holding.is_empty() || self.found.len() > before
    }

    fn variable(&mut self, node: Node<'_, '_>, kind: &str, group: &str) -> Result<()> {
        let name = path(group, name_of(node)?);
        if !self.is_wanted(&name) {
            return Ok(());
        }
        let mut attributes = attributes_of(node, Some(&name), &self.shared, group)?;
        let kind = match (kind, Kind::of_dap4(kind)) {
            (_, Some(kind)) => kind,
            ("Enum", None) => {
                let named = node.attribute("enum").unwrap_or_default();
                let one = self.shared.enumeration(named, group).map_err(|e| e.in_variable(&name))?;
                attributes.extend(flags(one, &name, &attributes));
                one.kind
            }
            ("Structure" | "Sequence" | "Opaque", None) => {
                let is =
                    if kind == "Opaque" { "opaque" } else { &format!("a {}", kind.to_ascii_lowercase()) };
                let message = format!("`{name}` is {is}, and arrays of numbers and texts are read");
                return Err(Error::new(Code::SourceUnsupported, message).help(
                    "name the variables that are wanted behind the URL: `dap4+https://…?dap4.ce=/sst;/time`",
                ));
            }
            (other, None) => return Err(wrong(&format!("found the type `{other}` of `{name}`"))),
        };
        let dims = self.dims(node, group).map_err(|e| e.in_variable(&name))?;
        let maps = node.children().filter(|child| child.tag_name().name() == "Map");
        self.maps
            .push(maps.filter_map(|map| map.attribute("name").map(|map| names_of(map).join("/"))).collect());
        self.attributes.append(&mut attributes);
        self.declared.push(Declared { kind, asked: asked(&name), name, dims, is_map: false });
        Ok(())
    }

    fn dims(&self, node: Node<'_, '_>, group: &str) -> Result<Vec<(Option<String>, u64)>> {
        let dim = |dim: Node<'_, '_>| {
            if let Some(name) = dim.attribute("name") {
                let found = resolve(&self.shared.dims, name, group);
                let (path, length) = found.ok_or_else(|| wrong(&format!("found no dimension `{name}`")))?;
                return Ok((Some(path.clone()), *length));
            }
            let size = dim.attribute("size").unwrap_or_default();
            let length =
                size.trim().parse().map_err(|_| wrong(&format!("a dimension has the size `{size}`")))?;
            Ok((None, length))
        };
        node.children().filter(|child| child.tag_name().name() == "Dim").map(dim).collect()
    }

    fn finish(mut self) -> Result<(Vec<Declared>, Vec<Attribute>)> {
        let missing = |(at, _): &(usize, &String)| !self.found.contains(at);
        if let Some((_, missing)) = self.wanted.unwrap_or_default().iter().enumerate().find(missing) {
            let message =
                format!("the dataset has no variable and no group with variables named `/{missing}`");
            return Err(
                Error::new(Code::SourceUnsupported, message).help("correct what stands behind `dap4.ce=`")
            );
        }
        self.refuse_empty()?;
        self.coordinates();
        if self.wanted.is_some() {
            let inside = |group: &str| {
                self.declared
                    .iter()
                    .any(|d| d.name.strip_prefix(group).is_some_and(|rest| rest.starts_with('/')))
            };
            self.groups.retain(|group| inside(group));
            self.attributes.retain(|a| {
                let group = a.name.split_once(SEPARATOR).map(|(group, _)| group);
                a.of.is_some() || group.is_none_or(inside)
            });
        }
        // a group without attributes is told, too
        self.attributes.extend(self.groups.iter().map(|group| Attribute {
            of: None,
            name: format!("{group}{SEPARATOR}"),
            kind: Kind::Text,
            values: Vec::new(),
        }));
        Ok((self.declared, self.attributes))
    }

    /// The classic format has one dimension of length zero, which comes first.
    fn refuse_empty(&self) -> Result<()> {
        let mut empty: Option<&Option<String>> = None;
        for one in &self.declared {
            for (at, (dim, _)) in one.dims.iter().enumerate().filter(|(_, (_, length))| *length == 0) {
                if at > 0 || dim.is_none() || empty.is_some_and(|other| other != dim) {
                    let name = dim.as_deref().unwrap_or("without a name");
                    let message = format!(
                        "the dimension `{name}` has length 0, and is not the first of the variable or not the only such one"
                    );
                    return Err(Error::new(Code::SourceUnsupported, message).in_variable(&one.name));
                }
                empty = Some(dim);
            }
        }
        Ok(())
    }

    /// Maps that are no dimension's own are coordinates, as CF's attribute names them.
    fn coordinates(&mut self) {
        let known: BTreeSet<&String> = self.declared.iter().map(|d| &d.name).collect();
        let mut made = Vec::new();
        for (one, maps) in self.declared.iter().zip(&self.maps) {
            let is_dim = |map: &String| one.dims.iter().any(|(dim, _)| dim.as_ref() == Some(map));
            let others = maps.iter().filter(|map| known.contains(map) && !is_dim(map) && **map != one.name);
            let group = one.name.rsplit_once('/').map_or("", |(group, _)| group);
            let told = |map: &String| match map.rsplit_once('/').unwrap_or(("", map)) {
                (of, base) if of == group => base.to_owned(),
                _ => format!("/{map}"),
            };
            let names: Vec<String> = others.map(told).collect();
            let has = |a: &Attribute| a.of.as_ref() == Some(&one.name) && a.name == "coordinates";
            if !names.is_empty() && !self.attributes.iter().any(has) {
                let (of, name) = (Some(one.name.clone()), "coordinates".to_owned());
                made.push(Attribute { of, name, kind: Kind::Text, values: vec![names.join(" ")] });
            }
        }
        self.attributes.extend(made);
    }
}

/// The members of an enumeration as CF's flags, where the variable does not have them.
fn flags(one: &Enumeration, name: &str, has: &[Attribute]) -> Vec<Attribute> {
    if has.iter().any(|a| a.name == "flag_values" || a.name == "flag_meanings") || one.members.is_empty() {
        return Vec::new();
    }
    let meaning = |name: &String| name.split_whitespace().collect::<Vec<_>>().join("_");
    let meanings: Vec<String> = one.members.iter().map(|(name, _)| meaning(name)).collect();
    let values = one.members.iter().map(|(_, value)| value.clone()).collect();
    let attribute =
        |key: &str, kind, values| Attribute { of: Some(name.to_owned()), name: key.to_owned(), kind, values };
    vec![
        attribute("flag_values", one.kind, values),
        attribute("flag_meanings", Kind::Text, vec![meanings.join(" ")]),
    ]
}

/// What a server says in place of values: `<Error httpcode="404"><Message>…</Message></Error>`, a page, or a text.
pub(super) fn told(text: &str) -> Error {
    answered(text).unwrap_or_else(|| refusal(Code::SourceUnreachable, text))
}

/// What a server says in place of a description.
pub(super) fn not_described(text: &str) -> Error {
    answered(text).unwrap_or_else(|| {
        wrong(&format!("it begins with `{}`, expected XML of `Dataset`", crate::text::shown(text.as_bytes())))
    })
}

fn answered(text: &str) -> Option<Error> {
    if !text.trim_start().starts_with('<') {
        return super::refused(text);
    }
    let start: String = text.trim_start().chars().take(1024).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.contains("<html") {
        let message = "the OPeNDAP server answered with a web page (HTML)";
        return Some(
            Error::new(Code::SourceNotData, message).help("check the URL, and whether it needs a login"),
        );
    }
    let document = Document::parse(text).ok()?;
    let root = document.root_element();
    if root.tag_name().name() != "Error" {
        let message = format!("the OPeNDAP server answered with XML of `{}`", root.tag_name().name());
        return Some(Error::new(Code::SourceFormat, message).help("check the URL"));
    }
    let code = if root.attribute("httpcode") == Some("404") {
        Code::SourceNotFound
    } else {
        Code::SourceUnreachable
    };
    let message = root.children().find(|child| child.tag_name().name() == "Message").and_then(|m| m.text());
    Some(refusal(code, message.unwrap_or_default()))
}

fn refusal(code: Code, message: &str) -> Error {
    let message: String =
        message.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    Error::new(code, format!("the OPeNDAP server answered with an error: {message}"))
}

#[cfg(test)]
#[path = "dmr_tests.rs"]
mod tests;
