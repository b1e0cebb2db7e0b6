//! How a leg ends.

use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Cause, EndEvent, Leg, LegTimer, Q850, SessionTimer, SetupEvent, Stage, Who, change, inbound};
use crate::{
    answer::Answer,
    api::CauseCode,
    requests::{self, Outline, Owner},
    stack::{Stack, TimerKey},
};

/// Ends the leg in whatever way its state asks for. What is over already stays so.
pub(super) fn hang_up(leg: &mut Leg, cx: &mut Stack, cause: Cause) {
    match &mut leg.stage {
        Stage::Incoming(_) => inbound::reject(leg, cx, &Answer::of(480)),
        Stage::Calling(_) => leg.stage.cancel(cx, None),
        // RFC 3261 15: the callee's UA must not send BYE before its 2xx is acknowledged.
        Stage::Up(up) if !up.acknowledged => up.hang_up_when_acked = Some(cause),
        Stage::Up(_) => send_bye(leg, cx, &cause),
        Stage::Ending(_) | Stage::Gone => {}
    }
}

/// Cancels a call that somebody else answered (RFC 3326, so that the phone does not show it as missed).
pub(super) fn answered_elsewhere(leg: &mut Leg, cx: &mut Stack) {
    if matches!(leg.stage, Stage::Calling(_)) {
        leg.stage
            .cancel(cx, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    } else {
        hang_up(leg, cx, Cause::ours("answered elsewhere"));
    }
}

fn send_bye(leg: &mut Leg, cx: &mut Stack, cause: &Cause) {
    change::end(leg, cx);
    SessionTimer::stop(cx, leg.id);
    leg.stage.ends();
    let Some(confirmed) = leg.stage.confirmed() else {
        return;
    };
    let dialog = &mut confirmed.dialog;
    let way = leg.path.within(dialog);
    let mut bye = Outline::new(&Method::Bye);
    if let Some(why) = &cause.why {
        bye = bye.header(HeaderName::Reason, why.to_string());
    }
    tracing::debug!(detail = %cause.detail, "BYE");
    if requests::within(cx, bye, dialog, way, Owner::Bye(leg.id)).is_none() {
        return gone(leg, cx);
    }
    if let Some(port) = leg.port.id() {
        cx.media(::media::Command::Unbridge(port));
    }
}

/// The BYE was answered, or will not be; either way the dialog is over (RFC 3261 15.1.1).
pub(crate) fn bye_done(leg: &mut Leg, cx: &mut Stack) {
    if matches!(leg.stage, Stage::Ending(_)) {
        gone(leg, cx);
    }
}

/// BYE came (RFC 3261 15.1.2).
pub(super) fn bye_received(leg: &mut Leg, cx: &mut Stack, server: ServerId, bye: &Message) {
    cx.respond(server, Builder::reply(bye, StatusCode::OK, None).finish());
    change::end(leg, cx);
    match &leg.stage {
        Stage::Up(_) => {
            leg.tell(
                cx,
                EndEvent::Ended(Cause {
                    who: Who::Peer,
                    code: CauseCode::Unknown,
                    detail: "hung up".into(),
                    why: Q850::of(bye),
                }),
            );
            gone(leg, cx);
        }
        // RFC 3261 15.1.2: requests still pending in the dialog get 487.
        Stage::Incoming(_) => {
            leg.tell(cx, SetupEvent::Cancelled);
            inbound::reject(leg, cx, &Answer::of(487));
        }
        // The answer to the INVITE is still to come.
        Stage::Calling(calling) if calling.cancelled => {}
        Stage::Calling(_) => hung_up_early(leg, cx, bye),
        Stage::Ending(_) | Stage::Gone => gone(leg, cx),
    }
}

/// A callee ends its early dialog. RFC 3261 15 does not let it, but it is clear what its person wants: the INVITE is
/// cancelled, unless a proxy has brought it to other phones, too.
fn hung_up_early(leg: &mut Leg, cx: &mut Stack, bye: &Message) {
    if let Stage::Calling(calling) = &mut leg.stage
        && calling.forked
    {
        let tag = bye.from_tag().unwrap_or_default();
        if let Some(at) = calling.forks.iter().position(|fork| *fork.tag == *tag) {
            calling.leave(cx, at);
        }
        return leg.sync_media(cx);
    }
    let refused = SetupEvent::Refused {
        code: 480,
        reason: "Hung Up Before The Answer".into(),
        contacts: Vec::new(),
        why: Q850::of(bye),
        cause: CauseCode::PhoneHungUpEarly,
    };
    leg.tell(cx, refused);
    leg.stage.cancel(cx, None);
}

/// The phone is not there any more: the call is told, and BYE is sent in case it is, once it has acknowledged our
/// 2xx or will not.
pub(crate) fn lost(leg: &mut Leg, cx: &mut Stack, code: CauseCode, detail: &str) {
    if leg.is_up() {
        let cause = Cause::lost(code, detail);
        leg.tell(cx, EndEvent::Ended(cause.clone()));
        hang_up(leg, cx, cause);
    }
}

/// The phone knows of no such dialog (RFC 3261 12.2.1.2, RFC 5057 5.1). One that has not acknowledged our 2xx may
/// not have heard it yet.
pub(super) fn unknown(leg: &mut Leg, cx: &mut Stack) {
    if leg.stage.up().is_some_and(|up| up.acknowledged) {
        lost(leg, cx, CauseCode::PhoneLost, "the phone knows of no such call");
    }
}

/// It has no media port: it cannot go on, or begin.
pub(crate) fn media_failed(leg: &mut Leg, cx: &mut Stack) {
    if matches!(&leg.stage, Stage::Calling(calling) if !calling.cancelled) {
        let refused = SetupEvent::Refused {
            code: 503,
            reason: "No Media Port".into(),
            contacts: Vec::new(),
            why: None,
            cause: CauseCode::MediaFailed,
        };
        leg.tell(cx, refused);
        leg.stage.cancel(cx, None);
    } else {
        lost(leg, cx, CauseCode::MediaFailed, "its media port failed");
    }
}

/// Gives back everything the leg holds and says so.
pub(super) fn gone(leg: &mut Leg, cx: &mut Stack) {
    if matches!(leg.stage, Stage::Gone) {
        return;
    }
    let timers = [
        LegTimer::Accepted,
        LegTimer::Refresh,
        LegTimer::Expire,
        LegTimer::Provisional,
        LegTimer::Offer,
        LegTimer::Update,
    ];
    for timer in timers {
        cx.timers.clear(TimerKey::Leg(leg.id, timer));
    }
    for dialog in leg.stage.dialogs() {
        cx.dialogs.remove(dialog.id());
    }
    if let Stage::Incoming(incoming) = &leg.stage {
        cx.servers.remove(&incoming.server);
    }
    leg.port.close(cx);
    leg.stage = Stage::Gone;
    leg.tell(cx, EndEvent::Gone);
}
