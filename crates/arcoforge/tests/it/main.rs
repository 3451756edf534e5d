//! The binary as users call it: usage errors, exit codes, what goes to which stream. Everything about data is held by the
//! Python suite.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod architecture;
mod docs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_arcoforge")).args(arguments).current_dir(&self.0).output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const RECIPE: &str = "schema: 1\nname: tiny\naxes: {}\nsource: {files: [absent.nc]}\n";

#[test]
fn exit_codes_and_messages() {
    let folder = Folder::new("messages");
    folder.write("good.yaml", RECIPE);
    folder.write("typo.yaml", &RECIPE.replace("axes", "axis"));
    folder.write("typos.yaml", &RECIPE.replace("axes", "axis").replace("files", "file"));
    folder.write("inside/recipe.yaml", RECIPE);
    folder.write("page.nc", "<!DOCTYPE html><html></html>");
    folder.write("notes.txt", "no data");
    let rows: &[(&[&str], i32, &[&str])] = &[
        (&["bakes"], 2, &["error[usage]", "bake"]),
        (&["bake"], 2, &["error[usage]", "RECIPE|FILE"]),
        (&["bake", "good.yaml", "--chunks", "time"], 2, &["error[usage]", "DIM=LENGTH"]),
        (&["bake", "good.yaml", "--format", "zarr9"], 2, &["error[usage]", "zarr9"]),
        (&["bake", "good.yaml", "--memory", "2"], 2, &["error[usage]", "2GiB"]),
        (&["bake", "good.yaml", "--workers", "0"], 2, &["error[usage]"]),
        (&["bake", "good.yaml", "--concat", "time"], 2, &["error[usage]", "--concat"]),
        (&["bake", "good.yaml", "page.nc"], 2, &["error[usage]", "good.yaml"]),
        (&["bake", "a.nc", "b.nc", "--to", "x.zarr"], 2, &["error[usage]", "--concat time"]),
        (&["bake", "a.nc"], 2, &["error[usage]", "--to"]),
        (&["bake", "inside"], 2, &["error[usage]", "inside/recipe.yaml"]),
        (&["bake", "absent.yaml"], 2, &["error[usage]", "absent.yaml", "does not exist"]),
        (&["check", "typo.yaml"], 3, &["error[recipe-unknown-key]", "axes", "typo.yaml"]),
        (&["check", "typos.yaml"], 3, &["did you mean `files`", "problems in typos.yaml"]),
        (&["bake", "good.yaml", "--step", "renam: {a: b}"], 3, &["recipe-unknown-step", "rename"]),
        (&["bake", "good.yaml", "--set", "combine.unitz=error"], 3, &["recipe-unknown-policy"]),
        (&["bake", "good.yaml"], 5, &["source-not-found", "absent.nc"]),
        (&["plan", "good.yaml"], 5, &["source-not-found", "absent.nc"]),
        (&["lock", "good.yaml", "--take", "time=1"], 2, &["--take"]),
        (&["bake", "page.nc", "--to", "x.zarr"], 5, &["source-not-data", "page.nc"]),
        (&["bake", "*.h5", "--to", "x.zarr"], 5, &["source-not-found", "*.h5"]),
        (&["bake", "good.yaml", "--to", "https://host/x.zarr"], 6, &["target-unsupported", "https://"]),
        (&["bake", "good.yaml", "--to", ""], 2, &["error[usage]", "--to sst.zarr"]),
        (&["plan", "good.yaml", "--test"], 2, &["error[usage]", "test: {take:"]),
        (&["inspect", "absent.nc"], 5, &["source-not-found", "absent.nc"]),
        (&["init", "absent"], 5, &["source-not-found", "absent"]),
        (&["init", "page.nc", "--output", "notes.txt"], 6, &["target-exists", "--overwrite"]),
        (&["verify", "good.yaml", "--sample", "0"], 2, &["error[usage]"]),
    ];
    let before: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    for (arguments, status, words) in rows {
        let done = folder.run(arguments);
        let shown = text(&done.stderr);
        assert_eq!(done.status.code(), Some(*status), "{arguments:?}: {shown}");
        assert_eq!(text(&done.stdout), "", "{arguments:?}: errors belong on stderr");
        for word in *words {
            assert!(shown.contains(word), "{arguments:?} does not say `{word}`: {shown}");
        }
        assert!(!shown.contains('\x1b'), "{arguments:?}: no colours where stderr is no terminal");
    }
    let after: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(before, after, "nothing is left behind");
}

#[test]
fn json_errors_are_one_object_a_line() {
    let folder = Folder::new("json");
    folder.write("good.yaml", RECIPE);
    folder.write("typo.yaml", &RECIPE.replace("axes", "axis"));
    let rows: &[(&[&str], i32, &str)] = &[
        (&["bake", "good.yaml", "--json"], 5, "source-not-found"),
        (&["check", "typo.yaml", "--json"], 3, "recipe-unknown-key"),
        (&["bake", "--json"], 2, "usage"),
        (&["inspect", "absent.nc", "--json"], 5, "source-not-found"),
    ];
    for (arguments, status, code) in rows {
        let done = folder.run(arguments);
        assert_eq!(done.status.code(), Some(*status), "{arguments:?}");
        let lines: Vec<serde_json::Value> =
            text(&done.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let error = lines.iter().find(|l| l["event"] == "error").unwrap();
        assert_eq!(error["code"], *code, "{arguments:?}");
        assert!(error["message"].is_string(), "{arguments:?}");
    }
}

#[test]
fn help_has_purpose_example_and_exit_codes() {
    let folder = Folder::new("help");
    let top = folder.run(&["--help"]);
    assert_eq!(top.status.code(), Some(0));
    assert!(text(&top.stdout).contains("Exit codes"));
    for command in ["bake", "plan", "check", "lock", "inspect", "verify", "init", "schema", "completions"] {
        let done = folder.run(&[command, "--help"]);
        assert_eq!(done.status.code(), Some(0), "{command}");
        let shown = text(&done.stdout);
        assert!(shown.contains("Example"), "{command}: {shown}");
        assert!(shown.contains(&format!("arcoforge {command}")), "{command}: {shown}");
        let first = shown.lines().next().unwrap_or_default();
        assert!(first.len() > 20, "{command} begins with its purpose: {first}");
    }
}

#[test]
fn data_goes_to_stdout() {
    let folder = Folder::new("stdout");
    folder.write("good.yaml", RECIPE);
    let done = folder.run(&["check", "good.yaml"]);
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(0), "good.yaml: ok, 1 input\n"));
    let done = folder.run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(schema["properties"]["axes"].is_object());
    assert_eq!(text(&done.stderr), "");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_can_not_be_written_is_an_error_and_a_reader_that_leaves_is_none() {
    let folder = Folder::new("full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (read, gone) = std::io::pipe().unwrap();
    drop(read);
    let rows: [(std::process::Stdio, i32, &str); 2] =
        [(full.into(), 6, "error[target-unwritable]"), (gone.into(), 0, "")];
    for (stdout, status, word) in rows {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcoforge"));
        let child = command.arg("schema").current_dir(&folder.0).stdout(stdout);
        let done = child.stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let shown = text(&done.stderr);
        assert_eq!(done.status.code(), Some(status), "{shown}");
        assert!(shown.starts_with(word), "{shown}");
    }
}
