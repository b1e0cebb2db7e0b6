//! Audio packet by packet, with phones of our own: who hears whom, and who does not.

use std::{collections::BTreeSet, net::UdpSocket, time::Duration};

use tests::wait::{throughout, until};

use crate::{
    phones::phone::{Dialog, Phone},
    support::{
        talk::{Side, Talk, packet},
        tandem::{Setup, Tandem},
    },
};

const SOON: Duration = Duration::from_secs(10);

/// 101 and 102, connected and speaking.
pub struct Conversation {
    pub alice: Phone,
    pub alices: Dialog,
    pub bob: Phone,
    pub bobs: Dialog,
    pub talk: Talk,
}

impl Conversation {
    pub fn on(pbx: &Tandem) -> Self {
        pbx.has("101").has("102");
        let alice = Phone::registered(pbx, "101");
        let bob = Phone::registered(pbx, "102");
        Self::between(alice, bob, [17, 34])
    }

    /// The audio of each is one octet.
    fn between(mut alice: Phone, mut bob: Phone, says: [u8; 2]) -> Self {
        let (dialog, branch) = alice.begins(&bob.number);
        let bobs = bob.answers();
        let alices = alice.is_answered(dialog, &branch);
        let side = |phone: &Phone, dialog: &Dialog, fill| Side {
            socket: phone.rtp.clone(),
            to: dialog.audio,
            payload: phone.payload,
            fill,
        };
        let talk = Talk::between(side(&alice, &alices, says[0]), side(&bob, &bobs, says[1]));
        let conversation = Self {
            alice,
            alices,
            bob,
            bobs,
            talk,
        };
        conversation.talk.go_on(10);
        conversation
    }

    /// They still hear each other, their call ends as it should, and leaves nothing.
    pub fn ends_well(mut self, pbx: &Tandem) {
        self.talk.is_heard(50);
        self.alice.hangs_up(&mut self.alices);
        self.bob.is_hung_up();
        let heard = self.talk.end();
        let missing = |speaker: usize| heard[speaker].sent.saturating_sub(heard[1 - speaker].received);
        eprintln!("{heard:?}, missing {} and {}", missing(0), missing(1));
        until("the record", SOON, || {
            let cdrs = pbx.cdrs();
            cdrs.iter()
                .find(|cdr| cdr["from"] == "101" && cdr["to"] == "102" && cdr["disposition"] == "answered")?;
            Some(())
        });
        assert!(!pbx.log().contains("panic"), "{}", pbx.log());
        assert_eq!(pbx.metric("tandem_panics_total"), 0);
    }
}

#[test]
fn a_held_call_is_silent_and_resuming_brings_both_voices_back() {
    let pbx = Tandem::start();
    let mut call = Conversation::on(&pbx);
    call.talk.is_heard(25);
    for direction in ["sendonly", "inactive"] {
        let branch = call.alice.begins_to_offer(&mut call.alices, direction);
        let offer = call
            .bob
            .answers_offer(&call.bobs, if direction == "sendonly" { "recvonly" } else { direction });
        assert!(offer.body().contains(&format!("a={direction}")), "{}", offer.0);
        call.alice.is_answered_again(&call.alices, &branch);
        // What was under way when it was held is let through.
        call.talk.go_on(5);
        let [alice, bob] = call.talk.go_on(50);
        assert_eq!(
            (alice.received, alice.strange),
            (0, 0),
            "the holder hears the held phone"
        );
        if direction == "inactive" {
            assert_eq!((bob.received, bob.strange), (0, 0), "the held phone hears the holder");
        }

        let branch = call.alice.begins_to_offer(&mut call.alices, "sendrecv");
        call.bob.answers_offer(&call.bobs, "sendrecv");
        call.alice.is_answered_again(&call.alices, &branch);
        call.talk.go_on(10);
        call.talk.is_heard(50);
    }
    call.ends_well(&pbx);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_strangers_packets_are_dropped_and_counted() {
    let pbx = Tandem::start();
    let call = Conversation::on(&pbx);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for sequence in 0..500 {
        for to in [call.alices.audio, call.bobs.audio] {
            stranger.send_to(&packet(0, sequence, 99, 99), to).unwrap();
        }
    }
    // `is_heard` allows for nothing that the other side has not said.
    call.talk.is_heard(100);
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 2048]).is_err(), "the stranger hears the call");
    call.ends_well(&pbx);
    pbx.expect_nothing_left(SOON);
    until("1000 strange packets counted", SOON, || {
        (pbx.metric("tandem_rtp_injected_total") == 1_000).then_some(())
    });
}

#[test]
fn a_call_without_audio_ends_and_its_ports_return() {
    let pbx = Setup::new().flag("--media-timeout", 2).start();
    let Conversation {
        mut alice,
        mut bob,
        talk,
        ..
    } = Conversation::on(&pbx);
    assert!(pbx.metric("tandem_media_ports") > 0);
    talk.end();
    alice.is_hung_up();
    bob.is_hung_up();
    pbx.expect_nothing_left(SOON);
    let cdr = pbx.expect_cdrs(1).remove(0);
    assert_eq!(
        (&cdr["disposition"], &cdr["ended_by"]),
        (&"answered".into(), &"system".into()),
        "{cdr:#}"
    );
}

#[test]
fn the_echo_is_the_caller_s_own_voice() {
    let pbx = Tandem::start();
    pbx.has("101");
    let mut alice = Phone::new(&pbx, "101");
    let (dialog, branch) = alice.begins("*43");
    let mut dialog = alice.is_answered(dialog, &branch);
    let mut heard = 0;
    let mut sequence = 0;
    throughout(Duration::from_secs(1), || {
        sequence += 1;
        alice.rtp.send_to(&packet(0, sequence, 7, 42), dialog.audio).unwrap();
        let mut buffer = [0; 2048];
        while let Ok(length) = alice.rtp.recv(&mut buffer) {
            assert!(buffer[12..length].iter().all(|&octet| octet == 42));
            heard += 1;
        }
    });
    assert!(heard + 3 >= sequence, "{heard} of {sequence}");
    alice.hangs_up(&mut dialog);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn conversations_on_few_ports_are_kept_apart() {
    // Once a phone has spoken, others may come in at the same port of Tandem's.
    let pbx = Setup::new().rtp_ports(16).start();
    let numbers: Vec<String> = (200..240).map(|number: u32| number.to_string()).collect();
    pbx.has_all(&numbers);
    let mut says = 1;
    let calls: Vec<Conversation> = numbers
        .chunks(2)
        .map(|pair| {
            let [alice, bob] = [0, 1].map(|at| Phone::registered(&pbx, &pair[at]));
            says += 2;
            Conversation::between(alice, bob, [says, says + 1])
        })
        .collect();
    let used: BTreeSet<_> = calls
        .iter()
        .flat_map(|call| [call.alices.audio, call.bobs.audio])
        .collect();
    assert!(used.len() <= 8 && calls.len() == 20, "{used:?}");
    for call in &calls {
        call.talk.is_heard(25);
    }
    for Conversation {
        mut alice,
        mut alices,
        mut bob,
        talk,
        ..
    } in calls
    {
        alice.hangs_up(&mut alices);
        bob.is_hung_up();
        // No phone has ever heard a phone of another call.
        assert!(talk.end().iter().all(|side| side.strange == 0));
    }
    pbx.expect_nothing_left(SOON);
    pbx.expect_cdrs(20);
}
