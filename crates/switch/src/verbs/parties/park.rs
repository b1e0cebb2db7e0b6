//! `park`: the caller waits in a slot, with music, until a phone takes the call. After a time the phones of the extension
//! that parked the call ring. If none answers, the script goes on.
//!
//! A phone takes the call by `pickup` of the slot's number, or by an INVITE with Replaces: its leg comes as a guest. A
//! party that a transfer brings takes the caller's place in the slot: so a phone calls the slot, hears which it is, and
//! transfers.

use std::collections::VecDeque;

use ::media::{Source, Spec};
use sip::Instant;

use crate::{
    api::{Began, CauseCode, Outcome, Park, ParkResult, ParkStatus, Strategy, Target, Unparked},
    call::{self, Call, Guest, VerbEvent},
    core::Core,
    event::{Cause, LegEvent},
    hunt::{Hunt, Hunted, Quest, Unanswered},
    ids::LegId,
    leg::CallerId,
    parking::Arrival,
    stack::TimerKey,
};

use super::{
    super::{
        Next, Running,
        answer::pick_up,
        sound::{Played, Sound, awaits_ack, established},
    },
    parker::{self, Parker},
};

/// The music of a slot where the script names none.
const MUSIC: &str = "default";
/// The folder of prompts with a file for each digit.
const DIGITS: &str = "digits";

/// What a party hears now and then where there is no music.
const STILL_HERE: &str = "425/150,0/8000";

/// A `park` in progress.
pub(crate) struct Parking {
    want: Park,
    /// The extension that parks the call.
    parked_by: Option<String>,
    /// Empty until the caller waits in it.
    slot: String,
    sound: Sound,
    /// What is played after that.
    program: VecDeque<Source>,
    stage: Stage,
    /// The leg that has sent the caller here by a transfer: its phone is told the slot.
    sent_by: Option<LegId>,
    /// The phone that has parked the party by another call of its own.
    parker: Option<Parker>,
}

enum Stage {
    /// The caller's ACK is to bring its session description.
    Answering,
    /// The caller waits in the slot.
    Waiting,
    /// The same, and the extension that parked the call rings.
    Returning(Box<Hunt>),
    /// A phone has taken the call.
    Talking {
        since: Instant,
        by: String,
        status: ParkStatus,
    },
}

/// `caller.park(slot?, #{ timeout, ring, music })`.
pub(in crate::verbs) fn park(call: &mut Call, x: &mut Core, want: Park) -> Next {
    if x.parking.free(&x.stack, &x.accounts, want.slot.as_deref()).is_none() {
        tracing::warn!("every slot of parked calls is in use (--park-slots)");
        // What the caller gets if the script does nothing more; a party that a transfer brought goes back.
        call.script.last_dial = Some(Unanswered::ours(CauseCode::ParkFull, 486, "All Slots In Use"));
        return over(ParkStatus::Full, String::new());
    }
    if want.held && parker::holding(call, x).is_none() {
        call.script.last_dial = Some(Unanswered::ours(CauseCode::ParkNothing, 480, "No Party On Hold"));
        return over(ParkStatus::Nothing, String::new());
    }
    let parked_by = call::sent_by(call, x);
    let sent_by = call::transferor(call);
    if !pick_up(call, x) {
        return over(ParkStatus::Failed, String::new());
    }
    let parking = Box::new(Parking {
        program: VecDeque::new(),
        want,
        parked_by,
        slot: String::new(),
        sound: Sound::Silence,
        stage: Stage::Answering,
        sent_by,
        parker: None,
    });
    if awaits_ack(call, x) {
        return Next::Wait(Running::Park(parking));
    }
    parking.enter(call, x)
}

fn over(status: ParkStatus, slot: String) -> Next {
    Next::Done(Outcome::Parked(ParkResult {
        status,
        slot,
        by: String::new(),
        talk: 0.0,
    }))
}

/// How the record of a call names a slot.
fn place(slot: &str) -> String {
    format!("park {slot}")
}

impl Parking {
    fn enter(mut self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        let leg = call.subject().filter(|_| established(call, x).is_some());
        let Some(leg) = leg else {
            return over(ParkStatus::Failed, String::new());
        };
        let Some(slot) = x.parking.free(&x.stack, &x.accounts, self.want.slot.as_deref()) else {
            return over(ParkStatus::Full, String::new());
        };
        let timeout = self
            .want
            .timeout
            .unwrap_or(x.stack.config.limits.services.parking.timeout);
        let arrival = Arrival {
            call: call.id,
            uid: call.uid,
            leg,
            party: call::subject_as_shown(call, x),
            parked_by: self.parked_by.clone().unwrap_or_default(),
            timeout,
        };
        let is_parker = self.parked_by.as_ref() == Some(&arrival.party.0);
        x.parking.park(&mut x.stack, &mut x.activity, &slot, arrival);
        self.slot = slot;
        self.note(call, x, Began::Answered);
        x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + timeout);
        self.stage = Stage::Waiting;
        if let Some(transferor) = self.sent_by.take() {
            parker::text_slot(x, transferor, &self.slot);
        } else if is_parker {
            parker::show_slot(x, leg, &self.slot);
        }
        if self.want.held {
            if !parker::fetch(call, x) {
                return self.gives_up(call, x, Unparked::Ended, ParkStatus::Nothing);
            }
            return Next::Wait(Running::Park(self));
        }
        self.program = self.program(is_parker);
        self.play(call, x);
        Next::Wait(Running::Park(self))
    }

    /// The prompts that say which slot it is.
    fn digits(&self) -> Vec<String> {
        self.slot.chars().map(|digit| format!("{DIGITS}/{digit}")).collect()
    }

    /// What is played, one after the other where something cannot be played. The phone that parks hears which slot it is.
    fn program(&self, is_parker: bool) -> VecDeque<Source> {
        let music = self.want.music.clone().unwrap_or_else(|| MUSIC.to_owned());
        let announcement = is_parker.then(|| Source::Prompts(self.digits()));
        let rest = [Source::Music(music), Source::Tone(STILL_HERE.to_owned())];
        announcement.into_iter().chain(rest).collect()
    }

    fn play(&mut self, call: &mut Call, x: &mut Core) {
        self.sound = match self.program.pop_front() {
            Some(source) => {
                let repeat = !matches!(source, Source::Prompts(_));
                Sound::play(call, x, source, repeat).unwrap_or(Sound::Silence)
            }
            None => Sound::Silence,
        };
    }

    /// The record says where the caller is.
    fn note(&self, call: &mut Call, x: &Core, why: Began) {
        if let Some(one) = call.subject_leg(x).map(|leg| leg.peer.to_string()) {
            call.record.turn(x, &one, &place(&self.slot), why);
        }
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        if matches!(self.stage, Stage::Talking { .. }) {
            return match event {
                VerbEvent::PeerEnded | VerbEvent::SubjectGone => self.finish(x),
                VerbEvent::Leg(..)
                | VerbEvent::SubjectConfirmed
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
                | VerbEvent::Guest(_) => Next::Wait(Running::Park(self)),
            };
        }
        match event {
            VerbEvent::SubjectGone => return self.leave(call, x, Unparked::Ended),
            VerbEvent::SubjectConfirmed if matches!(self.stage, Stage::Answering) => return self.enter(call, x),
            VerbEvent::Guest(guest) if guest.subject => self.another(call, x, guest.instead_of),
            VerbEvent::Guest(guest) if !guest.connected => return self.taken(call, x, guest),
            VerbEvent::Timer => return self.time_is_over(call, x),
            // There was no party on hold any more, or no codec that it has in common with Tandem.
            VerbEvent::Joined(Err(_)) if self.want.held => {
                return self.gives_up(call, x, Unparked::Ended, ParkStatus::Nothing);
            }
            VerbEvent::Leg(leg, event) if self.is_of_parker(x, leg, &event) => {}
            VerbEvent::Media(leg, event)
                if self.parker.as_ref().is_some_and(|parker| parker.played(x, leg, &event)) =>
            {
                self.parker = None;
            }
            VerbEvent::Leg(leg, event) => return self.hunt(call, x, |hunt, x| hunt.leg_event(x, leg, event)),
            VerbEvent::Resolved(query, ways) => {
                return self.hunt(call, x, |hunt, x| hunt.resolved(x, query, &ways));
            }
            VerbEvent::Digit(_) => call.keys.waiting.clear(),
            VerbEvent::Media(..) | VerbEvent::SubjectConfirmed => self.heard(call, x, &event),
            VerbEvent::PeerEnded
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_)
            | VerbEvent::Guest(_) => {}
        }
        Next::Wait(Running::Park(self))
    }

    /// A sound is over, or cannot be played: the next one.
    fn heard(&mut self, call: &mut Call, x: &mut Core, event: &VerbEvent) {
        match self.sound.event(call, x, event) {
            Played::GoesOn | Played::Begins => {}
            Played::Over => self.play(call, x),
            Played::Fault(_) => {
                self.sound = Sound::Silence;
                self.play(call, x);
            }
        }
    }

    fn is_of_parker(&self, x: &mut Core, leg: LegId, event: &LegEvent) -> bool {
        self.parker.as_ref().is_some_and(|parker| parker.reports(x, leg, event))
    }

    /// Another leg waits in the place of the one that waited.
    fn another(&mut self, call: &mut Call, x: &mut Core, before: LegId) {
        if self.slot.is_empty() {
            return;
        }
        if std::mem::take(&mut self.want.held) {
            self.parker = Parker::hears(x, before, self.digits());
        }
        self.sound = Sound::Silence; // the port of the leg before played it
        let Some(leg) = call.subject().filter(|_| established(call, x).is_some()) else {
            return;
        };
        if let Stage::Returning(hunt) = &mut self.stage {
            hunt.connects_with(Some(leg));
        }
        let party = call::subject_as_shown(call, x);
        x.parking.replace(&mut x.stack, &mut x.activity, &self.slot, leg, party);
        self.note(call, x, Began::Replaced);
        self.program = self.program(false);
        self.play(call, x);
    }

    /// The time in the slot is over: the phones of the extension that parked the call ring. Those have rung long enough
    /// the next time.
    fn time_is_over(mut self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        match self.stage {
            Stage::Returning(_) => self.hunt(call, x, |hunt, x| hunt.timed_out(x)),
            Stage::Answering | Stage::Waiting | Stage::Talking { .. } => {
                let (number, name) = x.parking.party(&self.slot).unwrap_or_default();
                let to = self.parked_by.clone().filter(|parked_by| *parked_by != number);
                let Some(to) = to else {
                    return self.leave(call, x, Unparked::Timeout);
                };
                let name = if name.is_empty() { number.clone() } else { name };
                let caller = CallerId {
                    name: format!("Park {}: {name}", self.slot),
                    number,
                };
                let mut hunt = Box::new(Hunt::new(self.quest(call, x, to, caller)));
                let hunted = hunt.begin(x);
                self.stage = Stage::Returning(hunt);
                self.hunted(call, x, hunted)
            }
        }
    }

    fn quest(&self, call: &Call, x: &Core, to: String, caller: CallerId) -> Quest {
        Quest {
            call: call.id,
            targets: vec![Target::Extension(to)],
            strategy: Strategy::All,
            timeout: self.want.ring.unwrap_or(x.stack.config.limits.services.parking.ring),
            caller,
            subject: call.subject(),
            transferred: call.is_transferred(),
            headers: Vec::new(),
            diverted: Vec::new(),
            max_forwards: call.max_forwards,
            max_breadth: None,
            follows: true,
            auto_answer: false,
            phone: None,
            attached: None,
        }
    }

    fn hunt(
        mut self: Box<Self>,
        call: &mut Call,
        x: &mut Core,
        act: impl FnOnce(&mut Hunt, &mut Core) -> Hunted,
    ) -> Next {
        let hunted = match &mut self.stage {
            Stage::Returning(hunt) => act(hunt, x),
            Stage::Answering | Stage::Waiting | Stage::Talking { .. } => Hunted::Going,
        };
        self.hunted(call, x, hunted)
    }

    /// Acts on the state of the hunt for the extension that parked the call.
    fn hunted(mut self: Box<Self>, call: &mut Call, x: &mut Core, hunted: Hunted) -> Next {
        if let Stage::Returning(hunt) = &mut self.stage {
            for (leg, _) in hunt.take_rung() {
                call.adopt(x, leg);
            }
        }
        match hunted {
            Hunted::Going | Hunted::Progress { .. } => Next::Wait(Running::Park(self)),
            Hunted::Won { peer, leg, answer } => {
                let spec = answer.unwrap_or_else(|| Spec::own(&[]));
                let by = peer.to_string();
                self.connects(call, x, &by, Unparked::Returned);
                let is_connected = call.connect(x, leg, &spec);
                self.talks(x, leg, is_connected, by, ParkStatus::Returned)
            }
            Hunted::Lost(_) => self.leave(call, x, Unparked::Timeout),
        }
    }

    /// A phone takes the call: it has dialled the slot, or takes the call from the phone to which it returns.
    fn taken(mut self: Box<Self>, call: &mut Call, x: &mut Core, guest: Guest) -> Next {
        let is_returning = matches!(&self.stage, Stage::Returning(hunt) if hunt.is_at(guest.instead_of));
        if self.slot.is_empty() || (guest.instead_of != guest.leg && !is_returning) {
            return Next::Wait(Running::Park(self));
        }
        let by = x
            .legs
            .get(guest.leg)
            .map(|leg| leg.peer.to_string())
            .unwrap_or_default();
        self.connects(call, x, &by, Unparked::Retrieved);
        let is_connected = call.connect_guest(x, guest.leg);
        self.talks(x, guest.leg, is_connected, by, ParkStatus::Retrieved)
    }

    /// The party leaves the slot for this phone: no other phone rings, and no music plays.
    fn connects(&mut self, call: &mut Call, x: &mut Core, by: &str, why: Unparked) {
        self.sound.stop(x);
        self.dismiss_parker(x);
        if let Stage::Returning(hunt) = &mut self.stage
            && !hunt.is_over()
        {
            hunt.answered_elsewhere(x);
        }
        x.stack.timers.clear(TimerKey::Verb(call.id));
        x.parking.leave(&mut x.stack, &mut x.activity, &self.slot, why);
        call.record.to = by.to_owned();
    }

    fn talks(
        mut self: Box<Self>,
        x: &mut Core,
        leg: LegId,
        is_connected: bool,
        by: String,
        status: ParkStatus,
    ) -> Next {
        if !is_connected {
            x.with_leg(leg, |leg, cx| leg.hang_up(cx, Cause::ours("no codec in common")));
            return over(ParkStatus::Failed, self.slot);
        }
        let since = x.stack.now;
        self.stage = Stage::Talking { since, by, status };
        Next::Wait(Running::Park(self))
    }

    fn dismiss_parker(&mut self, x: &mut Core) {
        if let Some(parker) = self.parker.take() {
            parker.dismiss(x);
        }
    }

    /// The party leaves the slot, and no phone has taken the call.
    fn leave(self: Box<Self>, call: &mut Call, x: &mut Core, why: Unparked) -> Next {
        self.gives_up(call, x, why, ParkStatus::Timeout)
    }

    fn gives_up(mut self: Box<Self>, call: &mut Call, x: &mut Core, why: Unparked, status: ParkStatus) -> Next {
        self.sound.stop(x);
        self.dismiss_parker(x);
        if let Stage::Returning(hunt) = &mut self.stage {
            hunt.stop(x);
        }
        x.stack.timers.clear(TimerKey::Verb(call.id));
        x.parking.leave(&mut x.stack, &mut x.activity, &self.slot, why);
        self.note_end(call, x);
        over(status, self.slot)
    }

    fn note_end(&self, call: &mut Call, x: &Core) {
        if let Some(one) = call.subject_leg(x).map(|leg| leg.peer.to_string()) {
            call.record.turn(x, &one, "", Began::Left);
        }
    }

    /// The conversation is over.
    fn finish(self: Box<Self>, x: &Core) -> Next {
        let Stage::Talking { since, by, status } = self.stage else {
            return over(ParkStatus::Failed, self.slot);
        };
        Next::Done(Outcome::Parked(ParkResult {
            status,
            slot: self.slot,
            by,
            talk: (x.stack.now - since).as_secs_f64(),
        }))
    }
}
