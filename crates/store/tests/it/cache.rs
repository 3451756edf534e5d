use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arcoforge_core::error::Code;
use arcoforge_store::object::read_all;

use crate::server::{Reply, Server};
use crate::{cached, noise, sources};

fn files_below(folder: &Path) -> Vec<String> {
    let found = arcoforge_store::list_local(&[folder.display().to_string()]).unwrap();
    found.into_iter().map(|entry| entry.path.rsplit('/').next().unwrap().to_owned()).collect()
}

/// A server with one object that tests replace; it knows conditional requests.
fn server(content: &Arc<Mutex<(Vec<u8>, &'static str)>>) -> Server {
    let content = Arc::clone(content);
    Server::start(move |request| {
        let (body, etag) = content.lock().unwrap().clone();
        let asked = request.fields.get("if-none-match").or(request.fields.get("if-modified-since"));
        match request.path.split(['/', '?']).nth(1).unwrap() {
            "etag" if asked.is_some_and(|asked| asked == etag) => Reply::new(304, b""),
            "etag" => Reply::new(200, &body).with("ETag", etag),
            "ignores" => Reply::new(200, &body).with("ETag", etag),
            "date" if asked.is_some_and(|asked| asked == etag) => Reply::new(304, b""),
            "date" => Reply::new(200, &body).with("Last-Modified", etag),
            "bare" => Reply::new(200, &body),
            "cut" if request.nth == 0 => Reply { cut: Some(10), ..Reply::new(200, &body) },
            "cut" => Reply::new(200, &body),
            "broken" => Reply { cut: Some(10), ..Reply::new(200, &body) },
            _ => Reply::new(404, b""),
        }
    })
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn confirmed_once_in_each_run_and_fetched_once_in_all() {
    let content = Arc::new(Mutex::new((noise(100_000), DATE)));
    let server = server(&content);
    // The kind, requests and bytes that a second run costs.
    for (kind, requests, bytes) in
        [("etag", 1, 0), ("ignores", 1, 0), ("date", 1, 0), ("bare", 1, 100_000), ("cut", 1, 100_000)]
    {
        let folder = tempfile::tempdir().unwrap();
        let url = server.url(&format!("/{kind}/a.nc"));
        for run in 0..2 {
            let sources = cached(folder.path());
            for _ in 0..3 {
                let object = sources.open(&url).unwrap();
                assert!(read_all(&*object).unwrap() == noise(100_000));
                assert_eq!((object.url(), object.is_remote()), (url.as_str(), false));
            }
            let stats = sources.stats();
            if run == 1 {
                assert_eq!((stats.requests, stats.bytes), (requests, bytes), "{kind}");
            } else {
                assert_eq!(stats.requests, if kind == "cut" { 2 } else { 1 }, "{kind}");
            }
        }
        let files = files_below(folder.path());
        assert_eq!(files.len(), 3, "{kind}: {files:?}");
    }
}

#[test]
fn what_changed_is_fetched_again_and_replaced() {
    let content = Arc::new(Mutex::new((noise(100_000), "\"1\"")));
    let server = server(&content);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("/etag/a.nc");
    let first = cached(folder.path()).open(&url).unwrap().validator().clone();
    *content.lock().unwrap() = (noise(50_000), "\"2\"");
    let object = cached(folder.path()).open(&url).unwrap();
    assert!(read_all(&*object).unwrap() == noise(50_000));
    assert_ne!(*object.validator(), first);
    assert_eq!(object.validator().etag.as_deref(), Some("\"2\""));
    let files = files_below(folder.path());
    assert_eq!(files.iter().filter(|name| name.starts_with("data-")).count(), 1, "{files:?}");
}

#[test]
fn a_damaged_entry_is_fetched_again() {
    let content = Arc::new(Mutex::new((noise(100_000), "\"1\"")));
    let server = server(&content);
    let url = server.url("/etag/a.nc");
    for damage in ["data-", "entry.json"] {
        let folder = tempfile::tempdir().unwrap();
        cached(folder.path()).open(&url).unwrap();
        let found = arcoforge_store::list_local(&[folder.path().display().to_string()]).unwrap();
        let file = found.iter().find(|entry| entry.path.contains(damage)).unwrap();
        std::fs::write(&file.path, b"cut").unwrap();
        let object = cached(folder.path()).open(&url).unwrap();
        assert!(read_all(&*object).unwrap() == noise(100_000), "{damage}");
    }
}

#[test]
fn one_download_for_many_readers() {
    let content = Arc::new(Mutex::new((noise(100_000), "\"1\"")));
    let server = server(&content);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("/etag/a.nc?token=secret-value");
    let sources = cached(folder.path());
    let right = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let object = sources.open(&url).unwrap();
                right.fetch_add(u32::from(read_all(&*object).unwrap() == noise(100_000)), Ordering::SeqCst);
            });
        }
    });
    assert_eq!((server.count(), right.load(Ordering::SeqCst)), (1, 8));
    let found = arcoforge_store::list_local(&[format!("{}/**/entry.json", folder.path().display())]).unwrap();
    let text = std::fs::read_to_string(&found[0].path).unwrap();
    assert!(text.contains("token=REDACTED") && !text.contains("secret-value"), "{text}");
}

#[test]
fn nothing_half_stays_behind() {
    let content = Arc::new(Mutex::new((noise(100_000), "\"1\"")));
    let server = server(&content);
    let folder = tempfile::tempdir().unwrap();
    let error = cached(folder.path()).open(&server.url("/broken/a")).unwrap_err();
    assert_eq!(error.code, Code::SourceUnreachable);
    assert_eq!(files_below(folder.path()), ["lock"]);
    // A server that fails later does not make an old copy current.
    cached(folder.path()).open(&server.url("/etag/a")).unwrap();
    let url = server.url("/etag/a");
    drop(server);
    assert_eq!(cached(folder.path()).open(&url).unwrap_err().code, Code::SourceUnreachable);
}

#[test]
fn a_cache_that_cannot_be_written() {
    let content = Arc::new(Mutex::new((noise(1000), "\"1\"")));
    let server = server(&content);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let error = cached(&file).open(&server.url("/etag/a")).unwrap_err();
    assert_eq!(error.code, Code::TargetUnwritable);
    assert!(sources().open(&server.url("/etag/a")).is_ok());
}
