//! A small S3 in memory, for tests: whole objects, parts, lists in pages, conditions; and faults, by a seed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arcoforge_store::BucketOptions;

/// Keys in a page of a list, as S3 has it.
const PAGE: usize = 1000;

#[derive(Debug, Clone)]
struct Stored {
    bytes: Vec<u8>,
    etag: String,
    meta: Vec<(String, String)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the bucket, decoded.
    pub(crate) key: String,
    pub(crate) query: BTreeMap<String, String>,
    /// Names in lower case.
    pub(crate) fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// What may go wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The request does not arrive.
    DropBefore,
    /// It does, its answer does not.
    DropAfter,
    /// It arrives once nobody waits for it any more.
    Late,
    ErrorBefore,
    ErrorAfter,
    SlowDown,
    /// Half of the answer arrives.
    Cut,
    Delay,
}

/// Parts by number, and the metadata of what they become.
type Parts = (BTreeMap<u32, Vec<u8>>, Vec<(String, String)>);

#[derive(Default)]
struct State {
    objects: Mutex<BTreeMap<String, Stored>>,
    uploads: Mutex<BTreeMap<String, Parts>>,
    /// Puts of whole objects that were carried out: key and content.
    history: Mutex<Vec<(String, Vec<u8>)>>,
    seen: Mutex<Vec<Request>>,
    count: AtomicU64,
    /// State of the generator; 0 for no faults.
    faults: AtomicU64,
    late: AtomicBool,
    /// Asked for with another region, it names this one.
    region: Mutex<Option<String>>,
    stopped: AtomicBool,
}

pub(crate) struct S3 {
    address: SocketAddr,
    state: Arc<State>,
}

struct Reply {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, state }
    }

    /// How to reach it, with keys.
    pub(crate) fn options(&self) -> BucketOptions {
        let mut options = self.anonymous();
        for (name, value) in [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hush")] {
            options.variables.insert(name.to_owned(), value.to_owned());
        }
        options
    }

    pub(crate) fn anonymous(&self) -> BucketOptions {
        let endpoint = ("AWS_ENDPOINT_URL".to_owned(), format!("http://{}", self.address));
        BucketOptions {
            variables: [endpoint, ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())].into(),
        }
    }

    /// From now on faults, by this seed; 0 for none. With `late`, requests may arrive long after they were given up: what
    /// is put without a condition, or deleted meanwhile, then comes back.
    pub(crate) fn faults(&self, seed: u64, late: bool) {
        self.state.late.store(late, Ordering::SeqCst);
        self.state.faults.store(seed, Ordering::SeqCst);
    }

    pub(crate) fn lies_in(&self, region: &str) {
        *self.state.region.lock().unwrap() = Some(region.to_owned());
    }

    pub(crate) fn history(&self, key: &str) -> Vec<Vec<u8>> {
        let history = self.state.history.lock().unwrap();
        history.iter().filter(|(k, _)| k == key).map(|(_, bytes)| bytes.clone()).collect()
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(crate) fn insert(&self, key: &str, bytes: &[u8]) {
        self.state.put(key, bytes, &[]);
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.state.uploads.lock().unwrap().len()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, state: &Arc<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        if state.stopped.load(Ordering::SeqCst) {
            break;
        }
        state.seen.lock().unwrap().push(Request { body: Vec::new(), ..request.clone() });
        let fault = state.fault();
        let reply = match fault {
            Fault::DropBefore => break,
            Fault::Late if !state.late.load(Ordering::SeqCst) => break,
            Fault::Late => {
                let state = Arc::clone(state);
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(3));
                    state.answer(&request);
                });
                break;
            }
            Fault::ErrorBefore => error(500, "InternalError"),
            Fault::SlowDown => error(503, "SlowDown"),
            Fault::ErrorAfter => {
                state.answer(&request);
                error(500, "InternalError")
            }
            Fault::Delay => {
                thread::sleep(Duration::from_millis(2));
                state.answer(&request)
            }
            Fault::None | Fault::DropAfter | Fault::Cut => state.answer(&request),
        };
        if fault == Fault::DropAfter {
            break;
        }
        let text = reply.text(request.method == "HEAD");
        let end = if fault == Fault::Cut { text.len() / 2 } else { text.len() };
        if (&mut &*stream).write_all(&text[..end]).is_err() || fault == Fault::Cut {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut fields = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = fields.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    Some(Request { method, key: decoded(key), query, fields, body })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn error(status: u16, code: &str) -> Reply {
    Reply::new(status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>").as_bytes())
}

impl Reply {
    fn new(status: u16, body: &[u8]) -> Self {
        Self { status, fields: Vec::new(), body: body.to_vec() }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    fn text(&self, is_head: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut text = text.into_bytes();
        if !is_head && self.status != 204 {
            text.extend_from_slice(&self.body);
        }
        text
    }
}

impl State {
    /// The next fault: in four of ten requests one.
    fn fault(&self) -> Fault {
        const ALL: [Fault; 8] = [
            Fault::DropBefore,
            Fault::DropAfter,
            Fault::Late,
            Fault::ErrorBefore,
            Fault::ErrorAfter,
            Fault::SlowDown,
            Fault::Cut,
            Fault::Delay,
        ];
        let next = |seed: u64| match seed {
            0 => 0,
            seed => {
                seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) | 1 << 63
            }
        };
        let now =
            self.faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |seed| Some(next(seed))).unwrap();
        let die = (now >> 33) % 20;
        if now == 0 { Fault::None } else { ALL.get(die as usize).copied().unwrap_or(Fault::None) }
    }

    fn put(&self, key: &str, bytes: &[u8], meta: &[(String, String)]) -> String {
        // of the content, as on S3: what recurs has its tag again
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("\"{:032x}\"", hasher.finish());
        let stored = Stored { bytes: bytes.to_vec(), etag: etag.clone(), meta: meta.to_vec() };
        self.objects.lock().unwrap().insert(key.to_owned(), stored);
        etag
    }

    fn answer(&self, request: &Request) -> Reply {
        if let Some(region) = self.region.lock().unwrap().as_ref()
            && request.fields.get("authorization").is_some_and(|a| !a.contains(&format!("/{region}/s3")))
        {
            return error(400, "AuthorizationHeaderMalformed").with("x-amz-bucket-region", region);
        }
        let query = |name: &str| request.query.get(name);
        match (request.method.as_str(), request.key.as_str()) {
            ("GET", "") => self.list(request),
            ("POST", "") => {
                let text = String::from_utf8_lossy(&request.body).into_owned();
                let mut gone = String::new();
                for part in text.split("<Key>").skip(1) {
                    let key = part.split("</Key>").next().unwrap().replace("&lt;", "<").replace("&amp;", "&");
                    self.objects.lock().unwrap().remove(&key);
                    gone.push_str(&format!("<Deleted><Key>{}</Key></Deleted>", escaped(&key)));
                }
                Reply::new(200, format!("<DeleteResult>{gone}</DeleteResult>").as_bytes())
            }
            ("POST", key) if query("uploads").is_some() => {
                let id = format!("upload-{}", self.count.fetch_add(1, Ordering::SeqCst));
                self.uploads.lock().unwrap().insert(id.clone(), (BTreeMap::new(), meta_of(request)));
                let text = format!(
                    "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>{}</Key><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>",
                    escaped(key)
                );
                Reply::new(200, text.as_bytes())
            }
            ("POST", key) => self.complete(key, query("uploadId").unwrap()),
            ("PUT", _) if query("uploadId").is_some() => {
                let mut uploads = self.uploads.lock().unwrap();
                let Some((parts, _)) = uploads.get_mut(query("uploadId").unwrap()) else {
                    return error(404, "NoSuchUpload");
                };
                let number = query("partNumber").unwrap().parse().unwrap();
                parts.insert(number, request.body.clone());
                Reply::new(200, b"").with("ETag", format!("\"part{number}\""))
            }
            ("PUT", key) if request.fields.contains_key("x-amz-copy-source") => self.copy(key, request),
            ("PUT", key) => self.put_checked(key, request),
            ("DELETE", _) if query("uploadId").is_some() => {
                self.uploads.lock().unwrap().remove(query("uploadId").unwrap());
                Reply::new(204, b"")
            }
            ("DELETE", key) => {
                self.objects.lock().unwrap().remove(key);
                Reply::new(204, b"")
            }
            (_, key) => self.get(key, request),
        }
    }

    fn put_checked(&self, key: &str, request: &Request) -> Reply {
        let mut history = self.history.lock().unwrap();
        let there = self.objects.lock().unwrap().get(key).map(|stored| stored.etag.clone());
        let met = match (request.fields.get("if-none-match"), request.fields.get("if-match")) {
            (Some(_), _) => there.is_none(),
            (_, Some(etag)) => there.as_ref() == Some(etag),
            _ => true,
        };
        if !met {
            return error(412, "PreconditionFailed");
        }
        history.push((key.to_owned(), request.body.clone()));
        let etag = self.put(key, &request.body, &meta_of(request));
        Reply::new(200, b"").with("ETag", etag)
    }

    fn copy(&self, key: &str, request: &Request) -> Reply {
        let from = decoded(&request.fields["x-amz-copy-source"]);
        let from = from.trim_start_matches('/').split_once('/').unwrap().1.to_owned();
        let Some(stored) = self.objects.lock().unwrap().get(&from).cloned() else {
            return error(404, "NoSuchKey");
        };
        let etag = self.put(key, &stored.bytes, &stored.meta);
        Reply::new(200, format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>").as_bytes())
    }

    fn complete(&self, key: &str, id: &str) -> Reply {
        let Some((parts, meta)) = self.uploads.lock().unwrap().remove(id) else {
            return error(404, "NoSuchUpload");
        };
        let last = parts.len();
        let short = |(at, part): (usize, &Vec<u8>)| at + 1 < last && part.len() < 5 * 1024 * 1024;
        if parts.values().enumerate().any(short) {
            return error(400, "EntityTooSmall");
        }
        let etag = self.put(key, &parts.into_values().flatten().collect::<Vec<u8>>(), &meta);
        let text = format!(
            "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key>\
             <ETag>{etag}</ETag></CompleteMultipartUploadResult>"
        );
        Reply::new(200, text.as_bytes())
    }

    fn get(&self, key: &str, request: &Request) -> Reply {
        let Some(stored) = self.objects.lock().unwrap().get(key).cloned() else {
            return error(404, "NoSuchKey");
        };
        let whole = stored.bytes.len();
        let range = request.fields.get("range").map(|text| {
            let (first, last) = text.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            (first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap().min(whole.saturating_sub(1)))
        });
        let mut reply = match range {
            Some((first, _)) if first >= whole => {
                error(416, "InvalidRange").with("Content-Range", format!("bytes */{whole}"))
            }
            Some((first, last)) => Reply::new(206, &stored.bytes[first..=last])
                .with("Content-Range", format!("bytes {first}-{last}/{whole}")),
            None => Reply::new(200, &stored.bytes),
        };
        for (name, value) in &stored.meta {
            reply = reply.with(name, value);
        }
        reply.with("ETag", stored.etag).with("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    fn list(&self, request: &Request) -> Reply {
        let text = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let (prefix, delimiter, after) = (text("prefix"), text("delimiter"), text("continuation-token"));
        let objects = self.objects.lock().unwrap();
        let mut names: BTreeMap<String, Option<&Stored>> = BTreeMap::new();
        for (key, stored) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
            let rest = &key[prefix.len()..];
            match rest.find(&delimiter).filter(|_| !delimiter.is_empty()) {
                Some(at) => names.insert(key[..=prefix.len() + at].to_owned(), None),
                None => names.insert(key.clone(), Some(stored)),
            };
        }
        let rest: Vec<_> = names.iter().filter(|(name, _)| after.is_empty() || **name > after).collect();
        let page = &rest[..rest.len().min(PAGE)];
        let mut body =
            format!("<ListBucketResult><Name>b</Name><IsTruncated>{}</IsTruncated>", rest.len() > PAGE);
        for (name, stored) in page {
            body.push_str(&match stored {
                Some(stored) => format!(
                    "<Contents><Key>{}</Key><LastModified>1994-11-06T08:49:37.000Z</LastModified><ETag>{}</ETag>\
                     <Size>{}</Size></Contents>",
                    escaped(name),
                    stored.etag.replace('"', "&quot;"),
                    stored.bytes.len()
                ),
                None => format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(name)),
            });
        }
        if rest.len() > PAGE {
            let next = escaped(page.last().unwrap().0);
            body.push_str(&format!("<NextContinuationToken>{next}</NextContinuationToken>"));
        }
        Reply::new(200, (body + "</ListBucketResult>").as_bytes())
    }
}

fn meta_of(request: &Request) -> Vec<(String, String)> {
    let own = |(name, _): &(&String, &String)| name.starts_with("x-amz-meta-");
    request.fields.iter().filter(own).map(|(name, value)| (name.clone(), value.clone())).collect()
}
