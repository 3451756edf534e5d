//! Well-known text of coordinate reference systems (OGC 01-009, as GDAL writes it), as a tree.

use std::fmt;

/// Brackets in brackets beyond this are no coordinate reference system.
const DEPTH_MAX: usize = 24;

/// `NAME[argument, ...]`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tiff) struct Node {
    pub(super) name: String,
    pub(super) args: Vec<Arg>,
}

/// What stands in the brackets.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arg {
    Text(String),
    /// A number or a word, as it is written.
    Word(String),
    Node(Node),
}

impl Node {
    pub(super) fn new(name: &str, args: Vec<Arg>) -> Self {
        Self { name: name.to_owned(), args }
    }

    /// Reads a text; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        node(&mut rest, 0)
    }

    /// The first text in the brackets: what the object is called.
    pub(super) fn title(&self) -> Option<&str> {
        match self.args.first()? {
            Arg::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The nodes in the brackets that have this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.args.iter().filter_map(move |arg| match arg {
            Arg::Node(node) if node.name == name => Some(node),
            _ => None,
        })
    }

    /// The first of them.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.args.iter().find_map(|arg| match arg {
            Arg::Node(node) if node.name == name => Some(node),
            _ => None,
        })
    }

    /// The first node of this name at any depth.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.args.iter().find_map(|arg| match arg {
            Arg::Node(node) => node.find(name),
            _ => None,
        })
    }

    /// The number at a place in the brackets.
    pub(super) fn number(&self, at: usize) -> Option<f64> {
        match self.args.get(at)? {
            Arg::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// The number of its `AUTHORITY["EPSG", ...]`, which is `ID` in version 2.
    pub(super) fn epsg(&self) -> Option<u64> {
        let authority = self
            .child("AUTHORITY")
            .or_else(|| self.child("ID"))
            .filter(|authority| authority.title() == Some("EPSG"))?;
        match authority.args.get(1)? {
            Arg::Text(text) | Arg::Word(text) => text.parse().ok(),
            Arg::Node(_) => None,
        }
    }

    /// The value of `PARAMETER["name", value]`.
    pub(super) fn parameter(&self, name: &str) -> Option<f64> {
        self.all("PARAMETER").find(|one| one.title().is_some_and(|t| t.eq_ignore_ascii_case(name)))?.number(1)
    }
}

/// A text in brackets.
pub(super) fn text(value: &str) -> Arg {
    Arg::Text(value.to_owned())
}

/// A number in brackets, in as many digits as GDAL writes.
pub(super) fn number(value: f64) -> Arg {
    Arg::Word(digits(value))
}

/// `%.15g`.
fn digits(value: f64) -> String {
    let rounded = format!("{value:.14e}").parse::<f64>().unwrap_or(value);
    rounded.to_string()
}

fn node(rest: &mut &str, depth: usize) -> Option<Node> {
    if depth > DEPTH_MAX {
        return None;
    }
    let (name, after) = rest.split_once(['[', '('])?;
    let name = name.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    *rest = after;
    let mut args = Vec::new();
    loop {
        args.push(arg(rest, depth)?);
        *rest = rest.trim_start();
        let next = rest.chars().next()?;
        *rest = rest.get(next.len_utf8()..)?;
        match next {
            ',' => {}
            ']' | ')' => return Some(Node { name: name.to_owned(), args }),
            _ => return None,
        }
    }
}

fn arg(rest: &mut &str, depth: usize) -> Option<Arg> {
    *rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('"') {
        let mut text = String::new();
        let mut left = after;
        loop {
            let (part, behind) = left.split_once('"')?;
            text.push_str(part);
            // a quote in a text is written twice
            match behind.strip_prefix('"') {
                Some(more) => {
                    text.push('"');
                    left = more;
                }
                None => {
                    *rest = behind;
                    return Some(Arg::Text(text));
                }
            }
        }
    }
    let end = rest.find([',', '[', ']', '(', ')'])?;
    if rest.get(end..).is_some_and(|after| after.starts_with(['[', '('])) {
        return node(rest, depth + 1).map(Arg::Node);
    }
    let (word, after) = rest.split_at_checked(end)?;
    *rest = after;
    Some(Arg::Word(word.trim().to_owned()))
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.name)?;
        for (at, arg) in self.args.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match arg {
                Arg::Text(text) => write!(f, "\"{}\"", text.replace('"', "\"\""))?,
                Arg::Word(word) => f.write_str(word)?,
                Arg::Node(node) => node.fmt(f)?,
            }
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        let good = [
            r#"GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],AXIS["Latitude",NORTH]]"#,
            r#"LOCAL_CS["a ""quoted"" name, [so]",UNIT["metre",1]]"#,
        ];
        for text in good {
            assert_eq!(Node::parse(text).map(|node| node.to_string()).as_deref(), Some(text));
        }
        let deep = format!("{}1{}", "A[".repeat(100), "]".repeat(100));
        for bad in ["", "A", "A[", "A[1", "A[\"x]", "[1]", &deep] {
            assert_eq!(Node::parse(bad), None, "{bad}");
        }
        let rows =
            [(6378137.0, "6378137"), (298.257223563, "298.257223563"), (0.1 + 0.2, "0.3"), (-96.0, "-96")];
        for (value, expected) in rows {
            assert_eq!(digits(value), expected);
        }
    }
}
