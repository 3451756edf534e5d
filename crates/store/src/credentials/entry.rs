//! What one place of the machine holds under one name.

use std::path::Path;
use std::process::{Command, Stdio};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::CredentialKind;

use super::Secret;
use super::machine::Machine;

/// Values by name, of the environment or of a table of the keyring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Option<CredentialKind>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) token: Option<Secret>,
    /// A program and its arguments that print a token.
    pub(crate) token_command: Option<Vec<String>>,
    pub(crate) query: Option<Secret>,
    pub(crate) access_key_id: Option<String>,
    pub(crate) secret_access_key: Option<Secret>,
    pub(crate) session_token: Option<Secret>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) region: Option<String>,
    /// The hosts that may get them, where the machine says so.
    pub(crate) hosts: Option<Vec<String>>,
    /// Where they were found, for people.
    pub(crate) from: String,
}

/// `ARCOFORGE_NAME_`: what the variables of credentials begin with.
pub(crate) fn prefix(name: &str) -> String {
    format!("ARCOFORGE_{}_", name.to_ascii_uppercase().replace('-', "_"))
}

impl Entry {
    /// What the environment holds under a name.
    pub(crate) fn of_environment(machine: &Machine, name: &str) -> Option<Self> {
        let prefix = prefix(name);
        let mut found = Vec::new();
        let mut get = |what: &str| {
            let own = format!("{prefix}{what}");
            let usual = format!("EARTHDATA_{what}");
            let names = if name == "earthdata" { vec![own, usual] } else { vec![own] };
            let (name, value) =
                names.into_iter().find_map(|n| machine.variable(&n).map(|value| (n, value)))?;
            found.push(format!("`{name}`"));
            Some(value)
        };
        let mut entry = Self {
            kind: None,
            username: get("USERNAME"),
            password: get("PASSWORD").map(Secret::new),
            token: get("TOKEN").map(Secret::new),
            token_command: get("TOKEN_COMMAND").map(|line| vec!["sh".to_owned(), "-c".to_owned(), line]),
            query: get("QUERY").map(Secret::new),
            access_key_id: get("ACCESS_KEY_ID"),
            secret_access_key: get("SECRET_ACCESS_KEY").map(Secret::new),
            session_token: get("SESSION_TOKEN").map(Secret::new),
            endpoint_url: get("ENDPOINT_URL"),
            region: get("REGION"),
            hosts: None,
            from: String::new(),
        };
        if found.is_empty() {
            return None;
        }
        let words = |text: String| {
            text.split([',', ' ']).filter(|w| !w.is_empty()).map(str::to_ascii_lowercase).collect()
        };
        entry.hosts = machine.variable(&format!("{prefix}HOSTS")).map(words);
        if found.iter().any(|name| name.starts_with("`EARTHDATA_")) {
            // whatever a recipe calls them, they go where Earthdata's go
            entry.kind = Some(CredentialKind::Earthdata);
        }
        entry.from = format!("the environment ({})", found.join(", "));
        Some(entry)
    }

    /// The table of a name in a keyring. Messages name lines and keys, never values.
    pub(crate) fn of_keyring(text: &str, name: &str, path: &Path) -> Result<Option<Self>> {
        let wrong = |what: String| {
            Error::new(Code::SourceDenied, what).at(path.display().to_string()).help(
                "a keyring has one table for each name, such as `[archive]` with `username = \"…\"` and `password = \"…\"`",
            )
        };
        let tables: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            wrong(format!("line {} of the keyring is not valid TOML", before.lines().count().max(1)))
        })?;
        let Some(table) = tables.get(name) else { return Ok(None) };
        let table = table.as_table().ok_or_else(|| wrong(format!("`{name}` is not a table")))?;
        let mut entry = Self { from: format!("`{}`", path.display()), ..Self::default() };
        for (key, value) in table {
            let expected = |what: &str| wrong(format!("`{name}.{key}` is not {what}"));
            let text = || value.as_str().map(str::to_owned).ok_or_else(|| expected("a text"));
            let texts = || {
                let list =
                    value.as_array().map(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
                list.flatten().ok_or_else(|| expected("a list of texts"))
            };
            match key.as_str() {
                "kind" => {
                    let kind = CredentialKind::parse(&text()?);
                    entry.kind = Some(kind.ok_or_else(|| {
                        expected("one of `earthdata`, `basic`, `bearer`, `query` and `s3`")
                    })?);
                }
                "username" => entry.username = Some(text()?),
                "password" => entry.password = Some(Secret::new(text()?)),
                "token" => entry.token = Some(Secret::new(text()?)),
                "token_command" => entry.token_command = Some(texts()?),
                "query" => entry.query = Some(Secret::new(text()?)),
                "access_key_id" => entry.access_key_id = Some(text()?),
                "secret_access_key" => entry.secret_access_key = Some(Secret::new(text()?)),
                "session_token" => entry.session_token = Some(Secret::new(text()?)),
                "endpoint_url" => entry.endpoint_url = Some(text()?),
                "region" => entry.region = Some(text()?),
                "hosts" => {
                    let list: Vec<String> = texts()?;
                    entry.hosts = Some(list.iter().map(|host| host.to_ascii_lowercase()).collect());
                }
                _ => {
                    return Err(wrong(format!(
                        "the keyring's table `{name}` has the key `{key}`, which is not known"
                    )));
                }
            }
        }
        Ok(Some(entry))
    }

    /// The token: as it is held, or as the command prints it now.
    pub(crate) fn fetch_token(&self) -> Result<Option<Secret>> {
        let token = match &self.token_command {
            Some(command) => Some(run(command)?),
            None => self.token.clone(),
        };
        let token = token.map(|token| Secret::new(token.reveal().trim()));
        if token.as_ref().is_some_and(|token| !token.reveal().bytes().all(|b| b.is_ascii_graphic())) {
            return Err(Error::new(
                Code::SourceDenied,
                format!("the token in {} has blanks or other signs", self.from),
            )
            .help("a token is one word: copy it again"));
        }
        Ok(token)
    }
}

/// Runs a command that prints a token. What it prints is never shown.
fn run(command: &[String]) -> Result<Secret> {
    let failed = |why: String| {
        Error::new(Code::SourceDenied, format!("the command that prints the token {why}"))
            .help("run it by hand: it must print the token, and nothing else, on its standard output")
    };
    let Some((program, arguments)) = command.split_first() else { return Err(failed("is empty".to_owned())) };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|e| failed("can't be run".to_owned()).caused_by(e))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({})", output.status)));
    }
    let text = String::from_utf8(output.stdout).unwrap_or_default();
    match text.trim() {
        "" => Err(failed("printed nothing".to_owned())),
        token if token.lines().count() > 1 => Err(failed("printed several lines".to_owned())),
        token => Ok(Secret::new(token)),
    }
}
