//! Numbers as a plan's file has them: JSON knows none that are not finite, and these are texts (`NaN`, `inf`, `-inf`).

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that is text where JSON has no number for it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && !self.0.is_finite() {
            serializer.serialize_str(&self.0.to_string())
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        if !deserializer.is_human_readable() {
            return f64::deserialize(deserializer).map(Self);
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Number(*number).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::deserialize(deserializer).map(|number| number.0)
}

/// A number that may be absent.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(Number).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Option::<Number>::deserialize(deserializer).map(|number| number.map(|number| number.0))
    }
}

/// Names with two numbers each.
pub(crate) mod ranges {
    use super::{Deserialize, Deserializer, Number, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        ranges: &[(String, f64, f64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ranges.iter().map(|(name, low, high)| (name, Number(*low), Number(*high))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, f64, f64)>, D::Error> {
        let ranges = Vec::<(String, Number, Number)>::deserialize(deserializer)?;
        Ok(ranges.into_iter().map(|(name, low, high)| (name, low.0, high.0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use crate::dtype::Scalar;
    use crate::recipe::{CheckRule, MaskRule};

    fn there_and_back<T: Serialize + DeserializeOwned + std::fmt::Debug>(value: &T) {
        let json = serde_json::to_string(value).expect("JSON");
        let back: T = serde_json::from_str(&json).expect(&json);
        assert_eq!(format!("{back:?}"), format!("{value:?}"), "{json}");
    }

    #[test]
    fn numbers_that_json_does_not_know_come_back() {
        for number in
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, 0.1, f64::MIN_POSITIVE, 1e300]
        {
            there_and_back(&Scalar::Float(number));
            there_and_back(&Scalar::Complex(number, -number));
            there_and_back(&CheckRule::Range(vec![("t".into(), number, -number)]));
            there_and_back(&MaskRule { below: Some(number), above: None, ..MaskRule::default() });
        }
    }

    #[test]
    fn a_text_that_is_no_number_is_an_error() {
        #[derive(Debug, Deserialize)]
        struct One(
            #[serde(with = "super")]
            #[allow(dead_code)]
            f64,
        );
        for text in ["null", "\"\"", "\"many\"", "[]"] {
            assert!(serde_json::from_str::<One>(text).is_err(), "{text}");
        }
    }
}
