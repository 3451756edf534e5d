//! HDF5's own codecs come from outside.

use arcoforge_codec::{Scratch, decode};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::{Code, Error, Result};

/// Stands for a real decoder: every byte twice.
fn twice(codec: &Codec, stored: &[u8], bytes_max: usize) -> Result<Vec<u8>> {
    if codec.name() != "nbit" || stored.len() * 2 > bytes_max {
        return Err(Error::new(Code::SourceCorrupt, format!("{bytes_max} bytes at most")));
    }
    Ok(stored.iter().flat_map(|b| [*b, *b]).collect())
}

#[test]
fn foreign_codecs_take_part_in_the_pipeline() {
    let codecs = vec![Codec::Nbit { params: vec![] }, Codec::Fletcher32];
    let encoding = Encoding { endian: Endian::Big, codecs };
    // Big-endian words 0x0102 and 0x0304 add up to 0x0406; the running sums to 0x0508.
    let stored = [1, 2, 3, 4, 0x06, 0x04, 0x08, 0x05];
    let mut out = [0; 8];
    let code = |scratch: &mut Scratch, out: &mut [u8]| {
        decode(&encoding, 2, 0, &stored, out, scratch).map_err(|e| e.code)
    };
    assert_eq!(code(&mut Scratch::new(), &mut out), Err(Code::SourceUnsupported));
    assert_eq!(code(&mut Scratch::with_foreign(twice), &mut out), Ok(()));
    assert_eq!(out, [1, 1, 2, 2, 3, 3, 4, 4]);
    assert_eq!(code(&mut Scratch::with_foreign(twice), &mut [0; 6]), Err(Code::SourceCorrupt));
    assert_eq!(code(&mut Scratch::with_foreign(twice), &mut [0; 10]), Err(Code::SourceCorrupt));
}

#[test]
fn an_unknown_filter_is_unsupported_unless_the_chunk_skips_it() {
    let codecs = vec![Codec::Unknown { id: 32013, name: "zfp".into() }];
    let encoding = Encoding { endian: Endian::Little, codecs };
    let mut scratch = Scratch::new();
    let error = decode(&encoding, 1, 0, &[1, 2], &mut [0; 2], &mut scratch).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::SourceUnsupported, "HDF5 filter 32013 (`zfp`) has no decoder here")
    );
    let mut out = [0; 2];
    decode(&encoding, 1, 1, &[1, 2], &mut out, &mut scratch).unwrap();
    assert_eq!(out, [1, 2]);
}
