//! The outputs of the switch, in order, until the shell takes them.

use std::collections::VecDeque;

use super::{closing::Closing, journal::Journal};
use crate::{
    api::{Output, QueryId, Stats, Transmit},
    tables::room::Room,
};

/// The outputs that wait, and their counters.
#[derive(Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
    sent: u64,
    /// Counters since the start.
    pub stats: Stats,
    last_query: u64,
    /// Notes that the media engine has to complete first.
    pub closing: Closing,
    /// What lasts of calls, as it was put out last.
    pub journal: Journal,
}

impl Outputs {
    /// Adds an output at the end.
    pub fn push_back(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// Takes the first output.
    pub fn pop_front(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// Adds a message and counts it.
    pub fn transmit(&mut self, transmit: Transmit) {
        self.sent += 1;
        self.push_back(Output::Transmit(transmit));
    }

    /// How many messages were put out, including retransmissions.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// A number for a query to the outside.
    pub const fn next_query(&mut self) -> QueryId {
        self.last_query += 1;
        QueryId(self.last_query)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }
}

impl Room for Outputs {
    fn measure(&self) -> (usize, usize) {
        self.queue.measure()
    }

    fn shrink(&mut self, entries: usize) {
        self.queue.shrink(entries);
    }
}
