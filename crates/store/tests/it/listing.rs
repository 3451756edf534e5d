use std::fs;
use std::os::unix::fs::symlink;

use arcoforge_core::error::Code;
use arcoforge_store::list_local;

/// A tree with files in the root and below, hidden ones, and links to a file, a folder and nowhere.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in
        ["b.nc", "a.nc", "c.json", ".hidden.nc", "10.nc", "9.nc", "x[1].nc", "d/e/f.nc", "d/g.nc", "d-1/h.nc"]
    {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    fs::create_dir_all(root.join("none")).unwrap();
    symlink("../b.nc", root.join("d/link.nc")).unwrap();
    symlink("..", root.join("d/up")).unwrap();
    symlink("nowhere", root.join("d/.#lock")).unwrap();
    folder
}

#[test]
fn links_to_folders_are_followed_and_every_folder_is_entered_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["in/a/f0.nc", "in/z/f1.nc", "b/f2.nc", "b/.h/f3.nc", "c/f4.nc"] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), name).unwrap();
    }
    for (to, at) in [
        ("../b", "in/b"),
        ("z", "in/0"),
        ("..", "in/up"),
        (".", "in/a/here"),
        ("nowhere", "in/.gone"),
        ("../c", "b/c"),
        ("../b", "c/b"),
    ] {
        symlink(to, root.join(at)).unwrap();
    }
    let rows: [(&str, &[&str]); 7] = [
        // what lies there without a link is named so; `up` leads to a folder above
        ("in/**/*.nc", &["in/a/f0.nc", "in/b/c/f4.nc", "in/b/f2.nc", "in/z/f1.nc"]),
        ("in/**", &["in/a/f0.nc", "in/b/c/f4.nc", "in/b/f2.nc", "in/z/f1.nc"]),
        ("in", &["in/a/f0.nc", "in/b/.h/f3.nc", "in/b/c/f4.nc", "in/b/f2.nc", "in/z/f1.nc"]),
        ("in/*/*.nc", &["in/0/f1.nc", "in/a/f0.nc", "in/b/f2.nc", "in/z/f1.nc"]),
        ("in/b/**/*.nc", &["in/b/c/f4.nc", "in/b/f2.nc"]),
        ("b/**", &["b/c/f4.nc", "b/f2.nc"]),
        ("c", &["c/b/.h/f3.nc", "c/b/f2.nc", "c/f4.nc"]),
    ];
    for (pattern, expected) in rows {
        let found = list_local(&[format!("{}/{pattern}", root.display())]).unwrap();
        let found: Vec<&str> =
            found.iter().map(|e| &e.path[root.display().to_string().len() + 1..]).collect();
        assert_eq!(found, expected, "{pattern}");
    }
}

#[test]
fn a_store_among_the_inputs_is_said_to_be_one() {
    for key in ["zarr.json", ".zgroup", ".zarray"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["in/f.nc", &format!("in/s.zarr/{key}"), "in/s.zarr/v/0.0"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), name).unwrap();
        }
        for (pattern, refused) in [
            ("in", true),
            ("in/**", true),
            ("in/**/*", true),
            ("in/**/*.nc", false),
            ("in/*.nc", false),
            ("in/*", false),
        ] {
            match list_local(&[format!("{}/{pattern}", root.display())]) {
                Err(e) => {
                    assert!(refused && e.code == Code::SourceNotData, "{pattern}: {e:?}");
                    assert!(
                        e.message.contains("Zarr store") && e.help.unwrap().contains("*.nc"),
                        "{pattern}"
                    );
                }
                Ok(found) => assert!(!refused && found.len() == 1, "{pattern}"),
            }
        }
    }
}

#[test]
fn patterns() {
    let folder = tree();
    let root = folder.path().display().to_string();
    let everything = vec![
        ".hidden.nc",
        "10.nc",
        "9.nc",
        "a.nc",
        "b.nc",
        "c.json",
        "d-1/h.nc",
        "d/e/f.nc",
        "d/g.nc",
        "d/link.nc",
        "x[1].nc",
    ];
    for (patterns, expected) in [
        (vec!["a.nc"], Ok(vec!["a.nc"])),
        (vec![""], Ok(everything.clone())),
        (vec!["b.nc", "a.nc", "b.nc"], Ok(vec!["b.nc", "a.nc"])),
        (vec!["*.nc"], Ok(vec!["10.nc", "9.nc", "a.nc", "b.nc", "x[1].nc"])),
        (vec!["[ab].nc"], Ok(vec!["a.nc", "b.nc"])),
        (vec!["x[1].nc"], Ok(vec!["x[1].nc"])),
        (vec!["d/*.nc", "*.json"], Ok(vec!["d/g.nc", "d/link.nc", "c.json"])),
        (vec!["d*/**/?.nc"], Ok(vec!["d-1/h.nc", "d/e/f.nc", "d/g.nc"])),
        (vec!["d/**"], Ok(vec!["d/e/f.nc", "d/g.nc", "d/link.nc"])),
        (vec!["**/**/g.nc"], Ok(vec!["d/g.nc"])),
        (vec!["d/u*/a.nc"], Ok(vec!["d/up/a.nc"])),
        (vec!["d/../*.json"], Ok(vec!["d/../c.json"])),
        (vec![".h*"], Ok(vec![".hidden.nc"])),
        (vec!["d"], Ok(vec!["d/e/f.nc", "d/g.nc", "d/link.nc"])),
        (vec!["d/"], Ok(vec!["d/e/f.nc", "d/g.nc", "d/link.nc"])),
        (vec!["a.nc", "z.nc"], Err((Code::SourceNotFound, "its folder"))),
        (vec!["*.grib"], Err((Code::SourceNotFound, "check the pattern"))),
        (vec!["no/such/*.nc"], Err((Code::SourceNotFound, "nearest folder that exists is"))),
        (vec!["*{a,b}.nc"], Err((Code::SourceNotFound, "braces"))),
        (vec!["non*"], Err((Code::SourceNotFound, "/**/*"))),
        (vec!["none"], Err((Code::SourceNotFound, "no files"))),
        (vec!["a***"], Err((Code::SourceNotFound, "not a valid glob"))),
        (vec!["a.nc/b.nc"], Err((Code::SourceNotFound, "nearest folder that exists is"))),
    ] {
        let full: Vec<String> = patterns.iter().map(|pattern| format!("{root}/{pattern}")).collect();
        let found = list_local(&full);
        match expected {
            Ok(names) => {
                let found = found.unwrap();
                let paths: Vec<&str> = found
                    .iter()
                    .map(|e| e.path.strip_prefix(&root).unwrap().trim_start_matches('/'))
                    .collect();
                assert_eq!(paths, names, "{patterns:?}");
                for entry in &found {
                    assert_eq!(entry.size, Some(fs::metadata(&entry.path).unwrap().len()));
                    assert!(entry.modified_ns.is_some());
                }
            }
            Err((code, part)) => {
                let error = found.unwrap_err();
                let text = format!("{error} {}", error.help.clone().unwrap_or_default());
                assert_eq!(error.code, code, "{patterns:?}: {text}");
                assert!(text.contains(part), "{patterns:?}: `{part}` not in: {text}");
                assert!(error.place.url.is_some());
            }
        }
    }
}

#[test]
fn links_to_nowhere_and_relative_patterns() {
    let folder = tree();
    let root = folder.path().display().to_string();
    symlink("nowhere", format!("{root}/d/visible.nc")).unwrap();
    assert_eq!(list_local(&[format!("{root}/d")]).unwrap_err().code, Code::SourceNotFound);
    assert_eq!(list_local(&[]).unwrap(), []);
    // Relative to the working directory, which is the crate's.
    for (pattern, expected) in
        [("src/l?b.rs", "src/lib.rs"), ("*.toml", "Cargo.toml"), ("./Cargo*", "./Cargo.toml")]
    {
        assert_eq!(list_local(&[pattern.to_owned()]).unwrap()[0].path, expected);
    }
}
