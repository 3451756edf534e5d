//! Objects as files below the staging directory.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use arcoforge_core::error::Result;
use arcoforge_store::files::{changed_ns, remove_tree, unwritable};

use super::{LocalStore, open, parent};
use crate::{Objects, ShardStream, ShardWriter, Version, Written, write_chunk};

impl Objects for LocalStore {
    fn write(&self, key: &str, bytes: &[u8]) -> Result<Written> {
        let path = self.path(key)?;
        let file = open(&path).map_err(|e| unwritable(&path, e))?;
        write_chunk(file, &path.display().to_string(), bytes)
    }

    fn shard(&self, key: &str, chunks: u64) -> Result<ShardWriter<ShardStream<'_>>> {
        let path = self.path(key)?;
        let name = path.display().to_string();
        let file = BufWriter::with_capacity(64 << 10, LazyFile { path, file: None });
        Ok(ShardWriter::new(Box::new(file), name, chunks))
    }

    fn leave_out(&self, key: &str) -> Result<()> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(unwritable(&path, e))
            }
            _ => Ok(()),
        }
    }

    /// By a hard link where the file system allows, else as a copy.
    fn adopt(&self, key: &str, from: &Path) -> Result<()> {
        let path = self.path(key)?;
        // what is there already may share its bytes with a store that is being read: never written through
        remove_tree(&path)?;
        let linked = match fs::hard_link(from, &path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(parent(&path)).and_then(|()| fs::hard_link(from, &path))
            }
            other => other,
        };
        let taken = linked.or_else(|e| match e.kind() {
            // a process that runs the same unit was faster
            ErrorKind::AlreadyExists => Ok(()),
            // to a new file: never through a link
            _ => File::open(from).and_then(|mut from| io::copy(&mut from, &mut open(&path)?)).map(drop),
        });
        taken.map_err(|e| unwritable(&path, e))
    }

    fn version(&self, key: &str) -> Version {
        let found = fs::symlink_metadata(self.staging().join(key));
        Version { changed_ns: found.ok().map(|found| changed_ns(&found)), etag: None }
    }
}

/// A file that is made at the first write, with its directories.
#[derive(Debug)]
struct LazyFile {
    path: PathBuf,
    file: Option<File>,
}

impl Write for LazyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => self.file.insert(open(&self.path)?).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}
