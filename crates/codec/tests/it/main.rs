//! The codecs against stored bytes of libhdf5, its plugins and numcodecs, against damage, and against themselves.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod damage;
mod foreign;
mod grib;
mod over;
mod roundtrip;
mod vectors;
