//! A name with several addresses, as the system's resolver finds it: the next one is tried where the first is dead
//! (RFC 3263 section 4.3).

use std::{fs, net::UdpSocket, process::Command};

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
    let plan = format!("fn on_call(caller) {{ caller.dial(\"sip:x@two.example:{port}\", #{{ timeout: 30 }}); }}\n");
    fs::write(place.path("plans/main.rhai"), plan).unwrap();
    let pbx = Pbx::start(with_hosts(&place.serve(more), &place.text("hosts")));
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
