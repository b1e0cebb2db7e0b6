//! TLS, against a client of its own in a thread.

use std::{
    io::{Read, Write},
    net::TcpStream as Blocking,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::*;

pub(super) type Client = StreamOwned<ClientConnection, Blocking>;

/// A PBX with a certificate of its own, in a folder.
pub(super) struct Secured {
    pub(super) bench: Bench,
    pub(super) security: Arc<Security>,
    folder: TempDir,
}

fn names() -> Vec<String> {
    ["pbx.example", "127.0.0.1"].map(str::to_owned).into()
}

impl Secured {
    pub(super) fn new(listen: &str, limits: Limits, clients: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files {
            clients: clients.map(Path::to_owned),
            ..Files::default()
        };
        assert!(make_self_signed(&files, folder.path(), &names(), 2026).unwrap());
        let security = Arc::new(Security::load(&files, folder.path()).unwrap());
        let net = Net::bind(&[listener(listen)], &limits, Some(Arc::clone(&security))).unwrap();
        let bench = Bench {
            net,
            inputs: VecDeque::new(),
        };
        Self {
            bench,
            security,
            folder,
        }
    }

    fn tls(limits: Limits) -> Self {
        Self::new("tls:127.0.0.1:0", limits, None)
    }

    fn certificate(&self) -> std::path::PathBuf {
        self.folder.path().join("tls-cert.pem")
    }

    /// Opens a connection that trusts the certificate in the folder.
    pub(super) async fn connects(&mut self, version: &'static SupportedProtocolVersion) -> Client {
        let (address, certificate) = (self.bench.address(), self.certificate());
        let opening = spawn_blocking(move || open(address, &certificate, version, None).unwrap());
        self.bench.while_quiet(opening).await.unwrap()
    }
}

fn open(
    address: SocketAddr,
    trusted: &Path,
    version: &'static SupportedProtocolVersion,
    own: Option<&Path>,
) -> io::Result<Client> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        Some(folder) => {
            let certificate = CertificateDer::from_pem_file(folder.join("tls-cert.pem")).unwrap();
            let key = PrivateKeyDer::from_pem_file(folder.join("tls-key.pem")).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("pbx.example").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut client = StreamOwned::new(connection, Blocking::connect(address)?);
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock)?;
    }
    Ok(client)
}

/// Runs `act` on a client in a thread, while nothing may be reported.
async fn does<T: Send + 'static, C: Send + 'static>(
    bench: &mut Bench,
    mut client: C,
    act: impl FnOnce(&mut C) -> T + Send + 'static,
) -> (C, T) {
    let acting = spawn_blocking(move || {
        let result = act(&mut client);
        (client, result)
    });
    bench.while_quiet(acting).await.unwrap()
}

fn exactly(client: &mut Client, text: &str) {
    let mut read = vec![0; text.len()];
    client.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), text);
}

#[test]
fn messages_go_both_ways_over_tls_1_2_and_1_3() {
    for version in [&TLS12, &TLS13] {
        run(async {
            let mut pbx = Secured::tls(Limits::default());
            let mut client = pbx.connects(version).await;
            let long = format!(
                "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 50000\r\n\r\n{}",
                "x".repeat(50_000)
            );
            client.write_all(format!("{OPTIONS}{long}").as_bytes()).unwrap();
            let (flow, bytes) = pbx.bench.message().await;
            assert_eq!(bytes, OPTIONS);
            assert_eq!((flow.transport, flow.local), (Transport::Tls, pbx.bench.address()));
            assert_eq!(pbx.bench.message().await.1, long);
            pbx.bench.send(flow, &long);
            let (client, ()) = does(&mut pbx.bench, client, move |client| exactly(client, &long)).await;
            // A request to this phone goes over the same connection.
            pbx.bench.send(
                Flow {
                    connection: None,
                    ..flow
                },
                OPTIONS,
            );
            let (client, ()) = does(&mut pbx.bench, client, |client| exactly(client, OPTIONS)).await;
            drop(client);
            assert_eq!(Some(pbx.bench.closed().await), flow.connection);
        });
    }
}

#[test]
fn a_message_in_the_last_flight_of_the_handshake_is_not_forgotten() {
    run(async {
        let mut pbx = Secured::tls(Limits::default());
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(pbx.certificate()).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("pbx.example").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        // rustls sends it together with its Finished.
        tls.writer().write_all(OPTIONS.as_bytes()).unwrap();
        let address = pbx.bench.address();
        let acting = spawn_blocking(move || {
            let mut socket = Blocking::connect(address).unwrap();
            while tls.is_handshaking() || tls.wants_write() {
                tls.complete_io(&mut socket).unwrap();
            }
            socket
        });
        assert_eq!(pbx.bench.message().await.1, OPTIONS);
        drop(acting.await.unwrap());
    });
}

#[test]
fn a_new_certificate_is_for_new_connections_and_ends_none() {
    run(async {
        let mut pbx = Secured::tls(Limits::default());
        let mut old = pbx.connects(&TLS13).await;
        old.write_all(OPTIONS.as_bytes()).unwrap();
        let (flow, _) = pbx.bench.message().await;
        let first = old.conn.peer_certificates().unwrap()[0].clone().into_owned();

        // Half of a pair changes nothing.
        let other = tempfile::tempdir().unwrap();
        make_self_signed(&Files::default(), other.path(), &names(), 2026).unwrap();
        assert!(!pbx.security.reload(false).unwrap(), "nothing has changed");
        std::fs::copy(other.path().join("tls-cert.pem"), pbx.certificate()).unwrap();
        let fault = pbx.security.reload(true).unwrap_err().to_string();
        assert!(fault.contains("the key of another certificate"), "{fault}");
        let address = pbx.bench.address();
        std::fs::copy(other.path().join("tls-key.pem"), pbx.folder.path().join("tls-key.pem")).unwrap();
        assert!(pbx.security.reload(true).unwrap());

        let trusted = other.path().join("tls-cert.pem");
        let opening = spawn_blocking(move || open(address, &trusted, &TLS13, None).unwrap());
        let new = pbx.bench.while_quiet(opening).await.unwrap();
        assert_ne!(new.conn.peer_certificates().unwrap()[0], first);
        // The old connection goes on both ways.
        pbx.bench.send(flow, "answer");
        let (mut old, ()) = does(&mut pbx.bench, old, |client| exactly(client, "answer")).await;
        old.write_all(OPTIONS.as_bytes()).unwrap();
        assert_eq!(pbx.bench.message().await.0, flow);
        assert_eq!(pbx.bench.net.connections(), 2);
    });
}

#[test]
fn the_self_signed_pair_is_made_once_and_its_key_is_its_owner_s() {
    let folder = tempfile::tempdir().unwrap();
    let make = || make_self_signed(&Files::default(), folder.path(), &names(), 2026).unwrap();
    assert!(make());
    let key = folder.path().join("tls-key.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    assert!(!make());
    assert_eq!(std::fs::read(&key).unwrap(), before);
    let named = Files {
        certificate: Some("elsewhere.pem".into()),
        ..Files::default()
    };
    let empty = tempfile::tempdir().unwrap();
    assert!(!make_self_signed(&named, empty.path(), &names(), 2026).unwrap());
    let fault = Security::load(&named, empty.path()).err().unwrap().to_string();
    assert!(fault.starts_with("tls_cert = \"elsewhere.pem\": "), "{fault}");
}

#[test]
fn a_phone_that_has_to_show_a_certificate_shows_the_right_one_or_is_not_heard() {
    run(async {
        let (authority, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, name) in [(&authority, "authority.example"), (&stranger, "stranger.example")] {
            make_self_signed(&Files::default(), folder.path(), &[name.to_owned()], 2026).unwrap();
        }
        let clients = authority.path().join("tls-cert.pem");
        let mut pbx = Secured::new("tls:127.0.0.1:0", Limits::default(), Some(&clients));
        let (address, trusted) = (pbx.bench.address(), pbx.certificate());
        for own in [None, Some(stranger.path().to_owned())] {
            let trusted = trusted.clone();
            let acting = spawn_blocking(move || {
                let mut client = open(address, &trusted, &TLS13, own.as_deref()).unwrap();
                let _ = client.write_all(OPTIONS.as_bytes());
                // With TLS 1.3 the refusal comes after the client's side of the handshake.
                let mut rest = Vec::new();
                client.read_to_end(&mut rest).unwrap_err().to_string()
            });
            pbx.bench.closed().await;
            let refusal = acting.await.unwrap();
            assert!(
                refusal.contains("CertificateRequired") || refusal.contains("UnknownCA"),
                "{refusal}"
            );
        }
        let own = authority.path().to_owned();
        let opening = spawn_blocking(move || open(address, &trusted, &TLS13, Some(&own)).unwrap());
        let mut client = pbx.bench.while_quiet(opening).await.unwrap();
        client.write_all(OPTIONS.as_bytes()).unwrap();
        assert_eq!(pbx.bench.message().await.1, OPTIONS);
    });
}

/// TLS 1.1 at most, and no cipher that is still in use.
fn ancient_hello() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut all = vec![22, 3, 1, 0, u8::try_from(hello.len() + 4).unwrap(), 1, 0, 0];
    all.push(u8::try_from(hello.len()).unwrap());
    all.extend(hello);
    all
}

#[test]
fn what_is_not_tls_of_today_ends_its_connection_at_once() {
    for (first, alert) in [(OPTIONS.as_bytes().to_vec(), 50), (ancient_hello(), 40)] {
        run(async {
            let mut pbx = Secured::tls(Limits::default());
            let mut stranger = TcpStream::connect(pbx.bench.address()).await.unwrap();
            stranger.write_all(&first).await.unwrap();
            pbx.bench.closed().await;
            let mut rest = Vec::new();
            let _ = stranger.read_to_end(&mut rest).await;
            // A fatal alert (RFC 8446 section 6.2).
            assert_eq!(rest, [21, 3, 3, 0, 2, 2, alert]);
            assert_eq!(pbx.bench.net.connections(), 0);
        });
    }
}

#[test]
fn tls_on_the_plain_port_ends_its_connection_only() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            message_timeout: Duration::from_millis(50),
            ..Limits::default()
        });
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(&ancient_hello()).await.unwrap();
        bench.closed().await;
        is_closed(&mut phone).await;
    });
}

#[test]
fn handshakes_are_bounded_in_number_and_time() {
    run(async {
        let mut pbx = Secured::tls(Limits {
            handshakes: HandshakeLimits {
                at_once: 9,
                per_source: 2,
                timeout: Duration::from_secs(1),
            },
            ..Limits::default()
        });
        let mut silent = Vec::new();
        for _ in 0..2 {
            silent.push(TcpStream::connect(pbx.bench.address()).await.unwrap());
        }
        let mut third = TcpStream::connect(pbx.bench.address()).await.unwrap();
        pbx.bench.closed().await;
        is_closed(&mut third).await;
        // The others have their time, and no more.
        for phone in &mut silent {
            pbx.bench.closed().await;
            is_closed(phone).await;
        }
        let mut client = pbx.connects(&TLS13).await;
        client.write_all(OPTIONS.as_bytes()).unwrap();
        assert_eq!(pbx.bench.message().await.1, OPTIONS);
    });
}

#[test]
fn garbage_after_the_handshake_ends_the_connection() {
    run(async {
        let mut pbx = Secured::tls(Limits::default());
        let mut client = pbx.connects(&TLS13).await;
        client.sock.write_all(&[23, 3, 3, 0, 5, 1, 2, 3, 4, 5]).unwrap();
        pbx.bench.closed().await;
        let mut rest = Vec::new();
        let end = client.read_to_end(&mut rest).unwrap_err().to_string();
        assert!(end.contains("BadRecordMac"), "{end}");
    });
}

#[test]
fn faults_of_tls_are_told_in_words() {
    use crate::net::handshake::words;
    use rustls::{AlertDescription, CertificateError, Error};
    for (error, part) in [
        (
            Error::AlertReceived(AlertDescription::UnknownCA),
            "does not trust our certificate",
        ),
        (
            Error::AlertReceived(AlertDescription::CertificateExpired),
            "our certificate has expired",
        ),
        (
            Error::InvalidCertificate(CertificateError::Expired),
            "of the peer has expired",
        ),
        (Error::InvalidCertificate(CertificateError::UnknownIssuer), "--tls-ca"),
        (
            Error::InvalidCertificate(CertificateError::NotValidForName),
            "another host's",
        ),
        (Error::NoCertificatesPresented, "--tls-client-ca"),
    ] {
        assert!(words(&error).contains(part), "{}", words(&error));
    }
}
