//! Bodies of whole files, as they come over the wire.

use std::io::{self, Read};

use arcoforge_core::error::{Code, Error};
use flate2::read::MultiGzDecoder;

use super::client::{Answer, Client};
use super::failure::{Failure, explain_transport};

/// The body without the packing that it has for the way.
pub(super) fn unpacked<'a>(answer: Answer<'a>, shown: &str) -> Result<Box<dyn Wire + 'a>, Failure> {
    let encoding = answer.head.encoding.clone();
    let body = Counted::new(answer);
    Ok(match encoding.as_deref() {
        None => Box::new(body),
        Some("gzip" | "x-gzip") => Box::new(MultiGzDecoder::new(body)),
        Some(other) => {
            let message = format!("the server packs its answer as `{other}`, although asked not to");
            return Err(Failure::never(
                Error::new(Code::SourceUnsupported, message)
                    .at(shown)
                    .help("download the file with a browser or `curl --compressed`"),
            ));
        }
    })
}

/// A body that knows how many bytes came over the wire.
pub(super) trait Wire: Read {
    fn received(&self) -> u64;
}

pub(super) struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R> Counted<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, count: 0 }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.count = self.count.saturating_add(count as u64);
        Ok(count)
    }
}

impl<R: Read> Wire for Counted<R> {
    fn received(&self) -> u64 {
        self.count
    }
}

impl<R: Read> Wire for MultiGzDecoder<Counted<R>> {
    fn received(&self) -> u64 {
        self.get_ref().count
    }
}

/// How a body is read.
pub(super) struct Copy<'a> {
    pub(super) client: &'a Client,
    pub(super) shown: &'a str,
    /// Bytes that come over the wire, where that is known.
    pub(super) expected: Option<u64>,
    /// Whether they are unpacked.
    pub(super) packed: bool,
}

/// What one reading gave: bytes, and why there were not more.
pub(super) struct Filled {
    pub(super) length: usize,
    pub(super) failure: Option<Failure>,
}

impl Copy<'_> {
    /// Reads until the buffer is full or the body ends.
    pub(super) fn fill(&self, reader: &mut dyn Wire, buffer: &mut [u8]) -> Result<usize, Failure> {
        let Filled { length, failure } = self.fill_some(reader, buffer);
        failure.map_or(Ok(length), Err)
    }

    /// The same; bytes that came before a failure are there too.
    pub(super) fn fill_some(&self, reader: &mut dyn Wire, buffer: &mut [u8]) -> Filled {
        let mut length = 0_usize;
        while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match reader.read(rest) {
                Ok(0) => break,
                Ok(count) => length = length.saturating_add(count),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Filled { length, failure: Some(self.explain(e, reader.received())) },
            }
        }
        Filled { length, failure: None }
    }

    fn explain(&self, e: io::Error, received: u64) -> Failure {
        match (e.kind(), self.expected) {
            (io::ErrorKind::UnexpectedEof, Some(expected)) if received < expected => {
                Failure::short(self.shown, received, expected)
            }
            (io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, _) if self.packed => Failure::soon(
                Error::new(Code::SourceCorrupt, "the packed answer of the server does not unpack")
                    .caused_by(e)
                    .at(self.shown)
                    .help("download the file with a browser and look at it"),
            ),
            _ => explain_transport(e.into(), self.shown, self.client.options().read_timeout),
        }
    }
}
