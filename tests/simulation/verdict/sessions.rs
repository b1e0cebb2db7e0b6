//! The media of a call, as phones and the switch see it.

use std::{collections::BTreeMap, time::Duration};

use media::{MediaId, Payload, Remote};
use switch::{Hold, LiveLeg};
use tests::{Phase, phone::PhoneCall, world::EPOCH};

use crate::life::Life;

/// No session outlives its timer (RFC 4028), whichever side was to refresh it.
pub fn are_fresh(life: &mut Life) {
    let late = Duration::from_secs(5);
    for phone in life.world.phones.iter().filter(|phone| !phone.mood.dead) {
        for call in phone.calls.iter().filter(|call| call.phase == Phase::Up) {
            let fresh = call.fresh_until.is_none_or(|until| life.world.now <= until + late);
            assert!(fresh, "{} goes on without a refresh", call.invite.call_id());
        }
    }
}

/// The other party of a phone that holds hears music. Looked at where both phones are in this one call alone.
pub fn held_parties_hear_music(life: &mut Life) {
    if life.config.limits.services.hold != Hold::Music {
        return;
    }
    let calls = life.list_calls();
    let talking = talking(life, |phone| phone.mood.odd_sdp.is_none());
    let mut hear = 0;
    for live in calls.iter().filter(|live| live.doing.starts_with("dial")) {
        let [one, other] = &live.legs[..] else { continue };
        let legs = |leg: &LiveLeg| {
            let all = calls.iter().flat_map(|live| &live.legs);
            all.filter(|other| other.remote == leg.remote).count()
        };
        // A phone that has lost power knows nothing of some of its legs.
        let at = |leg: &LiveLeg| {
            let call = only_call(life, &leg.remote, &talking);
            call.filter(|(_, call)| legs(leg) == 1 && call.incoming != leg.inbound)
        };
        let (Some(one), Some(other)) = (at(one), at(other)) else {
            continue;
        };
        for ((_, holder), (id, held)) in [(one, other), (other, one)] {
            let (holds, hears) = (holder.media().direction, held.media().direction);
            if holds.receive || !hears.receive || !hears.send || held.refused > 0 || holder.refused > 0 {
                continue;
            }
            let plays = &life.world.engine.ports[&id].plays;
            let name = held.invite.call_id();
            assert!(
                matches!(plays, Some((media::Source::Music(_), _))),
                "the party on hold in {name} hears {plays:?}: {live:?}"
            );
            hear += 1;
        }
    }
    life.counts.music += hear;
}

/// The port and the call of the phone at this address, if the phone is in this one call alone.
fn only_call<'a>(
    life: &'a Life,
    remote: &str,
    talking: &BTreeMap<MediaId, Talker<'a>>,
) -> Option<(MediaId, &'a PhoneCall)> {
    let mut phones = life.world.phones.iter();
    let phone = phones.find(|phone| phone.address.to_string() == remote)?;
    let mut open = phone.calls.iter().filter(|call| !matches!(call.phase, Phase::Over(_)));
    let (call, None) = (open.next()?, open.next()) else {
        return None;
    };
    let mut ports = talking.iter().filter(|(_, (_, talks, _))| std::ptr::eq(*talks, call));
    ports.next().map(|(id, _)| (*id, call))
}

/// Packets of sound that a phone sends, to see whether the other phone hears them.
const SAID: u32 = 25;

/// See [`agree`]; phones that refuse changes with 491 are left out, since the switch offers those changes again.
pub fn agree_but_for_open_changes(life: &mut Life) {
    compare(life, |phone| phone.mood.refuses_changes != Some(491));
}

/// A phone and its leg agree on directions and payload types, and so do the two phones of a call.
pub fn agree(life: &mut Life) {
    compare(life, |_| true);
}

/// A phone in a call: its media, the call, its number.
type Talker<'a> = (Remote, &'a PhoneCall, &'a str);

/// The ports of the media engine, each with the phone at its other end where that is certain.
fn talking(life: &Life, counts: fn(&tests::Phone) -> bool) -> BTreeMap<MediaId, Talker<'_>> {
    let engine = &life.world.engine;
    let mut talking = BTreeMap::new();
    for (id, port) in &engine.ports {
        let Some(Remote {
            expected,
            rtp,
            send_payloads,
            ..
        }) = &port.remote
        else {
            continue;
        };
        // A phone that has described nothing so far still rings. Another call of that phone, whose BYE never reached it, is
        // not the call of this leg.
        if rtp.is_none() && send_payloads.is_empty() {
            continue;
        }
        // Two calls of one phone on one port differ only in the port that the phone announced.
        let alike = engine.ports.values().filter(|other| {
            let remote = other.remote.as_ref();
            other.local_port == port.local_port
                && remote.is_none_or(|remote| &remote.expected == expected && remote.rtp == *rtp)
        });
        let phones = life.world.phones.iter();
        let calls = phones
            .filter(|phone| !phone.mood.dead)
            .filter(|phone| counts(phone))
            .filter(|phone| {
                let address = phone.address.ip();
                expected.contains(&address) && !life.incidents.cut_off.contains(&address)
            })
            .flat_map(|phone| phone.calls.iter().map(|call| (call, phone.number.as_str())));
        let mut found = calls.filter(|(call, _)| {
            let known = call.media().rtp.is_some_and(|rtp| rtp.port() == port.local_port);
            let announced = match rtp {
                Some(rtp) => call.audio_port() == Some(rtp.port()),
                // A phone whose offer or answer has come is the one of another leg on this port.
                None => !engine.ports.values().any(|other| describes(other, port, call)),
            };
            known && announced && call.phase == Phase::Up
        });
        // If several announced the same, nothing says which is which.
        if let (Some((call, number)), None, 1) = (found.next(), found.next(), alike.count())
            && call.may_change()
        {
            talking.insert(*id, (call.media(), call, number));
        }
    }
    talking
}

/// Whether another leg on the port of `port`, and with the same phone, has the description of this call of the phone.
fn describes(other: &tests::engine::Port, port: &tests::engine::Port, call: &PhoneCall) -> bool {
    let (Some(there), Some(here)) = (&other.remote, &port.remote) else {
        return false;
    };
    let announced = there.rtp.map(|rtp| rtp.port());
    other.local_port == port.local_port
        && there.expected == here.expected
        && announced.is_some()
        && announced == call.audio_port()
}

fn compare(life: &mut Life, counts: fn(&tests::Phone) -> bool) {
    let talking = talking(life, counts);
    let (mut pairs, mut said) = (Vec::new(), Vec::new());
    let at = EPOCH + i64::try_from(life.world.now.as_micros()).unwrap();
    for (id, (phone, call, number)) in &talking {
        let name = call.invite.call_id();
        let (sends, hears) = (phone.direction.send, phone.direction.receive);
        let port = &life.world.engine.ports[id];
        let Some(remote) = &port.remote else { continue };
        assert_eq!(
            (remote.direction.receive, remote.direction.send),
            (sends, hears),
            "what the switch takes and sends, and what the phone sends and hears, in {name}"
        );
        understood(name, &phone.send_payloads, &remote.receive_payloads);
        understood(name, &remote.send_payloads, &phone.receive_payloads);
        let Some((other, other_call, other_number)) = port.bridged.and_then(|other| talking.get(&other)) else {
            continue;
        };
        // Two phones that both refuse changes cannot be brought together.
        if call.refused > 0 && other_call.refused > 0 {
            continue;
        }
        let other_name = other_call.invite.call_id();
        assert_eq!(
            (sends, hears),
            (other.direction.receive, other.direction.send),
            "one of two phones sends what the other hears, in {name} and {other_name}"
        );
        // A phone that refused to send other codecs goes on with the old ones.
        if sends && call.refused == 0 {
            relayed(name, phone, &other.receive_payloads);
        }
        if sends && let Some(Some(hearing)) = port.bridged.map(|other| life.world.engine.ports[&other].remote.clone()) {
            said.push((port.local_port, remote.clone(), hearing, name.to_owned()));
        }
        pairs.push(((*number).to_owned(), (*other_number).to_owned(), at));
    }
    life.counts.talks += pairs.len() as u64 / 2;
    life.seen.talks.extend(pairs);
    for (local_port, mouth, ear, name) in said {
        if let Some(came) = life.world.engine.sounding.say((local_port, &mouth), &ear, SAID) {
            assert!(
                came > SAID / 2,
                "{came} of {SAID} packets of sound are heard in {name}: {mouth:?} says, {ear:?} hears"
            );
            life.counts.said += 1;
        }
    }
}

/// The other phone knows each codec that this phone may send, or Tandem converts it. A phone may send what both sides of
/// its leg named. The relay takes the two laws of G.711 as one codec. Where both phones know a codec, the one that this
/// phone is to send first is such a codec.
fn relayed(name: &str, phone: &Remote, taken: &[Payload]) {
    let kind = |payload: &Payload| payload.codec.replace("PCMA", "PCMU");
    let knows = |those: &[Payload], one: &Payload| those.iter().any(|other| kind(other) == kind(one));
    let sent = phone.send_payloads.iter();
    let sent = sent.filter(|one| one.codec != "TELEPHONE-EVENT" && knows(&phone.receive_payloads, one));
    let converts = |one: &Payload| ["PCMU", "G722", "OPUS"].contains(&kind(one).as_str());
    let sent: Vec<&Payload> = sent.collect();
    for one in &sent {
        assert!(
            knows(taken, one) || (converts(one) && taken.iter().any(converts)),
            "{one:?} is not understood by a receiver of {taken:?} in {name}"
        );
    }
    let first = sent.first().is_some_and(|first| knows(taken, first));
    assert!(
        first || !sent.iter().any(|one| knows(taken, one)),
        "of {sent:?} the first is converted for a receiver of {taken:?} in {name}"
    );
}

/// No payload type means two codecs, and sender and receiver have a codec in common.
fn understood(name: &str, sent: &[Payload], taken: &[Payload]) {
    let mut common = 0;
    for one in sent {
        if let Some(other) = taken.iter().find(|other| other.number == one.number) {
            assert_eq!(one.codec, other.codec, "what number {} means in {name}", one.number);
            common += usize::from(one.codec != "TELEPHONE-EVENT");
        }
    }
    assert!(
        common > 0,
        "{sent:?} is not understood by a receiver of {taken:?} in {name}"
    );
}
