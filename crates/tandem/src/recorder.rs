//! Writes what the switch wants kept, and says when it is on the disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicIsize, Ordering},
    },
    time::Duration,
};

use sip::{Flow, Transport};
use store::{Durable, Store, Writer};
use switch::{Binding, BindingChange, Cdr, CdrAnswer, CdrOpen, Disposition, EndedBy, Input, QueryId};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{clock::Clock, run::Mailbox};

/// The way to the store. Handing over never waits; the store's own queue is bounded by refusing promises.
#[derive(Clone)]
pub struct Recorder {
    domain: Arc<str>,
    writer: Writer,
    /// Promises whose keeping is waited for; as many as the store has taken.
    promises: mpsc::UnboundedSender<(QueryId, Durable)>,
    /// Calls whose record is open.
    calls: Arc<AtomicIsize>,
}

impl Recorder {
    /// A recorder for one domain; `mailbox` hears of what became durable, from a task on `runtime`, best
    /// the one on which the store writes.
    pub fn new(domain: Arc<str>, store: &Store, runtime: &Handle, mailbox: Mailbox) -> Self {
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
            domain,
            writer: store.writer(),
            promises,
            calls: Arc::default(),
        }
    }

    /// While calls are in progress, marks so on the disk every so often, by a task on `runtime`: a record that is cut off
    /// by a crash says how long its call lasted at least.
    pub fn mark_calls(&self, every: Duration, clock: Clock, runtime: &Handle) {
        let (writer, domain) = (self.writer.clone(), self.domain.clone());
        let calls = Arc::downgrade(&self.calls);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(calls) = calls.upgrade() else { return };
                if calls.load(Ordering::Relaxed) > 0 {
                    writer.mark_calls(&domain, clock.unix_micros());
                }
            }
        });
    }

    /// Makes these changes durable, then answers the query.
    pub fn save_bindings(&self, query: QueryId, changes: Vec<BindingChange>) {
        let changes = changes.into_iter().map(|change| self.change(change)).collect();
        self.answer(query, self.writer.save_bindings(changes));
    }

    /// Notes that a call has begun, then answers the query.
    pub fn open_cdr(&self, query: QueryId, open: CdrOpen) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.answer(query, self.writer.open_cdr(self.open(open)));
    }

    /// Notes that a call was answered.
    pub fn answer_cdr(&self, answer: CdrAnswer) {
        let CdrAnswer { open, to, answered_at } = answer;
        let open = self.open(open);
        self.writer.answer_cdr(store::CdrAnswer { open, to, answered_at });
    }

    /// Completes a call's record.
    pub fn close_cdr(&self, cdr: Cdr) {
        let Cdr {
            open,
            to,
            answered_at,
            ended_at,
            disposition,
            sip_code,
            ended_by,
            detail,
        } = cdr;
        // Each call begins and ends once.
        self.calls.fetch_sub(1, Ordering::Relaxed);
        let (disposition, ended_by) = (stored_disposition(disposition), stored_end(ended_by));
        let open = self.open(open);
        self.writer.close_cdr(store::Cdr {
            open,
            to,
            answered_at,
            ended_at,
            disposition,
            sip_code,
            ended_by,
            detail,
        });
    }

    /// Changes that nobody waits for.
    pub fn forget(&self, changes: impl IntoIterator<Item = BindingChange>) {
        self.writer
            .forget(changes.into_iter().map(|change| self.change(change)).collect());
    }

    fn answer(&self, query: QueryId, promise: Durable) {
        // The task ends only with the runtime, after the loop.
        let _ = self.promises.send((query, promise));
    }

    fn change(&self, change: BindingChange) -> store::BindingChange {
        match change {
            BindingChange::Save(binding) => {
                store::BindingChange::Save(Box::new(to_store(binding, self.domain.clone())))
            }
            BindingChange::Remove(id) => store::BindingChange::Remove {
                domain: self.domain.clone(),
                id,
            },
        }
    }

    fn open(&self, open: CdrOpen) -> store::CdrOpen {
        let CdrOpen {
            call_id,
            from,
            from_name,
            dialed,
            sip_call_id,
            started_at,
        } = open;
        let (domain, call_id) = (self.domain.clone(), call_id.to_string());
        store::CdrOpen {
            domain,
            call_id,
            sip_call_id,
            from,
            from_name,
            dialed,
            started_at,
        }
    }
}

fn to_store(binding: Binding, domain: Arc<str>) -> store::Binding {
    let Binding {
        id,
        number,
        username,
        contact,
        flow,
        path,
        instance,
        reg_id,
        q,
        ..
    } = binding;
    let Flow {
        transport,
        local,
        remote,
        connection: _,
    } = flow;
    let transport = transport.uri_name().to_owned();
    let Binding {
        call_id,
        cseq,
        user_agent,
        registered_at,
        expires_at,
        ..
    } = binding;
    store::Binding {
        id,
        domain,
        number,
        username,
        contact,
        transport,
        local,
        remote,
        path,
        instance,
        reg_id,
        q,
        call_id,
        cseq,
        user_agent,
        registered_at,
        expires_at,
    }
}

/// A binding that was on disk; `None` where its transport is none we know. Its connection went with the
/// process that had it.
pub fn from_store(binding: store::Binding) -> Option<Binding> {
    let store::Binding {
        id,
        domain: _,
        number,
        username,
        contact,
        transport,
        local,
        remote,
        path,
        ..
    } = binding;
    let flow = Flow {
        transport: Transport::from_name(&transport)?,
        local,
        remote,
        connection: None,
    };
    let store::Binding {
        instance,
        reg_id,
        q,
        call_id,
        cseq,
        user_agent,
        registered_at,
        expires_at,
        ..
    } = binding;
    Some(Binding {
        id,
        number,
        username,
        contact,
        flow,
        path,
        instance,
        reg_id,
        q,
        call_id,
        cseq,
        user_agent,
        registered_at,
        expires_at,
    })
}

const fn stored_disposition(disposition: Disposition) -> store::Disposition {
    match disposition {
        Disposition::Answered => store::Disposition::Answered,
        Disposition::Busy => store::Disposition::Busy,
        Disposition::NoAnswer => store::Disposition::NoAnswer,
        Disposition::Cancelled => store::Disposition::Cancelled,
        Disposition::Rejected => store::Disposition::Rejected,
        Disposition::Failed => store::Disposition::Failed,
    }
}

const fn stored_end(ended_by: EndedBy) -> store::EndedBy {
    match ended_by {
        EndedBy::Caller => store::EndedBy::Caller,
        EndedBy::Callee => store::EndedBy::Callee,
        EndedBy::Script => store::EndedBy::Script,
        EndedBy::Admin => store::EndedBy::Admin,
        EndedBy::System => store::EndedBy::System,
    }
}

#[cfg(test)]
mod tests {
    use store::{CdrFilter, NewExtension, Options};
    use switch::CallUid;

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
        let (number, name) = ("101".to_owned(), String::new());
        let ha1 = store::Ha1 {
            md5: [1; 16],
            sha256: [2; 32],
        };
        let rules = store::Rules::default();
        let new = NewExtension {
            number,
            name,
            ha1,
            rules,
        };
        store.create_extension("d", &new, SECOND).await.unwrap();
        let (mailbox, mut inbox) = Mailbox::new(8);
        let recorder = Recorder::new("d".into(), &store, &Handle::current(), mailbox);

        recorder.save_bindings(QueryId(1), vec![BindingChange::Save(binding())]);
        assert_eq!(stored(&mut inbox).await, (QueryId(1), true));
        let read = store
            .load_bindings("d", 2 * SECOND)
            .await
            .unwrap()
            .pop()
            .and_then(from_store)
            .unwrap();
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
                detail: "bye".into(),
            });
        }
        recorder.forget([BindingChange::Remove(u64::MAX)]);
        store.writer().flush().await.unwrap();
        assert!(store.load_bindings("d", 2 * SECOND).await.unwrap().is_empty());
        let page = store.cdrs("d", &CdrFilter::default(), 10, None).await.unwrap();
        let words = |word: &dyn Fn(&store::StoredCdr) -> &'static str| -> Vec<_> {
            page.items.iter().rev().map(word).collect()
        };
        let expected = ["answered", "busy", "no_answer", "cancelled", "rejected", "failed"];
        assert_eq!(words(&|item| item.cdr.disposition.as_str()), expected);
        let expected = ["caller", "callee", "script", "admin", "system", "system"];
        assert_eq!(words(&|item| item.cdr.ended_by.as_str()), expected);
        let first = &page.items.last().unwrap().cdr;
        assert_eq!(first.open.call_id, CallUid(9).to_string());
        assert_eq!(
            (first.to.as_str(), first.sip_code, first.answered_at),
            ("102", 200, Some(2 * SECOND))
        );
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_answered_too() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("t.db"), Options::default())
            .await
            .unwrap();
        let (mailbox, mut inbox) = Mailbox::new(8);
        let recorder = Recorder::new("d".into(), &store, &Handle::current(), mailbox);
        store.close().await.unwrap();
        recorder.open_cdr(QueryId(1), open(1));
        assert_eq!(stored(&mut inbox).await, (QueryId(1), false));
    }
}
