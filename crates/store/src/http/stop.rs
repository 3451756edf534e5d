//! Ctrl-C ends what waits for a server: names being looked up, connections being made, answers and bodies being awaited.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Either, TcpConnector, Transport};
use ureq::{Agent, Error};

/// How often the flag is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The flag that Ctrl-C sets, if there is one.
pub(crate) type Flag = Option<Arc<AtomicBool>>;

/// Does `work`, which may wait long, on a thread of its own that is left behind once the flag is set.
pub(crate) fn until_stopped<T: Send + 'static>(
    flag: &Flag,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Some(flag) = flag else { return work() };
    let (done, result) = channel();
    thread::Builder::new().spawn(move || drop(done.send(work())))?;
    loop {
        match result.recv_timeout(LOOK_EVERY) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if flag.load(Ordering::Relaxed) => {
                return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Error::ConnectionFailed),
        }
    }
}

/// Shuts the connections of an agent down once the flag is set; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    _alive: Sender<()>,
}

impl Watch {
    /// Begins to watch. Without a flag, or where no thread can be had, waits end by their timeouts alone.
    pub(crate) fn start(flag: &Flag, agent: &Agent) -> Option<Self> {
        let (flag, agent) = (Arc::clone(flag.as_ref()?), agent.clone());
        let (alive, over) = channel();
        let watch = move || {
            while over.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if flag.load(Ordering::Relaxed) {
                    return agent.shutdown();
                }
            }
        };
        thread::Builder::new().spawn(watch).ok().map(|_| Self { _alive: alive })
    }
}

/// Connects by TCP, unless a proxy's connection is there already.
#[derive(Debug)]
pub(crate) struct StoppableTcp(pub(crate) Flag);

impl<In: Transport> Connector<In> for StoppableTcp {
    type Out = Either<In, Box<dyn Transport>>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(transport) = chained {
            return Ok(Some(Either::A(transport)));
        }
        let (uri, config) = (details.uri.clone(), details.config.clone());
        let (addrs, request_level) = (details.addrs.clone(), details.request_level);
        let (now, timeout) = (details.now, details.timeout);
        let current_time = Arc::clone(&details.current_time);
        let (run_connector, register) =
            (Arc::clone(&details.run_connector), Arc::clone(&details.register_shutdown));
        let connected = until_stopped(&self.0, move || {
            // addresses are known: nothing is looked up here
            let resolver = DefaultResolver::default();
            let details = ConnectionDetails {
                uri: &uri,
                addrs,
                config: &config,
                request_level,
                resolver: &resolver,
                now,
                timeout,
                current_time,
                run_connector,
                register_shutdown: Arc::new(move |handle: Weak<_>| register(handle)),
            };
            Connector::<Box<dyn Transport>>::connect(&TcpConnector::default(), &details, None)
        })?;
        let boxed = |transport: Either<Box<dyn Transport>, _>| -> Box<dyn Transport> { Box::new(transport) };
        Ok(connected.map(|transport| Either::B(boxed(transport))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_left_behind_once_the_flag_is_set() {
        let flag = Arc::new(AtomicBool::new(false));
        let some = Some(Arc::clone(&flag));
        assert_eq!(until_stopped(&some, || Ok(1)).unwrap(), 1);
        assert_eq!(until_stopped(&None, || Ok(2)).unwrap(), 2);
        assert!(matches!(
            until_stopped(&some, || Err::<(), _>(Error::HostNotFound)),
            Err(Error::HostNotFound)
        ));
        let (never, waits) = channel::<()>();
        let work = move || {
            flag.store(true, Ordering::Relaxed);
            let _ = waits.recv();
            Ok(())
        };
        let Err(Error::Io(e)) = until_stopped(&some, work) else { panic!("not stopped") };
        assert_eq!(e.kind(), io::ErrorKind::ConnectionAborted);
        drop(never);
    }
}
