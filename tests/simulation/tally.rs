//! Counts over all worlds: a simulation in which nothing happens proves nothing.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

use switch::{Disposition, Event, RecordingEnd, Unparked};

use crate::life::Life;

/// Counts over worlds.
#[derive(Default)]
pub struct Tally {
    /// Worlds played.
    pub worlds: u64,
    /// Calls, each with one record.
    pub calls: u64,
    dispositions: BTreeMap<&'static str, u64>,
    counts: BTreeMap<&'static str, u64>,
}

/// The ends of calls.
const DISPOSITIONS: [(Disposition, &str); 6] = [
    (Disposition::Answered, "answered"),
    (Disposition::Busy, "busy"),
    (Disposition::NoAnswer, "not answered"),
    (Disposition::Cancelled, "given up"),
    (Disposition::Rejected, "rejected"),
    (Disposition::Failed, "failed"),
];

/// Everything that is counted, and how often it must happen in ten thousand calls; 0: once in all of them.
const NEEDED: &[(&str, u64)] = &[
    ("datagrams lost", 100),
    ("datagrams doubled", 100),
    ("changes refused", 100),
    ("pairs of phones that talked", 100),
    ("phones heard through the media engine", 100),
    ("keys passed on", 100),
    ("texts passed on within calls", 100),
    ("texts delivered", 100),
    ("answers and CANCELs of others", 100),
    ("messages with needless fields", 100),
    ("messages with keep-alives around them", 100),
    ("callers told of a queue, a forward, a callee that gave up", 100),
    ("callees that hung up before they answered", 0),
    ("first offers of one direction, for the callee", 100),
    ("calls described oddly", 100),
    ("transfers accepted", 100),
    ("transfers that reached their target", 100),
    ("transfers that came back", 100),
    ("phones replaced", 100),
    ("recordings", 100),
    ("recordings that failed", 0),
    ("members of conferences", 100),
    ("members that met others", 0),
    ("provisional responses with a PRACK", 100),
    ("parties on hold that heard music", 2),
    ("calls parked", 100),
    ("parked calls taken", 2),
    ("parked calls that returned", 0),
    ("calls picked up", 10),
    ("pages that phones heard", 0),
    ("subscriptions", 100),
    ("subscriptions refused", 10),
    ("documents of subscriptions", 1_000),
    ("lamps compared with the switch", 100),
    ("documents published", 50),
    ("keys that set what the extension wants", 5),
    ("texts kept", 100),
    ("kept texts delivered", 100),
    ("restarts", 10),
];

impl Tally {
    /// Of one world.
    pub fn of(life: &Life) -> Self {
        let mut tally = Self {
            worlds: 1,
            calls: life.world.opened.len() as u64,
            ..Self::default()
        };
        for cdr in &life.world.cdrs {
            let name = DISPOSITIONS.iter().find(|(end, _)| *end == cdr.disposition);
            let (_, name) = name.expect("every end of a call has a name here");
            *tally.dispositions.entry(name).or_default() += 1;
        }
        let (net, counts) = (&life.world.net, &life.counts);
        tally.add("datagrams lost", net.lost);
        tally.add("datagrams doubled", net.doubled);
        tally.add("messages with keep-alives around them", life.world.streams.kept_alive);
        tally.add("pairs of phones that talked", counts.talks);
        tally.add("phones heard through the media engine", counts.said);
        tally.add("answers and CANCELs of others", counts.spoofed);
        tally.add("parties on hold that heard music", counts.music);
        tally.add("lamps compared with the switch", counts.compared);
        tally.add("documents published", counts.published);
        tally.add("keys that set what the extension wants", counts.keys);
        tally.add("restarts", counts.restarts);
        tally.add("calls picked up", life.world.picked_up);
        tally.add("pages that phones heard", life.world.paged);
        for phone in &life.world.phones {
            tally.phone(phone);
        }
        tally.transfers(life);
        tally.services(life);
        tally.texts(life);
        tally
    }

    fn add(&mut self, name: &'static str, count: u64) {
        debug_assert!(NEEDED.iter().any(|(needed, _)| *needed == name), "{name}");
        *self.counts.entry(name).or_default() += count;
    }

    fn phone(&mut self, phone: &tests::Phone) {
        self.add("messages with needless fields", phone.spoilt);
        self.add(
            "callers told of a queue, a forward, a callee that gave up",
            phone.states,
        );
        self.add("provisional responses with a PRACK", phone.pracked);
        self.add("texts delivered", phone.texts.len() as u64);
        for call in &phone.calls {
            let texts = call.passed.iter().filter(|body| body.starts_with("text")).count() as u64;
            self.add("texts passed on within calls", texts);
            self.add("keys passed on", call.passed.len() as u64 - texts);
            self.add(
                "changes refused",
                call.change_code.is_some_and(|code| code >= 400).into(),
            );
            self.add("callees that hung up before they answered", call.left.into());
            let directed = call.incoming && call.is_one_way();
            self.add("first offers of one direction, for the callee", directed.into());
            let odd = phone.mood.odd_sdp.is_some() && call.was_answered();
            self.add("calls described oddly", odd.into());
        }
        for lamp in &phone.lamps {
            let refused = lamp.code.is_some_and(|code| (400..481).contains(&code) || code == 489);
            let granted = lamp.granted.is_some();
            self.add("subscriptions", granted.into());
            self.add("subscriptions refused", (refused && !granted).into());
            self.add("documents of subscriptions", lamp.documents.len() as u64);
        }
    }

    fn transfers(&mut self, life: &Life) {
        let calls = life.world.phones.iter().flat_map(|phone| &phone.calls);
        for call in calls {
            let ends = call.transfer.notices.iter().filter(|notice| notice.is_last());
            for notice in ends {
                let reached = notice.code < 300;
                self.add("transfers that reached their target", reached.into());
                self.add("transfers that came back", (!reached).into());
            }
            self.add("transfers accepted", (call.transfer.code == Some(202)).into());
            let replaces = call.invite.header(sip::HeaderName::Replaces).is_some();
            self.add("phones replaced", (replaces && call.was_answered()).into());
        }
    }

    fn services(&mut self, life: &Life) {
        let ended = life.world.recordings.values().filter_map(|one| one.ended.as_ref());
        for ended in ended {
            self.add("recordings", 1);
            self.add("recordings that failed", (ended.end == RecordingEnd::Failed).into());
        }
        let mut inside: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &life.world.events {
            match event {
                Event::ConferenceJoined { room, .. } => {
                    let members = inside.entry(room).or_default();
                    *members += 1;
                    let met = *members > 1;
                    self.add("members of conferences", 1);
                    self.add("members that met others", met.into());
                }
                Event::ConferenceLeft { room, .. } => {
                    let members = inside.entry(room).or_default();
                    *members = members.saturating_sub(1);
                }
                Event::ParkedAdded(_) => self.add("calls parked", 1),
                Event::ParkedRemoved { why, .. } => {
                    self.add("parked calls taken", (*why == Unparked::Retrieved).into());
                    self.add("parked calls that returned", (*why == Unparked::Returned).into());
                }
                _ => {}
            }
        }
    }

    fn texts(&mut self, life: &Life) {
        let got = life.world.phones.iter().flat_map(|phone| &phone.texts);
        let got: std::collections::BTreeSet<&str> = got.map(String::as_str).collect();
        self.add("texts kept", life.world.was_kept.len() as u64);
        for (_, message) in &life.world.was_kept {
            let is_there = got.contains(&*String::from_utf8_lossy(&message.body));
            self.add("kept texts delivered", is_there.into());
        }
    }

    /// What happened too seldom to prove anything.
    pub fn lacks(&self) -> Vec<String> {
        if self.calls < 10_000 {
            return Vec::new(); // too few to tell
        }
        let enough = |count: u64, least: u64| count > 0 && count * 10_000 >= self.calls * least;
        let lacks =
            |(name, count, least): (&str, u64, u64)| (!enough(count, least)).then(|| format!("{name}: {count}"));
        let counts = NEEDED
            .iter()
            .map(|(name, least)| (*name, self.counts.get(name).copied().unwrap_or_default(), *least));
        let ends = DISPOSITIONS.map(|(_, name)| (name, self.dispositions.get(name).copied().unwrap_or_default(), 100));
        counts.chain(ends).filter_map(lacks).collect()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.calls += other.calls;
        for (name, count) in other.dispositions {
            *self.dispositions.entry(name).or_default() += count;
        }
        for (name, count) in other.counts {
            *self.counts.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls in {} worlds", self.calls, self.worlds)?;
        let ends = self.dispositions.iter().map(|(name, count)| (*name, *count));
        let counts = NEEDED
            .iter()
            .map(|(name, _)| (*name, self.counts.get(name).copied().unwrap_or_default()));
        for (name, count) in ends.chain(counts) {
            write!(f, ", {count} {name}")?;
        }
        Ok(())
    }
}
