//! `page`: the caller speaks to several phones, which answer by themselves and are not heard.
//!
//! All legs sit in a room of the media engine: the caller hears no leg and is heard by all, the phones hear the caller and
//! are heard by no leg. A phone is offered a session in which it only hears (RFC 3264 5.1). Phones that are in a call, want
//! no calls, or may not answer by themselves are left out. A phone that sleeps is woken (RFC 8599 section 5.3), and hears what
//! is said from its REGISTER on.

use std::time::Duration;

use ::media::{
    Command, MediaId, SdpDirection, Spec,
    service::{Others, RoomId, Seat},
};
use sip::Instant;

use crate::{
    api::{Began, Outcome, Page, PageResult, PageStatus, PushTarget, Query, QueryId, Wake, WakeFor},
    bridge,
    call::{Call, VerbEvent},
    core::{Core, QueryUse},
    event::{Cause, EndEvent, LegEvent, SessionEvent, SetupEvent},
    hunt::auto_answer,
    ids::LegId,
    leg::{Invitation, Place, outbound},
    locations::{Location, Peer, Way},
    own::OWN_CODECS,
    stack::TimerKey,
};

use super::super::{
    Next, Running,
    answer::pick_up,
    sound::{awaits_ack, established},
};

/// A `page` in progress.
pub(crate) struct Paging {
    want: Page,
    /// The room, and the caller's place there, once the caller has sound.
    room: Option<(RoomId, MediaId)>,
    /// Phones that ring or hear.
    phones: Vec<LegId>,
    /// Phones that are being woken, and what names each wait.
    asleep: Vec<(QueryId, Peer, PushTarget)>,
    /// Those that have a seat in the room.
    seated: Vec<LegId>,
    /// How many phones have answered.
    answered: u32,
    since: Instant,
}

/// `caller.page([targets], #{ timeout })`.
pub(in crate::verbs) fn page(call: &mut Call, x: &mut Core, want: Page) -> Next {
    if !pick_up(call, x) {
        return over(PageStatus::Failed, 0, Duration::ZERO);
    }
    let paging = Box::new(Paging {
        want,
        room: None,
        phones: Vec::new(),
        asleep: Vec::new(),
        seated: Vec::new(),
        answered: 0,
        since: x.stack.now,
    });
    if awaits_ack(call, x) {
        return Next::Wait(Running::Page(paging));
    }
    paging.begin(call, x)
}

fn over(status: PageStatus, phones: u32, time: Duration) -> Next {
    Next::Done(Outcome::Paged(PageResult {
        status,
        phones,
        seconds: time.as_secs_f64(),
    }))
}

/// The caller's seat.
const SPEAKER: Seat = Seat {
    hears: Others::NoLeg,
    heard_by: Others::All,
    gain: 0,
    levelled: true,
};

/// The seat of a phone.
const LISTENER: Seat = Seat {
    hears: Others::All,
    heard_by: Others::NoLeg,
    gain: 0,
    levelled: false,
};

impl Paging {
    fn begin(mut self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        let Some(port) = established(call, x) else {
            return over(PageStatus::Failed, 0, Duration::ZERO);
        };
        let room = RoomId(x.stack.ids.u64());
        x.stack.media(Command::OpenRoom { room, tones: false });
        x.stack.media(Command::Sit {
            room,
            media: port,
            seat: SPEAKER,
        });
        self.room = Some((room, port));
        self.since = x.stack.now;
        for number in self.want.targets.clone() {
            self.ring(call, x, &number);
        }
        if let Some(one) = call.subject_leg(x).map(|leg| leg.peer.to_string()) {
            call.record.to = self.want.targets.join(" ");
            call.record.turn(x, &one, "page", Began::Answered);
        }
        x.stack
            .timers
            .set(TimerKey::Verb(call.id), x.stack.now + self.want.timeout);
        self.go_on(call, x)
    }

    /// Rings the phones of an extension, unless it is to be left alone.
    fn ring(&mut self, call: &mut Call, x: &mut Core, number: &str) {
        let peer = Peer::extension(number);
        let wants = x.accounts.extension(number);
        let wants = wants.is_some_and(|extension| !extension.dnd && extension.forward_always.is_none());
        // The caller's own line is one, too: no phone is to hear its own page.
        if !wants || x.activity.is_busy(&peer) {
            return;
        }
        for location in x.locations.ways(&peer, &x.accounts) {
            if self.phones.len() + self.asleep.len() >= x.stack.config.limits.services.page_phones {
                tracing::warn!("a page to more phones than allowed (--page-phones)");
                return;
            }
            match &location.way {
                Way::Flow(flow) => {
                    let flow = *flow;
                    self.invite(call, x, number, (location, flow));
                }
                Way::Asleep(push) => self.wake(call, x, &peer, push.clone()),
                Way::Look(_) => {}
            }
        }
    }

    fn invite(&mut self, call: &mut Call, x: &mut Core, number: &str, (location, flow): (Location, sip::Flow)) {
        let Some(fields) = auto_answer(x, number) else { return };
        let Some(place) = Place::at(location, &[flow]) else {
            return;
        };
        let caller = call.caller_id();
        let offer = Spec::own(OWN_CODECS).with_direction(SdpDirection::SendOnly);
        let invitation = Invitation {
            hides_callee: false,
            session: None,
            attached: None,
            caller: &caller,
            offer: &offer,
            headers: &fields,
            beside: self.room.map(|(_, port)| port),
            max_forwards: call.max_forwards,
        };
        if let Ok(leg) = x.new_leg(|cx, id| outbound::call(cx, id, call.id, &place, &invitation)) {
            call.adopt(x, leg);
            self.phones.push(leg);
        }
    }

    fn wake(&mut self, call: &Call, x: &mut Core, peer: &Peer, push: PushTarget) {
        let number = peer.number().map(|number| number.to_string()).unwrap_or_default();
        if auto_answer(x, &number).is_none() {
            return; // the phone would not answer
        }
        let wake = Wake {
            number,
            push: push.clone(),
            why: WakeFor::Call,
        };
        let query = x.ask(Query::Wake(Box::new(wake)), QueryUse::Resolve(call.id));
        x.locations.sleepers.wait(&push, call.id, query);
        self.asleep.push((query, peer.clone(), push));
    }

    /// A phone that was being woken has registered, or its push service could not be asked.
    fn woken(&mut self, call: &mut Call, x: &mut Core, query: QueryId, registered: bool) {
        let Some(at) = self.asleep.iter().position(|(wait, ..)| *wait == query) else {
            return;
        };
        let (_, peer, push) = self.asleep.swap_remove(at);
        x.locations.sleepers.give_up(&push, query);
        let place = x.locations.way_to_woken(&peer, &push, &x.accounts);
        if let Some(location) = place.filter(|_| registered && !x.activity.is_busy(&peer))
            && let Way::Flow(flow) = location.way
        {
            let number = peer.number().map(|number| number.to_string()).unwrap_or_default();
            self.invite(call, x, &number, (location, flow));
        }
    }

    /// Phones that have not registered by now are waited for no longer.
    fn let_sleep(&mut self, x: &mut Core) {
        for (query, _, push) in self.asleep.drain(..) {
            x.queries.remove(&query);
            x.locations.sleepers.give_up(&push, query);
        }
    }

    /// Ends once no phone is left.
    fn go_on(self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        if self.room.is_some() && self.phones.is_empty() && self.asleep.is_empty() {
            return self.finish(call, x);
        }
        Next::Wait(Running::Page(self))
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match event {
            VerbEvent::SubjectGone => return self.finish(call, x),
            VerbEvent::SubjectConfirmed if self.room.is_none() => return self.begin(call, x),
            VerbEvent::Leg(leg, event) if self.phones.contains(&leg) => self.phone_event(x, leg, event),
            // A phone that has not answered by now does not answer by itself.
            VerbEvent::Timer => {
                self.let_sleep(x);
                self.hang_up(x, |leg| !leg.is_up());
            }
            VerbEvent::Resolved(query, ways) => self.woken(call, x, query, ways.is_ok()),
            VerbEvent::Guest(guest) if guest.subject => self.another(call, x),
            VerbEvent::Digit(_) => call.keys.waiting.clear(),
            VerbEvent::Leg(..)
            | VerbEvent::SubjectConfirmed
            | VerbEvent::PeerEnded
            | VerbEvent::Media(..)
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_)
            | VerbEvent::Guest(_) => {}
        }
        self.go_on(call, x)
    }

    fn phone_event(&mut self, x: &mut Core, leg: LegId, event: LegEvent) {
        match event {
            LegEvent::Setup(SetupEvent::Answered { .. }) => {
                if let Some(((room, _), media)) = self.room.zip(x.port_of(leg)) {
                    self.answered += 1;
                    self.seated.push(leg);
                    x.stack.media(Command::Sit {
                        room,
                        media,
                        seat: LISTENER,
                    });
                }
            }
            LegEvent::Setup(
                SetupEvent::Refused { .. } | SetupEvent::Cancelled | SetupEvent::Accepted | SetupEvent::Lost,
            ) => self.phones.retain(|one| *one != leg),
            LegEvent::End(EndEvent::Ended(_) | EndEvent::Gone) => {
                if let Some(media) = x.port_of(leg).filter(|_| self.seated.contains(&leg)) {
                    x.stack.media(Command::Stand(media));
                }
                self.seated.retain(|one| *one != leg);
                self.phones.retain(|one| *one != leg);
            }
            LegEvent::Session(SessionEvent::Offered(_)) => bridge::answer_alone(x, leg),
            LegEvent::Setup(SetupEvent::Provisional { .. } | SetupEvent::Confirmed { .. })
            | LegEvent::Session(
                SessionEvent::Withdrawn
                | SessionEvent::Pending
                | SessionEvent::Accepted(_)
                | SessionEvent::Refused { .. }
                | SessionEvent::Redescribed(_),
            )
            | LegEvent::Passed { .. }
            | LegEvent::Referred { .. } => {}
        }
    }

    /// Another leg speaks in the place of the caller's.
    fn another(&mut self, call: &mut Call, x: &mut Core) {
        let Some((room, before)) = self.room else { return };
        x.stack.media(Command::Stand(before));
        if let Some(port) = established(call, x) {
            x.stack.media(Command::Sit {
                room,
                media: port,
                seat: SPEAKER,
            });
            self.room = Some((room, port));
        }
    }

    fn hang_up(&self, x: &mut Core, which: impl Fn(&crate::leg::Leg) -> bool) {
        for leg in &self.phones {
            if x.legs.get(*leg).is_some_and(&which) {
                x.with_leg(*leg, |leg, cx| leg.hang_up(cx, Cause::ours("the page is over")));
            }
        }
    }

    fn finish(mut self, call: &mut Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        self.let_sleep(x);
        // Also where a phone is about to end: the room closes without legs.
        for leg in &self.seated {
            if let Some(media) = x.port_of(*leg) {
                x.stack.media(Command::Stand(media));
            }
        }
        self.hang_up(x, |_| true);
        let Some((room, port)) = self.room else {
            return over(PageStatus::Failed, 0, Duration::ZERO);
        };
        x.stack.media(Command::Stand(port));
        x.stack.media(Command::CloseRoom(room));
        if let Some(one) = call.subject_leg(x).map(|leg| leg.peer.to_string()) {
            call.record.turn(x, &one, "", Began::Left);
        }
        let status = if self.answered == 0 {
            PageStatus::Nobody
        } else {
            PageStatus::Done
        };
        over(status, self.answered, x.stack.now - self.since)
    }
}
