//! The file of a recipe's locks: the inputs of its one dataset, or of each of several by name.

use std::collections::BTreeMap;
use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use serde::{Deserialize, Serialize};

use super::{Lock, VERSION, wrong};

/// The locks of a recipe's datasets, by their names.
///
/// A recipe of one dataset keeps its lock as the whole file, one of several keeps a map. A dataset that is new in such
/// a recipe is not locked yet; all others stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locks(BTreeMap<String, Lock>);

/// The file of several.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    /// The format's version.
    lock: u32,
    datasets: BTreeMap<String, Lock>,
}

impl Locks {
    /// Reads the locks of all datasets of a recipe; none where there is no file.
    ///
    /// # Errors
    /// As of [`Lock::read`]; also where the file is of one dataset and the recipe makes several, or the reverse.
    pub fn read(path: &Path, recipes: &[&Recipe]) -> Result<Self> {
        if let [only] = recipes {
            let lock = Lock::read(path, only)?;
            return Ok(Self(lock.into_iter().map(|lock| (only.name.clone(), lock)).collect()));
        }
        let Some(text) = super::text(path)? else { return Ok(Self::default()) };
        let file: Several = serde_json::from_slice(&text).map_err(|e| {
            wrong(path, "the file is not a lock of a recipe that makes several datasets").caused_by(e)
        })?;
        if file.lock != VERSION {
            return Err(wrong(path, format!("the lock has version {}, expected {VERSION}", file.lock)));
        }
        let mut locks = Self::default();
        for recipe in recipes {
            if let Some(lock) = file.datasets.get(&recipe.name) {
                lock.check(path, recipe).map_err(|mut error| {
                    error.message += &format!(" (dataset `{}`)", recipe.name);
                    error
                })?;
                locks.insert(&recipe.name, lock.clone());
            }
        }
        Ok(locks)
    }

    /// The lock of a dataset.
    pub fn get(&self, dataset: &str) -> Option<&Lock> {
        self.0.get(dataset)
    }

    /// Sets the lock of a dataset.
    pub fn insert(&mut self, dataset: &str, lock: Lock) {
        self.0.insert(dataset.to_owned(), lock);
    }

    /// Writes the file as a whole or not at all; `several` where the recipe makes several datasets.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn write(&self, path: &Path, several: bool) -> Result<()> {
        if !several {
            let lock = self.0.values().next();
            return lock.ok_or_else(|| Error::new(Code::Bug, "a lock of no dataset"))?.write(path);
        }
        super::write(path, &Several { lock: VERSION, datasets: self.0.clone() })
    }
}

#[cfg(test)]
mod tests {
    use arcoforge_core::pattern::{Find, Input, Source};
    use arcoforge_core::recipe::{About, Output, Policies};
    use arcoforge_store::Validator;

    use super::*;

    fn recipe(name: &str, glob: &str) -> Recipe {
        let find = Find { glob: vec![glob.into()], ..Find::default() };
        Recipe {
            name: name.into(),
            about: About::default(),
            axes: Vec::new(),
            source: Source::new(Input::Find(find)),
            steps: Vec::new(),
            combine: Policies::default(),
            output: Output::default(),
            checks: Vec::new(),
            test: BTreeMap::new(),
        }
    }

    #[test]
    fn each_dataset_has_its_own_inputs_and_new_ones_have_none_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("recipe.lock");
        let (a, b, c) = (recipe("a", "a*"), recipe("b", "b*"), recipe("c", "c*"));
        assert_eq!(Locks::read(&path, &[&a, &b]).expect("absent"), Locks::default());
        let mut locks = Locks::default();
        for (recipe, url) in [(&a, "a.nc"), (&b, "b.nc")] {
            let found = vec![(vec![0], url.to_owned(), Validator::default())];
            locks.insert(&recipe.name, Lock::new(recipe, Path::new(""), found).expect("a lock"));
        }
        locks.write(&path, true).expect("written");
        assert_eq!(Locks::read(&path, &[&a, &b]).expect("read"), locks);
        let grown = Locks::read(&path, &[&a, &b, &c]).expect("read");
        assert_eq!((grown.get("a"), grown.get("c")), (locks.get("a"), None));
        for (recipes, what) in
            [(vec![&a, &recipe("b", "other*")], "another source"), (vec![&a], "one dataset")]
        {
            let error = Locks::read(&path, &recipes).expect_err(what);
            assert_eq!(error.code, Code::LockMismatch, "{what}");
        }
    }
}
