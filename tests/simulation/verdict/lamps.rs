//! What phones show of other lines, of messages and of contacts, and what the switch says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sip::Transport;
use switch::{Command, CommandId, Input, LivePresence, LiveSubscription, Reply};
use tests::{Phone, phone::Lamp};

use crate::{life::Life, weather::Weather};

/// A lamp is told of a change within a second of the change before it.
const STEP: Duration = Duration::from_millis(1_500);
/// How often a lamp may be found behind: calls go on meanwhile.
const STEPS: usize = 6;
/// Subscriptions that end soon are not looked at.
const SPARE: Duration = Duration::from_secs(60);

/// What phones are subscribed to, as the admin API lists it.
fn subscriptions(life: &mut Life) -> Vec<LiveSubscription> {
    life.world.handle(Input::Command {
        id: CommandId(1),
        command: Command::ListSubscriptions,
    });
    match life.world.replies.pop() {
        Some(Ok(Reply::Subscriptions(list))) => list,
        other => panic!("subscriptions are listed: {other:?}"),
    }
}

/// Each lamp shows what the switch says, and a phone in an orderly world is subscribed to what it believes.
pub fn are_right(life: &mut Life) {
    for step in 0..STEPS {
        let list = subscriptions(life);
        let elsewhere = Elsewhere {
            presence: presence(life),
            members: members(life),
        };
        let (compared, wrong) = compare(life, &list, &elsewhere);
        if let Some(wrong) = wrong {
            assert!(step + 1 < STEPS, "{wrong}");
            life.world.pass(STEP);
        } else {
            life.counts.compared += compared;
            return;
        }
    }
}

/// What the switch says by the commands of the admin API.
struct Elsewhere {
    /// See [`presence`].
    presence: BTreeMap<String, String>,
    /// How many members each conference has.
    members: BTreeMap<String, usize>,
}

fn members(life: &mut Life) -> BTreeMap<String, usize> {
    life.world.handle(Input::Command {
        id: CommandId(1),
        command: Command::ListConferences,
    });
    match life.world.replies.pop() {
        Some(Ok(Reply::Conferences(list))) => list.into_iter().map(|one| (one.room, one.members.len())).collect(),
        other => panic!("conferences are listed: {other:?}"),
    }
}

/// What each extension does, and how many documents its phones have published, as the admin API says.
fn presence(life: &mut Life) -> BTreeMap<String, String> {
    life.world.handle(Input::Command {
        id: CommandId(1),
        command: Command::ReadPresence(life.numbers.clone()),
    });
    let list = match life.world.replies.pop() {
        Some(Ok(Reply::Presence(list))) => list,
        other => panic!("presence is read: {other:?}"),
    };
    let said = |one: &LivePresence| format!("{}, {} published", one.state.replace('_', " "), one.publications);
    list.iter().map(|one| (one.number.clone(), said(one))).collect()
}

/// How many lamps were compared, and what is wrong with one of them.
fn compare(life: &Life, list: &[LiveSubscription], elsewhere: &Elsewhere) -> (u64, Option<String>) {
    let mut compared = 0;
    for phone in life.world.phones.iter().filter(|phone| !phone.mood.dead) {
        let on = phone.lamps.iter().filter(|lamp| lamp.is_on(life.world.now, SPARE));
        for lamp in on.filter(|lamp| !lamp.refused && lamp.answers.0 == 200 && lamp.code == Some(200)) {
            let name = || format!("{} of {} at {}", lamp.package, lamp.number, phone.address);
            let row = list.iter().find(|row| is_of(row, phone, lamp));
            let Some(row) = row else {
                // In worse weather the answer to a SUBSCRIBE, or to the NOTIFYs, may be lost for good. On disk a subscription
                // ends by the wall clock: where that was set, a restart may end it early.
                let by_clock = life.incidents.clock_set && life.counts.restarts > 0;
                if life.weather <= Weather::Orderly && !by_clock {
                    return (0, Some(format!("the switch does not know {}", name())));
                }
                continue;
            };
            if !is_reached(row, phone) {
                continue;
            }
            let (shows, says) = (shown(lamp), said(life, lamp, elsewhere));
            if shows != says {
                return (0, Some(format!("{} shows {shows}, and the switch says {says}", name())));
            }
            compared += 1;
        }
    }
    (compared, None)
}

fn is_of(row: &LiveSubscription, phone: &Phone, lamp: &Lamp) -> bool {
    row.watcher == phone.number && row.event_id.as_deref() == Some(lamp.event_id())
}

/// Whether the phone is where the switch believes, and has taken what it was told last.
fn is_reached(row: &LiveSubscription, phone: &Phone) -> bool {
    let told = match row.last_answer {
        Some(code) => code == 200,
        // After a start. A phone on a stream has to come by itself. A phone that has moved since it made its Contact is told
        // there (RFC 6665 section 4.2.2), and hears nothing.
        None => phone.transport == Transport::Udp && row.contact.contains(&phone.address.to_string()),
    };
    told && row.failures == 0 && row.state == "active" && row.source == phone.address.to_string()
}

/// The values of an attribute or an element in a document.
fn all<'a>(document: &'a str, before: &str, after: char) -> BTreeSet<&'a str> {
    let parts = document.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

/// The text of the first element that begins so.
fn between<'a>(document: &'a str, begin: &str) -> &'a str {
    let rest = document.split(begin).nth(1).unwrap_or_default();
    rest.split('<').next().unwrap_or_default()
}

/// What a lamp shows.
fn shown(lamp: &Lamp) -> String {
    let document = lamp.document();
    if lamp.package.starts_with("dialog") {
        let states = lamp.states();
        let live: Vec<_> = states.iter().copied().filter(|state| *state != "terminated").collect();
        return if live.is_empty() {
            lamp.shows().to_owned()
        } else {
            live.join(", ")
        };
    }
    if lamp.package.starts_with("reg") {
        return format!("{:?}", all(document, "<contact id=\"", '"'));
    }
    if lamp.package.starts_with("presence") {
        let note = document.split("<note>").nth(1).and_then(|rest| rest.split('<').next());
        let published = document.matches("<tuple id=\"p").count().saturating_sub(1);
        return format!("{}, {published} published", note.unwrap_or_default().to_lowercase());
    }
    if lamp.package.starts_with("conference") {
        return between(document, "<user-count>").to_owned();
    }
    if lamp.package.starts_with("as-feature-event") {
        let forwards = document.split("forwardImmediate<").nth(1).unwrap_or_default();
        let (dnd, to) = (between(document, "<doNotDisturbOn>"), between(forwards, "<forwardTo>"));
        return format!("do not disturb: {dnd}, forwards to {to:?}");
    }
    let line = document.lines().find_map(|line| line.strip_prefix("Voice-Message: "));
    line.unwrap_or("nothing").to_owned()
}

/// The same by what the switch says elsewhere.
fn said(life: &Life, lamp: &Lamp, elsewhere: &Elsewhere) -> String {
    let bindings = life.world.bindings.values();
    let bindings = bindings.filter(|binding| binding.number == lamp.number);
    if lamp.package.starts_with("dialog") {
        let lines = life.world.switch.lines(&lamp.number);
        let words = lines.iter().filter_map(|(_, state, _)| match *state {
            "ending" => None,
            "early" | "ringing" => Some("early"),
            "up" | "held" => Some("confirmed"),
            other => Some(other),
        });
        let words: Vec<&str> = words.collect();
        if !words.is_empty() {
            return words.join(", ");
        }
        let reachable = !life.world.people.contains_key(&lamp.number) || bindings.count() > 0 || !lines.is_empty();
        return if reachable { "idle" } else { "unreachable" }.to_owned();
    }
    if lamp.package.starts_with("reg") {
        let ids: Vec<String> = bindings.map(|binding| binding.id.to_string()).collect();
        return format!("{:?}", ids.iter().map(String::as_str).collect::<BTreeSet<_>>());
    }
    if lamp.package.starts_with("presence") {
        return elsewhere
            .presence
            .get(&lamp.number)
            .map_or_else(|| shown(lamp), |says| says.replace("dnd", "do not disturb"));
    }
    if lamp.package.starts_with("conference") {
        return elsewhere
            .members
            .get(&lamp.number)
            .copied()
            .unwrap_or_default()
            .to_string();
    }
    if lamp.package.starts_with("as-feature-event") {
        let Some(extension) = life.world.people.get(&lamp.number) else {
            return shown(lamp);
        };
        let to = extension.forward_always.as_deref().unwrap_or_default();
        return format!("do not disturb: {}, forwards to {to:?}", extension.dnd);
    }
    let (new, old) = life.mailboxes.get(&lamp.number).copied().unwrap_or_default();
    format!("{new}/{old} (0/0)")
}

/// Nothing is left of any subscription, in memory and on disk.
pub fn are_over(life: &mut Life) {
    let list = subscriptions(life);
    assert!(list.is_empty(), "{list:?}");
    assert!(life.world.subscriptions.is_empty(), "{:?}", life.world.subscriptions);
    let stats = life.world.stats().services.subscriptions;
    assert_eq!(stats.publications, 0, "documents that were published");
    let open = stats.open;
    assert!(open.iter().all(|(_, count)| *count == 0), "{open:?}");
    life.world.expect_nothing_left();
    let kept: BTreeSet<&str> = life.world.kept.values().map(|message| message.to.as_str()).collect();
    let on_disk = [0, 0, life.world.bindings.len(), life.world.kept.len(), kept.len()];
    for ((table, entries), on_disk) in life.world.switch.lasting().into_iter().zip(on_disk) {
        assert_eq!(entries, on_disk, "{table}, in memory and on disk");
    }
}
