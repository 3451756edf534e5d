//! Small files beside an object, such as indices of its parts: asked for once, and no more where a host has none.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Mutex;

use super::client::Client;
use super::page;
use crate::local::lock;
use crate::location::{host_of, redact};
use crate::object::Beside;

/// A longer one is no small file.
const BYTES_MAX: u64 = 8 << 20;

/// What hosts were found not to have.
#[derive(Debug, Default)]
pub(crate) struct Absent(Mutex<BTreeSet<(String, Beside)>>);

/// One request for the file beside a URL; it is not repeated, since it may be done without.
pub(super) fn fetch(client: &Client, url: &str, file: Beside) -> Option<Vec<u8>> {
    let beside = file.name_beside(url)?;
    let key = (host_of(url), file);
    if lock(&client.absent.0).contains(&key) {
        return None;
    }
    let found = body(client, &beside);
    if found.is_none() {
        lock(&client.absent.0).insert(key);
    }
    found
}

fn body(client: &Client, url: &str) -> Option<Vec<u8>> {
    let answer = client.get(url, None, &[]).ok().filter(|a| a.status == 200 && a.head.encoding.is_none())?;
    let (head, answered_by) = (answer.head.clone(), answer.answered_by.clone());
    let mut bytes = Vec::new();
    answer.take(BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    let is_page = page::refuse(&head, &bytes, &redact(url), &answered_by).is_some();
    (bytes.len() as u64 <= BYTES_MAX && !is_page).then_some(bytes)
}
