//! The binary from outside, and the documents that describe the workspace.

#![allow(clippy::expect_used, reason = "a test may fail loudly")]

mod architecture;
