//! The INVITE server transaction: RFC 3261 17.2.1 and figure 7, as RFC 6026 section 7.1 changed it.
//!
//! ```text
//! Proceeding ──300-699──▶ Completed ──ACK──▶ Confirmed ──I──▶ Terminated
//!      └──2xx──▶ Accepted ──L──▶ Terminated
//! ```

use std::time::Duration;

use smallvec::smallvec;

use super::super::timers::{Action, Actions, Clock, Timer};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum State {
    /// With the user; provisional responses are sent, the last is repeated on demand.
    Proceeding,
    /// A 2xx was sent: its repetition and its ACK are the user's matter (RFC 6026).
    Accepted,
    /// Another final response was sent; it is repeated until the ACK.
    Completed,
    /// Acknowledged; repeated ACKs are absorbed until timer I.
    Confirmed,
    Terminated,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum Input {
    TimerTrying,
    TimerG,
    TimerH,
    TimerI,
    TimerL,
    /// The INVITE again.
    Request,
    Ack,
    /// Its CANCEL.
    Cancel,
    /// The user sends 100-199.
    Provisional,
    /// The user sends 2xx.
    Success,
    /// The user sends 300-699.
    Failure,
    TransportFailed,
}

impl Input {
    pub(in crate::transaction) const fn of_timer(timer: Timer) -> Option<Self> {
        match timer {
            Timer::Trying => Some(Self::TimerTrying),
            Timer::G => Some(Self::TimerG),
            Timer::H => Some(Self::TimerH),
            Timer::I => Some(Self::TimerI),
            Timer::L => Some(Self::TimerL),
            Timer::A | Timer::B | Timer::C | Timer::D | Timer::E | Timer::F | Timer::J | Timer::K => None,
            Timer::M | Timer::Cancel => None,
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) struct Machine {
    pub(in crate::transaction) state: State,
    /// What timer G was last set to.
    interval: Duration,
}

impl Machine {
    pub(in crate::transaction) fn start(clock: Clock<'_>) -> (Self, Actions) {
        let machine = Self {
            state: State::Proceeding,
            interval: clock.timers.t1,
        };
        (
            machine,
            smallvec![Action::Start(Timer::Trying, clock.timers.extra.trying)],
        )
    }

    pub(in crate::transaction) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match (self.state, input) {
            // RFC 3261 17.2.1: a 100 unless the user said something within 200 ms.
            (State::Proceeding, Input::TimerTrying) => smallvec![Action::SendTrying],
            (State::Proceeding, Input::Request) => smallvec![Action::ResendResponse],
            (State::Proceeding, Input::Provisional) => smallvec![Action::StopEnding, Action::SendResponse],
            (State::Proceeding, Input::Success) => {
                self.state = State::Accepted;
                smallvec![Action::SendResponse, Action::Start(Timer::L, clock.timers.l)]
            }
            (State::Proceeding, Input::Failure) => {
                self.state = State::Completed;
                let mut actions: Actions = smallvec![Action::SendResponse, Action::Start(Timer::H, clock.timers.h)];
                if !clock.reliable {
                    actions.push(Action::Start(Timer::G, self.interval));
                }
                actions
            }
            (State::Proceeding, Input::Cancel) => smallvec![Action::PassCancel],
            // RFC 6026 7.1: the user is told and the state stays; another way may be found.
            (State::Proceeding | State::Accepted | State::Completed, Input::TransportFailed) => {
                smallvec![Action::TransportFailed]
            }
            (State::Completed, Input::Request) => smallvec![Action::ResendResponse],
            (State::Completed, Input::TimerG) => {
                // RFC 3261 17.2.1: MIN(2*T1, T2), MIN(4*T1, T2) ...
                self.interval = self.interval.saturating_mul(2).min(clock.timers.t2);
                smallvec![Action::ResendResponse, Action::Start(Timer::G, self.interval)]
            }
            (State::Completed, Input::TimerH) => {
                self.state = State::Terminated;
                smallvec![Action::AckTimeout]
            }
            (State::Completed, Input::Ack) => {
                let wait = clock.absorb(clock.timers.i);
                if wait.is_zero() {
                    self.state = State::Terminated;
                    return smallvec![];
                }
                self.state = State::Confirmed;
                smallvec![Action::StopRepeating, Action::Start(Timer::I, wait)]
            }
            (State::Confirmed, Input::TimerI) | (State::Accepted, Input::TimerL) => {
                self.state = State::Terminated;
                smallvec![]
            }
            // RFC 6026 7.1: a repeated 2xx goes out, an ACK goes up, an INVITE is absorbed.
            (State::Accepted, Input::Success) => smallvec![Action::SendResponse],
            (State::Accepted, Input::Ack) => smallvec![Action::PassAck],
            (State::Accepted, Input::Request) => smallvec![],
            (State::Confirmed, Input::Request | Input::Ack | Input::TransportFailed) => smallvec![],
            // An ACK to nothing.
            (State::Proceeding, Input::Ack) => smallvec![],
            // RFC 3261 9.2: after the final response a CANCEL changes nothing.
            (State::Accepted | State::Completed | State::Confirmed, Input::Cancel) => smallvec![],
            // A second answer is refused: nothing is sent.
            (State::Accepted, Input::Provisional | Input::Failure) => smallvec![],
            (State::Completed | State::Confirmed, Input::Provisional | Input::Success | Input::Failure) => smallvec![],
            // Timers that belong to another state were stopped on leaving it.
            (State::Proceeding, Input::TimerG | Input::TimerH | Input::TimerI | Input::TimerL) => smallvec![],
            (State::Accepted, Input::TimerTrying | Input::TimerG | Input::TimerH | Input::TimerI) => smallvec![],
            (State::Completed, Input::TimerTrying | Input::TimerI | Input::TimerL) => smallvec![],
            (State::Confirmed, Input::TimerTrying | Input::TimerG | Input::TimerH | Input::TimerL) => smallvec![],
            (State::Terminated, input) => never(input),
        }
    }
}

/// A terminated transaction has left the table: nothing reaches it.
fn never(_: Input) -> Actions {
    smallvec![]
}

#[cfg(test)]
mod tests {
    use super::{super::super::timers::TimerConfig, *};

    const INPUTS: [Input; 12] = [
        Input::TimerTrying,
        Input::TimerG,
        Input::TimerH,
        Input::TimerI,
        Input::TimerL,
        Input::Request,
        Input::Ack,
        Input::Cancel,
        Input::Provisional,
        Input::Success,
        Input::Failure,
        Input::TransportFailed,
    ];
    const STATES: [State; 5] = [
        State::Proceeding,
        State::Accepted,
        State::Completed,
        State::Confirmed,
        State::Terminated,
    ];

    /// Figure 7 of RFC 6026, arrow by arrow; what is not in it changes nothing.
    fn figure(state: State, input: Input, reliable: bool) -> (State, Vec<Action>) {
        use Action::*;
        let seconds = Duration::from_secs;
        let mut refused = vec![SendResponse, Start(Timer::H, seconds(32))];
        if !reliable {
            refused.push(Start(Timer::G, Duration::from_millis(500)));
        }
        let confirmed = if reliable {
            (State::Terminated, vec![])
        } else {
            (State::Confirmed, vec![StopRepeating, Start(Timer::I, seconds(5))])
        };
        match (state, input) {
            (State::Proceeding, Input::TimerTrying) => (state, vec![SendTrying]),
            (State::Proceeding | State::Completed, Input::Request) => (state, vec![ResendResponse]),
            (State::Proceeding, Input::Provisional) => (state, vec![StopEnding, SendResponse]),
            (State::Proceeding, Input::Success) => (State::Accepted, vec![SendResponse, Start(Timer::L, seconds(32))]),
            (State::Proceeding, Input::Failure) => (State::Completed, refused),
            (State::Proceeding, Input::Cancel) => (state, vec![PassCancel]),
            (State::Proceeding | State::Completed | State::Accepted, Input::TransportFailed) => {
                (state, vec![TransportFailed])
            }
            (State::Completed, Input::TimerG) => (state, vec![ResendResponse, Start(Timer::G, seconds(1))]),
            (State::Completed, Input::TimerH) => (State::Terminated, vec![AckTimeout]),
            (State::Completed, Input::Ack) => confirmed,
            (State::Confirmed, Input::TimerI) => (State::Terminated, vec![]),
            (State::Accepted, Input::TimerL) => (State::Terminated, vec![]),
            (State::Accepted, Input::Success) => (state, vec![SendResponse]),
            (State::Accepted, Input::Ack) => (state, vec![PassAck]),
            _ => (state, vec![]),
        }
    }

    #[test]
    fn every_state_and_input_does_what_figure_7_says() {
        let timers = TimerConfig::default();
        for (reliable, state, input) in [false, true]
            .into_iter()
            .flat_map(|reliable| STATES.map(|state| (reliable, state)))
            .flat_map(|(reliable, state)| INPUTS.map(|input| (reliable, state, input)))
        {
            let clock = Clock {
                timers: &timers,
                reliable,
            };
            let (mut machine, started) = Machine::start(clock);
            assert_eq!(started.to_vec(), [Action::Start(Timer::Trying, timers.extra.trying)]);
            machine.state = state;
            let actions = machine.step(input, clock).to_vec();
            let place = format!("{state:?}, {input:?}, reliable {reliable}");
            assert_eq!((machine.state, actions), figure(state, input, reliable), "{place}");
        }
    }

    #[test]
    fn timer_g_doubles_up_to_t2() {
        let timers = TimerConfig::default();
        let clock = Clock {
            timers: &timers,
            reliable: false,
        };
        let (mut machine, _) = Machine::start(clock);
        machine.step(Input::Failure, clock);
        for millis in [1_000, 2_000, 4_000, 4_000, 4_000] {
            let again = Action::Start(Timer::G, Duration::from_millis(millis));
            assert_eq!(
                machine.step(Input::TimerG, clock).to_vec(),
                [Action::ResendResponse, again]
            );
        }
    }
}
