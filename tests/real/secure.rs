//! What TLS costs: the memory of a connection, and processor time beside TCP.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use crate::{
    hostile::options,
    phones::phone::unique,
    support::tandem::{Setup, Tandem},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// Phones that are connected at once.
const PHONES: u32 = 2_000;
/// Requests of each phone after the first one.
const REQUESTS: u32 = 10;

/// A phone's connection, under TLS or not.
trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

fn plain(pbx: &Tandem) -> (Box<dyn Line>, String) {
    let socket = TcpStream::connect(pbx.sip).unwrap();
    let text = options(socket.local_addr().unwrap(), pbx.sip, "TCP", &unique("tcp"));
    (Box::new(socket), text)
}

fn secure(pbx: &Tandem, config: &Arc<ClientConfig>) -> (Box<dyn Line>, String) {
    let name = ServerName::from(pbx.tls.ip());
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let socket = TcpStream::connect(pbx.tls).unwrap();
    let text = options(socket.local_addr().unwrap(), pbx.tls, "TLS", &unique("tls"));
    (Box::new(StreamOwned::new(tls, socket)), text)
}

/// Without resumption: each phone is another one.
fn config(pbx: &Tandem) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(pbx.data("tls-cert.pem")).unwrap();
    roots.add(certificate).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

/// Sends a request and reads its answer.
fn asks((line, text): &mut (Box<dyn Line>, String)) {
    line.write_all(text.as_bytes()).unwrap();
    let (mut answer, mut chunk) = (Vec::new(), [0; 2048]);
    while !answer.ends_with(b"\r\n\r\n") {
        let count = line.read(&mut chunk).unwrap();
        assert_ne!(count, 0, "closed");
        answer.extend_from_slice(&chunk[..count]);
    }
    assert!(
        answer.starts_with(b"SIP/2.0 200 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

/// KiB of memory in use.
fn memory(pbx: &Tandem) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pbx.process.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Processor time used until now, in milliseconds.
fn processor(pbx: &Tandem) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pbx.process.0.id())).unwrap();
    // After the name of the program: user and system time are fields 14 and 15, in hundredths of a second.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

/// What a connection takes in KiB, and what its opening and its further requests took in milliseconds in all.
struct Cost {
    memory: f64,
    opening: u64,
    requests: u64,
}

fn cost(pbx: &Tandem, connect: impl Fn() -> (Box<dyn Line>, String)) -> Cost {
    // What the first one brings about is not a connection's.
    asks(&mut connect());
    let (memory_before, begun) = (memory(pbx), processor(pbx));
    let mut phones: Vec<_> = (0..PHONES)
        .map(|_| {
            let mut phone = connect();
            asks(&mut phone);
            phone
        })
        .collect();
    let opened = processor(pbx);
    for phone in &mut phones {
        for _ in 0..REQUESTS {
            // Another transaction each time.
            phone.1 = phone.1.replace("z9hG4bK", "z9hG4bKx");
            asks(phone);
        }
    }
    Cost {
        memory: (memory(pbx).saturating_sub(memory_before)) as f64 / f64::from(PHONES),
        opening: opened - begun,
        requests: processor(pbx) - opened,
    }
}

#[test]
fn two_thousand_phones_over_tls_take_at_most_30_kib_each() {
    let start = || {
        let setup = Setup::new().secure();
        let setup = setup.flag("--max-connections-per-source", 10_000);
        setup
            .flag("--source-requests", 1_000_000)
            .flag("--total-requests", 1_000_000)
            .start()
    };
    let pbx = start();
    let tcp = cost(&pbx, || plain(&pbx));
    drop(pbx);
    let pbx = start();
    let config = config(&pbx);
    let tls = cost(&pbx, || secure(&pbx, &config));
    eprintln!(
        "a connection: {:.1} KiB over TLS, {:.1} over TCP; {PHONES} connections opened: {} and {} ms of processor time; \
         {REQUESTS} requests of each: {} and {} ms",
        tls.memory, tcp.memory, tls.opening, tcp.opening, tls.requests, tcp.requests
    );
    assert!(tls.memory <= 30.0, "{:.1} KiB a connection", tls.memory);
}
