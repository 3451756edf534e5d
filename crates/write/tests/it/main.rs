//! Whole stores: golden metadata, keys, and how a store comes to its place.
#![allow(clippy::expect_used)]

#[path = "../../examples/cases/mod.rs"]
mod cases;
mod local;
mod metadata;
mod refused;
