//! How a leg ends.

use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Cause, EndEvent, Leg, LegTimer, Q850, SessionTimer, SetupEvent, Stage, Who, change, inbound};
use crate::{
    answer::Answer,
    api::CauseCode,
    requests::{self, Outline, Owner},
    stack::{Stack, TimerKey},
};

/// See [`Leg::hang_up`].
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

/// See [`Leg::answered_elsewhere`].
pub(super) fn answered_elsewhere(leg: &mut Leg, cx: &mut Stack) {
    if matches!(leg.stage, Stage::Calling(_)) {
        leg.stage
            .cancel(cx, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    } else {
        hang_up(leg, cx, Cause::ours("answered elsewhere"));
    }
}

/// Sends BYE; the leg is over when the BYE is answered.
fn send_bye(leg: &mut Leg, cx: &mut Stack, cause: &Cause) {
    change::end(leg, cx);
    SessionTimer::stop(cx, leg.id);
    leg.stage.ends();
    let Some(confirmed) = leg.stage.confirmed() else {
        return;
    };
    let dialog = &mut confirmed.dialog;
    let way = leg.path.within(dialog);
    let mut bye = Outline::new(&Method::Bye).credentials(leg.path.credentials());
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

/// The BYE has its final answer, or gets none. In both cases the dialog is over (RFC 3261 15.1.1).
pub(crate) fn bye_done(leg: &mut Leg, cx: &mut Stack) {
    if matches!(leg.stage, Stage::Ending(_)) {
        gone(leg, cx);
    }
}

/// A BYE came (RFC 3261 15.1.2).
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

/// A called phone sends BYE before it has answered. RFC 3261 15 forbids this, but the wish is clear. The INVITE is
/// cancelled, unless a proxy has also sent the INVITE to other phones.
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
        fields: Vec::new(),
        why: Q850::of(bye),
        cause: CauseCode::PhoneHungUpEarly,
    };
    leg.tell(cx, refused);
    leg.stage.cancel(cx, None);
}

/// The phone does not seem to be there any more. Tells the call, and sends BYE in case the phone is there after all.
/// The BYE waits for the ACK of our 2xx, as [`Leg::hang_up`] does.
pub(crate) fn lost(leg: &mut Leg, cx: &mut Stack, code: CauseCode, detail: &str) {
    if leg.is_up() {
        let cause = Cause::lost(code, detail);
        leg.tell(cx, EndEvent::Ended(cause.clone()));
        hang_up(leg, cx, cause);
    }
}

/// The phone answered that it knows no such dialog (RFC 3261 12.2.1.2, RFC 5057 5.1): the leg is lost. Before the ACK
/// of our 2xx this means nothing, for the 2xx may not have reached the phone yet.
pub(super) fn unknown(leg: &mut Leg, cx: &mut Stack) {
    if leg.stage.up().is_some_and(|up| up.acknowledged) {
        lost(leg, cx, CauseCode::PhoneLost, "the phone knows of no such call");
    }
}

/// The media port of the leg failed: the leg cannot begin, or cannot go on.
pub(crate) fn media_failed(leg: &mut Leg, cx: &mut Stack) {
    leg.port.failed();
    if matches!(&leg.stage, Stage::Calling(calling) if !calling.cancelled) {
        let refused = SetupEvent::Refused {
            code: 503,
            reason: "No Media Port".into(),
            contacts: Vec::new(),
            fields: Vec::new(),
            why: None,
            cause: CauseCode::MediaFailed,
        };
        leg.tell(cx, refused);
        leg.stage.cancel(cx, None);
    } else {
        lost(leg, cx, CauseCode::MediaFailed, "its media port failed");
    }
}

/// Gives back all timers, table entries and the media port of the leg, and reports [`EndEvent::Gone`].
pub(super) fn gone(leg: &mut Leg, cx: &mut Stack) {
    if matches!(leg.stage, Stage::Gone) {
        return;
    }
    let timers = [
        LegTimer::Accepted,
        LegTimer::Refresh,
        LegTimer::Expire,
        LegTimer::Provisional,
        LegTimer::Prack,
        LegTimer::Offer,
        LegTimer::Update,
        LegTimer::Identity,
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
