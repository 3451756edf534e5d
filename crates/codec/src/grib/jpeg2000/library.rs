//! OpenJPEG's decoder over bytes in memory, without threads.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::{mem, ptr, slice};

use arcoforge_core::error::Result;
use openjpeg_sys as opj;

use crate::corrupt;

/// What the library reads from.
struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The library's objects, freed at the end.
struct Session {
    codec: *mut opj::opj_codec_t,
    stream: *mut opj::opj_stream_t,
    image: *mut opj::opj_image_t,
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: each is null or was made by the library, and is freed once. The stream does not own its source.
        unsafe {
            if !self.stream.is_null() {
                opj::opj_stream_destroy(self.stream);
            }
            if !self.codec.is_null() {
                opj::opj_destroy_codec(self.codec);
            }
            if !self.image.is_null() {
                opj::opj_image_destroy(self.image);
            }
        }
    }
}

/// Decodes a code stream of one component and hands over its `count` samples, row by row.
pub(super) fn decode(data: &[u8], count: usize, take: impl FnOnce(&[i32])) -> Result<()> {
    let mut source = Source { bytes: data, at: 0 };
    let mut session = Session { codec: ptr::null_mut(), stream: ptr::null_mut(), image: ptr::null_mut() };
    // SAFETY: `source` lives longer than the stream that points to it, and nothing else touches it meanwhile; the
    // parameters are set by the library before they are read; pointers are looked at before they are used.
    let read = unsafe { run(&mut session, &raw mut source, data.len()) };
    if !read {
        return Err(corrupt(format!(
            "GRIB section 7: JPEG 2000 image of {} bytes does not decode",
            data.len()
        )));
    }
    // SAFETY: the image was decoded; its components are as many as it says.
    let component = unsafe {
        let image = &*session.image;
        if image.comps.is_null() || image.numcomps != 1 { None } else { Some(&*image.comps) }
    };
    let samples = component.filter(|c| !c.data.is_null() && u64::from(c.w) * u64::from(c.h) == count as u64);
    let Some(component) = samples else {
        return Err(corrupt(format!("GRIB section 7: JPEG 2000 image of less than {count} samples")));
    };
    // SAFETY: `data` of a decoded component holds `w` times `h` samples.
    take(unsafe { slice::from_raw_parts(component.data, count) });
    Ok(())
}

/// Makes the objects and decodes; whether all went well.
///
/// # Safety
/// `source` must live, untouched by others, as long as the session.
unsafe fn run(session: &mut Session, source: *mut Source, length: usize) -> bool {
    // SAFETY: as the caller promises; zeros are valid parameters of C.
    unsafe {
        session.codec = opj::opj_create_decompress(opj::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K);
        session.stream = opj::opj_stream_create(length.clamp(1, BUFFER_MAX), 1);
        if session.codec.is_null() || session.stream.is_null() {
            return false;
        }
        opj::opj_set_error_handler(session.codec, Some(silent), ptr::null_mut());
        opj::opj_set_warning_handler(session.codec, Some(silent), ptr::null_mut());
        opj::opj_set_info_handler(session.codec, Some(silent), ptr::null_mut());
        opj::opj_stream_set_read_function(session.stream, Some(read));
        opj::opj_stream_set_skip_function(session.stream, Some(skip));
        opj::opj_stream_set_seek_function(session.stream, Some(seek));
        opj::opj_stream_set_user_data(session.stream, source.cast(), None);
        opj::opj_stream_set_user_data_length(session.stream, length as u64);
        let mut parameters: opj::opj_dparameters_t = mem::zeroed();
        opj::opj_set_default_decoder_parameters(&raw mut parameters);
        opj::opj_setup_decoder(session.codec, &raw mut parameters) != 0
            && opj::opj_read_header(session.stream, session.codec, &raw mut session.image) != 0
            && opj::opj_decode(session.codec, session.stream, session.image) != 0
            && !session.image.is_null()
    }
}

/// What the library reads at once at most.
const BUFFER_MAX: usize = 1 << 20;

extern "C" fn silent(_message: *const c_char, _data: *mut c_void) {}

extern "C" fn read(buffer: *mut c_void, count: usize, source: *mut c_void) -> usize {
    // SAFETY: `source` is what was given to the stream, and `buffer` has room for `count` bytes.
    unsafe {
        let source = &mut *source.cast::<Source>();
        let rest = source.bytes.get(source.at..).unwrap_or_default();
        if rest.is_empty() {
            return usize::MAX;
        }
        let count = count.min(rest.len());
        ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), count);
        source.at += count;
        count
    }
}

extern "C" fn skip(count: i64, source: *mut c_void) -> i64 {
    // SAFETY: `source` is what was given to the stream.
    let source = unsafe { &mut *source.cast::<Source>() };
    let Ok(wanted) = usize::try_from(count) else { return -1 };
    let skipped = wanted.min(source.bytes.len().saturating_sub(source.at));
    source.at += skipped;
    skipped as i64
}

extern "C" fn seek(to: i64, source: *mut c_void) -> i32 {
    // SAFETY: `source` is what was given to the stream.
    let source = unsafe { &mut *source.cast::<Source>() };
    match usize::try_from(to).ok().filter(|to| *to <= source.bytes.len()) {
        Some(to) => {
            source.at = to;
            1
        }
        None => 0,
    }
}
