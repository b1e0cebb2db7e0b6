//! One transaction: the sum of several writes.

use std::collections::{BTreeMap, HashMap, HashSet};

use records::{
    Binding, BindingChange, CallUid, Cdr, CdrAnswer, CdrOpen, KeptMessage, LegQuality, Recording, Subscription,
    SubscriptionChange,
};

use crate::{
    StoreError,
    cdrs::{self, InDomain},
    error::from_sqlx,
    open::WriteHalf,
    phones::{bindings, messages, subscriptions},
    recordings,
};

use super::Op;

/// The rows of a transaction by table. Of several changes to one binding or subscription only the last is made. The answer
/// of a call is not written if the end of the call is in the same transaction.
#[derive(Default)]
pub(super) struct Batch<'a> {
    saves: Vec<(&'a str, &'a Binding)>,
    removes: Vec<(&'a str, u64)>,
    watches: Vec<(&'a str, &'a Subscription)>,
    unwatches: Vec<(&'a str, u64)>,
    opens: Vec<InDomain<'a, CdrOpen>>,
    keeps: Vec<(&'a str, &'a KeptMessage)>,
    drops: Vec<(&'a str, u64)>,
    answers: Vec<InDomain<'a, CdrAnswer>>,
    closes: Vec<InDomain<'a, Cdr>>,
    qualities: Vec<InDomain<'a, (CallUid, LegQuality)>>,
    recordings: Vec<InDomain<'a, Recording>>,
    /// The latest of each domain.
    marks: BTreeMap<&'a str, i64>,
}

/// The last change of each subscription, by domain and id.
type Watched<'a> = BTreeMap<(&'a str, u64), &'a SubscriptionChange>;

impl<'a> Batch<'a> {
    pub(super) fn new(ops: impl Iterator<Item = &'a Op>) -> Self {
        let mut batch = Self::default();
        let mut last: HashMap<(&str, u64), usize> = HashMap::new();
        let mut changes: Vec<(&'a str, &'a BindingChange)> = Vec::new();
        let mut watched: Watched<'a> = BTreeMap::new();
        for op in ops {
            match op {
                Op::SaveSubscription(domain, change, _) => drop(watched.insert((domain, change.id()), change)),
                Op::Subscriptions(domain, these) => {
                    watched.extend(these.iter().map(|change| ((&**domain, change.id()), change)));
                }
                Op::Save(domain, these, _) | Op::Forget(domain, these) => {
                    for change in these {
                        last.insert((domain, change.id()), changes.len());
                        changes.push((domain, change));
                    }
                }
                Op::Open(domain, open, _) | Op::Begun(domain, open) => batch.opens.push((domain, open)),
                Op::Keep(domain, message, _) => batch.keeps.push((domain, message)),
                Op::Drop(domain, id) => batch.drops.push((domain, *id)),
                Op::Answer(domain, answer) => batch.answers.push((domain, answer)),
                Op::Close(domain, cdr) => batch.closes.push((domain, cdr)),
                Op::Quality(domain, leg) => batch.qualities.push((domain, leg)),
                Op::Recording(domain, recording) => batch.recordings.push((domain, recording)),
                Op::Mark(domain, now) => drop(batch.marks.insert(domain, *now)),
                Op::Flush(_) | Op::Stop(_) => {}
            }
        }
        batch.watch(watched);
        batch.leave_out_answers();
        for (i, (domain, change)) in changes.into_iter().enumerate() {
            let key = (domain, change.id());
            if last.get(&key) == Some(&i) {
                match change {
                    BindingChange::Save(binding) => batch.saves.push((domain, binding)),
                    BindingChange::Remove(_) => batch.removes.push(key),
                }
            }
        }
        batch
    }

    fn watch(&mut self, watched: Watched<'a>) {
        for (key, change) in watched {
            match change {
                SubscriptionChange::Save(row) => self.watches.push((key.0, row)),
                SubscriptionChange::Remove(_) => self.unwatches.push(key),
            }
        }
    }

    fn leave_out_answers(&mut self) {
        if self.answers.is_empty() || self.closes.is_empty() {
            return;
        }
        let closed: HashSet<CallUid> = self.closes.iter().map(|(_, cdr)| cdr.open.call_id).collect();
        self.answers
            .retain(|(_, answer)| !closed.contains(&answer.open.call_id));
    }

    pub(super) fn is_empty(&self) -> bool {
        let no_bindings = self.saves.is_empty() && self.removes.is_empty();
        let no_watches = self.watches.is_empty() && self.unwatches.is_empty();
        let no_calls = self.opens.is_empty() && self.answers.is_empty() && self.closes.is_empty();
        let no_messages = self.keeps.is_empty() && self.drops.is_empty();
        no_bindings
            && no_watches
            && no_calls
            && no_messages
            && self.qualities.is_empty()
            && self.recordings.is_empty()
            && self.marks.is_empty()
    }

    /// Writes it in one transaction; durable when this returns.
    pub(super) async fn commit(&self, half: &WriteHalf) -> Result<(), StoreError> {
        let mut write = half.begin().await?;
        let connection = write.connection();
        let written = async {
            bindings::save(connection, &self.saves).await?;
            bindings::remove(connection, &self.removes).await?;
            subscriptions::save(connection, &self.watches).await?;
            subscriptions::remove(connection, &self.unwatches).await?;
            // A message may be kept and taken in one transaction.
            messages::keep(connection, &self.keeps).await?;
            messages::delete(connection, &self.drops).await?;
            // Beginnings before ends: both of a short call may be in one transaction.
            cdrs::open(connection, &self.opens).await?;
            cdrs::answer(connection, &self.answers).await?;
            cdrs::close(connection, &self.closes).await?;
            cdrs::add_quality(connection, &self.qualities).await?;
            recordings::write(connection, &self.recordings).await?;
            for (domain, now) in &self.marks {
                cdrs::mark(connection, domain, *now).await?;
            }
            Ok(())
        };
        written.await.map_err(|e| from_sqlx(&half.path, &e))?;
        write.commit().await
    }
}
