//! How a call ended, and its record.

use crate::{
    answer::Answer,
    api::{CauseCode, Cdr, CdrOpen, Disposition, EndedBy, Event, Output, Query, Segment},
    core::{Beginning, Core},
    event::{Cause, Q850, Who},
    hunt::Unanswered,
    stack::TimerKey,
};

use super::Call;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub cause: CauseCode,
    pub code: u16,
    pub disposition: Disposition,
    pub by: EndedBy,
    pub detail: String,
    /// What the telephone network said of it; the other phone is told.
    pub why: Option<Q850>,
}

impl Ending {
    pub fn cancelled() -> Self {
        Self {
            cause: CauseCode::CallerCancelled,
            code: 487,
            disposition: Disposition::Cancelled,
            by: EndedBy::Caller,
            detail: "the caller gave up".into(),
            why: None,
        }
    }

    /// For a reason of Tandem's own.
    pub fn system(cause: CauseCode, code: u16, detail: &str) -> Self {
        Self {
            cause,
            code,
            disposition: disposition_of(code),
            by: EndedBy::System,
            detail: detail.into(),
            why: None,
        }
    }

    /// The last phone of the call has transferred the other one away: that phone has ended it. `subject_left`: the party
    /// that was moved was the caller.
    pub fn transferred(subject_left: bool) -> Self {
        Self {
            cause: CauseCode::CallTransferred,
            code: 200,
            disposition: Disposition::Answered,
            by: if subject_left { EndedBy::Callee } else { EndedBy::Caller },
            detail: "transferred".into(),
            why: None,
        }
    }

    /// An INVITE with Replaces has found its place in another call.
    pub fn joined() -> Self {
        Self {
            cause: CauseCode::CallJoined,
            by: EndedBy::System,
            detail: "took a place in another call".into(),
            ..Self::transferred(false)
        }
    }

    /// An INVITE with Replaces has found no place in another call.
    pub fn not_replaced(code: u16) -> Self {
        Self::system(CauseCode::CallNotReplaced, code, "the dialog to be replaced cannot be")
    }

    pub fn admin() -> Self {
        Self {
            cause: CauseCode::AdminEnded,
            code: 480,
            disposition: Disposition::Rejected,
            by: EndedBy::Admin,
            detail: "ended over the API".into(),
            why: None,
        }
    }

    /// By its script.
    pub fn script(cause: CauseCode, code: u16, detail: &str) -> Self {
        Self {
            cause,
            code,
            disposition: disposition_of(code),
            by: EndedBy::Script,
            detail: detail.into(),
            why: None,
        }
    }

    /// The last `dial` was not answered, and nothing followed.
    pub fn unanswered(last: &Unanswered) -> Self {
        Self {
            cause: last.cause,
            code: last.code,
            disposition: disposition_of(last.code),
            by: last.by,
            detail: last.detail.clone(),
            why: last.why.clone(),
        }
    }

    /// Of a call made over the API, whose own phones did not answer.
    pub fn refused(cause: CauseCode, code: u16, reason: &str) -> Self {
        Self {
            cause,
            code,
            disposition: disposition_of(code),
            by: EndedBy::Caller,
            detail: format!("{code} {reason}"),
            why: None,
        }
    }

    /// An answered leg ended: by its phone, by us, or because it vanished.
    pub fn after(cause: &Cause, peer: EndedBy) -> Self {
        let by = match cause.who {
            Who::Peer => peer,
            Who::Us | Who::Lost => EndedBy::System,
        };
        let side = if peer == EndedBy::Callee { "callee" } else { "caller" };
        let code = match (cause.who, peer) {
            (Who::Us | Who::Lost, _) => cause.code,
            (Who::Peer, EndedBy::Callee) => CauseCode::CalleeHungUp,
            (Who::Peer, EndedBy::Caller | EndedBy::Script | EndedBy::Admin | EndedBy::System) => {
                CauseCode::CallerHungUp
            }
        };
        Self {
            cause: Q850::meaning(cause.why.as_ref()).unwrap_or(code),
            code: 200,
            disposition: Disposition::Answered,
            by,
            detail: Q850::explain(cause.why.as_ref(), &format!("{side}: {}", cause.detail)),
            why: cause.why.clone(),
        }
    }
}

/// What people call an ending with this status.
pub(crate) const fn disposition_of(code: u16) -> Disposition {
    match code {
        200..=299 => Disposition::Answered,
        486 | 600 => Disposition::Busy,
        408 | 480 => Disposition::NoAnswer,
        487 => Disposition::Cancelled,
        401..=403 | 405..=407 | 433 | 603 | 607 | 608 => Disposition::Rejected,
        _ => Disposition::Failed,
    }
}

/// Writes the call's record, once.
pub(super) fn close_record(call: &mut Call, x: &mut Core, ending: Ending) {
    if call.has_ended() {
        return;
    }
    let answered = call.record.answered_at.is_some();
    let ending = if answered {
        Ending {
            code: 200,
            disposition: Disposition::Answered,
            ..ending
        }
    } else if ending.disposition == Disposition::Answered {
        // A party that a transfer brought here is up from the start, and hung up before the target answered.
        Ending {
            code: 487,
            disposition: Disposition::Cancelled,
            ..ending
        }
    } else {
        ending
    };
    x.stack.timers.clear(TimerKey::Setup(call.id));
    if ending.disposition == Disposition::Failed {
        x.stack.outputs.stats.calls_failed += 1;
    }
    tracing::info!(code = ending.code, cause = ending.cause.name(), disposition = %ending.disposition.name(), by = %ending.by.name(), detail = %ending.detail, "call ended");
    let ended_at = call.record.unix(x);
    let cdr = Cdr {
        open: call.record.open(call.uid, &call.facts),
        to: call.record.to.clone(),
        answered_at: call.record.answered_at,
        ended_at,
        disposition: ending.disposition,
        sip_code: ending.code,
        ended_by: ending.by,
        cause: ending.cause,
        detail: ending.detail.clone(),
        segments: call.record.story.clone().end(ended_at),
        links: call.record.links(),
        hidden: call.record.hidden,
    };
    debug_assert!(cdr.is_tiled(), "{:?}", cdr.segments);
    call.record.ending = Some(ending);
    x.stack.event(Event::CallEnded(Box::new(cdr.clone())));
    x.stack.outputs.push_back(Output::Cdr(Box::new(cdr)));
}

/// A leg has gone. A call that a transfer left with no leg ends with that.
pub(super) fn when_nothing_is_left(call: &mut Call, x: &mut Core) {
    if call.legs().is_empty() && !call.script.runs() && !call.has_ended() {
        close_record(call, x, Ending::transferred(call.subject.is_none()));
    }
}

/// Writes the record of an INVITE that was refused before it became a call.
pub(crate) fn record_refused(x: &mut Core, beginning: Beginning, cause: CauseCode, refusal: &Answer) {
    let now = x.stack.unix();
    let open = CdrOpen {
        call_id: x.stack.ids.call_uid(),
        from: beginning.facts.caller().to_owned(),
        from_name: beginning.facts.name,
        dialed: beginning.facts.dialed,
        sip_call_id: beginning.sip_call_id,
        started_at: now,
    };
    x.stack.outputs.stats.calls_failed += 1;
    tracing::info!(code = refusal.status.code(), cause = cause.name(), from = %open.from, dialed = %open.dialed, "call refused");
    x.stack.query(Query::OpenCdr(Box::new(open.clone())));
    x.stack.outputs.push_back(Output::Cdr(Box::new(Cdr {
        segments: Segment::of_plain_call(now, &open.from, None, now),
        links: Vec::new(),
        hidden: false,
        open,
        to: String::new(),
        answered_at: None,
        ended_at: now,
        disposition: disposition_of(refusal.status.code()),
        sip_code: refusal.status.code(),
        ended_by: EndedBy::System,
        cause,
        detail: refusal.phrase().to_owned(),
    })));
}
