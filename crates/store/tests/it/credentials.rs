//! Credentials: what each server gets, and what it never gets.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::Code;
use arcoforge_core::pattern::{CredentialKind, Credentials};
use arcoforge_store::credentials::{Machine, lookup};
use arcoforge_store::object::read_all;
use arcoforge_store::{SourceOptions, Sources};

use crate::server::{Reply, Request, Server};
use crate::{noise, quick};

const SIZE: usize = 200_000;
/// `me:s3cret` by Python's base64.
const BASIC: &str = "Basic bWU6czNjcmV0";

/// Name and value.
type Variable = (String, String);

fn machine(variables: &[(&str, &str)]) -> Machine {
    Machine::with_variables(variables.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect())
}

fn asked(kind: Option<CredentialKind>, hosts: &[&str]) -> Credentials {
    let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
    Credentials { kind, name: "archive".to_owned(), hosts }
}

fn sources(asked: Credentials, machine: Machine) -> Sources {
    Sources::new(SourceOptions { credentials: Some(asked), machine, ..quick() })
}

fn host(server: &Server) -> String {
    server.url("").trim_start_matches("http://").to_owned()
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Answers who shows `field: value`.
fn guarded(field: &'static str, value: &'static str) -> Server {
    Server::start(move |request| match request.fields.get(field).map(String::as_str) {
        Some(found) if found == value => Reply::ranged(request, &noise(SIZE)),
        _ => Reply::new(401, b""),
    })
}

#[test]
fn each_kind_opens_its_server() {
    use CredentialKind::{Basic, Bearer};
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    write(Path::new(&file("netrc")), "machine 127.0.0.1 login me password s3cret", 0o600);
    write(Path::new(&file("keyring")), "[archive]\nusername = 'me'\npassword = 's3cret'\n", 0o600);
    let command = "[archive]\nkind = 'bearer'\ntoken_command = ['printf', 's3cret\\n']\n";
    write(Path::new(&file("command")), command, 0o600);
    let (netrc, keyring, command) = (file("netrc"), file("keyring"), file("command"));
    let account = [("ARCOFORGE_ARCHIVE_USERNAME", "me"), ("ARCOFORGE_ARCHIVE_PASSWORD", "s3cret")];
    let token = [("ARCOFORGE_ARCHIVE_TOKEN", "s3cret")];
    for (kind, variables, shown) in [
        (Some(Basic), &account[..], BASIC),
        (None, &account, BASIC),
        (Some(Basic), &[("NETRC", netrc.as_str())], BASIC),
        (None, &[("NETRC", netrc.as_str())], BASIC),
        (Some(Basic), &[("ARCOFORGE_KEYRING", keyring.as_str())], BASIC),
        (Some(Bearer), &token, "Bearer s3cret"),
        (None, &token, "Bearer s3cret"),
        (None, &[("ARCOFORGE_KEYRING", command.as_str())], "Bearer s3cret"),
        (Some(Bearer), &[("ARCOFORGE_ARCHIVE_TOKEN_COMMAND", "echo s3cret")], "Bearer s3cret"),
    ] {
        let server = guarded("authorization", shown);
        let sources = sources(asked(kind, &[&host(&server)]), machine(variables));
        let object = sources.open(&server.url("/a")).unwrap();
        assert_eq!(read_all(&*object).unwrap(), noise(SIZE));
        let texts = format!("{sources:?} {object:?} {}", object.url());
        assert!(!texts.contains("s3cret") && !texts.contains("bWU6"), "{texts}");
    }
}

#[test]
fn a_query_is_added_and_shown_nowhere() {
    let server = Server::start(|request| match request.path.as_str() {
        "/a?x=1&api-key=s3cret&v=2" => Reply::new(302, b"").with("Location", "/b?api-key=s3cret&y=2"),
        "/b?y=2&api-key=s3cret&v=2" => Reply::ranged(request, &noise(SIZE)),
        _ => Reply::new(403, b""),
    });
    let machine = || machine(&[("ARCOFORGE_ARCHIVE_QUERY", "api-key=s3cret&v=2")]);
    let given = sources(asked(Some(CredentialKind::Query), &[&host(&server)]), machine());
    let object = given.open(&server.url("/a?x=1")).unwrap();
    assert_eq!((read_all(&*object).unwrap(), object.url()), (noise(SIZE), server.url("/a?x=1").as_str()));
    let error = given.open(&server.url("/c")).unwrap_err();
    assert_eq!(error.code, Code::SourceDenied);
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn other_hosts_get_nothing() {
    let other = Server::start(|request| Reply::ranged(request, &noise(SIZE)));
    let to = other.url("/data");
    let first = Server::start(move |request| match request.fields.get("authorization") {
        Some(_) => Reply::new(307, b"moved").with("Location", to.as_str()),
        None => Reply::new(401, b""),
    });
    let token = [("ARCOFORGE_ARCHIVE_TOKEN", "s3cret")];
    let given = sources(asked(Some(CredentialKind::Bearer), &[&host(&first)]), machine(&token));
    assert_eq!(read_all(&*given.open(&first.url("/a")).unwrap()).unwrap(), noise(SIZE));
    // and where a recipe's URL leads elsewhere from the beginning
    read_all(&*given.open(&other.url("/b")).unwrap()).unwrap();
    let leaked: Vec<Request> =
        other.seen().into_iter().filter(|r| format!("{r:?}").contains("s3cret")).collect();
    assert!(other.count() > 1 && leaked.is_empty(), "{leaked:?}");
    assert!(first.seen().iter().all(|request| request.fields.contains_key("authorization")));
}

#[test]
fn hosts_that_the_machine_names_are_the_only_ones() {
    let server = guarded("authorization", "Bearer s3cret");
    let address = host(&server);
    for (own, fine) in [(address.as_str(), true), ("data.org", false), ("127.0.0.1", false)] {
        let variables = [("ARCOFORGE_ARCHIVE_TOKEN", "s3cret"), ("ARCOFORGE_ARCHIVE_HOSTS", own)];
        let given = sources(asked(None, &[&address]), machine(&variables));
        assert_eq!(given.check_credentials().is_ok(), fine, "{own}");
        let opened = given.open(&server.url("/a")).map(drop).map_err(|e| e.code);
        assert_eq!(opened, if fine { Ok(()) } else { Err(Code::SourceDenied) }, "{own}");
    }
    // without the one that was right
    assert!(server.seen().iter().all(|r| r.fields.get("authorization").is_none_or(|v| v == "Bearer s3cret")));
}

#[test]
fn what_is_refused_is_looked_up_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = folder.path().join("keyring");
    let tell = move |token: &str| write(&keyring, &format!("[archive]\ntoken = '{token}'\n"), 0o600);
    tell("first");
    let expected = Arc::new(Mutex::new("first"));
    let server = {
        let expected = Arc::clone(&expected);
        Server::start(move |request| {
            let right = format!("Bearer {}", expected.lock().unwrap());
            if request.fields.get("authorization") == Some(&right) {
                Reply::ranged(request, &noise(SIZE)).with("ETag", "\"1\"")
            } else {
                Reply::new(401, b"")
            }
        })
    };
    let path = folder.path().join("keyring").display().to_string();
    let given = sources(asked(None, &[&host(&server)]), machine(&[("ARCOFORGE_KEYRING", &path)]));
    let object = given.open(&server.url("/a")).unwrap();
    // it expires in the middle of a run, and the machine has a new one
    *expected.lock().unwrap() = "second";
    tell("second");
    assert_eq!(read_all(&*object).unwrap(), noise(SIZE));
    // it expires, and nobody has a new one: one more lookup, then an error
    *expected.lock().unwrap() = "third";
    let before = server.count();
    let error = given.open(&server.url("/b")).unwrap_err();
    assert_eq!((error.code, server.count() - before), (Code::SourceDenied, 1));
    let help = error.help.unwrap();
    assert!(help.contains("ARCOFORGE_ARCHIVE_") && help.contains(&path), "{help}");
}

#[test]
fn what_the_machine_lacks_is_said() {
    use CredentialKind::{Basic, Bearer, Earthdata, Query, S3};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("open"), "[archive]\ntoken = 's3cret'\n", 0o644);
    write(&path("broken"), "[archive]\ntoken = s3cret\n", 0o600);
    write(&path("unknown"), "[archive]\npasword = 's3cret'\n", 0o600);
    write(&path("number"), "[archive]\npassword = 5346\n", 0o600);
    write(&path("kind"), "[archive]\nkind = 'bearer'\ntoken = 's3cret'\n", 0o600);
    write(&path("half"), "[archive]\nusername = 's3cret'\n", 0o600);
    write(&path("blank"), "[archive]\ntoken = 's3 cret'\n", 0o600);
    write(&path("silent"), "[archive]\ntoken_command = ['true']\n", 0o600);
    write(&path("fails"), "[archive]\ntoken_command = ['false']\n", 0o600);
    let keyring = |name: &str| vec![("ARCOFORGE_KEYRING".to_owned(), path(name).display().to_string())];
    let rows: Vec<(Option<CredentialKind>, Vec<Variable>, &str)> = vec![
        (None, Vec::new(), "`ARCOFORGE_ARCHIVE_TOKEN`"),
        (Some(Basic), Vec::new(), "`ARCOFORGE_ARCHIVE_PASSWORD`"),
        (Some(Bearer), Vec::new(), "`ARCOFORGE_ARCHIVE_TOKEN`"),
        (Some(Query), Vec::new(), "`ARCOFORGE_ARCHIVE_QUERY`"),
        (Some(Earthdata), Vec::new(), "`EARTHDATA_TOKEN`"),
        (Some(S3), Vec::new(), "`ARCOFORGE_ARCHIVE_SECRET_ACCESS_KEY`"),
        (None, keyring("open"), "mode 0644"),
        (None, keyring("broken"), "line 2"),
        (None, keyring("unknown"), "`pasword`"),
        (None, keyring("number"), "`archive.password`"),
        (Some(Basic), keyring("kind"), "kind `bearer`"),
        (Some(Basic), keyring("half"), "not complete"),
        (None, keyring("blank"), "blanks"),
        (None, keyring("silent"), "printed nothing"),
        (None, keyring("fails"), "failed"),
        (Some(Query), vec![("ARCOFORGE_ARCHIVE_QUERY".into(), "s3cret".into())], "`name=value`"),
    ];
    for (kind, variables, says) in rows {
        let machine = Machine::with_variables(BTreeMap::from_iter(variables));
        let error = lookup(kind, "archive", &machine).unwrap_err();
        let text = format!("{error:?} {} {}", error.message, error.help.as_deref().unwrap_or_default());
        assert_eq!(error.code, Code::SourceDenied, "{text}");
        assert!(text.contains(says), "{says}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("5346"), "{text}");
    }
}

#[test]
fn keys_of_stores_and_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let netrc = folder.path().join("netrc");
    write(&netrc, "machine data.org login me password s3cret", 0o644);
    let netrc = netrc.display().to_string();
    let held = lookup(Some(CredentialKind::Basic), "archive", &machine(&[("NETRC", &netrc)])).unwrap();
    assert!(held.warning.is_some_and(|warning| warning.contains("chmod 600")) && held.from.contains(&netrc));
    let keys = [
        ("ARCOFORGE_ARCHIVE_ACCESS_KEY_ID", "AKIA"),
        ("ARCOFORGE_ARCHIVE_SECRET_ACCESS_KEY", "s3cret"),
        ("ARCOFORGE_ARCHIVE_SESSION_TOKEN", "t0ken"),
    ];
    let held = lookup(Some(CredentialKind::S3), "archive", &machine(&keys)).unwrap();
    let keys = held.s3().unwrap();
    assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.reveal()), ("AKIA", "s3cret"));
    let text = format!("{held:?}");
    assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
}
