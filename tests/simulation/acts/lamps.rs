//! Subscriptions of phones. They are chosen by a chance of their own.

use sip::{HeaderName, Method};
use switch::Input;
use tests::net::Chance;

use crate::{
    life::Life,
    scripts::{CONFERENCES, pick},
};

/// Of a hundred events of a world with lamps, this many belong to subscriptions.
const OFTEN: u64 = 9;
/// The most subscriptions that a phone begins while others are on.
const MOST: usize = 4;

/// Perhaps the next event is one of a subscription; true where it is.
pub fn act(life: &mut Life) -> bool {
    let Some(mut chance) = life.chances.lamps.take() else {
        return false;
    };
    let acts = chance.percent(OFTEN);
    if acts {
        match chance.below(100) {
            0..=40 => subscribes(life, &mut chance),
            41..=44 => presses(life, &mut chance),
            45..=64 => subscribes_again(life, &mut chance),
            65..=72 => ends(life, &mut chance),
            73..=79 => messages(life, &mut chance),
            80..=87 => publishes(life, &mut chance),
            88..=96 => answers(life, &mut chance),
            _ => malformed(life, &mut chance),
        }
    }
    life.chances.lamps = Some(chance);
    acts
}

fn one<T: Copy>(chance: &mut Chance, of: &[T]) -> Option<T> {
    let at = usize::try_from(chance.below(of.len() as u64)).unwrap();
    of.get(at).copied()
}

fn phone(life: &Life, chance: &mut Chance) -> Option<usize> {
    let phones = 0..life.world.phones.len();
    let alive: Vec<usize> = phones.filter(|phone| !life.world.phones[*phone].mood.dead).collect();
    one(chance, &alive)
}

/// The subscriptions that are on: phone and lamp.
fn on(life: &Life) -> Vec<(usize, usize)> {
    let phones = life.world.phones.iter().enumerate();
    let alive = phones.filter(|(_, phone)| !phone.mood.dead);
    let now = life.world.now;
    alive
        .flat_map(|(at, phone)| phone.lamps.iter().enumerate().map(move |(lamp, seen)| (at, lamp, seen)))
        .filter(|(_, _, lamp)| lamp.code.is_some() && lamp.is_on(now, std::time::Duration::ZERO))
        .map(|(phone, lamp, _)| (phone, lamp))
        .collect()
}

fn subscribes(life: &mut Life, chance: &mut Chance) {
    let Some(phone) = phone(life, chance) else { return };
    let now = life.world.now;
    let lamps = life.world.phones[phone].lamps.iter();
    if lamps.filter(|lamp| lamp.is_on(now, std::time::Duration::ZERO)).count() >= MOST {
        return;
    }
    let own = life.world.phones[phone].number.clone();
    let room = one(chance, &CONFERENCES).unwrap_or_default();
    let watched = match chance.below(12) {
        0 => "701".to_owned(),
        1 => "999".to_owned(),
        _ => pick(chance, &life.numbers),
    };
    let (package, number) = match chance.below(12) {
        0..=5 => ("dialog", watched),
        6 => ("presence", watched),
        7 => ("message-summary", watched),
        8 => ("presence", watched),
        9 => ("conference", room.to_owned()),
        10 => ("as-feature-event", own),
        _ => ("reg", own),
    };
    life.counts.lamps += 1;
    let package = format!("{package};id={}", life.counts.lamps);
    let expires = one(chance, &[0, 60, 300, 3_600, 3_600, 3_600]).unwrap_or_default();
    life.with(phone, |phone| phone.subscribe(&package, &number, expires, |it| it));
}

fn subscribes_again(life: &mut Life, chance: &mut Chance) {
    let on = on(life);
    let Some((phone, lamp)) = one(chance, &on) else { return };
    let expires = one(chance, &[60, 300, 3_600]).unwrap_or_default();
    life.with(phone, |phone| phone.subscribe_again(lamp, expires, |it| it));
}

fn ends(life: &mut Life, chance: &mut Chance) {
    let on = on(life);
    let Some((phone, lamp)) = one(chance, &on) else { return };
    life.with(phone, |phone| phone.subscribe_again(lamp, 0, |it| it));
}

/// A key of a phone sets do not disturb, or forwards all calls; mostly it ends that.
fn presses(life: &mut Life, chance: &mut Chance) {
    let on = on(life);
    let keys = on.into_iter().filter(|(phone, lamp)| {
        let lamp = &life.world.phones[*phone].lamps[*lamp];
        lamp.package.starts_with("as-feature-event")
    });
    let keys: Vec<_> = keys.collect();
    let Some((phone, lamp)) = one(chance, &keys) else {
        return;
    };
    let (sets, to) = (chance.percent(25), pick(chance, &life.numbers));
    let (root, inner) = if chance.percent(50) {
        let inner = format!("<doNotDisturbOn>{sets}</doNotDisturbOn>");
        ("SetDoNotDisturb", inner)
    } else {
        let inner = format!(
            "<forwardingType>forwardImmediate</forwardingType><activateForward>{sets}</activateForward><forwardDN>{to}</forwardDN>"
        );
        ("SetForwarding", inner)
    };
    let body = format!(
        "<{root} xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed3\"><device/>{inner}</{root}>"
    );
    life.counts.keys += 1;
    life.with(phone, |phone| {
        phone.subscribe_again(lamp, 3_600, |it| {
            it.body("application/x-as-feature-event+xml", body.as_bytes())
        });
    });
}

/// Voice messages come and go.
fn messages(life: &mut Life, chance: &mut Chance) {
    let number = pick(chance, &life.numbers);
    let counts = (chance.below(3), chance.below(3));
    let (new, old) = (u32::try_from(counts.0).unwrap(), u32::try_from(counts.1).unwrap());
    life.mailboxes.insert(number.clone(), (new, old));
    life.note(|| format!("{number} has {new} new messages and {old} old ones"));
    life.world.handle(Input::Mailbox { number, new, old });
}

/// A phone says what its person does: something new, or something in the place of what it said last, or no longer anything.
fn publishes(life: &mut Life, chance: &mut Chance) {
    let Some(phone) = phone(life, chance) else { return };
    let note = life.counts.lamps;
    let document = format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:102@tandem.local\">\
         <tuple id=\"t\"><status><basic>open</basic></status><note>said {note}</note></tuple></presence>"
    );
    let document = if chance.percent(10) {
        "<presence".to_owned()
    } else {
        document
    };
    let (again, expires) = (
        chance.percent(60),
        one(chance, &[0, 60, 300, 3_600]).unwrap_or_default(),
    );
    life.counts.published += 1;
    life.with(phone, |phone| {
        let last = phone.answer.as_ref();
        let tag = last.and_then(|answer| answer.header(HeaderName::SipETag).map(str::to_owned));
        let uri = format!("sip:{}@tandem.local", phone.number);
        phone.ask(&Method::Publish, &uri, |it| {
            let it = it
                .header(HeaderName::Event, "presence")
                .header(HeaderName::Expires, expires);
            let tag = tag.filter(|_| again);
            let refreshes = tag.is_some() && note.is_multiple_of(2);
            let it = tag.iter().fold(it, |it, tag| it.header(HeaderName::SipIfMatch, tag));
            match refreshes {
                true => it,
                false => it.body("application/pidf+xml", document.as_bytes()),
            }
        });
    });
}

/// The answer of a phone to the NOTIFYs of a subscription: refused for a while, with a time or without, not known, or none.
fn answers(life: &mut Life, chance: &mut Chance) {
    let on = on(life);
    let Some((phone, lamp)) = one(chance, &on) else { return };
    let all = [
        (200, None),
        (200, None),
        (200, None),
        (481, None),
        (500, None),
        (503, Some(7)),
        (0, None),
    ];
    let answers = one(chance, &all).unwrap_or((200, None));
    life.note(|| format!("phone {phone} answers the NOTIFYs of lamp {lamp} by {answers:?}"));
    life.world.phones[phone].lamps[lamp].answers = answers;
}

/// What must be refused: a package that nobody knows, a time that is too short, contacts of others, another method.
fn malformed(life: &mut Life, chance: &mut Chance) {
    let Some(phone) = phone(life, chance) else { return };
    let number = pick(chance, &life.numbers);
    let on = on(life);
    let lamp = on.iter().find(|(at, _)| *at == phone).copied();
    let (package, expires) = [("weather", 3_600), ("dialog", 30), ("reg", 3_600)][usize::from(chance.percent(50))];
    let within = chance.percent(30);
    life.with(phone, |phone| match lamp {
        Some((_, lamp)) if within => phone.ask_in_lamp(lamp, &Method::Options),
        Some(_) | None => _ = phone.subscribe(package, &number, expires, |it| it),
    });
}
