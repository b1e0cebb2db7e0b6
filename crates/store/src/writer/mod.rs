//! Writes of calls and registrations, gathered into few transactions.

mod batch;
mod task;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use records::{
    BindingChange, CallUid, Cdr, CdrAnswer, CdrOpen, KeptMessage, LegQuality, Recording, SubscriptionChange,
};
use tokio::sync::{mpsc, oneshot};

use crate::{Options, StoreError, open::WriteHalf};

/// A handle to the writer, for the records of one SIP domain. Clones are cheap; all handles of a [`crate::Store`] lead to
/// the same writer.
///
/// A write is committed at once when nothing else is being written; writes that arrive during a commit share
/// the next transaction. There are two kinds:
///
/// - **Promises** ([`Writer::save_bindings`], [`Writer::save_subscription`], [`Writer::open_cdr`],
///   [`Writer::keep_message`]) have a task that waits. Their
///   [`Durable`] says when they are on the disk, or why not: when a transaction fails, every promise that
///   waits is told so at once. Changes to bindings are forgotten then (the phone is told 500); the call goes
///   on, and the beginning of its record becomes a note. With more than [`Options::queue`] rows waiting, new
///   ones are refused with [`StoreError::Overloaded`].
/// - **Notes** ([`Writer::answer_cdr`], [`Writer::close_cdr`], [`Writer::recording`], [`Writer::subscriptions`],
///   [`Writer::forget`]) have no task that waits: they are tried again until
///   they are written (disk full, database locked). They are taken while promises are refused. There is one
///   for each contact that was let in, a call record or two for each call, and two rows for each recording; as people may call for as
///   long as nothing can be written, a record that comes when [`Options::notes`] rows wait goes to the log
///   instead, so that memory stays bounded.
#[derive(Clone)]
pub struct Writer {
    domain: Domain,
    queue: mpsc::UnboundedSender<Op>,
    counters: Arc<Counters>,
}

/// Counters of the writer, for metrics.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Rows that wait to be written now.
    pub queued: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Rows written.
    pub written: u64,
    /// Transactions that failed and whose notes were kept for the next.
    pub retries: u64,
    /// Promises refused because the queue was full.
    pub refused: u64,
    /// Notes that the database will never take, or for which there was no room (the log has them).
    pub rejected: u64,
}

#[derive(Default)]
struct Counters {
    limit: usize,
    notes: usize,
    queued: AtomicUsize,
    commits: AtomicU64,
    written: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
    rejected: AtomicU64,
}

impl Counters {
    /// True if one more call record may wait.
    fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < self.notes
    }
}

type Done = oneshot::Sender<Result<(), StoreError>>;

/// The SIP domain that a row belongs to.
type Domain = Arc<str>;

/// One thing to write, or to say when what came before it is written.
enum Op {
    Save(Domain, Vec<BindingChange>, Done),
    Open(Domain, Box<CdrOpen>, Done),
    /// A message is kept.
    Keep(Domain, Box<KeptMessage>, Done),
    /// The message with this id is no longer kept.
    Drop(Domain, u64),
    /// An `Open` that was told that it failed.
    Begun(Domain, Box<CdrOpen>),
    Forget(Domain, Vec<BindingChange>),
    SaveSubscription(Domain, Box<SubscriptionChange>, Done),
    /// Subscriptions that have changed or ended.
    Subscriptions(Domain, Vec<SubscriptionChange>),
    Answer(Domain, Box<CdrAnswer>),
    Close(Domain, Box<Cdr>),
    /// How a leg of a call sounded.
    Quality(Domain, Box<(CallUid, LegQuality)>),
    /// A recording has begun or ended.
    Recording(Domain, Box<Recording>),
    /// Calls of a domain are in progress at this time.
    Mark(Domain, i64),
    Flush(Done),
    Stop(Done),
}

impl Op {
    fn rows(&self) -> usize {
        match self {
            Self::Save(_, changes, _) | Self::Forget(_, changes) => changes.len(),
            Self::Subscriptions(_, changes) => changes.len(),
            Self::SaveSubscription(..)
            | Self::Open(..)
            | Self::Keep(..)
            | Self::Drop(..)
            | Self::Begun(..)
            | Self::Answer(..)
            | Self::Close(..)
            | Self::Quality(..)
            | Self::Recording(..)
            | Self::Mark(..) => 1,
            Self::Flush(_) | Self::Stop(_) => 0,
        }
    }

    fn is_note(&self) -> bool {
        match self {
            Self::Begun(..)
            | Self::Forget(..)
            | Self::Subscriptions(..)
            | Self::Drop(..)
            | Self::Answer(..)
            | Self::Close(..)
            | Self::Quality(..)
            | Self::Recording(..)
            | Self::Mark(..) => true,
            Self::Save(..)
            | Self::SaveSubscription(..)
            | Self::Open(..)
            | Self::Keep(..)
            | Self::Flush(_)
            | Self::Stop(_) => false,
        }
    }

    /// Tells the result to the task that waits.
    fn tell(self, outcome: Result<(), StoreError>) {
        match self {
            Self::Save(.., done)
            | Self::SaveSubscription(.., done)
            | Self::Open(.., done)
            | Self::Keep(.., done)
            | Self::Flush(done)
            | Self::Stop(done) => {
                drop(done.send(outcome));
            }
            Self::Begun(..)
            | Self::Forget(..)
            | Self::Subscriptions(..)
            | Self::Drop(..)
            | Self::Answer(..)
            | Self::Close(..)
            | Self::Quality(..)
            | Self::Recording(..)
            | Self::Mark(..) => {}
        }
    }

    /// Whether the row matters only if the process is killed, or matters little. Such a row waits a moment, to share a
    /// transaction.
    fn can_wait(&self) -> bool {
        match self {
            Self::Answer(..) | Self::Quality(..) | Self::Subscriptions(..) | Self::Mark(..) => true,
            Self::Recording(_, recording) => recording.ended.is_none(),
            Self::Save(..)
            | Self::SaveSubscription(..)
            | Self::Open(..)
            | Self::Keep(..)
            | Self::Drop(..)
            | Self::Begun(..)
            | Self::Forget(..)
            | Self::Close(..)
            | Self::Flush(_)
            | Self::Stop(_) => false,
        }
    }
}

/// Resolves when a promise is on the disk, or has failed. The write goes on also if this future is dropped.
#[must_use = "nothing is promised until it resolves"]
pub struct Durable(oneshot::Receiver<Result<(), StoreError>>);

impl Future for Durable {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|done| done.unwrap_or(Err(StoreError::Closed)))
    }
}

impl Writer {
    pub(crate) fn start(half: Arc<WriteHalf>, options: &Options) -> Self {
        let (queue, receive) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters {
            limit: options.queue,
            notes: options.notes,
            ..Counters::default()
        });
        tokio::spawn(task::Task::new(receive, half, options, counters.clone()).run());
        Self {
            domain: "".into(),
            queue,
            counters,
        }
    }

    /// The same writer, for the records of this domain.
    pub(crate) fn of(&self, domain: &str) -> Self {
        Self {
            domain: domain.into(),
            ..self.clone()
        }
    }

    /// Makes changes to bindings durable, all in one transaction.
    pub fn save_bindings(&self, changes: Vec<BindingChange>) -> Durable {
        self.promise(changes.len(), |done| Op::Save(self.domain.clone(), changes, done))
    }

    /// Makes a subscription durable, or its end.
    pub fn save_subscription(&self, change: SubscriptionChange) -> Durable {
        self.promise(1, |done| {
            Op::SaveSubscription(self.domain.clone(), Box::new(change), done)
        })
    }

    /// Changes to subscriptions that no task waits for: their sequence numbers, and subscriptions that have ended. On the
    /// disk like an answer.
    pub fn subscriptions(&self, changes: Vec<SubscriptionChange>) {
        self.note_or_report(Op::Subscriptions(self.domain.clone(), changes));
    }

    /// Stores that a call has begun, so that the call has a record also if the process is killed.
    pub fn open_cdr(&self, cdr: CdrOpen) -> Durable {
        self.promise(1, |done| Op::Open(self.domain.clone(), Box::new(cdr), done))
    }

    /// Keeps a message for phones that are away. The sender is told 202 when this resolves.
    pub fn keep_message(&self, message: KeptMessage) -> Durable {
        self.promise(1, |done| Op::Keep(self.domain.clone(), Box::new(message), done))
    }

    /// Deletes a message that was kept. No task waits.
    pub fn drop_message(&self, id: u64) {
        self.note(Op::Drop(self.domain.clone(), id));
    }

    /// Notes the answer of a call and its party, so that the record has them also if we are killed. No task waits: it
    /// is on the disk with the next transaction, or after [`Options::linger`]. Later ones of a call replace those before.
    pub fn answer_cdr(&self, answer: CdrAnswer) {
        self.note_if_room(Op::Answer(self.domain.clone(), Box::new(answer)));
    }

    /// Marks that calls of the domain are in progress at this time (microseconds since the Unix epoch). If we are killed, the records
    /// of those that are open say that they lasted until the last mark at least. On the disk like an answer.
    pub fn mark_calls(&self, now: i64) {
        self.note_if_room(Op::Mark(self.domain.clone(), now));
    }

    // A row that matters less makes room for rows that matter in any case.
    fn note_if_room(&self, op: Op) {
        if self.counters.has_room() {
            self.note(op);
        }
    }

    /// Completes a call's record. No task waits. The first end of a call stands; later ends change nothing.
    pub fn close_cdr(&self, cdr: Cdr) {
        self.note_or_report(Op::Close(self.domain.clone(), Box::new(cdr)));
    }

    /// Adds how a leg sounded to the record of its call, which was opened before. On the disk like an answer, and left
    /// out like one while too many writes wait.
    pub fn leg_quality(&self, call: CallUid, leg: LegQuality) {
        self.note_if_room(Op::Quality(self.domain.clone(), Box::new((call, leg))));
    }

    /// Stores that a recording has begun, or how it ended. No task waits. The first end of a recording stands; a
    /// beginning that comes later changes nothing.
    pub fn recording(&self, recording: Recording) {
        self.note_or_report(Op::Recording(self.domain.clone(), Box::new(recording)));
    }

    fn note_or_report(&self, op: Op) {
        if self.counters.has_room() {
            self.note(op);
        } else {
            self.counters.rejected.fetch_add(1, Ordering::Relaxed);
            task::report_lost(&op, "too many writes are waiting");
        }
    }

    /// Changes to bindings that no task waits for: contacts that expired.
    pub fn forget(&self, changes: Vec<BindingChange>) {
        self.note(Op::Forget(self.domain.clone(), changes));
    }

    /// Resolves when everything handed over before, by any handle, is on the disk, however long that takes.
    pub fn flush(&self) -> Durable {
        self.barrier(Op::Flush)
    }

    /// The counters of all handles as they are now.
    pub fn stats(&self) -> WriterStats {
        let counters = &self.counters;
        WriterStats {
            queued: counters.queued.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            written: counters.written.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            rejected: counters.rejected.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn stop(&self) -> Durable {
        self.barrier(Op::Stop)
    }

    fn promise(&self, rows: usize, op: impl FnOnce(Done) -> Op) -> Durable {
        let (done, durable) = oneshot::channel();
        if self.counters.queued.load(Ordering::Relaxed) + rows > self.counters.limit {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            let _ = done.send(Err(StoreError::Overloaded));
        } else {
            self.counters.queued.fetch_add(rows, Ordering::Relaxed);
            // If the writer is gone, the op is dropped, and its promise with it: the promise then fails with Closed.
            if self.queue.send(op(done)).is_err() {
                self.counters.queued.fetch_sub(rows, Ordering::Relaxed);
            }
        }
        Durable(durable)
    }

    fn note(&self, op: Op) {
        let rows = op.rows();
        self.counters.queued.fetch_add(rows, Ordering::Relaxed);
        if let Err(mpsc::error::SendError(op)) = self.queue.send(op) {
            self.counters.queued.fetch_sub(rows, Ordering::Relaxed);
            task::report_lost(&op, "the store is closed");
        }
    }

    fn barrier(&self, op: impl FnOnce(Done) -> Op) -> Durable {
        let (done, durable) = oneshot::channel();
        let _ = self.queue.send(op(done));
        Durable(durable)
    }
}
