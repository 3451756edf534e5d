//! A store in a folder of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};

use super::{Held, Keyed, Located, place_in_whole};
use crate::local::{FilePool, LocalObject, lock};
use crate::object::Object;

/// Every file is a member, numbered as they are asked for.
#[derive(Debug)]
pub(super) struct Folder {
    files: Arc<FilePool>,
    root: PathBuf,
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
pub(super) struct Numbers {
    keys: Vec<Arc<str>>,
    known: BTreeMap<Arc<str>, u32>,
}

impl Numbers {
    /// The number of a key, a new one where it has none.
    pub(super) fn of(&mut self, key: &str) -> u32 {
        if let Some(number) = self.known.get(key) {
            return *number;
        }
        let (key, number): (Arc<str>, u32) = (key.into(), self.keys.len() as u32);
        self.keys.push(Arc::clone(&key));
        self.known.insert(key, number);
        number
    }

    /// The key of a number.
    pub(super) fn key(&self, number: u32) -> Result<Arc<str>> {
        let key = self.keys.get(number as usize).cloned();
        key.ok_or_else(|| Error::new(Code::Bug, "found a member of a store that nobody located"))
    }
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { files: Arc::default(), root: root.to_owned(), numbers: Mutex::default() }
    }

    fn open(&self, key: &str) -> Result<Arc<dyn Object>> {
        let path = self.root.join(key);
        Ok(Arc::new(LocalObject::open(&self.files, &path, &path.display().to_string())?))
    }

    /// The length of a file; `None` where there is none.
    fn bytes(&self, key: &str) -> Result<Option<u64>> {
        match fs::metadata(self.root.join(key)) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(failed(&self.root.join(key), e)),
        }
    }
}

impl Keyed for Folder {
    fn get(&self, key: &str) -> Result<Option<Held>> {
        Ok(match self.bytes(key)? {
            None => None,
            // a file without bytes is none that can be opened
            Some(0) => Some(Held::Bytes(Arc::default())),
            Some(_) => {
                let object = self.open(key)?;
                let bytes = object.validator().size;
                Some(Held::Range(object, 0, bytes))
            }
        })
    }

    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>> {
        let one = |key: &String| {
            let bytes = self.bytes(key)?;
            Ok(bytes.map(|bytes| Located::Range(place_in_whole(lock(&self.numbers).of(key), 0), bytes)))
        };
        keys.iter().map(one).collect()
    }

    fn folders(&self, below: &str) -> Result<Vec<String>> {
        let folder = self.root.join(below);
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
            let entry = entry.map_err(|e| failed(&folder, e))?;
            if let (Ok(name), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn objects(&self) -> Result<Option<Vec<(String, u64, String)>>> {
        let (mut found, mut open) = (Vec::new(), vec![self.root.clone()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
                let path = entry.map_err(|e| failed(&folder, e))?.path();
                let about = fs::metadata(&path).map_err(|e| failed(&path, e))?;
                if about.is_dir() {
                    open.push(path);
                    continue;
                }
                let key = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
                found.push((key, about.len(), format!("{:?}", about.modified().ok())));
            }
        }
        Ok(Some(found))
    }

    fn member(&self, number: u32) -> Result<Arc<dyn Object>> {
        let key = lock(&self.numbers).key(number)?;
        self.open(&key)
    }
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::PermissionDenied => Code::SourceDenied,
        _ => Code::SourceUnreachable,
    };
    Error::new(code, "the store can't be read").caused_by(error).at(path.display().to_string())
}
