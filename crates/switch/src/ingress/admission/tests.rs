use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const IDLE: Load = Load {
    calls: 0,
    transactions: 0,
};

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}

fn admission(change: impl FnOnce(&mut Config)) -> Admission {
    let mut config = Config::default();
    change(&mut config);
    Admission::new(Instant::ZERO, config)
}

/// Sends `per_second` messages a second for `seconds`. Counts the admitted, the refused and the dropped ones.
fn offer(admission: &mut Admission, source: IpAddr, kind: Kind, per_second: u64, seconds: u64) -> [u64; 3] {
    let mut counts = [0; 3];
    for index in 0..per_second * seconds {
        let now = Instant::from_micros(index * 1_000_000 / per_second);
        let slot = match admission.admit(now, source, kind, IDLE) {
            Verdict::Admit => 0,
            Verdict::Refuse { retry_after } => {
                assert!((1..=10).contains(&retry_after));
                1
            }
            Verdict::Drop => 2,
        };
        counts[slot] += 1;
    }
    counts
}

#[test]
fn the_defaults_admit_a_heavy_benchmark_from_one_address() {
    // 3,000 calls/s and 1,000 registrations/s, each challenged once.
    let mut admission = Admission::new(Instant::ZERO, Config::default());
    assert_eq!(offer(&mut admission, LOOPBACK, Kind::Call, 6_000, 10), [60_000, 0, 0]);
    assert_eq!(
        offer(&mut admission, LOOPBACK, Kind::Registration, 2_000, 10),
        [20_000, 0, 0]
    );
    assert_eq!((admission.refused(), admission.dropped()), (0, 0));
}

#[test]
fn the_defaults_cut_a_flood_and_answer_only_some_of_it() {
    let mut admission = Admission::new(Instant::ZERO, Config::default());
    let [admitted, refused, dropped] = offer(&mut admission, LOOPBACK, Kind::Registration, 50_000, 10);
    assert!((40_000..=44_000).contains(&admitted), "{admitted}");
    assert!((5_000..=5_500).contains(&refused), "{refused}");
    assert_eq!(admitted + refused + dropped, 500_000);
    assert_eq!((admission.refused(), admission.dropped()), (refused, dropped));
}

#[test]
fn ten_thousand_registers_a_second_want_a_configured_limit() {
    let mut plain = admission(|_| {});
    assert!(offer(&mut plain, LOOPBACK, Kind::Registration, 10_000, 5)[0] < 30_000);
    let mut raised = admission(|config| {
        config.source.registrations = Rate::per_second(20_000);
        config.total.registrations = Rate::per_second(20_000);
    });
    assert_eq!(
        offer(&mut raised, LOOPBACK, Kind::Registration, 10_000, 5),
        [50_000, 0, 0]
    );
}

#[test]
fn messages_of_calls_in_progress_are_never_refused() {
    let mut full = admission(|config| {
        config.max_calls = 0;
        config.max_transactions = 0;
        config.source.calls = Rate {
            per_second: 0,
            burst: 0,
        };
        config.total.calls = Rate {
            per_second: 0,
            burst: 0,
        };
    });
    for kind in [Kind::InProgress, Kind::Response] {
        assert_eq!(offer(&mut full, LOOPBACK, kind, 100_000, 1), [100_000, 0, 0]);
    }
    assert_eq!(full.admit(Instant::ZERO, LOOPBACK, Kind::Junk, IDLE), Verdict::Drop);
    assert_eq!(
        full.admit(Instant::ZERO, LOOPBACK, Kind::KeepAlive, IDLE),
        Verdict::Drop
    );
    assert!(matches!(
        full.admit(Instant::ZERO, LOOPBACK, Kind::Call, IDLE),
        Verdict::Refuse { .. }
    ));
}

#[test]
fn a_flood_of_one_source_leaves_the_others_alone() {
    let mut admission = admission(|_| {});
    offer(&mut admission, address(1), Kind::Call, 50_000, 2);
    let now = Instant::from_micros(2_000_000);
    assert_eq!(admission.admit(now, address(2), Kind::Call, IDLE), Verdict::Admit);
    assert_eq!(
        admission.admit(now, address(1), Kind::Registration, IDLE),
        Verdict::Admit,
        "kinds have their own"
    );
}

#[test]
fn a_flood_of_many_sources_leaves_the_reserve_to_sources_that_signed_in() {
    let mut admission = admission(|_| {});
    let now = Instant::from_micros(1);
    admission.vouch(now, address(7));
    let strangers = (1_000..40_000).filter(|n| admission.admit(now, address(*n), Kind::Call, IDLE) == Verdict::Admit);
    assert_eq!(strangers.count(), 9_000, "12,000 less a quarter");
    assert_eq!(admission.admit(now, address(7), Kind::Call, IDLE), Verdict::Admit);
    assert_ne!(admission.admit(now, address(8), Kind::Call, IDLE), Verdict::Admit);
}

#[test]
fn a_source_of_stray_messages_is_ignored_unless_a_device_has_signed_in_there() {
    let mut admission = admission(|config| {
        config.strays = Rate {
            per_second: 1,
            burst: 10,
        }
    });
    let now = Instant::from_micros(1);
    admission.vouch(now, address(1));
    for source in [1, 2] {
        for _ in 0..10 {
            assert_eq!(
                admission.admit(now, address(source), Kind::InProgress, IDLE),
                Verdict::Admit
            );
            admission.stray(now, address(source));
        }
    }
    assert_eq!(admission.admit(now, address(1), Kind::InProgress, IDLE), Verdict::Admit);
    assert_eq!(admission.admit(now, address(2), Kind::InProgress, IDLE), Verdict::Drop);
    assert_eq!(admission.admit(now, address(2), Kind::Response, IDLE), Verdict::Drop);
    assert_eq!(admission.admit(now, address(3), Kind::InProgress, IDLE), Verdict::Admit);
    assert_eq!(
        admission.admit(now, address(2), Kind::Registration, IDLE),
        Verdict::Admit,
        "it may sign in"
    );
    admission.vouch(now, address(2));
    assert_eq!(admission.admit(now, address(2), Kind::InProgress, IDLE), Verdict::Admit);
}

#[test]
fn keep_alives_are_not_counted_as_dropped() {
    let mut admission = admission(|_| {});
    admission.admit(Instant::ZERO, LOOPBACK, Kind::KeepAlive, IDLE);
    assert_eq!(admission.dropped(), 0);
    admission.admit(Instant::ZERO, LOOPBACK, Kind::Junk, IDLE);
    assert_eq!(admission.dropped(), 1);
}

#[test]
fn a_refusal_by_the_total_limit_costs_the_source_no_token() {
    let mut config = Config::default();
    config.source.calls = Rate {
        per_second: 0,
        burst: 10,
    };
    config.total.calls = Rate {
        per_second: 0,
        burst: 0,
    };
    let mut admission = Admission::new(Instant::ZERO, config.clone());
    let admitted = |admission: &mut Admission, now| {
        (0..20)
            .filter(|_| admission.admit(now, LOOPBACK, Kind::Call, IDLE) == Verdict::Admit)
            .count()
    };
    assert_eq!(admitted(&mut admission, Instant::ZERO), 0);
    config.total.calls = Rate::per_second(1_000);
    admission.configure(config);
    assert_eq!(admitted(&mut admission, Instant::from_micros(1_000_000)), 10);
}

#[test]
fn calls_and_transactions_have_a_cap() {
    let mut admission = admission(|config| {
        config.max_calls = 10;
        config.max_transactions = 20;
    });
    for (load, call, other) in [
        (
            Load {
                calls: 9,
                transactions: 19,
            },
            true,
            true,
        ),
        (
            Load {
                calls: 10,
                transactions: 19,
            },
            false,
            true,
        ),
        (
            Load {
                calls: 0,
                transactions: 20,
            },
            false,
            false,
        ),
    ] {
        assert_eq!(
            admission.admit(Instant::ZERO, LOOPBACK, Kind::Call, load) == Verdict::Admit,
            call
        );
        assert_eq!(
            admission.admit(Instant::ZERO, LOOPBACK, Kind::Other, load) == Verdict::Admit,
            other
        );
    }
}

#[test]
fn a_source_is_an_ipv4_address_or_an_ipv6_site() {
    let v6 = |text: &str| network(IpAddr::V6(text.parse::<Ipv6Addr>().unwrap()));
    assert_eq!(v6("2001:db8::1"), v6("2001:db8::ffff:2"));
    assert_ne!(v6("2001:db8::1"), v6("2001:db8:0:1::1"));
    assert_eq!(v6("::ffff:192.0.2.1"), network("192.0.2.1".parse().unwrap()));
    assert_ne!(network(address(1)), network(address(2)));
}

#[test]
fn a_million_sources_take_bounded_memory() {
    let mut admission = admission(|config| config.sources = 1_000);
    for number in 0..1_000_000u32 {
        let now = Instant::from_micros(u64::from(number));
        admission.admit(
            now,
            address(number.wrapping_mul(2_654_435_761)),
            Kind::Registration,
            IDLE,
        );
        assert!(admission.strangers.len() <= 1_000);
        if number % 3 == 0 {
            admission.vouch(now, address(number));
            assert!(admission.vouched.len() <= 1_000);
        }
    }
}

#[test]
fn retry_after_says_when_there_is_room_and_spreads() {
    assert_eq!(
        (0..6).map(|n| retry_after(Duration::ZERO, n)).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 1]
    );
    assert_eq!(retry_after(Duration::from_millis(2_500), 0), 3);
    assert_eq!(retry_after(Duration::from_secs(86_400), 0), 3_601);
}
