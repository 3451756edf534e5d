//! The credentials of a run: what each request shows, asked anew for every hop of a redirect.

use std::sync::{Arc, Mutex};

use arcoforge_core::base64;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{CredentialKind, Credentials};

use super::cookies::Jar;
use super::hosts::{EARTHDATA_LOGIN, covers, is_among, is_earthdata};
use super::{Account, Held, Machine, S3Keys, Secret, Values, lookup, what_to_set};
use crate::local::lock;
use crate::location::{host_of, scheme_of};

/// The credentials that a recipe names, looked up with the first request.
#[derive(Debug)]
pub(crate) struct Login {
    asked: Credentials,
    machine: Machine,
    state: Mutex<State>,
    cookies: Mutex<Jar>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Arc<Held>>,
    /// How often they were looked up.
    generation: u32,
    /// A server did not take the token, and there is an account.
    token_refused: bool,
}

/// What one request shows.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// The value of `Authorization`.
    pub(crate) authorization: Option<Secret>,
    /// The value of `Cookie`.
    pub(crate) cookie: Option<Secret>,
    /// What is added to the query.
    query: Vec<(String, Secret)>,
    /// Which lookup it is of; none where nothing but cookies is shown.
    pub(crate) generation: Option<u32>,
}

impl Login {
    pub(crate) fn new(asked: Credentials, machine: Machine) -> Self {
        Self { asked, machine, state: Mutex::default(), cookies: Mutex::default() }
    }

    /// What the machine holds.
    ///
    /// # Errors
    /// `source-denied` where it holds nothing, or only what belongs to other hosts than the recipe's.
    pub(crate) fn held(&self) -> Result<Arc<Held>> {
        self.current().map(|(held, _, _)| held)
    }

    fn current(&self) -> Result<(Arc<Held>, u32, bool)> {
        let mut state = lock(&self.state);
        let held = match &state.held {
            Some(held) => Arc::clone(held),
            None => {
                let held = Arc::new(lookup(self.asked.kind, &self.asked.name, &self.machine)?);
                self.check_hosts(&held)?;
                Arc::clone(state.held.insert(held))
            }
        };
        Ok((held, state.generation, state.token_refused))
    }

    /// The machine may keep credentials for some hosts alone; a recipe can't make that more.
    fn check_hosts(&self, held: &Held) -> Result<()> {
        let asked = &self.asked.hosts;
        let none =
            |hosts: &[String]| !asked.is_empty() && !asked.iter().any(|a| hosts.iter().any(|h| covers(h, a)));
        let own: Vec<String> = match (&held.hosts, &held.values) {
            (Some(hosts), _) => hosts.clone(),
            (None, Values::Basic(Account::ByHost(entries))) => {
                entries.iter().filter_map(|e| e.host.clone()).collect()
            }
            _ => return Ok(()),
        };
        // an entry of `.netrc` is for a host with any port
        let by_name = matches!(held.values, Values::Basic(Account::ByHost(_)));
        let by_name =
            by_name && asked.iter().any(|a| own.iter().any(|h| name_of(a) == *h || a.starts_with("*.")));
        if !none(&own) || by_name {
            return Ok(());
        }
        let message = match held.hosts {
            Some(_) => format!(
                "the credentials `{}` belong to {}, and the recipe's hosts are {}",
                self.asked.name,
                ticked(&own),
                ticked(asked)
            ),
            None => format!("{} has no entry for {}", held.from, ticked(asked)),
        };
        Err(Error::new(Code::SourceDenied, message).help(self.what_to_set()))
    }

    pub(crate) fn what_to_set(&self) -> String {
        what_to_set(self.asked.kind, &self.asked.name, &self.machine)
    }

    /// What a request for `url` shows, which was led there by redirects from `first`. Nothing goes over plain HTTP where the
    /// recipe's own URL did not say so, nor to a host that the credentials do not belong to.
    pub(crate) fn pass(&self, url: &str, first: &str) -> Result<Pass> {
        let (held, generation, token_refused) = self.current()?;
        let mut pass = Pass::default();
        let plain = scheme_of(url) != "https";
        if plain && (scheme_of(first) == "https" || held.kind == CredentialKind::Earthdata) {
            return Ok(pass);
        }
        if let Values::Earthdata(token, account) = &held.values {
            pass.cookie = lock(&self.cookies).field(url).map(Secret::new);
            if host_of(url).trim_end_matches(":443") == EARTHDATA_LOGIN {
                pass.authorization =
                    account.as_ref().and_then(|account| account.of(url)).map(|(u, p)| basic(&u, &p));
            } else if is_earthdata(url) && !token_refused {
                pass.authorization = token.as_ref().map(bearer);
            }
        } else if self.may_have(&held, url) {
            match &held.values {
                Values::Basic(account) => pass.authorization = account.of(url).map(|(u, p)| basic(&u, &p)),
                Values::Bearer(token) => pass.authorization = Some(bearer(token)),
                Values::Query(pairs) => pass.query = pairs.clone(),
                Values::Earthdata(..) | Values::S3(_) => {}
            }
        }
        pass.generation = (pass.authorization.is_some() || !pass.query.is_empty()).then_some(generation);
        Ok(pass)
    }

    /// The keys for a bucket; none where the recipe names none for it, and the environment's are used.
    ///
    /// # Errors
    /// `source-denied` where the machine does not hold what the recipe names.
    pub(crate) fn keys_of(&self, bucket: &str) -> Result<Option<S3Keys>> {
        let is_named = |hosts: &[String]| hosts.iter().any(|host| host.eq_ignore_ascii_case(bucket));
        if !matches!(self.asked.kind, None | Some(CredentialKind::S3)) || !is_named(&self.asked.hosts) {
            return Ok(None);
        }
        let held = self.held()?;
        let may = held.hosts.as_ref().is_none_or(|hosts| is_named(hosts));
        Ok(held.s3().filter(|_| may).cloned())
    }

    fn may_have(&self, held: &Held, url: &str) -> bool {
        is_among(url, &self.asked.hosts) && held.hosts.as_ref().is_none_or(|hosts| is_among(url, hosts))
    }

    /// User name and password for an FTP server.
    pub(crate) fn account(&self, url: &str) -> Result<Option<(String, Secret)>> {
        let (held, _, _) = self.current()?;
        Ok(match &held.values {
            Values::Basic(account) if self.may_have(&held, url) => account.of(url),
            _ => None,
        })
    }

    /// Keeps the cookies of an answer, where this kind of login works by them.
    pub(crate) fn keep_cookies<'f>(&self, url: &str, fields: impl Iterator<Item = &'f str>) {
        if self.asked.kind == Some(CredentialKind::Earthdata) && scheme_of(url) == "https" {
            let mut jar = lock(&self.cookies);
            fields.for_each(|field| jar.keep(url, field));
        }
    }

    /// A URL without what this login adds to queries: a server may lead to a URL that repeats it.
    pub(crate) fn strip(&self, url: String) -> String {
        let Ok((held, _, _)) = self.current() else { return url };
        let Values::Query(pairs) = &held.values else { return url };
        let Some((path, query)) = url.split_once('?') else { return url };
        let other =
            |pair: &&str| !pairs.iter().any(|(name, _)| pair.split('=').next() == Some(name.as_str()));
        let kept: Vec<&str> = query.split('&').filter(other).collect();
        if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
    }

    /// A server did not take what was shown to it: looks the credentials up again, once for all threads. Whether there is
    /// something else to show now.
    pub(crate) fn refresh(&self, refused: u32) -> Result<bool> {
        let mut state = lock(&self.state);
        if state.generation != refused {
            return Ok(true);
        }
        let fresh = lookup(self.asked.kind, &self.asked.name, &self.machine)?;
        let same = state.held.as_deref().is_some_and(|held| held.values == fresh.values);
        if same {
            let account = matches!(&fresh.values, Values::Earthdata(Some(_), Some(_)));
            if !account || state.token_refused {
                return Ok(false);
            }
            state.token_refused = true;
        } else {
            self.check_hosts(&fresh)?;
            state.held = Some(Arc::new(fresh));
            state.token_refused = false;
        }
        state.generation = state.generation.wrapping_add(1);
        Ok(true)
    }

    /// Why a server that answered 401 got no further, and what to do.
    pub(crate) fn denied(&self, pass: &Pass, url: &str) -> String {
        let name = &self.asked.name;
        let Ok((held, _, _)) = self.current() else { return self.what_to_set() };
        if pass.generation.is_some() {
            return format!(
                "it does not take the credentials `{name}` from {}: they may be wrong, have expired, or lack a permission \
                 that is given on the archive's web page; {}",
                held.from,
                self.what_to_set()
            );
        }
        let host = host_of(url);
        match held.kind {
            CredentialKind::Earthdata if is_earthdata(url) => format!(
                "`{host}` wants a token, and {} holds none, or the account was not taken: {}",
                held.from,
                self.what_to_set()
            ),
            CredentialKind::Basic if is_among(url, &self.asked.hosts) => {
                format!("{} has no entry for `{host}`; {}", held.from, self.what_to_set())
            }
            _ => format!(
                "`{host}` is not among the hosts that get the credentials `{name}` ({}), or the request is not encrypted",
                if self.asked.hosts.is_empty() { "NASA's".to_owned() } else { ticked(&self.asked.hosts) }
            ),
        }
    }
}

impl Pass {
    /// The URL that is asked for, with what is added to its query.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut out = url.to_owned();
        for (name, value) in &self.query {
            out.push(if out.contains('?') { '&' } else { '?' });
            out.push_str(name);
            out.push('=');
            out.push_str(value.reveal());
        }
        out
    }
}

impl Account {
    /// User name and password for the host of a URL.
    fn of(&self, url: &str) -> Option<(String, Secret)> {
        match self {
            Self::One(username, password) => Some((username.clone(), password.clone())),
            Self::ByHost(entries) => {
                let authority = host_of(url);
                let host = name_of(&authority);
                let entry = entries.iter().find(|entry| entry.host.as_deref() == Some(host))?;
                Some((entry.username.clone(), entry.password.clone()))
            }
        }
    }
}

/// A host without its port.
fn name_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// RFC 7617.
fn basic(username: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", base64::encode(format!("{username}:{}", password.reveal()).as_bytes())))
}

/// RFC 6750.
fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.reveal()))
}

fn ticked(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
