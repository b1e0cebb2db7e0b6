//! The server transaction of every request but INVITE and ACK: RFC 3261 17.2.2 and figure 8.
//!
//! ```text
//! Trying ──1xx──▶ Proceeding ──200-699──▶ Completed ──J──▶ Terminated
//! ```
//!
//! RFC 4320 4.1 adds a 100 where the user takes its time. Section 4.2: once the sender's timer F has fired, no answer is of use,
//! so the transaction ends without one.

use smallvec::smallvec;

use super::super::timers::{Action, Actions, Clock, Timer};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum State {
    /// With the user, nothing sent.
    Trying,
    /// A provisional response was sent; it is repeated on demand.
    Proceeding,
    /// Answered; the answer is repeated on demand until timer J.
    Completed,
    Terminated,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum Input {
    TimerTrying,
    TimerJ,
    /// The request again.
    Request,
    /// The user sends 100-199.
    Provisional,
    /// The user sends 200-699.
    Final,
    TransportFailed,
}

impl Input {
    pub(in crate::transaction) const fn of_timer(timer: Timer) -> Option<Self> {
        match timer {
            Timer::Trying => Some(Self::TimerTrying),
            Timer::J => Some(Self::TimerJ),
            Timer::A | Timer::B | Timer::C | Timer::D | Timer::E | Timer::F | Timer::G | Timer::H => None,
            Timer::I | Timer::K | Timer::L | Timer::M | Timer::Cancel => None,
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) struct Machine {
    pub(in crate::transaction) state: State,
}

impl Machine {
    pub(in crate::transaction) fn start(clock: Clock<'_>) -> (Self, Actions) {
        let machine = Self { state: State::Trying };
        (
            machine,
            smallvec![Action::Start(Timer::Trying, clock.timers.extra.trying_other)],
        )
    }

    pub(in crate::transaction) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match (self.state, input) {
            // RFC 4320 4.1: not earlier, and not later, than the sender's timer E gets to T2.
            (State::Trying, Input::TimerTrying) => {
                self.state = State::Proceeding;
                smallvec![Action::SendTrying, Action::Start(Timer::J, left(clock))]
            }
            (State::Trying, Input::Provisional) => {
                self.state = State::Proceeding;
                smallvec![Action::SendResponse, Action::Start(Timer::J, clock.timers.f)]
            }
            (State::Proceeding, Input::Provisional) => smallvec![Action::SendResponse],
            (State::Trying | State::Proceeding, Input::Final) => {
                let wait = clock.absorb(clock.timers.j);
                if wait.is_zero() {
                    self.state = State::Terminated;
                    return smallvec![Action::SendResponse];
                }
                self.state = State::Completed;
                smallvec![Action::SendResponse, Action::Start(Timer::J, wait)]
            }
            // RFC 3261 17.2.2: there is nothing to repeat yet.
            (State::Trying, Input::Request) => smallvec![],
            (State::Proceeding | State::Completed, Input::Request) => smallvec![Action::ResendResponse],
            // RFC 4320 4.2: its sender has given up, and takes a final answer for that of another request.
            (State::Proceeding | State::Completed, Input::TimerJ) => {
                self.state = State::Terminated;
                smallvec![]
            }
            // RFC 3261 17.2.2: a second final response is discarded.
            (State::Completed, Input::Provisional | Input::Final) => smallvec![],
            (State::Trying, Input::TransportFailed) => smallvec![],
            (State::Proceeding | State::Completed, Input::TransportFailed) => {
                self.state = State::Terminated;
                smallvec![Action::TransportFailed]
            }
            // Timers that belong to another state were stopped on leaving it.
            (State::Trying, Input::TimerJ) => smallvec![],
            (State::Proceeding | State::Completed, Input::TimerTrying) => smallvec![],
            (State::Terminated, input) => never(input),
        }
    }
}

/// How long the sender still waits when the 100 of RFC 4320 is sent.
fn left(clock: Clock<'_>) -> std::time::Duration {
    clock.timers.f.saturating_sub(clock.timers.extra.trying_other)
}

/// A terminated transaction has left the table: nothing reaches it.
fn never(_: Input) -> Actions {
    smallvec![]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::super::timers::TimerConfig, *};

    const INPUTS: [Input; 6] = [
        Input::TimerTrying,
        Input::TimerJ,
        Input::Request,
        Input::Provisional,
        Input::Final,
        Input::TransportFailed,
    ];
    const STATES: [State; 4] = [State::Trying, State::Proceeding, State::Completed, State::Terminated];

    /// Figure 8, arrow by arrow, with the 100 of RFC 4320; what is not in it changes nothing.
    fn figure(state: State, input: Input, reliable: bool) -> (State, Vec<Action>) {
        use Action::*;
        let done = if reliable {
            (State::Terminated, vec![SendResponse])
        } else {
            (
                State::Completed,
                vec![SendResponse, Start(Timer::J, Duration::from_secs(32))],
            )
        };
        match (state, input) {
            (State::Trying, Input::TimerTrying) => (
                State::Proceeding,
                vec![SendTrying, Start(Timer::J, Duration::from_millis(28_500))],
            ),
            (State::Trying, Input::Provisional) => (
                State::Proceeding,
                vec![SendResponse, Start(Timer::J, Duration::from_secs(32))],
            ),
            (State::Proceeding, Input::Provisional) => (State::Proceeding, vec![SendResponse]),
            (State::Trying | State::Proceeding, Input::Final) => done,
            (State::Proceeding | State::Completed, Input::Request) => (state, vec![ResendResponse]),
            (State::Proceeding | State::Completed, Input::TransportFailed) => {
                (State::Terminated, vec![TransportFailed])
            }
            (State::Proceeding | State::Completed, Input::TimerJ) => (State::Terminated, vec![]),
            _ => (state, vec![]),
        }
    }

    #[test]
    fn every_state_and_input_does_what_figure_8_says() {
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
            assert_eq!(
                started.to_vec(),
                [Action::Start(Timer::Trying, Duration::from_millis(3_500))]
            );
            machine.state = state;
            let actions = machine.step(input, clock).to_vec();
            let place = format!("{state:?}, {input:?}, reliable {reliable}");
            assert_eq!((machine.state, actions), figure(state, input, reliable), "{place}");
        }
    }
}
