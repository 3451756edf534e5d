//! What GDAL writes beside the tags of TIFF: a list of items as XML, and the value for missing cells as text.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::block::typed;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::Result;

use super::file::{Directory, File};
use super::tags;

/// One item of the tag `GDAL_METADATA`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Item {
    name: String,
    domain: String,
    role: String,
    /// Of which sample, counted from 0; of the whole image where there is none.
    sample: Option<u64>,
    value: String,
}

/// What the file says beyond the numbers.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    items: Vec<Item>,
    /// The text of the tag `GDAL_NODATA`.
    nodata: Option<String>,
}

impl Metadata {
    pub(super) fn read(file: &File, directory: &Directory) -> Result<Self> {
        let xml = file.text(directory, tags::GDAL_METADATA)?.unwrap_or_default();
        let nodata = file.text(directory, tags::GDAL_NODATA)?.map(|text| text.trim().to_owned());
        Ok(Self { items: items(&xml), nodata: nodata.filter(|text| !text.is_empty()) })
    }

    /// The value for missing cells, where the type can hold it.
    pub(super) fn nodata(&self, dtype: DataType) -> Option<Scalar> {
        let text = self.nodata.as_deref()?;
        let integer = text.parse::<i64>().map(Scalar::Int).or_else(|_| text.parse::<u64>().map(Scalar::UInt));
        let value = integer.ok().or_else(|| number(text).map(Scalar::Float))?;
        typed(dtype, &value)
    }

    /// Scale and offset of each sample, where any of them says one.
    pub(super) fn packing(&self, samples: u64) -> Option<Vec<(f64, f64)>> {
        let of = |role: &str, sample: u64| self.role(role, sample).and_then(number);
        let one = |sample| (of("scale", sample).unwrap_or(1.0), of("offset", sample).unwrap_or(0.0));
        let all: Vec<(f64, f64)> = (0..samples).map(one).collect();
        all.iter().any(|one| *one != (1.0, 0.0)).then_some(all)
    }

    /// The item of a sample that has this role.
    fn role(&self, role: &str, sample: u64) -> Option<&str> {
        let is = |item: &&Item| item.role == role && item.sample == Some(sample);
        self.items.iter().find(is).map(|item| item.value.as_str())
    }

    /// Attributes for the numbers of all samples, or of one: items without a role, what the samples are called, their
    /// units, and the text of `nodata` where no cell can equal it.
    pub(super) fn attrs(&self, dtype: DataType, samples: u64, only: Option<u64>, attrs: &mut Attrs) {
        let wanted: Vec<u64> = only.map_or_else(|| (0..samples).collect(), |sample| vec![sample]);
        for item in self.items.iter().filter(|item| item.role.is_empty()) {
            if matches!(item.domain.as_str(), "IMAGE_STRUCTURE" | "rio_creation_kwds") {
                continue;
            }
            let prefix = if item.domain.is_empty() { "" } else { ":" };
            let name = format!("{}{prefix}{}", item.domain, item.name);
            let of_samples = |sample: u64| {
                let same = |other: &&Item| {
                    (&other.name, &other.domain, other.sample) == (&item.name, &item.domain, Some(sample))
                };
                self.items.iter().find(same).map(|item| item.value.clone())
            };
            match item.sample {
                None => attrs.set(name, AttrValue::Text(item.value.clone())),
                Some(_) => {
                    let values = wanted.iter().map(|sample| of_samples(*sample)).collect::<Vec<_>>();
                    texts(values).into_iter().for_each(|value| attrs.set(name.clone(), value));
                }
            }
        }
        for (role, name) in [("description", "long_name"), ("unittype", "units")] {
            let values = wanted.iter().map(|sample| self.role(role, *sample).map(str::to_owned)).collect();
            texts(values).into_iter().for_each(|value| attrs.set(name, value));
        }
        if let Some(text) = self.nodata.as_ref().filter(|_| self.nodata(dtype).is_none()) {
            attrs.set("nodata", AttrValue::Text(text.clone()));
        }
    }
}

/// One text where all are alike, else a list of them; nothing where there are none.
fn texts(values: Vec<Option<String>>) -> Option<AttrValue> {
    let first = values.iter().flatten().next()?.clone();
    match values.iter().all(|value| value.as_ref() == Some(&first)) {
        true => Some(AttrValue::Text(first)),
        false => Some(AttrValue::Texts(values.into_iter().map(Option::unwrap_or_default).collect())),
    }
}

/// A number as GDAL writes it; other texts are none.
fn number(text: &str) -> Option<f64> {
    match text.trim().to_ascii_lowercase().as_str() {
        "nan" | "-nan" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// The items of `<GDALMetadata><Item name="..." ...>text</Item>...`; what is no item is passed over.
fn items(xml: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for part in xml.split("<Item").skip(1) {
        let Some((head, rest)) = part.split_once('>') else { continue };
        let (head, value) = match head.strip_suffix('/') {
            Some(head) => (head, ""),
            None => (head, rest.split("</Item>").next().unwrap_or_default()),
        };
        let sample = attribute(head, "sample").and_then(|text| text.parse().ok());
        let text = |name| attribute(head, name).map(|text| unescape(&text)).unwrap_or_default();
        items.push(Item {
            name: text("name"),
            domain: text("domain"),
            role: text("role"),
            sample,
            // GDAL escapes twice
            value: unescape(&unescape(value)),
        });
    }
    items
}

/// The value of an attribute in the head of an element.
fn attribute(head: &str, name: &str) -> Option<String> {
    let mut rest = head;
    while let Some((before, after)) = rest.split_once('=') {
        let quote = after.trim_start().chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = after.trim_start().get(1..)?.split_once(quote)?;
        if before.trim() == name {
            return Some(value.to_owned());
        }
        rest = behind;
    }
    None
}

/// Entities of XML as characters, once.
fn unescape(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = after.split_once(';').and_then(|(entity, behind)| Some((character(entity)?, behind)));
        match known {
            Some((character, behind)) => {
                out.push(character);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out + rest
}

fn character(entity: &str) -> Option<char> {
    Some(match entity {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read() {
        let xml = "<GDALMetadata>\n  <Item name=\"A\">1 &lt; 2 &amp;amp; &amp;lt; &#65;&bad;</Item>\n\
                   <Item name='SCALE' sample=\"1\" role=\"scale\">0.1</Item><Item name=\"E\" domain=\"D\"/></GDALMetadata>";
        let item =
            |name: &str, value: &str| Item { name: name.into(), value: value.into(), ..Item::default() };
        let scale = Item { role: "scale".into(), sample: Some(1), ..item("SCALE", "0.1") };
        let empty = Item { domain: "D".into(), ..item("E", "") };
        assert_eq!(items(xml), [item("A", "1 < 2 & < A&bad;"), scale, empty]);
        for broken in ["", "<Item", "<Item name=\"x\"", "<Item name=>", "<Item name='a>b</Item>"] {
            items(broken);
        }
    }

    #[test]
    fn nodata_in_the_type_of_the_cells() {
        let rows = [
            ("0", DataType::UInt8, Some(Scalar::UInt(0))),
            ("-9999", DataType::UInt8, None),
            ("-9999", DataType::Int16, Some(Scalar::Int(-9999))),
            ("255.0", DataType::UInt8, Some(Scalar::UInt(255))),
            ("1e20", DataType::Float32, Some(Scalar::Float(f64::from(1e20_f32)))),
            ("-3.40282346638529e+38", DataType::Float32, Some(Scalar::Float(f64::from(f32::MIN)))),
            ("18446744073709551615", DataType::UInt64, Some(Scalar::UInt(u64::MAX))),
            ("text", DataType::Float64, None),
        ];
        for (text, dtype, expected) in rows {
            let metadata = Metadata { nodata: Some(text.into()), ..Metadata::default() };
            assert_eq!(metadata.nodata(dtype), expected, "{text} {dtype}");
        }
        let nan = Metadata { nodata: Some("nan".into()), ..Metadata::default() };
        assert!(nan.nodata(DataType::Float32).is_some_and(|value| value.is_nan()));
    }
}
