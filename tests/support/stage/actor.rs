//! The actions of a phone, and the events it waits for.

use std::{cell::RefCell, rc::Rc, time::Duration};

use media::SdpDirection;
use sip::{Builder, Message, Method};

use crate::{
    phone::{Mood, Phase, Phone, PhoneCall},
    world::World,
};

/// The longest that a scenario waits for anything.
const PATIENCE: Duration = Duration::from_secs(400);

/// A phone on the stage. It acts on its latest call, or on one of its calls ([`Actor::on`]).
#[derive(Clone)]
pub struct Actor {
    pub(super) world: Rc<RefCell<World>>,
    pub(super) index: usize,
    line: Option<usize>,
}

impl Actor {
    pub(super) fn new(world: &Rc<RefCell<World>>, index: usize) -> Self {
        Self {
            world: Rc::clone(world),
            index,
            line: None,
        }
    }

    /// The same phone, acting on this call of its calls.
    pub fn on(&self, call: usize) -> Self {
        Self {
            line: Some(call),
            ..self.clone()
        }
    }

    /// The same phone, acting on the call that is its latest now, also when others come.
    pub fn line(&self) -> Self {
        self.on(self.latest())
    }

    /// The same phone, acting on its latest call again.
    pub fn on_any(&self) -> Self {
        Self {
            line: None,
            ..self.clone()
        }
    }

    /// The call it acts on, if it has one.
    fn acts_on<'a>(&self, phone: &'a Phone) -> Option<&'a PhoneCall> {
        match self.line {
            Some(call) => phone.calls.get(call),
            None => phone.calls.last(),
        }
    }

    /// Does something with the phone.
    pub fn with<R>(&self, act: impl FnOnce(&mut Phone) -> R) -> R {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        let phone = &mut world.phones[self.index];
        phone.advance(now);
        let result = act(phone);
        world.flush();
        result
    }

    /// Changes its habits.
    pub fn feels(&self, change: impl FnOnce(&mut Mood)) -> &Self {
        self.with(|phone| change(&mut phone.mood));
        self
    }

    pub(super) fn waits(&self, what: &str, so: impl Fn(&Phone) -> bool) {
        let index = self.index;
        let mut world = self.world.borrow_mut();
        let came = world.until(PATIENCE, |world| so(&world.phones[index]));
        assert!(
            came,
            "{} waited in vain: {what}\n{}",
            world.phones[index].number, world.ladder
        );
    }

    /// The phase of its call.
    pub fn phase(&self) -> Option<Phase> {
        self.with(|phone| self.acts_on(phone).map(|call| call.phase))
    }

    /// Looks at its call.
    pub fn call<R>(&self, look: impl FnOnce(&PhoneCall) -> R) -> R {
        self.with(|phone| look(self.acts_on(phone).expect("the phone has a call")))
    }

    /// The number of requests with this method that came so far.
    pub fn got(&self, method: Method) -> usize {
        self.with(|phone| {
            let requests = phone.received.iter().filter(|message| message.is_request());
            requests.filter(|message| *message.method() == method).count()
        })
    }

    /// The number of responses with this status that came so far.
    pub fn was_told(&self, code: u16) -> usize {
        self.with(|phone| {
            let statuses = phone.received.iter().filter_map(|message| message.status());
            statuses.filter(|status| status.code() == code).count()
        })
    }

    /// Sends a request outside of calls and waits for its final answer.
    pub fn asks(&self, method: Method, uri: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
        self.with(|phone| phone.ask(&method, uri, edit));
        self.gets_answer()
    }

    /// Sends a request within its call and waits for its final answer.
    pub fn asks_within(&self, method: Method, edit: impl FnOnce(Builder) -> Builder) -> Message {
        let call = self.latest();
        self.with(|phone| phone.within(call, &method, edit));
        self.gets_answer()
    }

    fn gets_answer(&self) -> Message {
        self.waits("for an answer", |phone| phone.answer.is_some());
        self.with(|phone| phone.answer.clone()).expect("it was waited for")
    }

    /// Begins a change without waiting for its answer; `None` offers nothing.
    pub fn begins_change(&self, method: Method, direction: Option<SdpDirection>) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.change(call, &method, direction));
        self
    }

    /// Its change gets this final status.
    pub fn is_answered(&self, expect: u16) -> &Self {
        let call = self.latest();
        self.waits("its change to be answered", |phone| {
            phone.calls[call].change_code.is_some()
        });
        let code = self.with(|phone| phone.calls[call].change_code);
        assert_eq!(code, Some(expect), "\n{}", self.world.borrow().ladder);
        self
    }

    /// Answers the change that it has left unanswered so far.
    pub fn decides(&self, code: u16) -> &Self {
        let call = self.latest();
        self.waits("to be asked", |phone| phone.calls[call].is_asked());
        self.with(|phone| phone.decide(call, code));
        self
    }

    /// The number in `calls` of the call it acts on: the latest, unless it acts on another.
    pub fn latest(&self) -> usize {
        self.line
            .or_else(|| self.with(|phone| phone.calls.len().checked_sub(1)))
            .expect("the phone has a call")
    }

    /// Registers, and is told 200.
    pub fn registers(&self, seconds: u32) -> &Self {
        self.with(|phone| phone.register(seconds));
        self.waits("to be registered", |phone| phone.registered == Some(200));
        self
    }

    /// Calls a number.
    pub fn calls(&self, number: &str) -> &Self {
        self.with(|phone| phone.call(number));
        self
    }

    /// Waits until its call rings.
    pub fn rings(&self) -> &Self {
        self.waits("to ring", |phone| {
            self.acts_on(phone).is_some_and(|call| call.phase == Phase::Ringing)
        });
        self
    }

    /// Does not ring within so many seconds.
    pub fn stays_silent(&self, seconds: f64) -> &Self {
        self.world.borrow_mut().pass(Duration::from_secs_f64(seconds));
        let ringing = self.with(|phone| phone.calls.iter().any(|call| call.phase == Phase::Ringing));
        assert!(!ringing, "it rings\n{}", self.world.borrow().ladder);
        self
    }

    /// Hears ringback.
    pub fn hears_ringing(&self) -> &Self {
        self.rings()
    }

    /// Answers the call that rings.
    pub fn answers(&self) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.answer(call));
        self
    }

    /// Sends 183 with early media.
    pub fn plays_early(&self) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.ring(call, true));
        self
    }

    /// Refuses the call that rings.
    pub fn rejects(&self, code: u16) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.reject(call, code));
        self
    }

    /// Waits until its call is answered.
    pub fn talks(&self) -> &Self {
        self.waits("to talk", |phone| {
            self.acts_on(phone).is_some_and(|call| call.phase == Phase::Up)
        });
        self
    }

    /// Hangs up, cancels or declines.
    pub fn hangs_up(&self) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.hang_up(call));
        self
    }

    /// Hangs up, if it has a call.
    pub fn ends_or_hangs_up(&self) -> &Self {
        if self.phase().is_some() {
            self.hangs_up();
        }
        self
    }

    /// Waits for the end of its call, which must have this status (200: it was answered, then ended).
    pub fn ends_with(&self, code: u16) -> &Self {
        self.waits(&format!("its call to end with {code}"), |phone| {
            self.acts_on(phone)
                .is_some_and(|call| matches!(call.phase, Phase::Over(_)))
        });
        assert_eq!(
            self.phase(),
            Some(Phase::Over(code)),
            "\n{}",
            self.world.borrow().ladder
        );
        self
    }

    /// Waits for the end of its call, with whatever status.
    pub fn ends_with_any(&self) -> &Self {
        self.waits("its call to end", |phone| {
            self.acts_on(phone)
                .is_some_and(|call| matches!(call.phase, Phase::Over(_)))
        });
        self
    }

    /// Offers another direction by re-INVITE, and waits for the answer.
    pub fn offers(&self, direction: SdpDirection, expect: u16) -> &Self {
        self.begins_change(Method::Invite, Some(direction)).is_answered(expect)
    }

    /// Holds.
    pub fn holds(&self) -> &Self {
        self.offers(SdpDirection::SendOnly, 200)
    }

    /// Resumes.
    pub fn resumes(&self) -> &Self {
        self.offers(SdpDirection::SendRecv, 200)
    }

    /// The direction it last heard from the other side.
    pub fn hears(&self, direction: SdpDirection) -> &Self {
        self.waits(&format!("to hear {direction:?}"), |phone| {
            let call = self.acts_on(phone);
            call.and_then(|call| call.heard.as_ref())
                .is_some_and(|spec| spec.direction() == direction)
        });
        self
    }
}
