use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use arcoforge_core::code::Code;
use arcoforge_recipe::{Diagnostic, Severity, json_schema, parse, reference};

fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui")
}

/// Files of a folder with an ending, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    files.sort();
    files
}

/// Compares with a committed file, or writes it; `true` where they differ.
fn differs(path: &Path, found: &str) -> bool {
    if std::env::var_os("UPDATE_UI").is_some() {
        fs::write(path, found).unwrap();
        return false;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != found {
        println!("--- {}\n{expected}\n--- found\n{found}", path.display());
    }
    expected != found
}

fn report(diagnostics: &[Diagnostic], text: &str, name: &str) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let _ = writeln!(out, "{}", diagnostic.render(text, name).trim_end());
        out.push('\n');
    }
    // no trailing blanks in the committed files
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
}

#[test]
fn bad_recipes_get_the_expected_report() {
    let mut wrong = Vec::new();
    for code in Code::ALL.iter().filter(|code| code.as_str().starts_with("recipe-")) {
        let recipes = files(&ui().join(code.as_str()), "yaml");
        assert!(!recipes.is_empty(), "no bad recipe for {code}");
        for path in recipes {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match parse(&text, &name) {
                Ok(_) => wrong.push(format!("{} is accepted", path.display())),
                Err(diagnostics) => {
                    if !diagnostics.iter().any(|d| d.code == *code && d.severity == Severity::Error) {
                        wrong.push(format!("{} lacks {code}", path.display()));
                    }
                    if differs(&path.with_extension("txt"), &report(&diagnostics, &text, &name)) {
                        wrong.push(format!("{} has another report", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn good_recipes_mean_what_is_expected() {
    let mut wrong = Vec::new();
    for path in files(&ui().join("good"), "yaml") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match parse(&text, &name) {
            Ok((recipe, warnings)) => {
                let json = serde_json::to_string_pretty(&recipe).unwrap();
                let meaning = format!("{json}\n{}", report(&warnings, &text, &name));
                if differs(&path.with_extension("txt"), &meaning) {
                    wrong.push(format!("{} means something else", path.display()));
                }
            }
            Err(diagnostics) => wrong.push(report(&diagnostics, &text, &name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reference_and_the_schema_are_up_to_date() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    assert!(!differs(&docs.join("recipe-reference.md"), &reference()), "UPDATE_UI=1 writes it anew");
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    assert!(!differs(&docs.join("recipe.schema.json"), &schema), "UPDATE_UI=1 writes it anew");
}

#[test]
fn diagnostics_are_json() {
    let text = "schema: 1\nname: Ä\naxes: {}\nsource: {files: [a.nc]}\nsteps: [{sqeeze: [x]}]\n";
    let diagnostics = parse(text, "r.yaml").unwrap_err();
    let expected = serde_json::json!([
        {
            "code": "recipe-value", "severity": "error", "message": "`Ä` is not a name for a dataset",
            "file": "r.yaml", "span": {"start": 16, "end": 18}, "line": 2, "column": 7, "label": "",
            "help": "a name has lower-case letters, digits and hyphens, at most 100",
        },
        {
            "code": "recipe-unknown-step", "severity": "error", "message": "there is no step `sqeeze`",
            "file": "r.yaml", "span": {"start": 61, "end": 67}, "line": 5, "column": 10, "label": "unknown step",
            "help": "did you mean `squeeze`?",
        },
    ]);
    assert_eq!(serde_json::to_value(&diagnostics).unwrap(), expected);
}

#[test]
fn crlf_and_a_byte_order_mark_are_read() {
    let text = "\u{feff}schema: 1\r\nname: a\r\naxes: {}\r\nsource: {files: [a.nc]}\r\n";
    let (recipe, warnings) = parse(text, "r.yaml").unwrap();
    assert_eq!((recipe.name.as_str(), warnings.len()), ("a", 0));
}
