//! Arguments and results of `pickup`, `park` and `page`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The argument of `pickup`: which call the caller takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pickup {
    /// The call that rings at this extension, or waits in this slot.
    Number(String),
    /// The call that has rung longest at an extension of the caller's pickup group.
    Group,
}

statuses! {
    /// How a `pickup` ended, as scripts see it.
    PickupStatus:
    /// The caller talks with the party whose call it has taken.
    Answered = "answered",
    /// There is no such call, or no longer.
    Nothing = "nothing",
    /// The caller may not take that call.
    Denied = "denied",
    /// The caller has no codec in common with the other party.
    Failed = "failed",
}

/// The result of `pickup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupResult {
    /// How it ended.
    pub status: PickupStatus,
    /// The number of the other party; empty unless `answered`.
    pub number: String,
    /// Its name; may be empty.
    pub name: String,
}

impl PickupResult {
    /// A `pickup` that did not take a call.
    pub(crate) fn without(status: PickupStatus) -> Self {
        Self {
            status,
            number: String::new(),
            name: String::new(),
        }
    }
}

/// The arguments of `park`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Park {
    /// The slot that is wanted. The next free slot if it is in use, or if none is wanted.
    pub slot: Option<String>,
    /// After this time the call returns; [`crate::Parking::timeout`] if not given.
    pub timeout: Option<Duration>,
    /// How long the extension that parked the call rings then; [`crate::Parking::ring`] if not given.
    pub ring: Option<Duration>,
    /// The music in the slot, as in [`media::Source::Music`].
    pub music: Option<String>,
    /// Not the caller is parked but the party that the caller's phone has on hold in another call.
    #[serde(default)]
    pub held: bool,
}

statuses! {
    /// How a `park` ended, as scripts see it. (After a hang-up no script goes on.)
    ParkStatus:
    /// A phone took the call from the slot, and that conversation is over.
    Retrieved = "retrieved",
    /// The extension that had parked the call answered, and that conversation is over.
    Returned = "returned",
    /// No phone took the call.
    Timeout = "timeout",
    /// No slot was free.
    Full = "full",
    /// The caller's phone has no party on hold that could be parked.
    Nothing = "nothing",
    /// The caller has no sound.
    Failed = "failed",
}

/// The result of `park`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParkResult {
    /// How it ended.
    pub status: ParkStatus,
    /// The slot; empty if there was none.
    pub slot: String,
    /// The party that took the call; empty if none did.
    pub by: String,
    /// The length of the conversation, in seconds.
    pub talk: f64,
}

statuses! {
    /// What became of a parked call.
    Unparked:
    /// A phone took it from its slot.
    Retrieved = "retrieved",
    /// The extension that had parked it took it back.
    Returned = "returned",
    /// Its time was over; its dialplan goes on.
    Timeout = "timeout",
    /// It ended in the slot.
    Ended = "ended",
}

/// The arguments of `page`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Numbers of extensions; never empty.
    pub targets: Vec<String>,
    /// How long a phone may take to answer.
    pub timeout: Duration,
}

statuses! {
    /// How a `page` ended, as scripts see it.
    PageStatus:
    /// Phones have heard the caller, and hung up all.
    Done = "done",
    /// No phone could be reached.
    Nobody = "nobody",
    /// The caller has no sound.
    Failed = "failed",
}

/// The result of `page`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageResult {
    /// How it ended.
    pub status: PageStatus,
    /// How many phones have answered.
    pub phones: u32,
    /// How long the page lasted, in seconds.
    pub seconds: f64,
}
