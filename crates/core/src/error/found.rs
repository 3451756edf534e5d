//! What the files of one problem have: all of them for programs, a few lines for people.

/// How many lines people see.
const LINES: usize = 3;
/// How many files are listed; the rest is counted.
const FILES_MAX: usize = 10_000;

/// One file, and what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// The file or URL.
    pub url: String,
    /// What it has; empty where naming it says all.
    pub has: String,
}

/// The files of one problem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// In order; the first ten thousand.
    pub files: Vec<FoundFile>,
    /// All, also those that are not listed.
    pub total: u64,
    /// For people: files that have the same, together.
    lines: Vec<String>,
}

impl Found {
    /// Of files and what each has.
    pub fn new(all: impl IntoIterator<Item = FoundFile>) -> Self {
        let mut found = Self::default();
        // what files have, how many have it, and the first of them; only those that are shown
        let mut groups: Vec<(FoundFile, u64)> = Vec::new();
        for file in all {
            found.total += 1;
            let alike = |(first, _): &&mut (FoundFile, u64)| !first.has.is_empty() && first.has == file.has;
            if let Some((_, count)) = groups.iter_mut().find(alike) {
                *count += 1;
            } else if groups.len() < LINES {
                groups.push((file.clone(), 1));
            }
            if found.files.len() < FILES_MAX {
                found.files.push(file);
            }
        }
        if found.total <= LINES as u64 {
            found.lines = found.files.iter().map(|file| line(file, 1)).collect();
            return found;
        }
        let told: u64 = groups.iter().map(|(_, count)| count).sum();
        found.lines = groups.iter().map(|(first, count)| line(first, *count)).collect();
        match found.total - told {
            0 if found.total > groups.len() as u64 => {
                found.lines.push(format!("(`--json` lists all {} files)", grouped(found.total)));
            }
            0 => {}
            1 => found.lines.push("… and 1 more file; `--json` lists it".to_owned()),
            more => found.lines.push(format!("… and {} more files; `--json` lists them", grouped(more))),
        }
        found
    }

    /// The first files, and how many there are besides; `scale_factor = 0.02: 4,998 files, first b.nc` for files that
    /// have the same.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

fn line(first: &FoundFile, count: u64) -> String {
    let FoundFile { url, has } = first;
    match count {
        1 if has.is_empty() => url.clone(),
        1 => format!("{url}: {has}"),
        _ => format!("{has}: {} files, first {url}", grouped(count)),
    }
}

/// `9,997`.
fn grouped(number: u64) -> String {
    let mut digits = number.to_string();
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, ',');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(how many files, what they have)`, one after the other.
    fn found(parts: &[(usize, &str)]) -> Found {
        let files = parts.iter().flat_map(|&(count, has)| (0..count).map(move |_| has));
        Found::new(files.enumerate().map(|(n, has)| FoundFile { url: format!("f{n}.nc"), has: has.into() }))
    }

    /// How many files have what, and the lines.
    type Row = (&'static [(usize, &'static str)], &'static [&'static str]);

    #[test]
    fn people_see_three_lines_and_the_count() {
        let rows: &[Row] = &[
            (&[], &[]),
            (&[(1, "a"), (1, "b")], &["f0.nc: a", "f1.nc: b"]),
            (&[(1, ""), (1, "")], &["f0.nc", "f1.nc"]),
            (&[(3, "a")], &["f0.nc: a", "f1.nc: a", "f2.nc: a"]),
            (
                &[(1, "x = 1"), (4998, "x = 2")],
                &["f0.nc: x = 1", "x = 2: 4,998 files, first f1.nc", "(`--json` lists all 4,999 files)"],
            ),
            (
                &[(1, "a"), (1, "b"), (1, "c"), (1, "d")],
                &["f0.nc: a", "f1.nc: b", "f2.nc: c", "… and 1 more file; `--json` lists it"],
            ),
            (
                &[(2, "a"), (1, "b"), (1, "c"), (1, "d"), (2, "a"), (9996, "d")],
                &[
                    "a: 4 files, first f0.nc",
                    "f2.nc: b",
                    "f3.nc: c",
                    "… and 9,997 more files; `--json` lists them",
                ],
            ),
        ];
        for (parts, expected) in rows {
            assert_eq!(found(parts).lines(), *expected, "{parts:?}");
        }
    }

    #[test]
    fn programs_see_ten_thousand_and_the_count() {
        let many = found(&[(12_345, "a")]);
        assert_eq!((many.files.len(), many.total), (10_000, 12_345));
    }
}
