use sip::{Flow, Transport};

use super::*;
use crate::{
    AccountChange, Config, Extension, Unresolved,
    event::SetupEvent,
    ids::CallKind,
    registrar::{Change, Contact},
    tables::slots::Slots,
};

/// A core with these extensions, and a hunt for these targets that has begun.
struct Bench {
    x: Core,
    hunt: Hunt,
}

fn flow(host: u8) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: ([198, 51, 100, host], 5060).into(),
        connection: None,
    }
}

/// A phone of the extension is registered at host `id`.
fn registers(x: &mut Core, number: &str, id: u8) {
    let binding = crate::Binding {
        id: id.into(),
        number: number.into(),
        username: number.into(),
        contact: format!("sip:{number}@198.51.100.{id}"),
        flow: flow(id),
        path: Vec::new(),
        instance: None,
        reg_id: None,
        q: 1_000,
        call_id: "r".into(),
        cseq: 1,
        user_agent: String::new(),
        registered_at: 0,
        expires_at: 0,
    };
    x.locations.apply(Change::Put(std::sync::Arc::new(Contact {
        binding,
        lost: false,
        leads_back: false,
        push: None,
    })));
}

impl Bench {
    fn new(targets: &[Target], follows: bool, extensions: &[Extension]) -> Self {
        let mut x = Core::new(Config::default().into(), [0; 32]);
        for extension in extensions {
            x.accounts.apply(AccountChange::Extension(extension.clone()));
        }
        let call = Slots::<(), CallKind>::default().try_insert_with(|_| Ok::<_, ()>(()));
        let quest = Quest {
            auto_answer: false,
            phone: None,
            attached: None,
            call: call.unwrap(),
            targets: targets.to_vec(),
            strategy: Strategy::Sequence,
            timeout: Duration::from_secs(20),
            caller: CallerId::default(),
            subject: None,
            transferred: false,
            headers: Vec::new(),
            diverted: Vec::new(),
            max_forwards: 70,
            max_breadth: None,
            follows,
        };
        Self {
            x,
            hunt: Hunt::new(quest),
        }
    }

    fn begin(&mut self) -> Hunted {
        self.hunt.begin(&mut self.x)
    }

    /// The legs made since the last time this was asked, by peer.
    fn rung(&mut self) -> Vec<(LegId, String)> {
        let rung = self.hunt.take_rung().into_iter();
        rung.map(|(leg, peer)| (leg, peer.to_string())).collect()
    }

    fn refuses(&mut self, leg: LegId, code: u16, contacts: &[&str]) -> Hunted {
        let refused = LegEvent::Setup(SetupEvent::Refused {
            code,
            reason: "No".into(),
            contacts: contacts.iter().map(|&contact| contact.to_owned()).collect(),
            fields: Vec::new(),
            why: None,
            cause: CauseCode::Unknown,
        });
        self.hunt.leg_event(&mut self.x, leg, refused)
    }
}

fn extension(number: &str) -> Extension {
    Extension {
        number: number.into(),
        ..Extension::default()
    }
}

fn to(number: &str) -> Target {
    Target::Extension(number.into())
}

#[track_caller]
fn lost(hunted: Hunted) -> (u16, String) {
    match hunted {
        Hunted::Lost(last) => (last.code, last.reason),
        Hunted::Going | Hunted::Progress { .. } | Hunted::Won { .. } => panic!("not lost"),
    }
}

#[track_caller]
fn going(hunted: Hunted) {
    assert!(matches!(hunted, Hunted::Going));
}

#[test]
fn a_hunt_whose_targets_cannot_ring_is_lost_with_the_best_reason() {
    let trunk = Target::Trunk {
        trunk: "provider".into(),
        number: "1".into(),
    };
    for (targets, code, reason) in [
        (vec![to("999")], 404, "Not Found"),
        (vec![to("999"), to("101")], 480, "No Phone Registered"),
        (vec![trunk], 404, "No Such Trunk"),
        (vec![Target::Uri("nonsense".into())], 404, "Bad Target"),
        (vec![], 480, "Temporarily Unavailable"),
    ] {
        let mut bench = Bench::new(&targets, true, &[extension("101")]);
        assert_eq!(lost(bench.begin()), (code, reason.to_owned()), "{targets:?}");
        going(bench.hunt.timed_out(&mut bench.x));
        assert!(bench.hunt.is_over() && bench.x.stack.timers.next().is_none());
    }
}

#[test]
fn the_first_phone_that_answers_wins_and_a_refusal_begins_the_next_turn() {
    let mut bench = Bench::new(&[to("101"), to("102")], true, &[extension("101"), extension("102")]);
    registers(&mut bench.x, "101", 1);
    registers(&mut bench.x, "102", 2);
    registers(&mut bench.x, "102", 3);
    going(bench.begin());
    let first = bench.rung();
    assert_eq!(first.len(), 1);
    going(bench.refuses(first[0].0, 486, &[]));
    let (second, peers): (Vec<LegId>, Vec<String>) = bench.rung().into_iter().unzip();
    assert_eq!(peers, ["102", "102"], "both phones of the second target");
    assert!(!bench.hunt.is_single() && bench.hunt.is_at(second[0]));
    let answered = LegEvent::Setup(SetupEvent::Answered { answer: None });
    let Hunted::Won { peer, leg, .. } = bench.hunt.leg_event(&mut bench.x, second[1], answered) else {
        panic!("not won");
    };
    assert_eq!((peer.to_string().as_str(), leg), ("102", second[1]));
    assert!(!bench.hunt.is_at(second[0]) && bench.hunt.is_over());
    going(bench.refuses(second[0], 487, &[]));
    assert!(bench.x.stack.timers.next().is_none_or(|at| at > bench.x.stack.now));
}

#[test]
fn a_hunt_waits_for_look_ups_and_passes_every_address_on() {
    let uri = Target::Uri("sip:bob@example.org".into());
    for ways in [Err(Unresolved::NotFound), Ok(vec![flow(7), flow(8)])] {
        let mut bench = Bench::new(std::slice::from_ref(&uri), true, &[]);
        going(bench.begin());
        let (query, _) = bench.hunt.lookups[0];
        going(bench.hunt.resolved(&mut bench.x, QueryId(query.0 + 1), &ways));
        let hunted = bench.hunt.resolved(&mut bench.x, query, &ways);
        if ways.is_err() {
            assert_eq!(lost(hunted), (480, "Destination Not Found".into()));
        } else {
            going(hunted);
            assert_eq!(bench.rung()[0].1, "sip:bob@example.org");
            assert!(bench.hunt.is_single());
        }
    }
}

#[test]
fn forwards_count_only_where_the_hunt_follows_them() {
    let busy = Extension {
        dnd: true,
        forward_always: Some("102".into()),
        forward_busy: Some("102".into()),
        ..extension("101")
    };
    for (follows, rung) in [(true, "102"), (false, "101")] {
        let mut bench = Bench::new(&[to("101")], follows, &[busy.clone(), extension("102")]);
        registers(&mut bench.x, "101", 1);
        registers(&mut bench.x, "102", 2);
        going(bench.begin());
        let [(leg, peer)] = &bench.rung()[..] else {
            panic!("one phone")
        };
        assert_eq!(peer, rung);
        let hunted = bench.refuses(*leg, 302, &["tel:102"]);
        if follows {
            assert_eq!(lost(hunted), (482, "Loop Detected".into()), "102 has sent it on before");
        } else {
            assert_eq!(lost(hunted).0, 302);
        }
    }
}

#[test]
fn the_numbers_of_forwards_and_of_ringing_phones_are_limited() {
    let next = |number: u32| Extension {
        forward_always: Some((number + 1).to_string()),
        ..extension(&number.to_string())
    };
    let chain: Vec<Extension> = (200..220).map(next).collect();
    let mut bench = Bench::new(&[to("200")], true, &chain);
    // The last extension that is reached has no phone.
    assert_eq!(lost(bench.begin()).0, 480);
    assert!(bench.hunt.redirects > bench.x.stack.config.limits.redirects);
    let many: Vec<Target> = (0..40)
        .map(|host| Target::Uri(format!("sip:h{host}.example")))
        .collect();
    let mut bench = Bench::new(&many, true, &[]);
    bench.hunt.quest.strategy = Strategy::All;
    going(bench.begin());
    assert_eq!(bench.hunt.lookups.len(), bench.x.stack.config.limits.branches);
}

#[test]
fn a_hunt_that_is_stopped_leaves_nothing_under_way() {
    let mut bench = Bench::new(&[to("101"), to("102")], true, &[extension("101"), extension("102")]);
    registers(&mut bench.x, "101", 1);
    going(bench.begin());
    let [(leg, _)] = &bench.rung()[..] else {
        panic!("one phone")
    };
    bench.hunt.stop(&mut bench.x);
    assert!(bench.hunt.is_over() && !bench.hunt.is_at(*leg));
    going(bench.refuses(*leg, 487, &[]));
    going(bench.hunt.timed_out(&mut bench.x));
    assert!(bench.rung().is_empty(), "the second target is not rung");
}

#[test]
fn a_phone_has_its_media_on_the_engine_of_the_leg_that_it_is_to_be_connected_with() {
    let mut bench = Bench::new(&[to("101"), to("102")], true, &[extension("101"), extension("102")]);
    bench.x.stack.pool = media::Pool::of_engines(&[(20_000, 20_999), (30_000, 30_999)]);
    registers(&mut bench.x, "101", 1);
    registers(&mut bench.x, "102", 2);
    registers(&mut bench.x, "102", 3);
    going(bench.begin());
    let subject = bench.rung()[0].0;
    bench.hunt.quest.subject = Some(subject);
    going(bench.refuses(subject, 486, &[]));
    let mut legs = vec![subject];
    legs.extend(bench.rung().into_iter().map(|(leg, _)| leg));
    let engines = legs
        .iter()
        .map(|leg| bench.x.legs.get(*leg)?.port().map(|id| id.engine));
    assert_eq!(
        engines.collect::<Vec<_>>(),
        [Some(0); 3],
        "not on the engine with the fewest legs"
    );
}
