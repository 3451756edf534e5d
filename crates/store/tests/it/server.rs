//! A small HTTP/1.1 server for tests: one thread a connection, answers made by a closure.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) fields: BTreeMap<String, String>,
    /// How many requests for this path came before.
    pub(crate) nth: u32,
}

/// What it gets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// One packet a byte.
    pub(crate) trickle: bool,
    /// Answers nothing, and waits until the client goes away.
    pub(crate) silent: bool,
    /// Sends so many bytes of the body, and waits until the client goes away.
    pub(crate) stall: Option<usize>,
    /// Sends the body in chunks, without a length.
    pub(crate) chunked: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, body: &[u8]) -> Self {
        Self { status, body: body.to_vec(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// As a correct server answers: 206 with the range asked for, 200 without one, 416 beyond the end.
    pub(crate) fn ranged(request: &Request, body: &[u8]) -> Self {
        let Some((start, last)) = request.range() else { return Self::new(200, body) };
        if start >= body.len() {
            return Self::new(416, b"").with("Content-Range", format!("bytes */{}", body.len()));
        }
        let last = last.min(body.len() - 1);
        Self::new(206, &body[start..=last])
            .with("Content-Range", format!("bytes {start}-{last}/{}", body.len()))
    }
}

impl Request {
    /// First and last byte of `Range: bytes=a-b`.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        let (start, last) = self.fields.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((start.parse().ok()?, last.parse().ok()?))
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

pub(crate) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Request>>>,
    most_at_once: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    seen: Arc<Mutex<Vec<Request>>>,
    now: AtomicU32,
    most_at_once: Arc<AtomicU32>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let most_at_once = Arc::new(AtomicU32::new(0));
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            seen: Arc::clone(&seen),
            now: AtomicU32::new(0),
            most_at_once: Arc::clone(&most_at_once),
        });
        let flag = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, stopped, seen, most_at_once, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn most_at_once(&self) -> u32 {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = read_request(&mut reader) {
        {
            let mut seen = shared.seen.lock().unwrap();
            request.nth = u32::try_from(seen.iter().filter(|r| r.path == request.path).count()).unwrap();
            seen.push(request.clone());
        }
        shared.most_at_once.fetch_max(shared.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let reply = (shared.handler)(&request);
        shared.now.fetch_sub(1, Ordering::SeqCst);
        if reply.silent {
            let _ = reader.read_line(&mut String::new());
            return;
        }
        let sent = send(stream, &reply);
        if reply.stall.is_some() {
            let _ = reader.read_line(&mut String::new());
            return;
        }
        if sent.is_err() || reply.cut.is_some() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut fields = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => fields.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    Some(Request { path, fields, nth: 0 })
}

fn send(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sized = reply.fields.iter().any(|(name, _)| *name == "Content-Length");
    if reply.chunked {
        head.push_str("Transfer-Encoding: chunked\r\n");
    } else if !sized && reply.status != 304 && reply.status != 204 {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    let body = &reply.body[..reply.cut.or(reply.stall).unwrap_or(reply.body.len())];
    if reply.chunked {
        for part in body.chunks(4096) {
            write!(stream, "{:x}\r\n", part.len())?;
            stream.write_all(part)?;
            stream.write_all(b"\r\n")?;
        }
        return if reply.cut.or(reply.stall).is_some() { Ok(()) } else { stream.write_all(b"0\r\n\r\n") };
    }
    if reply.trickle {
        return body.iter().try_for_each(|byte| stream.write_all(&[*byte]));
    }
    stream.write_all(body)
}
