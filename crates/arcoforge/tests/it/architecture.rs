//! Holds ARCHITECTURE.md to the workspace: which crate depends on which, which library stays behind which border, and
//! that the code map names every module.

#![allow(clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A set of names, in order.
type Names = BTreeSet<String>;

/// What Cargo says of one crate of the workspace.
struct Package {
    normal: Names,
    dev: Names,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every crate of the workspace by name, as `cargo metadata` has it.
fn packages() -> BTreeMap<String, Package> {
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let metadata: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let named = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let package = |package: &Value| {
        let of = |kind: Option<&str>| {
            list(&package["dependencies"]).iter().filter(|d| d["kind"].as_str() == kind).map(named).collect()
        };
        (named(package), Package { normal: of(None), dev: of(Some("dev")) })
    };
    list(&metadata["packages"]).iter().map(package).collect()
}

/// The rows of the first table below a heading, without its head: the cells of each, without backticks.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let below = document.split_once(&format!("\n{heading}\n")).map(|(_, rest)| rest);
    let below = below.unwrap_or_else(|| panic!("ARCHITECTURE.md has no heading `{heading}`"));
    let lines = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|l| l.starts_with('|'));
    let cells = |line: &str| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    lines.skip(2).map(cells).collect()
}

/// `core, store` as full names; a library's name stays as it is.
fn names(cell: &str) -> Names {
    let full = |name: &str| if name == "arcoforge" { name.to_owned() } else { format!("arcoforge-{name}") };
    cell.split(',').map(str::trim).filter(|name| !name.is_empty()).map(full).collect()
}

fn own(names: &Names) -> Names {
    names.iter().filter(|name| name.starts_with("arcoforge")).cloned().collect()
}

#[test]
fn crates_depend_on_what_the_table_says() {
    let document = text("ARCHITECTURE.md");
    let mut packages = packages();
    for row in table(&document, "### Dependencies") {
        let [name, normal, dev] = row.as_slice() else { panic!("three cells expected: {row:?}") };
        let package = packages.remove(name).unwrap_or_else(|| panic!("`{name}` is not in the workspace"));
        let both = |names: &Names| own(names).difference(&own(&package.normal)).cloned().collect::<Names>();
        assert_eq!(own(&package.normal), self::names(normal), "what `{name}` depends on (left: Cargo.toml)");
        assert_eq!(
            both(&package.dev),
            self::names(dev),
            "what the tests of `{name}` need (left: Cargo.toml)"
        );
    }
    let absent: Vec<&String> = packages.keys().collect();
    assert!(absent.is_empty(), "not in the table of ARCHITECTURE.md: {absent:?}");
}

#[test]
fn libraries_stay_behind_their_border() {
    let document = text("ARCHITECTURE.md");
    let packages = packages();
    for row in table(&document, "### Libraries that stay behind one border") {
        let [library, owner] = row.as_slice() else { panic!("two cells expected: {row:?}") };
        let users: Names = packages
            .iter()
            .filter(|(_, p)| p.normal.contains(library))
            .map(|(name, _)| name.clone())
            .collect();
        assert_eq!(users, names(owner), "who uses `{library}` (left: Cargo.toml)");
    }
}

/// The text of a crate's section, up to the next heading.
fn section<'a>(document: &'a str, name: &str) -> &'a str {
    let below = document.split_once(&format!("\n### {name}\n")).map(|(_, rest)| rest);
    let below = below.unwrap_or_else(|| panic!("ARCHITECTURE.md has no section on `{name}`"));
    below.split("\n##").next().unwrap_or_default()
}

#[test]
fn the_code_map_names_every_module_and_one_never() {
    let document = text("ARCHITECTURE.md");
    let mut problems = Vec::new();
    for name in packages().keys() {
        let section = section(&document, name);
        if section.matches("**Never**").count() != 1 {
            problems.push(format!("the section on `{name}` says `**Never**` other than once"));
        }
        let folder = name.strip_prefix("arcoforge-").unwrap_or("arcoforge");
        let source = ["lib.rs", "main.rs"]
            .iter()
            .find_map(|file| {
                std::fs::read_to_string(root().join("crates").join(folder).join("src").join(file)).ok()
            })
            .unwrap_or_default();
        let modules: Names = source
            .lines()
            .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
            .map(str::to_owned)
            .collect();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let listed: Names = rows
            .filter_map(|row| row.trim_start_matches('|').split('|').next())
            .flat_map(|cell| cell.split(','))
            .map(|module| module.trim().replace('`', ""))
            .collect();
        problems.extend(modules.difference(&listed).map(|m| format!("`{name}`: module `{m}` is not listed")));
        problems.extend(listed.difference(&modules).map(|m| format!("`{name}`: there is no module `{m}`")));
    }
    assert!(problems.is_empty(), "ARCHITECTURE.md is out of date:\n{}", problems.join("\n"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    for folder in ["docs", "docs/design"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder").flatten();
        documents.extend(entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "md")));
    }
    documents.sort();
    let mut broken = Vec::new();
    for document in documents {
        let text = text(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let local = !target.is_empty() && !target.contains("://") && !target.contains(' ');
            if local && !document.with_file_name(target).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links to nowhere:\n{}", broken.join("\n"));
}
