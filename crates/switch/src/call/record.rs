//! What the record of a call says, gathered while the call goes on.

use sip::Instant;

use crate::{
    api::{CallUid, CdrOpen, Facts},
    core::Core,
};

use super::Ending;

/// Why a part of the call began: who talked with whom changed then.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The call began.
    Started,
    /// The subject was answered or connected.
    Answered,
    /// A transfer moved a party away, or brought one here.
    Transferred,
    /// An INVITE with Replaces put one phone in the place of another.
    Replaced,
    /// A transfer came to nothing: the party that was moved away is back.
    Returned,
    /// A party has left; the other one stays.
    Left,
}

/// From when on who talked with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Microseconds since the Unix epoch.
    pub from: i64,
    pub party: String,
    /// Empty: nobody, or Tandem itself.
    pub with: String,
    pub why: Turn,
}

/// How two records belong together.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// A party of this call went on in the other one.
    TransferredTo,
    /// A party of this call came from the other one.
    TransferredFrom,
    /// This call was an INVITE with Replaces, which took a place in the other one.
    Joined,
    /// An INVITE with Replaces, which is the other call, took a place in this one.
    JoinedBy,
}

/// Parts a record keeps; what comes after belongs to the last one.
const PARTS: usize = 64;
/// Links a record keeps.
const LINKS: usize = 64;

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
    pub parts: Vec<Part>,
    pub links: Vec<(CallUid, LinkKind)>,
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
            parts: vec![Part {
                from: started_at,
                party: party.to_owned(),
                with: String::new(),
                why: Turn::Started,
            }],
            links: Vec::new(),
        }
    }

    /// The wall clock as it was going when the call began: setting it in between makes no call longer or shorter.
    pub fn unix(&self, x: &Core) -> i64 {
        let passed = x.stack.now.since(self.began).as_micros();
        self.started_at
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// From now on `party` is connected with `with` (nobody if empty).
    pub fn turn(&mut self, x: &Core, party: &str, with: &str, why: Turn) {
        let from = self.unix(x);
        let same = |part: &Part| part.party == party && part.with == with;
        if self.ending.is_some() || self.parts.len() >= PARTS || self.parts.last().is_some_and(same) {
            return;
        }
        self.parts.push(Part {
            from,
            party: party.to_owned(),
            with: with.to_owned(),
            why,
        });
    }

    /// This record and that of another call belong together.
    pub fn link(&mut self, call: CallUid, how: LinkKind) {
        if self.links.len() < LINKS && !self.links.contains(&(call, how)) {
            self.links.push((call, how));
        }
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
