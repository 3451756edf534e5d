//! Requests: sent within the host's limit, repeated where that can help, their failures put into words.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::Rate;
use ureq::http::HeaderMap;
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector};
use ureq::{Agent, BodyReader, Proxy};

use super::backoff::backoff;
use super::beginnings::Beginnings;
use super::beside::Absent;
use super::failure::{Failure, Retry, explain_status, explain_transport};
use super::follow::{Asked, Followed, follow};
use super::guard::GuardedResolver;
use super::head::Head;
use super::honest::Honesty;
use super::lanes::{KeyLocks, Lanes, Permit};
use super::spool::Spools;
use super::stop::{StoppableTcp, Watch};
use super::tls;
use super::versions::Versions;
use crate::bucket::Addresses;
use crate::credentials::{Login, Pass};
use crate::ftp::Ftp;
use crate::local::FilePool;
use crate::location::{host_of, redact};
use crate::sources::SourceOptions;
use crate::stats::{Counters, Stats};

/// Repetitions where nothing answers at all: a wrong name or port is not worth more.
const CONNECT_RETRIES_MAX: u32 = 2;
/// An attempt that brought so many bytes further counts as a success: the repetitions begin anew.
const GAINED_BYTES: u64 = 8 * 1024 * 1024;

/// Sends requests for all objects of a run.
pub(crate) struct Client {
    agent: OnceLock<(Agent, Option<Watch>)>,
    options: SourceOptions,
    pub(crate) lanes: Lanes,
    pub(crate) login: Option<Login>,
    pub(crate) counters: Counters,
    /// Itself, for what sends by it.
    pub(super) me: Weak<Self>,
    pub(crate) addresses: Addresses,
    pub(crate) ftp: Ftp,
    pub(crate) files: Arc<FilePool>,
    pub(crate) spools: Spools,
    pub(crate) keys: KeyLocks,
    pub(crate) honesty: Honesty,
    pub(crate) versions: Versions,
    pub(crate) beginnings: Beginnings,
    pub(super) absent: Absent,
}

/// An answer whose body has not been read yet. The lane is taken until it is dropped.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: Head,
    /// The URL that answered, after redirects, without secrets.
    pub(crate) answered_by: String,
    /// The same with its secrets: what links in the body start from.
    pub(crate) full_url: String,
    /// The whole header.
    pub(crate) fields: HeaderMap,
    pub(super) body: BodyReader<'static>,
    pub(super) client: &'a Client,
    pub(super) _permit: Permit,
}

// Locks are named by URLs with their secrets, so nothing inside is shown.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(options: &SourceOptions, files: Arc<FilePool>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            agent: OnceLock::new(),
            me: Weak::clone(me),
            addresses: Addresses::new(options.buckets.clone()),
            options: options.clone(),
            lanes: Lanes::new(
                options.connections_per_host,
                options.rate_per_host.map_or(Duration::ZERO, Rate::interval),
            ),
            login: options.credentials.clone().map(|asked| Login::new(asked, options.machine.clone())),
            counters: Counters::default(),
            ftp: Ftp::default(),
            files,
            spools: Spools::new(options.scratch.clone()),
            keys: KeyLocks::default(),
            honesty: Honesty::default(),
            versions: Versions::default(),
            beginnings: Beginnings::default(),
            absent: Absent::default(),
        })
    }

    /// The agent, made with the first request: until then no file of root certificates is read.
    pub(super) fn agent(&self) -> Result<&Agent, Failure> {
        if let Some((agent, _)) = self.agent.get() {
            return Ok(agent);
        }
        let tls = tls::config(self.options.roots.as_deref()).map_err(Failure::never)?;
        let (agent, _) = self.agent.get_or_init(|| {
            let agent = agent(&self.options, tls);
            let watch = Watch::start(&self.options.interrupted, &agent);
            (agent, watch)
        });
        Ok(agent)
    }

    pub(crate) fn options(&self) -> &SourceOptions {
        &self.options
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Sends a GET, with a byte range and further header fields; answers 200, 206, 304 and 416 come back, all else is
    /// a failure.
    pub(crate) fn get(
        &self,
        url: &str,
        range: Option<&Range<u64>>,
        fields: &[(&str, &str)],
    ) -> Result<Answer<'_>, Failure> {
        self.send(&Asked { range, fields, ..Asked::of(url, &redact(url)) })
    }

    /// Sends a HEAD; what the answer says of the object, if it is one.
    pub(crate) fn head(&self, url: &str) -> Result<Option<Head>, Failure> {
        let answer = self.send(&Asked { head_only: true, ..Asked::of(url, &redact(url)) })?;
        Ok((answer.status == 200).then_some(answer.head))
    }

    /// Sends a GET, or a POST of JSON text; answers of a status in `also` come back too.
    pub(crate) fn ask(
        &self,
        url: &str,
        post: Option<&str>,
        fields: &[(&str, &str)],
        also: &[u16],
    ) -> Result<Answer<'_>, Failure> {
        self.send(&Asked { post, fields, also, ..Asked::of(url, &redact(url)) })
    }

    fn send(&self, asked: &Asked<'_>) -> Result<Answer<'_>, Failure> {
        match self.send_signed(asked)? {
            Some(answer) => Ok(answer),
            None => self.send_plain(asked),
        }
    }

    fn send_plain(&self, asked: &Asked<'_>) -> Result<Answer<'_>, Failure> {
        let host = host_of(asked.url);
        let permit = self.lanes.enter(&host);
        let mut refreshed = false;
        loop {
            self.wait_for_turn(&permit, asked.shown)?;
            Counters::add(&self.counters.requests, 1);
            let found = follow(self.agent()?, self.login.as_ref(), asked, self.options.read_timeout)?;
            let Followed { response, url, pass } = found;
            let status = response.status().as_u16();
            let head = Head::of(response.headers(), &host_of(&url));
            let answered_by = redact(&url);
            let failure =
                explain_status(status, &head, asked.shown).filter(|_| !asked.also.contains(&status));
            let Some(failure) = failure else {
                let (parts, body) = response.into_parts();
                let body = body.into_with_config().limit(u64::MAX).reader();
                let (full_url, fields) = (url, parts.headers);
                let client = self;
                return Ok(Answer {
                    status,
                    head,
                    answered_by,
                    full_url,
                    fields,
                    body,
                    client,
                    _permit: permit,
                });
            };
            self.pause_after(&failure, &host);
            if status != 401 || refreshed || !self.refresh(&pass).map_err(Failure::never)? {
                return Err(self.explain_denied(failure, &pass, &url));
            }
            refreshed = true;
        }
    }

    /// Leaves a host alone for as long as it asks.
    pub(super) fn pause_after(&self, failure: &Failure, host: &str) {
        if let Retry::After(wait) = failure.retry
            && wait <= self.options.retry_after_max
        {
            self.lanes.pause(host, Instant::now() + wait);
        }
    }

    /// Whether there are other credentials than those that a server refused.
    fn refresh(&self, pass: &Pass) -> Result<bool> {
        match (&self.login, pass.generation) {
            (Some(login), Some(generation)) => login.refresh(generation),
            _ => Ok(false),
        }
    }

    fn explain_denied(&self, mut failure: Failure, pass: &Pass, url: &str) -> Failure {
        if let (Some(login), Code::SourceDenied) = (&self.login, failure.error.code) {
            failure.error.help = Some(login.denied(pass, url));
        }
        failure
    }

    /// Calls `attempt` until it succeeds, fails for good, or the repetitions are used up.
    pub(crate) fn with_retries<T>(
        &self,
        shown: &str,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T> {
        let (mut tried, mut attempts) = (0_u32, 1_u32);
        loop {
            self.check_interrupted(shown)?;
            let outcome = attempt();
            // a connection that was shut down may look like any failure, and like the end of a body
            self.check_interrupted(shown)?;
            let failure = match outcome {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let allowed = match failure.retry {
                Retry::Never => 0,
                Retry::Connect => self.options.retries.min(CONNECT_RETRIES_MAX),
                Retry::Soon => self.options.retries,
                Retry::After(wait) if wait > self.options.retry_after_max => 0,
                Retry::After(_) => self.options.retries,
            };
            if failure.gained >= GAINED_BYTES {
                tried = 0;
            }
            if tried >= allowed {
                return Err(give_up(failure, attempts));
            }
            let wait = backoff(self.options.backoff, self.options.backoff_max, shown, tried);
            let wait = match failure.retry {
                Retry::After(asked) => wait.max(asked),
                _ => wait,
            };
            tried += 1;
            attempts = attempts.saturating_add(1);
            Counters::add(&self.counters.retries, 1);
            self.wait_until(Instant::now().checked_add(wait), shown).map_err(|failure| failure.error)?;
        }
    }

    /// Waits until the host may be asked: neither more often than the rate, nor while it wants to be left alone.
    pub(crate) fn wait_for_turn(&self, permit: &Permit, shown: &str) -> Result<(), Failure> {
        loop {
            let turn = permit.turn(Instant::now());
            self.wait_until(Some(turn), shown)?;
            if !permit.is_paused_beyond(turn) {
                return Ok(());
            }
        }
    }

    fn wait_until(&self, until: Option<Instant>, shown: &str) -> Result<(), Failure> {
        const SLICE: Duration = Duration::from_millis(100);
        while let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now())) {
            if left.is_zero() {
                break;
            }
            self.check_interrupted(shown).map_err(Failure::never)?;
            std::thread::sleep(left.min(SLICE));
        }
        Ok(())
    }

    pub(crate) fn check_interrupted(&self, shown: &str) -> Result<()> {
        let flag: Option<&AtomicBool> = self.options.interrupted.as_deref();
        if flag.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::new(Code::Interrupted, "stopped; nothing was published").at(shown));
        }
        Ok(())
    }
}

fn give_up(failure: Failure, attempts: u32) -> Error {
    let mut error = failure.error;
    if attempts > 1 {
        error.message = format!("{} ({attempts} attempts)", error.message);
    } else if let Retry::After(wait) = failure.retry {
        error.message = format!("{} and asked to wait {} s", error.message, wait.as_secs());
    }
    error
}

impl Answer<'_> {
    /// Fills `out`, and checks that the body ends there.
    pub(crate) fn read_exactly(&mut self, out: &mut [u8], shown: &str) -> Result<(), Failure> {
        let wait = self.client.options.read_timeout;
        let mut filled = 0_usize;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            self.client.check_interrupted(shown).map_err(Failure::never)?;
            match self.read(rest) {
                Ok(0) => return Err(Failure::short(shown, filled, out.len())),
                Ok(count) => filled = filled.saturating_add(count),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(explain_transport(e.into(), shown, wait)),
            }
        }
        // Reading to the end also gives the connection back.
        match self.read(&mut [0]) {
            Ok(1..) => Err(Failure::soon(
                Error::new(
                    Code::SourceUnreachable,
                    format!("the server sent more than the {} bytes asked for", out.len()),
                )
                .at(shown),
            )),
            _ => Ok(()),
        }
    }
}

impl Read for Answer<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(out)?;
        Counters::add(&self.client.counters.bytes, u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}

/// Timeouts, redirects, proxies and roots as the options say.
fn agent(options: &SourceOptions, tls: TlsConfig) -> Agent {
    let connections = usize::try_from(options.connections_per_host.max(1)).unwrap_or(1);
    let proxy = if options.proxy_from_env && options.allow_private { Proxy::try_from_env() } else { None };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(options.user_agent.as_str())
        .accept("*/*")
        .accept_encoding("identity")
        .proxy(proxy)
        .tls_config(tls)
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_per_read(Some(options.read_timeout))
        .timeout_per_write(Some(options.read_timeout))
        .max_idle_connections_per_host(connections)
        .max_idle_connections(connections.saturating_mul(4))
        .build();
    let interrupted = options.interrupted.clone();
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(StoppableTcp(interrupted.clone()))
            .chain(RustlsConnector::default());
    let resolver = GuardedResolver { allow_private: options.allow_private, interrupted };
    Agent::with_parts(config, connector, resolver)
}
