use bytes::Bytes;
use sip::{Limits, Transport};

use super::*;
use crate::{AccountChange, Device, Extension, Ha1, Listener, NatPolicy};

const UNIX: i64 = 1_700_000_000_000_000;

/// A registrar with extensions 101 (devices 101 and desk) and 102, a store that answers at once
/// unless told otherwise, and a clock.
struct World {
    registrar: Registrar,
    accounts: Accounts,
    domain: Domain,
    now: Instant,
    queries: u64,
    /// What is on disk.
    disk: BTreeMapBindings,
    effects: Vec<Effect>,
}

type BTreeMapBindings = std::collections::BTreeMap<u64, Binding>;

fn device(username: &str, extension: &str, nat: NatPolicy) -> AccountChange {
    AccountChange::Device(Device {
        username: username.into(),
        extension: extension.into(),
        ha1: Ha1 {
            md5: [0; 16],
            sha256: [0; 32],
        },
        codecs: Vec::new(),
        nat,
        transport: None,
        require_qop: false,
    })
}

fn identity(number: &str, device: &str) -> Identity {
    Identity {
        extension: number.into(),
        device: Some(device.into()),
        anonymous: false,
    }
}

fn udp() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "203.0.113.9:40000".parse().unwrap(),
        connection: None,
    }
}

fn tcp(connection: u64) -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(connection)),
        ..udp()
    }
}

/// A REGISTER of 101 with these further header lines.
fn register(call_id: &str, cseq: u32, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "REGISTER sip:tandem.local SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK{call_id}{cseq}\r\n\
         From: <sip:101@tandem.local>;tag=a\r\nTo: <sip:101@tandem.local>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

impl World {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let mut accounts = Accounts::default();
        for number in ["101", "102"] {
            accounts.apply(AccountChange::Extension(Extension {
                number: number.into(),
                ..Extension::default()
            }));
            accounts.apply(device(number, number, NatPolicy::Source));
        }
        accounts.apply(device("desk", "101", NatPolicy::Contact));
        let mut domain = Domain::new("tandem.local", None);
        domain.listen(&[Listener {
            transport: Transport::Udp,
            address: "0.0.0.0:5060".parse().unwrap(),
        }]);
        Self {
            registrar: Registrar::new(config),
            accounts,
            domain,
            now: Instant::from_micros(1_000_000),
            queries: 0,
            disk: BTreeMapBindings::new(),
            effects: Vec::new(),
        }
    }

    fn unix(&self) -> i64 {
        UNIX + i64::try_from(self.now.as_micros()).unwrap()
    }

    fn wait(&mut self, seconds: u64) {
        self.now += std::time::Duration::from_secs(seconds);
        self.registrar.timeout(self.now);
        self.drain();
    }

    /// Sends without answering the store.
    fn begin(&mut self, text: &str, flow: Flow, identity: &Identity) -> QueryId {
        let message = Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap();
        self.queries += 1;
        let query = QueryId(self.queries);
        let (accounts, domain) = (&self.accounts, &self.domain);
        self.registrar.register(
            self.now,
            UNIX + self.now.as_micros() as i64,
            query,
            &message,
            &flow,
            identity,
            accounts,
            domain,
        );
        self.drain();
        query
    }

    fn drain(&mut self) {
        while let Some(effect) = self.registrar.poll() {
            if let Effect::Forget(changes) = &effect {
                write(&mut self.disk, changes);
            }
            self.effects.push(effect);
        }
    }

    /// Carries out the Store of a query.
    fn write(&mut self, query: QueryId) {
        let changes = self.effects.iter().find_map(|effect| {
            let Effect::Store { query: of, changes } = effect else {
                return None;
            };
            (*of == query).then(|| changes.clone())
        });
        write(&mut self.disk, &changes.expect("something to store"));
    }

    /// Tells what came of a Store.
    fn report(&mut self, query: QueryId, ok: bool) {
        assert!(self.registrar.stored(self.now, self.unix(), query, ok));
        self.drain();
    }

    /// Carries out the Store of a query, or lets it fail.
    fn store(&mut self, query: QueryId, ok: bool) {
        if ok {
            self.write(query);
        }
        self.report(query, ok);
    }

    fn answer(&self, query: QueryId) -> Option<Answer> {
        self.effects.iter().find_map(|effect| {
            let Effect::Reply { query: of, answer } = effect else {
                return None;
            };
            (*of == query).then(|| answer.clone())
        })
    }

    fn send_as(&mut self, text: &str, flow: Flow, identity: &Identity) -> Answer {
        self.effects.clear();
        let query = self.begin(text, flow, identity);
        if self.answer(query).is_none() {
            self.store(query, true);
        }
        self.answer(query).expect("an answer")
    }

    fn send(&mut self, call_id: &str, cseq: u32, lines: &[&str]) -> Answer {
        self.send_as(&register(call_id, cseq, lines), udp(), &identity("101", "101"))
    }

    fn status(&mut self, call_id: &str, cseq: u32, lines: &[&str]) -> u16 {
        self.send(call_id, cseq, lines).status.code()
    }

    /// The contacts as a fetch lists them.
    fn fetch(&mut self) -> Vec<String> {
        contacts(&self.send("fetch", 1, &[]))
    }

    fn reaches(&self) -> Vec<Reach> {
        self.registrar
            .lookup("101", &self.accounts)
            .into_iter()
            .map(|target| target.reach)
            .collect()
    }

    fn events(&self) -> (usize, usize) {
        let added = self
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Added(_)))
            .count();
        let removed = self
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Removed(_)))
            .count();
        (added, removed)
    }

    /// Memory and disk hold the same bindings.
    fn agrees_with_disk(&self) {
        let mut shown: Vec<u64> = self.registrar.registrations().iter().map(|shown| shown.id).collect();
        shown.sort_unstable();
        assert_eq!(shown, self.disk.keys().copied().collect::<Vec<_>>());
        for (id, binding) in &self.disk {
            let held = self.registrar.binding(*id).unwrap();
            assert_eq!(
                (&held.contact, held.cseq, held.expires_at),
                (&binding.contact, binding.cseq, binding.expires_at)
            );
        }
    }
}

fn write(disk: &mut BTreeMapBindings, changes: &[BindingChange]) {
    for change in changes {
        match change {
            BindingChange::Save(binding) => drop(disk.insert(binding.id, binding.clone())),
            BindingChange::Remove(id) => drop(disk.remove(id)),
        }
    }
}

fn contacts(answer: &Answer) -> Vec<String> {
    let values = answer.headers.iter().filter(|(name, _)| *name == HeaderName::Contact);
    values.map(|(_, value)| value.clone()).collect()
}

const PHONE: &str = "Contact: <sip:101@10.0.0.5:5062>";

#[test]
fn a_contact_is_bound_listed_refreshed_and_removed() {
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[PHONE, "User-Agent: Desk 1.0"]);
    assert_eq!(contacts(&answer), ["<sip:101@10.0.0.5:5062>;expires=3600"]);
    assert_eq!(answer.header(HeaderName::Date), Some("Tue, 14 Nov 2023 22:13:21 GMT"));
    assert_eq!(world.events(), (1, 0));
    let shown = &world.registrar.registrations()[0];
    assert_eq!(
        (shown.number.as_str(), shown.source.as_str(), shown.transport.as_str()),
        ("101", "203.0.113.9:40000", "udp")
    );
    assert_eq!(shown.user_agent, "Desk 1.0");

    world.wait(600);
    assert_eq!(world.fetch(), ["<sip:101@10.0.0.5:5062>;expires=3000"]);
    assert_eq!(
        contacts(&world.send("a", 2, &[PHONE, "Expires: 120"])),
        ["<sip:101@10.0.0.5:5062>;expires=120"]
    );
    assert_eq!(world.events(), (0, 0), "a refresh is no news");
    world.agrees_with_disk();

    assert!(contacts(&world.send("a", 3, &["Contact: <sip:101@10.0.0.5:5062>;expires=0"])).is_empty());
    assert_eq!(world.events(), (0, 1));
    assert!(world.disk.is_empty() && world.registrar.is_empty());
}

#[test]
fn intervals_are_chosen_in_the_order_of_step_7() {
    for (lines, expires) in [
        (&[PHONE][..], Some(3_600)),
        (&[PHONE, "Expires: 300"], Some(300)),
        (&["Contact: <sip:101@10.0.0.5>;expires=200", "Expires: 300"], Some(200)),
        (&[PHONE, "Expires: 86400"], Some(3_600)),
        (&[PHONE, "Expires: 60"], Some(60)),
        (&[PHONE, "Expires: 59"], None),
        (&["Contact: <sip:101@10.0.0.5>;expires=1", "Expires: 300"], None),
        (&["Contact: <sip:101@10.0.0.5>;expires=soon"], Some(3_600)),
        (&["Contact: <sip:101@10.0.0.5>;expires=99999999999"], Some(3_600)),
    ] {
        let mut world = World::new(|_| {});
        let answer = world.send("a", 1, lines);
        match expires {
            Some(expires) => {
                assert!(
                    contacts(&answer)[0].ends_with(&format!(";expires={expires}")),
                    "{lines:?}"
                );
            }
            None => {
                assert_eq!(answer.status, StatusCode::INTERVAL_TOO_BRIEF, "{lines:?}");
                assert_eq!(answer.header(HeaderName::MinExpires), Some("60"));
                assert!(world.registrar.is_empty());
            }
        }
    }
}

#[test]
fn each_step_refuses_what_it_must() {
    let own = identity("101", "101");
    let message = |from: &str, to: &str| register("a", 1, &[PHONE]).replace(from, to);
    let contact = |value: &str| register("a", 1, &[&format!("Contact: {value}")]);
    let lines = |lines: &[&str]| register("a", 1, lines);
    for (text, status) in [
        (message("REGISTER sip:tandem.local", "REGISTER sip:example.org"), 404),
        (message("REGISTER sip:tandem.local", "REGISTER tel:+123"), 416),
        (
            message("REGISTER sip:tandem.local", "REGISTER sip:192.0.2.1:5060;transport=udp"),
            200,
        ),
        (lines(&[PHONE, "Require: path, x-magic"]), 420),
        (lines(&[PHONE, "Require: path"]), 200),
        (message("To: <sip:101@", "To: <sip:102@"), 403),
        (message("To: <sip:101@", "To: \"Me\" <sip:1%301@"), 200),
        (
            message("To: <sip:101@tandem.local>", "To: <sip:101@tandem.local;user=phone>"),
            200,
        ),
        (message("To: <sip:101@tandem.local>", "To: <sip:101@example.org>"), 404),
        (contact("<tel:+123>"), 400),
        (contact("<mailto:a@b>"), 400),
        (contact("<sip:1|1@10.0.0.5>"), 400),
        (contact("<sip:101@10.0.0.5>;q=2"), 400),
        (contact(&format!("<sip:{}@10.0.0.5>", "1".repeat(2_100))), 400),
        (lines(&["Contact: *", "Expires: 0"]), 200),
        (lines(&["Contact: *"]), 400),
        (lines(&["Contact: *", "Expires: 60"]), 400),
        (lines(&["Contact: *", PHONE, "Expires: 0"]), 400),
        (lines(&[PHONE, "Contact: *", "Expires: 0"]), 400),
        (lines(&[PHONE, PHONE]), 400),
        (lines(&[PHONE, "Contact: <sip:101@10.0.0.5:5062;x=y>"]), 400),
        // RFC 3327 5.3 leaves it to the registrar.
        (lines(&[PHONE, "Path: <sip:edge.example.org;lr>"]), 200),
        (
            lines(&[PHONE, "Path: <sip:edge.example.org;lr>", "Supported: path"]),
            200,
        ),
        (lines(&[PHONE, "Path: <tel:1>", "Supported: path"]), 400),
        (lines(&[PHONE, "Record-Route: <sip:edge.example.org;lr>"]), 200),
    ] {
        let mut world = World::new(|_| {});
        let answer = world.send_as(&text, udp(), &own);
        assert_eq!(answer.status.code(), status, "{text}");
        if status != 200 {
            assert!(world.registrar.is_empty() && world.disk.is_empty());
        }
    }
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[PHONE, "Require: path, x-magic, Outbound, x-two"]);
    assert_eq!(answer.header(HeaderName::Unsupported), Some("x-magic, x-two"));
    let stranger = Identity {
        device: None,
        ..identity("101", "")
    };
    assert_eq!(
        world.send_as(&lines(&[PHONE]), udp(), &stranger).status.code(),
        403,
        "a trusted network registers nothing"
    );
    let nobody = identity("103", "103");
    let text = message("<sip:101@", "<sip:103@");
    assert_eq!(world.send_as(&text, udp(), &nobody).status.code(), 404);
}

#[test]
fn a_device_registers_by_its_user_name_too() {
    let mut world = World::new(|_| {});
    let text = register("a", 1, &[PHONE]).replace("To: <sip:101@", "To: <sip:desk@");
    assert_eq!(
        world.send_as(&text, udp(), &identity("101", "desk")).status,
        StatusCode::OK
    );
    assert!(world.registrar.is_registered("101"));
}

#[test]
fn a_path_that_the_phone_does_not_know_of_is_taken_or_by_setting_refused_with_420() {
    let path = "Path: <sip:edge.example.org;lr>";
    let mut world = World::new(|_| {});
    assert_eq!(
        world.send("a", 1, &[PHONE, path]).header(HeaderName::Path),
        Some("<sip:edge.example.org;lr>")
    );
    assert_eq!(
        world.registrar.lookup("101", &world.accounts)[0].path,
        ["<sip:edge.example.org;lr>"]
    );
    let mut world = World::new(|config| config.require_path_support = true);
    let answer = world.send("a", 1, &[PHONE, path]);
    assert_eq!(
        (answer.status, answer.header(HeaderName::Unsupported)),
        (StatusCode::BAD_EXTENSION, Some("path"))
    );
    assert!(world.registrar.is_empty());
    assert_eq!(
        world.send("a", 2, &[PHONE, path, "Supported: path"]).status,
        StatusCode::OK
    );
}

#[test]
fn contacts_are_as_long_as_the_setting_says() {
    // RFC 8599 4: tokens of push services stand in the Contact.
    let long = |length: usize| format!("sip:101@10.0.0.5;pn-prid={}", "A".repeat(length - 25));
    let register = |world: &mut World, cseq, length| {
        let (old, new) = (long(length).replace("10.0.0.5", "10.0.0.6"), long(length));
        let both = format!("Contact: <{old}>;expires=0, <{new}>;expires=300");
        world.send("a", cseq, &[&both]).status.code()
    };
    let mut world = World::new(|_| {});
    assert_eq!(
        (register(&mut world, 1, 2_048), register(&mut world, 2, 2_049)),
        (200, 400)
    );
    assert_eq!(world.registrar.lookup("101", &world.accounts)[0].uri, long(2_048));
    let mut world = World::new(|config| config.text = 4_000);
    assert_eq!(
        (register(&mut world, 1, 4_000), register(&mut world, 2, 4_001)),
        (200, 400)
    );
}

#[test]
fn requests_out_of_order_change_nothing() {
    let mut world = World::new(|_| {});
    assert_eq!(world.status("a", 5, &[PHONE]), 200);
    let before = world.disk.clone();
    assert_eq!(world.status("a", 5, &[PHONE]), 500);
    assert_eq!(world.status("a", 4, &[PHONE, "Expires: 0"]), 500);
    assert_eq!(world.status("a", 4, &["Contact: *", "Expires: 0"]), 500);
    assert_eq!(
        world.status("a", 4, &["Contact: <sip:101@10.0.0.6>", PHONE]),
        500,
        "all or nothing"
    );
    assert_eq!(world.disk, before);
    assert_eq!(world.status("b", 1, &[PHONE]), 200, "another Call-ID has its own count");
    assert_eq!(world.status("b", 2, &["Contact: *", "Expires: 0"]), 200);
    assert!(world.registrar.is_empty());
}

#[test]
fn star_removes_every_contact_of_every_device() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &[PHONE]);
    world.send_as(
        &register("b", 1, &["Contact: <sip:101@10.0.0.7>"]),
        udp(),
        &identity("101", "desk"),
    );
    assert_eq!(world.registrar.len(), 2);
    assert_eq!(world.status("c", 1, &["m: *", "Expires: 0"]), 200);
    assert_eq!((world.registrar.len(), world.disk.len()), (0, 0));
}

#[test]
fn several_contacts_of_one_request_are_taken_together() {
    let mut world = World::new(|_| {});
    let lines = [
        "Contact: <sip:101@10.0.0.5>;q=0.5, <sip:101@10.0.0.6>;q=0.25;expires=100",
        "Contact: <sip:101@10.0.0.7>",
    ];
    let listed = contacts(&world.send("a", 1, &lines));
    let expected = [
        "<sip:101@10.0.0.7>;expires=3600",
        "<sip:101@10.0.0.5>;expires=3600;q=0.5",
        "<sip:101@10.0.0.6>;expires=100;q=0.25",
    ];
    assert_eq!(listed, expected, "best first");
    let lines = [
        "Contact: <sip:101@10.0.0.5>;expires=0",
        "Contact: <sip:101@10.0.0.8>;q=0",
    ];
    assert_eq!(contacts(&world.send("a", 2, &lines)).len(), 3);
    assert_eq!(world.fetch()[2], "<sip:101@10.0.0.8>;expires=3600;q=0.0");
    world.agrees_with_disk();
}

#[test]
fn contacts_are_compared_as_uris() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &["Contact: <sip:101@Phone.Example.org;transport=tcp>"]);
    world.send("a", 2, &["Contact: <sip:1%301@phone.example.ORG;Transport=TCP>"]);
    assert_eq!(world.registrar.len(), 1);
    world.send("a", 3, &["Contact: <sip:101@phone.example.org>"]);
    world.send("a", 4, &["Contact: <sip:101@phone.example.org:5060>"]);
    assert_eq!(world.registrar.len(), 3, "transport and port make a difference");
}

#[test]
fn contacts_end_when_their_time_is_over() {
    let mut world = World::new(|_| {});
    world.send(
        "a",
        1,
        &["Contact: <sip:101@10.0.0.5>;expires=100, <sip:101@10.0.0.6>;expires=200"],
    );
    assert_eq!(
        world.registrar.next_timeout(),
        Some(world.now + std::time::Duration::from_secs(100))
    );
    world.effects.clear();
    world.wait(99);
    assert_eq!((world.registrar.len(), world.events()), (2, (0, 0)));
    world.wait(1);
    assert_eq!((world.registrar.len(), world.events()), (1, (0, 1)));
    world.agrees_with_disk();
    world.wait(100);
    assert_eq!(
        (world.registrar.len(), world.registrar.next_timeout(), world.disk.len()),
        (0, None, 0)
    );
}

#[test]
fn nothing_is_visible_before_it_is_stored() {
    let mut world = World::new(|_| {});
    let query = world.begin(&register("a", 1, &[PHONE]), udp(), &identity("101", "101"));
    assert!(world.registrar.is_empty() && world.answer(query).is_none());
    world.store(query, false);
    assert_eq!(world.answer(query).unwrap().status, StatusCode::SERVER_INTERNAL_ERROR);
    assert!(world.registrar.is_empty() && world.events() == (0, 0));
    assert_eq!(
        world.status("a", 1, &[PHONE]),
        200,
        "so the phone may try the same again"
    );
    assert!(!world.registrar.stored(world.now, UNIX, QueryId(999), true), "not ours");
}

#[test]
fn registers_of_one_extension_wait_in_order_and_others_do_not() {
    let mut world = World::new(|config| config.waiting = 2);
    let own = identity("101", "101");
    let first = world.begin(&register("a", 1, &[PHONE]), udp(), &own);
    let second = world.begin(&register("a", 2, &["Contact: <sip:101@10.0.0.6>", PHONE]), udp(), &own);
    let fetch = world.begin(&register("b", 1, &[]), udp(), &own);
    let late = world.begin(&register("a", 3, &[PHONE]), udp(), &own);
    let refused = world.answer(late).unwrap();
    assert_eq!(
        (refused.status.code(), refused.header(HeaderName::RetryAfter)),
        (503, Some("2"))
    );
    let other = register("c", 1, &["Contact: <sip:102@10.0.0.9>"]).replace("sip:101@tandem", "sip:102@tandem");
    let other = world.begin(&other, udp(), &identity("102", "102"));
    world.store(other, true);
    assert_eq!(world.answer(other).unwrap().status, StatusCode::OK);

    world.store(first, true);
    assert_eq!(contacts(&world.answer(first).unwrap()).len(), 1);
    assert!(world.answer(second).is_none() && world.answer(fetch).is_none());
    world.store(second, true);
    assert_eq!(contacts(&world.answer(second).unwrap()).len(), 2);
    assert_eq!(contacts(&world.answer(fetch).unwrap()).len(), 2, "answered in its turn");
    assert!(world.registrar.busy.is_empty() && world.registrar.queries.is_empty());
    world.agrees_with_disk();
}

#[test]
fn a_device_that_has_too_many_contacts_loses_its_oldest() {
    let mut world = World::new(|config| {
        config.contacts_per_device = 2;
        config.contacts_per_extension = 3;
    });
    for host in 1..=3 {
        world.wait(1);
        assert_eq!(
            world.status(
                &format!("call{host}"),
                1,
                &[&format!("Contact: <sip:101@10.0.0.{host}>")]
            ),
            200
        );
    }
    assert_eq!(
        world.fetch(),
        ["<sip:101@10.0.0.3>;expires=3600", "<sip:101@10.0.0.2>;expires=3599"]
    );
    let desk = identity("101", "desk");
    let text = |host: u32| {
        register(
            &format!("desk{host}"),
            1,
            &[&format!("Contact: <sip:101@10.0.1.{host}>")],
        )
    };
    assert_eq!(world.send_as(&text(1), udp(), &desk).status.code(), 200);
    assert_eq!(
        world.send_as(&text(2), udp(), &desk).status.code(),
        200,
        "replaces its own"
    );
    assert_eq!(world.registrar.len(), 3);
    let lines = ["Contact: <sip:101@10.0.2.1>, <sip:101@10.0.2.2>, <sip:101@10.0.2.3>"];
    assert_eq!(world.status("many", 1, &lines), 403);
    world.agrees_with_disk();
}

#[test]
fn other_devices_contacts_are_not_pushed_out() {
    let mut world = World::new(|config| config.contacts_per_extension = 1);
    world.send("a", 1, &[PHONE]);
    let text = register("b", 1, &["Contact: <sip:101@10.0.1.1>"]);
    assert_eq!(world.send_as(&text, udp(), &identity("101", "desk")).status.code(), 403);
    assert_eq!(world.fetch().len(), 1);
}

#[test]
fn all_contacts_together_have_a_limit() {
    let mut world = World::new(|config| config.contacts = 1);
    assert_eq!(world.status("a", 1, &[PHONE]), 200);
    let answer = world.send("a", 2, &["Contact: <sip:101@10.0.0.6>"]);
    assert_eq!(
        (answer.status.code(), answer.header(HeaderName::RetryAfter)),
        (503, Some("60"))
    );
    assert_eq!(world.status("a", 3, &[PHONE]), 200, "a refresh takes no room");
}

#[test]
fn phones_are_found_best_and_newest_first_where_they_came_from() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &["Contact: <sip:101@10.0.0.5?Subject=x>;q=0.5"]);
    world.send("b", 1, &["Contact: <sip:101@10.0.0.6>"]);
    world.send_as(
        &register("c", 1, &["Contact: <sip:101@10.0.0.7>"]),
        udp(),
        &identity("101", "desk"),
    );
    let targets = world.registrar.lookup("101", &world.accounts);
    let uris: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    assert_eq!(uris, ["sip:101@10.0.0.7", "sip:101@10.0.0.6", "sip:101@10.0.0.5"]);
    assert_eq!(
        targets[0].reach,
        Reach::Uri("sip:101@10.0.0.7".into()),
        "the desk phone's policy"
    );
    assert_eq!(targets[1].reach, Reach::Flow(udp()));
    assert!(world.registrar.lookup("102", &world.accounts).is_empty());
}

#[test]
fn a_path_is_kept_and_given_back() {
    let mut world = World::new(|_| {});
    let lines = [
        PHONE,
        "Supported: path",
        "Path: <sip:edge.example.org;lr>, <sip:core.example.org;lr>",
    ];
    let answer = world.send("a", 1, &lines);
    let path: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name == HeaderName::Path)
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(path, ["<sip:edge.example.org;lr>", "<sip:core.example.org;lr>"]);
    let target = &world.registrar.lookup("101", &world.accounts)[0];
    assert_eq!(
        (&target.path[0], &target.reach),
        (&"<sip:edge.example.org;lr>".to_owned(), &Reach::Flow(udp()))
    );
    world.accounts.apply(device("101", "101", NatPolicy::Contact));
    let target = &world.registrar.lookup("101", &world.accounts)[0];
    assert_eq!(target.reach, Reach::Uri("sip:edge.example.org;lr".into()));
}

#[test]
fn a_contact_that_leads_back_here_is_never_called() {
    let lines = |host: &str| register("a", 1, &[&format!("Contact: <sip:101@{host}>")]);
    let desk = identity("101", "desk");
    let mut world = World::new(|_| {});
    for host in ["192.0.2.1:5060", "192.0.2.1", "127.0.0.1", "tandem.local"] {
        assert_eq!(world.send_as(&lines(host), udp(), &desk).status.code(), 403, "{host}");
    }
    assert_eq!(world.send_as(&lines("192.0.2.1:5070"), udp(), &desk).status.code(), 200);
    // Where requests go to the source anyway, it does no harm.
    let mut world = World::new(|_| {});
    let near = Flow {
        remote: "192.0.2.1:40000".parse().unwrap(),
        ..tcp(1)
    };
    assert_eq!(
        world
            .send_as(&lines("192.0.2.1:5060"), near, &identity("101", "101"))
            .status
            .code(),
        200
    );
    assert_eq!(world.reaches(), [Reach::Flow(near)]);
    let mut after = World::new(|_| {});
    for binding in world.disk.values() {
        after.registrar.restore(after.now, UNIX, binding.clone());
    }
    assert_eq!((after.registrar.len(), after.reaches()), (1, vec![]));
    world.registrar.connection_closed(ConnectionId(1));
    assert_eq!(world.reaches(), []);
    world.accounts.apply(device("101", "101", NatPolicy::Contact));
    assert_eq!(world.reaches(), []);
}

const OUTBOUND: &str = "Contact: <sip:101@10.0.0.5;ob>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";

#[test]
fn outbound_flows_are_told_apart_by_instance_and_reg_id() {
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[OUTBOUND, "Supported: outbound, path"]);
    assert_eq!(answer.header(HeaderName::Require), Some("outbound"));
    assert_eq!(answer.header(HeaderName::FlowTimer), Some("120"));
    assert_eq!(
        contacts(&answer),
        ["<sip:101@10.0.0.5;ob>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=1"]
    );
    let second = OUTBOUND.replace("reg-id=1", "reg-id=2");
    world.send("b", 1, &[&second, "Supported: outbound"]);
    assert_eq!(
        world.registrar.len(),
        2,
        "two flows of one phone, though the URI is the same"
    );
    let moved = OUTBOUND.replace("10.0.0.5", "10.0.0.6");
    world.send("c", 1, &[&moved, "Supported: outbound"]);
    assert_eq!(world.registrar.len(), 2, "the first flow again, from elsewhere");
    assert_eq!(world.events(), (1, 1));
    world.agrees_with_disk();
}

#[test]
fn outbound_phones_in_two_homes_may_have_the_same_address() {
    let mut world = World::new(|_| {});
    let other = OUTBOUND.replace("uuid:1", "uuid:2");
    world.send("a", 1, &[OUTBOUND, "Supported: outbound"]);
    world.send("b", 1, &[&other, "Supported: outbound"]);
    assert_eq!(
        world.registrar.len(),
        2,
        "RFC 5626 section 6: the URI is not used for comparing"
    );
    world.send("b", 2, &[&format!("{other};expires=0"), "Supported: outbound"]);
    assert_eq!(
        world.fetch(),
        ["<sip:101@10.0.0.5;ob>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=1"]
    );
    world.agrees_with_disk();
}

#[test]
fn outbound_asks_for_what_it_needs() {
    let both = [OUTBOUND, "Contact: <sip:101@10.0.0.9>", "Supported: outbound"];
    let gone = [OUTBOUND, "Contact: <sip:101@10.0.0.9>;expires=0", "Supported: outbound"];
    let zero = OUTBOUND.replace("reg-id=1", "reg-id=0");
    let hop = "Via: SIP/2.0/UDP edge.example.org;branch=z9hG4bKe";
    let path = "Path: <sip:edge.example.org;lr>";
    let kept = "Path: <sip:edge.example.org;lr;ob>";
    for (lines, status) in [
        (&both[..], 400),
        (&gone[..], 200),
        (&[zero.as_str(), "Supported: outbound"], 400),
        (&[OUTBOUND, "Supported: outbound, path", hop, path], 439),
        (&[OUTBOUND, "Supported: outbound, path", hop, kept], 200),
        (&[OUTBOUND, "Supported: path", hop, path], 200),
    ] {
        assert_eq!(World::new(|_| {}).status("a", 1, lines), status, "{lines:?}");
    }
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[OUTBOUND]);
    assert_eq!(
        answer.header(HeaderName::Require),
        None,
        "not where the phone does not speak it"
    );
    assert!(!contacts(&answer)[0].contains("reg-id"));
}

#[test]
fn a_phone_that_was_started_anew_replaces_its_contact() {
    let mut world = World::new(|_| {});
    let contact = |port: u32| format!("Contact: <sip:101@10.0.0.5:{port}>;+sip.instance=\"<urn:uuid:A>\"");
    world.send("a", 1, &[&contact(5000)]);
    world.send("b", 1, &[&contact(5001).replace("uuid:A", "uuid:a")]);
    assert_eq!(
        world.fetch(),
        ["<sip:101@10.0.0.5:5001>;expires=3600;+sip.instance=\"<urn:uuid:a>\""]
    );
    world.send("b", 2, &[&contact(5002)]);
    assert_eq!(world.registrar.len(), 2, "the same run may have several");
    let text = register("c", 1, &[&contact(5003)]);
    world.send_as(&text, udp(), &identity("101", "desk"));
    assert_eq!(world.registrar.len(), 3, "another device is another phone");
}

#[test]
fn phones_behind_two_nats_may_have_the_same_address() {
    let mut world = World::new(|_| {});
    let own = identity("101", "101");
    let other_home = Flow {
        remote: "198.51.100.4:1024".parse().unwrap(),
        ..udp()
    };
    let contact =
        |instance: &str| format!("Contact: <sip:101@192.168.1.20:5060>;+sip.instance=\"<urn:uuid:{instance}>\"");
    world.send("a", 1, &[&contact("A")]);
    world.send_as(&register("b", 1, &[&contact("B")]), other_home, &own);
    assert_eq!(world.reaches(), [Reach::Flow(other_home), Reach::Flow(udp())]);
    world.send("c", 1, &[&contact("C")]);
    assert_eq!(
        world.registrar.len(),
        2,
        "another phone that has taken the place of the first"
    );
    let text = register("b", 2, &[&format!("{};expires=0", contact("B"))]);
    world.send_as(&text, other_home, &own);
    assert_eq!(world.reaches(), [Reach::Flow(udp())]);
    world.send_as(
        &register("d", 1, &["Contact: <sip:101@192.168.1.20:5060>"]),
        other_home,
        &own,
    );
    assert_eq!(
        world.registrar.len(),
        1,
        "who does not say what it is goes by the URI alone"
    );
    world.agrees_with_disk();
}

#[test]
fn a_connection_that_closes_takes_the_way_to_the_phone_with_it() {
    let mut world = World::new(|_| {});
    let own = identity("101", "101");
    let at = |contact: &str| register(contact, 1, &[&format!("Contact: <sip:101@{contact};transport=tcp>")]);
    world.send_as(&at("10.0.0.5"), tcp(1), &own);
    world.send_as(&at("203.0.113.9:5066"), tcp(1), &own);
    world.send_as(
        &register(
            "ob",
            1,
            &[&OUTBOUND.replace("10.0.0.5", "203.0.113.9"), "Supported: outbound"],
        ),
        tcp(2),
        &own,
    );
    assert_eq!(
        world.reaches(),
        [Reach::Flow(tcp(2)), Reach::Flow(tcp(1)), Reach::Flow(tcp(1))]
    );
    world.registrar.connection_closed(ConnectionId(1));
    world.registrar.connection_closed(ConnectionId(2));
    world.registrar.connection_closed(ConnectionId(3));
    assert_eq!(
        world.reaches(),
        [Reach::Uri("sip:101@203.0.113.9:5066;transport=tcp".into())],
        "the one without NAT"
    );
    assert_eq!(world.registrar.len(), 3);
    world.send_as(&at("10.0.0.5").replace("CSeq: 1", "CSeq: 2"), tcp(4), &own);
    assert!(world.reaches().contains(&Reach::Flow(tcp(4))), "it has come back");
    world.send_as(&at("10.0.0.5").replace("CSeq: 1", "CSeq: 3"), tcp(5), &own);
    world.registrar.connection_closed(ConnectionId(4));
    assert!(
        world.reaches().contains(&Reach::Flow(tcp(5))),
        "the one it had before is of no matter"
    );
    world.agrees_with_disk();
}

#[test]
fn a_connection_that_closes_while_it_is_stored_is_lost_too() {
    let mut world = World::new(|_| {});
    let own = identity("101", "101");
    let at = |cseq| {
        let contact = "Contact: <sip:101@203.0.113.9:5066;transport=tcp>";
        register("a", cseq, &[contact])
    };
    let (first, second) = (world.begin(&at(1), tcp(1), &own), world.begin(&at(2), tcp(1), &own));
    world.registrar.connection_closed(ConnectionId(1));
    world.store(first, true);
    world.store(second, true);
    assert_eq!(
        world.reaches(),
        [Reach::Uri("sip:101@203.0.113.9:5066;transport=tcp".into())]
    );
}

#[test]
fn a_phone_sends_nobodys_calls_to_strangers() {
    // Whose connection has gone is sought where it came from only, whatever Path it brought along.
    for (path, reach) in [
        ("203.0.113.9:5070", Some("sip:203.0.113.9:5070;transport=tcp;lr")),
        ("198.51.100.1:25", None),
        ("edge.example.org", None),
    ] {
        let mut world = World::new(|_| {});
        let path = format!("Path: <sip:{path};transport=tcp;lr>");
        let text = register("a", 1, &[PHONE, "Supported: path", &path]);
        world.send_as(&text, tcp(1), &identity("101", "101"));
        assert_eq!(world.reaches(), [Reach::Flow(tcp(1))], "{path}");
        world.registrar.connection_closed(ConnectionId(1));
        let expected: Vec<Reach> = reach.map(|uri| Reach::Uri(uri.into())).into_iter().collect();
        assert_eq!(world.reaches(), expected, "{path}");
    }
}

#[test]
fn a_question_mark_in_the_user_part_is_no_header() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &["Contact: <sip:what?@10.0.0.5>"]);
    world.send("b", 1, &["Contact: <sip:10.0.0.6?Subject=x>;q=0.5"]);
    let targets = world.registrar.lookup("101", &world.accounts);
    let uris: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    assert_eq!(uris, ["sip:what?@10.0.0.5", "sip:10.0.0.6"]);
}

#[test]
fn a_clock_that_was_ahead_binds_nobody_for_years() {
    let day = 86_400;
    for (max_expires, longest) in [(3_600, day), (7 * 86_400, 7 * day)] {
        let mut world = World::new(|config| config.max_expires = max_expires);
        world.send("a", 1, &[PHONE]);
        let mut binding = world.disk.values().next().unwrap().clone();
        let unix = world.unix();
        binding.expires_at = unix + 365 * 86_400 * 1_000_000;
        let mut after = World::new(|config| config.max_expires = max_expires);
        after.registrar.restore(after.now, unix, binding);
        let ends = after.now + std::time::Duration::from_secs(longest);
        assert_eq!(after.registrar.next_timeout(), Some(ends));
        let shown = after.registrar.registrations()[0].expires_at;
        assert_eq!(shown, unix + i64::try_from(longest).unwrap() * 1_000_000);
    }
}

#[test]
fn a_restart_keeps_what_has_not_ended() {
    let mut world = World::new(|_| {});
    world.send(
        "a",
        1,
        &["Contact: <sip:101@10.0.0.5>;expires=100, <sip:101@10.0.0.6>;expires=300"],
    );
    world.send_as(
        &register("t", 1, &["Contact: <sip:101@10.0.0.7>"]),
        tcp(1),
        &identity("101", "101"),
    );
    let ids: Vec<u64> = world.disk.keys().copied().collect();
    let mut after = World::new(|_| {});
    after.disk = world.disk.clone();
    after.now = Instant::from_micros(7);
    let unix = world.unix() + 200_000_000;
    for binding in world.disk.into_values() {
        after.registrar.restore(after.now, unix, binding);
    }
    after.drain();
    assert_eq!(after.disk.keys().copied().collect::<Vec<_>>(), ids[1..]);
    assert_eq!(
        after.reaches(),
        [Reach::Flow(udp())],
        "its UDP phone; the TCP one is behind a NAT"
    );
    assert_eq!(
        after.registrar.next_timeout(),
        Some(after.now + std::time::Duration::from_secs(100))
    );
    assert_eq!(
        after.status("a", 1, &["Contact: <sip:101@10.0.0.6>"]),
        500,
        "its CSeq was kept"
    );
    assert_eq!(after.status("a", 2, &["Contact: <sip:101@10.0.0.8>"]), 200);
    assert!(after.registrar.registrations().iter().all(|shown| shown.id >= ids[1]));
    after.agrees_with_disk();
}

#[test]
fn what_is_removed_while_it_is_stored_stays_removed() {
    type Action = fn(&mut World);
    let actions: [(&str, Action, usize); 4] = [
        (
            "admin",
            |world| assert!(world.registrar.remove(*world.disk.keys().next().unwrap())),
            1,
        ),
        ("device", |world| world.registrar.remove_device("101", "101"), 0),
        ("extension", |world| world.registrar.remove_extension("101"), 0),
        ("end", |world| world.wait(60), 2),
    ];
    for (name, action, left) in actions {
        for ok in [true, false] {
            let mut world = World::new(|_| {});
            let own = identity("101", "101");
            world.send("a", 1, &[PHONE, "Expires: 60"]);
            let query = world.begin(&register("a", 2, &[PHONE, "Contact: <sip:101@10.0.0.6>"]), udp(), &own);
            let waiting = world.begin(&register("b", 1, &[]), udp(), &own);
            if ok {
                world.write(query);
            }
            action(&mut world);
            world.drain();
            world.report(query, ok);
            world.wait(0);
            assert_eq!(world.registrar.len(), if ok { left } else { 0 }, "{name} {ok}");
            world.agrees_with_disk();
            assert!(world.answer(query).is_some() && world.answer(waiting).is_some());
            assert!(world.registrar.busy.is_empty());
        }
    }
}

#[test]
fn removing_what_is_not_there_is_said() {
    let mut world = World::new(|_| {});
    assert!(!world.registrar.remove(1));
    world.registrar.remove_extension("999");
    world.registrar.remove_device("101", "x");
    world.drain();
    assert!(world.effects.is_empty());
}

#[test]
fn listings_are_sorted() {
    let mut world = World::new(|_| {});
    for (number, host) in [("102", 9), ("101", 1), ("102", 2), ("101", 5)] {
        let text = register(&format!("{host}"), 1, &[&format!("Contact: <sip:x@10.0.0.{host}>")]);
        let text = text.replace("sip:101@tandem", &format!("sip:{number}@tandem"));
        world.send_as(&text, udp(), &identity(number, number));
    }
    let shown: Vec<String> = world
        .registrar
        .registrations()
        .iter()
        .map(|shown| shown.contact.clone())
        .collect();
    assert_eq!(
        shown,
        ["sip:x@10.0.0.1", "sip:x@10.0.0.5", "sip:x@10.0.0.9", "sip:x@10.0.0.2"]
    );
}

#[path = "model_tests.rs"]
mod model;

#[test]
fn the_port_of_a_contact_is_believed_where_its_host_is_where_it_came_from() {
    for (contact, port) in [
        ("203.0.113.9:5062", 5062),  // no NAT to be seen: another socket of the phone
        ("192.168.1.20:5062", 1024), // behind NAT
    ] {
        let mut world = World::new(|_| {});
        let flow = Flow {
            remote: "203.0.113.9:1024".parse().unwrap(),
            ..udp()
        };
        let text = register("a", 1, &[&format!("Contact: <sip:101@{contact}>")]);
        let answer = world.send_as(&text, flow, &identity("101", "101"));
        assert_eq!(answer.status.code(), 200);
        let remote = (flow.remote.ip(), port).into();
        assert_eq!(world.reaches(), [Reach::Flow(Flow { remote, ..flow })], "{contact}");
    }
}
