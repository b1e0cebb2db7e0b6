//! Peers that have to prove their names, each a server in a thread.

use std::{
    io::{Read, Write},
    net::TcpListener as Door,
    sync::Arc,
    thread::JoinHandle,
};

use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use switch::{QueryId, Ways};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::*;

/// A certificate of its own authority.
struct Proof {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Proof {
    fn new(names: &[SanType], year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = names.to_vec();
        // An authority is found by its name.
        let own = format!("{:02x?}", key.public_key_raw().get(1..17));
        parameters.distinguished_name.push(DnType::CommonName, own);
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from_pem_slice(self.key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A folder with a certificate of ours and the authorities of `proofs`.
fn believing(proofs: &[&Proof]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text: String = proofs.iter().map(|proof| proof.certificate.pem()).collect();
    std::fs::write(folder.path().join("authorities.pem"), text).unwrap();
    make_self_signed(&Files::default(), folder.path(), &["pbx.example".to_owned()], 2026).unwrap();
    folder
}

/// A PBX that believes the authorities of `proofs`.
fn pbx(proofs: &[&Proof]) -> (Bench, TempDir) {
    let folder = believing(proofs);
    let files = Files {
        authorities: Some(folder.path().join("authorities.pem")).filter(|_| !proofs.is_empty()),
        ..Files::default()
    };
    let security = Arc::new(Security::load(&files, folder.path()).unwrap());
    let net = Net::bind(&[listener("tls:127.0.0.1:0")], &Limits::default(), Some(security)).unwrap();
    let bench = Bench {
        net,
        inputs: VecDeque::new(),
    };
    (bench, folder)
}

/// The way to `localhost` under TLS.
async fn way(bench: &mut Bench, port: u16) -> Flow {
    let question = Question {
        host: "localhost",
        port: Some(port),
        transport: Some(Transport::Tls),
        secure: false,
    };
    bench.net.resolve(QueryId(1), question);
    let Input::Resolved {
        ways: Ways::Ok(flows), ..
    } = bench.next().await
    else {
        panic!("localhost has an address")
    };
    let way = flows.into_iter().find(|flow| flow.remote.is_ipv4());
    way.expect("localhost has an IPv4 address")
}

type Peer = StreamOwned<ServerConnection, std::net::TcpStream>;

/// Answers the next connection.
fn answers(door: &Door, config: &Arc<ServerConfig>) -> JoinHandle<Result<Peer, String>> {
    let (door, config) = (door.try_clone().unwrap(), Arc::clone(config));
    std::thread::spawn(move || {
        let (socket, _) = door.accept().unwrap();
        let mut peer = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
        let mut read = vec![0; OPTIONS.len()];
        peer.read_exact(&mut read).map_err(|error| error.to_string())?;
        assert_eq!(String::from_utf8_lossy(&read), OPTIONS);
        Ok(peer)
    })
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

#[test]
fn a_peer_proves_the_host_of_the_uri_and_its_connection_is_used_again() {
    for name in [dns("localhost"), uri("sip:localhost")] {
        run(async {
            let proof = Proof::new(std::slice::from_ref(&name), 2090);
            let (mut bench, _folder) = pbx(&[&proof]);
            let door = Door::bind("127.0.0.1:0").unwrap();
            let way = way(&mut bench, door.local_addr().unwrap().port()).await;
            let config = proof.server();
            let answering = answers(&door, &config);
            bench.send(way, OPTIONS);
            let joined = spawn_blocking(move || answering.join().unwrap().unwrap());
            let mut peer = bench.while_quiet(joined).await.unwrap();
            bench.send(way, OPTIONS);
            let reading = spawn_blocking(move || {
                let mut read = vec![0; OPTIONS.len()];
                peer.read_exact(&mut read).unwrap();
                peer
            });
            let mut peer = bench.while_quiet(reading).await.unwrap();
            peer.write_all(OPTIONS.as_bytes()).unwrap();
            let (flow, bytes) = bench.message().await;
            assert_eq!((flow, &bytes[..]), (way, OPTIONS.as_bytes()));
            assert_eq!(bench.net.connections(), 1);
            // Opened again under the same number.
            drop(peer);
            assert_eq!(Some(bench.closed().await), way.connection);
            let answering = answers(&door, &config);
            while bench.net.connections() > 0 {
                tokio::task::yield_now().await;
            }
            bench.send(way, OPTIONS);
            let joined = spawn_blocking(move || answering.join().unwrap().unwrap());
            bench.while_quiet(joined).await.unwrap();
        });
    }
}

#[test]
fn a_peer_that_proves_another_name_or_nothing_gets_no_message() {
    let good = Proof::new(&[dns("localhost")], 2090);
    let other = Proof::new(
        &[dns("other.example"), uri("sip:other.example"), uri("https://localhost")],
        2090,
    );
    let expired = Proof::new(&[dns("localhost")], 2020);
    // Swapped: the certificate of a host that is believed, but not this one's.
    for (believed, shown, alert) in [
        (&[&good, &other][..], &other, "BadCertificate"),
        (&[&other][..], &good, "UnknownCA"),
        (&[&expired][..], &expired, "CertificateExpired"),
    ] {
        run(async {
            let (mut bench, _folder) = pbx(believed);
            let door = Door::bind("127.0.0.1:0").unwrap();
            let way = way(&mut bench, door.local_addr().unwrap().port()).await;
            let answering = answers(&door, &shown.server());
            bench.send(way, OPTIONS);
            assert_eq!(bench.failed().await, way);
            assert_eq!(Some(bench.closed().await), way.connection);
            let told = spawn_blocking(move || answering.join().unwrap().err()).await.unwrap();
            assert!(
                told.as_ref().is_some_and(|told| told.contains(alert)),
                "{told:?}, not {alert}"
            );
        });
    }
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let proof = Proof::new(&[dns("*.provider.example")], 2090);
    for (host, is_believed) in [
        ("sip.provider.example", true),
        ("a.sip.provider.example", false),
        ("provider.example", false),
        ("sip.other.example", false),
    ] {
        let folder = believing(&[&proof]);
        let files = Files {
            authorities: Some(folder.path().join("authorities.pem")),
            ..Files::default()
        };
        let ours = Security::load(&files, folder.path()).unwrap().connect(host).unwrap();
        assert_eq!(shakes(ours, &proof), is_believed, "{host}");
    }
}

/// Whether both sides come to an end of their handshake, in memory.
fn shakes(mut ours: rustls::Connection, proof: &Proof) -> bool {
    let mut theirs = ServerConnection::new(proof.server()).unwrap();
    while ours.is_handshaking() || theirs.is_handshaking() {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        ours.write_tls(&mut there).unwrap();
        let mut left = &there[..];
        while !left.is_empty() {
            theirs.read_tls(&mut left).unwrap();
            theirs.process_new_packets().unwrap();
        }
        theirs.write_tls(&mut back).unwrap();
        let mut left = &back[..];
        while !left.is_empty() {
            ours.read_tls(&mut left).unwrap();
            if ours.process_new_packets().is_err() {
                return false;
            }
        }
    }
    true
}

#[test]
fn a_peer_without_a_name_is_not_connected() {
    run(async {
        let (mut bench, _folder) = pbx(&[]);
        let door = Door::bind("127.0.0.1:0").unwrap();
        let flow = Flow {
            transport: Transport::Tls,
            local: bench.address(),
            remote: door.local_addr().unwrap(),
            connection: None,
        };
        bench.send(flow, OPTIONS);
        assert_eq!(bench.failed().await, flow);
    });
}
