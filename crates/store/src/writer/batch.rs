//! One transaction: what several writes come to together.

use std::collections::HashMap;

use crate::{Binding, BindingChange, Cdr, CdrOpen, StoreError, bindings, cdrs, error::from_sqlx, open::WriteHalf};

use super::Op;

/// The rows of a transaction by table. Of several changes to one binding only the last is made.
#[derive(Default)]
pub(super) struct Batch<'a> {
    saves: Vec<&'a Binding>,
    removes: Vec<(&'a str, u64)>,
    opens: Vec<&'a CdrOpen>,
    closes: Vec<&'a Cdr>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(ops: impl Iterator<Item = &'a Op>) -> Self {
        let mut batch = Self::default();
        let mut last: HashMap<(&str, u64), usize> = HashMap::new();
        let mut changes: Vec<&'a BindingChange> = Vec::new();
        for op in ops {
            match op {
                Op::Save(these, _) | Op::Forget(these) => {
                    for change in these {
                        last.insert(change.key(), changes.len());
                        changes.push(change);
                    }
                }
                Op::Open(open, _) | Op::Begun(open) => batch.opens.push(open),
                Op::Close(cdr) => batch.closes.push(cdr),
                Op::Flush(_) | Op::Stop(_) => {}
            }
        }
        for (i, change) in changes.into_iter().enumerate() {
            let key = change.key();
            if last.get(&key) == Some(&i) {
                match change {
                    BindingChange::Save(binding) => batch.saves.push(binding),
                    BindingChange::Remove { .. } => batch.removes.push(key),
                }
            }
        }
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.saves.is_empty() && self.removes.is_empty() && self.opens.is_empty() && self.closes.is_empty()
    }

    /// Writes it in one transaction; durable when this returns.
    pub(super) async fn commit(&self, half: &WriteHalf) -> Result<(), StoreError> {
        let mut write = half.begin().await?;
        let connection = write.connection();
        let written = async {
            bindings::save(connection, &self.saves).await?;
            bindings::remove(connection, &self.removes).await?;
            // Beginnings before ends: both of a short call may be in one transaction.
            cdrs::open(connection, &self.opens).await?;
            cdrs::close(connection, &self.closes).await
        };
        written.await.map_err(|e| from_sqlx(&half.path, &e))?;
        write.commit().await
    }
}
