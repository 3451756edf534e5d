//! Opening inputs: one entry point for paths and URLs.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Credentials, Rate};

use crate::bucket::{Bucket, BucketOptions, BucketUrl, Folder, Remote, S3Place};
use crate::cache::Cache;
use crate::credentials::{Held, Login, Machine};
use crate::ftp;
use crate::http::{Client, HttpObject};
use crate::local::{FilePool, LocalObject};
use crate::location::{Location, redact};
use crate::object::Object;
use crate::stats::Stats;
use crate::wrapped::{UnpackLimits, Unwrapper, split_member};

/// How inputs are opened and fetched.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// Keep whole downloads here, by URL and validator. Without it, only ranges are fetched.
    pub cache: Option<PathBuf>,
    /// Where files of servers without ranges are kept while they are read; else the system's temporary folder.
    pub scratch: Option<PathBuf>,
    /// Requests that run at the same time against one host, from all threads together.
    pub connections_per_host: u32,
    /// Requests that begin in a time against one host, from all threads together.
    pub rate_per_host: Option<Rate>,
    /// How often a failed request is repeated.
    pub retries: u32,
    /// The wait before the first repetition; it doubles each time, up to `backoff_max`.
    pub backoff: Duration,
    /// The longest wait that doubling leads to.
    pub backoff_max: Duration,
    /// The longest wait that a server may ask for (`Retry-After`); one that asks for more is given up.
    pub retry_after_max: Duration,
    /// From so many bytes on, a download into the cache that breaks off with its run is gone on with by the next.
    pub kept_bytes: u64,
    /// The longest time to find a host and connect to it, TLS included.
    pub connect_timeout: Duration,
    /// The longest time without a byte from a connected server.
    pub read_timeout: Duration,
    /// Ranges with at most this many bytes between them are fetched as one.
    pub gap_bytes: u64,
    /// Bytes that the first request to an object asks for.
    pub prefix_bytes: u64,
    /// The `User-Agent` that servers see.
    pub user_agent: String,
    /// Trust the root certificates in this file (PEM) in place of those that browsers trust.
    pub roots: Option<PathBuf>,
    /// Use the proxies that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name.
    pub proxy_from_env: bool,
    /// Connect to loopback, private and link-local addresses too. Checked for what a name resolves to, at every
    /// connection and redirect; `false` also turns proxies off, since those resolve names themselves.
    pub allow_private: bool,
    /// Open files of this machine too.
    pub allow_local: bool,
    /// Set by Ctrl-C: waits end early with `interrupted`.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// The login that the recipe names; every server gets what belongs to it alone.
    pub credentials: Option<Credentials>,
    /// What holds the credentials.
    pub machine: Machine,
    /// What compressed and archived inputs may take.
    pub unpack: UnpackLimits,
    /// Endpoints, regions and keys of object stores.
    pub buckets: BucketOptions,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            cache: None,
            scratch: None,
            connections_per_host: 8,
            rate_per_host: None,
            retries: 5,
            backoff: Duration::from_millis(250),
            backoff_max: Duration::from_secs(60),
            retry_after_max: Duration::from_secs(300),
            kept_bytes: 16 * 1024 * 1024,
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(60),
            gap_bytes: 64 * 1024,
            prefix_bytes: 512 * 1024,
            user_agent: concat!("arcoforge/", env!("CARGO_PKG_VERSION")).to_owned(),
            roots: None,
            proxy_from_env: true,
            allow_private: true,
            allow_local: true,
            interrupted: None,
            credentials: None,
            machine: Machine::default(),
            unpack: UnpackLimits::default(),
            buckets: BucketOptions::default(),
        }
    }
}

/// Opens inputs; shared by all threads of a run, so that limits per host hold for all of them together.
#[derive(Debug)]
pub struct Sources {
    options: SourceOptions,
    files: Arc<FilePool>,
    client: Arc<Client>,
    /// For targets, where the recipe names a login for its inputs.
    client_of_targets: OnceLock<Arc<Client>>,
    /// For what is asked after Ctrl-C.
    client_at_end: OnceLock<Arc<Client>>,
    cache: Option<Cache>,
    unwrapper: Unwrapper,
}

impl Sources {
    /// Prepares to open inputs. Opens no file and no socket.
    pub fn new(options: SourceOptions) -> Self {
        let files = Arc::new(FilePool::default());
        let client = Client::new(&options, Arc::clone(&files));
        let cache = options.cache.clone().map(Cache::new);
        let unwrapper = Unwrapper::new(Arc::clone(&client), options.cache.clone(), options.unpack);
        Self {
            options,
            files,
            client,
            client_of_targets: OnceLock::new(),
            client_at_end: OnceLock::new(),
            cache,
            unwrapper,
        }
    }

    /// Opens a path, or a `file://`, `http(s)://` or `ftp(s)://` URL, as if it lay there plain: what is compressed (gzip, bzip2,
    /// xz, zstd) or archived (zip, tar) is known by its content. A member of an archive is named behind `#`, in full or
    /// by a glob that matches one; else the archive must hold one data file.
    ///
    /// A local file costs an open and an fstat. A remote object costs one request, which brings its first bytes along
    /// (see [`Object::take_prefix`]); a server that does not serve ranges, or serves wrong ones, is read whole once.
    /// Members that are stored as they are, are ranges of the archive; compressed ones are unpacked once to the cache or
    /// to a temporary file.
    ///
    /// # Errors
    /// `source-not-found`, `source-denied`, `source-not-data` (empty, a directory, a web page), `source-unreachable`,
    /// `source-unsupported` (another scheme, an archive that is not safe), `source-corrupt` (it does not unpack),
    /// `source-limit` (more than the disk or [`UnpackLimits`] can take), `interrupted`.
    pub fn open(&self, url_or_path: &str) -> Result<Arc<dyn Object>> {
        match Location::parse(url_or_path)? {
            Location::Local(path) => match split_member(&path) {
                Some((path, member)) => self.open_local(&path, &path.display().to_string(), Some(&member)),
                None => self.open_local(&path, url_or_path, None),
            },
            Location::Http(url) => {
                let member = url_or_path.split_once('#').map(|(_, member)| member);
                self.unwrapper.open(&url, member, || self.open_http(&url))
            }
            Location::Bucket(url) => {
                let member = url.key.split_once('#').map(|(_, member)| member.to_owned());
                let url = without_member(url).text();
                self.unwrapper.open(&url, member.as_deref(), || self.open_http(&url))
            }
            Location::Ftp(url) => {
                let member = url_or_path.split_once('#').map(|(_, member)| member);
                self.unwrapper.open(&url, member, || ftp::open(&self.client, &url))
            }
        }
    }

    /// Opens a file as whoever publishes it gives it, with its compression or archive on; a member's name behind `#` does
    /// not count.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn open_packed(&self, url_or_path: &str) -> Result<Arc<dyn Object>> {
        match Location::parse(url_or_path)? {
            Location::Local(path) => {
                self.check_local(url_or_path)?;
                let path = split_member(&path).map_or(path, |(path, _)| path);
                Ok(Arc::new(LocalObject::open(&self.files, &path, &path.display().to_string())?))
            }
            Location::Http(url) => self.open_http(&url),
            Location::Bucket(url) => self.open_http(&without_member(url).text()),
            Location::Ftp(url) => ftp::open(&self.client, &url),
        }
    }

    /// Opens a local file, also one whose path is not UTF-8.
    pub fn open_path(&self, path: &Path) -> Result<Arc<dyn Object>> {
        self.open_local(path, &path.display().to_string(), None)
    }

    fn open_local(&self, path: &Path, shown: &str, member: Option<&str>) -> Result<Arc<dyn Object>> {
        self.check_local(shown)?;
        let object = LocalObject::open(&self.files, path, shown)?;
        // a file that was written anew in this run is another input
        let key = format!("{} {:?}", path.display(), object.validator());
        self.unwrapper.open(&key, member, || Ok(Arc::new(object)))
    }

    fn open_http(&self, url: &str) -> Result<Arc<dyn Object>> {
        match &self.cache {
            Some(cache) => Ok(Arc::new(cache.open(&self.client, url)?)),
            None => HttpObject::open(&self.client, url),
        }
    }

    /// A place to put objects, and to list and read them: `s3://bucket/prefix`, `gs://`, `az://`, a path or a `file://`
    /// URL. Opens no socket and makes no folder.
    ///
    /// # Errors
    /// `source-unsupported` for any other scheme, `source-denied` for folders where these may not be used.
    pub fn bucket(&self, url_or_path: &str) -> Result<Bucket> {
        match Location::parse(url_or_path)? {
            Location::Bucket(url) => Ok(bucket_by(self.of_targets(), &url)),
            Location::Local(path) => {
                self.check_local(url_or_path)?;
                Ok(Bucket::new(Arc::new(Folder::new(path)), url_or_path, ""))
            }
            _ => Err(Error::new(
                Code::SourceUnsupported,
                "found a URL where nothing can be written, expected `s3://`, `gs://`, `az://` or a folder",
            )
            .at(redact(url_or_path))),
        }
    }

    /// The same for the few requests that end a run: Ctrl-C does not stop them, and they give up within seconds.
    ///
    /// # Errors
    /// As of [`bucket`](Self::bucket).
    pub fn bucket_at_end(&self, url_or_path: &str) -> Result<Bucket> {
        let Location::Bucket(url) = Location::parse(url_or_path)? else { return self.bucket(url_or_path) };
        let client = self.client_at_end.get_or_init(|| {
            let options = SourceOptions {
                credentials: None,
                interrupted: None,
                retries: 2,
                backoff_max: Duration::from_secs(1),
                retry_after_max: Duration::from_secs(1),
                connect_timeout: Duration::from_secs(5),
                read_timeout: Duration::from_secs(10),
                ..self.options.clone()
            };
            Client::new(&options, Arc::clone(&self.files))
        });
        Ok(bucket_by(client, &url))
    }

    /// Asks for what is no input: the login that the recipe names for its inputs is never shown.
    fn of_targets(&self) -> &Arc<Client> {
        if self.options.credentials.is_none() {
            return &self.client;
        }
        self.client_of_targets.get_or_init(|| {
            let options = SourceOptions { credentials: None, ..self.options.clone() };
            Client::new(&options, Arc::clone(&self.files))
        })
    }

    /// Opens an object of a target in a bucket.
    pub(crate) fn open_of_target(&self, url: &str) -> Result<Arc<dyn Object>> {
        HttpObject::open(self.of_targets(), url)
    }

    /// How inputs in a bucket of S3 are reached: with the keys that the recipe names for it, else by the environment.
    ///
    /// # Errors
    /// `bug` where the URL is none of a bucket; `source-denied` where the machine does not hold the keys.
    pub fn s3_place(&self, url: &str) -> Result<S3Place> {
        let none = || Error::new(Code::Bug, "a place that is none of a bucket").at(redact(url));
        let url = BucketUrl::parse(url).ok_or_else(none)??;
        self.client.addresses.s3_place(&Arc::downgrade(&self.client), &url)
    }

    /// A bucket in which inputs lie.
    pub(crate) fn bucket_of_inputs(&self, url: &BucketUrl) -> Bucket {
        bucket_by(&self.client, url)
    }

    pub(crate) fn check_local(&self, shown: &str) -> Result<()> {
        if self.options.allow_local {
            return Ok(());
        }
        Err(Error::new(Code::SourceDenied, "files of this machine may not be read here")
            .at(redact(shown))
            .help("use an `https://` address"))
    }

    /// What the machine holds of the credentials that the recipe names; none where it names none.
    ///
    /// # Errors
    /// `source-denied` where it does not hold them, or only for other hosts; with what to set.
    pub fn check_credentials(&self) -> Result<Option<Arc<Held>>> {
        self.client.login.as_ref().map(Login::held).transpose()
    }

    /// What has been fetched so far.
    pub fn stats(&self) -> Stats {
        self.client.stats()
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The options in force.
    pub fn options(&self) -> &SourceOptions {
        &self.options
    }
}

fn bucket_by(client: &Arc<Client>, url: &BucketUrl) -> Bucket {
    Bucket::new(Arc::new(Remote::new(client, url)), &url.text(), &url.key)
}

/// The object itself: a member of an archive is named behind `#`.
pub(crate) fn without_member(mut url: BucketUrl) -> BucketUrl {
    if let Some((key, _)) = url.key.split_once('#') {
        url.key = key.to_owned();
    }
    url
}
