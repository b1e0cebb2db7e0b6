//! `conference`: the caller meets others in a room, after it has shown that it knows the PIN.

use std::time::Duration;

use ::media::{
    Event as MediaEvent,
    service::{Sound as Heard, Taken},
};
use sip::Instant;

use crate::{
    api::{
        Began, Collect, ConferenceOptions, ConferenceResult, ConferenceStatus, Outcome, RecordingFormat, RecordingKind,
    },
    call::{self, Call, VerbEvent},
    conferences::{Arrival, Full},
    core::Core,
    recordings::Wish,
};

use super::{
    Next, Running,
    answer::pick_up,
    collect::{Asked, Asking},
    sound::{awaits_ack, established},
};

/// How often a caller may try a PIN.
const TRIES: u8 = 3;
/// How long the next key of a PIN may take.
const KEY: Duration = Duration::from_secs(8);

/// A `conference` in progress.
pub(crate) struct Attending {
    want: ConferenceOptions,
    stage: Stage,
}

enum Stage {
    /// The caller's ACK is to bring its session description.
    Answering,
    /// The caller is asked for the PIN, and may try it so many times in all.
    Asking(Asking, u8),
    /// The caller is in the conference.
    Inside {
        since: Instant,
        /// The last key was `*`.
        star: bool,
    },
}

/// `caller.conference(room, #{ pin, muted, record, leave, .. })`.
pub(super) fn conference(call: &mut Call, x: &mut Core, want: ConferenceOptions) -> Next {
    // The answer to the INVITE names the conference as our Contact; with a PIN, what follows after the PIN does.
    if want.pin.is_none() {
        focus(call, x, Some(&want.room));
    }
    if !pick_up(call, x) {
        return over(ConferenceStatus::Failed, Duration::ZERO);
    }
    let attending = Box::new(Attending {
        want,
        stage: Stage::Answering,
    });
    if awaits_ack(call, x) {
        return Next::Wait(Running::Conference(attending));
    }
    attending.ask(call, x, TRIES)
}

/// The subject of a call without a script enters a conference, which an INVITE with Join has made or found.
pub(super) fn join(call: &mut Call, x: &mut Core, room: String) -> Next {
    let want = ConferenceOptions {
        room,
        pin: None,
        prompts: Vec::new(),
        muted: false,
        record: None,
        leave: None,
        tones: true,
    };
    conference(call, x, want)
}

/// Our Contact to the caller's phone is the conference from now on, so that the phone can subscribe to it (RFC 4579 section
/// 5.1); or what was dialled, again.
fn focus(call: &Call, x: &mut Core, room: Option<&str>) {
    call.with_subject(x, |leg, _| leg.path.focus = room.map(Into::into));
}

fn over(status: ConferenceStatus, time: Duration) -> Next {
    Next::Done(Outcome::Conference(ConferenceResult {
        status,
        seconds: time.as_secs_f64(),
    }))
}

/// How the record of a call names a conference.
fn party(room: &str) -> String {
    format!("conference {room}")
}

impl Attending {
    fn ask(self: Box<Self>, call: &mut Call, x: &mut Core, tries: u8) -> Next {
        let Some(pin) = &self.want.pin else {
            return self.enter(call, x);
        };
        let asked = Asking::start_with_beep(
            call,
            x,
            Collect {
                prompts: self.want.prompts.clone(),
                max: pin.0.len(),
                timeout: KEY,
                terminator: Some('#'),
            },
        );
        self.asked(call, x, asked, tries)
    }

    fn asked(self: Box<Self>, call: &mut Call, x: &mut Core, asked: Asked, tries: u8) -> Next {
        match asked {
            Asked::Waits(asking) => self.waits(Stage::Asking(asking, tries)),
            Asked::Failed(outcome) => Next::Done(outcome),
            Asked::Has(result) if self.want.pin.as_ref().is_none_or(|pin| pin.0 == result.digits) => {
                self.enter(call, x)
            }
            Asked::Has(_) => {
                tracing::info!(conference = %self.want.room, "a wrong PIN, or none");
                // What was typed too much belongs to the wrong PIN.
                call.keys.waiting.clear();
                if tries <= 1 {
                    return over(ConferenceStatus::Pin, Duration::ZERO);
                }
                self.ask(call, x, tries - 1)
            }
        }
    }

    fn enter(self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        let Some(port) = established(call, x) else {
            return over(ConferenceStatus::Failed, Duration::ZERO);
        };
        call.keys.waiting.clear();
        let (number, name) = person(call, x);
        let arrival = Arrival {
            call: call.id,
            uid: call.uid,
            number,
            name,
            port,
            muted: self.want.muted,
            invited_by: call::inviter(call),
            tones: self.want.tones,
        };
        if let Err(Full) = x.conferences.enter(&mut x.stack, &self.want.room, arrival) {
            tracing::warn!(conference = %self.want.room, "no room (--conferences, --conference-members)");
            return over(ConferenceStatus::Full, Duration::ZERO);
        }
        focus(call, x, Some(&self.want.room));
        call::listen(call, x, true);
        self.record(call, x);
        self.note(call, x, Began::Answered);
        let since = x.stack.now;
        self.waits(Stage::Inside { since, star: false })
    }

    fn record(&self, call: &Call, x: &mut Core) {
        let room = &self.want.room;
        let (Some(name), Some(id)) = (&self.want.record, x.conferences.unrecorded(room)) else {
            return;
        };
        let wish = Wish {
            owner: call.id,
            call: call.uid,
            kind: RecordingKind::Conference,
            name,
            taken: Taken::Room(id),
            format: RecordingFormat::Wav,
            max: None,
            silence: None,
        };
        if let Ok(recording) = x.recordings.begin(&mut x.stack, &wish) {
            x.conferences.is_recorded(room, recording);
        }
    }

    /// The record says where the caller is.
    fn note(&self, call: &mut Call, x: &Core, why: Began) {
        if let Some(one) = call.subject_leg(x).map(|leg| leg.peer.to_string()) {
            call.record.turn(x, &one, &party(&self.want.room), why);
        }
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: &VerbEvent) -> Next {
        match self.stage {
            Stage::Answering => match event {
                VerbEvent::SubjectGone => over(ConferenceStatus::Failed, Duration::ZERO),
                VerbEvent::SubjectConfirmed => {
                    self.stage = Stage::Answering;
                    self.ask(call, x, TRIES)
                }
                VerbEvent::Guest(guest) if guest.subject => {
                    self.stage = Stage::Answering;
                    self.ask(call, x, TRIES)
                }
                VerbEvent::Leg(..)
                | VerbEvent::PeerEnded
                | VerbEvent::Timer
                | VerbEvent::Digit(_)
                | VerbEvent::Media(..)
                | VerbEvent::Recorded(_)
                | VerbEvent::Stored(..)
                | VerbEvent::Found(..)
                | VerbEvent::Removed
                | VerbEvent::Joined(_)
                | VerbEvent::Proxied(_)
                | VerbEvent::Resolved(..)
                | VerbEvent::Guest(_) => self.waits(Stage::Answering),
            },
            Stage::Asking(asking, tries) => {
                let gone = matches!(event, VerbEvent::SubjectGone);
                let asked = asking.event(call, x, event);
                if gone {
                    return over(ConferenceStatus::Failed, Duration::ZERO);
                }
                self.stage = Stage::Answering;
                self.asked(call, x, asked, tries)
            }
            Stage::Inside { since, star } => {
                self.stage = Stage::Inside { since, star: false };
                self.inside(call, x, event, since, star)
            }
        }
    }

    fn inside(
        mut self: Box<Self>,
        call: &mut Call,
        x: &mut Core,
        event: &VerbEvent,
        since: Instant,
        star: bool,
    ) -> Next {
        let room = self.want.room.clone();
        match event {
            VerbEvent::SubjectGone => return self.leave(call, x, ConferenceStatus::Left, since),
            VerbEvent::Removed => return self.leave(call, x, ConferenceStatus::Removed, since),
            VerbEvent::Digit(key) if self.want.leave == Some(*key) => {
                return self.leave(call, x, ConferenceStatus::Left, since);
            }
            VerbEvent::Digit(key) => {
                call.keys.waiting.clear();
                if star && *key == '6' {
                    let muted = !x.conferences.is_muted(&room, call.uid);
                    x.conferences.mute(&mut x.stack, &room, call.uid, muted);
                }
                let star = *key == '*';
                self.stage = Stage::Inside { since, star };
            }
            VerbEvent::Guest(guest) if guest.subject => {
                let Some(port) = established(call, x) else {
                    return self.leave(call, x, ConferenceStatus::Failed, since);
                };
                let (number, name) = person(call, x);
                x.conferences.reseat(&mut x.stack, &room, call.id, (port, number, name));
                focus(call, x, Some(&room));
                call::listen(call, x, true);
                self.note(call, x, Began::Replaced);
            }
            VerbEvent::Media(leg, MediaEvent::Heard { sound, .. }) if call.subject() == Some(*leg) => match sound {
                Heard::SpeechBegins => x.conferences.speaks(&mut x.stack, &room, call.id, true),
                Heard::SpeechEnds => x.conferences.speaks(&mut x.stack, &room, call.id, false),
                Heard::Beep | Heard::FaxCalling | Heard::FaxAnswering => {}
            },
            VerbEvent::Leg(..)
            | VerbEvent::PeerEnded
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Timer
            | VerbEvent::Media(..)
            | VerbEvent::Recorded(_)
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_)
            | VerbEvent::Resolved(..)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Guest(_) => self.stage = Stage::Inside { since, star },
        }
        Next::Wait(Running::Conference(self))
    }

    fn leave(&self, call: &mut Call, x: &mut Core, status: ConferenceStatus, since: Instant) -> Next {
        x.conferences.leave(&mut x.stack, &self.want.room, call.id);
        focus(call, x, None);
        call::listen(call, x, false);
        call.keys.waiting.clear();
        if let Some(one) = call.subject_leg(x).map(|leg| leg.peer.to_string()) {
            call.record.turn(x, &one, "", Began::Left);
        }
        over(status, x.stack.now - since)
    }

    fn waits(mut self: Box<Self>, stage: Stage) -> Next {
        self.stage = stage;
        Next::Wait(Running::Conference(self))
    }
}

/// The number and the name of the phone that is there.
fn person(call: &Call, x: &Core) -> (String, String) {
    let number = call.subject_leg(x).map(|leg| leg.peer.to_string()).unwrap_or_default();
    let name = match x.accounts.extension(&number) {
        Some(extension) => extension.name.clone(),
        None if number == call.facts.number => call.facts.name.clone(),
        None => String::new(),
    };
    (number, name)
}
