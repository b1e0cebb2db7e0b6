//! More of everything than is welcome: memory stays bounded and is given back, others are served, and a call goes on.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use tests::wait::until;

use crate::{
    audio::Conversation,
    phones::phone::{Phone, unique},
    support::{
        message::Message,
        tandem::{Setup, Tandem, password},
    },
};

/// The longest a transaction lives without an ACK (RFC 3261 17.2.1, timer H), and a margin.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// The memory that a half-open INVITE may take while it is kept, in KiB: a call of two legs.
const EACH: u64 = 32;
const INVITES: u32 = 10_000;
/// So many are under way at once, so that the kernel's queues drop none: of 208 KiB each message takes some 2 KiB.
pub const AT_ONCE: u32 = 80;

/// Addresses of their own: limits count by source.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const TRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A sender at an address of its own.
pub fn attacker(address: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// How often each status came.
#[derive(Debug, Default)]
pub struct Answers(std::collections::BTreeMap<u16, u32>);

impl Answers {
    /// The statuses that came.
    pub fn statuses(&self) -> impl Iterator<Item = u16> {
        self.0.keys().copied()
    }

    pub fn count(&self, status: u16) -> u32 {
        self.0.get(&status).copied().unwrap_or(0)
    }

    /// Takes what has come; how many answers. Requests that come are left unanswered.
    fn take(&mut self, socket: &UdpSocket) -> u32 {
        let mut buffer = [0; 65_536];
        let mut count = 0;
        while let Ok(length) = socket.recv(&mut buffer) {
            let status = Message(String::from_utf8_lossy(&buffer[..length]).into_owned()).status();
            if status > 0 {
                *self.0.entry(status).or_default() += 1;
                count += 1;
            }
        }
        count
    }
}

/// Sends so many, and waits after each `at_once` of them for as many answers.
pub fn flood(socket: &UdpSocket, pbx: &Tandem, (count, at_once): (u32, u32), text: impl Fn() -> String) -> Answers {
    let mut answers = Answers::default();
    for sent in 1..=count {
        socket.send_to(text().as_bytes(), pbx.sip).unwrap();
        let wanted = (sent - 1) % at_once + 1;
        if wanted == at_once || sent == count {
            let mut came = 0;
            let what = format!("answers to the last of {sent} requests, {answers:?} before");
            until(&what, Duration::from_secs(20), || {
                came += answers.take(socket);
                (came >= wanted).then_some(())
            });
        }
    }
    answers
}

/// An INVITE that is never acknowledged. It leaves the offer to the PBX, so that it takes no media port yet:
/// of those there are fewer than calls.
fn invite(from: &UdpSocket, pbx: &Tandem, to: &str) -> String {
    let (from, server, name) = (from.local_addr().unwrap(), pbx.sip, unique("flood"));
    format!(
        "INVITE sip:{to}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{name};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:103@{server}>;tag={name}\r\nTo: <sip:{to}@{server}>\r\nCall-ID: {name}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:103@{from}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Ten thousand INVITEs without an end, beside a call: what they cost at most.
fn half_open(pbx: &Tandem, socket: &UdpSocket, to: &str) -> Answers {
    let before = pbx.process.memory();
    let answers = flood(socket, pbx, (INVITES, AT_ONCE), || invite(socket, pbx, to));
    let grown = pbx.process.memory().saturating_sub(before);
    eprintln!("{grown} KiB for {INVITES} half-open INVITEs: {answers:?}");
    assert!(grown < 32 * 1024 + u64::from(INVITES) * EACH, "{grown} KiB");
    assert_eq!(pbx.health(), "ok");
    answers
}

#[test]
fn ten_thousand_half_open_invites_with_and_without_credentials() {
    let pbx = Setup::new()
        .plan(
            "fn on_call(caller) {
                if caller.dialed != \"900\" { caller.dial(caller.dialed, #{ timeout: 20 }); return; }
                caller.ring();
                caller.wait(20);
            }",
        )
        .flag("--trust", format!("{TRUSTED}/32=103"))
        .start();
    pbx.has("103");
    let call = Conversation::on(&pbx);
    let (stranger, trusted) = (attacker(STRANGER), attacker(TRUSTED));
    let asked = half_open(&pbx, &stranger, "900");
    assert!(asked.0.keys().all(|status| [401, 503].contains(status)), "{asked:?}");
    let rung = half_open(&pbx, &trusted, "900");
    let first = pbx.process.memory();
    assert!(
        rung.0.get(&180).is_some_and(|&count| count >= INVITES * 9 / 10) && !rung.0.contains_key(&401),
        "{rung:?}"
    );
    call.talk.is_heard(100);

    // Only the call that is meant is left, and its legs.
    until("the floods to be forgotten", FORGOTTEN, || {
        let (calls, legs) = (pbx.metric("tandem_calls"), pbx.metric("tandem_legs"));
        (calls == 1 && legs == 2 && pbx.metric("tandem_transactions") == 0).then_some(())
    });
    // A record for each that was authenticated, and for no other.
    let rung = pbx.metric("tandem_calls_started_total") as usize - 1;
    assert!(rung >= INVITES as usize * 9 / 10);
    pbx.expect_cdrs(rung);
    // A second flood of the same size takes the room of the first: nothing leaks. The allocator may have given memory back
    // between the two, so that what counts is the most of each.
    half_open(&pbx, &stranger, "900");
    half_open(&pbx, &trusted, "900");
    let second = pbx.process.memory();
    assert!(
        second < first + first / 8,
        "{first} KiB with one flood, {second} KiB with another"
    );
    call.ends_well(&pbx);
}

#[test]
fn guessing_passwords_stops_the_guesser_only() {
    let pbx = Tandem::start();
    pbx.has("103");
    let call = Conversation::on(&pbx);
    let socket = attacker(STRANGER);
    let from = socket.local_addr().unwrap();
    let challenge = std::cell::RefCell::new(String::new());
    let register = || {
        let (server, name) = (pbx.sip, unique("guess"));
        format!(
            "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{name};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:103@{server}>;tag={name}\r\nTo: <sip:103@{server}>\r\nCall-ID: {name}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:103@{from}>\r\n{}Content-Length: 0\r\n\r\n",
            challenge.borrow()
        )
    };
    socket.send_to(register().as_bytes(), pbx.sip).unwrap();
    let unauthorized = until("a challenge", Duration::from_secs(10), || {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).ok()?;
        Some(Message(String::from_utf8_lossy(&buffer[..length]).into_owned()))
    });
    let uri = format!("sip:{}", pbx.sip);
    *challenge.borrow_mut() = unauthorized.authorization("REGISTER", &uri, "103", "a guess", true);

    let before = pbx.process.memory();
    let answers = flood(&socket, &pbx, (5_000, AT_ONCE), register);
    let grown = pbx.process.memory().saturating_sub(before);
    eprintln!("{grown} KiB for 5000 wrong passwords: {answers:?}");
    assert!(
        answers.0.keys().all(|status| [401, 403, 503].contains(status)),
        "{answers:?}"
    );
    assert!(grown < 32 * 1024, "{grown} KiB");
    assert!(pbx.metric("tandem_sip_auth_failures_total") > 0);
    // The right one from there has to wait, from elsewhere it is let in.
    assert_eq!(Phone::new(&pbx, "103").registers(&password("103")).status(), 200);
    assert_eq!(pbx.registrations().len(), 3);
    call.ends_well(&pbx);
}
