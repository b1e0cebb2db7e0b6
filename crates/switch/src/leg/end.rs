//! How a leg ends.

use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Cause, EndEvent, Leg, LegTimer, Q850, SessionTimer, SetupEvent, Stage, Who};
use crate::{
    answer::Answer,
    api::CauseCode,
    requests::{self, Outline, Owner},
    stack::{Stack, TimerKey},
};

impl Leg {
    /// Ends the leg in whatever way its state asks for. What is over already stays so.
    pub fn hang_up(&mut self, cx: &mut Stack, cause: Cause) {
        match &mut self.stage {
            Stage::Incoming(_) => self.reject(cx, &Answer::of(480)),
            Stage::Calling(_) => self.cancel(cx, None),
            // RFC 3261 15: the callee's UA must not send BYE before its 2xx is acknowledged.
            Stage::Up(up) if !up.acknowledged => up.hang_up_when_acked = Some(cause),
            Stage::Up(_) => self.send_bye(cx, &cause),
            Stage::Ending(_) | Stage::Gone => {}
        }
    }

    /// Cancels a call that somebody else answered (RFC 3326, so that the phone does not show it as missed).
    pub fn answered_elsewhere(&mut self, cx: &mut Stack) {
        if matches!(self.stage, Stage::Calling(_)) {
            self.cancel(cx, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
        } else {
            self.hang_up(cx, Cause::ours("answered elsewhere"));
        }
    }

    fn send_bye(&mut self, cx: &mut Stack, cause: &Cause) {
        self.end_change(cx);
        SessionTimer::stop(cx, self.id);
        self.stage.ends();
        let Some(confirmed) = self.stage.confirmed() else {
            return;
        };
        let dialog = &mut confirmed.dialog;
        let way = self.path.within(dialog);
        let mut bye = Outline::new(&Method::Bye);
        if let Some(why) = &cause.why {
            bye = bye.header(HeaderName::Reason, why.to_string());
        }
        tracing::debug!(detail = %cause.detail, "BYE");
        if requests::within(cx, bye, dialog, way, Owner::Bye(self.id)).is_none() {
            return self.gone(cx);
        }
        if let Some(port) = self.port() {
            cx.media(::media::Command::Unbridge(port));
        }
    }

    /// The BYE was answered, or will not be; either way the dialog is over (RFC 3261 15.1.1).
    pub fn bye_done(&mut self, cx: &mut Stack) {
        if matches!(self.stage, Stage::Ending(_)) {
            self.gone(cx);
        }
    }

    /// BYE came (RFC 3261 15.1.2).
    pub(super) fn bye_received(&mut self, cx: &mut Stack, server: ServerId, bye: &Message) {
        cx.respond(server, Builder::reply(bye, StatusCode::OK, None).finish());
        self.end_change(cx);
        match &self.stage {
            Stage::Up(_) => {
                self.tell(
                    cx,
                    EndEvent::Ended(Cause {
                        who: Who::Peer,
                        code: CauseCode::Unknown,
                        detail: "hung up".into(),
                        why: Q850::of(bye),
                    }),
                );
                self.gone(cx);
            }
            // RFC 3261 15.1.2: requests still pending in the dialog get 487.
            Stage::Incoming(_) => {
                self.tell(cx, SetupEvent::Cancelled);
                self.reject(cx, &Answer::of(487));
            }
            // The answer to the INVITE is still to come.
            Stage::Calling(calling) if calling.cancelled => {}
            Stage::Calling(_) => self.hung_up_early(cx, bye),
            Stage::Ending(_) | Stage::Gone => self.gone(cx),
        }
    }

    /// A callee ends its early dialog. RFC 3261 15 does not let it, but it is clear what its person wants: the INVITE is
    /// cancelled, unless a proxy has brought it to other phones, too.
    fn hung_up_early(&mut self, cx: &mut Stack, bye: &Message) {
        if let Stage::Calling(calling) = &mut self.stage
            && calling.forked
        {
            let tag = bye.from_tag().unwrap_or_default();
            if let Some(at) = calling.forks.iter().position(|fork| *fork.tag == *tag) {
                calling.leave(cx, at);
            }
            return self.sync_media(cx);
        }
        let refused = SetupEvent::Refused {
            code: 480,
            reason: "Hung Up Before The Answer".into(),
            contacts: Vec::new(),
            why: Q850::of(bye),
            cause: CauseCode::PhoneHungUpEarly,
        };
        self.tell(cx, refused);
        self.cancel(cx, None);
    }

    /// The phone is not there any more: the call is told, and BYE is sent in case it is, once it has acknowledged our
    /// 2xx or will not.
    pub fn lost(&mut self, cx: &mut Stack, code: CauseCode, detail: &str) {
        if self.is_up() {
            let cause = Cause::lost(code, detail);
            self.tell(cx, EndEvent::Ended(cause.clone()));
            self.hang_up(cx, cause);
        }
    }

    /// The phone knows of no such dialog (RFC 3261 12.2.1.2, RFC 5057 5.1). One that has not acknowledged our 2xx may
    /// not have heard it yet.
    pub fn unknown(&mut self, cx: &mut Stack) {
        if self.stage.up().is_some_and(|up| up.acknowledged) {
            self.lost(cx, CauseCode::PhoneLost, "the phone knows of no such call");
        }
    }

    /// It has no media port: it cannot go on, or begin.
    pub fn media_failed(&mut self, cx: &mut Stack) {
        if matches!(&self.stage, Stage::Calling(calling) if !calling.cancelled) {
            let refused = SetupEvent::Refused {
                code: 503,
                reason: "No Media Port".into(),
                contacts: Vec::new(),
                why: None,
                cause: CauseCode::MediaFailed,
            };
            self.tell(cx, refused);
            self.cancel(cx, None);
        } else {
            self.lost(cx, CauseCode::MediaFailed, "its media port failed");
        }
    }

    /// A timer of the leg has come.
    pub fn timeout(&mut self, cx: &mut Stack, timer: LegTimer) {
        match timer {
            LegTimer::Accepted => self.accepted_due(cx),
            LegTimer::Refresh => self.refresh(cx),
            LegTimer::Offer => self.offer_wanted(cx),
            LegTimer::Update => self.update_waited(cx),
            LegTimer::Provisional => self.say_again(cx),
            LegTimer::Expire => self.lost(cx, CauseCode::SessionExpired, "the session was not refreshed in time"),
        }
    }

    /// Gives back everything the leg holds and says so.
    pub(super) fn gone(&mut self, cx: &mut Stack) {
        if matches!(self.stage, Stage::Gone) {
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
            cx.timers.clear(TimerKey::Leg(self.id, timer));
        }
        for dialog in self.stage.dialogs() {
            cx.dialogs.remove(dialog.id());
        }
        if let Stage::Incoming(incoming) = &self.stage {
            cx.servers.remove(&incoming.server);
        }
        self.port.close(cx);
        self.stage = Stage::Gone;
        self.tell(cx, EndEvent::Gone);
    }
}
