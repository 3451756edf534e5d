//! Inputs of which all that is wanted is known already: opened with the first read, if there is one.

use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};

use crate::ftp;
use crate::local::{lock, modified_ns};
use crate::location::Location;
use crate::object::{Access, Beside, Object, Validator};
use crate::sources::{Sources, without_member};
use crate::wrapped::split_member;

/// An input that was opened in an earlier run, as it was then.
#[derive(Debug)]
struct Deferred {
    sources: Arc<Sources>,
    /// How it is opened, where that is not its name.
    candidate: Option<Box<str>>,
    url: Arc<str>,
    validator: Validator,
    remote: bool,
    opened: Mutex<Option<Arc<dyn Object>>>,
}

impl Sources {
    /// What tells the version of what lies at a path or URL, told without opening it: one `stat`, or one HEAD. Of an
    /// archive or a compressed file that of the whole. `None` where that can't be told; opening it says why.
    pub fn version(&self, url_or_path: &str) -> Option<Validator> {
        match Location::parse(url_or_path).ok()? {
            Location::Local(path) if self.options().allow_local => {
                let whole = split_member(&path).map_or(path, |(archive, _)| archive);
                version_of_file(&whole)
            }
            Location::Local(_) => None,
            Location::Http(url) => self.version_of_url(&url),
            Location::Bucket(url) => self.version_of_url(&without_member(url).text()),
            Location::Ftp(url) => ftp::version(self.client(), &url),
        }
    }

    fn version_of_url(&self, url: &str) -> Option<Validator> {
        let head = self.client().head(url).ok().flatten()?;
        let size = head.content_length.filter(|size| *size > 0 && head.encoding.is_none())?;
        Some(head.validator(size))
    }

    /// An input that was opened before under `url_or_path`, with the name and the version that it had. It is opened
    /// when it is read, and refused as changed where it has another version by then.
    pub fn deferred(
        self: &Arc<Self>,
        url_or_path: &str,
        url: &Arc<str>,
        validator: Validator,
    ) -> Arc<dyn Object> {
        Arc::new(Deferred {
            sources: Arc::clone(self),
            candidate: (*url_or_path != **url).then(|| url_or_path.into()),
            url: Arc::clone(url),
            validator,
            remote: Location::parse(url_or_path).is_ok_and(|location| location.is_remote()),
            opened: Mutex::default(),
        })
    }
}

fn version_of_file(path: &Path) -> Option<Validator> {
    let metadata = std::fs::metadata(path).ok().filter(|m| m.is_file() && m.len() > 0)?;
    // a file that was put in place of another one with its size and time is another file
    let identity = format!("{}-{}.{}", metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
    Some(Validator { size: metadata.len(), etag: Some(identity), modified_ns: modified_ns(&metadata) })
}

impl Deferred {
    fn object(&self) -> Result<Arc<dyn Object>> {
        let mut opened = lock(&self.opened);
        if let Some(object) = &*opened {
            return Ok(Arc::clone(object));
        }
        let object = self.sources.open(self.candidate.as_deref().unwrap_or(&self.url))?;
        if *object.validator() != self.validator {
            let message = "the file changed since this run looked at its size and time";
            return Err(Error::new(Code::SourceChanged, message)
                .at(&*self.url)
                .help("wait until nothing writes to it any more, then run again"));
        }
        *opened = Some(Arc::clone(&object));
        Ok(object)
    }
}

impl Object for Deferred {
    fn url(&self) -> &str {
        &self.url
    }

    fn name(&self) -> Arc<str> {
        Arc::clone(&self.url)
    }

    fn place(&self, offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        // on a server it is known only where the whole has the object's own version: then nothing is wrapped around it
        if self.remote { Ok(Some((self.name(), offset))) } else { self.object()?.place(offset) }
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.object()?.read_into(offset, out)
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        self.object()?.read_ranges(ranges)
    }

    fn is_remote(&self) -> bool {
        self.remote
    }

    fn access(&self) -> Access {
        match &*lock(&self.opened) {
            Some(object) => object.access(),
            None if self.remote => Access::Later,
            None => Access::Here,
        }
    }

    fn is_at_hand(&self, range: &Range<u64>) -> bool {
        match &*lock(&self.opened) {
            Some(object) => object.is_at_hand(range),
            // opening it will bring the first bytes along, as it did when it was surveyed
            None => {
                let brings = self.remote && !self.url.starts_with("ftp");
                brings && range.end <= self.sources.options().prefix_bytes
            }
        }
    }

    fn beside(&self, file: Beside) -> Option<Vec<u8>> {
        self.object().ok()?.beside(file)
    }

    fn take_prefix(&self) -> Option<Vec<u8>> {
        self.object().ok()?.take_prefix()
    }
}
