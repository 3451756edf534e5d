//! Objects behind `ftp://` and `ftps://`: ranges by REST where the server keeps to it, else whole files, once.
//!
//! Commands go over a few connections that stay open between requests, as many at a time as lanes to the host. A file's size
//! and time (SIZE, MDTM) tell its version and are asked for again with every range. Data comes from the address that the
//! commands go to, whatever address a server names.

mod address;
mod control;
mod listing;
mod reply;
mod tls;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use arcoforge_core::error::{Code, Error, Result};
use rustls::ClientConfig;

pub(crate) use self::listing::Tree;

use self::address::Address;
use self::control::{Control, Transfer};
use crate::credentials::Secret;
use crate::files::{fill, free_bytes, unwritable};
use crate::http::{Client, Failure, changed, empty, explain_transport, page_in_place, telling_piece};
use crate::local::{LocalObject, lock};
use crate::location::{host_of, redact};
use crate::object::{Object, Prefix, Validator, check_range, check_ranges, read_range};
use crate::ranges::{MERGED_BYTES_MAX, merge};
use crate::stats::Counters;

/// Ranges with at most this many bytes between them are fetched as one: each costs a connection of its own.
const GAP_BYTES: u64 = 1024 * 1024;
/// Bytes copied at a time.
const COPY_BYTES: usize = 128 * 1024;

/// What the FTP objects of a run share.
#[derive(Default)]
pub(crate) struct Ftp {
    /// Connections that wait for the next command, by host, user and encryption.
    idle: Mutex<BTreeMap<String, Vec<Control>>>,
    /// Which hosts send the part of a file that they are asked for.
    honest: Mutex<BTreeMap<String, bool>>,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for Ftp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ftp").field("hosts", &lock(&self.idle).len()).finish_non_exhaustive()
    }
}

/// A file on a server that sends parts of files.
struct FtpObject {
    client: Arc<Client>,
    /// With its secrets, for connections only.
    full_url: String,
    shown: String,
    validator: Validator,
    prefix: Arc<Prefix>,
}

impl fmt::Debug for FtpObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FtpObject")
            .field("url", &self.shown)
            .field("validator", &self.validator)
            .finish_non_exhaustive()
    }
}

/// Opens a file: its beginning comes along. One on a server that sends no parts is read whole into a temporary file.
pub(crate) fn open(client: &Arc<Client>, url: &str) -> Result<Arc<dyn Object>> {
    let shown = redact(url);
    let address = Address::parse(url)?;
    client.keys.with(url, || {
        if let Some(spooled) = client.spools.find(url) {
            return Ok(spooled as Arc<dyn Object>);
        }
        let object = client.with_retries(&shown, || open_once(client, url, &address, &shown))?;
        client.versions.check(&shown, object.validator())?;
        Ok(object)
    })
}

/// What tells the version of a file, without reading it; none where the server does not tell its size.
pub(crate) fn version(client: &Arc<Client>, url: &str) -> Option<Validator> {
    let (address, shown) = (Address::parse(url).ok()?, redact(url));
    let asked =
        with_control(client, url, &address, &shown, |control| ask_version(control, client, &address, &shown));
    let (size, modified_ns) = asked.ok()?;
    Some(Validator { size: size.filter(|size| *size > 0)?, etag: None, modified_ns })
}

fn open_once(
    client: &Arc<Client>,
    url: &str,
    address: &Address,
    shown: &str,
) -> Result<Arc<dyn Object>, Failure> {
    let wanted = client.options().prefix_bytes.max(1);
    let (size, modified_ns, start) = with_control(client, url, address, shown, |control| {
        let (size, modified_ns) = ask_version(control, client, address, shown)?;
        if size == Some(0) {
            return Err(Failure::never(empty(shown)));
        }
        let Some(size) = size else { return Ok((None, modified_ns, Vec::new())) };
        let mut start = vec![0; usize::try_from(wanted.min(size)).unwrap_or(0)];
        fetch(control, client, address, shown, 0, &mut start, size)?;
        Ok((Some(size), modified_ns, start))
    })?;
    if let Some(error) = page_in_place(&start, shown) {
        return Err(Failure::never(error));
    }
    let Some(size) = size else { return whole(client, url, address, shown, None, modified_ns) };
    let all = start.len() as u64 == size;
    if !all && !sends_parts(client, url, address, shown, &start, size)? {
        return whole(client, url, address, shown, Some(size), modified_ns);
    }
    let length = start.len();
    let prefix = Arc::new(Prefix::new(Some(start)));
    client.beginnings.keep(length, &prefix);
    let validator = Validator { size, etag: None, modified_ns };
    let (client, full_url, shown) = (Arc::clone(client), url.to_owned(), shown.to_owned());
    Ok(Arc::new(FtpObject { client, full_url, shown, validator, prefix }))
}

/// Runs commands on a connection that waits for some, or on a new one; it waits again if all went well.
fn with_control<T>(
    client: &Client,
    url: &str,
    address: &Address,
    shown: &str,
    work: impl Fn(&mut Control) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let host = host_of(url);
    let permit = client.lanes.enter(&host);
    client.wait_for_turn(&permit, shown)?;
    Counters::add(&client.counters.requests, 1);
    let account = account(client, url, address).map_err(|e| Failure::never(e.at(shown)))?;
    let key = format!("{host} {} {}", address.encrypted, account.0);
    let waiting = lock(&client.ftp.idle).get_mut(&key).and_then(Vec::pop);
    let mut control = match waiting {
        Some(mut control) => match control.ask("NOOP", None, client.options(), shown) {
            Ok(_) => control,
            // it waited too long
            Err(_) => connect(client, address, &account, shown)?,
        },
        None => connect(client, address, &account, shown)?,
    };
    let result = work(&mut control);
    if result.is_ok() && control.is_usable() {
        lock(&client.ftp.idle).entry(key).or_default().push(control);
    }
    result
}

fn connect(
    client: &Client,
    address: &Address,
    account: &(String, Secret),
    shown: &str,
) -> Result<Control, Failure> {
    let tls = match (address.encrypted, client.ftp.tls.get()) {
        (false, _) => None,
        (true, Some(config)) => Some(config),
        (true, None) => {
            let config = tls::config(client.options().roots.as_deref()).map_err(Failure::never)?;
            Some(client.ftp.tls.get_or_init(|| config))
        }
    };
    let opened = Control::open(address, account, tls, client.options(), shown);
    opened.map_err(|mut failure| {
        if let (Some(login), Code::SourceDenied) = (&client.login, failure.error.code) {
            failure.error.help = Some(login.what_to_set());
        }
        failure
    })
}

/// The recipe's login, else that of the URL, else anybody's (RFC 1635).
fn account(client: &Client, url: &str, address: &Address) -> Result<(String, Secret)> {
    let named = client.login.as_ref().map(|login| login.account(url)).transpose()?.flatten();
    Ok(named
        .or_else(|| address.account.clone())
        .unwrap_or_else(|| ("anonymous".to_owned(), Secret::new("arcoforge@"))))
}

/// Size and time of a file, where the server tells them.
fn ask_version(
    control: &mut Control,
    client: &Client,
    address: &Address,
    shown: &str,
) -> Result<(Option<u64>, Option<i64>), Failure> {
    let mut ask = |command| control.ask(command, Some(&address.path), client.options(), shown);
    let size = ask("SIZE")?;
    let size = (size.code == 213).then(|| size.text.trim().parse().ok()).flatten();
    let time = ask("MDTM")?;
    let modified_ns = (time.code == 213).then(|| listing::time_ns(time.text.trim())).flatten();
    Ok((size, modified_ns))
}

/// Fills `out` from `offset` of a file of `size` bytes, and breaks off there.
fn fetch(
    control: &mut Control,
    client: &Client,
    address: &Address,
    shown: &str,
    offset: u64,
    out: &mut [u8],
    size: u64,
) -> Result<(), Failure> {
    let options = client.options();
    let mut transfer = control.begin("RETR", Some(&address.path), offset, options, shown)?;
    let count =
        fill(&mut transfer, out).map_err(|e| explain_transport(e.into(), shown, options.read_timeout))?;
    Counters::add(&client.counters.bytes, count as u64);
    if count < out.len() {
        // what the server says of it is of use, if it says anything
        transfer.end(options, shown)?;
        return Err(Failure::short(shown, count, out.len()));
    }
    if offset.saturating_add(count as u64) < size {
        let usable = transfer.abort(shown);
        control.set_usable(usable);
        return Ok(());
    }
    let more = transfer.read(&mut [0]).unwrap_or(0);
    transfer.end(options, shown)?;
    if more > 0 { Err(Failure::never(changed(shown))) } else { Ok(()) }
}

/// Whether a host sends the part that it is asked for: a piece of the beginning is asked for again and compared, once for
/// each host.
fn sends_parts(
    client: &Client,
    url: &str,
    address: &Address,
    shown: &str,
    start: &[u8],
    size: u64,
) -> Result<bool, Failure> {
    let host = host_of(url);
    if let Some(known) = lock(&client.ftp.honest).get(&host) {
        return Ok(*known);
    }
    let Some((range, expected)) = telling_piece(start) else { return Ok(true) };
    let asked = with_control(client, url, address, shown, |control| {
        let mut found = vec![0; expected.len()];
        fetch(control, client, address, shown, range.start, &mut found, size).map(|()| found)
    });
    let honest = match asked {
        Ok(bytes) => bytes == expected,
        // it does not know REST, or does not take it here
        Err(failure) if failure.error.code == Code::SourceUnsupported => false,
        Err(failure) => return Err(failure),
    };
    lock(&client.ftp.honest).insert(host, honest);
    Ok(honest)
}

/// Reads a file whole into a temporary one.
fn whole(
    client: &Arc<Client>,
    url: &str,
    address: &Address,
    shown: &str,
    size: Option<u64>,
    modified_ns: Option<i64>,
) -> Result<Arc<dyn Object>, Failure> {
    let (path, guard) = client.spools.path().map_err(Failure::never)?;
    let free = path.parent().and_then(free_bytes);
    if let (Some(size), Some(free)) = (size, free)
        && size > free
    {
        let message =
            format!("the server sends whole files only; this one has {size} bytes, the disk {free} free");
        let help = "give `--scratch DIR` on a disk with space";
        return Err(Failure::never(Error::new(Code::SourceLimit, message).at(shown).help(help)));
    }
    with_control(client, url, address, shown, |control| {
        let transfer = control.begin("RETR", Some(&address.path), 0, client.options(), shown)?;
        copy(client, transfer, &path, shown, size)
    })?;
    let object = LocalObject::open(&client.files, &path, shown).map_err(Failure::never)?;
    let validator = Validator { size: object.validator().size, etag: None, modified_ns };
    let object = Arc::new(object.standing_for(validator, Some(Box::new(guard))));
    if let Some(error) =
        page_in_place(&read_range(&*object, 0..object.validator().size.min(4096)).unwrap_or_default(), shown)
    {
        return Err(Failure::never(error));
    }
    client.spools.keep(url, &object);
    Ok(object)
}

fn copy(
    client: &Client,
    mut transfer: Transfer<'_>,
    path: &std::path::Path,
    shown: &str,
    size: Option<u64>,
) -> Result<(), Failure> {
    let options = client.options();
    let failed = |e| Failure::never(unwritable(path, e));
    let mut file = std::fs::File::create(path).map_err(failed)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut copied = 0_u64;
    loop {
        let read = transfer.read(&mut buffer);
        let count = read.map_err(|e| explain_transport(e.into(), shown, options.read_timeout))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        file.write_all(bytes).map_err(failed)?;
        copied = copied.saturating_add(count as u64);
        Counters::add(&client.counters.bytes, count as u64);
    }
    transfer.end(options, shown)?;
    match size {
        Some(size) if size != copied => Err(Failure::short(shown, copied, size)),
        _ if copied == 0 => Err(Failure::never(empty(shown))),
        _ => Ok(()),
    }
}

impl FtpObject {
    fn fetch_range(&self, offset: u64, out: &mut [u8]) -> Result<(), Failure> {
        let address = Address::parse(&self.full_url).map_err(Failure::never)?;
        let length = out.len();
        let (client, shown, size) = (&*self.client, self.shown.as_str(), self.validator.size);
        let bytes = with_control(client, &self.full_url, &address, shown, |control| {
            let (now, modified_ns) = ask_version(control, client, &address, shown)?;
            if now.is_some_and(|now| now != size) || modified_ns != self.validator.modified_ns {
                return Err(Failure::never(changed(shown)));
            }
            let mut bytes = vec![0; length];
            fetch(control, client, &address, shown, offset, &mut bytes, size).map(|()| bytes)
        })?;
        out.copy_from_slice(&bytes);
        Ok(())
    }
}

impl Object for FtpObject {
    fn url(&self) -> &str {
        &self.shown
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = check_range(&self.shown, offset, out.len(), self.validator.size)?;
        if out.is_empty() || self.prefix.copy(offset, out) {
            return Ok(());
        }
        let fetched = self.client.with_retries(&self.shown, || self.fetch_range(offset, out));
        fetched.map_err(|error| error.in_range(offset, end))
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        check_ranges(self, ranges)?;
        let mut out = vec![Vec::new(); ranges.len()];
        for merged in merge(ranges, self.client.options().gap_bytes.max(GAP_BYTES), MERGED_BYTES_MAX) {
            let bytes = read_range(self, merged.range.clone())?;
            let inside =
                |at: u64| usize::try_from(at.saturating_sub(merged.range.start)).unwrap_or(usize::MAX);
            for &member in &merged.members {
                if let (Some(range), Some(slot)) = (ranges.get(member), out.get_mut(member)) {
                    *slot = bytes.get(inside(range.start)..inside(range.end)).unwrap_or_default().to_vec();
                }
            }
        }
        Ok(out)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn is_at_hand(&self, range: &Range<u64>) -> bool {
        self.prefix.holds(range)
    }

    fn take_prefix(&self) -> Option<Vec<u8>> {
        self.prefix.copy_all()
    }
}
