//! MESSAGEs for phones that are away: kept, and delivered in order, each once, when a phone registers (RFC 3428).

use std::time::Duration;

use sip::{HeaderName, Message, Method};
use tests::{Actor, Settings, Stage, net::Faults};

/// 101 with a phone, and 102 whose phone has not registered.
fn away() -> (Stage, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    (stage, alice, bob)
}

/// Sends a text to 102; the status of the answer.
fn sends(from: &Actor, text: &str) -> u16 {
    sends_with(from, text, &[])
}

fn sends_with(from: &Actor, text: &str, fields: &[(HeaderName, &str)]) -> u16 {
    let answer = from.asks(Method::Message, "sip:102@tandem.local", |message| {
        let fields = fields.iter();
        let message = fields.fold(message, |message, (name, value)| message.header(*name, value));
        message.body("text/plain", text.as_bytes())
    });
    answer.status().unwrap().code()
}

fn texts(phone: &Actor) -> Vec<String> {
    phone.with(|phone| phone.texts.clone())
}

fn messages(phone: &Actor) -> Vec<Message> {
    let of_it = |message: &&Message| message.is_request() && *message.method() == Method::Message;
    phone.with(|phone| phone.received.iter().filter(of_it).cloned().collect())
}

fn kept(stage: &Stage) -> usize {
    stage.with(|world| world.kept.len())
}

#[test]
fn they_are_kept_and_delivered_in_order_when_the_phone_registers_each_once() {
    let (stage, alice, bob) = away();
    let carol = stage.phone("103");
    for text in ["one", "two"] {
        assert_eq!(sends(&alice, text), 202);
    }
    assert_eq!(sends(&carol, "three"), 202);
    assert_eq!(
        (kept(&stage), stage.with(|world| world.stats().services.kept_messages)),
        (3, 3)
    );
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(&bob), ["one", "two", "three"]);
    let from: Vec<_> = messages(&bob)
        .iter()
        .map(|message| message.from().unwrap().uri().unwrap().number().into_owned())
        .collect();
    assert_eq!(from, ["101", "101", "103"]);
    assert_eq!(
        (kept(&stage), stage.with(|world| world.stats().services.kept_messages)),
        (0, 0)
    );
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(&bob).len(), 3, "each once");
    assert_eq!(sends(&alice, "four"), 200, "and nothing is kept any longer");
    stage.clears();
}

#[test]
fn date_and_content_are_those_of_the_sender_and_expires_is_what_is_left() {
    let (stage, alice, bob) = away();
    stage.pass(10.5);
    let expected =
        stage.with(|world| tests::world::EPOCH / 1_000_000 + i64::try_from(world.now.as_micros()).unwrap() / 1_000_000);
    let date = |message: &Message| message.header(HeaderName::Date).map(str::to_owned);
    assert_eq!(sends(&alice, "without a date"), 202);
    let own = [
        (HeaderName::Date, "Sat, 13 Nov 2010 23:29:00 GMT"),
        (HeaderName::Subject, "lunch"),
        (HeaderName::Expires, "3600"),
    ];
    assert_eq!(sends_with(&alice, "with its own", &own), 202);
    let cpim = "From: <sip:101@tandem.local>\r\nContent-Type: text/plain\r\n\r\nhello \u{7}";
    let answer = alice.asks(Method::Message, "sip:102@tandem.local", |message| {
        message.body("message/cpim", cpim.as_bytes())
    });
    assert_eq!(answer.status().unwrap().code(), 202);
    stage.pass(1_000.0);
    bob.registers(3_600);
    stage.pass(2.0);
    let all = messages(&bob);
    let stamp = date(&all[0]).unwrap();
    assert!(stamp.ends_with(" GMT") && expected > 0, "{stamp}");
    let second = stamp[stamp.len() - 6..stamp.len() - 4].parse::<i64>().unwrap();
    assert!(
        (second - expected % 60).rem_euclid(60) <= 1,
        "when it was sent: {stamp} {expected}"
    );
    assert_eq!(date(&all[1]).as_deref(), Some("Sat, 13 Nov 2010 23:29:00 GMT"));
    assert_eq!(all[1].header(HeaderName::Subject), Some("lunch"));
    let left: u32 = all[1].header(HeaderName::Expires).unwrap().parse().unwrap();
    assert!((2_590..=2_600).contains(&left), "{left}");
    assert_eq!(all[2].content_type(), Some("message/cpim"));
    assert_eq!(all[2].body(), cpim.as_bytes(), "as it came");
    stage.clears();
}

#[test]
fn a_disposition_notification_passes_as_it_is() {
    // RFC 5438 section 7: CPIM with an IMDN inside; only the sender's user agent reads it.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let imdn = "From: <sip:102@x>\r\nTo: <sip:101@x>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 1\r\n\r\n\
                Content-Type: message/imdn+xml\r\n\r\n<imdn/>";
    bob.asks(Method::Message, "sip:101@tandem.local", |message| {
        message
            .header(HeaderName::ContentDisposition, "notification")
            .body("message/cpim", imdn.as_bytes())
    });
    let came = messages(&alice);
    assert_eq!(came[0].body(), imdn.as_bytes());
    assert_eq!(came[0].header(HeaderName::ContentDisposition), Some("notification"));
    stage.clears();
}

#[test]
fn they_are_there_after_a_restart() {
    let (stage, alice, bob) = away();
    assert_eq!((sends(&alice, "one"), sends(&alice, "two")), (202, 202));
    stage.with(|world| world.restart(&Settings::default()));
    assert_eq!(sends(&alice, "three"), 202);
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(&bob), ["one", "two", "three"]);
    stage.with(|world| world.restart(&Settings::default()));
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!((texts(&bob).len(), kept(&stage)), (3, 0));
    stage.clears();
}

#[test]
fn a_phone_that_puts_them_off_gets_them_at_its_next_register() {
    for code in [408, 480, 486, 500, 503] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        bob.feels(|mood| mood.refuses_texts = Some(code));
        assert_eq!((sends(&alice, "one"), sends(&alice, "two")), (202, 202), "{code}");
        bob.feels(|mood| mood.refuses_texts = None);
        stage.pass(60.0);
        assert!(texts(&bob).is_empty(), "not before it says that it is back: {code}");
        bob.registers(3_600);
        stage.pass(2.0);
        assert_eq!(texts(&bob), ["one", "two"], "{code}");
        stage.clears();
    }
}

#[test]
fn a_message_that_no_phone_will_ever_take_is_dropped_and_the_next_ones_are_delivered() {
    let (stage, alice, bob) = away();
    assert_eq!((sends(&alice, "one"), sends(&alice, "two")), (202, 202));
    bob.feels(|mood| mood.refuses_texts = Some(415));
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!((messages(&bob).len(), kept(&stage)), (2, 0), "each was tried once");
    stage.clears();
}

#[test]
fn the_first_of_several_phones_that_takes_it_counts() {
    let (stage, alice, bob) = away();
    assert_eq!(sends(&alice, "one"), 202);
    let other = stage.unregistered("102");
    other.feels(|mood| mood.dead = true);
    stage.pass(1.0);
    other.feels(|mood| mood.dead = false);
    bob.registers(3_600);
    stage.pass(1.0);
    other.registers(3_600);
    stage.pass(2.0);
    assert_eq!((texts(&bob), texts(&other)), (vec!["one".to_owned()], Vec::new()));
    stage.clears();
}

#[test]
fn a_late_answer_still_counts_and_the_message_is_not_delivered_twice() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    // The phone takes it, but its answer is lost for 31 s.
    let address = bob.with(|phone| phone.address);
    let wire = stage.wire(&address.to_string());
    bob.feels(|mood| mood.dead = true);
    alice.with(|phone| phone.text("102", "one"));
    stage.pass(31.0);
    assert_eq!(
        alice.with(|phone| phone.message_code),
        Some(202),
        "in the time that the sender waits"
    );
    assert_eq!(kept(&stage), 1);
    bob.feels(|mood| mood.dead = false);
    drop(wire);
    stage.pass(0.9);
    bob.registers(3_600);
    stage.pass(40.0);
    let copies = texts(&bob).iter().filter(|text| *text == "one").count();
    assert_eq!(copies, 1, "{}", stage.ladder());
    assert_eq!(kept(&stage), 0);
    stage.clears();
}

#[test]
fn on_a_bad_network_each_comes_once_and_in_order() {
    let mut lost = 0;
    for seed in 1..=20 {
        let stage = Stage::new(Settings {
            seed,
            ..Settings::default()
        });
        let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
        for text in ["1", "2", "3", "4", "5"] {
            assert_eq!(sends(&alice, text), 202);
        }
        stage.with(|world| {
            world.net.faults = Faults {
                loss: 30,
                duplicates: 20,
                jitter: Duration::from_millis(50),
                ..Faults::default()
            };
        });
        bob.with(|phone| phone.register(3_600));
        stage.pass(200.0);
        lost += stage.with(|world| std::mem::take(&mut world.net.lost));
        stage.with(|world| world.net.faults = Faults::default());
        bob.registers(3_600);
        stage.pass(60.0);
        assert_eq!(texts(&bob), ["1", "2", "3", "4", "5"], "{seed}");
        assert_eq!(kept(&stage), 0);
        stage.clears();
    }
    assert!(lost > 20, "{lost}");
}

#[test]
fn limits_are_told_to_the_sender() {
    let mut settings = Settings::default();
    settings.config.limits.services.kept.per_extension = 2;
    settings.config.limits.services.kept.all = 3;
    settings.config.limits.services.kept.body = 10;
    let stage = Stage::new(settings);
    let (alice, bob, _carol) = (stage.phone("101"), stage.unregistered("102"), stage.unregistered("103"));
    assert_eq!(sends(&alice, "0123456789X"), 413);
    for code in [202, 202, 480] {
        assert_eq!(sends(&alice, "hello"), code);
    }
    let to_carol = || {
        let answer = alice.asks(Method::Message, "sip:103@tandem.local", |message| {
            message.body("text/plain", b"x")
        });
        answer.status().unwrap().code()
    };
    assert_eq!([to_carol(), to_carol()], [202, 480], "the limit of all");
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(&bob).len(), 2);
    assert_eq!(to_carol(), 202, "there is room again");
    let none = Settings {
        config: {
            let mut config = switch::Config::default();
            config.limits.services.kept.per_extension = 0;
            config
        },
        ..Settings::default()
    };
    let stage = Stage::new(none);
    let (alice, _bob) = (stage.phone("101"), stage.unregistered("102"));
    assert_eq!(sends(&alice, "hello"), 480, "nothing is kept");
    stage.clears();
}

#[test]
fn what_has_expired_is_not_delivered_and_what_expires_at_once_is_not_kept() {
    let (stage, alice, bob) = away();
    assert_eq!(sends_with(&alice, "now or never", &[(HeaderName::Expires, "0")]), 480);
    assert_eq!(sends_with(&alice, "soon", &[(HeaderName::Expires, "60")]), 202);
    assert_eq!(sends(&alice, "some day"), 202);
    stage.pass(100.0);
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(&bob), ["some day"]);
    assert_eq!(kept(&stage), 0);
    stage.clears();
}

#[test]
fn a_store_that_fails_keeps_nothing_and_the_sender_is_told() {
    let (stage, alice, bob) = away();
    stage.with(|world| world.store_works = false);
    assert_eq!(sends(&alice, "one"), 480);
    stage.with(|world| world.store_works = true);
    assert_eq!(sends(&alice, "two"), 202);
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(&bob), ["two"]);
    stage.clears();
}

#[test]
fn the_messages_of_an_extension_go_with_it() {
    let (stage, alice, _bob) = away();
    assert_eq!(sends(&alice, "one"), 202);
    stage.tells(switch::Input::Account(switch::AccountChange::RemoveExtension(
        "102".into(),
    )));
    assert_eq!(
        (kept(&stage), stage.with(|world| world.stats().services.kept_messages)),
        (0, 0)
    );
    assert_eq!(sends(&alice, "two"), 404);
    stage.clears();
}

#[test]
fn a_sender_that_hides_stays_hidden_and_one_that_is_not_wanted_is_told() {
    let (stage, alice, bob) = away();
    assert_eq!(sends_with(&alice, "guess", &[(HeaderName::Privacy, "id")]), 202);
    stage.with(|world| world.restart(&Settings::default()));
    bob.registers(3_600);
    stage.pass(2.0);
    let text = String::from_utf8_lossy(messages(&bob)[0].bytes()).into_owned();
    assert!(
        text.contains("sip:anonymous@anonymous.invalid") && !text.contains("101@"),
        "{text}"
    );
    stage.with(|world| world.account("102", |account| account.rules.reject_anonymous = true));
    assert_eq!(sends_with(&alice, "guess", &[(HeaderName::Privacy, "id")]), 433);
    stage.clears();
}

/// By what a phone knows a request again: Call-ID, sequence number, From tag.
fn name(message: &Message) -> (String, u32, String) {
    let tag = message.from_tag().unwrap_or_default().to_owned();
    (message.call_id().to_owned(), message.cseq().unwrap().number, tag)
}

#[test]
fn after_a_crash_before_its_row_is_deleted_a_phone_gets_the_same_request_again() {
    let (stage, alice, bob) = away();
    assert_eq!((sends(&alice, "one"), sends(&alice, "two")), (202, 202));
    let rows = stage.with(|world| world.kept.clone());
    bob.registers(3_600);
    stage.pass(2.0);
    assert_eq!(messages(&bob).len(), 2);
    // The phone has both; the rows are still on disk.
    stage.with(|world| {
        world.kept = rows;
        world.restart(&Settings::default());
    });
    stage.pass(40.0);
    bob.registers(3_600);
    stage.pass(2.0);
    let names: Vec<_> = messages(&bob).iter().map(name).collect();
    assert_eq!(names.len(), 4);
    assert_eq!(names[..2], names[2..]);
    assert_ne!(names[0], names[1]);
    assert_eq!(kept(&stage), 0);
    stage.clears();
}

#[test]
fn what_a_phone_has_put_off_comes_again_as_another_request_of_the_same_call_id() {
    let (stage, alice, bob) = away();
    assert_eq!(sends(&alice, "one"), 202);
    bob.feels(|mood| mood.refuses_texts = Some(480));
    bob.registers(3_600);
    stage.pass(2.0);
    bob.feels(|mood| mood.refuses_texts = None);
    bob.registers(3_600);
    stage.pass(2.0);
    let names: Vec<_> = messages(&bob).iter().map(name).collect();
    let (first, second) = (&names[0], &names[1]);
    assert_eq!((&first.0, first.1 + 1, &first.2), (&second.0, second.1, &second.2));
    assert_eq!(texts(&bob), ["one"]);
    stage.clears();
}

#[test]
fn two_phones_of_an_extension_get_a_kept_message_under_two_call_ids() {
    let (stage, alice, bob) = away();
    assert_eq!(sends(&alice, "one"), 202);
    let other = stage.unregistered("102");
    for phone in [&bob, &other] {
        phone.feels(|mood| mood.refuses_texts = Some(480));
        phone.registers(3_600);
        stage.pass(2.0);
    }
    let mut ids: Vec<String> = [&bob, &other]
        .into_iter()
        .flat_map(messages)
        .map(|it| name(&it).0)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2, "{ids:?}");
    stage.pass(60.0);
}
