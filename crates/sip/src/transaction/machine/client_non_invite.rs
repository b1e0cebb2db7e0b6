//! The client transaction of every request but INVITE and ACK: RFC 3261 17.1.2 and figure 6.
//!
//! ```text
//! Trying ──1xx──▶ Proceeding ──200-699──▶ Completed ──K──▶ Terminated
//! ```

use std::time::Duration;

use smallvec::smallvec;

use super::super::timers::{Action, Actions, Clock, Timer};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum State {
    Trying,
    Proceeding,
    /// Answered; repetitions are absorbed until timer K.
    Completed,
    Terminated,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum Input {
    TimerE,
    TimerF,
    TimerK,
    Provisional,
    /// 200-699.
    Final,
    TransportFailed,
}

impl Input {
    pub(in crate::transaction) const fn of_timer(timer: Timer) -> Option<Self> {
        match timer {
            Timer::E => Some(Self::TimerE),
            Timer::F => Some(Self::TimerF),
            Timer::K => Some(Self::TimerK),
            Timer::A | Timer::B | Timer::C | Timer::D | Timer::G | Timer::H | Timer::I | Timer::J => None,
            Timer::L | Timer::M | Timer::Trying | Timer::Cancel => None,
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) struct Machine {
    pub(in crate::transaction) state: State,
    /// What timer E was last set to.
    interval: Duration,
}

impl Machine {
    pub(in crate::transaction) fn start(clock: Clock<'_>) -> (Self, Actions) {
        let machine = Self {
            state: State::Trying,
            interval: clock.timers.t1,
        };
        let mut actions: Actions = smallvec![Action::SendRequest, Action::Start(Timer::F, clock.timers.f)];
        if !clock.reliable {
            actions.push(Action::Start(Timer::E, machine.interval));
        }
        (machine, actions)
    }

    pub(in crate::transaction) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match (self.state, input) {
            (State::Trying, Input::TimerE) => {
                // RFC 3261 17.1.2.2: MIN(2*T1, T2), MIN(4*T1, T2) ...
                self.interval = self.interval.saturating_mul(2).min(clock.timers.t2);
                smallvec![Action::SendRequest, Action::Start(Timer::E, self.interval)]
            }
            (State::Proceeding, Input::TimerE) => {
                smallvec![Action::SendRequest, Action::Start(Timer::E, clock.timers.t2)]
            }
            (State::Trying | State::Proceeding, Input::TimerF) => {
                self.state = State::Terminated;
                smallvec![Action::TimedOut]
            }
            (State::Trying, Input::Provisional) => {
                self.state = State::Proceeding;
                smallvec![Action::PassResponse]
            }
            (State::Proceeding, Input::Provisional) => smallvec![Action::PassResponse],
            (State::Trying | State::Proceeding, Input::Final) => {
                let wait = clock.absorb(clock.timers.k);
                let mut actions: Actions = smallvec![Action::StopRepeating, Action::PassResponse];
                if wait.is_zero() {
                    self.state = State::Terminated;
                } else {
                    self.state = State::Completed;
                    actions.push(Action::Start(Timer::K, wait));
                }
                actions
            }
            (State::Trying | State::Proceeding, Input::TransportFailed) => {
                self.state = State::Terminated;
                smallvec![Action::TransportFailed]
            }
            (State::Completed, Input::TimerK) => {
                self.state = State::Terminated;
                smallvec![]
            }
            (State::Completed, Input::Provisional | Input::Final | Input::TransportFailed) => smallvec![],
            // Timers that belong to another state were stopped on leaving it.
            (State::Trying | State::Proceeding, Input::TimerK) => smallvec![],
            (State::Completed, Input::TimerE | Input::TimerF) => smallvec![],
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

    const INPUTS: [Input; 6] = [
        Input::TimerE,
        Input::TimerF,
        Input::TimerK,
        Input::Provisional,
        Input::Final,
        Input::TransportFailed,
    ];
    const STATES: [State; 4] = [State::Trying, State::Proceeding, State::Completed, State::Terminated];

    /// Figure 6, arrow by arrow; what is not in it changes nothing.
    fn figure(state: State, input: Input, reliable: bool) -> (State, Vec<Action>) {
        use Action::*;
        let seconds = Duration::from_secs;
        let end = if reliable { State::Terminated } else { State::Completed };
        let mut done = vec![StopRepeating, PassResponse];
        if !reliable {
            done.push(Start(Timer::K, seconds(5)));
        }
        match (state, input) {
            (State::Trying, Input::TimerE) => (state, vec![SendRequest, Start(Timer::E, seconds(1))]),
            (State::Proceeding, Input::TimerE) => (state, vec![SendRequest, Start(Timer::E, seconds(4))]),
            (State::Trying | State::Proceeding, Input::TimerF) => (State::Terminated, vec![TimedOut]),
            (State::Trying | State::Proceeding, Input::Provisional) => (State::Proceeding, vec![PassResponse]),
            (State::Trying | State::Proceeding, Input::Final) => (end, done),
            (State::Trying | State::Proceeding, Input::TransportFailed) => (State::Terminated, vec![TransportFailed]),
            (State::Completed, Input::TimerK) => (State::Terminated, vec![]),
            _ => (state, vec![]),
        }
    }

    #[test]
    fn every_state_and_input_does_what_figure_6_says() {
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
            let (mut machine, _) = Machine::start(clock);
            machine.state = state;
            let actions = machine.step(input, clock).to_vec();
            let place = format!("{state:?}, {input:?}, reliable {reliable}");
            assert_eq!((machine.state, actions), figure(state, input, reliable), "{place}");
        }
    }

    #[test]
    fn timer_e_runs_on_unreliable_transports_only_and_doubles_up_to_t2() {
        let timers = TimerConfig::default();
        let wait = Action::Start(Timer::F, timers.f);
        let reliable = Clock {
            timers: &timers,
            reliable: true,
        };
        assert_eq!(Machine::start(reliable).1.to_vec(), [Action::SendRequest, wait]);
        let clock = Clock {
            timers: &timers,
            reliable: false,
        };
        let (mut machine, actions) = Machine::start(clock);
        assert_eq!(
            actions.to_vec(),
            [Action::SendRequest, wait, Action::Start(Timer::E, timers.t1)]
        );
        for millis in [1_000, 2_000, 4_000, 4_000, 4_000] {
            let again = Action::Start(Timer::E, Duration::from_millis(millis));
            assert_eq!(
                machine.step(Input::TimerE, clock).to_vec(),
                [Action::SendRequest, again]
            );
        }
    }
}
