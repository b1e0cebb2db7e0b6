//! How bad the circumstances of a world are, and what happened in it that makes some verdicts impossible.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use tests::net::{Chance, Faults};

/// How bad the circumstances of a world are. Each weather has all the troubles of the weather before it.
///
/// | weather | network | phones, store, the switch itself |
/// |---|---|---|
/// | `Calm` | loses nothing, delays nothing | work |
/// | `Orderly` | delays, repeats and loses a little: each retransmitted message arrives in the end | work |
/// | `Rough` | loses a lot, is gone for seconds, cuts connections; old messages come again | fail and come back |
/// | `Hostile` | the same, and old messages of phones come again with faults in them | fail and come back |
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weather {
    /// Nothing is lost and nothing fails.
    Calm,
    /// Little is lost and nothing fails.
    Orderly,
    /// Anything may be lost and anything may fail.
    Rough,
    /// The same, and messages with faults come from the addresses of phones: phones and switch need not agree.
    Hostile,
}

impl Weather {
    /// True if nothing fails: then both ends of a call must agree with the record of the call.
    pub fn is_orderly(self) -> bool {
        self <= Self::Orderly
    }
}

/// Events in a world that excuse some verdicts.
#[derive(Default)]
pub struct Incidents {
    /// The switch was killed and started again: the store closed the records of its calls.
    pub killed: bool,
    /// The wall clock was set.
    pub clock_set: bool,
    /// Phones that could not be reached for a moment. That ends transactions: the switch does not repeat an answer
    /// that was lost.
    pub cut_off: BTreeSet<IpAddr>,
    /// Extensions whose account was missing for a moment. A request of that moment is refused; the same request, sent
    /// again later, is not.
    pub locked_out: BTreeSet<String>,
}

/// The faults of the network in a world of this weather.
pub fn faults(weather: Weather, chance: &mut Chance) -> Faults {
    if weather == Weather::Calm {
        return Faults::default();
    }
    let one = |chance: &mut Chance, of: [u64; 4]| of[usize::try_from(chance.below(4)).unwrap()];
    let mut faults = Faults {
        loss: one(chance, [0, 3, 10, 30]),
        duplicates: one(chance, [0, 2, 10, 25]),
        delay: Duration::from_millis(one(chance, [1, 5, 40, 300])),
        jitter: Duration::from_millis(one(chance, [0, 10, 100, 900])),
    };
    if weather == Weather::Orderly {
        // At this rate some retransmission always arrives.
        faults.loss = faults.loss.min(3);
    }
    faults
}
