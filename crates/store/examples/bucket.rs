//! Places of objects, tried on real ones: what tests run that start a server. Endpoint and keys come from the environment.
//!
//! ```text
//! bucket contract s3://bucket/empty/prefix        the whole contract
//! bucket race s3://bucket/empty/prefix 100        so many times, three writers put one key, and then add to it
//! bucket list s3://bucket/prefix                  how many objects are there, in how many pages
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../tests/it/contract.rs"]
mod contract;

use std::time::Duration;

use arcoforge_store::{BucketOptions, SourceOptions, Sources};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut options = SourceOptions { buckets: BucketOptions::from_env(), ..SourceOptions::default() };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["contract", url] => {
            let sources = Sources::new(options);
            contract::check(&sources.bucket(url).unwrap());
            println!("{:?}", sources.stats());
        }
        ["race", url, count] => {
            (options.retries, options.backoff) = (100, Duration::from_millis(1));
            options.backoff_max = Duration::from_millis(20);
            let sources = Sources::new(options);
            let bucket = sources.bucket(url).unwrap();
            for number in 0..count.parse().unwrap() {
                let key = format!("{number}/root");
                contract::race(&bucket, &key, 3);
                bucket.delete(std::slice::from_ref(&key)).unwrap();
                contract::chain(&bucket, &format!("{number}/chain"), 3, 2);
            }
            println!("{:?}", sources.stats());
        }
        ["list", url] => {
            let pages = Sources::new(options).bucket(url).unwrap().list("");
            let counts: Vec<usize> = pages.map(|page| page.unwrap().items.len()).collect();
            println!("{} in {}", counts.iter().sum::<usize>(), counts.len());
        }
        _ => panic!("usage: bucket contract URL, race URL COUNT or list URL"),
    }
}
