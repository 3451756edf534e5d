//! One JSON file: `{"version": 1, "refs": {KEY: [URL, OFFSET, LENGTH] | "base64:..." | METADATA}}`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::base64;
use arcoforge_core::error::Result;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::references::{Reference, Referenced, References};
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_store::files::unwritable;
use serde_json::{Value, json};

use super::{ABOUT, no_json, nodes};
use crate::{Written, chunk_key};

/// A JSON file that is being written, one array after the other; whole once it is finished.
#[derive(Debug)]
pub struct JsonReferences {
    path: PathBuf,
    out: BufWriter<Summed>,
    dataset: Dataset,
    text: Vec<u8>,
}

/// A file, and what was written of it so far.
#[derive(Debug)]
struct Summed {
    file: File,
    written: Written,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written = self.written.and(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl JsonReferences {
    /// A file at `path`, in place of what lies there, that begins with all metadata of `dataset`; `about` says what it is
    /// made of.
    ///
    /// # Errors
    /// `target-unwritable`, and those of [`metadata`](crate::metadata).
    pub fn create(path: &Path, dataset: &Dataset, about: &Value) -> Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or(Ok(()), fs::create_dir_all).map_err(|e| unwritable(path, e))?;
        let file = File::create(path).map_err(|e| unwritable(path, e))?;
        let out = BufWriter::with_capacity(256 << 10, Summed { file, written: Written::EMPTY });
        let mut references = Self { path: path.to_owned(), out, dataset: dataset.clone(), text: Vec::new() };
        references.text.extend_from_slice(b"{\"version\":1,\"");
        references.text.extend_from_slice(ABOUT.as_bytes());
        references.text.extend_from_slice(b"\":");
        serde_json::to_writer(&mut references.text, about).map_err(no_json)?;
        references.text.extend_from_slice(b",\"refs\":{");
        let mut nodes = nodes(dataset)?;
        if dataset.format.metadata() == TargetFormat::Zarr2 {
            let all = json!({"zarr_consolidated_format": 1, "metadata": nodes});
            nodes.insert(".zmetadata".into(), all);
        }
        for (at, (key, node)) in nodes.iter().enumerate() {
            references.text.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
            serde_json::to_writer(&mut references.text, key).map_err(no_json)?;
            references.text.push(b':');
            // metadata stands as text: a JSON document within the document
            let node = serde_json::to_string(node).map_err(no_json)?;
            serde_json::to_writer(&mut references.text, &node).map_err(no_json)?;
        }
        references.put()?;
        Ok(references)
    }

    /// All chunks of one array of the dataset.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn array(&mut self, spec: &ArraySpec, references: &References) -> Result<()> {
        let grid = spec.chunks();
        let mut last: Option<(&Arc<Referenced>, Vec<u8>)> = None;
        for (number, reference) in (0..).zip(references.iter()) {
            if reference == Reference::Absent {
                continue;
            }
            self.text.extend_from_slice(b",\n");
            let key = chunk_key(self.dataset.format, spec, &grid.index(number));
            serde_json::to_writer(&mut self.text, &key).map_err(no_json)?;
            match reference {
                Reference::Absent => {}
                Reference::Inline(bytes) => {
                    self.text.extend_from_slice(b":\"base64:");
                    self.text.extend_from_slice(base64::encode(bytes).as_bytes());
                    self.text.push(b'"');
                }
                Reference::Range { object, offset, bytes } => {
                    if !last.as_ref().is_some_and(|(last, _)| Arc::ptr_eq(last, object)) {
                        last = Some((object, serde_json::to_vec(&*object.url).map_err(no_json)?));
                    }
                    let url = last.as_ref().map_or(&[][..], |(_, url)| url);
                    self.text.extend_from_slice(b":[");
                    self.text.extend_from_slice(url);
                    self.text.extend_from_slice(format!(",{offset},{bytes}]").as_bytes());
                }
            }
            self.put()?;
        }
        Ok(())
    }

    /// Ends the file, and sees it to the disk.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn finish(mut self) -> Result<Written> {
        self.text.extend_from_slice(b"\n}}\n");
        self.put()?;
        let summed = self.out.into_inner().map_err(|e| unwritable(&self.path, e.into_error()))?;
        summed.file.sync_all().map_err(|e| unwritable(&self.path, e))?;
        Ok(summed.written)
    }

    fn put(&mut self) -> Result<()> {
        let done = self.out.write_all(&self.text).map_err(|e| unwritable(&self.path, e));
        self.text.clear();
        done
    }
}
