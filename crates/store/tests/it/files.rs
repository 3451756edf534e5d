use std::fs;
use std::path::Path;

use arcoforge_core::error::Code;
use arcoforge_store::files::{
    Durability, Exchange, Identity, atomic_write, atomic_write_with, changed_ns, create_dirs, exchange_dirs,
    is_at, remove_tree, rename_noreplace, unwritable, write,
};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_appear_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/zarr.json");
    atomic_write(&path, b"one").unwrap();
    atomic_write_with(&path, b"two", Durability::Disk).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    write(&folder.path().join("a/c/0.0"), b"chunk").unwrap();
    assert_eq!(names(&folder.path().join("a/b")), ["zarr.json"]);
    assert_eq!(names(&folder.path().join("a/c")), ["0.0"]);
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let path = &path;
            scope.spawn(move || atomic_write(path, &[number; 10_000]).unwrap());
        }
    });
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() == 10_000 && bytes.iter().all(|b| *b == bytes[0]));
    assert_eq!(names(&folder.path().join("a/b")), ["zarr.json"]);
}

#[test]
fn what_can_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"x").unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    let long = folder.path().join("n".repeat(300));
    for (path, part) in [
        (file.join("below"), "a file, not a folder"),
        (folder.path().join("dir"), "folder"),
        (long, "too long"),
        (Path::new("/proc/none/a").to_owned(), ""),
    ] {
        let error = atomic_write(&path, b"x").unwrap_err();
        assert_eq!(error.code, Code::TargetUnwritable);
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.place.url, Some(path.display().to_string()));
        assert!(error.help.is_some());
    }
    assert_eq!(create_dirs(&file.join("a")).unwrap_err().code, Code::TargetUnwritable);
    assert_eq!(names(folder.path()), ["dir", "file"]);
}

#[test]
fn reasons_of_the_system() {
    for (errno, part) in [
        (rustix::io::Errno::ACCESS, "no permission"),
        (rustix::io::Errno::PERM, "no permission"),
        (rustix::io::Errno::ROFS, "read-only"),
        (rustix::io::Errno::NOSPC, "disk is full"),
        (rustix::io::Errno::DQUOT, "quota"),
        (rustix::io::Errno::NOTDIR, "a file, not a folder"),
        (rustix::io::Errno::XDEV, "different file systems"),
        (rustix::io::Errno::IO, "writing failed"),
    ] {
        let error = unwritable(Path::new("/data/a.zarr"), errno.into());
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.code.exit_status(), 6);
    }
}

#[test]
fn trees_change_places() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    write(&a.join("x"), b"a").unwrap();
    write(&b.join("y"), b"b").unwrap();
    let how = exchange_dirs(&a, &b).unwrap();
    assert!(matches!(how, Exchange::Atomic | Exchange::InSteps));
    assert_eq!((names(&a), names(&b)), (vec!["y".to_owned()], vec!["x".to_owned()]));
    let error = exchange_dirs(&folder.path().join("none"), &b).unwrap_err();
    assert_eq!(error.code, Code::TargetUnwritable);
    assert_eq!(rename_noreplace(&a, &b).unwrap_err().code, Code::TargetExists);
    let c = folder.path().join("c");
    rename_noreplace(&a, &c).unwrap();
    assert_eq!(names(folder.path()), ["b", "c"]);
    assert_eq!(rename_noreplace(&a, &folder.path().join("d")).unwrap_err().code, Code::TargetUnwritable);

    std::os::unix::fs::symlink(&b, c.join("link")).unwrap();
    remove_tree(&c).unwrap();
    remove_tree(&c).unwrap();
    remove_tree(&b.join("x")).unwrap();
    assert_eq!((names(folder.path()), names(&b)), (vec!["b".to_owned()], vec![]));
}

#[test]
fn a_file_is_told_from_others_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("a"), b"x").unwrap();
    fs::create_dir(path("dir")).unwrap();
    let open = fs::File::open(path("a")).unwrap();
    let (a, dir) = (Identity::of(&path("a")).unwrap(), Identity::of(&path("dir")).unwrap());
    assert!(is_at(&open, &path("a")) && !is_at(&open, &path("dir")) && !is_at(&open, &path("none")));
    fs::rename(path("a"), path("b")).unwrap();
    fs::rename(path("dir"), path("a")).unwrap();
    let now = [path("b"), path("a")].map(|path| Identity::of(&path).unwrap());
    assert_eq!((now, a == dir), ([a, dir], false));
    assert!(is_at(&open, &path("b")) && !is_at(&open, &path("a")));
    let changed = changed_ns(&fs::metadata(path("b")).unwrap());
    fs::hard_link(path("b"), path("c")).unwrap();
    assert!(changed_ns(&fs::metadata(path("b")).unwrap()) >= changed);
    assert!(Identity::of(&path("none")).is_err());
}

#[test]
fn identities_are_written_as_they_were() {
    // as JSON, and as a note has it
    for (json, note) in [
        (r#"{"inode":12,"made_ns":1700000000000000001}"#, "12 1700000000000000001"),
        (r#"{"inode":7}"#, "7 0"),
    ] {
        let id: Identity = serde_json::from_str(json).unwrap();
        assert_eq!((serde_json::to_string(&id).unwrap().as_str(), id.to_string().as_str()), (json, note));
    }
}
