//! Requests of any method, with a body: what object stores are asked and told.

use std::io::Read;
use std::time::Instant;

use arcoforge_core::error::{Code, Error};
use ureq::http::{HeaderMap, Method, Request};

use super::client::Client;
use super::failure::{Failure, Retry, explain_status, explain_transport};
use super::head::Head;
use crate::location::host_of;
use crate::stats::Counters;

/// Bytes of an answer that says no.
const REASON_BYTES_MAX: u64 = 64 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Exchanged {
    /// Whether it is no success, and whether repeating the request can help.
    pub(crate) fn failure(&self, host: &str, shown: &str) -> Option<Failure> {
        if matches!(self.status, 200..=299) {
            return None;
        }
        let head = Head::of(&self.headers, host);
        Some(explain_status(self.status, &head, shown).unwrap_or_else(|| {
            let message = format!("the server answered {}", self.status);
            Failure::never(Error::new(Code::SourceUnreachable, message).at(shown))
        }))
    }
}

impl Client {
    /// Sends a request within the host's limit, and reads the whole answer, whatever its status. Redirects are not
    /// followed: a signature holds for one host.
    pub(crate) fn exchange(&self, request: Request<&[u8]>, shown: &str) -> Result<Exchanged, Failure> {
        self.check_interrupted(shown).map_err(Failure::never)?;
        let host = host_of(&request.uri().to_string());
        let permit = self.lanes.enter(&host);
        self.wait_for_turn(&permit, shown)?;
        Counters::add(&self.counters.requests, 1);
        let agent = self.agent()?;
        let is_head = request.method() == Method::HEAD;
        let response =
            if request.body().is_empty() && !matches!(*request.method(), Method::PUT | Method::POST) {
                let request = request.map(drop);
                agent.run(agent.configure_request(request).max_redirects(0).build())
            } else {
                agent.run(agent.configure_request(request).max_redirects(0).build())
            };
        let wait = self.options().read_timeout;
        let response = response.map_err(|e| explain_transport(e, shown, wait))?;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        let most = if matches!(status, 200..=299) { u64::MAX } else { REASON_BYTES_MAX };
        let expected = Head::of(&parts.headers, &host).content_length.filter(|_| !is_head);
        let mut bytes = Vec::new();
        let mut reader = body.into_with_config().limit(u64::MAX).reader().take(most);
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|e| explain_transport(e.into(), shown, wait))?;
        if let Some(expected) = expected.filter(|expected| (bytes.len() as u64) < (*expected).min(most)) {
            return Err(Failure::short(shown, bytes.len(), expected));
        }
        Counters::add(&self.counters.bytes, bytes.len() as u64);
        let exchanged = Exchanged { status, headers: parts.headers, body: bytes };
        if let Some(Failure { retry: Retry::After(asked), .. }) = exchanged.failure(&host, shown)
            && asked <= self.options().retry_after_max
        {
            self.lanes.pause(&host, Instant::now() + asked);
        }
        Ok(exchanged)
    }
}
