//! Compressed and archived inputs. Archives are laid out here byte by byte, so that each defect is where it is meant to
//! be; those of other programs are read by the Python suite.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arcoforge_core::error::{Code, Error};
use arcoforge_store::object::{read_all, read_range};
use arcoforge_store::{Object, SourceOptions, Sources, UnpackLimits, list_local};

use crate::server::{Reply, Server};
use crate::{cached, noise, quick, sources};

/// Bytes that pass for a NetCDF classic file.
fn data(length: usize) -> Vec<u8> {
    [b"CDF\x01".to_vec(), noise(length)].concat()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bz2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// One entry of a zip archive, with what may be wrong in it.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    flags: u16,
    method: u16,
    packed: Vec<u8>,
    size: u64,
    crc: u32,
    mode: u32,
    zip64: bool,
    /// Lies at the entry before it.
    over: bool,
}

fn entry(name: &'static str, bytes: &[u8], method: u16) -> Entry {
    let packed = match method {
        8 => deflate(bytes),
        12 => bz2(bytes),
        93 => zst(bytes),
        _ => bytes.to_vec(),
    };
    let size = bytes.len() as u64;
    Entry { name, flags: 0, method, packed, size, crc: crc(bytes), mode: 0, zip64: false, over: false }
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory, mut at) = (Vec::new(), Vec::new(), 0);
    for e in entries {
        at = if e.over { at } else { out.len() as u32 };
        let wide = |number: u64| if e.zip64 { u32::MAX } else { u32::try_from(number).unwrap() };
        // with a data descriptor (bit 3) the local header has zeros
        let known = if e.flags & 8 == 0 { 1 } else { 0 };
        let mut common = [e.flags, e.method, 0, 0].map(u16::to_le_bytes).concat();
        let sizes = [e.packed.len() as u64, e.size];
        let extra = [1_u16.to_le_bytes(), 16_u16.to_le_bytes()]
            .concat()
            .into_iter()
            .chain([e.size, e.packed.len() as u64].into_iter().flat_map(u64::to_le_bytes));
        let extra: Vec<u8> = if e.zip64 { extra.collect() } else { Vec::new() };
        let lengths = [e.name.len() as u16, extra.len() as u16].map(u16::to_le_bytes).concat();
        if !e.over {
            out.extend([b"PK\x03\x04\x14\0".as_slice(), &common].concat());
            out.extend(
                [e.crc * known].into_iter().chain(sizes.map(|s| wide(s) * known)).flat_map(u32::to_le_bytes),
            );
            out.extend([&lengths, e.name.as_bytes(), &extra, &e.packed].concat());
            if e.flags & 8 != 0 {
                out.extend([b"PK\x07\x08".as_slice(), &[0; 12]].concat());
            }
        }
        directory.extend(b"PK\x01\x02\x14\x03\x14\0");
        directory.append(&mut common);
        directory.extend([e.crc].into_iter().chain(sizes.map(wide)).flat_map(u32::to_le_bytes));
        directory.extend([&lengths[..], &[0; 6]].concat());
        directory.extend([e.mode << 16, at].into_iter().flat_map(u32::to_le_bytes));
        directory.extend([e.name.as_bytes(), &extra].concat());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(
        [b"PK\x05\x06\0\0\0\0".as_slice(), &[entries.len() as u16; 2].map(u16::to_le_bytes).concat()]
            .concat(),
    );
    out.extend([directory.len() as u32, start].into_iter().flat_map(u32::to_le_bytes));
    out.extend([0, 0]);
    out
}

/// A header of ustar and what follows it, padded.
fn tarred(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut out = [&block, bytes].concat();
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        let length = (rest.len()..).find(|n| n.to_string().len() + rest.len() == *n).unwrap();
        format!("{length}{rest}")
    };
    tarred("pax", b'x', records.iter().map(record).collect::<String>().as_bytes())
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

/// Options whose temporary files can be counted.
fn scratched(folder: &Path) -> SourceOptions {
    SourceOptions { scratch: Some(folder.to_owned()), ..quick() }
}

fn refusal(result: Result<Arc<dyn Object>, Error>) -> (Code, String) {
    let error = result.map(|object| object.url().to_owned()).unwrap_err();
    (error.code, error.to_string())
}

#[test]
fn read_as_if_they_lay_there_plain() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (a, b) = (data(200_000), data(70_000));
    let readme = b"text".to_vec();
    let two = [tarred("./README", b'0', &readme), tarred("./d/", b'5', b""), tarred("./d/a.nc", b'0', &a)];
    let long = format!("{}/a.nc", "x".repeat(200));
    let gnu = [tarred("././@LongLink", b'L', format!("{long}\0").as_bytes()), tarred("cut", 0, &a)];
    let descriptor = Entry { flags: 8, ..entry("a.nc", &a, 8) };
    let zip64 = Entry { zip64: true, ..entry("a.nc", &a, 8) };
    let both = tar(&[tarred("a.nc", b'0', &a), tarred("b.nc", b'0', &b)]);
    // The file's content, the fragment, the member in the shown name.
    let rows: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("plain", a.clone(), "", ""),
        ("netcdf's fragment", a.clone(), "#mode=bytes", ""),
        ("gzip", gz(&a), "", ""),
        ("gzip twice, zeros behind", [gz(&a[..9]), gz(&a[9..]), vec![0; 700]].concat(), "", ""),
        ("bzip2", bz2(&a), "", ""),
        ("bzip2 twice", [bz2(&a[..9]), bz2(&a[9..])].concat(), "", ""),
        ("zstd", zst(&a), "", ""),
        ("zstd twice", [zst(&a[..9]), zst(&a[9..])].concat(), "", ""),
        ("zip stored", zip(&[entry("README.md", &readme, 0), entry("d/a.nc", &a, 0)]), "", "#d/a.nc"),
        ("zip deflated", zip(&[entry("d/a", &a, 8), entry("other", &readme, 8)]), "", "#d/a"),
        ("zip bzip2", zip(&[entry("a.nc", &a, 12)]), "", "#a.nc"),
        ("zip zstd", zip(&[entry("a.nc", &a, 93)]), "", "#a.nc"),
        ("zip descriptor", zip(&[descriptor, entry("x.txt", &readme, 0)]), "", "#a.nc"),
        ("zip64", zip(&[zip64]), "", "#a.nc"),
        ("zip zeros behind", [zip(&[entry("a.nc", &a, 0)]), vec![0; 600]].concat(), "", "#a.nc"),
        ("zip member", zip(&[entry("b.nc", &b, 8), entry("a b.nc", &a, 8)]), "#a%20b.nc", "#a b.nc"),
        ("zip of gzip", zip(&[entry("a.nc.gz", &gz(&a), 0)]), "", "#a.nc.gz"),
        ("zip of macOS", zip(&[entry("a.nc", &a, 8), entry("__MACOSX/._a.nc", &b, 8)]), "#*.nc", "#a.nc"),
        ("tar", tar(&two), "", "#d/a.nc"),
        ("tar glob", tar(&two), "#*.nc", "#d/a.nc"),
        ("tar one of two", both, "#a*", "#a.nc"),
        ("tar pax", tar(&[pax(&[("path", "p.nc"), ("mtime", "1.5")]), tarred("q", b'0', &a)]), "", "#p.nc"),
        ("tar gnu", tar(&gnu), "", &format!("#{long}")),
        ("tar appended", tar(&[tarred("a.nc", b'0', &b), tarred("a.nc", b'0', &a)]), "", "#a.nc"),
        ("tar gzip", gz(&tar(&two)), "#./d/a.nc", "#d/a.nc"),
        ("tar zstd", zst(&tar(&two)), "", "#d/a.nc"),
        ("zip in tar", tar(&[tarred("z.zip", b'0', &zip(&[entry("a", &a, 8)]))]), "", "#z.zip#a"),
        (
            "both named",
            tar(&[tarred("z.zip", b'0', &zip(&[entry("a", &a, 8), entry("b", &b, 8)]))]),
            "#z.zip#a",
            "#z.zip#a",
        ),
    ]
    .into_iter()
    .map(|(name, bytes, fragment, member)| (name, bytes, fragment, &*String::leak(member.to_owned())))
    .collect();
    for with_cache in [false, true] {
        for (name, bytes, fragment, member) in &rows {
            let path = put(folder.path(), &name.replace(' ', "-"), bytes);
            let cache = with_cache.then(|| scratch.path().join("cache"));
            let sources = Sources::new(SourceOptions { cache, ..scratched(scratch.path()) });
            let object = sources.open(&format!("{path}{fragment}")).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(read_all(&*object).unwrap() == a, "{name}");
            assert_eq!(object.url(), format!("{path}{member}"), "{name}");
            let ranges = object.read_ranges(&[5..9, 100_000..100_100, 7..7]).unwrap();
            assert!(ranges == [&a[5..9], &a[100_000..100_100], &[]], "{name}");
            let size = object.validator().size;
            assert_eq!(read_range(&*object, size - 1..size + 1).unwrap_err().code, Code::SourceCorrupt);
            let again = sources.open(&format!("{path}{fragment}")).unwrap();
            assert_eq!(again.validator(), object.validator(), "{name}");
        }
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "only the cache stays");
}

/// What it is called, its content, the fragment, the code, a part of the message.
type Refused = (&'static str, Vec<u8>, &'static str, Code, &'static str);

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x55;
    bytes
}

fn refused_streams(a: &[u8]) -> Vec<Refused> {
    use Code::{SourceCorrupt, SourceLimit, SourceUnsupported};
    let (gzip, bzip, zstd) = (gz(a), bz2(a), zst(a));
    vec![
        ("gzip cut", gzip[..gzip.len() / 2].to_vec(), "", SourceCorrupt, "truncated"),
        ("gzip without its end", gzip[..gzip.len() - 5].to_vec(), "", SourceCorrupt, "truncated"),
        ("gzip crc", flipped(&gzip, gzip.len() - 6), "", SourceCorrupt, "gzip"),
        ("gzip length", flipped(&gzip, gzip.len() - 2), "", SourceCorrupt, "gzip"),
        ("gzip garbage", [&gzip[..], b"garbage"].concat(), "", SourceCorrupt, "behind the end"),
        ("bzip2 cut", bzip[..bzip.len() - 9].to_vec(), "", SourceCorrupt, "bzip2"),
        ("bzip2 crc", flipped(&bzip, 12), "", SourceCorrupt, "bzip2"),
        ("bzip2 garbage", [&bzip[..], b"garbage"].concat(), "", SourceCorrupt, "behind the end"),
        ("zstd cut", zstd[..zstd.len() - 9].to_vec(), "", SourceCorrupt, "zstd"),
        ("zstd crc", flipped(&zstd, zstd.len() - 1), "", SourceCorrupt, "zstd"),
        ("zstd garbage", [&zstd[..], b"garbage"].concat(), "", SourceCorrupt, "zstd"),
        ("gzip of a member", gzip.clone(), "#a.nc", SourceUnsupported, "no members"),
        ("three deep", gz(&tar(&[tarred("a.nc.gz", b'0', &gzip)])), "", SourceLimit, "more than 2"),
        ("ratio", gz(&vec![0; 3 << 20]), "", SourceLimit, "100 times"),
    ]
}

fn refused_names(a: &[u8]) -> Vec<Refused> {
    use Code::SourceUnsupported;
    let with = |name: &'static str| zip(&[entry("ok.nc", a, 0), entry(name, a, 0)]);
    let linked = |kind| tar(&[tarred("ok.nc", b'0', a), tarred("link.nc", kind, b"")]);
    vec![
        ("dots", with("../../evil.nc"), "#ok.nc", SourceUnsupported, "`../../evil.nc`"),
        ("absolute", with("/tmp/evil.nc"), "#ok.nc", SourceUnsupported, "absolute"),
        ("drive", with("C:evil.nc"), "#ok.nc", SourceUnsupported, "drive"),
        ("backslash", with("d\\evil.nc"), "#ok.nc", SourceUnsupported, "backslash"),
        ("nul", with("evil.nc\0.txt"), "#ok.nc", SourceUnsupported, "control"),
        (
            "zip link",
            zip(&[Entry { mode: 0o120_777, ..entry("l.nc", a, 0) }]),
            "",
            SourceUnsupported,
            "symbolic link",
        ),
        ("tar dots", tar(&[tarred("d/../../e", b'0', a)]), "", SourceUnsupported, "`..`"),
        (
            "tar pax dots",
            tar(&[pax(&[("path", "/e")]), tarred("a", b'0', a)]),
            "",
            SourceUnsupported,
            "absolute",
        ),
        ("tar link", linked(b'2'), "#ok.nc", SourceUnsupported, "symbolic link"),
        ("tar hard link", linked(b'1'), "#ok.nc", SourceUnsupported, "hard link"),
        ("tar device", linked(b'4'), "#ok.nc", SourceUnsupported, "device"),
    ]
}

fn refused_tars(a: &[u8]) -> Vec<Refused> {
    use Code::{SourceCorrupt, SourceLimit, SourceUnsupported};
    let tape = tar(&[tarred("a.nc", b'0', a)]);
    vec![
        ("tar sparse", tar(&[tarred("a.nc", b'S', a)]), "", SourceUnsupported, "sparse"),
        ("tar cut", tape[..50_000].to_vec(), "", SourceCorrupt, "`a.nc`"),
        ("tar without its end", tape[..tape.len() - 1024].to_vec(), "", SourceCorrupt, "end mark"),
        ("tar twice", [&tape[..], &tape].concat(), "", SourceCorrupt, "end mark"),
        (
            "tar checksum",
            tar(&[tarred("a", b'0', a), flipped(&tarred("b", b'0', a), 3)]),
            "",
            SourceCorrupt,
            "checksum",
        ),
        (
            "tar huge",
            tar(&[pax(&[("size", "18446744073709551615")]), tarred("a", b'0', a)]),
            "",
            SourceCorrupt,
            "ends in",
        ),
        ("members", tar(&vec![tarred("a", b'0', b"a"); 51]), "", SourceLimit, "50 members"),
    ]
}

fn refused_zips(a: &[u8]) -> Vec<Refused> {
    use Code::{SourceCorrupt, SourceLimit, SourceUnsupported};
    let good = zip(&[entry("a.nc", a, 8), entry("b.txt", b"b", 0)]);
    let large = entry("b.nc", a, 8);
    vec![
        ("zip cut", good[..good.len() - 30].to_vec(), "", SourceCorrupt, "truncated"),
        ("zip garbage", [&good[..], b"garbage"].concat(), "", SourceCorrupt, "7 bytes"),
        ("zip crc", zip(&[Entry { crc: 1, ..entry("a.nc", a, 8) }]), "", SourceCorrupt, "checksum"),
        ("zip longer", zip(&[Entry { size: 99_999, ..large.clone() }]), "", SourceCorrupt, "unpacks to more"),
        ("zip shorter", zip(&[Entry { size: 100_009, ..large.clone() }]), "", SourceCorrupt, "100004"),
        ("zip stored size", zip(&[Entry { size: 9, ..entry("a.nc", a, 0) }]), "", SourceCorrupt, "stored"),
        ("zip encrypted", zip(&[Entry { flags: 1, ..large.clone() }]), "", SourceUnsupported, "encrypted"),
        ("zip lzma", zip(&[Entry { method: 14, ..large.clone() }]), "", SourceUnsupported, "LZMA"),
        ("zip same name", zip(&[large.clone(), large.clone()]), "", SourceCorrupt, "twice"),
        (
            "zip overlap",
            zip(&[entry("a.nc", a, 8), Entry { over: true, ..large.clone() }]),
            "",
            SourceCorrupt,
            "lies over",
        ),
        (
            "zip huge",
            zip(&[Entry { size: 1 << 40, zip64: true, ..large.clone() }]),
            "",
            SourceLimit,
            "at most",
        ),
        ("zip local name", flipped(&zip(std::slice::from_ref(&large)), 31), "", SourceCorrupt, "differs"),
    ]
}

fn refused_choices(a: &[u8]) -> Vec<Refused> {
    use Code::{SourceNotData, SourceNotFound};
    let good = zip(&[entry("a.nc", a, 8), entry("b.txt", b"b", 0)]);
    let large = entry("b.nc", a, 8);
    vec![
        ("zip empty", zip(&[]), "", SourceNotData, "no files"),
        ("zip no data", zip(&[entry("a.txt", b"a", 0)]), "", SourceNotData, "`a.txt`"),
        ("zip two", zip(&[entry("a.nc", a, 0), large.clone()]), "", SourceNotData, "2 data files"),
        ("zip glob of two", zip(&[entry("a.nc", a, 0), large]), "#*.nc", SourceNotData, "matches 2"),
        ("zip absent", good, "#c.nc", SourceNotFound, "`b.txt`"),
        ("zip empty member", zip(&[entry("a.nc", b"", 0)]), "", SourceNotData, "empty"),
    ]
}

#[test]
fn refused_and_nothing_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let a = data(100_000);
    let rows =
        [refused_streams(&a), refused_names(&a), refused_tars(&a), refused_zips(&a), refused_choices(&a)];
    let unpack =
        UnpackLimits { ratio_max: 100, ratio_free_bytes: 1 << 20, members_max: 50, ..Default::default() };
    let mut wrong = Vec::new();
    for (name, bytes, fragment, code, part) in rows.into_iter().flatten() {
        let sources = Sources::new(SourceOptions { unpack, ..scratched(scratch.path()) });
        let path = put(folder.path(), &name.replace(' ', "-"), &bytes);
        let (found, text) = refusal(sources.open(&format!("{path}{fragment}")));
        if !(found == code && text.contains(part) && text.contains(&path)) {
            wrong.push(format!("{name}: {found}: {text}"));
        }
        drop(sources);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn interrupted_while_unpacking() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "a.nc.gz", &gz(&data(1_000_000)));
    let flag = Arc::new(AtomicBool::new(true));
    let scratch = tempfile::tempdir().unwrap();
    let options = SourceOptions { interrupted: Some(Arc::clone(&flag)), ..scratched(scratch.path()) };
    let sources = Sources::new(options);
    assert_eq!(refusal(sources.open(&path)).0, Code::Interrupted);
    flag.store(false, Ordering::SeqCst);
    assert_eq!(sources.open(&path).unwrap().validator().size, 1_000_004);
}

#[test]
fn names_with_a_number_sign() {
    let folder = tempfile::tempdir().unwrap();
    let a = data(1000);
    let plain = put(folder.path(), "run#1.nc", &a);
    let archive =
        put(folder.path(), "run#2.tar", &tar(&[tarred("a.nc", b'0', &a), tarred("b.nc", b'0', &a)]));
    put(folder.path(), "run#3.tar", &tar(&[tarred("a.nc", b'0', &a)]));
    for (name, expected) in [
        (plain.clone(), Ok(plain.clone())),
        (
            format!("file://{}", plain.replace('#', "%23")),
            Ok(format!("file://{}", plain.replace('#', "%23"))),
        ),
        (format!("{archive}#b.nc"), Ok(format!("{archive}#b.nc"))),
        (format!("{archive}#c.nc"), Err(Code::SourceNotFound)),
        (format!("{plain}#b.nc"), Err(Code::SourceUnsupported)),
        (format!("{}/run#4.nc", folder.path().display()), Err(Code::SourceNotFound)),
    ] {
        let found = sources().open(&name).map(|object| object.url().to_owned()).map_err(|e| e.code);
        assert_eq!(found, expected, "{name}");
    }
    let list = |pattern: &str| {
        let found = list_local(&[folder.path().join(pattern).display().to_string()]);
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        found.map(|found| found.iter().map(|e| name(&e.path)).collect::<Vec<_>>()).map_err(|e| e.code)
    };
    for (pattern, expected) in [
        ("run#1.nc", Ok(vec!["run#1.nc"])),
        ("run#*.nc", Ok(vec!["run#1.nc"])),
        ("run#2.tar#*.nc", Ok(vec!["run#2.tar#*.nc"])),
        ("*.tar#a.nc", Ok(vec!["run#2.tar#a.nc", "run#3.tar#a.nc"])),
        ("*.zip#a.nc", Err(Code::SourceNotFound)),
    ] {
        let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
        assert_eq!(list(pattern), expected, "{pattern}");
    }
}

#[test]
fn over_http_in_few_requests() {
    let (a, b) = (data(300_000), data(200_000));
    let stored = zip(&[entry("a.nc", &a, 0), entry("b.nc", &b, 0)]);
    let taped = tar(&[tarred("a.nc", b'0', &a), tarred("b.nc", b'0', &b)]);
    let bodies = [
        ("/s.zip", stored.clone()),
        ("/t.tar", taped),
        ("/d.zip", zip(&[entry("a.nc", &a, 8), entry("b.nc", &b, 8)])),
        ("/g.tar.gz", gz(&tar(&[tarred("a.nc", b'0', &a), tarred("b.nc", b'0', &b)]))),
        ("/norange.zip", stored),
    ];
    let server = Server::start(move |request| {
        let body = bodies.iter().find(|(path, _)| *path == request.path);
        match body {
            Some(("/norange.zip", body)) => Reply::new(200, body).with("ETag", "\"1\""),
            Some((_, body)) => Reply::ranged(request, body).with("ETag", "\"1\""),
            None => Reply::new(404, b""),
        }
    });
    for with_cache in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        // Requests for both beginnings: the archive's own, its directory, one or two a member.
        for (path, most) in
            [("/s.zip", 6), ("/t.tar", 7), ("/d.zip", 9), ("/g.tar.gz", 5), ("/norange.zip", 1)]
        {
            let sources = if with_cache { cached(folder.path()) } else { sources() };
            let url = |member: &str| format!("{}#{member}", server.url(path));
            let (one, other) = (sources.open(&url("a.nc")).unwrap(), sources.open(&url("b*")).unwrap());
            assert!(read_range(&*one, 0..100).unwrap() == a[..100] && other.url() == url("b.nc"), "{path}");
            let requests = sources.stats().requests;
            assert!(requests <= if with_cache { 1 } else { most }, "{path}: {requests}");
            assert!(read_all(&*one).unwrap() == a && read_all(&*other).unwrap() == b, "{path}");
            assert_ne!(one.validator().etag, other.validator().etag);
            if with_cache {
                let again = cached(folder.path()).open(&url("a.nc")).unwrap();
                assert_eq!(again.validator(), one.validator());
            }
        }
    }
}
