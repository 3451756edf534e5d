//! Values of one file that are in hand.

use std::sync::Arc;

use super::Values;

/// Values of one file by variable: few, so that a list takes less than a map.
#[derive(Debug, Clone, Default)]
pub struct Held(Vec<(Arc<str>, Values)>);

impl Held {
    /// Those of a variable.
    pub fn get(&self, variable: &str) -> Option<&Values> {
        self.0.iter().find(|(name, _)| **name == *variable).map(|(_, values)| values)
    }

    /// Whether there are any of a variable.
    pub fn contains_key(&self, variable: &str) -> bool {
        self.get(variable).is_some()
    }

    /// Sets those of a variable.
    pub fn insert(&mut self, variable: impl Into<Arc<str>> + AsRef<str>, values: Values) {
        match self.0.iter_mut().find(|(name, _)| **name == *variable.as_ref()) {
            Some(held) => held.1 = values,
            None => {
                self.0.reserve_exact(1);
                self.0.push((variable.into(), values));
            }
        }
    }

    /// Forgets those of a variable, and gives them back.
    pub fn remove(&mut self, variable: &str) -> Option<Values> {
        let at = self.0.iter().position(|(name, _)| **name == *variable)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

impl FromIterator<(String, Values)> for Held {
    fn from_iter<I: IntoIterator<Item = (String, Values)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, values)| (name.into(), values)).collect())
    }
}
