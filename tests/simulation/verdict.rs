//! What must be so at the end of a world.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use media::{Payload, PortId, Remote};
use sip::Method;
use switch::{CallUid, Cdr, Command, CommandError, Disposition, Event, Reply};
use tests::{
    Phase,
    phone::PhoneCall,
    world::{EPOCH, NETS},
};

use crate::{
    acts::SPOOFER,
    life::{CALLS, Life},
};

/// Nothing of any call is left in the switch and beside it.
pub fn nothing_left(life: &mut Life) {
    life.world.expect_nothing_left();
    let bound = life.world.stats().registrations;
    assert_eq!(
        bound,
        life.world.bindings.len() as u64,
        "what is bound is on disk, and the other way round"
    );
    let unix = EPOCH + i64::try_from(life.world.now.as_micros()).unwrap();
    for binding in life.world.bindings.values().filter(|_| !life.clock_set) {
        assert!(binding.expires_at >= unix, "{} is bound for too long", binding.contact);
    }
    if life.orderly {
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

/// How long it takes until all has been said: a phone that says 491 to everything is asked thirty times, each 4 s.
pub const ALL_SAID: Duration = Duration::from_secs(130);

/// Phones and switch agree on what is sent and heard, and so do the two phones of a call, once all have had time to:
/// [`ALL_SAID`], or a moment, where those are left out that are asked again and again.
pub fn sessions_agree(life: &mut Life, all_said: bool) {
    if life.hostile || life.restarted {
        return; // phones may be in calls that the switch does not know
    }
    let engine = &life.world.engine;
    let mut talking: BTreeMap<PortId, (Remote, &PhoneCall)> = BTreeMap::new();
    for (id, port) in &engine.ports {
        let Some(Remote { expected, rtp, .. }) = &port.remote else {
            continue;
        };
        // Calls of one phone on one port are told apart by the port that the phone announces.
        let alike = engine.ports.values().filter(|other| {
            let remote = other.remote.as_ref();
            other.local_port == port.local_port
                && remote.is_none_or(|remote| &remote.expected == expected && remote.rtp == *rtp)
        });
        let phones = life.world.phones.iter();
        let calls = phones
            .filter(|phone| !phone.mood.dead)
            .filter(|phone| all_said || phone.mood.refuses_changes != Some(491))
            .filter(|phone| expected.contains(&phone.address.ip()) && !life.cut_off.contains(&phone.address.ip()))
            .flat_map(|phone| &phone.calls);
        let mut found = calls.filter(|call| {
            let known = call.media().rtp.is_some_and(|rtp| rtp.port() == port.local_port);
            let announced = rtp.is_none_or(|rtp| call.audio_port() == Some(rtp.port()));
            known && announced && call.phase == Phase::Up
        });
        // With several that announce the same it is not said which is which.
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
        // Who was asked to send something else and refused goes on as before.
        if sends && call.refused == 0 {
            relayed(name, phone, &other.receive_payloads);
        }
        pairs += 1;
    }
    life.talks += pairs / 2;
}

/// All that one phone may send, because both sides of its leg named it, is known to the other phone. The two laws of
/// G.711 are one to whoever relays them.
fn relayed(name: &str, phone: &Remote, taken: &[Payload]) {
    let kind = |payload: &Payload| payload.codec.replace("PCMA", "PCMU");
    let knows = |those: &[Payload], one: &Payload| those.iter().any(|other| kind(other) == kind(one));
    let sent = phone.send_payloads.iter();
    let sent = sent.filter(|one| one.codec != "TELEPHONE-EVENT" && knows(&phone.receive_payloads, one));
    for one in sent {
        assert!(
            knows(taken, one),
            "{one:?} is not understood by who takes {taken:?} in {name}"
        );
    }
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

/// What is not heard any more is closed in time.
pub fn silent_ones_are_gone(life: &mut Life) {
    let now = life.world.now;
    let due = life.silent.iter().filter(|(_, by)| *by <= now);
    for (port, _) in due {
        let open = life.world.ports.contains(port);
        assert!(!open, "nothing is heard on {port:?}, and its call goes on");
    }
    life.silent.retain(|(_, by)| *by > now);
}

/// Every command is answered once, and as things are.
pub fn reply_is_right(life: &Life, command: &Command, replies: &[Result<Reply, CommandError>]) {
    let [reply] = replies else {
        panic!("{command:?} is answered once: {replies:?}");
    };
    let world = &life.world;
    let is_over = |call: &CallUid| world.cdrs.iter().any(|cdr| cdr.open.call_id == *call);
    let right = match (command, reply) {
        (Command::HangUp(_), Ok(Reply::Done)) | (Command::Stats, Ok(Reply::Stats(_))) => true,
        (Command::HangUp(call), Err(CommandError::NotFound)) => is_over(call),
        (Command::GetCall(call), Ok(Reply::Calls(calls))) => matches!(&calls[..], [one] if one.id == *call),
        (Command::GetCall(call), Err(CommandError::NotFound)) => is_over(call),
        (Command::ListCalls, Ok(Reply::Calls(calls))) => {
            let open = world.opened.iter().filter(|call| !is_over(call));
            open.eq(calls
                .iter()
                .map(|call| &call.id)
                .filter(|call| !is_over(call))
                .collect::<BTreeSet<_>>())
        }
        (Command::ListRegistrations, Ok(Reply::Registrations(_))) => true,
        (Command::RemoveRegistration(_), Ok(Reply::Done) | Err(CommandError::NotFound)) => true,
        (Command::Originate { .. }, Ok(Reply::Started(call))) => world.opened.contains(call),
        (Command::Originate { .. }, Err(CommandError::NoPhone(_) | CommandError::Busy)) => true,
        (Command::Originate { .. }, Err(CommandError::NotFound)) => false,
        (_, Ok(_) | Err(_)) => false,
    };
    assert!(right, "{command:?}: {reply:?}");
}

/// No session outlives its timer, whoever was to refresh it.
pub fn sessions_are_fresh(life: &Life) {
    let late = Duration::from_secs(5);
    for phone in life.world.phones.iter().filter(|phone| !phone.mood.dead) {
        for call in phone.calls.iter().filter(|call| call.phase == Phase::Up) {
            let fresh = call.fresh_until.is_none_or(|until| life.world.now <= until + late);
            assert!(fresh, "{} goes on without a refresh", call.invite.call_id());
        }
    }
}

/// Of a call whose record is written nothing is left soon after, but for a CANCEL to where nobody answers.
pub fn closed_calls_are_gone(replies: &[Result<Reply, CommandError>], closed: &BTreeSet<CallUid>) {
    let [Ok(Reply::Calls(calls))] = replies else {
        panic!("calls are listed: {replies:?}");
    };
    for call in calls {
        let mut legs = call.legs.iter();
        let far = !call.legs.is_empty() && legs.all(|leg| leg.remote.starts_with(OUTSIDE));
        assert!(far || !closed.contains(&call.id), "it has ended, and goes on: {call:?}");
    }
}

/// Where little is lost, nobody waits in vain.
pub fn nobody_complains(life: &Life) {
    if !life.orderly {
        return;
    }
    for phone in &life.world.phones {
        assert!(phone.complaints.is_empty(), "{}: {:?}", phone.address, phone.complaints);
        if life.calm {
            assert!(
                phone.twins.is_empty(),
                "{} answered twice, and both calls go on",
                phone.address
            );
        }
    }
}

/// Who is called by a URI.
const OUTSIDE: &str = "198.51.100.250";

/// No phone hears where another one is: neither from addresses, nor from a Call-ID or a tag, in which it names itself.
/// Only those of one extension know of each other, when they register.
pub fn nothing_leaks(life: &Life) {
    if life.hostile {
        return;
    }
    for phone in &life.world.phones {
        let own = phone.address.ip().to_string();
        let messages = phone.received.iter();
        for message in messages.filter(|message| *message.method() != Method::Register) {
            let text = String::from_utf8_lossy(message.bytes());
            for (at, net) in NETS.iter().flat_map(|net| text.match_indices(net)) {
                let colons = net.contains(':');
                let in_address = |c: char| c.is_ascii_hexdigit() || c == if colons { ':' } else { '.' };
                let end = text[at..].find(|c| !in_address(c));
                let address = &text[at..][..end.unwrap_or(text.len() - at)];
                let known = address == own || address == OUTSIDE;
                assert!(known, "{own} hears of {address}:\n{text}");
            }
        }
    }
}

/// Who has no part in a call is refused, and hears nothing else: no ACK, no BYE, no INVITE of a 302.
pub fn nobody_heeds_spoofers(life: &mut Life) {
    let spoofer = SPOOFER.parse().unwrap();
    for message in std::mem::take(life.world.wires.get_mut(&spoofer).unwrap()) {
        let refused = message.status().is_some_and(|status| status.code() >= 400);
        assert!(refused, "{message:?}");
    }
    let ports = life.world.engine.ports.values().filter_map(|port| port.remote.as_ref());
    let heard = ports
        .flat_map(|remote| &remote.expected)
        .any(|ip| SPOOFER.starts_with(&ip.to_string()));
    assert!(!heard, "somebody who has no part in a call is sent its media");
}

/// The switch and its phones do not set each other off.
pub fn nobody_storms(life: &Life) {
    let calls = life.world.opened.len().max(CALLS / 2) as u64;
    let sent = life.world.sent;
    assert!(sent <= calls * 200, "{sent} messages for {calls} calls");
}

/// What phones were told that others took has come to them.
pub fn texts_have_come(life: &Life) {
    if !life.orderly {
        return;
    }
    for phone in &life.world.phones {
        let mut seen = BTreeSet::new();
        for text in phone
            .texts
            .iter()
            .chain(phone.calls.iter().flat_map(|call| &call.passed))
        {
            if let Some(number) = text.strip_prefix("text ") {
                assert!(seen.insert(number), "{} got {text:?} twice", phone.address);
            }
        }
    }
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
        let waited = cdr.answered_at.unwrap_or(cdr.ended_at) - cdr.open.started_at;
        let longest = i64::try_from(life.config.limits.setup.as_micros()).unwrap();
        assert!(waited <= longest, "nobody decided on it in time: {cdr:?}");
        records.entry(&cdr.open.sip_call_id).or_default().push(cdr);
    }
    let calls = life.world.phones.iter().flat_map(|phone| &phone.calls);
    for call in calls.filter(|call| !call.incoming && !life.restarted) {
        if let Some(cdrs) = records.get(call.invite.call_id()) {
            told_the_same(call, cdrs, life);
        }
    }
}

/// What the caller was told is in the record: one of several, where an INVITE came again much later.
fn told_the_same(call: &PhoneCall, cdrs: &[&Cdr], life: &Life) {
    // Whoever proves nothing is told so and forgotten: a repetition may find its account again, and call for nobody.
    let locked_out = cdrs.iter().any(|cdr| life.locked_out.contains(&cdr.open.from));
    if locked_out && matches!(call.phase, Phase::Over(401)) {
        return;
    }
    let answered = cdrs.iter().any(|cdr| cdr.answered_at.is_some());
    assert!(answered || call.dialog.is_none(), "the caller was answered: {cdrs:?}");
    if life.orderly {
        assert_eq!((answered, cdrs.len()), (call.dialog.is_some(), 1), "{cdrs:?}");
    }
    // Where nothing is heard of the switch, the phone itself says 408; what is lost with the phone has no end.
    if let Phase::Over(code @ (300..=407 | 409..)) = call.phase
        && !life.hostile
    {
        let same = cdrs.iter().any(|cdr| cdr.sip_code == code);
        assert!(same, "the caller was told {code}: {cdrs:?}");
    }
}
