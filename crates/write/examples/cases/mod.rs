//! Small datasets of every kind that a target holds, with what a reader should find. Shared by the tests and by the
//! example that writes them for other implementations to read.

mod expected;
mod fill;
mod tables;

use std::sync::Arc;

use arcoforge_core::attrs::Attrs;
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::{ArraySpec, Dataset};
use serde_json::Value;

pub(crate) use expected::expected;
pub(crate) use fill::fill;
pub(crate) use tables::cases;

/// One dataset and its values.
pub(crate) struct Case {
    /// The directory's name.
    pub(crate) name: &'static str,
    /// What is written.
    pub(crate) dataset: Dataset,
    /// Elements of every array of the dataset, in C order.
    pub(crate) values: Vec<Vec<Scalar>>,
    /// Attributes of every array as a reader should find them, as JSON, where the case is about attributes.
    pub(crate) attrs: Option<Value>,
}

/// An array with everything that is not given at its plainest: one chunk, not compressed, no attributes, no mask.
pub(crate) fn array(name: &str, dtype: DataType, shape: &[u64]) -> ArraySpec {
    const DIMS: [&str; 4] = ["t", "z", "y", "x"];
    let unwritten = match dtype {
        DataType::Text => Scalar::Text(String::new()),
        DataType::Bool => Scalar::Bool(false),
        DataType::Complex64 | DataType::Complex128 => Scalar::Complex(0.0, 0.0),
        _ if dtype.is_float() => Scalar::Float(0.0),
        _ => Scalar::Int(0),
    };
    ArraySpec {
        name: name.into(),
        dims: DIMS.iter().zip(shape).map(|(dim, n)| format!("{dim}{n}")).collect(),
        shape: shape.to_vec(),
        dtype,
        attrs: Attrs::new(),
        fill: None,
        unwritten,
        chunk: shape.iter().map(|n| (*n).max(1)).collect(),
        shard: None,
        encoding: Encoding::raw(),
    }
}

/// A case of arrays with values, in the root group.
pub(crate) fn case(name: &'static str, format: TargetFormat, arrays: Vec<(ArraySpec, Vec<Scalar>)>) -> Case {
    let (arrays, values) = arrays.into_iter().map(|(a, v)| (Arc::new(a), v)).unzip();
    let dataset = Dataset { format, attrs: Attrs::new(), groups: Vec::new(), arrays };
    Case { name, dataset, values, attrs: None }
}
