//! What every place of objects does: run on folders, on a server of these tests, and on real ones.

use std::sync::Barrier;
use std::thread;

use arcoforge_store::{Bucket, Item, Put};

/// Puts, reads, lists, copies and deletes below a prefix that is empty.
pub(crate) fn check(bucket: &Bucket) {
    whole_objects(bucket);
    conditions(bucket);
    listings(bucket);
    parts(bucket);
    bad_keys(bucket);
}

fn keys(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.key.as_str()).collect()
}

fn whole_objects(bucket: &Bucket) {
    assert_eq!((bucket.get("a", None).unwrap(), bucket.head("a").unwrap()), (None, None));
    for key in ["a", "c/0/0", "deep/er/b c=1+é(2)%41.bin"] {
        let etag = bucket.put(key, b"0123456789".to_vec()).unwrap();
        let got = bucket.get(key, None).unwrap().unwrap();
        assert_eq!((got.bytes.as_slice(), got.item.key.as_str()), (&b"0123456789"[..], key));
        let item = bucket.head(key).unwrap().unwrap();
        assert_eq!((item.size, item.etag, &item.key[..]), (10, Some(etag), key));
        for (range, expected) in
            [(2..5, Ok("234")), (9..10, Ok("9")), (3..3, Ok("")), (5..11, Err(())), (12..13, Err(()))]
        {
            let found = bucket.get(key, Some(range.clone())).map(|got| got.unwrap().bytes).map_err(drop);
            assert_eq!(found, expected.map(|text| text.as_bytes().to_vec()), "{range:?}");
        }
    }
    let before = bucket.put("a", b"one".to_vec()).unwrap();
    assert_ne!(bucket.put("a", b"two".to_vec()).unwrap(), before);
    bucket.put("empty", Vec::new()).unwrap();
    assert_eq!(bucket.get("empty", None).unwrap().unwrap().bytes, b"");
    bucket.copy("a", "copies/a").unwrap();
    assert_eq!(bucket.get("copies/a", None).unwrap().unwrap().bytes, b"two");
    assert!(bucket.copy("none", "copies/none").is_err());
    let all =
        ["a", "c/0/0", "deep/er/b c=1+é(2)%41.bin", "empty", "copies/a", "never/there"].map(str::to_owned);
    bucket.delete(&all).unwrap();
    assert_eq!(bucket.list("").all().unwrap().items, []);
}

fn conditions(bucket: &Bucket) {
    let text = |text: &str| text.as_bytes().to_vec();
    let done = |put: Put| match put {
        Put::Done { etag } => etag,
        Put::Conflict => panic!("a conflict"),
    };
    let first = done(bucket.put_if_absent("root/a", text("first")).unwrap());
    assert_eq!(bucket.put_if_absent("root/a", text("first")).unwrap(), Put::Conflict);
    assert_eq!(bucket.head("root/a").unwrap().unwrap().etag.as_ref(), Some(&first));
    let second = done(bucket.put_if_match("root/a", &first, text("second")).unwrap());
    assert_ne!(first, second);
    assert_eq!(bucket.put_if_match("root/a", &first, text("third")).unwrap(), Put::Conflict);
    assert_eq!(bucket.get("root/a", None).unwrap().unwrap().bytes, text("second"));
    bucket.delete(&["root/a".to_owned()]).unwrap();
    assert_eq!(bucket.put_if_match("root/a", &second, text("fourth")).unwrap(), Put::Conflict);
    assert_eq!(bucket.get("root/a", None).unwrap(), None);
    done(bucket.put_if_absent("root/a", text("fifth")).unwrap());
    bucket.delete(&["root/a".to_owned()]).unwrap();
}

fn listings(bucket: &Bucket) {
    let list = bucket.below("list");
    let all: Vec<String> = ["a-1/x", "a.b", "a/x", "a/y/z", "b/10", "b/9"].map(str::to_owned).to_vec();
    for key in &all {
        list.put(key, key.as_bytes().to_vec()).unwrap();
    }
    for (prefix, expected) in [
        ("", &["a-1/x", "a.b", "a/x", "a/y/z", "b/10", "b/9"][..]),
        ("a", &["a-1/x", "a.b", "a/x", "a/y/z"]),
        ("a/", &["a/x", "a/y/z"]),
        ("b/1", &["b/10"]),
        ("c", &[]),
    ] {
        let page = list.list(prefix).all().unwrap();
        let mut found = keys(&page.items);
        found.sort_unstable();
        assert_eq!((found, page.folders.is_empty()), (expected.to_vec(), true), "{prefix}");
        for item in &page.items {
            assert_eq!(item.size, item.key.len() as u64);
            assert!(item.modified_ns.is_some());
        }
    }
    for (prefix, items, folders) in [
        ("", vec!["a.b"], vec!["a-1/", "a/", "b/"]),
        ("a/", vec!["a/x"], vec!["a/y/"]),
        ("c/", vec![], vec![]),
    ] {
        let page = list.list_folder(prefix).all().unwrap();
        assert_eq!(
            (keys(&page.items), page.folders),
            (items, folders.into_iter().map(str::to_owned).collect())
        );
    }
    list.delete(&all).unwrap();
}

fn parts(bucket: &Bucket) {
    const MIB: usize = 1024 * 1024;
    for (bytes, at_once) in [(0, 1), (10, 3), (8 * MIB, MIB), (19 * MIB + 7, 3 * MIB + 1)] {
        let content: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
        let mut writer = bucket.multipart("parts/a").unwrap();
        for piece in content.chunks(at_once) {
            writer.write(piece).unwrap();
        }
        assert_eq!(bucket.head("parts/a").unwrap(), None);
        let etag = writer.finish().unwrap();
        let got = bucket.get("parts/a", None).unwrap().unwrap();
        assert!(got.bytes == content && got.item.etag == Some(etag), "{bytes}");
        bucket.delete(&["parts/a".to_owned()]).unwrap();
    }
    let mut dropped = bucket.multipart("parts/b").unwrap();
    dropped.write(&vec![1; 17 * MIB]).unwrap();
    drop(dropped);
    assert_eq!(bucket.list("parts").all().unwrap().items, []);
}

fn bad_keys(bucket: &Bucket) {
    for key in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\nb"] {
        assert!(bucket.put(key, b"x".to_vec()).is_err(), "{key}");
        assert!(bucket.get(key, None).is_err(), "{key}");
    }
}

/// Runs `work` on so many threads that begin at once, each with its number.
fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, work) = (Barrier::new(threads), &work);
    let run = |number| {
        start.wait();
        work(number)
    };
    let run = &run;
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|number| scope.spawn(move || run(number))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Several writers put where nothing is: one is told that it won, and its bytes lie there.
pub(crate) fn race(bucket: &Bucket, key: &str, writers: usize) -> usize {
    let put = |writer: usize| bucket.put_if_absent(key, vec![u8::try_from(writer).unwrap(); 100]).unwrap();
    let won = at_once(writers, |writer| put(writer) != Put::Conflict);
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{key}: {won:?}");
    let winner = won.iter().position(|won| *won).unwrap();
    assert_eq!(bucket.get(key, None).unwrap().unwrap().bytes, [u8::try_from(winner).unwrap(); 100], "{key}");
    winner
}

/// Several writers add to what lies there, each on the condition that it is what they read; what each was told to have
/// put.
pub(crate) fn chain(bucket: &Bucket, key: &str, writers: usize, rounds: usize) -> Vec<Vec<u8>> {
    let add = |writer: usize| {
        let mut mine = Vec::new();
        for round in 0..rounds {
            let line = format!("{writer}.{round}").into_bytes();
            let put = match bucket.get(key, None).unwrap() {
                None => bucket.put_if_absent(key, line.clone()).unwrap(),
                Some(got) => {
                    let etag = got.item.etag.unwrap();
                    let all = [&got.bytes, &b" "[..], &line].concat();
                    bucket.put_if_match(key, &etag, all).unwrap()
                }
            };
            if put != Put::Conflict {
                mine.push(line);
            }
        }
        mine
    };
    let mut told: Vec<Vec<u8>> = at_once(writers, add).into_iter().flatten().collect();
    let there = bucket.get(key, None).unwrap().unwrap().bytes;
    let mut there: Vec<Vec<u8>> = there.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect();
    told.sort_unstable();
    there.sort_unstable();
    // nothing is lost, nothing is there twice, and nobody who won was told otherwise
    assert_eq!(told, there, "{key}");
    told
}
