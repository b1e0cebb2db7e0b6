use std::net::IpAddr;

use super::*;

const T: Duration = Duration::from_secs(1000);
const LATER: Duration = Duration::from_secs(1002);

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// A peer that announces this port of the address it signals from.
fn plain(last: u8, port: u16) -> PeerAddress {
    PeerAddress {
        rtp: Some(SocketAddr::new(ip(last), port)),
        ..PeerAddress::undescribed(ip(last), false)
    }
}

/// A peer behind the NAT at that address.
fn natted(last: u8, port: u16) -> PeerAddress {
    PeerAddress {
        rtp: Some(SocketAddr::new([10, 0, 0, 5].into(), port)),
        ..PeerAddress::undescribed(ip(last), false)
    }
}

/// A peer that was asked and has not answered.
fn asked(last: u8) -> PeerAddress {
    PeerAddress::undescribed(ip(last), false)
}

fn pool() -> Pool {
    Pool::new(20_000, 20_999)
}

/// New legs with these peers, and their ports.
fn take(pool: &mut Pool, peers: &[PeerAddress]) -> Vec<(MediaId, u16)> {
    let legs = peers.iter().map(|peer| {
        let leg = pool.open();
        (leg, pool.take(T, leg, peer).unwrap())
    });
    legs.collect()
}

fn ports(legs: &[(MediaId, u16)]) -> Vec<u16> {
    legs.iter().map(|(_, port)| *port).collect()
}

#[test]
fn legs_of_different_addresses_share_the_first_port() {
    let peers = [
        plain(1, 4000),
        plain(2, 4000),
        natted(3, 4000),
        asked(4),
        plain(5, 4002),
    ];
    let mut pool = pool();
    let legs = take(&mut pool, &peers);
    assert_eq!(ports(&legs), [20_000; 5]);
    assert!(legs.iter().all(|(leg, _)| !pool.is_in_doubt(*leg)));
}

#[test]
fn plain_legs_of_one_address_share_a_handful_of_ports() {
    let mut pool = pool();
    let peers: Vec<PeerAddress> = (0..400).map(|n| plain(1, 30_000 + 2 * n)).collect();
    let legs = take(&mut pool, &peers);
    let few: Vec<u16> = (0..SPREAD as u16).map(|n| 20_000 + 2 * n).collect();
    assert_eq!(ports(&legs)[..SPREAD], few, "as long as they are few each has its own");
    assert!(
        legs[SPREAD..].iter().all(|(_, port)| *port == 20_000),
        "the rest is together, so that the kernel gives it in large batches"
    );
    assert!(legs.iter().all(|(leg, _)| !pool.is_in_doubt(*leg)));
}

#[test]
fn legs_behind_one_nat_have_a_port_each_until_they_are_heard() {
    let mut pool = pool();
    let legs = take(&mut pool, &[natted(1, 4000), natted(1, 4002), plain(1, 4000), asked(1)]);
    assert_eq!(ports(&legs), [20_000, 20_002, 20_004, 20_006]);
    for (leg, _) in &legs {
        pool.learned(*leg, SocketAddr::new(ip(1), 50_000 + leg.slot as u16));
    }
    assert_eq!(ports(&take(&mut pool, &[natted(1, 4004)])), [20_000]);
    assert_eq!(ports(&take(&mut pool, &[natted(1, 4006)])), [20_002]);
}

#[test]
fn a_guess_of_nat_gives_an_unanswered_leg_a_port_of_its_own() {
    let mut pool = pool();
    let behind = PeerAddress::undescribed(ip(1), true);
    assert_eq!(ports(&take(&mut pool, &[behind, behind])), [20_000, 20_002]);
    // It was no NAT: the description says so.
    let legs = take(&mut pool, &[behind, asked(1)]);
    assert_eq!(ports(&legs), [20_004, 20_006]);
    assert_eq!(pool.expect(T, legs[0].0, &plain(1, 4000), false), Ok(()));
    let more: Vec<PeerAddress> = (0..8).map(|n| plain(1, 5000 + n)).collect();
    let more = ports(&take(&mut pool, &more));
    assert!(
        more.contains(&20_004) && !more.contains(&20_000),
        "plain ones may share: {more:?}"
    );
}

#[test]
fn one_address_and_port_announced_twice_never_shares_a_local_port() {
    let mut pool = pool();
    let legs = take(&mut pool, &[plain(1, 4000), plain(1, 4000), plain(1, 4000)]);
    assert_eq!(ports(&legs), [20_000, 20_002, 20_004]);
    legs.iter()
        .for_each(|(leg, _)| pool.learned(*leg, SocketAddr::new(ip(1), 4000)));
    assert_eq!(ports(&take(&mut pool, &[plain(1, 4000)])), [20_006], "heard or not");
    // A host that does so is asked on a port that none of its other legs has.
    assert_eq!(ports(&take(&mut pool, &[asked(1), asked(1)])), [20_008, 20_010]);
}

#[test]
fn a_whole_call_centre_without_sound_costs_no_call() {
    let mut pool = pool();
    for peer in [plain(1, 6000), natted(2, 6000), asked(3)] {
        let legs = take(&mut pool, &vec![peer; 8000]);
        let doubtful = legs.iter().filter(|(leg, _)| pool.is_in_doubt(*leg)).count();
        let expected = if peer == asked(3) { 0 } else { 8000 - 499 };
        assert_eq!(doubtful, expected, "the fewest are in doubt");
        assert!(
            legs.iter()
                .all(|(_, port)| (20_000..20_999).contains(port) && port % 2 == 0)
        );
    }
    assert_eq!(pool.in_use(), 24_000);
}

#[test]
fn what_a_description_adds_is_counted_and_a_conflict_told() {
    let mut pool = pool();
    let legs = take(&mut pool, &[asked(1), natted(2, 4000)]);
    assert_eq!(ports(&legs), [20_000, 20_000]);
    // The answer names the address from which the other one may be heard.
    let media = PeerAddress {
        rtp: Some(SocketAddr::new(ip(2), 4000)),
        ..asked(1)
    };
    assert_eq!(pool.expect(T, legs[0].0, &media, false), Err(Conflict));
    assert!(legs.iter().all(|(leg, _)| pool.is_in_doubt(*leg)));
    pool.learned(legs[1].0, SocketAddr::new(ip(2), 50_000));
    assert!(!pool.is_in_doubt(legs[0].0));
    assert_eq!(
        ports(&take(&mut pool, &[natted(2, 4002)])),
        [20_002],
        "its new expectation holds"
    );
}

#[test]
fn a_leg_that_moves_is_silent_again_and_leaves_something_behind() {
    let mut pool = pool();
    let legs = take(&mut pool, &[plain(1, 4000)]);
    pool.learned(legs[0].0, SocketAddr::new(ip(1), 4000));
    assert_eq!(pool.expect(T, legs[0].0, &plain(1, 5000), true), Ok(()));
    assert_eq!(
        ports(&take(&mut pool, &[natted(1, 9), plain(1, 4000)])),
        [20_002, 20_004]
    );
    let leg = pool.open();
    assert_eq!(pool.take(LATER, leg, &plain(1, 4000)), Some(20_006), "the third has it");
    let leg = pool.open();
    assert_eq!(pool.take(LATER, leg, &plain(1, 4002)), Some(20_008));
}

#[test]
fn what_a_leg_had_is_kept_from_others_for_a_while() {
    for peer in [plain(1, 4000), natted(2, 4000)] {
        let mut pool = pool();
        let gone = take(&mut pool, &[peer])[0];
        pool.release(T, gone.0);
        let [soon, later] = [pool.open(), pool.open()];
        assert_eq!(pool.take(T, soon, &peer), Some(20_002));
        assert_eq!(pool.take(LATER, later, &peer), Some(20_000));
    }
}

#[test]
fn a_leg_of_before_gets_its_port_back_and_counts_there() {
    let mut pool = pool();
    let (old, _) = take(&mut pool, &[natted(1, 4000)])[0];
    let again = pool.open();
    assert_eq!(pool.take_again(T, again, &natted(1, 4002), 20_004), Some(20_004));
    assert_eq!(
        pool.take_again(T, again, &natted(1, 4002), 20_002),
        Some(20_002),
        "moved"
    );
    assert_eq!(
        ports(&take(&mut pool, &[natted(1, 4004)])),
        [20_006],
        "20,004 is held for a while"
    );
    assert!(!pool.is_in_doubt(again));
    assert_eq!(pool.take_again(T, again, &natted(1, 4002), 20_000), Some(20_000));
    assert!(
        pool.is_in_doubt(again) && pool.is_in_doubt(old),
        "two that one address may be"
    );
    for outside in [0, 19_998, 21_000, u16::MAX] {
        assert_eq!(pool.take_again(T, again, &natted(1, 4002), outside), None, "{outside}");
    }
    pool.release(T, again);
    assert_eq!(
        pool.take_again(T, again, &natted(1, 4002), 20_000),
        None,
        "a stale handle"
    );
}

#[test]
fn media_from_another_public_address_is_told_by_its_port() {
    let mut pool = pool();
    let trunk = |port| PeerAddress {
        rtp: Some(SocketAddr::new(ip(9), port)),
        ..asked(1)
    };
    let peers: Vec<PeerAddress> = (0..1000).map(|n| trunk(10_000 + 2 * n)).collect();
    let legs = take(&mut pool, &peers);
    assert!(legs.iter().all(|(_, port)| *port < 20_000 + 2 * SPREAD as u16));
}

#[test]
fn a_port_that_cannot_be_bound_is_tried_again_when_no_other_can() {
    let mut pool = Pool::new(20_000, 20_003);
    let legs = take(&mut pool, &[natted(1, 1)]);
    pool.failed(legs[0].0);
    pool.release(T, legs[0].0);
    let legs = take(&mut pool, &[natted(1, 1), natted(1, 2)]);
    assert_eq!(
        ports(&legs),
        [20_002, 20_002],
        "a call in doubt is better than one that fails"
    );
    pool.failed(legs[0].0);
    assert_eq!(ports(&take(&mut pool, &[natted(2, 9)])), [20_000]);
}

#[test]
fn what_others_hold_is_left_to_them_while_there_is_another() {
    let mut pool = Pool::new(20_000, 20_005);
    for port in [19_999, 20_000, 20_003, 20_006] {
        pool.avoid(port);
    }
    assert_eq!(ports(&take(&mut pool, &[natted(1, 1), natted(1, 2)])), [20_004; 2]);
    pool.avoid(20_005);
    assert_eq!(
        ports(&take(&mut pool, &[natted(2, 1)])),
        [20_000],
        "nothing else is left"
    );
}

#[test]
fn odd_and_narrow_ranges() {
    for (first, last, pairs) in [
        (20_001, 20_003, 1),
        (20_000, 20_000, 0),
        (20_000, 20_001, 1),
        (65_534, 65_535, 1),
    ] {
        let mut pool = Pool::new(first, last);
        let legs = [pool.open(), pool.open(), pool.open()];
        let got: Vec<u16> = legs
            .iter()
            .filter_map(|leg| pool.take(T, *leg, &natted(1, 1)))
            .collect();
        assert_eq!(got.len(), if pairs == 0 { 0 } else { 3 }, "{first}-{last}");
        assert!(got.iter().all(|port| port % 2 == 0 && pool.covers(*port)));
        let covered = (0..=u16::MAX).filter(|port| pool.covers(*port));
        assert_eq!(covered.count(), 2 * pairs, "{first}-{last}");
    }
}

#[test]
fn a_stale_handle_reaches_no_leg() {
    let mut pool = pool();
    let (old, _) = take(&mut pool, &[natted(1, 1)])[0];
    pool.release(T, old);
    let new = pool.open();
    assert_eq!((new.slot, pool.in_use()), (old.slot, 1));
    assert_eq!(pool.take(LATER, new, &natted(1, 1)), Some(20_000));
    pool.release(LATER, old);
    pool.learned(old, SocketAddr::new(ip(1), 1));
    assert_eq!(pool.take(LATER, old, &natted(9, 1)), None);
    assert_eq!(pool.expect(LATER, old, &natted(9, 1), true), Ok(()));
    assert_eq!(
        (pool.local_port(new), pool.local_port(old), pool.in_use()),
        (Some(20_000), None, 1)
    );
    let other = pool.open();
    assert_eq!(
        pool.take(LATER, other, &natted(1, 1)),
        Some(20_002),
        "still held by the successor"
    );
}

#[test]
fn mapped_addresses_are_the_same_source() {
    let mut pool = pool();
    let mapped = PeerAddress::undescribed("::ffff:192.0.2.1".parse().unwrap(), true);
    assert_eq!(ports(&take(&mut pool, &[natted(1, 1), mapped])), [20_000, 20_002]);
}

#[test]
fn a_hundred_thousand_legs_leave_nothing() {
    let mut pool = pool();
    let mut now = T;
    for i in 0..100_000u32 {
        now += Duration::from_millis(1);
        let leg = pool.open();
        let peer = if i % 2 == 0 {
            plain(i as u8, 4000)
        } else {
            natted(i as u8, 4000)
        };
        assert!(pool.take(now, leg, &peer).is_some());
        if i % 3 == 0 {
            pool.learned(leg, SocketAddr::new(ip(i as u8), 5000));
        }
        if i % 5 == 0 {
            let _ = pool.expect(now, leg, &plain(i as u8, 4002), i % 10 == 0);
        }
        pool.release(now, leg);
        assert!(pool.ranges[0].sizes(now)[4] <= 4000);
    }
    assert_eq!(
        (pool.in_use(), pool.ranges[0].sizes(now + LINGER)),
        (0, [1, 0, 0, 0, 0])
    );
}

#[test]
fn legs_of_two_engines_never_mix() {
    let mut pool = Pool::of_engines(&[(20_000, 20_999), (30_000, 30_999)]);
    let one = pool.open();
    let other = pool.open();
    assert_eq!([one.engine, other.engine], [0, 1], "the engine with the fewest legs");
    assert_eq!(
        (one.slot, one.generation),
        (other.slot, other.generation),
        "told apart by the engine alone"
    );
    assert_eq!(pool.take(T, one, &natted(1, 4000)), Some(20_000));
    assert_eq!(pool.take(T, other, &natted(1, 4000)), Some(30_000));
    assert!(!pool.is_in_doubt(one), "another engine's leg is on another port");
    // The second leg of a call is where the first is, however full that engine.
    let beside: Vec<MediaId> = (0..3).map(|_| pool.open_beside(other)).collect();
    assert!(beside.iter().all(|leg| leg.engine == 1));
    assert_eq!(pool.take(T, beside[0], &natted(1, 4002)), Some(30_002));
    pool.learned(other, SocketAddr::new(ip(1), 5000));
    pool.failed(other);
    pool.release(T, other);
    assert_eq!((pool.local_port(one), pool.local_port(other)), (Some(20_000), None));
    assert_eq!(pool.in_use(), 4);
    assert!(pool.covers(20_001) && pool.covers(30_999) && !pool.covers(25_000));
    // A handle of an engine that does not exist reaches nothing.
    let nowhere = MediaId { engine: 2, ..one };
    pool.release(T, nowhere);
    assert_eq!((pool.take(T, nowhere, &natted(1, 1)), pool.in_use()), (None, 4));
    assert_eq!(
        pool.take_again(T, one, &natted(1, 1), 30_004),
        None,
        "a port of the other engine"
    );
    assert_eq!(Pool::of_engines(&[]).open().engine, 0);
}
