//! Local disks: what tells a file from every other; whole files or none, and trees that change place at once.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use arcoforge_core::error::{Code, Error, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Whether a write must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Left to the system to write out; survives the end of this process.
    #[default]
    Process,
    /// Flushed to the disk, the name in its folder too.
    Disk,
}

/// How two directories changed places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// At once: at any time both names exist.
    Atomic,
    /// In three renames, since the file system can't do it at once: for a moment one name did not exist.
    InSteps,
}

/// What tells a file or folder from every other on its file system, and stays when it is renamed. Numbers of file systems
/// change when the system starts again, so there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    inode: u64,
    /// When it was made, where the file system says so: numbers of files that are gone are given away again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    made_ns: Option<u64>,
}

impl Identity {
    /// Of what lies at a path, also of a link.
    ///
    /// # Errors
    /// The system's, where nothing lies there or that can't be told.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|found| Self::from(&found))
    }
}

impl From<&Metadata> for Identity {
    fn from(found: &Metadata) -> Self {
        let made = found.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made_ns = made.and_then(|made| u64::try_from(made.as_nanos()).ok());
        Self { inode: found.ino(), made_ns }
    }
}

/// As notes have it: the number, and the time or 0.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.inode, self.made_ns.unwrap_or_default())
    }
}

/// Whether an open file still has this name, or another one has it now.
pub fn is_at(file: &File, path: &Path) -> bool {
    // on one system that runs, the numbers of file systems stay
    let same = |a: Metadata, b: Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().is_ok_and(|open| fs::metadata(path).is_ok_and(|named| same(open, named)))
}

/// When a file's content, or what the file system keeps of it, last changed: nanoseconds since 1970. No program can set it
/// back.
pub fn changed_ns(metadata: &Metadata) -> i128 {
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

/// Writes a file whole or not at all: to a temporary name beside it, then renamed over it. Folders are made as needed.
///
/// # Errors
/// `target-unwritable` with the path and the system's reason; nothing stays behind.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_write_with(path, bytes, Durability::Process)
}

/// [`atomic_write`], with the choice of flushing to the disk.
pub fn atomic_write_with(path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    let temporary = temporary_beside(path);
    let written = write_file(&temporary, bytes, durability)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| if durability == Durability::Disk { sync_parent(path) } else { Ok(()) });
    written.map_err(|e| {
        let _ = fs::remove_file(&temporary);
        unwritable(path, e)
    })
}

/// [`atomic_write`] of what `fill` writes.
///
/// # Errors
/// As [`atomic_write`].
pub fn atomic_fill(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let temporary = temporary_beside(path);
    let written = create_file(&temporary)
        .and_then(|mut file| fill(&mut file))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|e| {
        let _ = fs::remove_file(&temporary);
        unwritable(path, e)
    })
}

/// Writes a file in place, making folders as needed: for trees that nobody reads before they are renamed.
///
/// # Errors
/// `target-unwritable`; half a file may stay behind.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, bytes, Durability::Process).map_err(|e| unwritable(path, e))
}

fn write_file(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = create_file(path)?;
    file.write_all(bytes)?;
    if durability == Durability::Disk { file.sync_all() } else { Ok(()) }
}

/// A new file, with its folder where there is none.
fn create_file(path: &Path) -> io::Result<File> {
    match File::create(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            File::create(path)
        }
        other => other,
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// A name in the same folder that no other writer uses; hidden, so that no reader of a store takes it for a key.
pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{count}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Fills `buffer` as far as the stream goes.
pub(crate) fn fill(reader: &mut (impl io::Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Bytes that a disk has free for this user, where it says so.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Makes a directory and those above it; it may exist already.
pub fn create_dirs(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| unwritable(path, e))
}

/// Renames a file or directory to a name that must not exist yet.
///
/// # Errors
/// `target-exists` if `to` exists, `target-unwritable` for all else; then nothing has changed.
pub fn rename_noreplace(from: &Path, to: &Path) -> Result<()> {
    let renamed = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(e) if is_unsupported(e) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(exists(to));
            }
            fs::rename(from, to)
        }
        other => other.map_err(io::Error::from),
    };
    renamed.map_err(|e| if e.kind() == io::ErrorKind::AlreadyExists { exists(to) } else { unwritable(to, e) })
}

/// Lets two files or directories, both of which exist, change names; at once where the file system can.
///
/// # Errors
/// `target-unwritable`; then nothing has changed.
pub fn exchange_dirs(a: &Path, b: &Path) -> Result<Exchange> {
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Exchange::Atomic),
        Err(e) if is_unsupported(e) => {
            exchange_in_steps(a, b).map_err(|e| unwritable(b, e))?;
            Ok(Exchange::InSteps)
        }
        Err(e) => Err(unwritable(b, e.into())),
    }
}

fn exchange_in_steps(a: &Path, b: &Path) -> io::Result<()> {
    fs::symlink_metadata(a)?;
    let aside = temporary_beside(b);
    fs::rename(b, &aside)?;
    fs::rename(a, b).inspect_err(|_| {
        let _ = fs::rename(&aside, b);
    })?;
    fs::rename(&aside, a).inspect_err(|_| {
        let _ = fs::rename(b, a).and_then(|()| fs::rename(&aside, b));
    })
}

fn is_unsupported(e: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP].contains(&e)
}

/// Removes a file or a directory with all that it holds; links are removed, not followed. What is not there is fine.
pub fn remove_tree(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(unwritable(path, e)),
        _ => Ok(()),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(Code::TargetExists, "the name is taken already").at(path.display().to_string())
}

/// An error of the file system as an error of a target: what is wrong with `path`, and what to do.
pub fn unwritable(path: &Path, e: io::Error) -> Error {
    use io::ErrorKind as Kind;
    let (message, help) = match e.kind() {
        Kind::PermissionDenied => {
            ("no permission to write here", "choose a folder that this user may write to")
        }
        Kind::ReadOnlyFilesystem => ("the file system is read-only", "choose another place for the target"),
        Kind::StorageFull => ("the disk is full", "free some space or choose another disk, then run again"),
        Kind::QuotaExceeded => ("the disk quota is used up", "free some space, then run again"),
        Kind::NotADirectory => ("a part of the path is a file, not a folder", "choose another path"),
        Kind::IsADirectory => ("found a folder, expected a file", "choose another path"),
        Kind::InvalidFilename => ("the name is too long or not allowed here", "choose a shorter name"),
        Kind::FileTooLarge => ("the file is larger than allowed here", "check `ulimit -f`"),
        Kind::NotFound => ("the path does not exist", "check the path; it may have been removed meanwhile"),
        Kind::CrossesDevices => {
            ("the two paths lie on different file systems", "keep scratch and target on one disk")
        }
        _ => ("writing failed", "check the disk and the path"),
    };
    Error::new(Code::TargetUnwritable, message).caused_by(e).at(path.display().to_string()).help(help)
}
