//! A leg: one dialog with one phone, whichever side began it.
//!
//! A leg speaks SIP and offer/answer. A leg knows nothing of calls: the call calls methods of [`Leg`], and the leg
//! reports by [`LegEvent`]s. A leg that a phone began and a leg that Tandem began differ only in how their dialog
//! begins.
//!
//! Methods of [`Leg`] are what other rooms ask of a leg. Functions of the files (`inbound::acknowledged`,
//! `within::request`) are what happens to a leg: a request, a response, an ACK, a media port that failed.
//!
//! | file | what it does | fields of [`Leg`] |
//! |---|---|---|
//! | `mod.rs` | what is asked of a leg | `id`, `call`, `inbound`, `peer`, `invite`, `span`, `can` |
//! | `path.rs` | where the phone is, and how the phone reaches us | `path` |
//! | `stage.rs` | how far a leg is, and what a leg has only in that stage | `stage` |
//! | `talk/` | offers and answers: the only place that reads and writes SDP | `talk` |
//! | `port.rs` | the leg's place in the media engine | `port` |
//! | `session_id.rs` | Session-ID (RFC 7989) | `session` |
//! | `session_timer.rs` | which side refreshes the session, and when the session expires (RFC 4028) | `timer` |
//! | `inbound.rs` | a leg that a phone began, until the ACK of our 2xx | |
//! | `progress.rs` | provisional answers to a caller | |
//! | `reliable/` | reliable provisional responses, of either side | |
//! | `outbound.rs` | a leg that Tandem began, until the ACK of the phone's 2xx | |
//! | `identity.rs` | with whom the phone talks, as the phone is told | `identity` |
//! | `change/` | re-INVITE and UPDATE: ours and the phone's | |
//! | `within/` | the other requests within the dialog: INFO, MESSAGE, REFER, NOTIFY, OPTIONS | |
//! | `end.rs` | how a leg ends | |
//! | `image.rs` | the image of a quiet leg, and a leg that goes on from its image | |

mod change;
pub(crate) mod end;
pub(crate) mod identity;
mod image;
pub(crate) mod inbound;
pub(crate) mod outbound;
mod path;
mod port;
mod progress;
mod reliable;
pub(crate) mod session_id;
mod session_timer;
mod stage;
mod talk;
pub(crate) mod within;

use ::media::{MediaId, Spec, service::Quality};
use bytes::Bytes;
use sip::{Flow, HeaderName, Message, StatusCode, dialog::Dialog, transaction::ServerId};

pub(crate) use change::ours::response as change_response;
pub(crate) use identity::CallerId;
pub(crate) use outbound::{Invitation, Place, acknowledge_stray, end_stray};
pub(crate) use path::Path;
pub(crate) use port::NoRoom;
pub(crate) use progress::rings;
pub(crate) use talk::{Fit, Talk};
pub(crate) use within::{FLASH, answer_passed, info_key};

use crate::{
    activity::LineState,
    answer::Answer,
    api::{Abilities, CauseCode, Dtmf, LegImage, LegQuality},
    diversion::Step,
    ids::CallId,
    locations::Peer,
    stack::Stack,
};
pub(crate) use crate::{
    event::{Cause, EndEvent, LegEvent, LegTimer, Q850, SessionEvent, SetupEvent, Who},
    ids::LegId,
    stack::body::description,
};
use change::{ours, theirs};
use identity::Identity;
use port::Port;
use reliable::sent;
use session_timer::SessionTimer;
use stage::Stage;
use within::{pass, refer, send_key};

/// How a phone gets a key.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeysGo {
    /// As RFC 4733 events.
    AsEvents,
    /// By SIP INFO.
    ByInfo,
    /// As tones in the sound.
    AsTones,
    /// Not at all.
    Nowhere,
}

/// One dialog with one phone.
pub(crate) struct Leg {
    pub id: LegId,
    /// The call that the leg belongs to now.
    pub call: CallId,
    /// The phone began the leg.
    pub inbound: bool,
    /// The party at the other end.
    pub peer: Peer,
    /// Where the phone is, and how the phone reaches us.
    pub path: Path,
    /// The INVITE that began the leg.
    pub invite: Message,
    /// The span of the leg in the log, within the span of its call.
    pub span: tracing::Span,
    stage: Stage,
    /// The offers and answers of the session. For a called phone only our offer, until a 2xx has come.
    talk: Talk,
    port: Port,
    timer: SessionTimer,
    identity: Identity,
    session: session_id::Ends,
    can: Abilities,
}

impl Leg {
    /// How far the leg is, for the API.
    pub fn state(&self) -> LineState {
        match &self.stage {
            Stage::Incoming(_) if self.talk.is_established() => LineState::Early,
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

    /// The user part of our address in the dialog. For a call to us this is the dialled number, for a call of ours the
    /// caller's number.
    pub fn user(&self) -> &str {
        &self.path.user
    }

    /// Its dialog; while the phone rings, the early dialog that came first. `None` before any answer of the phone.
    pub fn dialog(&self) -> Option<&Dialog> {
        self.stage.dialogs().next()
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

    /// Whether the party hides its number, by its INVITE or its answers (RFC 3323).
    pub const fn hides(&self) -> bool {
        self.identity.hides()
    }

    /// Whether the phone's network is trusted: what its messages say of other parties is believed.
    pub const fn is_trusted(&self) -> bool {
        self.identity.is_trusted()
    }

    /// The forwards that the phone's 3xx told of, the latest first.
    pub fn diverted(&self) -> &[Step] {
        self.identity.diverted()
    }

    /// The leg's place in the media engine, once it has one.
    pub const fn port(&self) -> Option<MediaId> {
        self.port.id()
    }

    /// The places in the media engine of the lines besides the audio, by their place in the call.
    pub fn lines(&self) -> Vec<Option<MediaId>> {
        self.port.lines().collect()
    }

    /// The place in the media engine that the leg has given back, if the engine had it open.
    pub const fn closed_port(&self) -> Option<MediaId> {
        self.port.closed()
    }

    /// The leg in the record of its call, before the engine has told how it sounded.
    pub fn sounded(&self) -> LegQuality {
        LegQuality {
            party: self.peer.to_string(),
            inbound: self.inbound,
            codec: self.talk().codec(),
            ..LegQuality::default()
        }
    }

    /// How the leg sounds, as far as it was measured.
    pub fn measured(&self) -> Option<&Quality> {
        self.port.measured()
    }

    /// The engine has measured how the leg sounds.
    pub fn measure(&mut self, quality: Quality) {
        self.port.measure(quality);
    }

    /// The offers and answers of the session. For a called phone those of the early dialog that described media last.
    pub fn talk(&self) -> &Talk {
        self.stage.early_talk().unwrap_or(&self.talk)
    }

    /// The media that the phone described last.
    pub fn heard(&self) -> Option<&Spec> {
        self.talk().heard()
    }

    /// How the last description sent to the phone fits media that the other side describes by `other`.
    pub fn fit(&self, other: &Spec) -> Fit {
        self.talk().fit(other)
    }

    /// Whether the phone is likely to send a codec that the other side, which takes `other`, does not have, although the
    /// phone also has one that the other side has.
    pub fn prefers_other(&self, other: &Spec) -> bool {
        self.is_up() && self.talk.prefers_other(other)
    }

    /// The part of the leg that can be stored. `None` unless the leg is up and quiet: a request, an offer or an
    /// acknowledgement that is under way cannot be stored.
    pub fn image(&self) -> Option<LegImage> {
        image::of(self)
    }

    /// The number of the next request in the dialog. `None` where no 2xx has confirmed a dialog.
    pub fn next_number(&mut self) -> Option<u32> {
        Some(self.stage.confirmed()?.dialog.next_number())
    }

    /// The phone's offer in a re-INVITE or UPDATE that waits for our answer.
    pub fn pending_offer(&self) -> Option<&Spec> {
        self.talk.offered().filter(|_| self.is_up())
    }

    /// Answers the phone's INVITE with 101 to 199; with `answer` also a session description (early media, RFC 3960).
    pub fn provisional(&mut self, cx: &mut Stack, code: u16, answer: Option<&Spec>) {
        progress::progress(self, cx, code, "", answer);
    }

    /// As [`Leg::provisional`], with the callee's own words in `reason`; where `reason` is empty, with the usual ones.
    /// The same answer is sent again once a minute, not sooner.
    pub fn progress(&mut self, cx: &mut Stack, code: u16, reason: &str, answer: Option<&Spec>) {
        progress::progress(self, cx, code, reason, answer);
    }

    /// Answers the phone's INVITE with 200. `spec` is what the other side (or Tandem itself) accepted; where the INVITE
    /// made no offer, `spec` is what is offered now. Returns whether the codecs fitted; if not, 488 was sent.
    pub fn accept(&mut self, cx: &mut Stack, spec: &Spec) -> bool {
        inbound::accept(self, cx, spec)
    }

    /// The INVITE is passed on to another server: the leg is over, and the INVITE waits for its answer from elsewhere. Returns
    /// its transaction, its way, and whether its network is trusted; `None` if the phone has been told something already.
    pub fn let_go(&mut self, cx: &mut Stack) -> Option<(ServerId, Flow, Message, bool)> {
        inbound::let_go(self, cx)
    }

    /// Answers the phone's INVITE with a final error; the leg is over.
    pub fn reject(&mut self, cx: &mut Stack, refusal: &Answer) {
        inbound::reject(self, cx, refusal);
    }

    /// The INVITE goes to another target of its name. Returns the session description for this target where the
    /// description differs: the target is reached from another address of ours.
    pub fn goes_to(&mut self, cx: &mut Stack, way: Flow) -> Option<Bytes> {
        let before = cx.media_address(&self.path.flow);
        self.path.flow = way;
        let address = cx.media_address(&way);
        (address != before).then(|| self.talk.offer_at(address)).flatten()
    }

    /// Passes on an offer of the other phone, by re-INVITE. [`SessionEvent::Accepted`] or [`SessionEvent::Refused`]
    /// answers; the latter with 491 where another change is under way.
    pub fn offer(&mut self, cx: &mut Stack, spec: &Spec) {
        ours::offer(self, cx, spec);
    }

    /// Makes an offer of our own as soon as nothing else is under way, and again after glare: by re-INVITE, before the
    /// answer by UPDATE.
    pub fn offer_own(&mut self, cx: &mut Stack, spec: &Spec) {
        ours::offer_own(self, cx, spec);
    }

    /// Before the answer: the other side has taken a change of this phone, which this phone knows of.
    pub fn is_agreed(&mut self, spec: &Spec) {
        if self.fit(spec) == Fit::Relays {
            self.session().is_agreed(spec);
        }
    }

    /// The other side has changed: an offer of our own that waits is to say so.
    pub fn offer_instead(&mut self, spec: &Spec) {
        if let Some(wanted) = self.stage.up().and_then(|up| up.wanted.as_mut()) {
            wanted.instead(spec);
        }
    }

    /// The call takes back the offer that it passed on.
    pub fn withdraw_offer(&mut self, cx: &mut Stack) {
        ours::withdraw(self, cx);
    }

    /// Accepts the phone's re-INVITE or UPDATE. `spec` is what the other side accepted of the offer. The phone then
    /// knows how things are, so an offer of our own that waits is dropped.
    pub fn answer_change(&mut self, cx: &mut Stack, spec: &Spec) {
        theirs::answer(self, cx, spec);
    }

    /// The person at the other phone is asked about the phone's re-INVITE (RFC 6141 section 3.3).
    pub fn change_pending(&mut self, cx: &mut Stack) {
        theirs::pending(self, cx);
    }

    /// Refuses the phone's re-INVITE or UPDATE; the session stays as it is.
    pub fn refuse_change(&mut self, cx: &mut Stack, code: u16) {
        theirs::refuse(self, cx, code);
    }

    /// Sends what the other leg's phone sent by INFO or MESSAGE. Keys go as RFC 4733 events to a phone that does not
    /// allow INFO. Returns the status for the other phone, or `None` where the status is to come. The status is 405
    /// where this phone has said that it takes no INFO (RFC 3261 20.5: a phone that sent no Allow has not said so).
    pub fn pass(&mut self, cx: &mut Stack, server: ServerId, passed: &Message) -> Option<u16> {
        pass::pass_on(self, cx, server, passed)
    }

    /// Sends a text of our own within the dialog (RFC 3428 section 4), if the phone has said that it takes MESSAGE.
    pub fn say(&mut self, cx: &mut Stack, text: &str) {
        pass::say(self, cx, text);
    }

    /// How the phone gets a key: as its device's setting says, or as its phone agreed to and said.
    pub fn keys_go(&self) -> KeysGo {
        let talk = self.talk();
        let tones = || {
            if talk.hears_tones() {
                KeysGo::AsTones
            } else {
                KeysGo::Nowhere
            }
        };
        match talk.dtmf() {
            Dtmf::Auto | Dtmf::Rfc4733 if talk.hears_events() => KeysGo::AsEvents,
            Dtmf::Rfc4733 => KeysGo::Nowhere,
            Dtmf::Info => KeysGo::ByInfo,
            Dtmf::Auto if self.can.takes_info => KeysGo::ByInfo,
            Dtmf::Auto | Dtmf::Inband => tones(),
        }
    }

    /// Sends a key that lasted for so many milliseconds by INFO, after those that are under way.
    pub fn send_key(&mut self, cx: &mut Stack, key: char, millis: u16) {
        send_key::send(self, cx, key, millis);
    }

    /// Answers the phone's REFER with 202 (RFC 3515 section 2.4.2): see [`refer::accept`].
    pub fn accept_refer(
        &self,
        cx: &mut Stack,
        server: ServerId,
        request: &Message,
        silent: bool,
    ) -> Option<Box<Dialog>> {
        refer::accept(self, cx, server, request, silent)
    }

    /// A REFER that came outside of the dialog names this dialog (RFC 4538).
    pub fn referred(&mut self, cx: &mut Stack, server: ServerId, request: Message) {
        refer::received(self, cx, server, request);
    }

    /// Tells the phone of an event that it is subscribed to, within this dialog or in that dialog of its own. `event` and
    /// `state` are the values of Event and Subscription-State (RFC 6665 section 8.2), `body` is a `message/sipfrag`. Returns
    /// whether the NOTIFY was sent. The answer to the NOTIFY comes to [`crate::requests::Owner::Notify`].
    pub fn notify(
        &mut self,
        cx: &mut Stack,
        own: Option<&mut Dialog>,
        (event, state): (&str, &str),
        body: &[u8],
    ) -> bool {
        refer::notify(self, cx, own, (event, state), body)
    }

    /// Ends the leg in the way that its stage asks for: an error answer, CANCEL or BYE. A leg that is over stays so.
    pub fn hang_up(&mut self, cx: &mut Stack, cause: Cause) {
        end::hang_up(self, cx, cause);
    }

    /// Ends the leg because another phone has answered. CANCEL says so (RFC 3326), and the phone does not show a missed
    /// call.
    pub fn answered_elsewhere(&mut self, cx: &mut Stack) {
        end::answered_elsewhere(self, cx);
    }

    /// A timer of the leg is due.
    pub fn timeout(&mut self, cx: &mut Stack, timer: LegTimer) {
        match timer {
            LegTimer::Accepted => inbound::accepted_due(self, cx),
            LegTimer::Refresh => ours::refresh(self, cx),
            LegTimer::Offer => ours::offer_wanted(self, cx),
            LegTimer::Identity => identity::due(self, cx),
            LegTimer::Update => theirs::update_waited(self, cx),
            LegTimer::Provisional => progress::say_again(self, cx),
            LegTimer::Prack => sent::due(self, cx),
            LegTimer::Expire => end::lost(
                self,
                cx,
                CauseCode::SessionExpired,
                "the session was not refreshed in time",
            ),
        }
    }

    /// As [`Leg::talk`], to be changed.
    fn session(&mut self) -> &mut Talk {
        match &mut self.stage {
            Stage::Calling(calling) => calling.early_talk_mut().unwrap_or(&mut self.talk),
            Stage::Incoming(_) | Stage::Up(_) | Stage::Ending(_) | Stage::Gone => &mut self.talk,
        }
    }

    /// Our Contact in this leg's dialog.
    fn contact(&self, cx: &Stack) -> String {
        let secure = self.stage.dialogs().next().is_some_and(Dialog::is_secure);
        self.path.contact(cx, secure)
    }

    /// Takes media ports for the lines of `spec` besides the audio, before they are described to the phone.
    fn take_lines(&mut self, cx: &mut Stack, spec: &Spec) {
        if spec.has_lines() {
            let talk = match &mut self.stage {
                Stage::Calling(calling) => calling.early_talk_mut().unwrap_or(&mut self.talk),
                Stage::Incoming(_) | Stage::Up(_) | Stage::Ending(_) | Stage::Gone => &mut self.talk,
            };
            self.port.take_lines(cx, self.id, &self.path.flow, talk, spec);
        }
    }

    /// Tells the media engine what the session is now.
    fn sync_media(&mut self, cx: &mut Stack) {
        let up = self.is_up();
        let talk = self.stage.early_talk().unwrap_or(&self.talk);
        self.port.sync(cx, &self.path.flow, talk, up);
    }

    /// Reports an event to the call.
    fn tell(&self, cx: &mut Stack, event: impl Into<LegEvent>) {
        cx.leg_events.push_back((self.id, event.into()));
    }
}

impl Abilities {
    /// What is assumed of a phone before its first message: INFO, but neither UPDATE nor an extension.
    const fn unknown() -> Self {
        Self {
            update: false,
            info: true,
            takes_info: false,
            takes_message: false,
            timer: false,
            from_change: false,
        }
    }

    /// Takes over what Allow and Supported of a message say. A message without the field changes nothing.
    fn learn(&mut self, message: &Message) {
        let allows = |method: &str| {
            message
                .values(HeaderName::Allow)
                .any(|value| value.trim().eq_ignore_ascii_case(method))
        };
        if message.header(HeaderName::Allow).is_some() {
            self.update = allows("UPDATE");
            self.info = allows("INFO");
            self.takes_info = self.info;
            self.takes_message = allows("MESSAGE");
        }
        if message.header(HeaderName::Supported).is_some() {
            self.timer = message.supports("timer");
            self.from_change = message.supports("from-change");
        }
    }
}

/// The status with this code; 500 where the number is no status code.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}
