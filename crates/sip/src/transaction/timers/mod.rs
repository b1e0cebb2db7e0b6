//! The timers of RFC 3261 table 4 and RFC 6026, and how long each runs.

pub(super) mod queue;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How long each timer runs. [`TimerConfig::default`] is RFC 3261's table 4; [`TimerConfig::derive`]
/// scales it from T1, T2 and T4; every field may then be changed by itself.
///
/// Timers A, E and G are off, and D, I, J and K are zero, on a reliable transport, whatever is
/// set here (RFC 3261 17.1.1.2, 17.1.2.2, 17.2.1, 17.2.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerConfig {
    /// The round-trip estimate: 500 ms. Timers A, E and G begin with it.
    pub t1: Duration,
    /// The longest interval between retransmissions of anything but an INVITE: 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network: 5 s.
    pub t4: Duration,
    /// An INVITE without any answer is given up: 64*T1.
    pub b: Duration,
    /// An INVITE that only got provisional answers is cancelled; restarted by each but 100. A proxy
    /// needs more than three minutes (16.6 item 11); a user agent has its own time to wait, and this
    /// is there for the case that it forgets: 15 minutes.
    pub c: Duration,
    /// Absorbs repeated non-2xx answers to an INVITE: more than 32 s.
    pub d: Duration,
    /// Any other request without a final answer is given up: 64*T1.
    pub f: Duration,
    /// A non-2xx final answer without ACK is given up: 64*T1.
    pub h: Duration,
    /// Absorbs repeated ACKs: T4.
    pub i: Duration,
    /// Absorbs repeated requests other than INVITE: 64*T1.
    pub j: Duration,
    /// Absorbs repeated answers to these: T4.
    pub k: Duration,
    /// Absorbs repeated INVITEs after a 2xx (RFC 6026): 64*T1. Also how long a 2xx waits for
    /// its ACK (13.3.1.4).
    pub l: Duration,
    /// Collects further 2xx of a forked INVITE (RFC 6026): 64*T1.
    pub m: Duration,
    /// Those that the RFC gives no letter.
    pub extra: ExtraTimers,
}

/// Timers of a transaction that have no letter in RFC 3261.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraTimers {
    /// An INVITE without a response of the user gets a 100 after this time (RFC 3261 17.2.1): 200 ms.
    pub trying: Duration,
    /// Any other request without a response of the user gets a 100 after this time (RFC 4320 4.1): as long as its
    /// sender's timer E takes to get to T2, 3.5 s.
    pub trying_other: Duration,
    /// A cancelled INVITE without a final response is given up (RFC 3261 9.1): 64*T1.
    pub cancel: Duration,
}

/// How long timer E, which is doubled from T1 each time it fires, takes to be set to T2 (RFC 3261 17.1.2.2).
const fn until_t2(t1: Duration, t2: Duration) -> Duration {
    let (mut interval, mut elapsed) = (t1, t1);
    while !interval.is_zero() && interval.saturating_mul(2).as_micros() < t2.as_micros() {
        interval = interval.saturating_mul(2);
        elapsed = elapsed.saturating_add(interval);
    }
    elapsed
}

impl TimerConfig {
    /// Everything from T1, T2 and T4 as table 4 says.
    pub const fn derive(t1: Duration, t2: Duration, t4: Duration) -> Self {
        let give_up = t1.saturating_mul(64);
        let thirty_two = Duration::from_secs(32);
        Self {
            t1,
            t2,
            t4,
            b: give_up,
            c: Duration::from_secs(900),
            d: if give_up.as_micros() > thirty_two.as_micros() {
                give_up
            } else {
                thirty_two
            },
            f: give_up,
            h: give_up,
            i: t4,
            j: give_up,
            k: t4,
            l: give_up,
            m: give_up,
            extra: ExtraTimers {
                trying: Duration::from_millis(200),
                trying_other: until_t2(t1, t2),
                cancel: give_up,
            },
        }
    }
}

impl Default for TimerConfig {
    fn default() -> Self {
        Self::derive(
            Duration::from_millis(500),
            Duration::from_secs(4),
            Duration::from_secs(5),
        )
    }
}

/// What a machine needs to know of its surroundings.
#[derive(Copy, Clone)]
pub(super) struct Clock<'a> {
    pub(super) timers: &'a TimerConfig,
    /// Whether the transport retransmits by itself.
    pub(super) reliable: bool,
}

impl Clock<'_> {
    /// Zero on a reliable transport: there is nothing to absorb.
    pub(super) fn absorb(&self, time: Duration) -> Duration {
        if self.reliable { Duration::ZERO } else { time }
    }
}

/// One of the timers; no machine runs two of the same kind at once.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// The time before the layer's own 100: 200 ms, and 3.5 s for any request but INVITE.
    Trying,
    /// The wait for the final answer to a cancelled INVITE.
    Cancel,
}

impl Timer {
    /// A transaction has two places for timers: one that repeats and one that ends a state.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::A | Self::E | Self::G => 0,
            Self::B | Self::C | Self::D | Self::F | Self::H | Self::I | Self::J => 1,
            Self::K | Self::L | Self::M | Self::Trying | Self::Cancel => 1,
        }
    }
}

/// What a machine wants done, in order.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Run this timer; it replaces the one in its place.
    Start(Timer, Duration),
    /// Stop the timer that repeats.
    StopRepeating,
    /// Stop the timer that ends the state.
    StopEnding,
    /// Send the request (again).
    SendRequest,
    /// Build the ACK to the response at hand, keep it, send it.
    SendAck,
    /// Send the ACK again.
    ResendAck,
    /// Build the CANCEL and send it in a transaction of its own.
    SendCancel,
    /// Hand the response at hand to the user.
    PassResponse,
    /// Keep the user's response and send it.
    SendResponse,
    /// Send the last response again, if there is one.
    ResendResponse,
    /// Build a 100 and treat it as the user's.
    SendTrying,
    /// Hand the ACK to the user.
    PassAck,
    /// Hand the CANCEL to the user.
    PassCancel,
    /// Tell the user that nobody answered.
    TimedOut,
    /// Tell the user that nobody can be reached.
    TransportFailed,
    /// Tell the user that its final response was never acknowledged.
    AckTimeout,
}

pub(super) type Actions = SmallVec<[Action; 4]>;
