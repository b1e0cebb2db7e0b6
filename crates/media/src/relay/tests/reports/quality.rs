//! The quality of both ways of a leg.

use super::*;
use crate::service::{Quality, Way};

impl World {
    /// The last quality that was reported of a leg.
    fn measured(&mut self, slot: u32) -> Option<Quality> {
        let of = |event| {
            if let Event::Measured { media, quality } | Event::Closed { media, quality, .. } = event {
                return (media == id(slot)).then_some(quality);
            }
            None
        };
        self.events().into_iter().filter_map(of).next_back()
    }

    /// Our last sender report to A as A would name it in a report: the middle of its NTP time.
    fn last_report_to_a(&mut self) -> Option<u32> {
        let got = self.reports_to(A_RTCP).pop().filter(|bytes| bytes[1] == 200)?;
        let got = words(&got);
        Some(got[2] << 16 | got[3] >> 16)
    }
}

/// A receiver report of A's on our stream.
fn receives(about: u32, lost: i32, highest: u32, jitter: u32, last: u32, since: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    let block = [77, about, lost as u32 & 0xff_ffff, highest, jitter, last, since];
    block.iter().for_each(|word| packet.extend(word.to_be_bytes()));
    packet
}

#[test]
fn a_clean_call_is_scored_as_the_best_and_a_bad_one_as_less() {
    let mut w = World::bridged();
    w.talk(1, 600, |_| false);
    let clean = w.measured(1).unwrap();
    assert_eq!(clean.received.packets, 500, "at 10 s");
    assert_eq!(
        (clean.received.lost, clean.received.jitter, clean.round_trip),
        (0, 0, None)
    );
    assert_eq!(clean.received.mos, Some(440));
    assert_eq!(clean.sent, Way::default(), "A does not report");
    let mut w = World::bridged();
    w.talk(1, 600, |number| number % 10 == 5);
    let random = w.measured(1).unwrap().received;
    assert_eq!((random.packets, random.lost), (450, 50));
    assert!(random.mos.unwrap() < 360, "{random:?}");
    let mut w = World::bridged();
    w.talk(1, 600, |number| (100..150).contains(&number));
    let burst = w.measured(1).unwrap().received;
    assert_eq!((burst.packets, burst.lost), (450, 50));
    assert!(burst.mos < random.mos, "{burst:?}");
}

#[test]
fn a_leg_is_measured_at_most_every_ten_seconds_and_not_while_it_is_idle() {
    let mut w = World::bridged();
    w.events();
    w.talk(1, 50, |_| false);
    w.events();
    w.pass(8_999);
    let of = |event: &Event| {
        let Event::Measured { media, .. } = event else {
            return None;
        };
        Some(media.slot)
    };
    let mut told: Vec<u32> = w.events().iter().filter_map(of).collect();
    told.sort();
    assert_eq!(told, [] as [u32; 0]);
    w.pass(1);
    let mut told: Vec<u32> = w.events().iter().filter_map(of).collect();
    told.sort();
    assert_eq!(told, [1, 2]);
    w.pass(60_000);
    assert!(w.events().is_empty(), "nothing came or went");
    w.say(AT_A, A, 60);
    w.pass(10_000);
    assert_eq!(w.events().iter().filter_map(of).count(), 2);
}

#[test]
fn the_peers_reports_tell_of_the_way_to_the_peer() {
    let mut w = World::bridged();
    let mut to_a = w.talk(1, 300, |_| false);
    to_a.retain(|sent| sent.to == at(A));
    let last = w.last_report_to_a().unwrap();
    // A answers at once that it has lost 30; the report is 120 ms on the way there and back.
    let now = w.now.as_secs_f64() + 2_208_988_800.0;
    let middle = ((now * 65_536.0) as u64 as u32).wrapping_sub(last);
    let since = middle - (0.120 * 65_536.0) as u32;
    let highest = u32::from(to_a.last().unwrap().sequence);
    w.raw(AT_A + 1, A_RTCP, &receives(to_a[0].ssrc, 30, highest, 40, last, since));
    w.talk(301, 300, |_| false);
    let quality = w.measured(1).unwrap();
    assert_eq!(
        (quality.sent.packets, quality.sent.lost, quality.sent.jitter),
        (270, 30, 5_000)
    );
    assert!(quality.round_trip.is_some_and(|millis| (119..=121).contains(&millis)));
    assert!(quality.sent.mos.unwrap() < 380, "{quality:?}");
    assert!(
        (430..440).contains(&quality.received.mos.unwrap()),
        "delay costs a little"
    );
    // A peer that begins to count again takes no loss back, and nonsense is no round trip.
    w.raw(AT_A + 1, A_RTCP, &receives(to_a[0].ssrc, 2, highest, 40, 1, 1));
    w.command(Command::Close(id(1)));
    let closed = w.measured(1).unwrap();
    assert_eq!((closed.sent.lost, closed.sent.packets), (30, 570));
    assert_eq!(closed.round_trip, quality.round_trip);
}

#[test]
fn what_was_lost_before_tandem_is_no_loss_of_the_way_behind() {
    let mut w = World::bridged();
    let mut to_b = w.talk(1, 200, |number| number % 4 == 0);
    to_b.retain(|sent| sent.to == at(B));
    let highest = u32::from(to_b.last().unwrap().sequence);
    // B reports the 49 gaps between the packets that it got, and 3 packets that were lost on its own way.
    let mut packet = receives(to_b[0].ssrc, 52, highest, 0, 0, 0);
    packet[7] = 88;
    w.raw(AT_B + 1, B_RTCP, &packet);
    w.command(Command::Close(id(2)));
    let sent = w.measured(2).unwrap().sent;
    assert_eq!((sent.packets, sent.lost), (147, 3));
    w.command(Command::Close(id(1)));
    assert_eq!(w.measured(1).unwrap().received.lost, 49);
}

#[test]
fn a_phone_that_tells_of_its_jitter_buffer_is_scored_by_it() {
    let score = |extended: bool| {
        let mut w = World::bridged();
        let sent = w.talk(1, 300, |_| false);
        let to_a = sent.iter().rfind(|sent| sent.to == at(A)).unwrap();
        w.raw(
            AT_A + 1,
            A_RTCP,
            &receives(to_a.ssrc, 0, u32::from(to_a.sequence), 0, 0, 0),
        );
        if extended {
            let mut packet = vec![0x80, 207, 0, 10, 0, 0, 0, 77, 7, 0, 0, 8];
            packet.extend(to_a.ssrc.to_be_bytes());
            packet.extend([
                0, 13, 0, 0, 0, 0, 0, 0, 0, 40, 0, 200, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 60,
            ]);
            packet.extend([0, 80, 0, 200]);
            w.raw(AT_A + 1, A_RTCP, &packet);
        }
        w.command(Command::Close(id(1)));
        w.measured(1).unwrap().sent
    };
    let (plain, told) = (score(false), score(true));
    assert_eq!((plain.mos, plain.late), (Some(440), 0));
    assert_eq!(told.late, 300 * 13 / 256);
    assert!(told.mos < Some(390), "a delay of 200 ms, and 5 % too late: {told:?}");
}

#[test]
fn a_leg_that_was_never_heard_has_no_score() {
    let mut w = World::bridged();
    w.command(Command::Close(id(1)));
    assert_eq!(w.measured(1), Some(Quality::default()));
}
