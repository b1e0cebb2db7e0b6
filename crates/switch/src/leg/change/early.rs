//! Changes before the call is answered: UPDATE (RFC 3311), and the offer in a PRACK (RFC 3262 section 5).
//!
//! Tandem answers such an offer at once and by itself, since no person may be asked (RFC 3311 section 5.2). What has
//! changed then goes to the other phone as an offer of our own, where that phone takes one before the answer.

use ::media::Spec;
use sip::{Builder, Message, Method, StatusCode, transaction::ServerId};

use super::{Change, Ours, Purpose, Wanted, theirs};
use crate::{
    answer::{Answer, FORMAT},
    leg::{Leg, SessionEvent, Stage, description, inbound::refusal},
    requests::{self, Outline, Owner},
    stack::Stack,
};

/// The changes of an early dialog.
#[derive(Debug)]
pub(in crate::leg) struct Early {
    /// An UPDATE of ours, or none. An offer of the phone never waits.
    pub change: Change,
    /// An offer of our own that waits for its turn.
    pub wanted: Option<Wanted>,
}

impl Early {
    /// Whether nothing is under way.
    pub const fn is_free(&self) -> bool {
        matches!(self.change, Change::None) && self.wanted.is_none()
    }
}

impl Default for Early {
    fn default() -> Self {
        Self {
            change: Change::None,
            wanted: None,
        }
    }
}

/// An offer of the phone came in an UPDATE or PRACK: it is answered at once.
pub(in crate::leg) fn offered(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: &Message) {
    let update = *request.method() == Method::Update;
    let mut allowed = may_change(leg, cx, request);
    if update {
        allowed = allowed.and_then(|()| leg.timer.take(request));
    }
    if let Err(refusal) = allowed {
        return cx.answer(server, request, &refusal);
    }
    leg.can.learn(request);
    let sdp = description(request).unwrap_or_default();
    let before = leg.heard().cloned();
    let offered = match leg.session().hear_offer(sdp) {
        Ok(spec) => spec,
        Err(fault) => {
            let refusal = refusal(cx, &fault, sdp);
            return cx.answer(server, request, &refusal);
        }
    };
    let told = leg.talk().said().cloned();
    leg.take_lines(cx, &offered);
    // What the other side has; where that does not fit, what Tandem can convert.
    let own = offered.answered_by_us();
    let answers = told.iter().chain([&own]);
    let session = leg.session();
    let body = answers.into_iter().find_map(|spec| session.answer(spec).ok());
    let Some(body) = body else {
        session.withdraw();
        return cx.answer(server, request, &Answer::unacceptable(&cx.config.domain, FORMAT));
    };
    let reply = if update {
        theirs::success(leg, cx, request)
    } else {
        Builder::reply(request, StatusCode::OK, None)
    };
    cx.respond(server, reply.body("application/sdp", &body).finish());
    leg.sync_media(cx);
    if before.as_ref() != Some(&offered) {
        leg.tell(cx, SessionEvent::Redescribed(offered));
    }
}

/// Whether the phone may offer now; the error answer where not (RFC 3311 section 5.2). The early dialog becomes the one
/// whose media is heard.
fn may_change(leg: &mut Leg, cx: &mut Stack, request: &Message) -> Result<(), Answer> {
    match &mut leg.stage {
        // The first offer of the phone has no answer yet, or none that the phone has confirmed.
        Stage::Incoming(_) if leg.talk.owes_answer() => Err(theirs::later(cx)),
        Stage::Incoming(_) if leg.talk.is_open() || !leg.talk.is_established() => Err(Answer::of(491)),
        Stage::Incoming(_) => Ok(()),
        Stage::Calling(calling) if calling.cancelled => Err(Answer::of(481)),
        Stage::Calling(calling) => {
            let busy = calling.latest().is_some_and(|fork| fork.is_changing());
            let tag = request.from_tag().unwrap_or_default();
            let at = calling.forks.iter().position(|fork| *fork.tag == *tag);
            let fork = at.and_then(|at| calling.forks.get(at));
            match (at, fork.and_then(|fork| fork.talk.as_ref())) {
                // Our offer has no answer yet.
                (Some(_), None) => Err(Answer::of(491)),
                (Some(_), Some(talk)) if talk.is_open() => Err(Answer::of(491)),
                (Some(at), Some(_)) if at + 1 != calling.forks.len() && busy => Err(theirs::later(cx)),
                (Some(at), Some(_)) => {
                    let fork = calling.forks.remove(at);
                    calling.forks.push(fork);
                    Ok(())
                }
                (None, _) => Err(Answer::of(481)),
            }
        }
        Stage::Up(_) | Stage::Ending(_) | Stage::Gone => Err(Answer::of(481)),
    }
}

/// Makes an offer of our own by UPDATE as soon as that is possible (RFC 3311 section 5.1). Where that is not possible
/// before the answer, the offer waits for the answer.
pub(in crate::leg) fn offer_own(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    if let Some((_, early)) = leg.stage.early() {
        early.wanted = Some(Wanted {
            spec: spec.clone(),
            tries: 0,
        });
        offer_wanted(leg, cx);
    }
}

/// Makes the offer of our own that waits, if that is possible now. False where the phone has refused it too often.
pub(in crate::leg) fn offer_wanted(leg: &mut Leg, cx: &mut Stack) {
    let ready = leg.can.update && leg.talk().is_established() && !leg.talk().is_open() && !leg.talk().owes_answer();
    let Some((_, early)) = leg.stage.early() else { return };
    let (true, Change::None, Some(wanted)) = (ready, &early.change, &mut early.wanted) else {
        return;
    };
    if wanted.tries == super::ours::TRIES {
        early.wanted = None;
        return;
    }
    wanted.tries += 1;
    let spec = wanted.spec.clone();
    leg.take_lines(cx, &spec);
    let Ok(body) = leg.session().offer(&spec) else {
        return;
    };
    let Some((dialog, early)) = leg.stage.early() else {
        return;
    };
    let way = leg.path.within(dialog);
    let outline = Outline::new(&Method::Update)
        .contact(&leg.path.user)
        .credentials(leg.path.credentials())
        .body("application/sdp", &body);
    match requests::within(cx, outline, dialog, way, Owner::Change(leg.id)) {
        Some(request) => {
            early.change = Change::Ours(Ours {
                request,
                purpose: Purpose::Own,
                method: Method::Update,
            });
        }
        None => leg.session().withdraw(),
    }
}
