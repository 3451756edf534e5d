//! References as kerchunk writes them in JSON (<https://fsspec.github.io/kerchunk/spec.html>, versions 0 and 1): for every
//! key the bytes, or a range of a URL.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arcoforge_core::base64;
use arcoforge_core::error::{Code, Error, Result};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::leads::{Entry, Leads, names_below};
use super::{Held, Keyed, Located};
use crate::object::Object;
use crate::sources::Sources;

/// A map of references.
#[derive(Debug)]
pub(super) struct References {
    entries: BTreeMap<Box<str>, Entry>,
    leads: Leads,
}

/// What a document says of a key.
enum Said {
    Text(String),
    Range(String, Option<(u64, u64)>),
    Json(Value),
}

impl References {
    /// The references of a JSON document; `None` where it has none.
    pub(super) fn parse(sources: &Arc<Sources>, bytes: &[u8], told_by_server: bool) -> Result<Option<Self>> {
        let corrupt = |e: serde_json::Error| {
            Error::new(Code::SourceCorrupt, "the file of references is damaged").caused_by(e)
        };
        if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
            return Ok(None);
        }
        let Document { said, templates, generated } = serde_json::from_slice(bytes).map_err(corrupt)?;
        if !said.keys().any(|key| [".zgroup", ".zarray", "zarr.json"].iter().any(|name| key.ends_with(name)))
        {
            return Ok(None);
        }
        if generated {
            let message = "found references that are computed (`gen`), which arcoforge does not read";
            return Err(Error::new(Code::SourceUnsupported, message));
        }
        let leads = Leads::new(sources, told_by_server);
        let mut entries = BTreeMap::new();
        for (key, said) in said {
            let entry = match said {
                Said::Text(text) => Entry::Bytes(match text.strip_prefix("base64:") {
                    Some(coded) => base64::decode(coded).ok_or_else(|| not_base64(&key))?.into(),
                    None => text.into_bytes().into(),
                }),
                Said::Json(value) => Entry::Bytes(value.to_string().into_bytes().into()),
                Said::Range(url, range) => Entry::Range(leads.number(&filled(url, &templates)?), range),
            };
            entries.insert(key.into_boxed_str(), entry);
        }
        Ok(Some(Self { entries, leads }))
    }

    /// Whether any URL is on another machine.
    pub(super) fn is_remote(&self) -> bool {
        self.leads.are_remote()
    }
}

fn not_base64(key: &str) -> Error {
    Error::new(Code::SourceCorrupt, format!("the bytes of `{key}` are no base64"))
}

/// A URL with its templates (`{{name}}`) filled in.
fn filled(mut url: String, templates: &Map<String, Value>) -> Result<String> {
    if !url.contains("{{") {
        return Ok(url);
    }
    for (name, value) in templates {
        if let Some(value) = value.as_str() {
            url = url.replace(&format!("{{{{{name}}}}}"), value);
        }
    }
    if url.contains("{{") {
        let message = format!("found the template `{url}`, expected names that `templates` has");
        return Err(Error::new(Code::SourceUnsupported, message));
    }
    Ok(url)
}

impl Keyed for References {
    fn get(&self, key: &str) -> Result<Option<Held>> {
        self.entries.get(key).map(|entry| self.leads.held(entry)).transpose()
    }

    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>> {
        let one = |key: &String| self.entries.get(key.as_str()).map(|entry| self.leads.located(entry));
        keys.iter().map(|key| one(key).transpose()).collect()
    }

    fn folders(&self, below: &str) -> Result<Vec<String>> {
        Ok(names_below(&self.entries, below))
    }

    fn member(&self, number: u32) -> Result<Arc<dyn Object>> {
        self.leads.object(number)
    }
}

/// A document of version 0 (keys at its top) or 1 (keys under `refs`).
struct Document {
    said: BTreeMap<String, Said>,
    templates: Map<String, Value>,
    generated: bool,
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Top;
        impl<'de> Visitor<'de> for Top {
            type Value = Document;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `refs`, or with keys of a store")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let (mut said, mut templates, mut generated) = (BTreeMap::new(), Map::new(), false);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "version" | "arcoforge" => drop(map.next_value::<Value>()?),
                        "templates" => templates = map.next_value()?,
                        "gen" => {
                            let list = map.next_value::<Value>()?;
                            generated = list.as_array().is_some_and(|list| !list.is_empty());
                        }
                        "refs" => said.append(&mut map.next_value::<BTreeMap<String, Said>>()?),
                        _ => drop(said.insert(key, map.next_value()?)),
                    }
                }
                Ok(Document { said, templates, generated })
            }
        }
        deserializer.deserialize_map(Top)
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Said;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, `[url]`, or `[url, offset, bytes]`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Said, E> {
                Ok(Said::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Said, A::Error> {
                let url = seq.next_element()?.ok_or_else(|| A::Error::custom("found an empty list"))?;
                let Some(offset) = seq.next_element()? else { return Ok(Said::Range(url, None)) };
                let bytes = seq.next_element()?.ok_or_else(|| A::Error::custom("found no length"))?;
                Ok(Said::Range(url, Some((offset, bytes))))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
                let mut fields = Map::new();
                while let Some((key, value)) = map.next_entry()? {
                    fields.insert(key, value);
                }
                Ok(Said::Json(Value::Object(fields)))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Said, E> {
                Ok(Said::Json(number.into()))
            }
        }
        deserializer.deserialize_any(One)
    }
}
