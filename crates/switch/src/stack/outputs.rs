//! What the switch gives out, in order, until the shell takes it.

use std::collections::VecDeque;

use crate::{
    api::{Output, QueryId, Transmit},
    tables::room::Room,
};

/// The outputs that wait, and what is counted of them.
#[derive(Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
    sent: u64,
    last_query: u64,
}

impl Outputs {
    /// One more, the last.
    pub fn push_back(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// The first one.
    pub fn pop_front(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// A message, which is counted.
    pub fn transmit(&mut self, transmit: Transmit) {
        self.sent += 1;
        self.push_back(Output::Transmit(transmit));
    }

    /// Messages given out, retransmissions included.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// A number for a question to the outside.
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
