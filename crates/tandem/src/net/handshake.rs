//! TLS handshakes: bounded in number and time, and computed on other threads, so that calls do not wait for them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    thread,
    time::Duration,
};

use rustls::Connection;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::channel::Wire;

/// Octets read at once: a ClientHello, or a chain of certificates.
const FLIGHT: usize = 16 * 1024;
/// How often the log is told of a handshake that failed, at level `warn`.
const BETWEEN: Duration = Duration::from_secs(1);

/// How many handshakes there may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// In progress at once.
    pub at_once: usize,
    /// In progress at once with one address.
    pub per_source: usize,
    /// How long one may take.
    pub timeout: Duration,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            at_once: 1_000,
            per_source: 200,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// There are too many already.
    #[error("too many TLS handshakes at once")]
    TooMany,
    /// It took too long.
    #[error("the TLS handshake took too long")]
    Slow,
    /// The peer left.
    #[error("the peer closed the connection during the TLS handshake")]
    Left,
    /// The socket failed.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// Of TLS; see [`words`].
    #[error("{}", words(.0))]
    Tls(rustls::Error),
}

/// What a fault of TLS means, for a person who has to mend it.
#[allow(clippy::wildcard_enum_match_arm, reason = "the library's list, not ours")]
pub(super) fn words(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};
    match error {
        Error::AlertReceived(alert) => match alert {
            Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown => {
                "the peer does not trust our certificate (import its authority there, or see --tls-cert)".into()
            }
            Alert::CertificateExpired => "the peer says that our certificate has expired (see --tls-cert)".into(),
            Alert::ProtocolVersion => "the peer speaks neither TLS 1.2 nor 1.3".into(),
            Alert::HandshakeFailure | Alert::InsufficientSecurity => "the peer shares no cipher with us".into(),
            Alert::CertificateRequired => "the peer asks for a certificate, and does not take ours".into(),
            alert => format!("the peer ended TLS: {alert:?}"),
        },
        Error::InvalidCertificate(wrong) => match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => "the certificate of the peer has expired".into(),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "the certificate of the peer is not valid yet (is the clock of this machine right?)".into()
            }
            Wrong::UnknownIssuer => {
                "we do not trust the authority of the certificate of the peer (see --tls-ca)".into()
            }
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                format!("the certificate of the peer is another host's: {wrong}")
            }
            wrong => format!("the certificate of the peer is not good: {wrong}"),
        },
        Error::InvalidMessage(_) => "what came is not TLS (plain SIP on the port of TLS?)".into(),
        Error::NoCertificatesPresented => "the peer shows no certificate, and --tls-client-ca asks for one".into(),
        Error::PeerIncompatible(rustls::PeerIncompatible::SupportedVersionsExtensionRequired) => {
            "the peer speaks neither TLS 1.2 nor 1.3".into()
        }
        Error::PeerIncompatible(_) => format!("the peer shares no version or cipher of TLS with us: {error}"),
        error => error.to_string(),
    }
}

/// The handshakes in progress.
pub(super) struct Handshakes {
    limits: HandshakeLimits,
    by_source: RefCell<HashMap<IpAddr, usize>>,
    count: Cell<usize>,
    /// When the log was last told of one that failed.
    complained: Cell<Option<Instant>>,
    /// As many compute at once as there are cores; others wait.
    threads: Semaphore,
}

/// Counts as long as it lives.
struct Counted {
    all: Rc<Handshakes>,
    source: IpAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all.count.update(|count| count - 1);
        let mut by_source = self.all.by_source.borrow_mut();
        if let Some(count) = by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                by_source.remove(&self.source);
            }
        }
    }
}

impl Handshakes {
    pub(super) fn new(limits: HandshakeLimits) -> Rc<Self> {
        Rc::new(Self {
            limits,
            by_source: RefCell::default(),
            count: Cell::default(),
            complained: Cell::default(),
            threads: Semaphore::new(thread::available_parallelism().map_or(2, usize::from)),
        })
    }

    /// Whether the log may be told of a further one that failed: once in a while.
    pub(super) fn may_complain(&self, now: Instant) -> bool {
        let may = self.complained.get().is_none_or(|last| now >= last + BETWEEN);
        if may {
            self.complained.set(Some(now));
        }
        may
    }

    fn count(self: &Rc<Self>, source: IpAddr) -> Option<Counted> {
        let mut by_source = self.by_source.borrow_mut();
        let of_source = by_source.get(&source).copied().unwrap_or(0);
        if self.count.get() >= self.limits.at_once || of_source >= self.limits.per_source {
            return None;
        }
        self.count.update(|count| count + 1);
        by_source.insert(source, of_source + 1);
        Some(Counted {
            all: Rc::clone(self),
            source,
        })
    }

    /// Carries out a handshake; the connection is ready for messages then.
    pub(super) async fn run(
        self: &Rc<Self>,
        socket: &TcpStream,
        peer: SocketAddr,
        tls: Connection,
    ) -> Result<Connection, Failed> {
        let _counted = self.count(peer.ip()).ok_or(Failed::TooMany)?;
        let until = Instant::now() + self.limits.timeout;
        timeout_at(until, self.steps(socket, tls))
            .await
            .map_err(|_| Failed::Slow)?
    }

    async fn steps(&self, socket: &TcpStream, mut tls: Connection) -> Result<Connection, Failed> {
        let mut flight = Vec::new();
        loop {
            write(socket, &mut tls).await?;
            if !tls.is_handshaking() {
                // A message is written whole; how many may wait is the queue's to say.
                tls.set_buffer_limit(None);
                return Ok(tls);
            }
            socket.readable().await?;
            flight.resize(FLIGHT, 0);
            match socket.try_read(&mut flight) {
                Ok(0) => return Err(Failed::Left),
                Ok(count) => flight.truncate(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            // The semaphore is never closed.
            let _turn = self.threads.acquire().await;
            let computed = spawn_blocking(move || {
                let result = process(&mut tls, &flight);
                (tls, flight, result)
            });
            let Ok((back, buffer, result)) = computed.await else {
                return Err(io::Error::from(io::ErrorKind::Other).into());
            };
            (tls, flight) = (back, buffer);
            if let Err(error) = result {
                // The alert that says why.
                let _ = write(socket, &mut tls).await;
                return Err(error);
            }
        }
    }
}

fn process(tls: &mut Connection, mut flight: &[u8]) -> Result<(), Failed> {
    while !flight.is_empty() {
        tls.read_tls(&mut flight)?;
        tls.process_new_packets().map_err(Failed::Tls)?;
    }
    Ok(())
}

async fn write(socket: &TcpStream, tls: &mut Connection) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(&mut Wire(socket)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
