//! What must be so at the end of a world.

use std::collections::BTreeMap;

use media::{Payload, PortId, Remote};
use switch::{CallUid, Cdr, Disposition, Event};
use tests::{Phase, phone::PhoneCall};

use crate::life::Life;

/// Nothing of any call is left in the switch and beside it.
pub fn nothing_left(life: &mut Life) {
    life.world.expect_nothing_left();
    let bound = life.world.stats().registrations;
    assert_eq!(
        bound,
        life.world.bindings.len() as u64,
        "what is bound is on disk, and the other way round"
    );
    if life.calm {
        for phone in &life.world.phones {
            let open = phone.calls.iter().filter(|call| !matches!(call.phase, Phase::Over(_)));
            assert_eq!(
                open.count(),
                0,
                "{} is in a call that the switch has ended",
                phone.number
            );
        }
    }
}

/// Phones and switch agree on what is sent and heard, and so do the two phones of a call, once all have had time to.
pub fn sessions_agree(life: &mut Life) {
    let engine = &life.world.engine;
    let mut talking: BTreeMap<PortId, (Remote, &PhoneCall)> = BTreeMap::new();
    for (id, port) in &engine.ports {
        let Some(expected) = port.remote.as_ref().map(|remote| &remote.expected) else {
            continue;
        };
        let alike = engine.ports.values().filter(|other| {
            let remote = other.remote.as_ref();
            other.local_port == port.local_port && remote.is_none_or(|remote| &remote.expected == expected)
        });
        let phones = life.world.phones.iter();
        let calls = phones
            .filter(|phone| expected.contains(&phone.address.ip()))
            .flat_map(|phone| &phone.calls);
        let mut found = calls.filter(|call| {
            let known = call.media().rtp.is_some_and(|rtp| rtp.port() == port.local_port);
            known && call.phase == Phase::Up
        });
        // With several calls of one phone on one port it is not said which is which.
        if let (Some(call), None, 1) = (found.next(), found.next(), alike.count())
            && call.may_change()
        {
            talking.insert(*id, (call.media(), call));
        }
    }
    let mut pairs = 0;
    for (id, (phone, call)) in &talking {
        let name = call.invite.call_id();
        let (sends, hears) = (phone.direction.send, phone.direction.receive);
        let port = &engine.ports[id];
        let Some(remote) = &port.remote else { continue };
        assert_eq!(
            (remote.direction.receive, remote.direction.send),
            (sends, hears),
            "what the switch takes and sends, and what the phone sends and hears, in {name}"
        );
        understood(name, &phone.send_payloads, &remote.receive_payloads);
        understood(name, &remote.send_payloads, &phone.receive_payloads);
        let Some((other, other_call)) = port.bridged.and_then(|other| talking.get(&other)) else {
            continue;
        };
        // Two phones of which each sticks to what it said cannot be brought together.
        if call.refused > 0 && other_call.refused > 0 {
            continue;
        }
        let other_name = other_call.invite.call_id();
        assert_eq!(
            (sends, hears),
            (other.direction.receive, other.direction.send),
            "one of two phones sends what the other hears, in {name} and {other_name}"
        );
        pairs += 1;
    }
    life.talks += pairs / 2;
}

/// No number means two codecs, and there is one that both know.
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
        "{sent:?} is not understood by who takes {taken:?} in {name}"
    );
}

/// No phone is in a call or waits for anything.
pub fn phones_are_idle(life: &Life) {
    for phone in &life.world.phones {
        assert_eq!(
            phone.transactions(),
            0,
            "{} waits for something: {:?}",
            phone.address,
            phone.open()
        );
        for call in &phone.calls {
            assert!(
                matches!(call.phase, Phase::Over(_)),
                "{} is still in a call: {:?}",
                phone.address,
                call.phase
            );
        }
    }
}

/// Every call began and ended once, for observers as on disk, and its record fits what its phones saw.
pub fn records_are_right(life: &Life) {
    let mut heard: BTreeMap<CallUid, (u32, u32)> = BTreeMap::new();
    for event in &life.world.events {
        match event {
            Event::CallStarted(call) => heard.entry(call.id).or_default().0 += 1,
            Event::CallEnded(cdr) => heard.entry(cdr.open.call_id).or_default().1 += 1,
            _ => {}
        }
    }
    for (call, times) in &heard {
        assert_eq!(*times, (1, 1), "{call} began and ended once");
    }
    let mut records: BTreeMap<&str, Vec<&Cdr>> = BTreeMap::new();
    for cdr in &life.world.cdrs {
        let answered = cdr.answered_at.is_some();
        assert_eq!(answered, cdr.disposition == Disposition::Answered, "{cdr:?}");
        assert_eq!(answered, cdr.sip_code == 200, "{cdr:?}");
        assert!(
            cdr.open.started_at <= cdr.answered_at.unwrap_or(cdr.ended_at),
            "{cdr:?}"
        );
        assert!(
            cdr.answered_at.unwrap_or(cdr.open.started_at) <= cdr.ended_at,
            "{cdr:?}"
        );
        records.entry(&cdr.open.sip_call_id).or_default().push(cdr);
    }
    let calls = life.world.phones.iter().flat_map(|phone| &phone.calls);
    for call in calls.filter(|call| !call.incoming && !life.restarted) {
        if let Some(cdrs) = records.get(call.invite.call_id()) {
            told_the_same(call, cdrs, life.calm);
        }
    }
}

/// What the caller was told is in the record: one of several, where an INVITE came again much later.
fn told_the_same(call: &PhoneCall, cdrs: &[&Cdr], calm: bool) {
    let answered = cdrs.iter().any(|cdr| cdr.answered_at.is_some());
    assert!(answered || call.dialog.is_none(), "the caller was answered: {cdrs:?}");
    if calm {
        assert_eq!((answered, cdrs.len()), (call.dialog.is_some(), 1), "{cdrs:?}");
    }
    // Where nothing is heard of the switch, the phone itself says 408; what is lost with the phone has no end.
    if let Phase::Over(code @ (300..=407 | 409..)) = call.phase {
        let same = cdrs.iter().any(|cdr| cdr.sip_code == code);
        assert!(same, "the caller was told {code}: {cdrs:?}");
    }
}
