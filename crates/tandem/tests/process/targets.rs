//! A name with several addresses or servers, as `/etc/hosts` or a name server names them: the next one is tried where the
//! first is dead (RFC 3263 section 4.3).

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    net::UdpSocket,
    process::{Child, ChildStderr, Command, Stdio},
};

use sip::{Method, StatusCode, Transport};

use crate::{
    phone::Phone,
    support::{Pbx, Place},
};

/// The first address of `two.example`, and the second.
const ADDRESSES: [&str; 2] = ["127.0.0.8", "127.0.0.9"];

/// The same command where `/etc/hosts` is another file: in a mount namespace of its own, so that nothing else sees it.
fn with_hosts(command: &Command, hosts: &str) -> Command {
    let mut inside = Command::new("/usr/bin/unshare");
    inside
        .env_clear()
        .args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c"])
        .arg("/bin/mount --bind \"$0\" /etc/hosts && exec \"$@\"")
        .arg(hosts)
        .arg(command.get_program())
        .args(command.get_args());
    inside
}

/// A PBX whose script calls `two.example` at this port, and 101 signed in.
fn started(place: &Place, port: u16, more: &[&str]) -> (Pbx, Phone) {
    let lines: String = ADDRESSES
        .iter()
        .map(|address| format!("{address} two.example\n"))
        .collect();
    fs::write(place.path("hosts"), lines).unwrap();
    calling(place, &format!("sip:x@two.example:{port}"));
    signed_in(with_hosts(&place.serve(more), &place.text("hosts")))
}

/// The script calls this URI.
fn calling(place: &Place, uri: &str) {
    let plan = format!("fn on_call(caller) {{ caller.dial(\"{uri}\", #{{ timeout: 30 }}); }}\n");
    fs::write(place.path("plans/main.rhai"), plan).unwrap();
}

fn signed_in(command: Command) -> (Pbx, Phone) {
    let pbx = Pbx::start(command);
    let mut caller = Phone::new(Transport::Udp, pbx.sip(), "101", pbx.password("101"));
    assert_eq!(caller.register().status(), Some(StatusCode::OK));
    (pbx, caller)
}

/// The phone at the second address is called, answers and is hung up on.
fn talks(pbx: Pbx, mut caller: Phone, mut callee: Phone) {
    callee.calls_back(pbx.sip());
    let place = std::thread::spawn(move || {
        let invite = callee.hears(Method::Invite);
        assert_eq!(
            invite.cseq().unwrap().number,
            1,
            "the same request, in another transaction"
        );
        callee.answers(&invite, StatusCode::RINGING);
        callee.answers(&invite, StatusCode::OK);
        callee.hears(Method::Ack);
        let bye = callee.hears(Method::Bye);
        callee.answers(&bye, StatusCode::OK);
    });
    assert_eq!(caller.dial("900").status(), Some(StatusCode::RINGING));
    caller.is_answered();
    assert_eq!(caller.bye().status(), Some(StatusCode::OK));
    place.join().unwrap();
    pbx.stop();
}

#[test]
fn a_call_reaches_the_second_address_of_a_name_where_nothing_listens_at_the_first() {
    let place = Place::new();
    let callee = Phone::at(ADDRESSES[1]);
    // Were silence waited for, the caller would have given up by then.
    let (pbx, caller) = started(&place, callee.port(), &["--target-silence", "60"]);
    talks(pbx, caller, callee);
}

#[test]
fn a_call_reaches_the_second_address_of_a_name_where_the_first_says_nothing() {
    let place = Place::new();
    let callee = Phone::at(ADDRESSES[1]);
    let silent = UdpSocket::bind((ADDRESSES[0], callee.port())).unwrap();
    let (pbx, caller) = started(&place, callee.port(), &["--target-silence", "0.3"]);
    talks(pbx, caller, callee);
    let mut buffer = [0; 65_536];
    let length = silent.recv(&mut buffer).unwrap();
    assert!(
        buffer[..length].starts_with(b"INVITE sip:x@two.example"),
        "it was asked first"
    );
}

/// A name server (dnsmasq) for the zone `test`.
struct NameServer {
    program: Child,
    /// It goes on to write there.
    _said: Lines<BufReader<ChildStderr>>,
    address: String,
}

impl NameServer {
    /// With these records, as options of dnsmasq.
    fn with(records: &[String]) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut program = Command::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--log-facility=-",
                "--pid-file",
            ])
            .args(["--no-resolv", "--no-hosts", "--local=/test/", "--bind-interfaces"])
            .args(["--listen-address=127.0.0.1", &format!("--port={port}")])
            .args(records)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(program.stderr.take().unwrap()).lines();
        let started = said.by_ref().map_while(Result::ok).any(|line| line.contains("started"));
        assert!(started, "dnsmasq does not start");
        Self {
            program,
            _said: said,
            address: format!("127.0.0.1:{port}"),
        }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

#[test]
fn a_call_reaches_the_second_server_of_a_domain_where_nothing_listens_at_the_first() {
    let place = Place::new();
    let callee = Phone::at(ADDRESSES[1]);
    let port = callee.port();
    let server = NameServer::with(&[
        "--naptr-record=example.test,10,10,S,SIP+D2U,,_sip._udp.hosted.test".into(),
        format!("--srv-host=_sip._udp.hosted.test,first.test,{port},10,1"),
        format!("--srv-host=_sip._udp.hosted.test,second.test,{port},20,1"),
        format!("--address=/first.test/{}", ADDRESSES[0]),
        format!("--address=/second.test/{}", ADDRESSES[1]),
    ]);
    calling(&place, "sip:x@example.test");
    let (pbx, caller) = signed_in(place.serve(&["--dns", &server.address, "--target-silence", "60"]));
    talks(pbx, caller, callee);
}

#[test]
fn a_call_to_a_domain_that_does_not_exist_ends_at_once() {
    let place = Place::new();
    let server = NameServer::with(&[]);
    calling(&place, "sip:x@missing.test");
    let (pbx, mut caller) = signed_in(place.serve(&["--dns", &server.address]));
    let refused = caller.dial("900");
    assert_eq!(refused.status().map(StatusCode::code), Some(480));
    assert_eq!(refused.reason(), "Destination Not Found");
    pbx.stop();
}
