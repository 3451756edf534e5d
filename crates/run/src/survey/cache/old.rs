//! Surveys of sources that no run has used for long: removed, a few at a time, so that the folder does not grow for ever.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What was not used for so long is removed.
const UNUSED_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Sources that one run looks at.
const LOOKED_AT_MAX: usize = 10_000;
/// Sources that one run removes.
const REMOVED_MAX: usize = 100;
/// Letters of the name of a source's folder.
const NAME_LENGTH: usize = 32;

/// Notes that a source was used now: by the time of its folder.
pub(super) fn touch(folder: &Path) {
    // a cache that can only be read stays as it is
    let _unnoted = File::open(folder).and_then(|opened| opened.set_modified(SystemTime::now()));
}

/// Removes sources below `root` that were not used for long. What can't be removed stays.
pub(super) fn prune(root: &Path, now: SystemTime) {
    let sources = fs::read_dir(root).into_iter().flatten().flatten().take(LOOKED_AT_MAX);
    let unused = |path: &Path| {
        let used = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_dir)?.modified().ok()?;
        Some(now.duration_since(used).ok()? > UNUSED_MAX)
    };
    let old = sources.map(|entry| entry.path()).filter(|path| is_source(path) && unused(path) == Some(true));
    for folder in old.take(REMOVED_MAX) {
        for file in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if file.extension().is_some_and(|end| end == "survey") {
                let _left = fs::remove_file(file);
            }
        }
        let _left = fs::remove_dir(folder);
    }
}

/// Whether it has the name that a cache gives the folder of a source: nothing else is touched.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    name.len() == NAME_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_a_month_goes_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (day, now) = (Duration::from_secs(24 * 60 * 60), SystemTime::now());
        let (ours, other) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        // name, days since it was used, a file in it, whether it stays
        let rows = [
            (ours, 31, "0.survey", false),
            (other, 29, "0.survey", true),
            ("00000000000000000000000000000000", 31, "notes.txt", true),
            ("downloads", 400, "0.survey", true),
            ("0123456789abcdef0123456789abcdeX", 400, "0.survey", true),
        ];
        for (name, days, file, _) in rows {
            let source = folder.path().join(name);
            fs::create_dir(&source).expect("a folder");
            fs::write(source.join(file), "kept").expect("written");
            let used = File::open(&source).and_then(|opened| opened.set_modified(now - day * days));
            used.expect("the time is set");
        }
        prune(folder.path(), now);
        for (name, _, file, stays) in rows {
            assert_eq!(folder.path().join(name).join(file).is_file(), stays, "{name}");
        }
        touch(&folder.path().join(other));
        prune(folder.path(), SystemTime::now() + day * 29);
        assert!(folder.path().join(other).is_dir(), "it was used");
        prune(folder.path(), SystemTime::now() + day * 31);
        assert!(!folder.path().join(other).exists());
        prune(&folder.path().join("none"), now);
    }
}
