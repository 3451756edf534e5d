//! Runs the contract of places of objects on a real one: `bucket contract s3://bucket/empty/prefix`. Endpoint and keys
//! come from the environment. For tests that start a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../tests/it/contract.rs"]
mod contract;

use arcoforge_store::{BucketOptions, SourceOptions, Sources};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = SourceOptions { buckets: BucketOptions::from_env(), ..SourceOptions::default() };
    let sources = Sources::new(options);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["contract", url] => contract::check(&sources.bucket(url).unwrap()),
        _ => panic!("usage: bucket contract URL"),
    }
    println!("{:?}", sources.stats());
}
