//! Connections to FTP servers: to checked addresses, over TLS where the URL says so, and over once Ctrl-C was pressed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::http::{Refused, is_public};
use crate::sources::SourceOptions;

/// How often a wait looks at the flag.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A connection whose waits end by its timeout, or once the flag is set.
pub(super) struct Wire {
    stream: Stream,
    timeout: Duration,
    interrupted: Option<Arc<AtomicBool>>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Finds a host and connects to it, to public addresses alone where that is asked for.
pub(super) fn connect(host: &str, port: u16, options: &SourceOptions) -> io::Result<Wire> {
    let (name, allow_private, timeout) = (host.to_owned(), options.allow_private, options.connect_timeout);
    let flag = options.interrupted.clone();
    let stream = unless_interrupted(&flag, move || {
        let found: Vec<SocketAddr> = (name.trim_matches(['[', ']']), port).to_socket_addrs()?.collect();
        if let (Some(address), false) = (found.iter().find(|a| !is_public(a.ip())), allow_private) {
            return Err(io::Error::other(Refused(address.ip())));
        }
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in found {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => return Ok(stream),
                Err(e) => last = e,
            }
        }
        Err(last)
    })?;
    Wire::new(stream, options)
}

/// Connects to an address that was checked already.
pub(super) fn connect_to(address: SocketAddr, options: &SourceOptions) -> io::Result<Wire> {
    let timeout = options.connect_timeout;
    let stream =
        unless_interrupted(&options.interrupted, move || TcpStream::connect_timeout(&address, timeout))?;
    Wire::new(stream, options)
}

/// Does what may wait long on a thread of its own, which is left behind once the flag is set.
fn unless_interrupted<T: Send + 'static>(
    flag: &Option<Arc<AtomicBool>>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let Some(flag) = flag else { return work() };
    let (done, result) = channel();
    thread::Builder::new().spawn(move || drop(done.send(work())))?;
    loop {
        match result.recv_timeout(LOOK_EVERY) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if !flag.load(Ordering::Relaxed) => {}
            Err(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl Wire {
    fn new(stream: TcpStream, options: &SourceOptions) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        stream.set_write_timeout(Some(LOOK_EVERY))?;
        let (timeout, interrupted) = (options.read_timeout, options.interrupted.clone());
        Ok(Self { stream: Stream::Plain(stream), timeout, interrupted })
    }

    /// Goes on over TLS with a server that must show a certificate for `host`.
    pub(super) fn encrypt(self, host: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let Stream::Plain(tcp) = self.stream else { return Ok(self) };
        let host = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Ok(Self { stream: Stream::Tls(Box::new(StreamOwned::new(session, tcp))), ..self })
    }

    /// Whom it is connected to.
    pub(super) fn peer(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(tcp) => tcp.peer_addr(),
            Stream::Tls(tls) => tls.sock.peer_addr(),
        }
    }

    /// The longest wait for a byte from now on.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Tries until something moves, the time is over, or Ctrl-C is pressed.
    fn patiently(&mut self, mut attempt: impl FnMut(&mut Stream) -> io::Result<usize>) -> io::Result<usize> {
        let begun = Instant::now();
        loop {
            if self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            match attempt(&mut self.stream) {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if begun.elapsed() >= self.timeout {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.patiently(|stream| match stream {
            Stream::Plain(tcp) => tcp.read(out),
            // many servers close without TLS's own end; lengths and the last reply tell what is whole
            Stream::Tls(tls) => match tls.read(out) {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                other => other,
            },
        })
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(|stream| match stream {
            Stream::Plain(tcp) => tcp.write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.patiently(|stream| match stream {
            Stream::Plain(tcp) => tcp.flush().map(|()| 0),
            Stream::Tls(tls) => tls.flush().map(|()| 0),
        });
        flushed.map(drop)
    }
}
