//! Attributes, written short.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::dtype::{DataType, Scalar};

/// Attributes being put together.
#[derive(Debug, Default)]
pub(super) struct Made(pub(super) Attrs);

impl Made {
    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.0.set(name, AttrValue::Text(value.to_owned()));
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn int(mut self, name: &str, value: i64) -> Self {
        self.0.set(name, AttrValue::number(DataType::Int64, Scalar::Int(value)));
        self
    }

    pub(super) fn float(mut self, name: &str, value: f64) -> Self {
        self.0.set(name, AttrValue::number(DataType::Float64, Scalar::Float(value)));
        self
    }

    pub(super) fn floats(mut self, name: &str, values: &[f64]) -> Self {
        let values = values.iter().map(|&value| Scalar::Float(value)).collect();
        self.0.set(name, AttrValue::Numbers { dtype: DataType::Float64, values });
        self
    }
}

/// Texts as attributes.
pub(super) fn texts(rows: &[(&str, &str)]) -> Made {
    rows.iter().fold(Made::default(), |made, (name, value)| made.text(name, value))
}
