//! Which calls may have changed since it was last written what lasts of them. Empty unless a journal is asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{CallImage, CallUid},
    ids::CallId,
};

/// See the module.
#[derive(Default)]
pub(crate) struct Journal {
    touched: BTreeSet<CallId>,
    written: BTreeMap<CallUid, CallImage>,
}

impl Journal {
    /// Something was done with a leg of this call.
    pub fn touch(&mut self, call: CallId) {
        self.touched.insert(call);
    }

    /// The calls with which something was done since this was last asked.
    pub fn take(&mut self) -> BTreeSet<CallId> {
        std::mem::take(&mut self.touched)
    }

    /// What is to be written of a call whose legs are all quiet; `None` where it says what was written before.
    pub fn changed(&mut self, image: CallImage) -> Option<CallImage> {
        if self.written.get(&image.call) == Some(&image) {
            return None;
        }
        self.written.insert(image.call, image.clone());
        Some(image)
    }

    /// What is to be written of a call that is over; `None` where nothing was written of it before.
    pub fn over(&mut self, call: CallUid) -> Option<CallImage> {
        let legs = Vec::new();
        self.written.remove(&call).map(|_| CallImage { call, legs })
    }
}
