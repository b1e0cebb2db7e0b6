//! Datagrams that are no SIP, or nearly SIP: they are answered as the RFCs say or dropped, while a call goes on.

use std::{
    collections::HashSet,
    fs,
    net::{Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    time::Duration,
};

use tests::wait::until;

use crate::{
    audio::Conversation,
    phones::phone::unique,
    support::{
        message::Message,
        tandem::{Setup, Tandem},
    },
};

/// The tests do the same every time: xorshift.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll(256) as u8).collect()
    }
}

fn torture(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/torture").join(file)).unwrap()
}

/// The files with what is answered to each, by `outcomes.tsv`.
fn outcomes() -> Vec<(String, String)> {
    let table = String::from_utf8(torture("outcomes.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0].to_owned(), cells[3].to_owned())
    });
    rows.collect()
}

/// An OPTIONS that draws a 200, in which `name` is found again.
pub fn options(from: SocketAddr, to: SocketAddr, transport: &str, name: &str) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/{transport} {from};branch=z9hG4bK{name};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{from}>;tag={name}\r\nTo: <sip:{to}>\r\nCall-ID: {name}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Waits until everything sent before has been dealt with: signalling takes messages one after the other.
fn settle(socket: &UdpSocket, pbx: &Tandem) -> Vec<Message> {
    let name = unique("settle");
    let text = options(socket.local_addr().unwrap(), pbx.sip, "UDP", &name);
    let mut others = Vec::new();
    let mut looks = 0;
    until("an answer to OPTIONS", Duration::from_secs(20), || {
        // Said again now and then: it may have met a full queue or a limit.
        if looks % 50 == 0 {
            socket.send_to(text.as_bytes(), pbx.sip).unwrap();
        }
        looks += 1;
        let mut buffer = [0; 65_536];
        while let Ok(length) = socket.recv(&mut buffer) {
            let message = Message(String::from_utf8_lossy(&buffer[..length]).into_owned());
            if message.header("Call-ID") != name {
                others.push(message);
            } else if message.status() == 200 {
                return Some(());
            }
        }
        None
    });
    others
}

fn socket(address: impl Into<SocketAddr>) -> UdpSocket {
    let address = address.into();
    let socket =
        UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}; the test needs this port"));
    socket.set_nonblocking(true).unwrap();
    socket
}

#[test]
fn each_torture_message_gets_its_answer() {
    let start = || Setup::new().on(Ipv6Addr::LOCALHOST.into()).start();
    let mut pbx = start();
    // Answers go to the port that the Via names, as these messages know nothing of rport (RFC 3261 18.2.2).
    let sockets = [5060, 5061, 5050].map(|port| socket((Ipv6Addr::LOCALHOST, port)));
    let (mut seen, mut transactions) = (HashSet::new(), HashSet::new());
    let mut faults = Vec::new();
    for (file, expected) in outcomes() {
        let bytes = torture(&format!("{file}.dat"));
        // Some have the same branch, method and sender: to one server they would be the same request again.
        let message = Message(String::from_utf8_lossy(&bytes).into_owned());
        if !transactions.insert((message.header("Via").to_owned(), message.method().to_owned())) {
            assert_eq!((pbx.health().as_str(), pbx.metric("tandem_panics_total")), ("ok", 0));
            pbx = start();
            transactions.clear();
        }
        sockets[0].send_to(&bytes, pbx.sip).unwrap();
        let mut answers = settle(&sockets[0], &pbx);
        for socket in &sockets[1..] {
            let mut buffer = [0; 65_536];
            while let Ok(length) = socket.recv(&mut buffer) {
                answers.push(Message(String::from_utf8_lossy(&buffer[..length]).into_owned()));
            }
        }
        // An answer to an earlier INVITE comes again until it is acknowledged.
        answers.retain(|answer| seen.insert(answer.clone()));
        let finals: Vec<u16> = answers
            .iter()
            .map(Message::status)
            .filter(|&status| status >= 200)
            .collect();
        let is_right = match expected.as_str() {
            "-" => answers.is_empty(),
            "any" => finals.len() == 1,
            codes => finals.len() == 1 && codes.split('|').any(|code| code == finals[0].to_string()),
        };
        if !is_right {
            faults.push(format!("{file}: {expected} expected, {finals:?} came"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert_eq!((pbx.health().as_str(), pbx.metric("tandem_panics_total")), ("ok", 0));
}

#[test]
fn noise_and_damaged_messages_do_not_reach_a_call() {
    let pbx = Tandem::start();
    let call = Conversation::on(&pbx);
    let attacker = socket(([127, 0, 0, 1], 0));
    let mut dice = Dice(0x7a6e_d0e5);
    let before = pbx.process.memory();
    let mut sent = 0_u32;
    let mut hit = |bytes: &[u8]| {
        attacker.send_to(bytes, pbx.sip).unwrap();
        sent += 1;
        if sent.is_multiple_of(200) {
            settle(&attacker, &pbx);
        }
    };
    for _ in 0..200 {
        hit(b"");
        hit(b"\r\n\r\n");
    }
    // 64 KiB is what fits into a datagram.
    for length in [1, 100, 1_500, 65_507, 65_507, 65_507] {
        hit(&dice.noise(length));
    }
    for (file, _) in outcomes() {
        let whole = torture(&format!("{file}.dat"));
        for _ in 0..10 {
            hit(&whole[..dice.roll(whole.len())]);
            let mut flipped = whole.clone();
            for _ in 0..=dice.roll(8) {
                let at = dice.roll(flipped.len());
                flipped[at] ^= 1 << dice.roll(8);
            }
            hit(&flipped);
        }
    }
    // The same with messages that would be fine.
    let fine = options(attacker.local_addr().unwrap(), pbx.sip, "UDP", "damaged");
    for _ in 0..500 {
        let mut flipped = fine.clone().into_bytes();
        let at = dice.roll(flipped.len());
        flipped[at] = dice.roll(256) as u8;
        hit(&flipped);
    }
    // And to the media ports.
    for _ in 0..500 {
        let length = dice.roll(1_500);
        attacker.send_to(&dice.noise(length), call.alices.audio).unwrap();
    }
    settle(&attacker, &pbx);
    let grown = pbx.process.memory().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more after {sent} messages");
    assert_eq!(pbx.health(), "ok");
    call.ends_well(&pbx);
    pbx.expect_nothing_left(Duration::from_secs(10));
}

#[test]
fn requests_of_unknown_dialogs_are_answered_as_rfc_3261_says() {
    let pbx = Tandem::start();
    let call = Conversation::on(&pbx);
    let attacker = socket(([127, 0, 0, 1], 0));
    let from = attacker.local_addr().unwrap();
    // RFC 3261 12.2.2 for what belongs into a dialog, 9.2 for CANCEL, 8.2.1 for what nobody knows; an ACK is never
    // answered (17.2.1).
    for (method, tag, statuses) in [
        ("BYE", ";tag=none", &[481][..]),
        ("CANCEL", "", &[481]),
        ("INVITE", ";tag=none", &[481]),
        ("UPDATE", ";tag=none", &[481]),
        ("INFO", ";tag=none", &[481]),
        ("PRACK", ";tag=none", &[481]),
        ("NOTIFY", ";tag=none", &[481]),
        ("REFER", ";tag=none", &[481]),
        ("ACK", ";tag=none", &[]),
        ("ACK", "", &[]),
        ("OPTIONS", "", &[200]),
        ("MESSAGE", "", &[401]),
        ("REGISTER", "", &[401]),
        ("INVITE", "", &[401]),
        ("JUMP", "", &[405, 501]),
    ] {
        let name = unique("blue");
        let server = pbx.sip;
        let text = format!(
            "{method} sip:102@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{name};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:101@{server}>;tag={name}\r\nTo: <sip:102@{server}>{tag}\r\nCall-ID: {name}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:101@{from}>\r\nRAck: 1 1 INVITE\r\nEvent: refer\r\nRefer-To: <sip:101@{server}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        attacker.send_to(text.as_bytes(), server).unwrap();
        let answers = settle(&attacker, &pbx);
        let answers = answers.iter().filter(|answer| answer.header("Call-ID") == name);
        let mut came: Vec<u16> = answers.map(Message::status).filter(|&status| status >= 200).collect();
        came.dedup();
        let is_right = match came[..] {
            [] => statuses.is_empty(),
            [status] => statuses.contains(&status),
            _ => false,
        };
        assert!(is_right, "{method}{tag}: {statuses:?} expected, {came:?} came");
    }
    // A request with only a part of a dialog's id does not end the dialog.
    let wrong = format!(
        "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{};rport\r\nMax-Forwards: 70\r\nFrom: {}x\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 99 BYE\r\nContent-Length: 0\r\n\r\n",
        call.alices.target,
        unique("bye"),
        call.alices.local,
        call.alices.remote,
        call.alices.call_id,
    );
    attacker.send_to(wrong.as_bytes(), pbx.sip).unwrap();
    assert_eq!(settle(&attacker, &pbx)[0].status(), 481);
    call.ends_well(&pbx);
}
