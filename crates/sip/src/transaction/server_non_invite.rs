//! The server transaction of every request but INVITE and ACK: RFC 3261 17.2.2 and figure 8.
//!
//! ```text
//! Trying ──1xx──▶ Proceeding ──200-699──▶ Completed ──J──▶ Terminated
//! ```

use smallvec::smallvec;

use super::timers::{Action, Actions, Clock, Timer};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// With the user, nothing sent.
    Trying,
    /// A provisional response was sent; it is repeated on demand.
    Proceeding,
    /// Answered; the answer is repeated on demand until timer J.
    Completed,
    Terminated,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
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
    pub(super) const fn of_timer(timer: Timer) -> Option<Self> {
        match timer {
            Timer::J => Some(Self::TimerJ),
            Timer::A | Timer::B | Timer::C | Timer::D | Timer::E | Timer::F | Timer::G | Timer::H => None,
            Timer::I | Timer::K | Timer::L | Timer::M | Timer::Trying | Timer::Cancel => None,
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) state: State,
}

impl Machine {
    pub(super) fn start() -> Self {
        Self { state: State::Trying }
    }

    pub(super) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match (self.state, input) {
            (State::Trying | State::Proceeding, Input::Provisional) => {
                self.state = State::Proceeding;
                smallvec![Action::SendResponse]
            }
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
            (State::Completed, Input::TimerJ) => {
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
            (State::Trying | State::Proceeding, Input::TimerJ) => smallvec![],
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
    use std::time::Duration;

    use super::{super::timers::TimerConfig, *};

    const INPUTS: [Input; 5] = [
        Input::TimerJ,
        Input::Request,
        Input::Provisional,
        Input::Final,
        Input::TransportFailed,
    ];
    const STATES: [State; 4] = [State::Trying, State::Proceeding, State::Completed, State::Terminated];

    /// Figure 8, arrow by arrow; what is not in it changes nothing.
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
            (State::Trying | State::Proceeding, Input::Provisional) => (State::Proceeding, vec![SendResponse]),
            (State::Trying | State::Proceeding, Input::Final) => done,
            (State::Proceeding | State::Completed, Input::Request) => (state, vec![ResendResponse]),
            (State::Proceeding | State::Completed, Input::TransportFailed) => {
                (State::Terminated, vec![TransportFailed])
            }
            (State::Completed, Input::TimerJ) => (State::Terminated, vec![]),
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
            let mut machine = Machine::start();
            machine.state = state;
            let actions = machine.step(input, clock).to_vec();
            let place = format!("{state:?}, {input:?}, reliable {reliable}");
            assert_eq!((machine.state, actions), figure(state, input, reliable), "{place}");
        }
    }
}
