//! What a machine holds: its environment, and where its `.netrc` and keyring lie.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};

use super::entry::Entry;
use super::netrc::{self, NetrcEntry};

/// The machine, as it is asked for credentials.
#[derive(Clone, Default)]
pub struct Machine {
    /// In place of the environment of this process.
    variables: Option<BTreeMap<String, String>>,
}

// the environment holds secrets
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine with this environment and no other; for tests, and for bakeries that hold several users' credentials.
    pub fn with_variables(variables: BTreeMap<String, String>) -> Self {
        Self { variables: Some(variables) }
    }

    /// A variable of the environment, where it has a value.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let value = match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    fn home(&self, below: &str) -> Option<PathBuf> {
        self.variable("HOME").map(|home| Path::new(&home).join(below))
    }

    /// Where the keyring lies: `$ARCOFORGE_KEYRING`, else `credentials.toml` in `$XDG_CONFIG_HOME/arcoforge` or
    /// `~/.config/arcoforge`.
    pub fn keyring_path(&self) -> Option<PathBuf> {
        let named = self.variable("ARCOFORGE_KEYRING").map(PathBuf::from);
        let config = || self.variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| self.home(".config"));
        named.or_else(|| Some(config()?.join("arcoforge").join("credentials.toml")))
    }

    /// Where `.netrc` lies: `$NETRC`, else `~/.netrc`.
    pub fn netrc_path(&self) -> Option<PathBuf> {
        self.variable("NETRC").map(PathBuf::from).or_else(|| self.home(".netrc"))
    }

    /// What the keyring holds under a name.
    ///
    /// # Errors
    /// `source-denied` for a keyring that others may read, that can't be read, or that is not well formed.
    pub(crate) fn read_keyring(&self, name: &str) -> Result<Option<Entry>> {
        let Some(path) = self.keyring_path() else { return Ok(None) };
        let Some((text, mode)) = read(&path, "the keyring")? else { return Ok(None) };
        if mode & 0o077 != 0 {
            let message =
                format!("the keyring may be read by others (mode {:04o}), expected 0600", mode & 0o7777);
            return Err(Error::new(Code::SourceDenied, message).at(path.display().to_string()).help(
                format!("`chmod 600 {}`; if it was so for long, change what it holds", path.display()),
            ));
        }
        Entry::of_keyring(&text, name, &path)
    }

    /// The entries of `.netrc`, and a warning where others may read it.
    ///
    /// # Errors
    /// `source-denied` for one that can't be read.
    pub(crate) fn read_netrc(&self) -> Result<(Vec<NetrcEntry>, Option<String>)> {
        let Some(path) = self.netrc_path() else { return Ok((Vec::new(), None)) };
        let Some((text, mode)) = read(&path, "`.netrc`")? else { return Ok((Vec::new(), None)) };
        let open = (mode & 0o077 != 0).then(|| {
            let path = path.display();
            format!(
                "{path} holds passwords and may be read by others (mode {:04o}): `chmod 600 {path}`",
                mode & 0o7777
            )
        });
        Ok((netrc::parse(&text), open))
    }
}

/// A file's text and its mode; none where there is no file.
fn read(path: &Path, what: &str) -> Result<Option<(String, u32)>> {
    let unreadable = |e: std::io::Error| {
        Error::new(Code::SourceDenied, format!("{what} can't be read"))
            .caused_by(e)
            .at(path.display().to_string())
            .help("it must be a text file (UTF-8) that this user may read")
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Ok(Some((text, metadata.permissions().mode())))
}
