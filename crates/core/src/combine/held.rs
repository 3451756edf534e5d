//! Values of one file that are in hand.

use std::sync::Arc;

use super::Values;

/// Values of variables that several files have alike.
pub type Alike = Arc<Vec<(Arc<str>, Values)>>;

/// Values of one file by variable: few, so that a list takes less than a map.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Its own; they count where there are others, too.
    own: Vec<(Arc<str>, Values)>,
    alike: Option<Alike>,
}

impl Held {
    /// Values that other files have, too.
    pub fn of(alike: Alike) -> Self {
        Self { own: Vec::new(), alike: Some(alike) }
    }

    /// Those of a variable.
    pub fn get(&self, variable: &str) -> Option<&Values> {
        let mut all = self.own.iter().chain(self.alike.iter().flat_map(|alike| alike.iter()));
        all.find(|(name, _)| **name == *variable).map(|(_, values)| values)
    }

    /// Whether there are any of a variable.
    pub fn contains_key(&self, variable: &str) -> bool {
        self.get(variable).is_some()
    }

    /// Sets those of a variable.
    pub fn insert(&mut self, variable: impl Into<Arc<str>> + AsRef<str>, values: Values) {
        match self.own.iter_mut().find(|(name, _)| **name == *variable.as_ref()) {
            Some(held) => held.1 = values,
            None => {
                self.own.reserve_exact(1);
                self.own.push((variable.into(), values));
            }
        }
    }

    /// Forgets those of a variable, and gives them back.
    pub fn remove(&mut self, variable: &str) -> Option<Values> {
        let at = |list: &[(Arc<str>, Values)]| list.iter().position(|(name, _)| **name == *variable);
        let own = at(&self.own).map(|at| self.own.swap_remove(at).1);
        let alike = self.alike.as_mut().and_then(|alike| {
            let at = at(alike)?;
            Some(Arc::make_mut(alike).remove(at).1)
        });
        own.or(alike)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl FromIterator<(String, Values)> for Held {
    fn from_iter<I: IntoIterator<Item = (String, Values)>>(values: I) -> Self {
        let own = values.into_iter().map(|(name, values)| (name.into(), values)).collect();
        Self { own, alike: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_stand_before_those_of_all() {
        let values = |digest| Values { digest: Some(digest), block: None };
        let alike: Alike = Arc::new(vec![("x".into(), values(1)), ("y".into(), values(2))]);
        let (mut held, other) = (Held::of(Arc::clone(&alike)), Held::of(alike));
        held.insert("x", values(3));
        held.insert("z", values(4));
        let digests =
            |held: &Held| ["x", "y", "z"].map(|name| held.get(name).and_then(|values| values.digest));
        assert_eq!(digests(&held), [Some(3), Some(2), Some(4)]);
        assert_eq!(held.remove("x").and_then(|values| values.digest), Some(3));
        assert_eq!(held.remove("y").and_then(|values| values.digest), Some(2));
        assert_eq!(digests(&held), [None, None, Some(4)]);
        assert_eq!(digests(&other), [Some(1), Some(2), None]);
    }
}
