//! How many entries every table holds: shows a test, or an engineer who looks for a leak, that nothing is left over.

use super::Switch;
use crate::locations::Peer;

impl Switch {
    /// How many entries each table of the switch holds now, by the table's name.
    ///
    /// All are zero once the last call, and the transactions it leaves behind, are over. Bindings,
    /// accounts and the memory of sources and nonces are not among them: those outlive calls, and
    /// have limits of their own.
    pub fn held(&self) -> [(&'static str, usize); 25] {
        let (x, stack) = (&self.x, &self.x.stack);
        let (conferences, members) = x.conferences.count();
        [
            ("calls", self.calls.len()),
            ("calls by id", self.by_uid.len()),
            (
                "scripts",
                self.calls.iter().filter(|call| call.call.script.is_there()).count(),
            ),
            ("legs", x.legs.len()),
            ("conferences and their members", conferences + members),
            ("parked calls", x.parking.len()),
            ("recordings in progress", x.recordings.len()),
            ("busy parties", x.activity.len()),
            ("dialogs", stack.dialogs.of_calls()),
            ("transactions", stack.layer.client_count() + stack.layer.server_count()),
            ("the transaction layer's tables", stack.layer.held()),
            ("tries of our own requests", stack.requests.transactions()),
            ("owners of server transactions", stack.servers.len()),
            ("our own requests", stack.requests.len()),
            ("timers", stack.timers.len()),
            ("media ports", stack.pool.in_use()),
            ("owners of media ports", stack.ports.len()),
            ("legs whose media is being closed", stack.outputs.closing.len()),
            ("queries", x.queries.len()),
            ("requests and dialogs of the proxy", x.outside.proxied.held()),
            ("look-ups of trunks", x.outside.trunks.open()),
            (
                "legs on their way, REFERs, NOTIFYs under way",
                x.handovers.len() + x.subscribed.refers.len() + x.subscribed.table.under_way(),
            ),
            ("REGISTERs being stored", x.registrar.waiting()),
            ("phones being woken", x.locations.sleepers.len()),
            (
                "deliveries, events and outputs",
                self.ingress.deliveries.len()
                    + self.ingress.outside.len()
                    + self.ingress.arrivals.len()
                    + stack.leg_events.len()
                    + stack.outputs.len(),
            ),
        ]
    }

    /// How many entries the tables have that outlive calls, by the table's name: subscriptions, contacts, messages that are
    /// kept. A test compares them with what is on disk.
    pub fn lasting(&self) -> [(&'static str, usize); 5] {
        let x = &self.x;
        [
            ("subscriptions, with their names and timers", x.subscribed.table.held()),
            ("dialogs of subscriptions", x.stack.dialogs.of_subscriptions()),
            ("contacts", x.registrar.len()),
            ("kept messages", self.ingress.absent.len()),
            ("queues of kept messages", self.ingress.absent.queues()),
        ]
    }

    /// The lines of an extension, the oldest first: whether it calls (else it is called), how far the line is in the
    /// words of the admin API, and whom it is connected with or is to be, as its phone is told.
    pub fn lines(&self, number: &str) -> Vec<(bool, &'static str, String)> {
        let lines = self.x.activity.of(&Peer::extension(number)).iter();
        lines
            .map(|line| (line.calls, line.state.as_str(), line.with.to_string()))
            .collect()
    }
}
