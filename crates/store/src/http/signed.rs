//! Reading objects of buckets: requests signed for one place, which are not redirected.

use super::client::{Answer, Client};
use super::failure::{Failure, explain_status, explain_transport};
use super::follow::Asked;
use super::head::Head;
use crate::bucket::DENIED;
use crate::location::host_of;
use crate::stats::Counters;

impl Client {
    /// Sends a GET or HEAD for an object of a bucket; `None` where the URL is none of a bucket.
    pub(super) fn send_signed(&self, asked: &Asked<'_>) -> Result<Option<Answer<'_>>, Failure> {
        let Asked { head_only, url, range, fields, shown, .. } = *asked;
        let Some(target) = self.addresses.address(&self.me, url, range, head_only)? else { return Ok(None) };
        let host = host_of(&target.url);
        let permit = self.lanes.enter(&host);
        self.wait_for_turn(&permit, shown)?;
        Counters::add(&self.counters.requests, 1);
        let agent = self.agent()?;
        let mut request = if head_only { agent.head(&target.url) } else { agent.get(&target.url) };
        for (name, value) in target.headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value);
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = request.config().max_redirects(0).build().call();
        let response = response.map_err(|e| explain_transport(e, shown, self.options().read_timeout))?;
        let status = response.status().as_u16();
        if let Some(failure) = target.moved(response.headers(), status, shown) {
            return Err(failure);
        }
        let head = Head::of(response.headers(), &host);
        if let Some(mut failure) = explain_status(status, &head, shown) {
            self.pause_after(&failure, &host);
            if matches!(status, 401 | 403) {
                failure.error.help = Some(DENIED.to_owned());
            }
            return Err(failure);
        }
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(u64::MAX).reader();
        let (answered_by, full_url) = (shown.to_owned(), shown.to_owned());
        let fields = parts.headers;
        let answer =
            Answer { status, head, answered_by, full_url, fields, body, client: self, _permit: permit };
        Ok(Some(answer))
    }
}
