//! Buffers and library contexts that are kept from chunk to chunk.

use arcoforge_core::codec::Codec;
use arcoforge_core::error::Result;

use crate::{deflate, grib, zstandard};

/// Decodes a codec that only the HDF5 library defines: [`Codec::Szip`], [`Codec::ScaleOffset`] or [`Codec::Nbit`].
///
/// Takes the codec, the stored bytes and the most bytes that may come out; must refuse to yield more, and must not
/// allocate more. The implementation belongs to the crate that reads HDF5, because these formats follow its datatype
/// messages and this crate may not depend on a format library.
pub type ForeignDecode = fn(codec: &Codec, stored: &[u8], bytes_max: usize) -> Result<Vec<u8>>;

/// What [`decode`](crate::decode) and [`encode`](crate::encode) reuse: one per thread.
///
/// It only saves allocations; results never depend on what it was used for before. Buffers keep the size of the
/// largest chunk seen.
pub struct Scratch {
    pub(crate) buffers: Buffers,
    pub(crate) tools: Tools,
}

/// Two buffers that intermediate results alternate between.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) front: Vec<u8>,
    pub(crate) back: Vec<u8>,
}

impl Buffers {
    /// `back` is what is written to first: where one buffer does, the other never grows.
    pub(crate) fn largest_last(&mut self) -> &mut Self {
        if self.front.capacity() > self.back.capacity() {
            std::mem::swap(&mut self.front, &mut self.back);
        }
        self
    }
}

/// Contexts of libraries, made when first used.
#[derive(Default)]
pub(crate) struct Tools {
    pub(crate) deflate: deflate::Contexts,
    pub(crate) zstd: zstandard::Contexts,
    /// A block of bitshuffle.
    pub(crate) block: Vec<u8>,
    /// Runs of blocks of Blosc.
    pub(crate) runs: Vec<Vec<u8>>,
    /// Images of GRIB.
    pub(crate) png: grib::Rooms,
    pub(crate) foreign: Option<ForeignDecode>,
}

impl Scratch {
    /// Empty; szip, scale-offset and n-bit are refused.
    pub fn new() -> Self {
        Self { buffers: Buffers::default(), tools: Tools::default() }
    }

    /// Gives all memory back: before chunks of another size, or other codecs.
    pub fn release(&mut self) {
        let foreign = self.tools.foreign;
        *self = Self { buffers: Buffers::default(), tools: Tools { foreign, ..Tools::default() } };
    }

    /// With a decoder for HDF5's own codecs.
    pub fn with_foreign(foreign: ForeignDecode) -> Self {
        let mut scratch = Self::new();
        scratch.tools.foreign = Some(foreign);
        scratch
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("foreign", &self.tools.foreign.is_some()).finish_non_exhaustive()
    }
}

/// The first `len` bytes of a buffer that only ever grows; what is in them is left over from earlier use.
pub(crate) fn grow(buffer: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    &mut buffer[..len]
}
