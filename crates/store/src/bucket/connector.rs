//! The way of the library to the servers: through our own client, with its address guard, lanes, limits and counts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};

use arcoforge_core::error::{Code, Error};
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use ureq::http::{HeaderMap, Method, Request, Response};

use super::refusal::{Carried, Refusal, element};
use super::wait::block_on;
use crate::http::{Client, Exchanged, Failure, Retry};
use crate::local::lock;
use crate::location::{host_of, redact};

/// Makes clients of the library that send by ours.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) client: Weak<Client>,
    /// Where the bucket lies, as a server told that was asked for it at a wrong place.
    pub(super) region: Arc<Mutex<Option<String>>>,
}

/// Put into a request: it is not to be sent, but to be shown, signed as it is.
#[derive(Clone, Default)]
pub(super) struct OnlySigned(pub(super) Arc<Mutex<Option<Signed>>>);

/// Where a request would go, and with which header.
pub(super) struct Signed {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connector {
    // what `async_trait` makes of `async fn call`
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(self.send(request)))
    }
}

fn carried(refusal: Refusal) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Carried::new(refusal))
}

impl Connector {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        if let Some(wanted) = parts.extensions.get::<OnlySigned>() {
            let signed = Signed { url: parts.uri.to_string(), headers: parts.headers };
            *lock(&wanted.0) = Some(signed);
            let error = Error::new(Code::Bug, "a request that is only signed was awaited");
            return Err(carried(Refusal { status: None, failure: Failure::never(error) }));
        }
        let url = parts.uri.to_string();
        let shown = without_query(&url);
        let Some(client) = self.client.upgrade() else {
            let error = Error::new(Code::Bug, "a bucket outlived its sources").at(shown);
            return Err(carried(Refusal { status: None, failure: Failure::never(error) }));
        };
        // a body is what the library holds in memory: this copies nothing and never waits
        let bytes = block_on(body.collect())?.to_bytes();
        let mut sent = Request::new(&bytes[..]);
        (*sent.method_mut(), *sent.uri_mut(), *sent.headers_mut()) =
            (parts.method.clone(), parts.uri.clone(), parts.headers);
        let answer =
            client.exchange(sent, &shown).map_err(|failure| carried(Refusal { status: None, failure }))?;
        if let Some(failure) = self.failed(&parts.method, &answer, &url, &shown) {
            return Err(carried(Refusal { status: Some(answer.status), failure }));
        }
        let mut response = Response::new(answer.body.into());
        *response.status_mut() = ureq::http::StatusCode::from_u16(answer.status).unwrap_or_default();
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    /// Why an answer is no success.
    fn failed(&self, method: &Method, answer: &Exchanged, url: &str, shown: &str) -> Option<Failure> {
        let text = String::from_utf8_lossy(&answer.body);
        if matches!(answer.status, 200..=299) {
            // S3 begins to answer copies and completions before it knows how they end; Azure's answer to a batch is no XML,
            // and holds one for each object
            let is_xml = text.trim_start().starts_with('<');
            let late = is_xml && matches!(*method, Method::PUT | Method::POST) && text.contains("<Error>");
            let code = element(&text, "Code").filter(|_| late)?;
            let message = format!("the server answered `{code}` after it had begun to agree");
            let error = Error::new(Code::SourceUnreachable, message).at(shown).help("run again later");
            return Some(Failure::soon(error));
        }
        if let Some(region) = region_of(&answer.headers, answer.status) {
            *lock(&self.region) = Some(region);
        }
        let mut failure = answer.failure(&host_of(url), shown)?;
        if let Some(code) = element(&text, "Code") {
            failure.error.message = match element(&text, "Message") {
                Some(why) if failure.error.code == Code::SourceUnreachable => {
                    format!("the server answered {} {code}: {why}", answer.status)
                }
                _ => format!("{} ({code})", failure.error.message),
            };
            if matches!(code, "RequestTimeout" | "SlowDown" | "RequestTimeTooSkewed" | "OperationAborted") {
                failure.retry = Retry::Soon;
            }
            if code == "NoSuchBucket" {
                failure.error.help = Some("check the bucket's name".to_owned());
            }
        }
        if matches!(answer.status, 400 | 405 | 501) {
            failure.error.help = Some(
                "the server does not take what it was asked; is it an object store of this kind?".to_owned(),
            );
        }
        if matches!(answer.status, 401 | 403) {
            failure.error.help = Some(DENIED.to_owned());
        }
        Some(failure)
    }
}

/// What can be done about 403.
pub(crate) const DENIED: &str = "the bucket does not exist, or this user may not do that: check the name, and the \
     keys in the environment (`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`, `GOOGLE_APPLICATION_CREDENTIALS`, \
     `AZURE_STORAGE_ACCOUNT_KEY` …); `AWS_NO_SIGN_REQUEST=YES` reads public buckets without any";

/// The region of a bucket, where an answer says that it was asked for in a wrong one.
pub(crate) fn region_of(headers: &HeaderMap, status: u16) -> Option<String> {
    let region = headers.get("x-amz-bucket-region")?.to_str().ok()?;
    let valid = region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !region.is_empty();
    (matches!(status, 301 | 307 | 400 | 403) && valid).then(|| region.to_owned())
}

/// Queries of stores hold signatures and upload ids, nothing that helps people.
fn without_query(url: &str) -> String {
    redact(url.split('?').next().unwrap_or(url))
}
