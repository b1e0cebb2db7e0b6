//! The task that writes: it gathers rows, commits them and tells the result. It tries again where the disk is full or
//! the database is locked.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use records::{Cdr, LegQuality};
use tokio::sync::mpsc;

use crate::{Options, StoreError, open::WriteHalf};

use super::{Counters, Done, Op, batch::Batch};

/// The writer's own state.
pub(super) struct Task {
    receive: mpsc::UnboundedReceiver<Op>,
    half: Arc<WriteHalf>,
    counters: Arc<Counters>,
    most_rows: usize,
    pause: Duration,
    linger: Duration,
    longest_retry: Duration,
    last_attempts: u32,
    /// The writes of a failed transaction, in order. Empty while all is well.
    kept: VecDeque<Op>,
    /// How many transactions failed in a row.
    failures: u32,
    /// The same, since nothing more can come.
    last_failures: u32,
    /// The tasks that are told when all is written and this task ends.
    stopping: Option<Done>,
    /// The result that they are told.
    outcome: Result<(), StoreError>,
}

impl Task {
    pub(super) fn new(
        receive: mpsc::UnboundedReceiver<Op>,
        half: Arc<WriteHalf>,
        options: &Options,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            receive,
            half,
            counters,
            most_rows: options.batch.max(1),
            pause: options.pause,
            linger: options.linger,
            longest_retry: options.retry,
            last_attempts: options.last_attempts,
            kept: VecDeque::new(),
            failures: 0,
            last_failures: 0,
            stopping: None,
            outcome: Ok(()),
        }
    }

    /// Runs until it is told to stop, or until no handle to it is left, and all is written
    /// or given up.
    pub(super) async fn run(mut self) {
        let mut pause = None;
        while let Some(first) = self.first().await {
            if let Some(pause) = pause.take() {
                let () = pause.await;
            }
            let mut batch = self.gather(first);
            if batch.iter().all(Op::can_wait) && self.stopping.is_none() && self.failures == 0 {
                // Most often another row comes soon, and this row then shares its transaction.
                if let Ok(Some(next)) = tokio::time::timeout(self.linger, self.receive.recv()).await {
                    batch.append(&mut self.gather(next));
                }
            }
            if batch.is_empty() {
                continue;
            }
            self.write(batch).await;
            pause = (!self.pause.is_zero()).then(|| Box::pin(tokio::time::sleep(self.pause)));
        }
        if let Some(done) = self.stopping.take() {
            drop(done.send(self.outcome));
        }
    }

    /// The next thing to do. After a failure it comes only when it is time to try again.
    async fn first(&mut self) -> Option<Op> {
        if self.failures == 0 {
            if let Some(op) = self.kept.pop_front() {
                return Some(op);
            }
            return self.receive.recv().await;
        }
        let sixteenths = 1_u32 << (self.failures - 1).min(4);
        tokio::time::sleep(self.longest_retry / 16 * sixteenths).await;
        match self.kept.pop_front() {
            Some(op) => Some(op),
            None => self.receive.recv().await,
        }
    }

    /// Everything that is there, in order, up to the most rows of one transaction.
    fn gather(&mut self, first: Op) -> Vec<Op> {
        let mut rows = 0;
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(op) = next {
            match op {
                Op::Stop(done) => {
                    // What was handed over before stays readable; nothing more is taken.
                    self.receive.close();
                    self.stopping = Some(done);
                }
                Op::Save(..)
                | Op::Open(..)
                | Op::Keep(..)
                | Op::Drop(..)
                | Op::Begun(..)
                | Op::Forget(..)
                | Op::SaveSubscription(..)
                | Op::Subscriptions(..)
                | Op::Answer(..)
                | Op::Close(..)
                | Op::Quality(..)
                | Op::Recording(..)
                | Op::Mark(..)
                | Op::Flush(_) => {
                    rows += op.rows();
                    batch.push(op);
                }
            }
            next = if rows < self.most_rows {
                self.kept.pop_front().or_else(|| self.receive.try_recv().ok())
            } else {
                None
            };
        }
        batch
    }

    /// Writes a batch and tells the tasks that wait.
    async fn write(&mut self, batch: Vec<Op>) {
        let rows = Batch::new(batch.iter());
        let written = if rows.is_empty() {
            Ok(())
        } else {
            rows.commit(&self.half).await
        };
        match written {
            Ok(()) => {
                self.failures = 0;
                self.written(batch);
            }
            Err(error) if error.is_passing() => self.keep(batch, &error),
            Err(_) => self.one_by_one(batch).await,
        }
    }

    fn written(&mut self, batch: Vec<Op>) {
        let rows: usize = batch.iter().map(Op::rows).sum();
        self.counters.queued.fetch_sub(rows, Ordering::Relaxed);
        if rows > 0 {
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
            self.counters.written.fetch_add(rows as u64, Ordering::Relaxed);
        }
        for op in batch {
            op.tell(Ok(()));
        }
    }

    /// A transaction failed for a reason that may pass. Promises are told, also those that still wait in
    /// the queue, since no task should wait longer than it must; notes are kept. A call that goes on
    /// although its record could not be opened has one as soon as that can be: we may be killed before it ends.
    fn keep(&mut self, batch: Vec<Op>, error: &StoreError) {
        if self.failures == 0 {
            tracing::error!(%error, "cannot write to the database; trying again");
        }
        self.failures = self.failures.saturating_add(1);
        self.counters.retries.fetch_add(1, Ordering::Relaxed);
        let mut left: VecDeque<Op> = batch.into();
        left.append(&mut self.kept);
        while let Ok(op) = self.receive.try_recv() {
            left.push_back(op);
        }
        for op in left {
            match op {
                Op::Open(domain, open, done) if self.counters.has_room() => {
                    drop(done.send(Err(error.clone())));
                    self.kept.push_back(Op::Begun(domain, open));
                }
                // An old mark is worth nothing: the next mark says more.
                Op::Save(..) | Op::SaveSubscription(..) | Op::Open(..) | Op::Keep(..) | Op::Mark(..) => {
                    self.counters.queued.fetch_sub(op.rows(), Ordering::Relaxed);
                    op.tell(Err(error.clone()));
                }
                Op::Begun(..)
                | Op::Forget(..)
                | Op::Subscriptions(..)
                | Op::Drop(..)
                | Op::Answer(..)
                | Op::Close(..)
                | Op::Quality(..)
                | Op::Recording(..)
                | Op::Flush(_)
                | Op::Stop(_) => {
                    self.kept.push_back(op);
                }
            }
        }
        if self.stopping.is_some() || self.receive.is_closed() {
            self.last_failures += 1;
            if self.last_failures >= self.last_attempts {
                self.give_up(error);
            }
        }
    }

    /// No more rows can come and none can be written: logs the rows that are lost.
    fn give_up(&mut self, error: &StoreError) {
        let reason = error.to_string();
        let lost = StoreError::Unsaved(self.kept.iter().map(Op::rows).sum());
        for op in self.kept.drain(..) {
            report_lost(&op, &reason);
            op.tell(Err(lost.clone()));
        }
        self.failures = 0;
        self.outcome = Err(lost);
    }

    /// A transaction failed because of a row in it: each op gets a transaction of its own, so that only the op at
    /// fault fails.
    async fn one_by_one(&mut self, batch: Vec<Op>) {
        let mut batch: VecDeque<Op> = batch.into();
        while let Some(op) = batch.pop_front() {
            let rows = Batch::new(std::iter::once(&op));
            let written = if rows.is_empty() {
                Ok(())
            } else {
                rows.commit(&self.half).await
            };
            match written {
                Ok(()) => self.written(vec![op]),
                Err(error) if error.is_passing() => {
                    batch.push_front(op);
                    return self.keep(batch.into(), &error);
                }
                Err(error) => self.reject(op, error),
            }
        }
    }

    /// The database will never take this row.
    fn reject(&mut self, op: Op, error: StoreError) {
        self.counters.queued.fetch_sub(op.rows(), Ordering::Relaxed);
        if op.is_note() {
            self.counters.rejected.fetch_add(1, Ordering::Relaxed);
            report_lost(&op, &error.to_string());
        }
        op.tell(Err(error));
    }
}

/// A note that will not be written goes to the log with all its values: a lost call record can be billed from the log.
pub(super) fn report_lost(op: &Op, reason: &str) {
    match op {
        Op::Close(_, cdr) => {
            let Cdr { open, to, .. } = &**cdr;
            tracing::error!(
                %reason, call = %open.call_id, sip_call_id = open.sip_call_id, from = open.from, dialed = open.dialed, to,
                started_at = open.started_at, answered_at = cdr.answered_at, ended_at = cdr.ended_at,
                disposition = cdr.disposition.name(), sip_code = cdr.sip_code, ended_by = cdr.ended_by.name(),
                cause = cdr.cause.name(), detail = cdr.detail, "call record not written"
            );
        }
        Op::Quality(_, leg) => {
            let (call, LegQuality { party, .. }) = &**leg;
            tracing::warn!(%reason, %call, party, "the quality of a leg was not written");
        }
        Op::Recording(_, recording) => {
            let ended = recording.ended.as_ref();
            tracing::error!(
                %reason, recording = %recording.id, call = %recording.call_id, kind = recording.kind.name(),
                name = recording.name, file = recording.file, started_at = recording.started_at,
                millis = ended.map(|ended| ended.millis), octets = ended.map(|ended| ended.octets),
                end = ended.map(|ended| ended.end.name()), "row of a recording not written"
            );
        }
        Op::Forget(_, changes) => {
            let ids: Vec<String> = changes.iter().map(|change| change.id().to_string()).collect();
            tracing::error!(%reason, bindings = %ids.join(", "), "change of registrations not written");
        }
        Op::Subscriptions(_, changes) => {
            let ids: Vec<String> = changes.iter().map(|change| change.id().to_string()).collect();
            tracing::error!(%reason, subscriptions = %ids.join(", "), "change of subscriptions not written");
        }
        Op::Drop(_, id) => tracing::error!(%reason, message = id, "a message that was delivered is still kept"),
        // The end of the call writes its record whole.
        Op::Begun(..) | Op::Answer(..) | Op::Mark(..) => {}
        Op::Save(..) | Op::SaveSubscription(..) | Op::Open(..) | Op::Keep(..) | Op::Flush(_) | Op::Stop(_) => {}
    }
}
