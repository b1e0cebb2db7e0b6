//! Many calls of one address at once: the ports they take, and which phone hears which.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use tests::wait::until;

use crate::{
    phones::phone::{Dialog, Phone},
    support::{
        place::Audio,
        talk::packet,
        tandem::{Setup, Tandem},
    },
};

const SOON: Duration = Duration::from_secs(10);

/// Two phones of one address, in one call after the other.
struct Crowd {
    alice: Phone,
    bob: Phone,
    calls: Vec<Call>,
}

/// Each side's dialog, and its socket for audio.
struct Call {
    alice: (Dialog, Audio),
    bob: (Dialog, Audio),
}

impl Crowd {
    fn on(pbx: &Tandem) -> Self {
        pbx.has("101").has("102");
        Self {
            alice: Phone::registered(pbx, "101"),
            bob: Phone::registered(pbx, "102"),
            calls: Vec::new(),
        }
    }

    /// One call more, which both sides hold without a sound.
    fn calls(&mut self) {
        let (dialog, branch) = self.alice.begins("102");
        let bobs = self.bob.answers();
        let alices = self.alice.is_answered(dialog, &branch);
        self.calls.push(Call {
            alice: (alices, self.alice.rtp.clone()),
            bob: (bobs, self.bob.rtp.clone()),
        });
    }

    /// The same, with a socket of its own on each side.
    fn calls_from_new_sockets(&mut self) {
        for phone in [&mut self.alice, &mut self.bob] {
            phone.rtp = Audio::on(Ipv4Addr::LOCALHOST);
        }
        self.calls();
    }

    fn ends_all(mut self, pbx: &Tandem) {
        for call in &mut self.calls {
            self.alice.hangs_up(&mut call.alice.0);
            self.bob.is_hung_up();
        }
        pbx.expect_nothing_left(Duration::from_secs(60));
    }
}

/// What has come to a socket: the octet with which each packet is filled.
fn heard(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let mut heard = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        heard.push(buffer[length - 1]);
    }
    heard
}

#[test]
fn two_hundred_and_sixty_silent_calls_that_announce_one_socket_on_ten_ports() {
    // What SIPp does: 520 legs, and each side names one address and port in all its calls.
    let pbx = Setup::new().rtp_ports(20).start();
    let mut crowd = Crowd::on(&pbx);
    for _ in 0..260 {
        crowd.calls();
    }
    assert_eq!(pbx.metric("tandem_media_ports"), 520);
    crowd.ends_all(&pbx);
    let answered = pbx.cdrs().iter().all(|cdr| cdr["disposition"] == "answered");
    assert!(answered, "none was refused");
}

#[test]
fn a_hundred_calls_of_one_address_with_sound_on_a_handful_of_ports() {
    let pbx = Setup::new().rtp_ports(100).start();
    let mut crowd = Crowd::on(&pbx);
    for _ in 0..100 {
        crowd.calls_from_new_sockets();
    }
    let sides = crowd.calls.iter().flat_map(|call| [&call.alice, &call.bob]);
    let ports: BTreeSet<u16> = sides.map(|(dialog, _)| dialog.audio.port()).collect();
    assert!(ports.len() <= media::pool::SPREAD, "{ports:?}");
    for (n, call) in crowd.calls.iter().enumerate() {
        let say = |(dialog, socket): &(Dialog, Audio), side: u32, sequence| {
            let fill = (2 * n as u32 + side) as u8;
            socket.send_to(&packet(0, sequence, 7, fill), dialog.audio).unwrap();
        };
        for sequence in 0..3 {
            say(&call.alice, 0, sequence);
            say(&call.bob, 1, sequence);
        }
    }
    for (n, call) in crowd.calls.iter().enumerate() {
        for (socket, fill) in [(&call.alice.1, 2 * n + 1), (&call.bob.1, 2 * n)] {
            let mut all = Vec::new();
            until("three packets of the other side", SOON, || {
                all.extend(heard(socket));
                (all.len() >= 3).then_some(())
            });
            assert_eq!(all, [fill as u8; 3], "call {n}");
        }
    }
    crowd.ends_all(&pbx);
}

#[test]
fn a_third_party_that_a_description_names_gets_fifty_packets_at_most() {
    let pbx = Tandem::start();
    let mut crowd = Crowd::on(&pbx);
    // Bob signals from 127.0.0.1.
    crowd.bob.rtp = Audio::on([127, 0, 0, 9]);
    crowd.calls();
    let (dialog, from) = &crowd.calls[0].alice;
    let say = |range: std::ops::Range<u16>| {
        for sequence in range {
            from.send_to(&packet(0, sequence, 7, 42), dialog.audio).unwrap();
        }
    };
    let victim = &crowd.calls[0].bob.1;
    say(0..150);
    let mut got = 0;
    until("fifty packets", SOON, || {
        got += heard(victim).len();
        (got >= 50).then_some(())
    });
    // What the victim says is answered: by then the others would have come.
    let audio: SocketAddr = crowd.calls[0].bob.0.audio;
    victim.send_to(&packet(0, 1, 9, 43), audio).unwrap();
    until("what it says is heard", SOON, || {
        (!heard(from).is_empty()).then_some(())
    });
    assert_eq!(got + heard(victim).len(), 50);
    say(150..250);
    until("and all that is said then", SOON, || {
        got += heard(victim).len();
        (got >= 150).then_some(())
    });
    crowd.ends_all(&pbx);
    until("what was held back is counted", SOON, || {
        (pbx.metric("tandem_rtp_withheld_total") == 100).then_some(())
    });
}
