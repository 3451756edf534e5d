//! Places of objects: the contract on folders and on a small S3, reading by `s3://`, and several writers of one key while
//! requests and answers are lost.

use arcoforge_core::error::Code;
use arcoforge_store::object::{read_all, read_range};
use arcoforge_store::{BucketOptions, SourceOptions, Sources};

use crate::contract::{chain, race};
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

#[test]
fn globs_of_buckets() {
    let s3 = S3::start();
    let keys = [
        "2020/01/a.nc",
        "2020/01/b.nc",
        "2020/01/.hidden.nc",
        "2020/02/a.nc",
        "2020/02/deep/er/a.nc",
        "2021/01/a.nc",
        "2021/01/a.nc.md5",
        "x[1].nc",
    ];
    for key in keys {
        s3.insert(key, b"CDF");
    }
    s3.insert("2020/02", b"");
    s3.insert("2020/02/", b"");
    s3.insert("store.zarr/zarr.json", b"{}");
    let sources = reaching(s3.anonymous());
    let a = |text: &str| text.split(' ').map(|key| format!("s3://b/{key}")).collect::<Vec<_>>();
    for (pattern, expected) in [
        ("s3://b/2020/01/*.nc", Ok(a("2020/01/a.nc 2020/01/b.nc"))),
        ("s3a://b/2020/*/a.nc", Ok(a("2020/01/a.nc 2020/02/a.nc"))),
        ("s3://b/202?/0[1]/a*", Ok(a("2020/01/a.nc 2021/01/a.nc 2021/01/a.nc.md5"))),
        ("s3://b/2020/**/a.nc", Ok(a("2020/01/a.nc 2020/02/a.nc 2020/02/deep/er/a.nc"))),
        ("s3://b/2020/02/", Ok(a("2020/02/a.nc 2020/02/deep/er/a.nc"))),
        ("s3://b/2021", Ok(a("2021/01/a.nc 2021/01/a.nc.md5"))),
        ("s3://b/2021/01/a.nc", Ok(a("2021/01/a.nc"))),
        ("s3://b/x[[]1].nc#*.txt", Ok(a("x[1].nc#*.txt"))),
        ("s3://b/2019/*.nc", Err(Code::SourceNotFound)),
        ("s3://b/2020/01/c.nc", Err(Code::SourceNotFound)),
        ("s3://b/***", Err(Code::SourceNotFound)),
        ("s3://b/", Err(Code::SourceNotData)),
        ("s3://b/**/*.json", Err(Code::SourceNotData)),
    ] {
        let found = sources.list_bucket(pattern).map_err(|e| e.code);
        let found = found.map(|found| found.into_iter().map(|entry| entry.path).collect());
        assert_eq!(found, expected, "{pattern}");
    }
    // what no wildcard leads to is not listed
    let before = s3.seen().len();
    sources.list_bucket("s3://b/2020/01/a*").unwrap();
    let asked = s3.seen().split_off(before);
    let asked: Vec<_> =
        asked.iter().map(|request| (&request.query["prefix"][..], &request.query["delimiter"][..])).collect();
    assert_eq!(asked, [("2020/01/a", "/")]);
}
