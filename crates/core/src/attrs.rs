//! Attributes of groups and variables, in file order, with the types that the file gave them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dtype::{DataType, Scalar};

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttrValue {
    /// One text.
    Text(String),
    /// A list of texts (NetCDF4 string arrays).
    Texts(Vec<String>),
    /// Numbers of one type. One number is a scalar, as in the NetCDF data model.
    Numbers {
        /// The type that the file stores.
        dtype: DataType,
        /// The values; never [`Scalar::Text`].
        values: Vec<Scalar>,
    },
    /// A value of JSON that is none of these, as text: what conventions of Zarr keep in attributes of groups.
    Json(String),
}

impl AttrValue {
    /// A single number.
    pub fn number(dtype: DataType, value: Scalar) -> Self {
        Self::Numbers { dtype, values: vec![value] }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Texts(texts) if texts.len() == 1 => texts.first().map(String::as_str),
            _ => None,
        }
    }

    /// The number, if it is exactly one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Numbers { values, .. } if values.len() == 1 => values.first(),
            _ => None,
        }
    }

    /// Equal in value: number types may differ, NaN equals itself.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Numbers { values: a, .. }, Self::Numbers { values: b, .. }) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(x, y)| x.same(y) || (x.as_f64().is_some() && x.as_f64() == y.as_f64()))
            }
            _ => match (self.as_text(), other.as_text()) {
                (Some(a), Some(b)) => a == b,
                _ => self == other,
            },
        }
    }
}

impl fmt::Display for AttrValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Texts(texts) => write!(f, "{texts:?}"),
            Self::Json(text) => f.write_str(text),
            Self::Numbers { values, .. } => {
                let values: Vec<String> = values.iter().map(Scalar::to_string).collect();
                f.write_str(&values.join(", "))
            }
        }
    }
}

/// Attributes in file order; names are unique. Cheap to copy: files of an archive share theirs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Attrs(Arc<Vec<(String, AttrValue)>>);

impl PartialEq for Attrs {
    fn eq(&self, other: &Self) -> bool {
        // what is shared is equal; so are NaNs in it, which are one value
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Attrs {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&AttrValue> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The value of `name`, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(AttrValue::as_text)
    }

    /// The value of `name` as a double, where it is one real number.
    pub fn f64(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(AttrValue::as_scalar).and_then(Scalar::as_f64)
    }

    /// The numbers of `missing_value`, as they are written; none where it is text.
    pub fn missing_values(&self) -> &[Scalar] {
        match self.get("missing_value") {
            Some(AttrValue::Numbers { values, .. }) => values,
            _ => &[],
        }
    }

    /// `scale_factor` and `add_offset`, where there is either.
    pub fn packing(&self) -> Option<(f64, f64)> {
        let (scale, offset) = (self.f64("scale_factor"), self.f64("add_offset"));
        (scale.is_some() || offset.is_some()).then(|| (scale.unwrap_or(1.0), offset.unwrap_or(0.0)))
    }

    /// The attribute that says that numbers are packed, whatever its value.
    pub fn packed_by(&self) -> Option<&'static str> {
        ["scale_factor", "add_offset"].into_iter().find(|name| self.get(name).is_some())
    }

    /// Sets `name`, in place where it exists and at the end where not.
    pub fn set(&mut self, name: impl Into<String>, value: AttrValue) {
        let name = name.into();
        let attrs = Arc::make_mut(&mut self.0);
        match attrs.iter_mut().find(|(n, _)| *n == name) {
            Some(entry) => entry.1 = value,
            None => attrs.push((name, value)),
        }
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<AttrValue> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(Arc::make_mut(&mut self.0).remove(at).1)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttrValue)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Equal bit for bit and in order; unlike `==`, a NaN equals itself.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&AttrValue, &AttrValue)| match (a, b) {
            (AttrValue::Numbers { dtype: a, values: x }, AttrValue::Numbers { dtype: b, values: y }) => {
                a == b && x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.same(y))
            }
            _ => a == b,
        };
        let mut pairs = self.0.iter().zip(other.0.iter());
        Arc::ptr_eq(&self.0, &other.0)
            || (self.len() == other.len() && pairs.all(|(a, b)| a.0 == b.0 && same((&a.1, &b.1))))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, AttrValue)> for Attrs {
    fn from_iter<T: IntoIterator<Item = (String, AttrValue)>>(iter: T) -> Self {
        let mut attrs = Self::new();
        for (name, value) in iter {
            attrs.set(name, value);
        }
        attrs
    }
}
