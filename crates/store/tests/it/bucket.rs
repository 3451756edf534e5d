//! Places of objects: the contract on folders and on a small S3, reading by `s3://`, and several writers of one key while
//! requests and answers are lost.

use std::sync::Barrier;
use std::thread;

use arcoforge_core::error::Code;
use arcoforge_store::object::{read_all, read_range};
use arcoforge_store::{Bucket, BucketOptions, Put, SourceOptions, Sources};

use crate::s3::S3;
use crate::{contract, noise, quick, sources};

fn reaching(buckets: BucketOptions) -> Sources {
    Sources::new(SourceOptions { buckets, ..quick() })
}

#[test]
fn a_folder_does_what_a_bucket_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/by/writing");
    for url in [path.display().to_string(), format!("file://{}", path.display())] {
        contract::check(&sources().bucket(&url).unwrap());
    }
}

#[test]
fn a_bucket_does_what_a_bucket_does() {
    let s3 = S3::start();
    for url in ["s3://b", "s3://b/some/prefix/"] {
        contract::check(&reaching(s3.options()).bucket(url).unwrap());
    }
    assert_eq!(s3.open_uploads(), 0);
}

#[test]
fn faults_change_nothing_of_it() {
    let s3 = S3::start();
    for seed in 1..=schedules(4) {
        s3.faults(seed, false);
        let options = SourceOptions { buckets: s3.options(), retries: 60, ..quick() };
        contract::check(&Sources::new(options).bucket(&format!("s3://b/{seed}")).unwrap());
    }
}

/// How many schedules are tried: more where there is time.
fn schedules(usual: u64) -> u64 {
    let times = std::env::var("ARCOFORGE_SCHEDULES_TIMES").ok().and_then(|text| text.parse::<u64>().ok());
    usual * times.unwrap_or(1)
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
fn race(bucket: &Bucket, key: &str, writers: usize) -> usize {
    let put = |writer: usize| bucket.put_if_absent(key, vec![u8::try_from(writer).unwrap(); 100]).unwrap();
    let won = at_once(writers, |writer| put(writer) != Put::Conflict);
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{key}: {won:?}");
    let winner = won.iter().position(|won| *won).unwrap();
    assert_eq!(bucket.get(key, None).unwrap().unwrap().bytes, [u8::try_from(winner).unwrap(); 100], "{key}");
    winner
}

/// Several writers add to what lies there, each on the condition that it is what they read; what each was told to have
/// put.
fn chain(bucket: &Bucket, key: &str, writers: usize, rounds: usize) -> Vec<Vec<u8>> {
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

#[test]
fn one_of_several_writers_of_a_folder_wins() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = sources().bucket(&folder.path().display().to_string()).unwrap();
    for round in 0..50 {
        race(&bucket, &format!("{round}/root"), 4);
    }
    assert!(chain(&bucket, "a/counter", 4, 50).len() >= 50);
}

#[test]
fn one_of_several_writers_wins_whatever_is_lost() {
    let s3 = S3::start();
    let options = SourceOptions { buckets: s3.options(), retries: 100, ..quick() };
    let bucket = Sources::new(options).bucket("s3://b/p").unwrap();
    for seed in 1..=schedules(400) {
        s3.faults(seed, true);
        let key = format!("race/{seed}");
        let winner = race(&bucket, &key, 3);
        let puts = s3.history(&format!("p/{key}"));
        assert_eq!(puts, [vec![u8::try_from(winner).unwrap(); 100]], "{key}");
    }
    for seed in 1..=schedules(100) {
        s3.faults(seed, true);
        let key = format!("chain/{seed}");
        let told = chain(&bucket, &key, 3, 4);
        assert_eq!(s3.history(&format!("p/{key}")).len(), told.len(), "{key}");
    }
}

#[test]
fn objects_are_read_in_ranges_and_lists_in_pages() {
    let s3 = S3::start();
    let content = noise(700_000);
    s3.insert("a b/x+(1).nc", &content);
    for number in 0..2345 {
        s3.insert(&format!("many/{number:04}/f.nc"), b"x");
    }
    for (options, signed) in [(s3.options(), true), (s3.anonymous(), false)] {
        let sources = reaching(options);
        let object = sources.open("s3://b/a b/x+(1).nc").unwrap();
        assert_eq!((object.url(), object.validator().size), ("s3://b/a b/x+(1).nc", 700_000));
        assert!(object.is_remote() && object.validator().etag.is_some());
        assert_eq!(read_range(&*object, 650_000..650_010).unwrap(), content[650_000..650_010]);
        let found = object.read_ranges(&[0..10, 500_000..500_001, 20..30]).unwrap();
        assert_eq!(found, [&content[..10], &content[500_000..500_001], &content[20..30]]);
        assert!(read_all(&*object).unwrap() == content);
        assert_eq!(sources.version("s3://b/a b/x+(1).nc").as_ref(), Some(object.validator()));
        let last = s3.seen().pop().unwrap();
        assert_eq!(last.fields.contains_key("authorization"), signed);
        let bucket = sources.bucket("s3://b").unwrap();
        let pages: Vec<usize> = bucket.list("many/").map(|page| page.unwrap().items.len()).collect();
        assert_eq!(pages, [1000, 1000, 345]);
        assert_eq!(bucket.below("many").list_folder("").all().unwrap().folders.len(), 2345);
    }
}

#[test]
fn a_bucket_in_another_region_is_found() {
    let s3 = S3::start();
    s3.insert("a", b"0123456789");
    s3.lies_in("eu-north-1");
    for read_first in [true, false] {
        let sources = reaching(s3.options());
        let bucket = sources.bucket("s3://b").unwrap();
        if read_first {
            assert_eq!(read_all(&*sources.open("s3://b/a").unwrap()).unwrap(), b"0123456789");
        }
        bucket.put("c", b"x".to_vec()).unwrap();
        assert_eq!(bucket.get("a", None).unwrap().unwrap().bytes, b"0123456789");
        assert_eq!(read_all(&*sources.open("s3://b/a").unwrap()).unwrap(), b"0123456789");
    }
}

#[test]
fn failures_are_named_and_secrets_are_not() {
    let s3 = S3::start();
    let sources = reaching(s3.options());
    assert!(!format!("{sources:?}").contains("hush"));
    let error = sources.open("s3://b/none.nc").unwrap_err();
    assert_eq!((error.code, error.place.url.as_deref()), (Code::SourceNotFound, Some("s3://b/none.nc")));
    for url in ["s3://b", "s3://b/a//b"] {
        assert_eq!(sources.open(url).unwrap_err().code, Code::SourceUnsupported, "{url}");
    }
    // nothing listens there
    let nowhere = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    let variables = nowhere.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let sources = reaching(BucketOptions { variables });
    let bucket = sources.bucket("s3://b").unwrap();
    let error = bucket.put_if_absent("k", b"x".to_vec()).unwrap_err();
    assert_eq!(error.code, Code::TargetUnwritable);
    assert!(!format!("{error} {error:?} {bucket:?}").contains("hush"), "{error:?}");
    assert_eq!(sources.open("s3://b/k").unwrap_err().code, Code::SourceUnreachable);
    // an account is needed, and none is named
    assert_eq!(sources.bucket("az://c/k").unwrap().head("k").unwrap_err().code, Code::SourceDenied);
    // the guard holds for object stores, too
    let guarded = Sources::new(SourceOptions { buckets: s3.options(), allow_private: false, ..quick() });
    assert_eq!(guarded.open("s3://b/a").unwrap_err().code, Code::SourceDenied);
    assert_eq!(guarded.bucket("s3://b").unwrap().head("a").unwrap_err().code, Code::SourceDenied);
}
