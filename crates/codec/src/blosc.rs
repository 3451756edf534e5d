//! The Blosc 1 container (HDF5 filter 32001, Zarr's `blosc`), by c-blosc, without its threads and its globals.

mod over;

use std::ffi::{CStr, c_void};

use arcoforge_core::codec::{Blosc, BloscShuffle};
use arcoforge_core::error::{Code, Error, Result};

use crate::{bad_parameter, corrupt, too_long};

pub(crate) use over::encode_over;

/// Bytes of the header, which is also the most that a buffer can grow.
const HEADER: usize = 16;
/// The largest buffer of the format.
const BYTES_MAX: usize = i32::MAX as usize - HEADER;

/// The header's numbers, checked against the stored bytes.
struct Header {
    stored_bytes: usize,
    decoded_bytes: usize,
}

impl Header {
    /// Header of 16 bytes: version, compressor's version, flags, element size, then little-endian decoded size, block
    /// size and stored size.
    fn parse(stored: &[u8]) -> Result<Self> {
        let Some((&[version, _, _, typesize, a, b, c, d, e, f, g, h, i, j, k, l], _)) =
            stored.split_first_chunk::<HEADER>()
        else {
            return Err(corrupt(format!("`blosc` data of {} bytes; its header has {HEADER}", stored.len())));
        };
        let size = |bytes| u32::from_le_bytes(bytes) as usize;
        let (decoded_bytes, block_bytes, stored_bytes) =
            (size([a, b, c, d]), size([e, f, g, h]), size([i, j, k, l]));
        if version != 2 {
            return Err(corrupt(format!("`blosc` data of format {version}; 2 expected")));
        }
        if stored_bytes > stored.len() || stored_bytes < HEADER || decoded_bytes > BYTES_MAX {
            return Err(corrupt(format!(
                "`blosc` header says {stored_bytes} bytes stored and {decoded_bytes} decoded; there are {}",
                stored.len()
            )));
        }
        if decoded_bytes > 0 && (block_bytes == 0 || block_bytes > decoded_bytes || typesize == 0) {
            return Err(corrupt(format!(
                "`blosc` header says blocks of {block_bytes} of {decoded_bytes} bytes, elements of {typesize}"
            )));
        }
        Ok(Self { stored_bytes, decoded_bytes })
    }
}

/// Decodes into `out` and returns how many bytes came out.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let header = Header::parse(stored)?;
    if header.decoded_bytes > out.len() {
        return Err(too_long("blosc", out.len()));
    }
    // SAFETY: c-blosc reads no further than the stored size in the header, which the slice holds, and writes no more
    // than the destination's size; the _ctx call keeps its state on its own stack and starts no thread.
    #[allow(unsafe_code)]
    let len = unsafe {
        blosc_src::blosc_decompress_ctx(
            stored.as_ptr().cast::<c_void>(),
            out.as_mut_ptr().cast::<c_void>(),
            header.decoded_bytes,
            1,
        )
    };
    if usize::try_from(len) == Ok(header.decoded_bytes) {
        Ok(header.decoded_bytes)
    } else {
        Err(corrupt(format!("`blosc` data of {} bytes does not decode (status {len})", header.stored_bytes)))
    }
}

/// Encodes one container.
pub(crate) fn encode(blosc: &Blosc, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let encoder = Encoder::new(blosc, data.len())?;
    match encoder.run(data, out, data.len() + HEADER)? {
        0 => Err(failed(data.len(), 0)),
        _ => Ok(()),
    }
}

/// Parameters as c-blosc takes them.
struct Encoder<'a> {
    blosc: &'a Blosc,
    cname: &'static CStr,
    shuffle: i32,
}

impl<'a> Encoder<'a> {
    /// For so many bytes.
    fn new(blosc: &'a Blosc, bytes: usize) -> Result<Self> {
        let cname = compressor(&blosc.cname)?;
        if blosc.clevel > 9 {
            return Err(bad_parameter(format!("level {} of `blosc`; 0 to 9 expected", blosc.clevel)));
        }
        if blosc.typesize == 0 || blosc.blocksize > BYTES_MAX as u64 || bytes > BYTES_MAX {
            return Err(bad_parameter(format!(
                "`blosc` of {bytes} bytes in blocks of {}, elements of {}; sizes from 1 to {BYTES_MAX} expected",
                blosc.blocksize, blosc.typesize
            )));
        }
        let shuffle = match blosc.shuffle {
            BloscShuffle::NoShuffle => 0,
            BloscShuffle::Shuffle => 1,
            BloscShuffle::BitShuffle => 2,
        };
        Ok(Self { blosc, cname, shuffle })
    }

    /// Makes one container of at most `room` bytes; returns its length, 0 where it would be longer. `out` then holds the
    /// container, or its header alone, without the stored size.
    fn run(&self, data: &[u8], out: &mut Vec<u8>, room: usize) -> Result<usize> {
        out.clear();
        // without any room c-blosc writes the header and where the first block would begin
        out.reserve(room.max(HEADER + 4));
        out.resize(HEADER, 0);
        // SAFETY: c-blosc reads `data.len()` bytes and writes at most `room`, or four bytes behind the header, which
        // `reserve` has made room for; the name is a C string; the _ctx call keeps its state on its own stack and
        // starts no thread.
        #[allow(unsafe_code)]
        let len = unsafe {
            blosc_src::blosc_compress_ctx(
                self.blosc.clevel as i32,
                self.shuffle,
                self.blosc.typesize as usize,
                data.len(),
                data.as_ptr().cast::<c_void>(),
                out.as_mut_ptr().cast::<c_void>(),
                room,
                self.cname.as_ptr(),
                self.blosc.blocksize as usize,
                1,
            )
        };
        match usize::try_from(len) {
            Ok(0) => Ok(0),
            Ok(len) if len >= HEADER && len <= room => {
                // SAFETY: c-blosc has written `len` bytes, no more than the capacity.
                #[allow(unsafe_code)]
                unsafe {
                    out.set_len(len);
                }
                Ok(len)
            }
            _ => Err(failed(data.len(), len)),
        }
    }
}

fn failed(bytes: usize, status: i32) -> Error {
    Error::new(Code::Bug, format!("`blosc` failed to encode {bytes} bytes (status {status})"))
}

fn compressor(cname: &str) -> Result<&'static CStr> {
    Ok(match cname {
        "blosclz" => c"blosclz",
        "lz4" => c"lz4",
        "lz4hc" => c"lz4hc",
        "zlib" => c"zlib",
        "zstd" => c"zstd",
        "snappy" => c"snappy",
        other => {
            return Err(bad_parameter(format!("`blosc` has no compressor `{other}`"))
                .help("one of `blosclz`, `lz4`, `lz4hc`, `zlib`, `zstd`, `snappy`"));
        }
    })
}
