//! Random REGISTERs compared with a model that fits on a page, and random interleavings checked against rules that must
//! always hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const HOSTS: [&str; 4] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const CALLS: [&str; 2] = ["x", "y"];

#[derive(Clone, Debug)]
enum Step {
    Update {
        call: usize,
        cseq: u32,
        contacts: Vec<(usize, Option<u32>)>,
        expires: Option<u32>,
        ok: bool,
    },
    Star {
        call: usize,
        cseq: u32,
    },
    Wait(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let expires = || proptest::option::of(prop_oneof![Just(0), Just(30), Just(60), Just(100), Just(5_000)]);
    let contacts = proptest::collection::vec((0..HOSTS.len(), expires()), 1..4);
    prop_oneof![
        6 => (0..CALLS.len(), 1u32..40, contacts, expires(), proptest::bool::weighted(0.9))
            .prop_map(|(call, cseq, contacts, expires, ok)| Step::Update { call, cseq, contacts, expires, ok }),
        1 => (0..CALLS.len(), 1u32..40).prop_map(|(call, cseq)| Step::Star { call, cseq }),
        2 => (1u64..200).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// Host, then Call-ID, CSeq, seconds left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model(BTreeMap<usize, (usize, u32, u64)>);

impl Model {
    fn old(&self, host: usize, call: usize, cseq: u32) -> bool {
        self.0
            .get(&host)
            .is_some_and(|(of, last, _)| *of == call && cseq <= *last)
    }

    fn update(&mut self, call: usize, cseq: u32, contacts: &[(usize, Option<u32>)], expires: Option<u32>) -> u16 {
        let granted: Vec<u32> = contacts
            .iter()
            .map(|(_, own)| own.or(expires).unwrap_or(3_600).min(3_600))
            .collect();
        if granted.contains(&30) {
            return 423;
        }
        let mut after = self.clone();
        let mut saved: Vec<usize> = Vec::new();
        for ((host, _), seconds) in contacts.iter().zip(granted) {
            if self.old(*host, call, cseq) {
                return 500;
            }
            let listed = saved.contains(host) || (self.0.contains_key(host) && !after.0.contains_key(host));
            if listed {
                return 400;
            }
            if seconds > 0 {
                saved.push(*host);
                after.0.insert(*host, (call, cseq, u64::from(seconds)));
            } else {
                after.0.remove(host);
            }
        }
        *self = after;
        200
    }

    fn star(&mut self, call: usize, cseq: u32) -> u16 {
        if self.0.keys().any(|host| self.old(*host, call, cseq)) {
            return 500;
        }
        self.0.clear();
        200
    }

    fn wait(&mut self, seconds: u64) {
        self.0.retain(|_, (_, _, left)| *left > seconds);
        self.0.values_mut().for_each(|(_, _, left)| *left -= seconds);
    }

    fn listed(&self) -> Vec<String> {
        let listed = self
            .0
            .iter()
            .map(|(host, (_, _, left))| format!("<sip:101@{}>;expires={left}", HOSTS[*host]));
        listed.collect()
    }
}

fn contact_lines(contacts: &[(usize, Option<u32>)], expires: Option<u32>) -> Vec<String> {
    let mut lines: Vec<String> = contacts
        .iter()
        .map(|(host, own)| {
            let own = own.map(|seconds| format!(";expires={seconds}")).unwrap_or_default();
            format!("Contact: <sip:101@{}>{own}", HOSTS[*host])
        })
        .collect();
    lines.extend(expires.map(|seconds| format!("Expires: {seconds}")));
    lines
}

fn take(world: &mut World, text: &str, ok: bool) -> Answer {
    world.effects.clear();
    let query = world.begin(text, udp(), &identity("101", "101"));
    if world.answer(query).is_none() {
        world.store(query, ok);
    }
    world.answer(query).unwrap()
}

proptest! {
    #[test]
    fn the_registrar_behaves_like_its_model(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::new(|_| {});
        let mut model = Model::default();
        for step in steps {
            match &step {
                Step::Update { call, cseq, contacts, expires, ok } => {
                    let mut after = model.clone();
                    let mut status = after.update(*call, *cseq, contacts, *expires);
                    if status == 200 && (*ok || after == model) {
                        model = after;
                    } else if status == 200 {
                        status = 500;
                    }
                    let lines = contact_lines(contacts, *expires);
                    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                    let answer = take(&mut world, &register(CALLS[*call], *cseq, &lines), *ok);
                    prop_assert_eq!(answer.status.code(), status, "{:?}", step);
                }
                Step::Star { call, cseq } => {
                    let text = register(CALLS[*call], *cseq, &["Contact: *", "Expires: 0"]);
                    prop_assert_eq!(take(&mut world, &text, true).status.code(), model.star(*call, *cseq), "{:?}", step);
                }
                Step::Wait(seconds) => {
                    world.wait(*seconds);
                    model.wait(*seconds);
                }
                Step::Restart => {
                    let mut after = World::new(|_| {});
                    after.now = world.now;
                    for binding in world.disk.values() {
                        after.registrar.restore(after.now, after.unix(), binding.clone());
                    }
                    after.drain();
                    after.drain();
                    after.disk = world.disk;
                    world = after;
                }
            }
            let mut listed = world.fetch();
            listed.sort();
            prop_assert_eq!(&listed, &model.listed(), "{:?}", step);
            prop_assert_eq!(world.located().len(), listed.len());
            world.agrees_with_disk();
        }
    }

    /// Several REGISTERs are under way at once; in between bindings are removed or end, and stores fail. Each REGISTER
    /// gets one answer, and memory equals the disk when all is quiet.
    #[test]
    fn every_interleaving_leaves_memory_equal_to_the_disk(steps in proptest::collection::vec((0u8..8, 0usize..4, 0u32..3), 1..60)) {
        let mut world = World::new(|config| config.waiting = 3);
        let mut sent = Vec::new();
        let mut under_way: Vec<QueryId> = Vec::new();
        let mut seen = 0;
        for (kind, host, number) in steps {
            let own = identity("101", if host % 2 == 0 { "101" } else { "desk" });
            match kind {
                0..=2 => {
                    let expires = number * 60;
                    let lines = [format!("Contact: <sip:101@{}>;expires={expires}", HOSTS[host])];
                    let text = register(&format!("{}", sent.len()), 1, &[&lines[0]]);
                    sent.push(world.begin(&text, udp(), &own));
                }
                3 | 4 => {
                    // The store answers in order; a third of its writes fail.
                    if !under_way.is_empty() {
                        let query = under_way.remove(0);
                        world.report(query, number > 0);
                        let failed = number == 0;
                        if failed {
                            // The write has failed: undo what was written when it was asked for.
                            prop_assert_eq!(world.answer(query).unwrap().status.code(), 500);
                        }
                    }
                }
                5 => world.wait(u64::from(number) * 40),
                6 => {
                    let shown = world.registrar.registrations();
                    if let Some(shown) = shown.get(host) {
                        prop_assert!(world.registrar.remove(shown.id));
                    }
                }
                _ if number == 0 => world.registrar.remove_extension("101"),
                _ => world.registrar.remove_device("101", &own.device.unwrap()),
            }
            world.drain();
            for effect in &world.effects[seen..] {
                if let Effect::Store { query, .. } = effect {
                    under_way.push(*query);
                }
            }
            seen = world.effects.len();
            prop_assert!(under_way.len() <= 1, "one at a time");
        }
        while let Some(query) = under_way.pop() {
            world.report(query, true);
            for effect in &world.effects[seen..] {
                if let Effect::Store { query, .. } = effect {
                    under_way.push(*query);
                }
            }
            seen = world.effects.len();
        }
        world.wait(0);
        for query in sent {
            let answers = world.effects.iter().filter(|effect| matches!(effect, Effect::Reply { query: of, .. } if *of == query));
            prop_assert_eq!(answers.count(), 1);
        }
        prop_assert!(world.registrar.busy.is_empty() && world.registrar.queries.is_empty());
        // Replay the disk in order: what was stored successfully, and what was forgotten.
        let mut disk = BTreeMapBindings::new();
        let good: std::collections::BTreeSet<QueryId> = world
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Reply { query, answer } if answer.status.code() != 500 => Some(*query),
                Effect::Reply { .. } | Effect::Store { .. } | Effect::Forget(_)
                | Effect::Located(_)
                | Effect::Added(_)
                | Effect::Wake(..)
                | Effect::Removed(_) => None,
            })
            .collect();
        for effect in &world.effects {
            match effect {
                Effect::Store { query, changes } if good.contains(query) => write(&mut disk, changes),
                Effect::Forget(changes) => write(&mut disk, changes),
                Effect::Reply { .. }
                | Effect::Store { .. }
                | Effect::Located(_)
                | Effect::Added(_)
                | Effect::Wake(..)
                | Effect::Removed(_) => {}
            }
        }
        world.disk = disk;
        world.agrees_with_disk();
    }
}

#[test]
fn a_contact_takes_less_than_a_kibibyte() {
    let mut world = World::new(|_| {});
    let lines = [
        "Contact: <sip:101@192.168.178.123:53212;transport=udp>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"",
        "User-Agent: Desk Phone 5000 version 10.1.64.14 (build 20230101)",
    ];
    world.send("3848276298220188511@192.168.178.123", 1, &lines);
    let bound = world.registrar.table.of("101").next().unwrap();
    let binding = bound.binding();
    // What an allocation costs at most beyond its size.
    let heap = |capacity: usize| {
        if capacity == 0 {
            0
        } else {
            capacity.next_multiple_of(16) + 16
        }
    };
    let texts = [
        &binding.number,
        &binding.username,
        &binding.contact,
        &binding.call_id,
        &binding.user_agent,
    ];
    let texts: usize = texts.iter().map(|text| heap(text.capacity())).sum();
    let instance = binding.instance.as_ref().map_or(0, |text| heap(text.capacity()));
    // The counts of shared memory stand before it.
    let own = heap(2 * size_of::<usize>() + size_of::<Contact>()) + texts + instance + heap(binding.path.capacity());
    // A hash table may be half empty after it has grown; so may a tree node.
    let by_id = 2 * (size_of::<(u64, Bound)>() + 1);
    let by_number = 2 * (size_of::<(Box<str>, SmallVec<[u64; 2]>)>() + 1) + heap(binding.number.len());
    let by_connection = 2 * size_of::<(ConnectionId, SmallVec<[u64; 1]>)>();
    let by_expiry = 2 * size_of::<(Instant, u64)>();
    // Locations have a list of their own.
    let located = 2 * (size_of::<SmallVec<[Arc<Contact>; 2]>>() + 1);
    let total = own + by_id + by_number + by_connection + by_expiry + located;
    assert!(total <= 1_024, "{total} bytes");
}

#[test]
fn the_registers_of_a_flood_leave_nothing_behind() {
    let mut world = World::new(|_| {});
    for number in 0..20_000u32 {
        let text = register(
            &format!("{number}"),
            1,
            &[&format!(
                "Contact: <sip:101@10.{}.0.1:{}>",
                number % 200,
                1_024 + number
            )],
        );
        let answer = take(&mut world, &text, number % 3 != 0);
        assert!(matches!(answer.status.code(), 200 | 500));
        assert!(world.registrar.len() <= 10);
    }
    world.agrees_with_disk();
    world.wait(3_600);
    assert!(world.registrar.is_empty() && world.registrar.next_timeout().is_none() && world.disk.is_empty());
}
