//! Writes what the switch wants kept, and says when it is on the disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicIsize, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use records::{
    BindingChange, CallUid, Cdr, CdrAnswer, CdrOpen, KeptMessage, LegQuality, Recording, SubscriptionChange,
};
use store::{Durable, Store, Writer};
use switch::{Input, QueryId};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{clock::Clock, run::Mailbox};

/// The way to the store. Handing over never waits; the store's own queue is bounded by refusing promises.
#[derive(Clone)]
pub struct Recorder {
    writer: Writer,
    /// Promises whose keeping is waited for; as many as the store has taken.
    promises: mpsc::UnboundedSender<(QueryId, Durable)>,
    /// Calls whose record is open.
    calls: Arc<AtomicIsize>,
    counts: Counts,
}

/// What was completed since the start. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Calls whose records were completed, by cause.
    pub calls: EndedCalls,
    /// Recordings that have ended.
    pub recordings: Counter,
    /// Octets of their files.
    pub recording_bytes: Counter,
}

/// Calls that have ended, by cause; as many series as the catalogue has causes at most.
pub type EndedCalls = Family<ByCause, Counter>;

/// The label of [`EndedCalls`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByCause {
    cause: &'static str,
}

impl Recorder {
    /// A recorder for one domain. A task on `runtime` tells `mailbox` what has become durable; `runtime` is best the
    /// runtime on which the store writes.
    pub fn new(domain: &str, store: &Store, runtime: &Handle, mailbox: Mailbox) -> Self {
        let (promises, mut made) = mpsc::unbounded_channel::<(QueryId, Durable)>();
        // One task for all: the store keeps its promises in the order they were made.
        runtime.spawn(async move {
            while let Some((query, promise)) = made.recv().await {
                let written = promise.await;
                if let Err(error) = &written {
                    tracing::error!(%error, "not stored");
                }
                mailbox.answer(Input::Stored {
                    query,
                    ok: written.is_ok(),
                });
            }
        });
        Self {
            writer: store.writer(domain),
            promises,
            calls: Arc::default(),
            counts: Counts::default(),
        }
    }

    /// While calls are in progress, marks so on the disk every so often, by a task on `runtime`: a record that is cut
    /// off by a crash says how long its call lasted at least.
    pub fn mark_calls(&self, every: Duration, clock: Clock, runtime: &Handle) {
        let writer = self.writer.clone();
        let calls = Arc::downgrade(&self.calls);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(calls) = calls.upgrade() else { return };
                if calls.load(Ordering::Relaxed) > 0 {
                    writer.mark_calls(clock.unix_micros());
                }
            }
        });
    }

    /// Makes these changes durable, then answers the query.
    pub fn save_bindings(&self, query: QueryId, changes: Vec<BindingChange>) {
        self.answer(query, self.writer.save_bindings(changes));
    }

    /// Makes this subscription durable, then answers the query.
    pub fn save_subscription(&self, query: QueryId, change: SubscriptionChange) {
        self.answer(query, self.writer.save_subscription(change));
    }

    /// Changes of subscriptions whose end is not waited for.
    pub fn subscriptions(&self, changes: Vec<SubscriptionChange>) {
        self.writer.subscriptions(changes);
    }

    /// Notes that a call has begun, then answers the query.
    pub fn open_cdr(&self, query: QueryId, open: CdrOpen) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.answer(query, self.writer.open_cdr(open));
    }

    /// Keeps a message for phones that are away, then answers the query.
    pub fn keep_message(&self, query: QueryId, message: KeptMessage) {
        self.answer(query, self.writer.keep_message(message));
    }

    /// Deletes a message that was kept.
    pub fn drop_message(&self, id: u64) {
        self.writer.drop_message(id);
    }

    /// Notes that a call was answered.
    pub fn answer_cdr(&self, answer: CdrAnswer) {
        self.writer.answer_cdr(answer);
    }

    /// Completes a call's record.
    pub fn close_cdr(&self, cdr: Cdr) {
        // Each call begins and ends once.
        self.calls.fetch_sub(1, Ordering::Relaxed);
        let by_cause = ByCause {
            cause: cdr.cause.name(),
        };
        self.counts.calls.get_or_create(&by_cause).inc();
        self.writer.close_cdr(cdr);
    }

    /// Adds how a leg sounded to the record of its call.
    pub fn leg_quality(&self, call: CallUid, leg: LegQuality) {
        self.writer.leg_quality(call, leg);
    }

    /// Stores that a recording has begun or ended.
    pub fn recording(&self, recording: Recording) {
        if let Some(ended) = &recording.ended {
            self.counts.recordings.inc();
            self.counts.recording_bytes.inc_by(ended.octets);
        }
        self.writer.recording(recording);
    }

    /// What was completed since the start.
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Changes whose end is not waited for.
    pub fn forget(&self, changes: impl IntoIterator<Item = BindingChange>) {
        self.writer.forget(changes.into_iter().collect());
    }

    fn answer(&self, query: QueryId, promise: Durable) {
        // The task ends only with the runtime, after the loop.
        let _ = self.promises.send((query, promise));
    }
}

#[cfg(test)]
mod tests {
    use records::{
        Binding, CauseCode, Disposition, Dtmf, EndedBy, Extension, Flow, Ha1, Segment, Transcode, Transport,
    };
    use store::{CdrFilter, NewExtension, Options};

    use super::*;
    use crate::run::Inbox;

    const SECOND: i64 = 1_000_000;

    fn binding() -> Binding {
        Binding {
            id: u64::MAX,
            number: "101".into(),
            username: "101".into(),
            contact: "sip:101@192.0.2.1:5062;ob".into(),
            flow: Flow {
                transport: Transport::Tcp,
                local: "[::1]:5060".parse().unwrap(),
                remote: "[::1]:40000".parse().unwrap(),
                connection: Some(sip::ConnectionId(4)),
            },
            path: vec!["<sip:p1;lr>".into(), "<sip:p2;lr>".into()],
            instance: Some("\"<urn:uuid:0>\"".into()),
            reg_id: Some(1),
            q: 700,
            call_id: "c".into(),
            cseq: 7,
            user_agent: "phone/1".into(),
            registered_at: SECOND,
            expires_at: 100 * SECOND,
        }
    }

    fn open(call: u128) -> CdrOpen {
        CdrOpen {
            call_id: CallUid(call),
            from: "101".into(),
            from_name: "Alice".into(),
            dialed: "102".into(),
            sip_call_id: "abc".into(),
            started_at: SECOND,
        }
    }

    async fn stored(inbox: &mut Inbox) -> (QueryId, bool) {
        match inbox.answer().await {
            Some(Input::Stored { query, ok }) => (query, ok),
            _ => panic!("not an answer of the store"),
        }
    }

    #[tokio::test]
    async fn what_is_recorded_is_answered_and_read_back_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("t.db"), Options::default())
            .await
            .unwrap();
        let new = NewExtension {
            extension: Extension {
                number: "101".into(),
                ..Extension::default()
            },
            ha1: Ha1 {
                md5: [1; 16],
                sha256: [2; 32],
            },
            require_qop: false,
            transcode: Transcode::Auto,
            dtmf: Dtmf::Auto,
        };
        store.create_extension("d", &new, SECOND).await.unwrap();
        let (mailbox, mut inbox) = Mailbox::new(8);
        let recorder = Recorder::new("d", &store, &Handle::current(), mailbox);

        recorder.save_bindings(QueryId(1), vec![BindingChange::Save(binding())]);
        assert_eq!(stored(&mut inbox).await, (QueryId(1), true));
        let read = store.load_bindings("d", 2 * SECOND).await.unwrap().pop().unwrap();
        let flow = Flow {
            connection: None,
            ..binding().flow
        };
        assert_eq!(read, Binding { flow, ..binding() });

        recorder.open_cdr(QueryId(2), open(9));
        assert_eq!(stored(&mut inbox).await, (QueryId(2), true));
        let dispositions = [
            Disposition::Answered,
            Disposition::Busy,
            Disposition::NoAnswer,
            Disposition::Cancelled,
            Disposition::Rejected,
            Disposition::Failed,
        ];
        let ends = [
            EndedBy::Caller,
            EndedBy::Callee,
            EndedBy::Script,
            EndedBy::Admin,
            EndedBy::System,
            EndedBy::System,
        ];
        for (call, (disposition, ended_by)) in (9..).zip(dispositions.into_iter().zip(ends)) {
            recorder.close_cdr(Cdr {
                open: open(call),
                to: "102".into(),
                answered_at: Some(2 * SECOND),
                ended_at: 3 * SECOND,
                disposition,
                sip_code: 200,
                ended_by,
                cause: CauseCode::guess(disposition, 200, ended_by),
                detail: "bye".into(),
                segments: Segment::of_plain_call(SECOND, "101", Some((2 * SECOND, "102")), 3 * SECOND),
                links: Vec::new(),
                hidden: false,
            });
        }
        recorder.forget([BindingChange::Remove(u64::MAX)]);
        store.writer("d").flush().await.unwrap();
        assert!(store.load_bindings("d", 2 * SECOND).await.unwrap().is_empty());
        let page = store.cdrs("d", &CdrFilter::default(), 10, None).await.unwrap();
        let words = |word: &dyn Fn(&store::StoredCdr) -> &'static str| -> Vec<_> {
            page.items.iter().rev().map(word).collect()
        };
        let expected = ["answered", "busy", "no_answer", "cancelled", "rejected", "failed"];
        assert_eq!(words(&|item| item.cdr.disposition.name()), expected);
        let ended = |cause| recorder.counts().calls.get_or_create(&ByCause { cause }).get();
        assert_eq!((ended("caller.hung_up"), ended("phone.dnd")), (1, 0));
        let expected = ["caller", "callee", "script", "admin", "system", "system"];
        assert_eq!(words(&|item| item.cdr.ended_by.name()), expected);
        let first = &page.items.last().unwrap().cdr;
        assert_eq!(first.open.call_id, CallUid(9));
        assert_eq!(
            (first.to.as_str(), first.sip_code, first.answered_at),
            ("102", 200, Some(2 * SECOND))
        );
    }

    #[tokio::test]
    async fn recordings_are_stored_and_counted_when_they_end() {
        use records::{RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid};

        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("t.db"), Options::default())
            .await
            .unwrap();
        let (mailbox, _inbox) = Mailbox::new(8);
        let recorder = Recorder::new("d", &store, &Handle::current(), mailbox);
        let begun = Recording {
            id: RecordingUid(1),
            call_id: CallUid(9),
            kind: RecordingKind::Call,
            name: String::new(),
            file: "1.wav".into(),
            format: RecordingFormat::Wav,
            channels: 2,
            started_at: SECOND,
            ended: None,
        };
        let ended = Recording {
            ended: Some(RecordingEnded {
                millis: 2_000,
                octets: 64_044,
                end: RecordingEnd::Stopped,
                fault: String::new(),
            }),
            ..begun.clone()
        };
        recorder.recording(begun);
        recorder.recording(ended.clone());
        store.writer("d").flush().await.unwrap();
        let stored = store.recording("d", RecordingUid(1)).await.unwrap();
        assert_eq!(stored.recording, ended);
        let counts = recorder.counts();
        assert_eq!((counts.recordings.get(), counts.recording_bytes.get()), (1, 64_044));
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_answered_too() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("t.db"), Options::default())
            .await
            .unwrap();
        let (mailbox, mut inbox) = Mailbox::new(8);
        let recorder = Recorder::new("d", &store, &Handle::current(), mailbox);
        store.close().await.unwrap();
        recorder.open_cdr(QueryId(1), open(1));
        assert_eq!(stored(&mut inbox).await, (QueryId(1), false));
    }
}
