//! Actors, so that a scenario reads as a sentence.

use std::{cell::RefCell, rc::Rc, time::Duration};

use media::SdpDirection;
use sip::{Builder, Message, Method, Transport};
use switch::{Cdr, Command, CommandError, CommandId, Event, Input, LiveCall, Reply};

use crate::{
    phone::{Mood, Phase, PhoneCall},
    wire::Wire,
    world::{Settings, World},
};

/// The longest anything may take that a scenario waits for.
const PATIENCE: Duration = Duration::from_secs(400);

/// A world that actors share.
pub struct Stage(pub Rc<RefCell<World>>);

/// A phone on the stage.
#[derive(Clone)]
pub struct Actor {
    world: Rc<RefCell<World>>,
    index: usize,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Stage {
    /// An empty stage.
    pub fn new(settings: Settings) -> Self {
        Self(Rc::new(RefCell::new(World::new(settings))))
    }

    /// With this dialplan.
    pub fn plan(plan: &str) -> Self {
        Self::new(Settings {
            plan: plan.into(),
            ..Settings::default()
        })
    }

    /// A registered phone of an extension (which is made with its first phone).
    pub fn phone(&self, number: &str) -> Actor {
        let actor = self.unregistered(number);
        actor.registers(3_600);
        actor
    }

    /// A registered phone at an address, speaking this transport.
    pub fn phone_at(&self, number: &str, address: &str, transport: Transport) -> Actor {
        let actor = self.unregistered(number);
        {
            let mut world = self.0.borrow_mut();
            world.phones.pop();
            let index = world.phone_at(number, address);
            world.phones[index].transport = transport;
        }
        actor.registers(3_600);
        actor
    }

    /// Two phones that talk: 101 has called 102.
    pub fn talking(&self) -> (Actor, Actor) {
        let (alice, bob) = (self.phone("101"), self.phone("102"));
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        self.pass(1.0);
        (alice, bob)
    }

    /// One of two that talk hangs up, and nothing is left of their call.
    pub fn ends(&self, one: &Actor, other: &Actor) {
        one.hangs_up().ends_with(200);
        other.ends_with(200);
        self.clears();
    }

    /// A phone that is not registered.
    pub fn unregistered(&self, number: &str) -> Actor {
        let mut world = self.0.borrow_mut();
        if !world.phones.iter().any(|phone| phone.number == number) {
            world.extension(number);
        }
        let index = world.phone(number);
        drop(world);
        Actor {
            world: Rc::clone(&self.0),
            index,
        }
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: f64) {
        self.0.borrow_mut().pass(Duration::from_secs_f64(seconds));
    }

    /// Does something with the world.
    pub fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        act(&mut self.0.borrow_mut())
    }

    /// An address under the test's own hand.
    pub fn wire(&self, address: &str) -> Wire {
        Wire::new(&self.0, address)
    }

    /// Tells the switch something, and its answer.
    pub fn commands(&self, command: Command) -> Result<Reply, CommandError> {
        let mut world = self.0.borrow_mut();
        let id = CommandId(1);
        world.handle(Input::Command { id, command });
        world.flush();
        world.replies.pop().expect("every command is answered")
    }

    /// Tells the switch something that is not answered.
    pub fn tells(&self, input: Input) {
        let mut world = self.0.borrow_mut();
        world.handle(input);
    }

    /// The calls in progress.
    pub fn calls(&self) -> Vec<LiveCall> {
        match self.commands(Command::ListCalls) {
            Ok(Reply::Calls(calls)) => calls,
            other => panic!("{other:?}"),
        }
    }

    /// The names of the call events so far.
    pub fn events(&self) -> Vec<&'static str> {
        let world = self.0.borrow();
        let name = |event: &Event| match event {
            Event::CallStarted(_) => Some("started"),
            Event::CallRinging(_) => Some("ringing"),
            Event::CallAnswered(_) => Some("answered"),
            Event::CallEnded(_) => Some("ended"),
            Event::ScriptFailed { .. } => Some("failed"),
            Event::RegistrationAdded(_) | Event::RegistrationRemoved(_) => None,
        };
        world.events.iter().filter_map(name).collect()
    }

    /// The ladder so far.
    pub fn ladder(&self) -> String {
        self.0.borrow().ladder.to_string()
    }

    /// Lets everything come to its end, and looks at what is left: nothing, but one record a call.
    pub fn clears(&self) {
        let mut world = self.0.borrow_mut();
        world.pass(Duration::from_secs(120));
        world.expect_nothing_left();
    }

    /// The one record there is.
    pub fn record(&self) -> Cdr {
        let mut world = self.0.borrow_mut();
        world.pass(Duration::from_secs(1));
        assert_eq!(world.cdrs.len(), 1, "one record\n{}", world.ladder);
        world.cdrs[0].clone()
    }
}

impl Actor {
    /// Does something with the phone.
    pub fn with<R>(&self, act: impl FnOnce(&mut crate::Phone) -> R) -> R {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        let phone = &mut world.phones[self.index];
        phone.advance(now);
        let result = act(phone);
        world.flush();
        result
    }

    /// Its mood from now on.
    pub fn feels(&self, change: impl FnOnce(&mut Mood)) -> &Self {
        self.with(|phone| change(&mut phone.mood));
        self
    }

    fn waits(&self, what: &str, so: impl Fn(&crate::Phone) -> bool) {
        let index = self.index;
        let mut world = self.world.borrow_mut();
        let came = world.until(PATIENCE, |world| so(&world.phones[index]));
        assert!(
            came,
            "{} waited in vain: {what}\n{}",
            world.phones[index].number, world.ladder
        );
    }

    /// The phase of the latest call.
    pub fn phase(&self) -> Option<Phase> {
        self.with(|phone| phone.calls.last().map(|call| call.phase))
    }

    /// Something of the latest call.
    pub fn call<R>(&self, look: impl FnOnce(&PhoneCall) -> R) -> R {
        self.with(|phone| look(phone.calls.last().expect("the phone has a call")))
    }

    /// How many requests with this method came so far.
    pub fn got(&self, method: Method) -> usize {
        self.with(|phone| {
            let requests = phone.received.iter().filter(|message| message.is_request());
            requests.filter(|message| *message.method() == method).count()
        })
    }

    /// How many responses with this status came so far.
    pub fn was_told(&self, code: u16) -> usize {
        self.with(|phone| {
            let statuses = phone.received.iter().filter_map(|message| message.status());
            statuses.filter(|status| status.code() == code).count()
        })
    }

    /// Asks something outside of calls; the final answer.
    pub fn asks(&self, method: Method, uri: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
        self.with(|phone| phone.ask(&method, uri, edit));
        self.gets_answer()
    }

    /// Asks something within its latest call; the final answer.
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

    /// The change that was begun is answered so.
    pub fn is_answered(&self, expect: u16) -> &Self {
        let call = self.latest();
        self.waits("its change to be answered", |phone| {
            phone.calls[call].change_code.is_some()
        });
        let code = self.with(|phone| phone.calls[call].change_code);
        assert_eq!(code, Some(expect), "\n{}", self.world.borrow().ladder);
        self
    }

    /// Decides on a change it waited with.
    pub fn decides(&self, code: u16) -> &Self {
        let call = self.latest();
        self.waits("to be asked", |phone| phone.calls[call].is_asked());
        self.with(|phone| phone.decide(call, code));
        self
    }

    /// Its latest call's number in `calls`.
    pub fn latest(&self) -> usize {
        self.with(|phone| phone.calls.len().checked_sub(1))
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

    /// Comes to ring.
    pub fn rings(&self) -> &Self {
        self.waits("to ring", |phone| {
            phone.calls.last().is_some_and(|call| call.phase == Phase::Ringing)
        });
        self
    }

    /// Does not ring, however long it takes.
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

    /// Comes to talk.
    pub fn talks(&self) -> &Self {
        self.waits("to talk", |phone| {
            phone.calls.last().is_some_and(|call| call.phase == Phase::Up)
        });
        self
    }

    /// Hangs up, cancels or declines.
    pub fn hangs_up(&self) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.hang_up(call));
        self
    }

    /// Hangs up unless its call is over, or there is none.
    pub fn ends_or_hangs_up(&self) -> &Self {
        if self.phase().is_some() {
            self.hangs_up();
        }
        self
    }

    /// Its latest call comes to its end with this status (200: it was answered, then ended).
    pub fn ends_with(&self, code: u16) -> &Self {
        self.waits(&format!("its call to end with {code}"), |phone| {
            phone
                .calls
                .last()
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
            let call = phone.calls.last();
            call.and_then(|call| call.heard.as_ref())
                .is_some_and(|spec| spec.direction() == direction)
        });
        self
    }
}
