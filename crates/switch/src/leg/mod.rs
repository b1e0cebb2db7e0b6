//! A leg: one dialog with one phone, whichever side began it.
//!
//! A leg speaks SIP and offer/answer and knows nothing of calls: a call tells it what to do, and it
//! tells what happened through [`LegEvent`]s. A leg that a phone began and a leg that Tandem began are the same thing;
//! only how their dialog begins differs.
//!
//! | file | what it does | fields of [`Leg`] |
//! |---|---|---|
//! | `mod.rs` | what is asked of a leg | `id`, `call`, `inbound`, `peer`, `invite`, `span`, `can` |
//! | `path.rs` | where the phone is, and how it reaches us | `path` |
//! | `stage.rs` | how far a leg is, with what it has only there | `stage` |
//! | `talk.rs` | what was offered, heard and said: the only place that reads and writes SDP | `talk` |
//! | `port.rs` | the leg's place in the media engine | `port` |
//! | `session_timer.rs` | who refreshes the session, and when it ends (RFC 4028) | `timer` |
//! | `inbound.rs` | a leg that a phone began, until the ACK of our 2xx | |
//! | `progress.rs` | what a caller is told before the final answer | |
//! | `outbound.rs` | a leg that Tandem began, until the ACK of the phone's 2xx | |
//! | `change_ours.rs` | re-INVITE and UPDATE of ours | |
//! | `change_theirs.rs` | re-INVITE and UPDATE of the phone's | |
//! | `within/` | the other requests within the dialog: INFO, MESSAGE, REFER, NOTIFY, OPTIONS | |
//! | `end.rs` | how a leg ends | |
//! | `image.rs` | what lasts of a quiet leg, and a leg that goes on from it | |

mod change_ours;
mod change_theirs;
mod end;
mod image;
mod inbound;
mod outbound;
mod path;
mod port;
mod progress;
mod session_timer;
mod stage;
mod talk;
mod within;

use ::media::{MediaId, Spec};
use sip::{HeaderName, Message, StatusCode, dialog::Dialog};

pub(crate) use outbound::{CallerId, Invitation, Place, acknowledge_stray, end_stray};
pub(crate) use path::Path;
pub(crate) use port::NoRoom;
pub(crate) use progress::rings;
pub(crate) use talk::{Fit, Talk};
pub(crate) use within::{FLASH, answer_passed, info_key};

use crate::{activity::LineState, api::Abilities, ids::CallId, locations::Peer, stack::Stack};
pub(crate) use crate::{
    event::{Cause, EndEvent, LegEvent, LegTimer, Q850, SessionEvent, SetupEvent, Who},
    ids::LegId,
    stack::body::description,
};
use port::Port;
use session_timer::SessionTimer;
use stage::Stage;

/// One dialog with one phone.
pub(crate) struct Leg {
    pub id: LegId,
    /// The call that it belongs to now.
    pub call: CallId,
    /// The phone began it.
    pub inbound: bool,
    /// Who is at the other end.
    pub peer: Peer,
    /// Where the phone is, and how the phone reaches us.
    pub path: Path,
    /// The INVITE that began it.
    pub invite: Message,
    /// What the log calls it, within its call.
    pub span: tracing::Span,
    stage: Stage,
    /// What was offered and answered. Of a called phone only the offer, until a 2xx has come.
    talk: Talk,
    port: Port,
    timer: SessionTimer,
    can: Abilities,
}

impl Leg {
    /// How far it is, as others see it.
    pub fn state(&self) -> LineState {
        match &self.stage {
            Stage::Incoming(_) if self.talk.is_answered_early() => LineState::Early,
            Stage::Incoming(_) => LineState::Trying,
            Stage::Calling(calling) if calling.cancelled => LineState::Ending,
            Stage::Calling(calling) if calling.rings => LineState::Ringing,
            Stage::Calling(calling) if calling.early_talk().is_some() => LineState::Early,
            Stage::Calling(_) => LineState::Trying,
            Stage::Up(_) if self.port.is_held() => LineState::Held,
            Stage::Up(_) => LineState::Up,
            Stage::Ending(_) | Stage::Gone => LineState::Ending,
        }
    }

    /// Who is at our side of the dialog, as its peer is told: of a call to us the number that was dialled, of a call of
    /// ours the caller's number.
    pub fn user(&self) -> &str {
        &self.path.user
    }

    /// Whether the phone has called and waits for its final answer.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Incoming(_))
    }

    /// Whether the leg was answered and is not over.
    pub const fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up(_))
    }

    /// Whether the leg is over, or about to be.
    pub const fn is_over(&self) -> bool {
        !self.stage.is_live()
    }

    /// The leg's place in the media engine, once it has one.
    pub const fn port(&self) -> Option<MediaId> {
        self.port.id()
    }

    /// What was offered and answered.
    pub fn talk(&self) -> &Talk {
        let early = match &self.stage {
            Stage::Calling(calling) => calling.early_talk(),
            Stage::Incoming(_) | Stage::Up(_) | Stage::Ending(_) | Stage::Gone => None,
        };
        early.unwrap_or(&self.talk)
    }

    /// What the phone last described.
    pub fn heard(&self) -> Option<&Spec> {
        self.talk().heard()
    }

    /// How what the phone was told serves media that the other side describes by `other`.
    pub fn fit(&self, other: &Spec) -> Fit {
        self.talk().fit(other)
    }

    /// Our Contact in this leg's dialog.
    fn contact(&self, cx: &Stack) -> String {
        let secure = self.stage.dialogs().next().is_some_and(Dialog::is_secure);
        self.path.contact(cx, secure)
    }

    /// The engine is told what the session is now.
    fn sync_media(&mut self, cx: &mut Stack) {
        let up = self.is_up();
        let early = match &self.stage {
            Stage::Calling(calling) => calling.early_talk(),
            Stage::Incoming(_) | Stage::Up(_) | Stage::Ending(_) | Stage::Gone => None,
        };
        self.port.sync(cx, &self.path.flow, early.unwrap_or(&self.talk), up);
    }

    fn tell(&self, cx: &mut Stack, event: impl Into<LegEvent>) {
        cx.leg_events.push_back((self.id, event.into()));
    }
}

impl Abilities {
    /// Nothing is known yet.
    const fn unknown() -> Self {
        Self {
            update: false,
            info: true,
            timer: false,
        }
    }

    /// What a message of the phone says of them.
    fn learn(&mut self, message: &Message) {
        let allows = |method: &str| {
            message
                .values(HeaderName::Allow)
                .any(|value| value.trim().eq_ignore_ascii_case(method))
        };
        if message.header(HeaderName::Allow).is_some() {
            self.update = allows("UPDATE");
            self.info = allows("INFO");
        }
        if message.header(HeaderName::Supported).is_some() {
            self.timer = message.supports("timer");
        }
    }
}

/// A status code that is known to be one.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}
