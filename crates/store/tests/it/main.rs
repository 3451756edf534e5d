//! Tests of the public interface: local files, servers on the loopback, the cache, writing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ahead;
mod bucket;
mod cache;
mod contract;
mod credentials;
mod files;
mod http;
mod listing;
mod local;
mod resume;
mod s3;
mod server;
mod wrapped;

use std::path::Path;
use std::time::Duration;

use arcoforge_store::{SourceOptions, Sources};

/// Bytes that are different everywhere, by a linear congruential generator.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect()
}

/// Options that do not wait and do not leave this machine.
fn quick() -> SourceOptions {
    SourceOptions {
        retries: 3,
        backoff: Duration::ZERO,
        proxy_from_env: false,
        prefix_bytes: 64 * 1024,
        ..SourceOptions::default()
    }
}

fn sources() -> Sources {
    Sources::new(quick())
}

fn cached(folder: &Path) -> Sources {
    Sources::new(SourceOptions { cache: Some(folder.to_owned()), ..quick() })
}
