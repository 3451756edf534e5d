//! Repositories in folders: commits, what others commit meanwhile, and what is found again.

#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arcoforge_core::error::Code;
use arcoforge_icechunk::{Access, Commit, Container, Repository, Root, Stored, Transaction, Version};
use arcoforge_store::{SourceOptions, Sources};

const GROUP: &str = r#"{"zarr_format":3,"node_type":"group"}"#;
const ARRAY: &str = r#"{"zarr_format":3,"node_type":"array","shape":[4],"data_type":"uint8",
    "chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2]}},
    "chunk_key_encoding":{"name":"default","configuration":{"separator":"/"}},
    "fill_value":0,"codecs":[{"name":"bytes"}],"attributes":{}}"#;

fn on_main() -> Version {
    Version::Branch("main".to_owned())
}

fn commit(id: &str, digest: &str) -> Commit {
    Commit {
        message: format!("commit {id}"),
        id: id.to_owned(),
        digest: digest.to_owned(),
        recipe: "sst".to_owned(),
        ..Commit::default()
    }
}

/// A file whose chunk lies in an object of its own, or with few bytes in the manifest.
fn file(folder: &Path, name: &str, bytes: usize) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, vec![name.len() as u8; bytes]).expect("written");
    path
}

/// Begins a commit with a group and some arrays.
fn begun<'r>(repository: &'r Repository, arrays: &[&str]) -> Transaction<'r> {
    let mut transaction = repository.begin("main").expect("begun");
    let had = repository.view(&on_main()).and_then(|view| view.nodes()).expect("nodes");
    let names: BTreeSet<String> = had.into_iter().map(|(name, _)| name).collect();
    transaction.keep(&names).expect("kept");
    transaction.set_node("", GROUP.into()).expect("set");
    for array in arrays {
        transaction.set_node(array, ARRAY.into()).expect("set");
    }
    transaction
}

fn messages(repository: &Repository) -> Vec<String> {
    let history = repository.history(&on_main()).expect("history");
    history.into_iter().filter(|one| !one.initial).map(|one| one.message).collect()
}

#[test]
fn what_is_no_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "x").expect("written");
    for name in ["nothing", "file", ""] {
        let found = Repository::open(&Root::from(folder.path().join(name))).map(drop).map_err(|e| e.code);
        assert_eq!(found, Err(Code::TargetNotFound), "{name}");
    }
}

#[test]
fn chunks_are_kept_replaced_and_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::create(&Root::from(folder.path().join("repo"))).expect("made");
    let (small, large) = (file(folder.path(), "s", 10), file(folder.path(), "large", 1000));
    let first = begun(&repository, &["a"]);
    let changed = first.set_chunks("a", &[(vec![0], Some(small.clone())), (vec![1], Some(large.clone()))]);
    assert_eq!(changed.expect("set"), 2);
    let first = first.commit(&commit("1", "d1")).expect("committed");
    let at = |version: &Version, index: u64| {
        repository.view(version).and_then(|view| view.chunk("a", &[index])).expect("read")
    };
    assert_eq!(at(&on_main(), 0), Some(Stored::Bytes(vec![1; 10])));
    let Some(Stored::File(object)) = at(&on_main(), 1) else { panic!("no file") };
    assert_eq!(fs::read(&object).expect("read"), vec![5; 1000]);

    let second = begun(&repository, &[]);
    // the same bytes and the same file are no change; another file is, and so is nothing
    let rows = [(Some(small), 0), (None, 1), (Some(large.clone()), 1)];
    for (file, expected) in rows {
        assert_eq!(second.set_chunks("a", &[(vec![0], file)]).expect("set"), expected);
    }
    assert_eq!(second.set_chunks("a", &[(vec![1], Some(object))]).expect("set"), 0);
    assert_eq!(second.set_chunks("a", &[(vec![1], None)]).expect("set"), 1);
    second.commit(&commit("2", "d2")).expect("committed");
    assert!(matches!(at(&on_main(), 0), Some(Stored::File(_))));
    assert_eq!(at(&on_main(), 1), None);
    assert!(matches!(at(&Version::Snapshot(first.id), 1), Some(Stored::File(_))), "what was stays");
    assert_eq!(messages(&repository), ["commit 2", "commit 1"]);
}

#[test]
fn everything_may_go_in_one_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::create(&Root::from(folder.path().join("repo"))).expect("made");
    let small = file(folder.path(), "s", 10);
    let first = begun(&repository, &["a", "b"]);
    first.set_node("g", GROUP.into()).expect("set");
    first.set_node("g/c", ARRAY.into()).expect("set");
    first.set_chunks("a", &[(vec![0], Some(small))]).expect("set");
    first.commit(&commit("1", "d1")).expect("committed");
    let mut second = repository.begin("main").expect("begun");
    second.keep(&BTreeSet::new()).expect("all gone");
    second.set_node("", GROUP.into()).expect("set");
    second.set_node("a", ARRAY.into()).expect("set");
    second.commit(&commit("2", "d2")).expect("committed");
    let view = repository.view(&on_main()).expect("a view");
    let names: Vec<String> = view.nodes().expect("nodes").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(["", "a"]));
    assert_eq!(view.chunk("a", &[0]).expect("read"), None, "the array is another one");
}

#[test]
fn what_others_commit_meanwhile() {
    // what the other sets, its digest, and what becomes of ours
    let rows: [(&str, &str, Result<usize, Code>); 3] =
        [("b", "another", Ok(3)), ("a", "another", Err(Code::TargetConflict)), ("a", "ours", Ok(2))];
    for (array, digest, expected) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::create(&Root::from(folder.path().join("repo"))).expect("made");
        begun(&repository, &["a", "b"]).commit(&commit("1", "d1")).expect("committed");
        let (mine, other) = (file(folder.path(), "mine", 600), file(folder.path(), "other", 600));
        let ours = begun(&repository, &[]);
        ours.set_chunks("a", &[(vec![0], Some(mine))]).expect("set");
        let theirs = begun(&repository, &[]);
        theirs.set_chunks(array, &[(vec![0], Some(other))]).expect("set");
        theirs.commit(&commit("theirs", digest)).expect("committed");
        let found = ours.commit(&commit("ours", "ours"));
        match (&found, &expected) {
            (Ok(snapshot), Ok(commits)) => {
                assert_eq!(messages(&repository).len(), *commits, "{array} {digest}");
                assert_eq!(repository.tip("main").expect("a tip").as_ref(), Some(snapshot));
            }
            (Err(error), Err(code)) => {
                assert_eq!(error.code, *code);
                assert!(error.to_string().contains("commit theirs"), "{error}");
                assert_eq!(messages(&repository), ["commit theirs", "commit 1"]);
            }
            _ => panic!("{array} {digest}: {found:?}"),
        }
    }
}

#[test]
fn a_commit_is_found_again_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::create(&Root::from(folder.path().join("repo"))).expect("made");
    let first = begun(&repository, &["a"]);
    let base = first.base();
    let first = first.commit(&commit("1", "d")).expect("committed");
    let second = begun(&repository, &["b"]).commit(&commit("2", "d")).expect("committed");
    let rows = [
        (base.as_str(), "1", Some(&first)),
        (&base, "2", Some(&second)),
        (&first.id, "1", None),
        (&base, "3", None),
    ];
    for (base, id, expected) in rows {
        assert_eq!(repository.find("main", base, id).expect("found").as_ref(), expected, "{id}");
    }
    let again = Repository::open(repository.root()).expect("opened");
    assert_eq!(again.tip("main").expect("a tip"), Some(second));
    assert_eq!(again.tip("other").expect("no tip"), None);
}

#[test]
fn a_tag_never_moves() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::create(&Root::from(folder.path().join("repo"))).expect("made");
    let first = begun(&repository, &["a"]).commit(&commit("1", "d1")).expect("committed");
    let second = begun(&repository, &["b"]).commit(&commit("2", "d2")).expect("committed");
    let rows = [(&first, Ok(())), (&first, Ok(())), (&second, Err(Code::TargetExists))];
    for (snapshot, expected) in rows {
        assert_eq!(repository.tag("v1", &snapshot.id).map_err(|e| e.code), expected);
    }
    assert_eq!(repository.tags().expect("tags"), [("v1".to_owned(), first.id.clone())]);
    assert_eq!(repository.history(&Version::Tag("v1".to_owned())).expect("history").first(), Some(&first));
}

#[test]
fn many_writers_lose_no_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = Sources::new(SourceOptions::default());
    let bucket = folder.path().join("bucket").display().to_string();
    let bucket = Root::Bucket(sources.bucket(&bucket).expect("a place of objects"));
    for root in [Root::from(folder.path().join("repo")), bucket] {
        many_write(&root);
    }
}

fn many_write(root: &Root) {
    let (writers, commits) = (4, 5);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || {
                let repository = Repository::create(root).expect("made or opened");
                for number in 0..commits {
                    let id = format!("{writer}-{number}");
                    let branch = format!("b{}", writer % 2);
                    let transaction = repository.begin(&branch).expect("begun");
                    transaction.set_node(&format!("w{id}"), GROUP.into()).expect("set");
                    transaction.commit(&commit(&id, &id)).expect("committed");
                }
            });
        }
    });
    let repository = Repository::open(root).expect("opened");
    for branch in ["b0", "b1"] {
        let history = repository.history(&Version::Branch(branch.to_owned())).expect("history");
        let ids: BTreeSet<String> =
            history.iter().filter_map(|one| Some(one.bake.as_ref()?.id.clone())).collect();
        assert_eq!(
            (ids.len(), history.len()),
            (writers / 2 * commits, writers / 2 * commits + 1),
            "{branch}"
        );
        let nodes = repository
            .view(&Version::Branch(branch.to_owned()))
            .and_then(|view| view.nodes())
            .expect("nodes");
        assert_eq!(nodes.len(), writers / 2 * commits);
    }
}

#[test]
fn places_that_the_library_knows_nothing_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::from(folder.path().join("repo"));
    let repository = Repository::create(&root).expect("made");
    let local = Container { prefix: "file:///data/".to_owned(), access: Access::File };
    let server = Container { prefix: "https://host/".to_owned(), access: Access::Http };
    repository.add_containers(&[local.clone(), server.clone()]).expect("added");
    let again = Repository::open(&root).expect("opened");
    let transaction = again.begin("main").expect("begun");
    transaction.set_node("", GROUP.into()).expect("set");
    transaction.commit(&commit("1", "d")).expect("committed");
    again.add_containers(&[local, server]).expect("nothing to do");
    let found = Repository::open(&root).and_then(|one| one.container_prefixes()).expect("places");
    assert_eq!(found, ["file:///data/", "https://host/"], "a commit keeps what the library does not know");
}
