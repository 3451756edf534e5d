//! Downloads that break off and go on, checksums that servers send, rates, and objects that change within a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arcoforge_core::error::{Code, Error};
use arcoforge_store::object::read_all;
use arcoforge_store::{SourceOptions, Sources};

use crate::server::{Reply, Request, Server};
use crate::{cached, noise, quick, sources};

const SIZE: usize = 400_000;
/// What is there when a download breaks off.
const CUT: usize = 300_000;
/// Of `noise(SIZE)`, by Python's hashlib.
const MD5: &str = "cvzC0lvz14p/UAXFgz2Xhg==";

/// Cuts the first whole answer, and sends the rest of it as asked for.
fn cut_once(request: &Request, fields: &[(&'static str, &str)]) -> Reply {
    let data = noise(SIZE);
    let reply = match request.fields.contains_key("if-range") {
        true => Reply::ranged(request, &data),
        false => Reply::new(200, &data),
    };
    let cut = (request.nth == 0).then_some(CUT);
    fields.iter().fold(Reply { cut, ..reply }, |reply, (name, value)| reply.with(name, *value))
}

/// A server for each first part of the path; none knows ranges at first.
fn kinds(request: &Request) -> Reply {
    const TAG: (&str, &str) = ("ETag", "\"1\"");
    const OLD: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    let data = noise(SIZE);
    let rest = request.fields.contains_key("if-range");
    let first = request.nth == 0;
    let cut = |reply: Reply| if first { Reply { cut: Some(CUT), ..reply } } else { reply };
    match request.path.split('/').nth(1).unwrap() {
        "tag" => cut_once(request, &[TAG]),
        "date" => cut_once(request, &[OLD, ("Date", "Sun, 06 Nov 1994 08:50:37 GMT")]),
        // as new as the answer: what is written in the same second has the same date
        "newdate" => cut_once(request, &[OLD, ("Date", "Sun, 06 Nov 1994 08:49:38 GMT")]),
        "undated" => cut_once(request, &[OLD]),
        "weak" => cut_once(request, &[("ETag", "W/\"1\"")]),
        "bare" => cut_once(request, &[]),
        // the condition fails: the whole of the new version
        "changed" if first => cut_once(request, &[TAG]),
        "changed" => Reply::new(200, &data).with("ETag", "\"2\""),
        // the condition is ignored
        "mixed" if rest => Reply::ranged(request, &noise(SIZE + 1)[1..]).with("ETag", "\"2\""),
        "liar" if rest => Reply::ranged(request, &noise(SIZE + 1)[1..]).with("ETag", "\"1\""),
        "mixed" | "liar" => cut(Reply::new(200, &data).with("ETag", "\"1\"")),
        "offset" if rest => {
            let (start, last) = request.range().unwrap();
            Reply::new(206, &data[..=last - start])
                .with("Content-Range", format!("bytes {start}-{last}/{SIZE}"))
                .with("ETag", "\"1\"")
        }
        "offset" => cut(Reply::new(200, &data).with("ETag", "\"1\"")),
        "refuses" if rest => Reply::new(416, b"").with("ETag", "\"1\""),
        "refuses" => cut(Reply::new(200, &data).with("ETag", "\"1\"")),
        "longer" if rest => Reply::ranged(request, &noise(SIZE + 9)).with("ETag", "\"1\""),
        "longer" => cut(Reply::new(200, &data).with("ETag", "\"1\"")),
        "cuttwice" if request.nth == 1 => Reply { cut: Some(10_000), ..cut_once(request, &[TAG]) },
        "cuttwice" => cut_once(request, &[TAG]),
        "md5" => cut_once(request, &[TAG, ("Content-MD5", MD5)]),
        "wrongmd5" => Reply::new(200, &data).with("Content-MD5", "kAFQmDzST7DWlj99KOF/cg=="),
        "wrongonce" if first => Reply::new(200, &noise(SIZE + 1)[1..]).with("Content-MD5", MD5),
        "wrongonce" => Reply::new(200, &data).with("Content-MD5", MD5),
        _ => Reply::new(404, b""),
    }
}

fn get(sources: &Sources, url: &str) -> Result<Vec<u8>, Error> {
    read_all(&*sources.open(url)?)
}

#[test]
fn what_breaks_off_goes_on_where_that_is_safe() {
    let server = Server::start(kinds);
    // the kind, bytes that come over the wire, requests
    for (kind, bytes, requests) in [
        ("tag", SIZE + 4096, 2),
        ("date", SIZE + 4096, 2),
        ("newdate", CUT + SIZE, 2),
        ("undated", CUT + SIZE, 2),
        ("weak", CUT + SIZE, 2),
        ("bare", CUT + SIZE, 2),
        ("changed", CUT + SIZE, 2),
        ("cuttwice", SIZE + 2 * 4096, 3),
        ("mixed", CUT + SIZE, 3),
        ("liar", CUT + SIZE + 4096, 3),
        ("offset", CUT + SIZE + 4096, 3),
        ("refuses", CUT + SIZE, 3),
        ("longer", CUT + SIZE, 3),
        ("md5", SIZE + 4096, 2),
        ("wrongonce", 2 * SIZE, 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (name, sources) in [("plain", sources()), ("cached", cached(folder.path()))] {
            let before = server.count();
            let found = get(&sources, &server.url(&format!("/{kind}/{name}"))).unwrap();
            assert!(found == noise(SIZE), "{kind} {name}: wrong bytes");
            // a server that refuses the rest of a cached file is asked for all of it in the same attempt
            assert_eq!(server.count() - before, requests, "{kind} {name}: requests");
            let received = usize::try_from(sources.stats().bytes).unwrap();
            // what was on the way when somebody hung up is counted, too
            assert!(received.abs_diff(bytes) <= 200_000 && received >= bytes, "{kind} {name}: {received}");
        }
        let left = hidden(folder.path());
        assert!(left.is_empty(), "{kind}: {left:?}");
    }
    let error = get(&sources(), &server.url("/wrongmd5/a")).unwrap_err();
    assert_eq!(error.code, Code::SourceCorrupt);
    assert!(error.to_string().contains("the server said 900150983cd24fb0d6963f7d28e17f72"), "{error}");
}

/// Hidden files below a folder: what is not complete.
fn hidden(folder: &Path) -> Vec<PathBuf> {
    let items: Vec<_> = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    let (folders, files): (Vec<_>, Vec<_>) = items.into_iter().partition(|path| path.is_dir());
    let is_hidden = |path: &PathBuf| path.file_name().unwrap().as_encoded_bytes().starts_with(b".");
    let below = folders.iter().flat_map(|folder| hidden(folder));
    files.into_iter().filter(is_hidden).chain(below).collect()
}

/// A run that is given up leaves a part, and the next one goes on: what of it is trusted, in what state it is left.
#[test]
fn the_next_run_goes_on() {
    const KEPT: u64 = 128 * 1024;
    type Damage = fn(&Path);
    let tamper: Damage = |folder| {
        let part = hidden(folder).into_iter().find(|path| path.ends_with(".data.partial")).unwrap();
        let mut bytes = std::fs::read(&part).unwrap();
        bytes[2 * KEPT as usize - 200..].fill(0);
        std::fs::write(&part, bytes).unwrap();
    };
    let lengthen: Damage = |folder| {
        let part = hidden(folder).into_iter().find(|path| path.ends_with(".data.partial")).unwrap();
        let mut bytes = std::fs::read(&part).unwrap();
        bytes.extend([0; 5000]);
        std::fs::write(&part, bytes).unwrap();
    };
    let shorten: Damage = |folder| {
        let part = hidden(folder).into_iter().find(|path| path.ends_with(".data.partial")).unwrap();
        std::fs::OpenOptions::new().write(true).open(part).unwrap().set_len(9).unwrap();
    };
    let no_note: Damage = |folder| {
        let note = hidden(folder).into_iter().find(|path| path.ends_with(".data.json")).unwrap();
        std::fs::write(note, b"{").unwrap();
    };
    let no_file: Damage = |folder| {
        let part = hidden(folder).into_iter().find(|path| path.ends_with(".data.partial")).unwrap();
        std::fs::remove_file(part).unwrap();
    };
    for (what, damage, goes_on) in [
        ("nothing", (|_| {}) as Damage, true),
        ("bytes beyond the note", lengthen, true),
        ("its last bytes", tamper, false),
        ("its length", shorten, false),
        ("the note", no_note, false),
        ("the file", no_file, false),
    ] {
        let server = Server::start(kinds);
        let folder = tempfile::tempdir().unwrap();
        let run = |retries| {
            let options =
                SourceOptions { cache: Some(folder.path().to_owned()), retries, kept_bytes: KEPT, ..quick() };
            Sources::new(options)
        };
        let url = server.url("/tag/a");
        assert_eq!(get(&run(0), &url).unwrap_err().code, Code::SourceUnreachable);
        assert_eq!(hidden(folder.path()).len(), 2, "{what}");
        damage(folder.path());
        let next = run(3);
        assert!(get(&next, &url).unwrap() == noise(SIZE), "{what}");
        let whole = usize::try_from(next.stats().bytes).unwrap() >= SIZE;
        assert_eq!(whole, !goes_on, "{what}: {} bytes", next.stats().bytes);
        assert_eq!(hidden(folder.path()), Vec::<PathBuf>::new(), "{what}");
    }
}

#[test]
fn requests_keep_the_rate() {
    let server = Server::start(|request| Reply::ranged(request, &noise(1000)));
    let options = SourceOptions { rate_per_host: Some("50/s".parse().unwrap()), ..quick() };
    let sources = Sources::new(options);
    let started = std::time::Instant::now();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::SeqCst) < 11 {
                    let url = server.url(&format!("/{}", next.load(Ordering::SeqCst)));
                    sources.open(&url).unwrap();
                }
            });
        }
    });
    // eleven requests, ten times 20 ms between them
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    assert_eq!(server.count(), 11);
}

#[test]
fn waits_that_servers_ask_for() {
    let date = |seconds: u32| format!("Sun, 06 Nov 1994 08:{:02}:{:02} GMT", 49 + seconds / 60, seconds % 60);
    let asked =
        [("0".to_owned(), Ok(())), (date(0), Ok(())), ("301".to_owned(), Err(301)), (date(600), Err(600))];
    for (retry_after, expected) in asked {
        let shown = retry_after.clone();
        let server = Server::start(move |request| match request.nth {
            0 => Reply::new(429, b"")
                .with("Retry-After", retry_after.clone())
                .with("Date", "Sun, 06 Nov 1994 08:49:00 GMT"),
            _ => Reply::ranged(request, &noise(1000)),
        });
        let found = sources().open(&server.url("/a")).map(drop).map_err(|e| e.to_string());
        let expected = expected.map_err(|seconds| format!("asked to wait {seconds} s"));
        let same = match (&found, &expected) {
            (Ok(()), Ok(())) => server.count() == 2,
            (Err(found), Err(expected)) => found.contains(expected) && server.count() == 1,
            _ => false,
        };
        assert!(same, "{shown}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn an_object_that_is_opened_twice_is_the_same_both_times() {
    let server = Server::start(|request| {
        let tag = if request.nth < 1 { "\"1\"" } else { "\"2\"" };
        Reply::ranged(request, &noise(1000)).with("ETag", tag)
    });
    let sources = sources();
    sources.open(&server.url("/a")).unwrap();
    assert_eq!(sources.open(&server.url("/a")).unwrap_err().code, Code::SourceChanged);
}
