//! A control connection: logged in, in binary mode, one command at a time.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use arcoforge_core::error::{Code, Error};
use rustls::ClientConfig;

use super::address::Address;
use super::reply::{REPLY_BYTES_MAX, Reply, extended_port, passive_address};
use super::wire::{Wire, connect, connect_to};
use crate::credentials::Secret;
use crate::http::{Failure, explain_transport};
use crate::sources::SourceOptions;

/// The longest wait for the reply to a transfer that was broken off here.
const ABORT_WAIT: Duration = Duration::from_secs(5);

/// A connection that takes commands.
pub(super) struct Control {
    wire: Wire,
    /// Bytes that came behind the last reply.
    rest: Vec<u8>,
    host: String,
    /// For data connections too, where the URL says `ftps`.
    tls: Option<Arc<ClientConfig>>,
    /// The server knows EPSV, as far as is known.
    extended: bool,
    /// Its replies still belong to the commands that are sent.
    usable: bool,
}

/// A file on its way.
pub(super) struct Transfer<'c> {
    control: &'c mut Control,
    data: Wire,
}

impl Control {
    /// Connects and logs in.
    pub(super) fn open(
        address: &Address,
        account: &(String, Secret),
        tls: Option<&Arc<ClientConfig>>,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Self, Failure> {
        let wait = options.read_timeout;
        let failed = |e: std::io::Error| explain_transport(e.into(), shown, wait);
        let mut wire = connect(&address.host, address.port, options).map_err(failed)?;
        // port 990 speaks TLS from the first byte
        let at_once = address.port == 990;
        if let (Some(config), true) = (tls, at_once) {
            wire = wire.encrypt(&address.host, config).map_err(failed)?;
        }
        let host = address.host.clone();
        let mut control = Self { wire, rest: Vec::new(), host, tls: None, extended: true, usable: true };
        let mut greeting = control.reply(shown, wait)?;
        while greeting.code == 120 {
            greeting = control.reply(shown, wait)?;
        }
        if !greeting.is_done() {
            return Err(greeting.failure("a new connection", shown));
        }
        if let Some(config) = tls {
            control = control.protect(config, at_once, options, shown)?;
        }
        control.log_in(account, options, shown)?;
        control.expect("TYPE", Some("I"), options, shown)?;
        Ok(control)
    }

    /// Encrypts the connection, and those of data (RFC 4217). A server that can't is never talked to in plain.
    fn protect(
        mut self,
        config: &Arc<ClientConfig>,
        already: bool,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Self, Failure> {
        if !already {
            let reply = self.ask("AUTH", Some("TLS"), options, shown)?;
            if reply.code != 234 {
                let message = format!("the server answered {} to AUTH TLS: it does not encrypt", reply.code);
                return Err(Failure::never(
                    Error::new(Code::SourceUnsupported, message)
                        .at(shown)
                        .help("`ftp://` reads without encryption, where that is good enough"),
                ));
            }
            // what came before the handshake may be anybody's
            self.rest.clear();
            let failed = |e: std::io::Error| explain_transport(e.into(), shown, options.read_timeout);
            self.wire = self.wire.encrypt(&self.host, config).map_err(failed)?;
        }
        self.expect("PBSZ", Some("0"), options, shown)?;
        self.expect("PROT", Some("P"), options, shown)?;
        self.tls = Some(Arc::clone(config));
        Ok(self)
    }

    fn log_in(
        &mut self,
        account: &(String, Secret),
        options: &SourceOptions,
        shown: &str,
    ) -> Result<(), Failure> {
        let (user, password) = account;
        let reply = self.ask("USER", Some(user), options, shown)?;
        let (command, reply) = match reply.code {
            331 => ("PASS", self.ask("PASS", Some(password.reveal()), options, shown)?),
            _ => ("USER", reply),
        };
        if reply.is_done() { Ok(()) } else { Err(reply.failure(command, shown)) }
    }

    /// Whether it can be used again.
    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    pub(super) fn set_usable(&mut self, usable: bool) {
        self.usable &= usable;
    }

    /// Sends a command; the reply, whatever it is.
    pub(super) fn ask(
        &mut self,
        command: &str,
        argument: Option<&str>,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Reply, Failure> {
        let line = match argument {
            // a line's end in a name would be another command
            Some(argument) if argument.contains(['\r', '\n', '\0']) => {
                let message = format!("the argument of {command} has a line's end");
                return Err(Failure::never(Error::new(Code::SourceUnsupported, message).at(shown)));
            }
            Some(argument) => format!("{command} {argument}\r\n"),
            None => format!("{command}\r\n"),
        };
        let wait = options.read_timeout;
        let sent = self.wire.write_all(line.as_bytes()).and_then(|()| self.wire.flush());
        sent.map_err(|e| explain_transport(e.into(), shown, wait))?;
        self.reply(shown, wait)
    }

    /// Sends a command that must succeed.
    pub(super) fn expect(
        &mut self,
        command: &str,
        argument: Option<&str>,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Reply, Failure> {
        let reply = self.ask(command, argument, options, shown)?;
        if reply.is_done() { Ok(reply) } else { Err(reply.failure(command, shown)) }
    }

    fn reply(&mut self, shown: &str, wait: Duration) -> Result<Reply, Failure> {
        let invalid = || {
            Failure::soon(
                Error::new(Code::SourceUnreachable, "the server's answer is not valid FTP").at(shown),
            )
        };
        self.wire.set_timeout(wait);
        let mut lines = Vec::new();
        let mut bytes = 0_usize;
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                if let Some(reply) = Reply::parse(&lines).map_err(|()| invalid())? {
                    return Ok(reply);
                }
            }
            let mut buffer = [0; 4096];
            let count = self.wire.read(&mut buffer).map_err(|e| explain_transport(e.into(), shown, wait))?;
            bytes = bytes.saturating_add(count);
            if bytes > REPLY_BYTES_MAX {
                return Err(invalid());
            }
            if count == 0 {
                let end = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Err(explain_transport(end.into(), shown, wait));
            }
            self.rest.extend(buffer.iter().take(count));
        }
    }

    /// Opens a data connection: always to the address that the control connection has, whatever address a reply names.
    fn data(&mut self, options: &SourceOptions, shown: &str) -> Result<Wire, Failure> {
        let mut port = None;
        if self.extended {
            let reply = self.ask("EPSV", None, options, shown)?;
            port = (reply.code == 229).then(|| extended_port(&reply.text)).flatten();
            self.extended = port.is_some();
        }
        let failed = |e: std::io::Error| explain_transport(e.into(), shown, options.read_timeout);
        let mut address = self.wire.peer().map_err(failed)?;
        let port = match port {
            Some(port) => port,
            None => {
                let reply = self.expect("PASV", None, options, shown)?;
                let Some((_, port)) = passive_address(&reply.text) else {
                    return Err(reply.failure("PASV", shown));
                };
                port
            }
        };
        address.set_port(port);
        connect_to(address, options).map_err(failed)
    }

    /// Begins a transfer, of a file (from an offset) or a listing.
    pub(super) fn begin<'c>(
        &'c mut self,
        command: &str,
        argument: Option<&str>,
        offset: u64,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Transfer<'c>, Failure> {
        let mut data = self.data(options, shown)?;
        if offset > 0 {
            let reply = self.ask("REST", Some(&offset.to_string()), options, shown)?;
            if reply.code != 350 {
                return Err(reply.failure("REST", shown));
            }
        }
        let reply = self.ask(command, argument, options, shown)?;
        if !(100..200).contains(&reply.code) {
            return Err(reply.failure(command, shown));
        }
        if let Some(config) = &self.tls {
            let failed = |e: std::io::Error| explain_transport(e.into(), shown, options.read_timeout);
            data = data.encrypt(&self.host, config).map_err(failed)?;
        }
        Ok(Transfer { control: self, data })
    }
}

impl Transfer<'_> {
    /// The connection ended: whether the server says that all was sent.
    ///
    /// # Errors
    /// What the server says else.
    pub(super) fn end(self, options: &SourceOptions, shown: &str) -> Result<(), Failure> {
        let Self { control, data } = self;
        drop(data);
        let reply = control.reply(shown, options.read_timeout)?;
        if reply.is_done() { Ok(()) } else { Err(reply.failure("RETR", shown)) }
    }

    /// Breaks off behind the bytes that were wanted. Whether the control connection can be used again.
    pub(super) fn abort(self, shown: &str) -> bool {
        let Self { control, data } = self;
        drop(data);
        control
            .reply(shown, ABORT_WAIT)
            .is_ok_and(|reply| matches!(reply.code, 200..300 | 425 | 426 | 450 | 451))
    }
}

impl Read for Transfer<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.data.read(out)
    }
}
