//! The state that the switch still holds.

use std::collections::BTreeSet;

use switch::{CallUid, Input};

use super::World;

impl World {
    /// Closes the records that a killed switch left open, as the store does at its start. Returns their number.
    pub fn interrupted(&mut self) -> usize {
        let closed: BTreeSet<CallUid> = self.cdrs.iter().map(|cdr| cdr.open.call_id).collect();
        let before = self.opened.len();
        self.answered.clear();
        self.opened.retain(|call| closed.contains(call));
        before - self.opened.len()
    }

    /// The counters and gauges of the switch.
    pub fn stats(&mut self) -> switch::Stats {
        self.handle(Input::Command {
            id: switch::CommandId(0),
            command: switch::Command::Stats,
        });
        match self.replies.pop() {
            Some(Ok(switch::Reply::Stats(stats))) => *stats,
            other => panic!("{other:?}"),
        }
    }

    /// Panics if a call, leg, transaction, port or script is left, or if a call has not exactly one record.
    pub fn expect_nothing_left(&mut self) {
        let stats = self.stats();
        let left = (
            stats.calls,
            stats.legs,
            stats.transactions,
            stats.media_ports,
            stats.scripts,
        );
        assert_eq!(
            left,
            (0, 0, 0, 0, 0),
            "calls, legs, transactions, ports, scripts left\n{}",
            self.ladder
        );
        for (table, entries) in self.switch.held() {
            assert_eq!(entries, 0, "{table} left over\n{}", self.ladder);
        }
        assert!(
            self.ports.is_empty(),
            "media ports left open: {:?}\n{}",
            self.ports,
            self.ladder
        );
        assert_eq!(
            self.engine.sounding.legs(),
            0,
            "legs left in the media engine\n{}",
            self.ladder
        );
        let rooms = (&self.engine.rooms, &self.engine.recordings);
        assert!(
            rooms.0.is_empty() && rooms.1.is_empty(),
            "rooms and recordings of the engine left: {rooms:?}\n{}",
            self.ladder
        );
        let open = self.recordings.values().find(|recording| recording.ended.is_none());
        assert!(open.is_none(), "a recording has no end: {open:?}\n{}", self.ladder);
        let services = &stats.services;
        let services = (services.conferences, services.conference_members, services.recordings);
        assert_eq!(services, (0, 0, 0), "conferences, members, recordings left");
        // Messages for phones that are away stay, as long as they are on disk.
        assert_eq!(stats.services.kept_messages, self.kept.len() as u64, "messages left");
        assert!(self.scripts.is_empty(), "scripts left\n{}", self.ladder);
        let mut closed = BTreeSet::new();
        for cdr in &self.cdrs {
            assert!(
                closed.insert(cdr.open.call_id),
                "two records of one call\n{}",
                self.ladder
            );
        }
        assert_eq!(closed, self.opened, "one record a call\n{}", self.ladder);
    }
}
