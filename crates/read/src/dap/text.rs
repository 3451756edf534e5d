//! The texts of DAP2 (DAP 2.0, ESE-RFC-004): what a dataset has (DDS), and its attributes (DAS).

use arcoforge_core::error::{Code, Error, Result};

/// Containers within each other.
pub(super) const DEPTH_MAX: usize = 32;

/// A type of cells, as a server names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Byte,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Float32,
    Float64,
    Text,
    /// These are DAP4's alone.
    Int8,
    UInt8,
    Int64,
    UInt64,
    Char,
}

/// An array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) kind: Kind,
    /// As it is asked for: with the grid that it is in, and escapes.
    pub(super) asked: String,
    pub(super) name: String,
    /// Names, where they have some, and lengths.
    pub(super) dims: Vec<(Option<String>, u64)>,
    /// A map of a grid: it may be a variable of its own, too.
    pub(super) is_map: bool,
}

/// One attribute: its container (none for those of the dataset), name, type and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) of: Option<String>,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) values: Vec<String>,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "byte" => Self::Byte,
            "int16" => Self::Int16,
            "uint16" => Self::UInt16,
            "int32" => Self::Int32,
            "uint32" => Self::UInt32,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "string" | "url" => Self::Text,
            _ => return None,
        })
    }
}

/// Words, quoted texts (with their first quote) and signs.
struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Tokens<'t> {
    fn next(&mut self) -> Option<&'t str> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        let end = match first {
            '{' | '}' | ';' | '[' | ']' | ',' | '=' | ':' => 1,
            '"' => quoted_end(self.rest)?,
            _ => self
                .rest
                .find(|c: char| c.is_whitespace() || "{};[],=:\"".contains(c))
                .unwrap_or(self.rest.len()),
        };
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(token)
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        match self.next() {
            Some(found) if found == sign => Ok(()),
            found => Err(wrong(&format!("found `{}`, expected `{sign}`", found.unwrap_or("the end")))),
        }
    }

    fn peek(&self) -> Option<&'t str> {
        Tokens { rest: self.rest }.next()
    }
}

/// Behind the closing quote.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some(at + 1),
            _ => escaped = false,
        }
    }
    None
}

fn wrong(what: &str) -> Error {
    Error::new(
        Code::SourceCorrupt,
        format!("the server's description of the dataset is not valid DAP2: {what}"),
    )
}

/// The arrays of a DDS. Structures and sequences are refused by name.
pub(super) fn parse_dds(text: &str) -> Result<Vec<Declared>> {
    let mut tokens = Tokens { rest: text };
    match tokens.next() {
        Some(word) if word.eq_ignore_ascii_case("dataset") => tokens.expect("{")?,
        found => return Err(wrong(&format!("found `{}`, expected `Dataset`", found.unwrap_or("the end")))),
    }
    let mut all = Vec::new();
    loop {
        match tokens.next() {
            Some("}") => return Ok(all),
            Some(word) if word.eq_ignore_ascii_case("grid") => all.extend(grid(&mut tokens)?),
            Some(word) if ["structure", "sequence"].contains(&word.to_ascii_lowercase().as_str()) => {
                let name = skip(&mut tokens)?;
                let message =
                    format!("`{name}` is a {}, and arrays and grids are read", word.to_ascii_lowercase());
                return Err(Error::new(Code::SourceUnsupported, message)
                    .help("name the variables that are wanted behind the URL: `dap2+https://…?sst,time`"));
            }
            Some(word) => all.push(array(word, &mut tokens)?),
            None => return Err(wrong("it ends early")),
        }
    }
}

/// What stands behind a type: `name[dim = 3][4];`.
fn array(kind: &str, tokens: &mut Tokens<'_>) -> Result<Declared> {
    let kind = Kind::parse(kind).ok_or_else(|| wrong(&format!("found the type `{kind}`")))?;
    let asked = tokens.next().ok_or_else(|| wrong("it ends early"))?.to_owned();
    let mut dims = Vec::new();
    loop {
        match tokens.next() {
            Some(";") => break,
            Some("[") => {
                let first = tokens.next().unwrap_or_default();
                let (name, length) = match tokens.next() {
                    Some("=") => {
                        let length = tokens.next().unwrap_or_default();
                        tokens.expect("]")?;
                        (Some(unescaped(first)), length)
                    }
                    Some("]") => (None, first),
                    found => {
                        return Err(wrong(&format!("found `{}` in a dimension", found.unwrap_or("the end"))));
                    }
                };
                let length = length.parse().map_err(|_| wrong(&format!("found the length `{length}`")))?;
                dims.push((name, length));
            }
            found => return Err(wrong(&format!("found `{}` behind `{asked}`", found.unwrap_or("the end")))),
        }
    }
    Ok(Declared { kind, name: unescaped(&asked), asked, dims, is_map: false })
}

fn grid(tokens: &mut Tokens<'_>) -> Result<Vec<Declared>> {
    tokens.expect("{")?;
    let mut members: Vec<Declared> = Vec::new();
    let mut maps = false;
    let name = loop {
        match tokens.next() {
            Some("}") => break tokens.next().unwrap_or_default(),
            Some(word) if tokens.peek() == Some(":") => {
                tokens.expect(":")?;
                maps = word.eq_ignore_ascii_case("maps");
            }
            Some(word) => members.push(Declared { is_map: maps, ..array(word, tokens)? }),
            None => return Err(wrong("it ends early")),
        }
    };
    tokens.expect(";")?;
    for member in &mut members {
        if !member.is_map {
            member.name = unescaped(name);
        }
        member.asked = format!("{name}.{}", member.asked);
    }
    Ok(members)
}

/// Passes over `{ … } name;` and gives the name.
fn skip(tokens: &mut Tokens<'_>) -> Result<String> {
    let mut depth = 0_usize;
    loop {
        match tokens.next() {
            Some("{") => depth += 1,
            Some("}") if depth <= 1 => return Ok(tokens.next().map(unescaped).unwrap_or_default()),
            Some("}") => depth -= 1,
            Some(_) => {}
            None => return Err(wrong("it ends early")),
        }
    }
}

/// The attributes of a DAS. Those in containers within containers carry the names of all, with dots between.
pub(super) fn parse_das(text: &str) -> Result<Vec<Attribute>> {
    let mut tokens = Tokens { rest: text };
    match tokens.next() {
        Some(word) if word.eq_ignore_ascii_case("attributes") => tokens.expect("{")?,
        found => {
            return Err(wrong(&format!("found `{}`, expected `Attributes`", found.unwrap_or("the end"))));
        }
    }
    let mut all = Vec::new();
    let mut path: Vec<String> = Vec::new();
    loop {
        let Some(word) = tokens.next() else { return Err(wrong("the attributes end early")) };
        match (word, tokens.peek()) {
            ("}", _) if path.is_empty() => return Ok(all),
            ("}", _) => drop(path.pop()),
            (";", _) => {}
            (name, Some("{")) => {
                tokens.expect("{")?;
                path.push(unescaped(name.trim_matches('"')));
                if path.len() > DEPTH_MAX {
                    return Err(wrong("the attributes are too deep"));
                }
            }
            (kind, Some(_)) => {
                let name = tokens.next().unwrap_or_default();
                let values = values(&mut tokens)?;
                // an alias has values elsewhere
                if kind.eq_ignore_ascii_case("alias") {
                    continue;
                }
                let parsed = Kind::parse(kind).ok_or_else(|| wrong(&format!("found the type `{kind}`")))?;
                let inner = path.get(1..).unwrap_or_default().iter().map(|part| format!("{part}."));
                let name = inner.collect::<String>() + &unescaped(name.trim_matches('"'));
                let of = path.first().filter(|of| !is_global(of)).cloned();
                if path.first().is_none_or(|of| of != "DODS_EXTRA") {
                    all.push(Attribute { of, name, kind: parsed, values });
                }
            }
            (_, None) => return Err(wrong("the attributes end early")),
        }
    }
}

pub(super) fn is_global(container: &str) -> bool {
    container.to_ascii_uppercase().ends_with("_GLOBAL")
}

/// Values up to the semicolon; the texts without quotes.
fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut value = String::new();
    loop {
        match tokens.next() {
            Some(";") => break,
            Some(",") => all.push(std::mem::take(&mut value)),
            Some(text) if text.starts_with('"') => {
                let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
                value.push_str(&inside.replace("\\\"", "\"").replace("\\\\", "\\"));
            }
            Some(word) => value.push_str(word),
            None => return Err(wrong("the attributes end early")),
        }
    }
    all.push(value);
    Ok(all)
}

/// A name without `%` escapes.
pub(super) fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escape = (first == b'%').then(|| behind.get(..2)).flatten();
        let byte = escape.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        let dds = "Dataset {\n Float64 time[time = 3];\n Grid {\n  ARRAY:\n   Int16 sst%20x[time = 3][4];\n  MAPS:\n   Float64 \
                   time[time = 3];\n } sst%20x;\n String s;\n} a.nc;";
        let found = parse_dds(dds).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|d| (d.name.as_str(), d.asked.as_str(), d.kind, d.dims.len(), d.is_map))
            .collect();
        assert_eq!(
            told,
            [
                ("time", "time", Kind::Float64, 1, false),
                ("sst x", "sst%20x.sst%20x", Kind::Int16, 2, false),
                ("time", "sst%20x.time", Kind::Float64, 1, true),
                ("s", "s", Kind::Text, 0, false),
            ]
        );
        assert_eq!(found[1].dims, [(Some("time".to_owned()), 3), (None, 4)]);
        for (text, says) in [
            ("", "`Dataset`"),
            ("Dataset {", "ends early"),
            ("Dataset { Int16 a[x = -1]; } b;", "length"),
            ("Dataset { Int99 a; } b;", "Int99"),
            ("Dataset { Sequence { Int16 a; } deep; } b;", "`deep` is a sequence"),
            ("Dataset { Structure { Structure { Int16 a; } x; } y; } b;", "`y` is a structure"),
        ] {
            let message = parse_dds(text).unwrap_err().message;
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn attributes() {
        let das = "Attributes {\n sst {\n  Float32 _FillValue -999.0;\n  String a \"x \\\"y\\\" {;}\", \"z\";\n  DODS { Int32 strlen 3; }\n \
                   }\n NC_GLOBAL { String title \"t\"; }\n DODS_EXTRA { String Unlimited_Dimension \"time\"; }\n}";
        let found = parse_das(das).unwrap();
        let told: Vec<_> =
            found.iter().map(|a| (a.of.as_deref(), a.name.as_str(), a.values.join("|"))).collect();
        assert_eq!(
            told,
            [
                (Some("sst"), "_FillValue", "-999.0".to_owned()),
                (Some("sst"), "a", "x \"y\" {;}|z".to_owned()),
                (Some("sst"), "DODS.strlen", "3".to_owned()),
                (None, "title", "t".to_owned()),
            ]
        );
        assert!(parse_das("Attributes { a {").is_err() && parse_das("<html>").is_err());
    }
}
