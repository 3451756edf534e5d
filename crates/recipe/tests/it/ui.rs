use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use arcoforge_core::code::Code;
use arcoforge_recipe::{Diagnostic, Severity, json_schema, parse, parse_all, parse_all_with, reference};

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
            match parse_all(&text, &name) {
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
        match parse_all(&text, &name) {
            Ok((recipes, warnings)) => {
                let json = match recipes.as_slice() {
                    [recipe] => serde_json::to_string_pretty(recipe).unwrap(),
                    several => serde_json::to_string_pretty(several).unwrap(),
                };
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

#[test]
fn a_matrix_is_expanded() {
    let recipe = |matrix: &str| {
        format!(
            "schema: 1\nname: \"x-{{matrix.a}}-{{matrix.b}}\"\naxes: {{}}\nsource: {{files: [\"{{matrix.b}}.nc\"]}}\nmatrix: {matrix}\n"
        )
    };
    let mut read = |path: &str| match path {
        "rows.csv" => Ok("b,a\nB 1,2\nC,\"3,4\"\n".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    let rows = [
        ("{values: {a: [1, 2], b: [X, y]}}", "x-1-x x-1-y x-2-x x-2-y"),
        ("{values: {a: [1, 2], b: [X, y]}, exclude: [{a: 1, b: y}, {a: 2}]}", "x-1-x"),
        ("{values: {a: 1, b: [X]}, include: [{b: z, a: 3}]}", "x-1-x x-3-z"),
        ("{include: [{b: z, a: 3}]}", "x-3-z"),
        ("{csv: rows.csv}", "x-2-b-1 x-3-4-c"),
        ("{values: {a: [7]}, csv: \"b\\nq\\n\"}", "x-7-q"),
        ("{csv: none.csv}", "`none.csv`: no such file"),
        (
            "{values: {a: [1], b: [X, x]}}",
            "the rows `a: 1, b: X` and `a: 1, b: x` of `matrix` are both called `x-1-x`",
        ),
        ("{values: {a: [], b: [1]}}", "`matrix.values.a` lists no values"),
    ];
    for (matrix, expected) in rows {
        let found = match parse_all_with(&recipe(matrix), "r.yaml", &mut read) {
            Ok((recipes, _)) => recipes.into_iter().map(|r| r.name).collect::<Vec<_>>().join(" "),
            Err(diagnostics) => diagnostics[0].message.clone(),
        };
        assert_eq!(found, expected, "{matrix}");
    }
    let several = parse(&recipe("{values: {a: [1, 2], b: [X]}}"), "r.yaml").unwrap_err();
    assert_eq!(several[0].message, "the recipe makes 2 datasets, expected one here");
    assert_eq!(parse(&recipe("{values: {a: 1, b: X}}"), "r.yaml").unwrap().0.name, "x-1-x");
}

#[test]
fn a_problem_of_many_rows_is_reported_once() {
    let values: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    let text = format!(
        "schema: 1\nname: \"a-{{matrix.n}}\"\naxes: {{}}\nsource: {{files: [\"{{matrix.n}}.nc\"]}}\nsteps: [{{sqeeze: x}}]\nmatrix: {{values: {{n: [{}]}}}}\n",
        values.join(", ")
    );
    assert_eq!(parse_all(&text, "r.yaml").unwrap_err().len(), 1);
    let (recipes, _) = parse_all(&text.replace("sqeeze", "squeeze"), "r.yaml").unwrap();
    assert_eq!((recipes.len(), recipes[1999].name.as_str()), (2000, "a-1999"));
    let cube = text.replace("sqeeze", "squeeze").replace("n: [", "m: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, bb, cc, dd, ee, ff, gg, hh, ii, jj, kk, ll, mm, nn, oo], n: [");
    assert!(parse_all(&cube, "r.yaml").unwrap_err()[0].message.contains("102000 datasets"));
}
