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
