//! Records of calls, and the events that observers saw.

use std::collections::{BTreeMap, HashSet};

use switch::{CallUid, Cdr, Disposition, Event, LinkKind};
use tests::{Phase, phone::PhoneCall};

use crate::life::Life;

/// Every call that began for observers ended for them, once.
pub fn events_are_paired(life: &mut Life) {
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
}

/// Times are in order, the code fits the disposition, and a call is decided within the longest setup time.
pub fn are_sound(life: &mut Life) {
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
        let waited = cdr.answered_at.unwrap_or(cdr.ended_at) - cdr.open.started_at;
        let longest = i64::try_from(life.config.limits.setup.as_micros()).unwrap();
        assert!(waited <= longest, "the call was not decided in time: {cdr:?}");
    }
}

/// The segments of a record tile the time of its call: no gap, no overlap.
pub fn are_tiled(life: &mut Life) {
    for cdr in &life.world.cdrs {
        assert!(cdr.is_tiled(), "{cdr:?}");
    }
}

/// If a record names another call, the record of that one names the call as well, with the opposite word. A party that
/// came back brings a second link to a call whose record is closed by then, and which names the call already.
pub fn are_linked_both_ways(life: &mut Life) {
    let cdrs = &life.world.cdrs;
    let links: HashSet<(CallUid, CallUid, LinkKind)> = cdrs
        .iter()
        .flat_map(|cdr| cdr.links.iter().map(|link| (cdr.open.call_id, link.call, link.how)))
        .collect();
    for (from, to, how) in &links {
        let back = |how| links.contains(&(*to, *from, how));
        let linked = match how {
            LinkKind::TransferredTo => back(LinkKind::TransferredFrom),
            LinkKind::TransferredFrom => back(LinkKind::TransferredTo) || back(LinkKind::TransferredFrom),
            LinkKind::Joined => back(LinkKind::JoinedBy),
            LinkKind::JoinedBy => back(LinkKind::Joined),
        };
        assert!(linked, "{from} has the link {how:?} to {to}, which has none back");
    }
}

/// Whenever two phones heard each other, some record says that these two talked then.
pub fn tell_who_talked(life: &mut Life) {
    let mut segments: BTreeMap<(&str, &str), Vec<(i64, i64)>> = BTreeMap::new();
    for segment in life.world.cdrs.iter().flat_map(|cdr| &cdr.segments) {
        let (party, with) = (segment.party.as_str(), segment.with.as_str());
        let pair = if party <= with { (party, with) } else { (with, party) };
        segments.entry(pair).or_default().push((segment.from, segment.to));
    }
    for (one, other, at) in &life.seen.talks {
        let pair = if one <= other { (one, other) } else { (other, one) };
        let spans = segments.get(&(pair.0.as_str(), pair.1.as_str()));
        let told = spans.is_some_and(|spans| spans.iter().any(|(from, to)| from <= at && at <= to));
        assert!(told, "{one} and {other} talked at {at}, which no record says");
    }
}

/// Each call that a phone made and that has records, with those records. There are several where an INVITE came
/// again much later.
fn with_records(life: &Life, check: impl Fn(&PhoneCall, &[&Cdr])) {
    let mut records: BTreeMap<&str, Vec<&Cdr>> = BTreeMap::new();
    for cdr in &life.world.cdrs {
        records.entry(&cdr.open.sip_call_id).or_default().push(cdr);
    }
    let calls = life.world.phones.iter().flat_map(|phone| &phone.calls);
    for call in calls.filter(|call| !call.incoming) {
        let Some(cdrs) = records.get(call.invite.call_id()) else {
            continue;
        };
        // A request that proves nothing is refused and forgotten. Its retransmission may find the account again, and
        // makes a call that the phone does not know of.
        let locked_out = cdrs
            .iter()
            .any(|cdr| life.incidents.locked_out.contains(&cdr.open.from));
        if !(locked_out && matches!(call.phase, Phase::Over(401))) {
            check(call, cdrs);
        }
    }
}

fn answered(cdrs: &[&Cdr]) -> bool {
    cdrs.iter().any(|cdr| cdr.answered_at.is_some())
}

/// A caller that was answered has a record that says so.
pub fn know_of_answers(life: &mut Life) {
    with_records(life, |call, cdrs| {
        let right = answered(cdrs) || !call.was_answered();
        assert!(right, "the caller was answered: {cdrs:?}");
    });
}

/// A caller and its record agree on whether the call was answered. Further records of its leg are those of the calls
/// it was transferred to.
pub fn are_those_of_the_callers(life: &mut Life) {
    with_records(life, |call, cdrs| {
        let agrees = |cdr: &&Cdr| cdr.answered_at.is_some() == call.was_answered();
        assert!(call.given || cdrs.iter().any(agrees), "{cdrs:?}");
        // A script may move its caller, too.
        let linked = cdrs.iter().all(|cdr| !cdr.links.is_empty());
        assert!(
            cdrs.len() == 1 || life.chances.transfers.is_some() || linked,
            "{cdrs:?}"
        );
    });
}

/// The final code that the caller got is the code of its record. A phone that hears nothing says 408 itself, and a
/// phone that lost power has no code. A phone whose place was given away got the code of that; its call goes on.
pub fn have_the_code_of_the_caller(life: &mut Life) {
    with_records(life, |call, cdrs| {
        if let Phase::Over(code @ (300..=407 | 409..)) = call.phase
            && !call.given
        {
            let same = cdrs.iter().any(|cdr| cdr.sip_code == code);
            assert!(same, "the caller was told {code}: {cdrs:?}");
        }
    });
}
