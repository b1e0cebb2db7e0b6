//! A world and its phones as actors, so that a scenario reads as a sentence.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Stage`]: the world, its phones, its records |
//! | `actor.rs` | [`Actor`]: what a phone does and waits for |
//! | `lamps.rs` | what a phone is subscribed to |
//! | `sound.rs` | keys, recordings, conferences |
//! | `transfer.rs` | transfers, calls with Replaces, which phone hears which |

mod actor;
mod lamps;
mod sound;
mod transfer;

use std::{cell::RefCell, rc::Rc, time::Duration};

use sip::Transport;
use switch::{Cdr, Command, CommandError, CommandId, Event, Input, LiveCall, Reply};

pub use self::actor::Actor;
use crate::{
    wire::Wire,
    world::{Settings, World},
};

/// A world whose phones are actors.
pub struct Stage(pub Rc<RefCell<World>>);

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

    /// A registered phone of an extension. The extension is made with its first phone.
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

    /// One of two talking phones hangs up, and nothing is left of their call.
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
        Actor::new(&self.0, index)
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: f64) {
        self.0.borrow_mut().pass(Duration::from_secs_f64(seconds));
    }

    /// Does something with the world.
    pub fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        act(&mut self.0.borrow_mut())
    }

    /// An address at which the test itself sends and receives.
    pub fn wire(&self, address: &str) -> Wire {
        Wire::new(&self.0, address)
    }

    /// Sends a command to the switch; its answer.
    pub fn commands(&self, command: Command) -> Result<Reply, CommandError> {
        let mut world = self.0.borrow_mut();
        let id = CommandId(1);
        world.handle(Input::Command { id, command });
        world.flush();
        world.replies.pop().expect("every command is answered")
    }

    /// Gives the switch an input.
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
            Event::ExtensionChanged { .. }
            | Event::RegistrationAdded(_)
            | Event::RegistrationRemoved(_)
            | Event::ConferenceJoined { .. }
            | Event::ConferenceChanged { .. }
            | Event::ConferenceLeft { .. }
            | Event::ParkedAdded(_)
            | Event::ParkedRemoved { .. }
            | Event::TrunkChanged(_)
            | Event::RecordingStarted(_)
            | Event::RecordingEnded(_) => None,
        };
        world.events.iter().filter_map(name).collect()
    }

    /// The ladder so far.
    pub fn ladder(&self) -> String {
        self.0.borrow().ladder.to_string()
    }

    /// Lets two minutes pass. Then only one record for each call may be left.
    pub fn clears(&self) {
        let mut world = self.0.borrow_mut();
        world.pass(Duration::from_secs(120));
        world.expect_nothing_left();
    }

    /// The only record.
    pub fn record(&self) -> Cdr {
        let mut world = self.0.borrow_mut();
        world.pass(Duration::from_secs(1));
        assert_eq!(world.cdrs.len(), 1, "one record\n{}", world.ladder);
        world.cdrs[0].clone()
    }
}
