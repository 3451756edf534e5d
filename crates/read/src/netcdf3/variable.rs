//! From arrays to the variables of a schema: types, texts, fill values, and how they are presented.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::block::{scalar_from_le, scalar_to_le};
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use arcoforge_core::schema::{Storage, Variable};

use super::layout::Array;

/// The variable of an array. `joined`: its last dimension counts the characters of texts.
pub(super) fn variable(name: &str, array: &Array, attrs: &Attrs, joined: bool) -> Variable {
    let rank = array.dims.len() - usize::from(joined);
    let dtype = array.dtype.unwrap_or(DataType::Text);
    let (attrs, fill) = split_fill(attrs, dtype);
    Variable {
        name: name.to_owned(),
        dims: array.dims.iter().take(rank).cloned().collect(),
        shape: array.shape.iter().take(rank).copied().collect(),
        dtype,
        attrs,
        storage: storage(array, fill.as_ref()),
        fill,
    }
}

fn storage(array: &Array, fill: Option<&Scalar>) -> Storage {
    let Some(dtype) = array.dtype else { return Storage::Whole };
    let unwritten =
        fill.cloned().unwrap_or(if dtype.is_float() { Scalar::Float(0.0) } else { Scalar::Int(0) });
    let encoding = Encoding { endian: Endian::Big, codecs: array.codec().into_iter().collect() };
    Storage::Chunks { chunk: array.chunk(), encoding, unwritten, chunked: false }
}

/// Takes `_FillValue` out of the attributes, in the variable's type. One that no cell can equal stays an attribute.
fn split_fill(attrs: &Attrs, dtype: DataType) -> (Attrs, Option<Scalar>) {
    let fill = attrs.get("_FillValue").and_then(|value| fill_of(value, dtype));
    let told = |name: &str| match name {
        "_FillValue" => fill.is_some(),
        "_Encoding" => dtype == DataType::Text,
        _ => false,
    };
    let kept =
        attrs.iter().filter(|(name, _)| !told(name)).map(|(name, value)| (name.to_owned(), value.clone()));
    (kept.collect(), fill)
}

fn fill_of(value: &AttrValue, dtype: DataType) -> Option<Scalar> {
    if dtype == DataType::Text {
        return value.as_text().map(|text| Scalar::Text(text.to_owned()));
    }
    let mut bytes = Vec::new();
    if !scalar_to_le(dtype, value.as_scalar()?, &mut bytes) {
        return None;
    }
    scalar_from_le(dtype, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_value_takes_the_type_of_its_variable() {
        let number = |dtype, value| AttrValue::number(dtype, value);
        let rows = [
            (DataType::Int16, number(DataType::Int16, Scalar::Int(-9)), Some(Scalar::Int(-9))),
            (DataType::Int16, number(DataType::Float32, Scalar::Float(-9.0)), Some(Scalar::Int(-9))),
            (DataType::Int16, number(DataType::Float32, Scalar::Float(1e20)), None),
            (DataType::UInt8, number(DataType::Int8, Scalar::Int(-1)), None),
            (
                DataType::Float32,
                number(DataType::Float64, Scalar::Float(1e20)),
                Some(Scalar::Float(f64::from(1e20f32))),
            ),
            (DataType::Text, AttrValue::Text(" ".to_owned()), Some(Scalar::Text(" ".to_owned()))),
            (DataType::Float32, AttrValue::Text("x".to_owned()), None),
        ];
        for (dtype, attr, expected) in rows {
            let attrs: Attrs =
                [("_FillValue".to_owned(), attr), ("units".to_owned(), AttrValue::Text("K".into()))]
                    .into_iter()
                    .collect();
            let (kept, fill) = split_fill(&attrs, dtype);
            assert_eq!(fill, expected);
            assert_eq!(kept.get("_FillValue").is_none(), expected.is_some(), "{dtype}");
            assert_eq!(kept.text("units"), Some("K"));
        }
    }
}
