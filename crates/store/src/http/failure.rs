//! What went wrong with a request, and whether repeating it can help.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use arcoforge_core::error::{Code, Error};

use super::guard::Refused;
use super::head::Head;

const LATER: &str = "the server or the network breaks off: run again later";

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) retry: Retry,
    /// Bytes of a download that need not be fetched again.
    pub(crate) gained: u64,
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It would fail again.
    Never,
    /// Nothing answered: a few times.
    Connect,
    /// After the usual wait.
    Soon,
    /// After the wait that the server asked for.
    After(Duration),
}

impl Failure {
    pub(crate) fn new(error: Error, retry: Retry) -> Self {
        Self { error, retry, gained: 0 }
    }

    pub(crate) fn never(error: Error) -> Self {
        Self::new(error, Retry::Never)
    }

    pub(crate) fn soon(error: Error) -> Self {
        Self::new(error, Retry::Soon)
    }

    /// A body that ended early.
    pub(crate) fn short(shown: &str, found: impl Display, expected: impl Display) -> Self {
        Self::soon(
            Error::new(
                Code::SourceUnreachable,
                format!("the connection was closed after {found} of {expected} bytes"),
            )
            .at(shown)
            .help(LATER),
        )
    }
}

/// An error for any status that carries no data; none for 200, 206, 304 and 416.
pub(crate) fn explain_status(status: u16, head: &Head, shown: &str) -> Option<Failure> {
    let answered =
        |code, what: &str| Error::new(code, format!("the server answered {status} {what}")).at(shown);
    let again = |error| Failure::new(error, head.retry_after.map_or(Retry::Soon, Retry::After));
    Some(match status {
        200 | 206 | 304 | 416 => return None,
        204 | 205 => Failure::never(
            answered(Code::SourceNotData, "without any content").help("check the URL in a browser"),
        ),
        401 | 407 => {
            Failure::never(answered(Code::SourceDenied, "Unauthorized").help(
                "the server asks for a login: download the files with your account, or give credentials",
            ))
        }
        402 | 403 | 451 => Failure::never(
            answered(Code::SourceDenied, "Forbidden")
                .help("the address may need a login, a licence to be accepted, or may have expired"),
        ),
        404 | 410 => Failure::never(
            answered(Code::SourceNotFound, if status == 404 { "Not Found" } else { "Gone" })
                .help("check the URL; a template may have made a date or name that the archive lacks"),
        ),
        429 => again(
            answered(Code::SourceUnreachable, "Too Many Requests")
                .help("lower the connections or give a rate in `source.limits`, or run again later"),
        ),
        408 | 425 | 500 | 502 | 503 | 504 | 506..=599 => {
            again(answered(Code::SourceUnreachable, "(a failure of the server)").help("run again later"))
        }
        _ => Failure::never(
            answered(Code::SourceUnreachable, "to a plain GET").help("open the URL in a browser to see why"),
        ),
    })
}

/// An error of the connection. No text of the HTTP library is shown that could repeat the URL with its secrets.
pub(crate) fn explain_transport(error: ureq::Error, shown: &str, read_timeout: Duration) -> Failure {
    use ureq::Error as Http;
    let unreachable = |message: &str| Error::new(Code::SourceUnreachable, message).at(shown);
    match error {
        Http::Io(e) => explain_io(e, shown, read_timeout),
        Http::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Failure::new(
            unreachable("the server could not be reached in time").help("check the address and the network"),
            Retry::Connect,
        ),
        Http::Timeout(_) => Failure::soon(silent(shown, read_timeout)),
        Http::HostNotFound => Failure::new(
            unreachable("the host's name is not known").help("check the URL and the network"),
            Retry::Connect,
        ),
        Http::ConnectionFailed => Failure::new(unreachable("no connection to the server"), Retry::Connect),
        Http::TooManyRedirects => Failure::never(
            unreachable("the server redirected more than 10 times").help("it may want a login or cookies"),
        ),
        Http::BadUri(_) | Http::Http(_) => Failure::never(
            Error::new(Code::SourceUnsupported, "the URL, or one that it redirects to, is not valid")
                .at(shown),
        ),
        Http::Protocol(e) => {
            Failure::soon(unreachable("the server's answer is not valid HTTP").caused_by(e).help(LATER))
        }
        Http::Rustls(e) => Failure::never(tls(shown).caused_by(e)),
        Http::Tls(e) => Failure::never(tls(shown).caused_by(io::Error::other(e))),
        Http::InvalidProxyUrl | Http::ConnectProxyFailed(_) => Failure::never(
            unreachable("the proxy does not work").help("check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"),
        ),
        _ => Failure::soon(unreachable("the request failed").help(LATER)),
    }
}

fn explain_io(e: io::Error, shown: &str, read_timeout: Duration) -> Failure {
    use io::ErrorKind as Kind;
    let unreachable = |message: &str| Error::new(Code::SourceUnreachable, message).at(shown);
    if let Some(refused) = find_cause::<Refused>(&e) {
        return Failure::never(
            Error::new(Code::SourceDenied, refused.to_string())
                .at(shown)
                .help("only public addresses may be read here"),
        );
    }
    match e.kind() {
        Kind::ConnectionRefused => Failure::new(
            unreachable("nothing answers at this address")
                .caused_by(e)
                .help("check host and port; the server may be down"),
            Retry::Connect,
        ),
        Kind::TimedOut | Kind::WouldBlock => Failure::soon(silent(shown, read_timeout)),
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown | Kind::AddrNotAvailable => {
            Failure::new(unreachable("the network does not lead there").caused_by(e), Retry::Connect)
        }
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            Failure::soon(
                unreachable("the server closed the connection before its answer was complete")
                    .caused_by(e)
                    .help(LATER),
            )
        }
        // Rustls reports what is wrong with certificates and records so.
        Kind::InvalidData => Failure::never(tls(shown).caused_by(e)),
        _ if e.to_string().contains("lookup") => Failure::new(
            unreachable("the host's name is not known").caused_by(e).help("check the URL and the network"),
            Retry::Connect,
        ),
        _ => Failure::soon(unreachable("the connection failed").caused_by(e).help(LATER)),
    }
}

fn silent(shown: &str, read_timeout: Duration) -> Error {
    Error::new(
        Code::SourceUnreachable,
        format!("the server sent nothing for {} s", read_timeout.as_secs_f32()),
    )
    .at(shown)
    .help("the server is overloaded or the network breaks off: run again later")
}

fn tls(shown: &str) -> Error {
    Error::new(Code::SourceUnreachable, "no secure connection to the server")
        .at(shown)
        .help("its certificate may have expired, or belong to another name")
}

fn find_cause<T: StdError + 'static>(e: &io::Error) -> Option<&T> {
    let mut below: Option<&(dyn StdError + 'static)> = e.get_ref().map(|e| e as &(dyn StdError + 'static));
    while let Some(error) = below {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        below = match error.downcast_ref::<io::Error>() {
            Some(wrapped) => wrapped.get_ref().map(|e| e as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}
