//! What the record of a call says, gathered while the call goes on.

use sip::Instant;

use crate::{
    api::{Began, CallUid, CdrOpen, Facts, Link, LinkKind, Story},
    core::Core,
};

use super::Ending;

/// See the module.
pub(crate) struct Record {
    pub sip_call_id: String,
    pub started_at: i64,
    /// The machine's clock when the call began.
    pub began: Instant,
    pub answered_at: Option<i64>,
    /// Who is, or was last, rung or connected.
    pub to: String,
    /// The caller hears that it rings.
    pub ringing: bool,
    pub ending: Option<Ending>,
    /// Who talked with whom.
    pub story: Story,
    links: Vec<Link>,
    /// The last party that was rung was not shown the caller's number.
    pub hidden: bool,
}

impl Record {
    /// The record of a call that begins now with `party`.
    pub fn new(x: &Core, sip_call_id: String, party: &str) -> Self {
        let started_at = x.stack.unix();
        Self {
            sip_call_id,
            started_at,
            began: x.stack.now,
            answered_at: None,
            to: String::new(),
            ringing: false,
            ending: None,
            story: Story::begin(started_at, party, x.stack.config.limits.record_parts),
            links: Vec::new(),
            hidden: false,
        }
    }

    /// The wall clock as it was going when the call began: setting it in between makes no call longer or shorter.
    pub fn unix(&self, x: &Core) -> i64 {
        let passed = x.stack.now.since(self.began).as_micros();
        self.started_at
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// From now on `party` is connected with `with` (empty: no party, or Tandem itself).
    pub fn turn(&mut self, x: &Core, party: &str, with: &str, why: Began) {
        let at = self.unix(x);
        // The answer is told also where it comes from Tandem itself: nothing else changes then.
        let first_answer = why == Began::Answered && self.answered_at.is_none();
        if self.ending.is_none() && (first_answer || self.story.now() != (party, with)) {
            self.story.turn(at, party, with, why);
        }
    }

    /// This record and that of another call belong together. A record keeps as many links as parts.
    pub fn link(&mut self, x: &Core, call: CallUid, how: LinkKind) {
        let link = Link { call, how };
        if self.links.len() < x.stack.config.limits.record_parts && !self.links.contains(&link) {
            self.links.push(link);
        }
    }

    /// The links, for the record.
    pub fn links(&self) -> Vec<Link> {
        self.links.clone()
    }

    /// What is known when the call has begun.
    pub fn open(&self, uid: CallUid, facts: &Facts) -> CdrOpen {
        CdrOpen {
            call_id: uid,
            from: facts.caller().to_owned(),
            from_name: facts.name.clone(),
            dialed: facts.dialed.clone(),
            sip_call_id: self.sip_call_id.clone(),
            started_at: self.started_at,
        }
    }
}
