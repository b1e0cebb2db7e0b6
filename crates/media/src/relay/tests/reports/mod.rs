//! RTCP.

mod feedback;
mod mux;
mod quality;

use super::*;

const A_RTCP: &str = "192.0.2.1:4001";
const B_RTCP: &str = "192.0.2.2:5001";

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|c| u32::from_be_bytes(c.try_into().unwrap()))
        .collect()
}

/// The packets in a compound, by kind. Panics where the framing is wrong.
fn kinds(bytes: &[u8]) -> Vec<u8> {
    let (mut kinds, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        assert_eq!(rest[0] >> 5, 4, "version 2, no padding");
        kinds.push(rest[1]);
        let length = (usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1) * 4;
        rest = &rest[length..];
    }
    kinds
}

impl World {
    /// Both phones say so many packets of 20 ms, A from the number `first` on, with gaps where `lost` says so.
    fn talk(&mut self, first: u16, count: u16, lost: impl Fn(u16) -> bool) -> Vec<Sent> {
        let mut all = Vec::new();
        for number in first..first + count {
            if !lost(number) {
                all.extend(self.say(AT_A, A, number));
            }
            let timestamp = u32::from(number) * 160;
            all.extend(self.rtp(AT_B, B, 0, number, timestamp, 88, &[2; 160]));
            all.extend(self.pass(20));
        }
        all
    }

    /// The reports that went to an address, since they were asked for last.
    fn reports_to(&mut self, to: &str) -> Vec<Vec<u8>> {
        let (these, rest) = std::mem::take(&mut self.rtcp)
            .into_iter()
            .partition(|(_, at, _)| *at == self::at(to));
        self.rtcp = rest;
        let these: Vec<(u16, SocketAddr, Vec<u8>)> = these;
        these.into_iter().map(|(_, _, bytes)| bytes).collect()
    }
}

#[test]
fn each_leg_of_a_relay_gets_reports_of_its_own() {
    let mut w = World::bridged();
    let sent = w.talk(1, 400, |number| number % 10 == 5);
    let to_b = sent.iter().rfind(|sent| sent.to == at(B)).unwrap();
    let got = w.reports_to(B_RTCP).pop().unwrap();
    assert_eq!(kinds(&got), [200, 202]);
    let got = words(&got);
    assert_eq!(got[1], to_b.ssrc);
    assert!(got[5] > 150 && got[5] <= 360 && got[6] == got[5] * 160, "{got:?}");
    assert_eq!((got[7], got[8]), (88, 0), "no loss from B");
    // What was lost before it came to us is told to A alone; B sees it by the gaps in the numbers.
    let got = w.reports_to(A_RTCP).pop().unwrap();
    let got = words(&got);
    let (fraction, lost) = (got[8] >> 24, got[8] & 0xff_ffff);
    assert_eq!(got[7], 77);
    assert!((22..=28).contains(&fraction), "a tenth of 256: {fraction}");
    assert_eq!(lost, (got[9] + 4) / 10, "of the numbers so far");
    let numbers = sent.iter().filter(|sent| sent.to == at(B)).map(|sent| sent.sequence);
    let numbers: Vec<u16> = numbers.collect();
    assert_eq!(numbers[numbers.len() - 1] - numbers[0], 399);
}

#[test]
fn reports_of_a_peer_do_not_cross_and_names_neither() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    for _ in 0..3 {
        w.raw(AT_A + 1, A_RTCP, &report(Some((1000, 1)), 77, None));
    }
    assert!(w.rtcp.is_empty());
    w.pass(20_000);
    assert!(!w.rtcp.is_empty());
    assert!(
        !w.rtcp
            .iter()
            .any(|(_, _, bytes)| bytes.windows(5).any(|w| w == b"alice"))
    );
}

#[test]
fn the_times_of_a_sender_report_belong_together() {
    let mut w = World::bridged();
    let sent = w.talk(1, 100, |_| false);
    let (start, to_a) = (w.now, sent.iter().rfind(|sent| sent.to == at(A)).unwrap());
    w.reports_to(A_RTCP);
    let mut got = Vec::new();
    while got.is_empty() {
        w.pass(1);
        got = w.reports_to(A_RTCP);
    }
    let got = words(&got[0]);
    let seconds = w.now.as_secs() + 2_208_988_800;
    let fraction = (u64::from(w.now.subsec_nanos()) << 32) / 1_000_000_000;
    assert_eq!((got[2], got[3]), (seconds as u32, fraction as u32));
    // The last packet was sent 20 ms before `start`.
    let passed = (w.now - start).as_millis() as u32 + 20;
    assert_eq!(got[4].wrapping_sub(to_a.timestamp), passed * 8);
}

#[test]
fn reports_come_at_random_intervals_around_five_seconds() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    let start = w.now;
    let mut times = Vec::new();
    for n in 0..60_000u32 {
        if n % 100 == 0 {
            w.say(AT_A, A, (n / 100) as u16 + 2);
        }
        w.now += Duration::from_millis(9);
        w.pass(1);
        times.extend(w.reports_to(B_RTCP).iter().map(|_| (w.now - start).as_secs_f64()));
    }
    assert!((1.02..3.10).contains(&times[0]), "{}", times[0]);
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (2.03..6.18).contains(gap)), "{gaps:?}");
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((3.8..4.4).contains(&mean), "5 s divided by 1.218: {mean}");
    assert!(gaps.iter().any(|gap| *gap < 3.0) && gaps.iter().any(|gap| *gap > 5.5));
}

#[test]
fn who_no_longer_sends_reports_as_a_receiver() {
    let mut w = World::bridged();
    w.talk(1, 300, |_| false);
    w.reports_to(B_RTCP);
    for n in 0..1000 {
        // A is silent, B goes on.
        w.rtp(AT_B, B, 0, 400 + n, 0, 88, &[2; 160]);
        w.pass(20);
    }
    let kinds: Vec<u8> = w.reports_to(B_RTCP).iter().map(|bytes| bytes[1]).collect();
    assert!(
        kinds.len() >= 4 && kinds[2..].iter().all(|kind| *kind == 201),
        "{kinds:?}"
    );
    w.pass(20_000);
    let silent = w.reports_to(B_RTCP).pop().unwrap();
    assert_eq!(silent[..4], [0x80, 201, 0, 1], "no block about what was not heard");
}

#[test]
fn a_leg_without_a_packet_reports_nothing() {
    let mut w = World::bridged();
    w.pass(30_000);
    assert!(w.rtcp.is_empty());
    w.command(Command::Close(id(1)));
    w.pass(1);
    assert!(w.rtcp.is_empty(), "and leaves without a BYE");
}

#[test]
fn a_report_names_the_last_one_of_the_peer_and_how_long_ago_it_was() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.raw(AT_A + 1, A_RTCP, &report(Some((1000, 1)), 99, None));
    let first = std::iter::repeat_with(|| (w.pass(1), w.reports_to(A_RTCP)).1).find(|got| !got.is_empty());
    let got = words(&first.unwrap()[0]);
    assert_eq!(got[6..8], [0, 0], "a report on another stream");
    w.say(AT_A, A, 2);
    w.raw(AT_A + 1, A_RTCP, &report(Some((1000, 1)), 77, None));
    let heard = w.now;
    let next = std::iter::repeat_with(|| (w.pass(1), w.reports_to(A_RTCP)).1).find(|got| !got.is_empty());
    let got = words(&next.unwrap()[0]);
    assert_eq!(got[6], 0x1111_2222);
    let since = f64::from(got[7]) / 65_536.0;
    assert!((since - (w.now - heard).as_secs_f64()).abs() < 0.001, "{since}");
}

#[test]
fn a_leg_that_closes_says_so() {
    let mut w = World::bridged();
    let sent = w.talk(1, 10, |number| number == 5);
    let ssrc = sent.iter().find(|sent| sent.to == at(A)).unwrap().ssrc;
    w.command(Command::Close(id(1)));
    assert_eq!(w.relay.next_tick(), Some(Duration::ZERO), "at once");
    w.pass(1);
    let got = w.reports_to(A_RTCP).pop().unwrap();
    assert_eq!(kinds(&got), [200, 202, 203]);
    let got = words(&got);
    assert_eq!(got[8] & 0xff_ffff, 1, "with the last figures");
    assert_eq!(got[got.len() - 2..], [0x81cb_0001, ssrc]);
    assert!(w.reports_to(B_RTCP).is_empty());
    w.pass(20_000);
    assert!(w.reports_to(A_RTCP).is_empty(), "once");
}

#[test]
fn a_bye_counts_as_a_packet_to_an_address_that_was_never_heard() {
    let mut w = World::new();
    w.relay = Relay::new(Config {
        unheard: 3,
        ..Config::default()
    });
    let mut stranger = remote("203.0.113.66:4000", &[(0, "PCMU")]);
    stranger.signalling = Some(at(B).ip());
    w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
    w.leg(2, AT_B, stranger);
    w.command(Command::Bridge(id(1), id(2)));
    assert_eq!((1..6).map(|n| w.say(AT_A, A, n).len()).sum::<usize>(), 3);
    w.command(Command::Close(id(2)));
    w.pass(1);
    assert!(w.rtcp.is_empty());
}

#[test]
fn more_farewells_than_anyone_sends_are_not_kept() {
    let mut w = World::new();
    for n in 0..5000 {
        w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
        w.command(Command::Echo(id(1)));
        w.say(AT_A, A, n);
        w.command(Command::Close(id(1)));
        w.now += Duration::from_secs(3);
    }
    w.pass(1);
    assert_eq!(w.reports_to(A_RTCP).len(), 4096);
}

#[test]
fn rtcp_of_strangers_is_dropped_and_that_of_nat_is_known_by_its_stream() {
    let mut w = World::bridged();
    let packet = report(None, 77, None);
    w.raw(AT_A + 1, "203.0.113.66:4001", &packet);
    w.raw(AT_A + 1, "192.0.2.1:7777", &packet);
    assert_eq!(w.reports_go_to(1), at(A_RTCP), "no peer speaks with that SSRC");
    w.say(AT_A, A, 1);
    w.raw(AT_A + 1, "203.0.113.66:4001", &packet);
    assert_eq!(w.reports_go_to(1), at(A_RTCP));
    for cut in 0..8 {
        w.raw(AT_A + 1, "192.0.2.1:7777", &packet[..cut]);
    }
    w.raw(AT_A + 1, "192.0.2.1:7777", &[0x80, 203, 0, 1]);
    assert_eq!(w.reports_go_to(1), at(A_RTCP), "only whole packets");
    w.raw(AT_A + 1, "192.0.2.1:7777", &packet);
    assert_eq!(w.reports_go_to(1), at("192.0.2.1:7777"));
    for cut in 9..packet.len() {
        w.raw(AT_A + 1, "192.0.2.1:7777", &packet[..cut]);
    }
    let counters = w.close(1);
    assert_eq!(counters.injected, 3);
    assert!(counters.malformed > 0);
}

#[test]
fn tandem_reports_on_what_it_plays() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("dial".into()),
        repeat: true,
        token: 1,
    });
    let start = w.now;
    let sent = w.pass(1);
    let mut got = Vec::new();
    while got.is_empty() {
        w.pass(1);
        got = w.reports_to(A_RTCP);
    }
    let passed = (w.now - start).as_millis() as u32;
    assert_eq!(got[0][1], 200);
    let got = words(&got[0]);
    assert_eq!(
        (got[1], got[2]),
        (sent[0].ssrc, (w.now.as_secs() + 2_208_988_800) as u32)
    );
    assert_eq!(got[5], passed / 20 + 1, "packets");
    let played = got[4].wrapping_sub(sent[0].timestamp);
    assert!(
        (passed * 8 - 160..=passed * 8).contains(&played),
        "{played} of {passed} ms"
    );
    w.say(AT_A, A, 7);
    w.pass(7000);
    let got = words(&w.reports_to(A_RTCP)[0]);
    assert_eq!(
        (got[7], got[8] & 0xff_ffff, got[9] as u16),
        (77, 0, 7),
        "and on what it hears"
    );
}
