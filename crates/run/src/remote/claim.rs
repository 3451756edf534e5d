//! A claim on a target in an object store: one process at a time bakes to it.
//!
//! An object beside the target names who bakes. It is made where none is, and renewed as long as that process lives, each
//! time only where it is still the very object that this process wrote last. Nobody takes over a claim that was renewed in
//! the last [`LEASE`], by the store's own clock; and whoever could not renew his own for [`TRUSTED`] sends nothing more. What
//! lies between leaves time for requests that are on their way. At the end the object says that nobody bakes: it is never
//! deleted, since a delete has no condition and may come late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Bucket, Put};
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::signature::this_run;

/// Nobody takes over a claim that was renewed in this time.
const LEASE: Duration = Duration::from_secs(300);
/// A claim that was not renewed for so long is not relied on.
const TRUSTED: Duration = Duration::from_secs(150);
/// How often a claim is renewed.
const RENEWAL: Duration = Duration::from_secs(30);
/// Under which key it lies.
const KEY: &str = "claim.json";

/// Who bakes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// The plan's digest.
    digest: String,
    host: String,
    /// Tells one start of that machine from another.
    boot: Option<String>,
    process: u32,
    /// When it began, in ticks of the machine: numbers of processes are used again.
    #[serde(default)]
    started: Option<u64>,
    /// Which processes that number is among.
    namespace: Option<String>,
    /// A number that no other run has.
    run: u64,
    /// How often it was renewed: no two objects are the same.
    renewed: u64,
    /// The run is over.
    #[serde(default)]
    over: bool,
}

/// The claim is held as long as this lives.
pub(super) struct Claim {
    held: Arc<Held>,
    renewal: Option<JoinHandle<()>>,
}

struct Held {
    beside: Bucket,
    /// The same, also after Ctrl-C, and given up soon: the next renewal is near.
    at_end: Bucket,
    /// What the claim is now; held by whoever renews it, while he waits for the store.
    state: Mutex<State>,
    /// Nobody who wants to write waits for a renewal.
    renewed: Mutex<Moment>,
    over: Mutex<bool>,
    ended: Condvar,
    lost: AtomicBool,
}

struct State {
    owner: Owner,
    etag: String,
}

/// A point in time. What has passed since counts the time in which the machine slept.
#[derive(Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn elapsed(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

impl Claim {
    /// Claims a target; `beside` is the folder beside it.
    ///
    /// # Errors
    /// `target-busy` while another process bakes to it, `target-unwritable`.
    pub(super) fn take(session: &Session<'_>, beside: &Bucket, digest: &str) -> Result<Self> {
        let owner = Owner {
            digest: digest.to_owned(),
            host: host(),
            boot: boot(),
            process: std::process::id(),
            started: life(std::process::id()).map(|(_, started)| started),
            namespace: namespace(),
            run: this_run(),
            renewed: 0,
            over: false,
        };
        let at_end = session.sources.bucket_at_end(beside.url())?;
        let begun = Moment::now();
        let text = text(&owner)?;
        let put = match beside.put_if_absent(KEY, text.clone())? {
            Put::Done { etag } => Put::Done { etag },
            Put::Conflict => match beside.get(KEY, None)? {
                None => beside.put_if_absent(KEY, text.clone())?,
                Some(found) => {
                    let other: Option<Owner> = serde_json::from_slice(&found.bytes).ok();
                    let etag = found.item.etag.as_deref();
                    let over = match is_over(other.as_ref(), &owner) {
                        Some(over) => over,
                        None => is_older(beside, found.item.modified_ns, LEASE)?,
                    };
                    match etag.filter(|_| over) {
                        Some(etag) => beside.put_if_match(KEY, etag, text)?,
                        None => return Err(busy(beside, other.as_ref())),
                    }
                }
            },
        };
        let Put::Done { etag } = put else { return Err(busy(beside, None)) };
        let held = Held {
            beside: beside.clone(),
            at_end,
            state: Mutex::new(State { owner, etag }),
            renewed: Mutex::new(begun),
            over: Mutex::default(),
            ended: Condvar::new(),
            lost: AtomicBool::new(false),
        };
        let held = Arc::new(held);
        let renewed = Arc::clone(&held);
        let renewal = std::thread::Builder::new().name("claim".to_owned()).spawn(move || renewed.keep());
        let renewal = renewal.map_err(|e| Error::new(Code::Bug, "a thread can't be started").caused_by(e))?;
        Ok(Self { held, renewal: Some(renewal) })
    }

    /// What refuses where the claim may be another's by now: `target-busy`, `target-unwritable`.
    pub(super) fn guard(&self) -> Arc<dyn Fn() -> Result<()> + Send + Sync> {
        let held = Arc::clone(&self.held);
        Arc::new(move || if held.is_fresh() { Ok(()) } else { held.renew(&held.beside) })
    }

    /// Renews it now, before what must not happen twice.
    ///
    /// # Errors
    /// `target-busy` where another process took it over, `target-unwritable`.
    pub(super) fn renew(&self) -> Result<()> {
        self.held.renew(&self.held.beside)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        *lock(&self.held.over) = true;
        self.held.ended.notify_all();
        if let Some(renewal) = self.renewal.take() {
            let _ended = renewal.join();
        }
        // where this fails the claim is over in time
        let _left = self.held.release();
    }
}

impl Held {
    fn keep(&self) {
        loop {
            let waited = self.ended.wait_timeout_while(lock(&self.over), RENEWAL, |over| !*over);
            let (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if *over {
                return;
            }
            drop(over);
            // one that fails is tried again; what writes looks at the time of the last that did not
            let _later = self.renew(&self.at_end);
        }
    }

    fn is_fresh(&self) -> bool {
        lock(&self.renewed).elapsed() < TRUSTED && !self.lost.load(Ordering::Relaxed)
    }

    /// Says that nobody bakes any more, where the claim is ours still.
    fn release(&self) -> Result<()> {
        let state = lock(&self.state);
        let owner = Owner { renewed: state.owner.renewed + 1, over: true, ..state.owner.clone() };
        self.at_end.put_if_match(KEY, &state.etag, text(&owner)?).map(drop)
    }

    fn renew(&self, by: &Bucket) -> Result<()> {
        let mut state = lock(&self.state);
        let begun = Moment::now();
        let owner = Owner { renewed: state.owner.renewed + 1, ..state.owner.clone() };
        match by.put_if_match(KEY, &state.etag, text(&owner)?)? {
            Put::Done { etag } => {
                (state.owner, state.etag) = (owner, etag);
                *lock(&self.renewed) = begun;
                Ok(())
            }
            Put::Conflict => {
                let found = by.get(KEY, None)?;
                let other: Option<Owner> =
                    found.as_ref().and_then(|found| serde_json::from_slice(&found.bytes).ok());
                let etag = found.and_then(|found| found.item.etag);
                let is_own = |other: &&Owner| {
                    (&other.host, other.process, other.run) == (&owner.host, owner.process, owner.run)
                };
                if let (Some(own), Some(etag)) = (other.as_ref().filter(is_own), etag) {
                    // a renewal of ours whose answer was lost
                    (state.owner, state.etag) = (own.clone(), etag);
                    *lock(&self.renewed) = begun;
                    return Ok(());
                }
                self.lost.store(true, Ordering::Relaxed);
                Err(busy(&self.beside, other.as_ref()))
            }
        }
    }
}

/// Whether a claim is one that nobody renews any more; `None` where only time can tell.
fn is_over(other: Option<&Owner>, own: &Owner) -> Option<bool> {
    let other = other?;
    if other.over {
        return Some(true);
    }
    let near = (&other.host, &other.boot, &other.namespace) == (&own.host, &own.boot, &own.namespace);
    if !near || own.boot.is_none() || own.namespace.is_none() {
        return None;
    }
    if other.process == own.process {
        // one before us that had the same number
        return Some(other.run != own.run);
    }
    Some(match life(other.process) {
        None | Some(('Z' | 'X', _)) => true,
        Some((_, started)) => other.started.is_some_and(|other| other != started),
    })
}

/// State and start of a process (proc(5), `stat`): one that was killed and not yet asked after is a zombie.
fn life(process: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // the name, in parentheses, may hold anything
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an object is older, by the clock of the store that tells its time: that of an object put now.
fn is_older(beside: &Bucket, modified_ns: Option<i64>, age: Duration) -> Result<bool> {
    let key = format!("clock-{:016x}", this_run());
    beside.put(&key, b"what time is it?".to_vec())?;
    let now = beside.head(&key)?.and_then(|item| item.modified_ns);
    beside.delete(&[key])?;
    let passed = now.zip(modified_ns).and_then(|(now, then)| u64::try_from(now.checked_sub(then)?).ok());
    Ok(passed.is_some_and(|passed| Duration::from_nanos(passed) > age))
}

fn busy(beside: &Bucket, other: Option<&Owner>) -> Error {
    let who = other.map_or_else(String::new, |o| format!(": process {} of {}", o.process, o.host));
    Error::new(Code::TargetBusy, format!("another process bakes to this target{who}")).at(beside.url()).help(format!(
        "wait until it has ended, or choose another target; one that was cut off on another machine is over {} minutes \
         after its last sign of life",
        LEASE.as_secs() / 60
    ))
}

fn text(owner: &Owner) -> Result<Vec<u8>> {
    serde_json::to_vec(owner).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

fn namespace() -> Option<String> {
    std::fs::read_link("/proc/self/ns/pid").ok().map(|link| link.display().to_string())
}

fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}
