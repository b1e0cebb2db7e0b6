//! Messages that wait to be written on one connection.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
};

use switch::Transmit;
use tokio::{sync::Notify, time::Instant};

use super::{Limits, stream};

/// Answers kept that were written on a connection whose peer has closed its half.
const ANSWERS: usize = 16;

/// The memory that a message takes while it waits. A peer that sends pings and reads no pongs must not fill memory.
fn weight(transmit: &Transmit) -> usize {
    transmit.bytes.len() + size_of::<Transmit>()
}

/// Messages that wait to be written on one connection.
pub(super) struct Queue {
    items: RefCell<VecDeque<Transmit>>,
    bytes: Cell<usize>,
    /// The bytes of the queues of all connections together.
    all: Rc<Cell<usize>>,
    overflown: Cell<bool>,
    /// Whether the peer has closed its half: then only answers are written.
    answers: Cell<bool>,
    /// Answers that were written after that, and may not have arrived.
    answered: RefCell<Vec<Transmit>>,
    spoken: Cell<Option<Instant>>,
    pub(super) changed: Notify,
}

/// While all queues together are too long, a queue may have only this fraction (1/n) of its usual length. That is
/// enough for a peer that reads; the connection of a peer that does not read is closed.
const SCARCE: usize = 16;

impl Queue {
    pub(super) fn new(all: Rc<Cell<usize>>) -> Self {
        Self {
            items: RefCell::default(),
            bytes: Cell::new(0),
            all,
            overflown: Cell::new(false),
            answers: Cell::new(false),
            answered: RefCell::default(),
            spoken: Cell::new(None),
            changed: Notify::new(),
        }
    }

    /// Adds a message, unless that makes the queue too long; then the connection is over.
    pub(super) fn push(&self, transmit: Transmit, limits: &Limits) -> io::Result<()> {
        let weight = weight(&transmit);
        let (bytes, all) = (self.bytes.get() + weight, self.all.get() + weight);
        let most = if all > limits.write_queues {
            limits.write_queue / SCARCE
        } else {
            limits.write_queue
        };
        if bytes > most || self.overflown.get() {
            self.end();
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.bytes.set(bytes);
        self.all.set(all);
        self.items.borrow_mut().push_back(transmit);
        self.changed.notify_one();
        Ok(())
    }

    /// The next message to be written; [`Queue::written`] says when it was.
    pub(super) fn pop(&self) -> Option<Transmit> {
        self.items.borrow_mut().pop_front()
    }

    /// It has gone out.
    pub(super) fn written(&self, transmit: Transmit) {
        let weight = weight(&transmit);
        self.bytes.set(self.bytes.get().saturating_sub(weight));
        self.all.set(self.all.get().saturating_sub(weight));
        self.spoken.set(Some(Instant::now()));
        let mut answered = self.answered.borrow_mut();
        if self.answers.get() && transmit.bytes != stream::PONG && answered.len() < ANSWERS {
            answered.push(transmit);
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.get() == 0
    }

    /// The peer has closed its half.
    pub(super) fn take_answers_only(&self) {
        self.answers.set(true);
    }

    /// Takes the answers that were written since then, and may not have arrived.
    pub(super) fn answered(&self) -> Vec<Transmit> {
        self.answered.take()
    }

    /// When something last went out; if anything ever did.
    pub(super) fn spoken(&self) -> Option<Instant> {
        self.spoken.get()
    }

    pub(super) fn end(&self) {
        self.overflown.set(true);
        self.changed.notify_one();
    }

    pub(super) fn is_overflown(&self) -> bool {
        self.overflown.get()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.bytes.get()));
    }
}
