//! Credentials: a recipe names them, the machine holds them, and a server gets those that belong to it and no others.
//!
//! They are looked for in the environment (`ARCOFORGE_NAME_USERNAME`, `_PASSWORD`, `_TOKEN`, …), in a keyring (TOML, one
//! table for each name) and, for user names and passwords, in `.netrc`. [`Secret`]s show themselves to nobody; they are put
//! into requests where these are sent, hop by hop, and never into a URL, a message or a file.

mod cookies;
mod entry;
mod hosts;
mod login;
mod machine;
mod netrc;
mod secret;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::CredentialKind;

use self::entry::{Entry, prefix};
use self::hosts::EARTHDATA_LOGIN;
use self::netrc::NetrcEntry;

pub(crate) use login::{Login, Pass};
pub use machine::Machine;
pub use secret::Secret;

/// Credentials that the machine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// How they are shown to a server.
    pub kind: CredentialKind,
    /// Where they were found, for people.
    pub from: String,
    /// What the user should know.
    pub warning: Option<String>,
    /// The hosts that may get them, where the machine says so.
    pub hosts: Option<Vec<String>>,
    pub(crate) values: Values,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Values {
    Basic(Account),
    Bearer(Secret),
    Query(Vec<(String, Secret)>),
    /// A token for the archives, an account for the login server; one of them or both.
    Earthdata(Option<Secret>, Option<Account>),
    S3(S3Keys),
}

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// For every host that they belong to.
    One(String, Secret),
    /// For each host its own.
    ByHost(Vec<NetrcEntry>),
}

/// The keys of an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Keys {
    /// Which key it is; no secret.
    pub access_key_id: String,
    /// What requests are signed with.
    pub secret_access_key: Secret,
    /// Where the keys are lent for a time.
    pub session_token: Option<Secret>,
    /// The server, where it is none of Amazon's.
    pub endpoint_url: Option<String>,
    /// Where the bucket lies.
    pub region: Option<String>,
}

impl Held {
    /// The keys of an object store, where these are some.
    pub fn s3(&self) -> Option<&S3Keys> {
        match &self.values {
            Values::S3(keys) => Some(keys),
            _ => None,
        }
    }
}

/// Looks for credentials: in the environment, then in the keyring, then in `.netrc`. Runs the command that prints a token,
/// where one is given.
///
/// # Errors
/// `source-denied` where the machine does not hold them, with what to set; for a keyring that others may read or that is not
/// well formed.
pub fn lookup(kind: Option<CredentialKind>, name: &str, machine: &Machine) -> Result<Held> {
    let mut incomplete = None;
    let environment = std::iter::once_with(|| Ok(Entry::of_environment(machine, name)));
    for place in environment.chain(std::iter::once_with(|| machine.read_keyring(name))) {
        let Some(entry) = place? else { continue };
        match held(kind, &entry)? {
            Some(held) => return Ok(held),
            None => incomplete = incomplete.or(Some(entry)),
        }
    }
    if matches!(kind, None | Some(CredentialKind::Basic | CredentialKind::Earthdata))
        && let Some(held) = of_netrc(kind.unwrap_or(CredentialKind::Basic), machine)?
    {
        return Ok(held);
    }
    Err(missing(kind, name, machine, incomplete.as_ref()))
}

/// What an entry gives for this kind; none where something lacks.
fn held(asked: Option<CredentialKind>, entry: &Entry) -> Result<Option<Held>> {
    let kind = match (asked, entry.kind) {
        (Some(asked), Some(own)) if asked != own => {
            let message = format!(
                "the recipe asks for credentials of the kind `{}`, and these are of the kind `{}`",
                asked.name(),
                own.name()
            );
            return Err(Error::new(Code::SourceDenied, message).help(format!("they are in {}", entry.from)));
        }
        (asked, own) => asked.or(own).or_else(|| guess(entry)),
    };
    let Some(kind) = kind else { return Ok(None) };
    let account = || Some(Account::One(entry.username.clone()?, entry.password.clone()?));
    let values = match kind {
        CredentialKind::Basic => account().map(Values::Basic),
        CredentialKind::Bearer => entry.fetch_token()?.map(Values::Bearer),
        CredentialKind::Query => entry.query.as_ref().map(pairs).transpose()?.map(Values::Query),
        CredentialKind::Earthdata => match (entry.fetch_token()?, account()) {
            (None, None) => None,
            (token, account) => Some(Values::Earthdata(token, account)),
        },
        CredentialKind::S3 => entry.access_key_id.clone().zip(entry.secret_access_key.clone()).map(
            |(access_key_id, secret_access_key)| {
                Values::S3(S3Keys {
                    access_key_id,
                    secret_access_key,
                    session_token: entry.session_token.clone(),
                    endpoint_url: entry.endpoint_url.clone(),
                    region: entry.region.clone(),
                })
            },
        ),
    };
    let (from, hosts) = (entry.from.clone(), entry.hosts.clone());
    Ok(values.map(|values| Held { kind, from, warning: None, hosts, values }))
}

/// The kind that an entry's values are of.
fn guess(entry: &Entry) -> Option<CredentialKind> {
    Some(if entry.token.is_some() || entry.token_command.is_some() {
        CredentialKind::Bearer
    } else if entry.query.is_some() {
        CredentialKind::Query
    } else if entry.access_key_id.is_some() {
        CredentialKind::S3
    } else if entry.username.is_some() {
        CredentialKind::Basic
    } else {
        return None;
    })
}

/// `name=value&name=value`, with values as they stand in a URL.
fn pairs(text: &Secret) -> Result<Vec<(String, Secret)>> {
    let text = text.reveal().trim_start_matches('?');
    let fits = |part: &str| part.bytes().all(|b| b.is_ascii_graphic() && !br#"&#"<>"#.contains(&b));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        (!name.is_empty() && fits(name) && fits(value)).then(|| (name.to_owned(), Secret::new(value)))
    };
    text.split('&').map(pair).collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::new(Code::SourceDenied, "the query of these credentials is not of the form `name=value`")
            .help("write it as it stands in a URL behind `?`, with `%` escapes")
    })
}

/// Accounts of `.netrc`: for Earthdata that of the login server. `default` is for anonymous FTP alone.
fn of_netrc(kind: CredentialKind, machine: &Machine) -> Result<Option<Held>> {
    let (entries, warning) = machine.read_netrc()?;
    let values = match kind {
        CredentialKind::Earthdata => entries
            .into_iter()
            .find(|entry| entry.host.as_deref() == Some(EARTHDATA_LOGIN))
            .map(|entry| Values::Earthdata(None, Some(Account::One(entry.username, entry.password)))),
        _ => {
            let named: Vec<_> = entries.into_iter().filter(|entry| entry.host.is_some()).collect();
            (!named.is_empty()).then_some(Values::Basic(Account::ByHost(named)))
        }
    };
    let from = machine.netrc_path().map_or_else(String::new, |path| format!("`{}`", path.display()));
    Ok(values.map(|values| Held { kind, from, warning, hosts: None, values }))
}

fn missing(kind: Option<CredentialKind>, name: &str, machine: &Machine, incomplete: Option<&Entry>) -> Error {
    let message = match incomplete {
        Some(entry) => format!("the credentials `{name}` are not complete in {}", entry.from),
        None => format!("this machine does not hold the credentials `{name}`"),
    };
    Error::new(Code::SourceDenied, message).help(what_to_set(kind, name, machine))
}

/// Which variables or files to set, for a kind.
pub(crate) fn what_to_set(kind: Option<CredentialKind>, name: &str, machine: &Machine) -> String {
    let prefix = prefix(name);
    let netrc = machine.netrc_path().map_or_else(|| "~/.netrc".to_owned(), |path| path.display().to_string());
    let keyring =
        machine.keyring_path().map_or_else(|| "the keyring".to_owned(), |p| p.display().to_string());
    let variables = match kind {
        Some(CredentialKind::Earthdata) => {
            return format!(
                "set `EARTHDATA_TOKEN`, or `EARTHDATA_USERNAME` and `EARTHDATA_PASSWORD`, or write `machine \
                 {EARTHDATA_LOGIN} login … password …` into `{netrc}`; an account is made at https://{EARTHDATA_LOGIN}"
            );
        }
        Some(CredentialKind::Basic) => {
            return format!(
                "set `{prefix}USERNAME` and `{prefix}PASSWORD`, or write `machine HOST login … password …` into `{netrc}`, \
                 or `[{name}]` with `username` and `password` into `{keyring}` (mode 0600)"
            );
        }
        Some(CredentialKind::Bearer) => ("TOKEN", "token"),
        Some(CredentialKind::Query) => ("QUERY", "query"),
        Some(CredentialKind::S3) => {
            return format!(
                "set `{prefix}ACCESS_KEY_ID` and `{prefix}SECRET_ACCESS_KEY`, or write `[{name}]` with `access_key_id` and \
                 `secret_access_key` into `{keyring}` (mode 0600)"
            );
        }
        None => {
            return format!(
                "set `{prefix}TOKEN`, `{prefix}QUERY`, or `{prefix}USERNAME` and `{prefix}PASSWORD`, or write `[{name}]` \
                 into `{keyring}` (mode 0600), or the host into `{netrc}`"
            );
        }
    };
    let (variable, key) = variables;
    format!("set `{prefix}{variable}`, or write `[{name}]` with `{key} = \"…\"` into `{keyring}` (mode 0600)")
}
