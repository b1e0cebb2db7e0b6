//! Counts over all worlds: a simulation in which nothing happens proves nothing.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

use switch::{Disposition, Event, RecordingEnd};

use crate::life::Life;

/// Counts over worlds.
#[derive(Default)]
pub struct Tally {
    /// Worlds played.
    pub worlds: u64,
    /// Calls, each with one record.
    pub calls: u64,
    dispositions: BTreeMap<&'static str, u64>,
    lost: u64,
    doubled: u64,
    refused_changes: u64,
    talks: u64,
    said: u64,
    keys: u64,
    texts: u64,
    lines: u64,
    spoofed: u64,
    spoilt: u64,
    kept_alive: u64,
    states: u64,
    left: u64,
    directed: u64,
    odd: u64,
    transfers: Transfers,
    services: Services,
}

/// Counts of recordings and conferences.
#[derive(Copy, Clone, Default)]
struct Services {
    /// Recordings that have ended.
    recordings: u64,
    /// Recordings that failed.
    failed: u64,
    /// Members that entered a conference.
    members: u64,
    /// Members that met another member there.
    met: u64,
}

/// Counts of transfers.
#[derive(Copy, Clone, Default)]
struct Transfers {
    /// REFERs accepted.
    accepted: u64,
    /// Transferors told that the target has answered.
    done: u64,
    /// Transferors told that the target was not reached.
    back: u64,
    /// Calls with Replaces that were answered.
    replaced: u64,
}

impl Tally {
    /// Of one world.
    pub fn of(life: &Life) -> Self {
        let mut tally = Self {
            worlds: 1,
            calls: life.world.opened.len() as u64,
            lost: life.world.net.lost,
            doubled: life.world.net.doubled,
            talks: life.counts.talks,
            said: life.counts.said,
            spoofed: life.counts.spoofed,
            spoilt: life.world.phones.iter().map(|phone| phone.spoilt).sum(),
            kept_alive: life.world.streams.kept_alive,
            ..Self::default()
        };
        for cdr in &life.world.cdrs {
            let name = match cdr.disposition {
                Disposition::Answered => "answered",
                Disposition::Busy => "busy",
                Disposition::NoAnswer => "not answered",
                Disposition::Cancelled => "given up",
                Disposition::Rejected => "rejected",
                Disposition::Failed => "failed",
            };
            *tally.dispositions.entry(name).or_default() += 1;
        }
        for phone in &life.world.phones {
            let passed = phone.calls.iter().flat_map(|call| &call.passed);
            let (lines, keys): (Vec<_>, Vec<_>) = passed.partition(|body| body.starts_with("text"));
            tally.lines += lines.len() as u64;
            tally.keys += keys.len() as u64;
            tally.texts += phone.texts.len() as u64;
        }
        let changes = life.world.phones.iter().flat_map(|phone| &phone.calls);
        let refused = changes.filter(|call| call.change_code.is_some_and(|code| code >= 400));
        tally.refused_changes = refused.count() as u64;
        tally.first_words(life);
        tally.transfers(life);
        tally.services(life);
        tally
    }

    fn transfers(&mut self, life: &Life) {
        let calls = life.world.phones.iter().flat_map(|phone| &phone.calls);
        for call in calls {
            let ends = call.transfer.notices.iter().filter(|notice| notice.is_last());
            for notice in ends {
                let reached = notice.code < 300;
                self.transfers.done += u64::from(reached);
                self.transfers.back += u64::from(!reached);
            }
            self.transfers.accepted += u64::from(call.transfer.code == Some(202));
            let replaces = call.invite.header(sip::HeaderName::Replaces).is_some();
            self.transfers.replaced += u64::from(replaces && call.was_answered());
        }
    }

    fn services(&mut self, life: &Life) {
        let ended = life.world.recordings.values().filter_map(|one| one.ended.as_ref());
        for ended in ended {
            self.services.recordings += 1;
            self.services.failed += u64::from(ended.end == RecordingEnd::Failed);
        }
        let mut inside: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &life.world.events {
            match event {
                Event::ConferenceJoined { room, .. } => {
                    let members = inside.entry(room).or_default();
                    *members += 1;
                    self.services.members += 1;
                    self.services.met += u64::from(*members > 1);
                }
                Event::ConferenceLeft { room, .. } => {
                    let members = inside.entry(room).or_default();
                    *members = members.saturating_sub(1);
                }
                _ => {}
            }
        }
    }

    /// The provisional responses before calls were answered, and their form.
    fn first_words(&mut self, life: &Life) {
        for phone in &life.world.phones {
            self.states += phone.states;
            for call in &phone.calls {
                self.left += u64::from(call.left);
                self.directed += u64::from(call.incoming && call.is_one_way());
                self.odd += u64::from(phone.mood.odd_sdp.is_some() && call.was_answered());
            }
        }
    }

    /// Panics where something that is to be proved happened too seldom.
    pub fn is_worth_something(&self) {
        if self.calls < 10_000 {
            return; // too few to tell
        }
        for (name, count) in [
            ("datagrams lost", self.lost),
            ("datagrams doubled", self.doubled),
            ("refused changes", self.refused_changes),
            ("pairs of phones that talked", self.talks),
            ("phones that were heard through the media engine", self.said),
            ("keys passed on", self.keys),
            ("texts passed on within calls", self.lines),
            ("texts delivered", self.texts),
            ("answers and CANCELs of others", self.spoofed),
            ("messages with needless fields", self.spoilt),
            ("messages with keep-alives around them", self.kept_alive),
            ("calls queued, forwarded or given up, for the caller", self.states),
            ("first offers of one direction, for the callee", self.directed),
            ("odd descriptions", self.odd),
            ("transfers accepted", self.transfers.accepted),
            ("transfers that reached their target", self.transfers.done),
            ("transfers that came back", self.transfers.back),
            ("phones replaced", self.transfers.replaced),
            ("recordings", self.services.recordings),
            ("members of conferences", self.services.members),
        ] {
            assert!(count * 100 >= self.calls, "too few {name} to prove anything: {count}");
        }
        assert!(self.left > 0, "no callee hung up before it answered");
        assert!(self.services.met > 0, "no two members met in a conference");
        assert!(self.services.failed > 0, "no recording failed");
        assert_eq!(
            self.dispositions.len(),
            6,
            "calls end in every way: {:?}",
            self.dispositions
        );
        for (name, count) in &self.dispositions {
            assert!(
                count * 100 >= self.calls,
                "too few calls {name}: {count} of {}",
                self.calls
            );
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.calls += other.calls;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.refused_changes += other.refused_changes;
        self.talks += other.talks;
        self.said += other.said;
        self.keys += other.keys;
        self.lines += other.lines;
        self.texts += other.texts;
        self.spoofed += other.spoofed;
        self.spoilt += other.spoilt;
        self.kept_alive += other.kept_alive;
        self.states += other.states;
        self.left += other.left;
        self.directed += other.directed;
        self.odd += other.odd;
        self.transfers.accepted += other.transfers.accepted;
        self.transfers.done += other.transfers.done;
        self.transfers.back += other.transfers.back;
        self.transfers.replaced += other.transfers.replaced;
        self.services.recordings += other.services.recordings;
        self.services.failed += other.services.failed;
        self.services.members += other.services.members;
        self.services.met += other.services.met;
        for (name, count) in other.dispositions {
            *self.dispositions.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls in {} worlds (", self.calls, self.worlds)?;
        for (name, count) in &self.dispositions {
            write!(f, "{count} {name}, ")?;
        }
        write!(
            f,
            "{} datagrams lost, {} doubled, {} changes refused, {} talks compared, {} said and heard, {} keys and {} texts passed on, \
             {} texts delivered, {} answers and CANCELs of others, {} odd messages, {} with keep-alives, \
             {} callers told of other states than ringing, {} callees gone before they answered, {} first offers of one \
             direction, {} calls described oddly, {} transfers accepted, {} done, {} come back, {} phones replaced, \
             {} recordings, {} of them failed, {} members of conferences, {} met others)",
            self.lost,
            self.doubled,
            self.refused_changes,
            self.talks,
            self.said,
            self.keys,
            self.lines,
            self.texts,
            self.spoofed,
            self.spoilt,
            self.kept_alive,
            self.states,
            self.left,
            self.directed,
            self.odd,
            self.transfers.accepted,
            self.transfers.done,
            self.transfers.back,
            self.transfers.replaced,
            self.services.recordings,
            self.services.failed,
            self.services.members,
            self.services.met,
        )
    }
}
