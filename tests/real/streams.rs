//! Misuse of TCP.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use tests::wait::until;

use crate::{
    audio::Conversation,
    hostile::{Dice, options},
    phones::phone::unique,
    support::{
        message::Message,
        tandem::{Setup, Tandem},
    },
};

const SOON: Duration = Duration::from_secs(20);
/// The longest a non-INVITE transaction takes (RFC 3261 17.2.2, timer J), and a margin.
const LINGER: Duration = Duration::from_secs(50);

struct Stream {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Stream {
    fn to(pbx: &Tandem) -> Self {
        let stream = TcpStream::connect(pbx.sip).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let read = Vec::new();
        Self { stream, read }
    }

    fn options(&self, pbx: &Tandem) -> String {
        options(self.stream.local_addr().unwrap(), pbx.sip, "TCP", &unique("tcp"))
    }

    /// Waits for a whole answer without a body.
    fn answer(&mut self) -> Message {
        until("an answer over TCP", SOON, || {
            let mut chunk = [0; 4096];
            if let Ok(length) = self.stream.read(&mut chunk) {
                self.read.extend(&chunk[..length]);
            }
            let end = self.read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            Some(Message(
                String::from_utf8_lossy(&self.read.drain(..end).collect::<Vec<_>>()).into_owned(),
            ))
        })
    }

    /// Waits until the other side has closed it.
    fn is_closed(&mut self) {
        until("the connection to be closed", SOON, || {
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => Some(()),
                Ok(_) => None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                Err(_) => Some(()),
            }
        });
    }
}

fn descriptors(pbx: &Tandem) -> usize {
    fs::read_dir(format!("/proc/{}/fd", pbx.process.0.id()))
        .unwrap()
        .count()
}

#[test]
fn slow_half_closed_and_many_connections_delay_no_other_phone() {
    let pbx = Setup::new().flag("--message-timeout", 3).start();
    let call = Conversation::on(&pbx);
    let (before, memory) = (descriptors(&pbx), pbx.process.memory());

    // A message byte by byte, one in two pieces, two in one piece: all are answered.
    let mut slow = Stream::to(&pbx);
    for byte in slow.options(&pbx).bytes() {
        slow.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(slow.answer().status(), 200);
    let two = slow.options(&pbx) + slow.options(&pbx).as_str();
    slow.stream.write_all(two.as_bytes()).unwrap();
    assert_eq!((slow.answer().status(), slow.answer().status()), (200, 200));
    // A keep-alive is answered (RFC 5626 4.4.1).
    slow.stream.write_all(b"\r\n\r\n").unwrap();
    until("a pong", SOON, || {
        let mut chunk = [0; 16];
        (slow.stream.read(&mut chunk).ok()? == 2 && chunk.starts_with(b"\r\n")).then_some(())
    });

    // A client may close its sending half and still get the answer. The other half stays open for later answers.
    let mut half = Stream::to(&pbx);
    half.stream.write_all(half.options(&pbx).as_bytes()).unwrap();
    half.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.answer().status(), 200);

    // A client that never ends its message, and a client that sends no SIP.
    let mut stuck = Stream::to(&pbx);
    stuck.stream.write_all(&stuck.options(&pbx).as_bytes()[..50]).unwrap();
    let mut long = Stream::to(&pbx);
    let promised = long
        .options(&pbx)
        .replace("Content-Length: 0", "Content-Length: 999999999");
    long.stream.write_all(promised.as_bytes()).unwrap();
    let mut noise = Stream::to(&pbx);
    let _ = noise.stream.write_all(&[0x16; 8_192]);
    for stream in [&mut stuck, &mut long, &mut noise] {
        stream.is_closed();
    }

    // Many at once, each of which is served.
    let mut many: Vec<Stream> = (0..300).map(|_| Stream::to(&pbx)).collect();
    for stream in &mut many {
        stream.stream.write_all(stream.options(&pbx).as_bytes()).unwrap();
    }
    for stream in &mut many {
        assert_eq!(stream.answer().status(), 200);
    }
    let grown = pbx.process.memory().saturating_sub(memory);
    assert!(grown < 64 * 1024, "{grown} KiB for 300 connections");
    drop((many, slow, half));
    // Closed or half closed is the same to who says nothing more: it stays for as long as an answer may take.
    until("the connections to be gone", LINGER, || {
        (descriptors(&pbx) <= before).then_some(())
    });
    call.ends_well(&pbx);
}

#[test]
fn damaged_messages_and_peers_that_never_read_end_their_connection_only() {
    let pbx = Setup::new()
        .flag("--message-timeout", 3)
        .flag("--write-queue", 65_536)
        .start();
    let call = Conversation::on(&pbx);
    let memory = pbx.process.memory();
    let mut dice = Dice(0x51ed_27f0);

    // Each goes on until its connection is closed or its bytes are read.
    let mut damaged = Vec::new();
    for _ in 0..200 {
        let mut stream = Stream::to(&pbx);
        let mut text = stream.options(&pbx).into_bytes();
        for _ in 0..=dice.roll(6) {
            let at = dice.roll(text.len());
            text[at] = dice.roll(256) as u8;
        }
        let _ = stream.stream.write_all(&text);
        damaged.push(stream);
    }

    // A client that sends requests and never reads is cut off before its answers fill the memory.
    let mut deaf = Stream::to(&pbx);
    let many = deaf.options(&pbx).repeat(20);
    until("the deaf one to be cut off", SOON, || {
        loop {
            match deaf.stream.write(many.as_bytes()) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => return Some(()),
            }
        }
    });

    let mut fine = Stream::to(&pbx);
    fine.stream.write_all(fine.options(&pbx).as_bytes()).unwrap();
    assert_eq!(fine.answer().status(), 200);
    let grown = pbx.process.memory().saturating_sub(memory);
    assert!(grown < 64 * 1024, "{grown} KiB");
    call.ends_well(&pbx);
}
