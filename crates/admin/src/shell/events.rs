//! Events for observers. An event is rendered once, however many observers there are.

use std::sync::Arc;

use serde::Serialize;
use switch::Event;
use tokio::sync::broadcast;

use crate::{
    model::{Call, Cdr, ConferenceMember, ParkedCall, Recording, Registration},
    shell::dialplans::Fault,
};

/// One event: its name in the contract, and its JSON.
#[derive(Clone, Debug)]
pub struct AdminEvent {
    name: &'static str,
    data: Arc<str>,
}

impl AdminEvent {
    /// Such as `call.started`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// JSON, one line.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// `dialplan.failed`: files do not compile, and are not in force.
    pub(crate) fn dialplan_failed(fault: &Fault) -> Self {
        Self::new("dialplan.failed", &Failed { fault, call_id: None })
    }

    fn new(name: &'static str, data: &impl Serialize) -> Self {
        let data = serde_json::to_string(data).unwrap_or_else(|error| {
            tracing::error!(%error, name, "event could not be rendered");
            "{}".to_owned()
        });
        Self {
            name,
            data: data.into(),
        }
    }
}

impl From<Event> for AdminEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::CallStarted(call) => Self::new("call.started", &Call::from(*call)),
            Event::CallRinging(call) => Self::new("call.ringing", &Call::from(*call)),
            Event::CallAnswered(call) => Self::new("call.answered", &Call::from(*call)),
            Event::CallEnded(cdr) => Self::new("call.ended", &Cdr::from(*cdr)),
            Event::RegistrationAdded(contact) => Self::new("registration.added", &Registration::from(*contact)),
            Event::RegistrationRemoved(contact) => Self::new("registration.removed", &Registration::from(*contact)),
            Event::ExtensionChanged { number } => Self::new("extension.changed", &OfExtension { number }),
            Event::ConferenceJoined { room, member } => of_member("conference.joined", &room, *member),
            Event::ConferenceChanged { room, member } => of_member("conference.changed", &room, *member),
            Event::ConferenceLeft { room, member } => of_member("conference.left", &room, *member),
            Event::ParkedAdded(parked) => Self::new("parked.added", &ParkedCall::from(*parked)),
            Event::ParkedRemoved { parked, why } => Self::new(
                "parked.removed",
                &NoLongerParked {
                    parked: (*parked).into(),
                    why: why.as_str(),
                },
            ),
            Event::TrunkChanged(status) => Self::new(of_trunk(status.state), &*status),
            Event::RecordingStarted(recording) => Self::new("recording.started", &Recording::from(*recording)),
            Event::RecordingEnded(recording) => Self::new("recording.ended", &Recording::from(*recording)),
            Event::ScriptFailed { call, fault } => {
                let fault = Fault {
                    file: fault.position.file,
                    line: fault.position.line,
                    column: fault.position.column,
                    detail: fault.message,
                };
                Self::new(
                    "dialplan.failed",
                    &Failed {
                        fault: &fault,
                        call_id: Some(call.to_string()),
                    },
                )
            }
        }
    }
}

/// `parked.removed`: the call as it was, and what became of it.
#[derive(Serialize)]
struct NoLongerParked {
    #[serde(flatten)]
    parked: ParkedCall,
    why: &'static str,
}

/// An extension whose settings have changed: read it again.
#[derive(Serialize)]
struct OfExtension {
    number: String,
}

/// A member and its conference.
#[derive(Serialize)]
struct OfConference<'a> {
    room: &'a str,
    member: ConferenceMember,
}

/// The name of the event that a trunk has this state now.
fn of_trunk(state: switch::TrunkState) -> &'static str {
    match state {
        switch::TrunkState::Registered => "trunk.registered",
        switch::TrunkState::Reachable => "trunk.reachable",
        switch::TrunkState::Down => "trunk.down",
    }
}

fn of_member(name: &'static str, room: &str, member: switch::Member) -> AdminEvent {
    let member = member.into();
    AdminEvent::new(name, &OfConference { room, member })
}

/// `dialplan.failed`: a script ended by a fault in a call, or a file does not compile (no call).
#[derive(Serialize)]
struct Failed<'a> {
    #[serde(flatten)]
    fault: &'a Fault,
    call_id: Option<String>,
}

#[derive(Serialize)]
struct Reloaded {
    generation: u64,
}

/// Hands events to all listeners. Cheap to clone; costs next to nothing without listeners.
#[derive(Clone, Debug)]
pub struct EventBus {
    sender: broadcast::Sender<AdminEvent>,
}

impl EventBus {
    /// A listener may be this many events behind before it misses some (and is told so).
    pub const DEFAULT_DEPTH: usize = 1024;

    /// A bus without listeners. `depth` is at least 1.
    pub fn new(depth: usize) -> Self {
        Self {
            sender: broadcast::channel(depth.max(1)).0,
        }
    }

    /// Something happened in the switch.
    pub fn publish(&self, event: Event) {
        if self.sender.receiver_count() > 0 {
            // Fails only where the last listener has just gone.
            let _ = self.sender.send(event.into());
        }
    }

    /// `dialplan.reloaded`: a new generation of the dialplan is in force.
    pub fn dialplan_reloaded(&self, generation: u64) {
        let _ = self
            .sender
            .send(AdminEvent::new("dialplan.reloaded", &Reloaded { generation }));
    }

    /// `dialplan.failed`: changed files do not compile, the last good generation stays.
    pub fn dialplan_failed(&self, fault: &Fault) {
        let _ = self.sender.send(AdminEvent::dialplan_failed(fault));
    }

    /// Hears every event from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AdminEvent> {
        self.sender.subscribe()
    }
}

impl Default for EventBus {
    fn default() -> Self {
        Self::new(Self::DEFAULT_DEPTH)
    }
}
