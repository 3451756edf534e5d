//! Bytes and sockets: URL to object, byte ranges, retry, limits, cache.
//!
//! This crate never knows what an array is.

pub mod object;

pub use object::{Object, Validator};
