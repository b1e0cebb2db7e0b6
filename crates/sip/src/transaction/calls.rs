//! How many server transactions each call has open.

use std::{collections::HashMap, sync::Arc};

use crate::{Message, Method};

/// How many server transactions within a dialog each Call-ID has.
#[derive(Default)]
pub(super) struct Calls(pub(super) HashMap<Arc<str>, u32>);

impl Calls {
    /// Whether the request's call may have one more server transaction, where it may have `most`.
    pub(super) fn has_room(&self, request: &Message, most: u32) -> bool {
        !is_counted(request) || self.0.get(request.call_id()).is_none_or(|open| *open < most)
    }

    /// Counts a server transaction to its call.
    pub(super) fn add(&mut self, request: &Message) {
        if !is_counted(request) {
            return;
        }
        match self.0.get_mut(request.call_id()) {
            Some(open) => *open += 1,
            None => {
                self.0.insert(request.call_id().into(), 1);
            }
        }
    }

    /// The opposite of [`Calls::add`].
    pub(super) fn remove(&mut self, request: &Message) {
        if !is_counted(request) {
            return;
        }
        if let Some(open) = self.0.get_mut(request.call_id()) {
            *open -= 1;
            if *open == 0 {
                self.0.remove(request.call_id());
            }
        }
    }
}

/// Whether a request counts to its call's limit; what ends a call never does.
fn is_counted(request: &Message) -> bool {
    request.to_tag().is_some() && !matches!(request.method(), Method::Bye | Method::Cancel)
}
