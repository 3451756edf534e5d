use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arcoforge_core::error::{Code, Error};
use arcoforge_store::object::{read_all, read_range};
use arcoforge_store::{Buffered, Object, SourceOptions, Sources};

use crate::server::{Reply, Request, Server};
use crate::{noise, quick, sources};

const SIZE: usize = 300_000;

/// `noise(300)` packed by `gzip -n -9` (Python: `gzip.compress(noise, mtime=0)`), stored since noise does not shrink.
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    // RFC 1952 and 1951 by hand: header, one stored block a 65,535 bytes, CRC-32, length.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    });
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    out
}

const PAGE: &[u8] = b"<!DOCTYPE html><html><title>Earthdata Login</title></html>";

/// A server for each first part of the path.
fn kinds(request: &Request) -> Reply {
    let data = noise(SIZE);
    let ok = |request: &Request| {
        Reply::ranged(request, &data)
            .with("ETag", "\"1\"")
            .with("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
    };
    let whole = || Reply::new(200, &data);
    let nth = request.nth;
    let kind = request.path.split(['/', '?']).nth(1).unwrap();
    match kind {
        "ok" => ok(request),
        "small" => Reply::ranged(request, &data[..1000]),
        "norange" => whole().with("ETag", "\"1\""),
        "nolength" => Reply { chunked: true, ..whole() },
        "nolengthcut" => Reply { chunked: true, cut: Some(SIZE / 2), ..whole() },
        "unknowntotal" => match request.range() {
            Some(_) => Reply::new(206, &data[..65_536]).with("Content-Range", "bytes 0-65535/*"),
            None => whole(),
        },
        "refusesrange" if request.range().is_some() => Reply::new(416, b""),
        "refusesrange" => whole(),
        "gzip" => Reply::new(200, &gzipped(&data)).with("Content-Encoding", "gzip"),
        "gzipbad" => {
            Reply::new(200, &[&gzipped(&data)[..20], &data].concat()).with("Content-Encoding", "gzip")
        }
        "gzipcut" => Reply::new(200, &gzipped(&data)[..1000]).with("Content-Encoding", "gzip"),
        "gziprange" if request.range().is_some() => {
            Reply::ranged(request, &gzipped(&data)).with("Content-Encoding", "gzip")
        }
        "gziprange" => Reply::new(200, &gzipped(&data)).with("Content-Encoding", "gzip"),
        "brotli" => whole().with("Content-Encoding", "br"),
        "lyingrange" => match request.range() {
            Some((start, last)) => Reply::new(206, &data[..=last.min(SIZE - 1) - start])
                .with("Content-Range", format!("bytes {start}-{}/{SIZE}", last.min(SIZE - 1))),
            None => whole(),
        },
        "wrong206" if nth < 2 => ok(request),
        "wrong206" => Reply::new(206, &data[..100]).with("Content-Range", format!("bytes 0-99/{SIZE}")),
        "wrong206once" if nth != 2 => ok(request),
        "wrong206once" => Reply::new(206, &data[..100]).with("Content-Range", format!("bytes 0-99/{SIZE}")),
        "norangelater" if nth < 2 => ok(request),
        "norangelater" => whole().with("ETag", "\"1\""),
        "pagelater" if nth < 2 => ok(request),
        "pagelater" => Reply::new(200, PAGE).with("Content-Type", "text/html"),
        "shortbody" => {
            let reply = ok(request);
            let cut = reply.body.len() / 2;
            Reply { cut: Some(cut), ..reply }
        }
        "shortwhole" => Reply { cut: Some(SIZE / 2), ..whole() },
        "shortonce" if nth == 0 => Reply { cut: Some(SIZE / 2), ..whole() },
        "shortonce" => whole(),
        "resetonce" if nth == 0 || nth == 3 => Reply { cut: Some(10), ..ok(request) },
        "resetonce" => ok(request),
        "flaky" if nth < 3 => Reply::new(503, b"").with("Retry-After", "0"),
        "flaky" => ok(request),
        "down" => Reply::new(503, b""),
        "busy" => Reply::new(429, b"").with("Retry-After", "100000"),
        "changing" => Reply::ranged(request, &data).with("ETag", format!("\"{nth}\"")),
        "changed" => Reply::ranged(request, &data).with("ETag", if nth < 2 { "\"a\"" } else { "\"b\"" }),
        "changedtime" => {
            let day = if nth < 2 { "06" } else { "07" };
            Reply::ranged(request, &data).with("Last-Modified", format!("Sun, {day} Nov 1994 08:49:37 GMT"))
        }
        "shrunk" => Reply::ranged(request, &data[..if nth < 2 { SIZE } else { 100_000 }]),
        "page" => Reply::new(200, PAGE).with("Content-Type", "text/html"),
        "barepage" => Reply::ranged(request, PAGE),
        "calledpage" => Reply { fields: vec![("Content-Type", "text/html".into())], ..whole() },
        "login" => Reply::new(302, b"").with("Location", "/page/login"),
        "moved" => Reply::new(301, b"").with("Location", "/ok/elsewhere"),
        "loop" => Reply::new(302, b"").with("Location", "/loop"),
        "empty" => Reply::ranged(request, b""),
        "empty200" => Reply::new(200, b""),
        "nocontent" => Reply::new(204, b""),
        "huge" => {
            Reply { cut: Some(1), ..Reply::new(200, b"x") }.with("Content-Length", (1_u64 << 62).to_string())
        }
        "trickle" => Reply { trickle: true, ..Reply::ranged(request, &data[..2000]) },
        "silent" => Reply { silent: true, ..Reply::default() },
        "status" => Reply::new(request.path.split(['/', '?']).nth(2).unwrap().parse().unwrap(), b"no"),
        "basic" if request.fields.get("authorization").is_some_and(|a| a == "Basic dXNlcjpwYXNz") => {
            ok(request)
        }
        "basic" => Reply::new(401, b""),
        _ => Reply::new(404, b""),
    }
}

/// Opens and reads all, in two pieces from behind, so that ranges are asked for.
fn fetch(sources: &Sources, url: &str) -> Result<Vec<u8>, Error> {
    let object = sources.open(url)?;
    let size = object.validator().size;
    let middle = size / 3;
    let end = read_range(&*object, middle..size)?;
    let mut bytes = read_range(&*object, 0..middle)?;
    bytes.extend(end);
    Ok(bytes)
}

#[test]
fn servers_of_every_kind() {
    let server = Server::start(kinds);
    let all = || Ok(SIZE);
    for (path, expected, requests) in [
        // The beginning, the probe of the service, and two ranges that do not lie in the beginning.
        ("/ok/a", all(), 4),
        ("/small/a", Ok(1000), 1),
        ("/norange/a", all(), 1),
        ("/nolength/a", all(), 1),
        ("/nolengthcut/a", Err(Code::SourceUnreachable), 4),
        ("/unknowntotal/a", all(), 2),
        ("/refusesrange/a", all(), 2),
        ("/gzip/a", all(), 1),
        ("/gzipcut/a", Err(Code::SourceUnreachable), 4),
        ("/gzipbad/a", Err(Code::SourceCorrupt), 4),
        ("/gziprange/a", all(), 2),
        ("/brotli/a", Err(Code::SourceUnsupported), 1),
        ("/lyingrange/a", all(), 3),
        ("/wrong206/a", Err(Code::SourceUnreachable), 6),
        ("/wrong206once/a", all(), 5),
        ("/norangelater/a", Err(Code::SourceUnreachable), 6),
        ("/pagelater/a", Err(Code::SourceNotData), 3),
        ("/shortbody/a", Err(Code::SourceUnreachable), 4),
        ("/shortwhole/a", Err(Code::SourceUnreachable), 4),
        ("/shortonce/a", all(), 2),
        ("/resetonce/a", all(), 6),
        ("/flaky/a", all(), 7),
        ("/down/a", Err(Code::SourceUnreachable), 4),
        ("/busy/a", Err(Code::SourceUnreachable), 1),
        ("/changing/a", Err(Code::SourceChanged), 2),
        ("/changed/a", Err(Code::SourceChanged), 3),
        ("/changedtime/a", Err(Code::SourceChanged), 3),
        ("/shrunk/a", Err(Code::SourceChanged), 3),
        ("/page/a", Err(Code::SourceNotData), 1),
        ("/barepage/a", Err(Code::SourceNotData), 1),
        ("/calledpage/a", all(), 1),
        ("/login/a", Err(Code::SourceNotData), 2),
        ("/moved/a", all(), 8),
        ("/loop", Err(Code::SourceUnreachable), 11),
        ("/empty/a", Err(Code::SourceNotData), 1),
        ("/empty200/a", Err(Code::SourceNotData), 1),
        ("/nocontent/a", Err(Code::SourceNotData), 1),
        ("/huge", Err(Code::SourceLimit), 1),
        ("/trickle/a", Ok(2000), 1),
        ("/status/400", Err(Code::SourceUnreachable), 1),
        ("/status/401", Err(Code::SourceDenied), 1),
        ("/status/403", Err(Code::SourceDenied), 1),
        ("/status/404", Err(Code::SourceNotFound), 1),
        ("/status/410", Err(Code::SourceNotFound), 1),
        ("/status/500", Err(Code::SourceUnreachable), 4),
        ("/status/501", Err(Code::SourceUnreachable), 1),
        ("/basic/a", Err(Code::SourceDenied), 1),
    ] {
        let before = server.count();
        let found = fetch(&sources(), &server.url(path));
        let codes = found.as_ref().map(Vec::len).map_err(|e| e.code);
        assert_eq!(codes, expected, "{path}: {:?}", found.as_ref().err().map(ToString::to_string));
        if let Ok(bytes) = &found {
            assert!(*bytes == noise(bytes.len()), "{path}: wrong bytes");
        }
        assert_eq!(server.count() - before, requests, "{path}: requests");
        if let Err(error) = found {
            let url = error.place.url.clone().unwrap_or_default();
            assert!(url.contains(path), "{path}: place {url}");
            assert!(error.help.is_some() || error.code == Code::SourceUnsupported, "{path}: no help");
        }
    }
}

#[test]
fn what_messages_say() {
    let server = Server::start(kinds);
    let message = |path: &str| {
        let error = sources().open(&server.url(path)).unwrap_err();
        format!("{error} | {}", error.help.clone().unwrap_or_default())
    };
    for (path, parts) in [
        ("/login/a", vec!["web page (HTML) titled \"Earthdata Login\"", "redirected to", "/page/login"]),
        ("/down/a", vec!["503", "(4 attempts)"]),
        ("/busy/a", vec!["429 Too Many Requests", "asked to wait 100000 s", "source.limits"]),
        ("/shortwhole/a", vec!["closed after 150000 of 300000 bytes", "(4 attempts)"]),
        ("/status/404?token=abc&time=1", vec!["404 Not Found", "token=REDACTED&time=1"]),
        ("/huge", vec!["4611686018427387904", "--cache"]),
        ("/loop", vec!["redirected more than 10 times"]),
    ] {
        let text = message(path);
        for part in parts {
            assert!(text.contains(part), "{path}: `{part}` not in: {text}");
        }
        assert!(!text.contains("abc"), "{text}");
    }
}

#[test]
fn user_and_password_of_a_url_are_sent_and_not_shown() {
    let server = Server::start(kinds);
    let url = server.url("/basic/a").replace("http://", "http://user:pass@");
    let object = sources().open(&url).unwrap();
    assert_eq!(object.url(), server.url("/basic/a"));
    assert!(!format!("{:?}", object.url()).contains("pass"));
    let error = sources().open(&url.replace(":pass@", ":wrong@")).unwrap_err();
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
}

#[test]
fn what_the_validator_holds() {
    let server = Server::start(kinds);
    let object = sources().open(&server.url("/ok/a")).unwrap();
    let validator = object.validator();
    assert_eq!(validator.size, SIZE as u64);
    assert_eq!(validator.etag.as_deref(), Some("\"1\""));
    assert_eq!(validator.modified_ns, Some(784_111_777_000_000_000));
    assert!(object.is_remote());
    let whole = sources().open(&server.url("/norange/a")).unwrap();
    assert_eq!((whole.validator().size, whole.validator().etag.as_deref()), (SIZE as u64, Some("\"1\"")));
    assert!(!whole.is_remote());
}

#[test]
fn near_ranges_become_one_request() {
    let server = Server::start(kinds);
    let data = noise(SIZE);
    let sources = Sources::new(SourceOptions { gap_bytes: 1000, ..quick() });
    let object = sources.open(&server.url("/ok/a")).unwrap();
    let before = server.count();
    let ranges = [
        200_000..200_010_u64,
        100_000..100_500,
        101_000..101_001,
        5..9,
        200_005..200_020,
        7..7,
        290_000..300_000,
    ];
    let found = object.read_ranges(&ranges).unwrap();
    for (range, bytes) in ranges.iter().zip(&found) {
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        assert!(*bytes == data[start..end], "{range:?}");
    }
    let mut asked: Vec<String> = server.seen()[before..].iter().map(|r| r.fields["range"].clone()).collect();
    asked.sort();
    assert_eq!(asked, ["bytes=100000-101000", "bytes=200000-200019", "bytes=290000-299999"]);
    for bad in [SIZE as u64..SIZE as u64 + 1, std::ops::Range { start: 9, end: 5 }] {
        assert_eq!(object.read_ranges(&[0..1, bad]).unwrap_err().code, Code::SourceCorrupt);
    }
    assert_eq!(object.read_into(u64::MAX, &mut [0]).unwrap_err().code, Code::SourceCorrupt);
}

#[test]
fn a_failed_range_stops_the_others() {
    let server = Server::start(|request| match request.range() {
        Some((100_000, _)) => Reply::new(404, b""),
        _ => Reply::ranged(request, &noise(SIZE)),
    });
    let object = sources().open(&server.url("/a")).unwrap();
    let ranges: Vec<_> = (1..3).map(|i| i * 100_000..i * 100_000 + 1).collect();
    assert_eq!(object.read_ranges(&ranges).unwrap_err().code, Code::SourceNotFound);
}

#[test]
fn metadata_reads_cost_few_requests() {
    let server = Server::start(kinds);
    let data = noise(SIZE);
    let sources = sources();
    let buffered = Buffered::new(sources.open(&server.url("/ok/a")).unwrap());
    for offset in (0..SIZE - 8).step_by(997) {
        let mut out = [0; 8];
        buffered.read_into(offset as u64, &mut out).unwrap();
        assert_eq!(out, data[offset..offset + 8]);
    }
    // The beginning, the probe of the service, one block.
    assert_eq!(server.count(), 3);
    assert_eq!((sources.stats().requests, sources.stats().retries), (3, 0));
    assert_eq!(sources.stats().bytes, 65_536 + 512 + SIZE as u64);
}

#[test]
fn a_service_is_probed_once() {
    let server = Server::start(kinds);
    let sources = sources();
    for name in ["a", "b", "c"] {
        sources.open(&server.url(&format!("/ok/{name}"))).unwrap();
    }
    assert_eq!(server.count(), 4);
}

#[test]
fn a_download_serves_all_readers() {
    let server = Server::start(kinds);
    let sources = sources();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let object = sources.open(&server.url("/norange/a")).unwrap();
                assert!(read_all(&*object).unwrap() == noise(SIZE));
            });
        }
    });
    assert_eq!(server.count(), 1);
}

#[test]
fn a_download_outlives_what_opened_it_and_leaves_nothing() {
    let server = Server::start(kinds);
    let scratch = tempfile::tempdir().unwrap();
    // What a killed run left behind goes away, what a running one holds stays.
    let (dead, alive) =
        (scratch.path().join("arcoforge-download-1-0"), scratch.path().join("arcoforge-download-1-1"));
    for folder in [&dead, &alive] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("0"), b"x").unwrap();
    }
    std::fs::File::create(dead.join("lock")).unwrap();
    let lock = std::fs::File::create(alive.join("lock")).unwrap();
    lock.lock().unwrap();
    let names = || std::fs::read_dir(scratch.path()).unwrap().count();

    let sources = Sources::new(SourceOptions { scratch: Some(scratch.path().to_owned()), ..quick() });
    let object = sources.open(&server.url("/norange/a")).unwrap();
    sources.open(&server.url("/shortwhole/a")).unwrap_err();
    assert!(!dead.exists() && alive.exists());
    assert_eq!(names(), 2);
    drop(sources);
    assert!(read_all(&*object).unwrap() == noise(SIZE));
    drop(object);
    assert_eq!(names(), 1);
}

#[test]
fn connections_stay_within_the_limit() {
    let server = Server::start(kinds);
    let sources = Sources::new(SourceOptions { connections_per_host: 2, ..quick() });
    let object: Arc<dyn Object> = sources.open(&server.url("/ok/a")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| read_range(&*object, 100_000..SIZE as u64).unwrap());
        }
    });
    assert!(server.most_at_once() <= 2, "{}", server.most_at_once());
    assert_eq!(server.count(), 10);
}

#[test]
fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = sources().open(&format!("http://{address}/a.nc")).unwrap_err();
    assert_eq!(error.code, Code::SourceUnreachable);
    assert!(error.to_string().contains("nothing answers"), "{error}");
    assert!(error.to_string().contains("(3 attempts)"), "{error}");
}

#[test]
fn a_silent_server_is_given_up() {
    let server = Server::start(kinds);
    let options = SourceOptions { read_timeout: Duration::from_millis(20), retries: 1, ..quick() };
    let error = Sources::new(options).open(&server.url("/silent/a")).unwrap_err();
    assert_eq!(error.code, Code::SourceUnreachable);
    assert!(error.to_string().contains("sent nothing for 0.02 s"), "{error}");
    assert_eq!(server.count(), 2);
}

#[test]
fn private_addresses_are_refused_where_told_so() {
    let server = Server::start(kinds);
    let guarded = Sources::new(SourceOptions { allow_private: false, ..quick() });
    for url in [server.url("/ok/a"), server.url("/ok/a").replace("127.0.0.1", "localhost")] {
        let error = guarded.open(&url).unwrap_err();
        assert_eq!(error.code, Code::SourceDenied, "{error}");
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn an_interrupted_run_does_not_wait() {
    let server = Server::start(kinds);
    let options = SourceOptions {
        backoff: Duration::from_secs(3600),
        backoff_max: Duration::from_secs(3600),
        interrupted: Some(Arc::new(AtomicBool::new(true))),
        ..quick()
    };
    let error = Sources::new(options).open(&server.url("/down/a")).unwrap_err();
    assert_eq!(error.code, Code::Interrupted);
}

#[test]
fn an_interrupted_run_leaves_a_server_that_says_no_more() {
    type Answer = fn(&Request) -> Reply;
    let silent: Answer = |_| Reply { silent: true, ..Reply::default() };
    let body: Answer = |request| Reply { stall: Some(7), ..Reply::ranged(request, &noise(SIZE)) };
    let whole: Answer = |_| Reply { stall: Some(7), ..Reply::new(200, &noise(SIZE)) };
    let unsized_body: Answer = |_| Reply { stall: Some(7), chunked: true, ..Reply::new(200, &noise(SIZE)) };
    let cache = tempfile::tempdir().unwrap();
    let rows = [
        ("an answer", silent, None),
        ("the body of a range", body, None),
        ("a whole body", whole, None),
        ("a body without a length", unsized_body, None),
        ("a body for the cache", whole, Some(cache.path().to_owned())),
    ];
    for (what, answer, cache) in rows {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        let server = Server::start(move |request| {
            set.store(true, Ordering::SeqCst);
            answer(request)
        });
        let options = SourceOptions { interrupted: Some(flag), cache, ..SourceOptions::default() };
        let (sources, started) = (Sources::new(options), Instant::now());
        let error = sources.open(&server.url("/a")).unwrap_err();
        assert_eq!(error.code, Code::Interrupted, "{what}: {error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{what}: {:?}", started.elapsed());
        assert_eq!(server.count(), 1, "{what}");
    }
    let folders = |folder: std::path::PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = folders(cache.path().to_owned()).flat_map(|first| folders(first.path()));
    let files: Vec<_> =
        entries.flat_map(|entry| folders(entry.path())).map(|file| file.file_name()).collect();
    assert_eq!(files, ["lock"], "half a body is kept");
}

#[test]
fn an_interrupted_run_leaves_a_server_that_never_says_who_it_is() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        set.store(true, Ordering::SeqCst);
        // until the client goes away
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let options = SourceOptions { interrupted: Some(flag), ..SourceOptions::default() };
    let started = Instant::now();
    let error = Sources::new(options).open(&format!("https://{address}/a.nc")).unwrap_err();
    assert_eq!(error.code, Code::Interrupted, "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    thread.join().unwrap();
}

#[test]
fn packed_by_hand_as_by_gzip() {
    // python3 -c "import gzip,base64;print(gzip.decompress(bytes.fromhex('...')))" accepts it; length and CRC of b"abc".
    let packed = gzipped(b"abc");
    assert_eq!(packed[10..], [1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c', 0xc2, 0x41, 0x24, 0x35, 3, 0, 0, 0]);
}
