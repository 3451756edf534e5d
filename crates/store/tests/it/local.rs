use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use arcoforge_core::error::Code;
use arcoforge_store::object::{read_all, read_range};
use arcoforge_store::{BlockOptions, Buffered, Object, SourceOptions, Sources};

use crate::{noise, sources};

#[test]
fn what_can_not_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("empty.nc"), b"").unwrap();
    fs::write(root.join("data.nc"), b"x").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("link")).unwrap();
    let root = root.display().to_string();
    for (path, code, part) in [
        (format!("{root}/none.nc"), Code::SourceNotFound, "its folder"),
        (format!("{root}/a/b/none.nc"), Code::SourceNotFound, "nearest folder that exists"),
        (format!("{root}/data.nc/x.nc"), Code::SourceNotFound, "nearest folder that exists"),
        (format!("file://{root}/none.nc"), Code::SourceNotFound, "its folder"),
        (format!("{root}/link"), Code::SourceNotFound, "its folder"),
        (root.clone(), Code::SourceNotData, "/**/*.nc"),
        (format!("{root}/empty.nc"), Code::SourceNotData, "fetch the file again"),
        (format!("{root}/pipe"), Code::SourceNotData, "regular file"),
        ("/dev/null".to_owned(), Code::SourceNotData, "regular file"),
        ("gopher://host/a.nc".to_owned(), Code::SourceUnsupported, "HTTPS"),
    ] {
        let error = sources().open(&path).unwrap_err();
        assert_eq!(error.code, code, "{path}: {error}");
        let text = format!("{error} {}", error.help.clone().unwrap_or_default());
        assert!(text.contains(part), "{path}: `{part}` not in: {text}");
        assert_eq!(error.place.url.as_deref(), Some(path.as_str()));
    }
}

#[test]
fn no_permission() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nc");
    fs::write(&path, b"x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    if fs::read(&path).is_err() {
        assert_eq!(sources().open(path.to_str().unwrap()).unwrap_err().code, Code::SourceDenied);
    }
    let closed = Sources::new(SourceOptions { allow_local: false, ..SourceOptions::default() });
    for text in [path.display().to_string(), format!("file://{}", path.display())] {
        assert_eq!(closed.open(&text).unwrap_err().code, Code::SourceDenied);
    }
}

#[test]
fn ranges_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.nc");
    let data = noise(1000);
    fs::write(&path, &data).unwrap();
    let url = format!("file://{}", path.display().to_string().replace(' ', "%20"));
    let object = sources().open(&url).unwrap();
    let buffered = Buffered::new(sources().open(&url).unwrap());
    for object in [&*object, &buffered as &dyn Object] {
        assert_eq!((object.url(), object.validator().size, object.is_remote()), (url.as_str(), 1000, false));
        assert_eq!(read_all(object).unwrap(), data);
        for (range, expected) in [
            (0..0, Ok(&data[0..0])),
            (0..1000, Ok(&data[..])),
            (999..1000, Ok(&data[999..])),
            (1000..1000, Ok(&[][..])),
            (0..1001, Err(Code::SourceCorrupt)),
            (1001..1001, Err(Code::SourceCorrupt)),
            (u64::MAX - 1..u64::MAX, Err(Code::SourceCorrupt)),
        ] {
            assert_eq!(
                read_range(object, range.clone()).as_deref().map_err(|e| e.code),
                expected,
                "{range:?}"
            );
        }
        assert_eq!(object.read_into(u64::MAX, &mut [0; 2]).unwrap_err().code, Code::SourceCorrupt);
        assert_eq!(object.read_into(999, &mut [0; 2]).unwrap_err().code, Code::SourceCorrupt);
    }
}

#[test]
fn many_objects_open_few_files() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources();
    let objects: Vec<_> = (0..700_u32)
        .map(|i| {
            let path = folder.path().join(format!("{i}.nc"));
            fs::write(&path, i.to_be_bytes()).unwrap();
            sources.open(path.to_str().unwrap()).unwrap()
        })
        .collect();
    let open = || {
        let prefix = folder.path().to_str().unwrap().to_owned();
        let links = fs::read_dir("/proc/self/fd").map(|dir| {
            dir.flatten()
                .filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.starts_with(&prefix)))
                .count()
        });
        links.unwrap_or(0)
    };
    assert!(open() <= 200, "{}", open());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (i, object) in (0_u32..).zip(&objects) {
                    assert_eq!(read_all(&**object).unwrap(), i.to_be_bytes());
                }
            });
        }
    });
    assert!(open() <= 204, "{}", open());
}

#[test]
fn a_file_that_changes_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources();
    let path = folder.path().join("a.nc");
    fs::write(&path, noise(100)).unwrap();
    let shrinking = sources.open(path.to_str().unwrap()).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(50).unwrap();
    assert_eq!(read_all(&*shrinking).unwrap_err().code, Code::SourceChanged);

    let other = folder.path().join("b.nc");
    fs::write(&other, noise(100)).unwrap();
    let touched = sources.open(other.to_str().unwrap()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&other).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    // 300 other objects push its descriptor out, so that it is opened again.
    let _others: Vec<_> = (0..300).map(|_| sources.open(path.to_str().unwrap()).unwrap()).collect();
    assert_eq!(read_all(&*touched).unwrap_err().code, Code::SourceChanged);
}

/// Counts reads of an object in memory.
#[derive(Debug)]
struct Counting {
    data: Vec<u8>,
    validator: arcoforge_store::Validator,
    reads: std::sync::Mutex<Vec<(u64, usize)>>,
}

impl Object for Counting {
    fn url(&self) -> &'static str {
        "memory"
    }
    fn validator(&self) -> &arcoforge_store::Validator {
        &self.validator
    }
    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<(), arcoforge_core::error::Error> {
        self.reads.lock().unwrap().push((offset, out.len()));
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.data[start..start + out.len()]);
        Ok(())
    }
    fn is_remote(&self) -> bool {
        false
    }
}

#[test]
fn blocks_are_read_once() {
    let data = noise(1000);
    for (reads, expected) in [
        // Within one block; across two; all kept.
        (vec![(10, 5), (20, 5), (0, 100)], vec![(0, 100)]),
        (vec![(90, 20), (150, 50)], vec![(0, 100), (100, 100)]),
        // The last block is short.
        (vec![(950, 50), (990, 10)], vec![(900, 100)]),
        // Large reads pass by, from where the kept part ends.
        (vec![(0, 1), (50, 500)], vec![(0, 100), (100, 450)]),
        (vec![(300, 300)], vec![(300, 300)]),
        // Two blocks are kept, the one used longest ago goes.
        (
            vec![(0, 1), (100, 1), (0, 1), (200, 1), (0, 1), (100, 1)],
            vec![(0, 100), (100, 100), (200, 100), (100, 100)],
        ),
    ] {
        let validator = arcoforge_store::Validator { size: 1000, ..Default::default() };
        let object = std::sync::Arc::new(Counting {
            data: data.clone(),
            validator,
            reads: std::sync::Mutex::default(),
        });
        let options = BlockOptions { block_bytes: 100, blocks_max: 2 };
        let buffered = Buffered::with_options(object.clone(), options);
        for &(offset, length) in &reads {
            let mut out = vec![0; length];
            buffered.read_into(offset, &mut out).unwrap();
            let start = usize::try_from(offset).unwrap();
            assert_eq!(out, data[start..start + length]);
        }
        assert_eq!(*object.reads.lock().unwrap(), expected, "{reads:?}");
    }
}

#[test]
fn ranges_out_of_kept_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nc");
    let data = noise(1000);
    fs::write(&path, &data).unwrap();
    let options = BlockOptions { block_bytes: 100, blocks_max: 2 };
    let buffered = Buffered::with_options(sources().open(path.to_str().unwrap()).unwrap(), options);
    buffered.read_into(0, &mut [0]).unwrap();
    let ranges = [500..510, 5..10, 95..105, 3..3];
    let found = buffered.read_ranges(&ranges).unwrap();
    for (range, bytes) in ranges.into_iter().zip(found) {
        assert_eq!(bytes, data[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
    }
    assert_eq!(buffered.read_ranges(&[0..1, 999..1001]).unwrap_err().code, Code::SourceCorrupt);
}
