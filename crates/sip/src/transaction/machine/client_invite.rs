//! The INVITE client transaction: RFC 3261 17.1.1 and figure 5, as RFC 6026 section 7.2 changed it.
//!
//! ```text
//! Calling ──1xx──▶ Proceeding ──2xx──▶ Accepted ──M──▶ Terminated
//!    │                 └──300-699──▶ Completed ──D──▶ Terminated
//! ```

use std::time::Duration;

use smallvec::smallvec;

use super::super::timers::{Action, Actions, Clock, Timer};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum State {
    /// Sent, nothing heard.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx came: further ones are passed on until timer M (RFC 6026).
    Accepted,
    /// Another final response came; its repetitions are acknowledged until timer D.
    Completed,
    Terminated,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum Input {
    TimerA,
    TimerB,
    TimerC,
    TimerD,
    TimerM,
    TimerCancel,
    /// A 100.
    Trying,
    /// 101-199.
    Provisional,
    /// 2xx.
    Success,
    /// 300-699.
    Failure,
    /// The user wants it cancelled.
    Cancel,
    TransportFailed,
}

impl Input {
    pub(in crate::transaction) const fn of_timer(timer: Timer) -> Option<Self> {
        match timer {
            Timer::A => Some(Self::TimerA),
            Timer::B => Some(Self::TimerB),
            Timer::C => Some(Self::TimerC),
            Timer::D => Some(Self::TimerD),
            Timer::M => Some(Self::TimerM),
            Timer::Cancel => Some(Self::TimerCancel),
            Timer::E | Timer::F | Timer::G | Timer::H | Timer::I | Timer::J | Timer::K | Timer::L | Timer::Trying => {
                None
            }
        }
    }
}

/// How far a CANCEL has got (RFC 3261 9.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) enum Cancel {
    No,
    /// Wanted, but nothing came from the other side yet: it must wait.
    Wanted,
    Sent,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::transaction) struct Machine {
    pub(in crate::transaction) state: State,
    pub(in crate::transaction) cancel: Cancel,
    /// What timer A was last set to.
    interval: Duration,
}

impl Machine {
    pub(in crate::transaction) fn start(clock: Clock<'_>) -> (Self, Actions) {
        let machine = Self {
            state: State::Calling,
            cancel: Cancel::No,
            interval: clock.timers.t1,
        };
        let mut actions: Actions = smallvec![Action::SendRequest, Action::Start(Timer::B, clock.timers.b)];
        if !clock.reliable {
            actions.push(Action::Start(Timer::A, machine.interval));
        }
        (machine, actions)
    }

    pub(in crate::transaction) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match (self.state, input) {
            (State::Calling, Input::TimerA) => {
                // RFC 3261 17.1.1.2: doubled each time, without T2 as a limit.
                self.interval = self.interval.saturating_mul(2);
                smallvec![Action::SendRequest, Action::Start(Timer::A, self.interval)]
            }
            (State::Calling, Input::TimerB) => {
                self.state = State::Terminated;
                smallvec![Action::TimedOut]
            }
            (State::Calling, Input::Trying | Input::Provisional) => self.proceed(clock),
            (State::Proceeding, Input::Trying) => smallvec![Action::PassResponse],
            (State::Proceeding, Input::Provisional) => match self.cancel {
                // RFC 3261 16.7 item 2: each provisional response but 100 restarts timer C.
                Cancel::No => smallvec![Action::PassResponse, Action::Start(Timer::C, clock.timers.c)],
                Cancel::Wanted | Cancel::Sent => smallvec![Action::PassResponse],
            },
            (State::Calling | State::Proceeding, Input::Success) => {
                // RFC 6026 7.2: not terminated at once, so that a fork's 2xx finds its way.
                self.state = State::Accepted;
                smallvec![
                    Action::StopRepeating,
                    Action::PassResponse,
                    Action::Start(Timer::M, clock.timers.m)
                ]
            }
            (State::Calling | State::Proceeding, Input::Failure) => self.complete(clock),
            (State::Calling, Input::Cancel) => {
                self.cancel = Cancel::Wanted;
                smallvec![]
            }
            (State::Proceeding, Input::Cancel | Input::TimerC) => match self.cancel {
                Cancel::No | Cancel::Wanted => self.send_cancel(clock),
                Cancel::Sent => smallvec![],
            },
            (State::Proceeding, Input::TimerCancel) => {
                // RFC 3261 9.1: 64*T1 after its CANCEL the INVITE counts as cancelled.
                self.state = State::Terminated;
                smallvec![Action::TimedOut]
            }
            (State::Calling, Input::TransportFailed) => {
                self.state = State::Terminated;
                smallvec![Action::TransportFailed]
            }
            // The request had arrived: the answer may come another way (18.2.2).
            (State::Proceeding, Input::TransportFailed) => smallvec![],
            (State::Accepted, Input::Success) => smallvec![Action::PassResponse],
            (State::Accepted, Input::TimerM) => {
                self.state = State::Terminated;
                smallvec![]
            }
            (State::Accepted, Input::Trying | Input::Provisional | Input::Failure) => smallvec![],
            (State::Accepted, Input::Cancel | Input::TransportFailed) => smallvec![],
            (State::Completed, Input::Failure) => smallvec![Action::ResendAck],
            (State::Completed, Input::TimerD) => {
                self.state = State::Terminated;
                smallvec![]
            }
            (State::Completed, Input::TransportFailed) => {
                self.state = State::Terminated;
                smallvec![Action::TransportFailed]
            }
            (State::Completed, Input::Trying | Input::Provisional | Input::Success | Input::Cancel) => smallvec![],
            // Timers that belong to another state were stopped on leaving it.
            (State::Calling, Input::TimerC | Input::TimerD | Input::TimerM | Input::TimerCancel) => smallvec![],
            (State::Proceeding, Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerM) => smallvec![],
            (State::Accepted, Input::TimerA | Input::TimerB | Input::TimerC | Input::TimerD) => smallvec![],
            (State::Completed, Input::TimerA | Input::TimerB | Input::TimerC | Input::TimerM) => smallvec![],
            (State::Accepted | State::Completed, Input::TimerCancel) => smallvec![],
            (State::Terminated, input) => never(input),
        }
    }

    /// Something was heard from the other side.
    fn proceed(&mut self, clock: Clock<'_>) -> Actions {
        self.state = State::Proceeding;
        let mut actions: Actions = smallvec![Action::StopRepeating, Action::PassResponse];
        match self.cancel {
            // RFC 3261 9.1: the CANCEL had to wait for a provisional response.
            Cancel::Wanted => actions.extend(self.send_cancel(clock)),
            Cancel::No | Cancel::Sent => actions.push(Action::Start(Timer::C, clock.timers.c)),
        }
        actions
    }

    /// A final response other than 2xx came.
    fn complete(&mut self, clock: Clock<'_>) -> Actions {
        let wait = clock.absorb(clock.timers.d);
        let mut actions: Actions = smallvec![Action::StopRepeating, Action::SendAck, Action::PassResponse];
        if wait.is_zero() {
            self.state = State::Terminated;
        } else {
            self.state = State::Completed;
            actions.push(Action::Start(Timer::D, wait));
        }
        actions
    }

    fn send_cancel(&mut self, clock: Clock<'_>) -> Actions {
        self.cancel = Cancel::Sent;
        smallvec![
            Action::SendCancel,
            Action::Start(Timer::Cancel, clock.timers.extra.cancel)
        ]
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
        Input::TimerA,
        Input::TimerB,
        Input::TimerC,
        Input::TimerD,
        Input::TimerM,
        Input::TimerCancel,
        Input::Trying,
        Input::Provisional,
        Input::Success,
        Input::Failure,
        Input::Cancel,
        Input::TransportFailed,
    ];
    const STATES: [State; 5] = [
        State::Calling,
        State::Proceeding,
        State::Accepted,
        State::Completed,
        State::Terminated,
    ];
    const SECOND: Duration = Duration::from_secs(1);

    /// Figure 5 of RFC 6026, arrow by arrow; what is not in it changes nothing.
    fn figure(state: State, input: Input, reliable: bool) -> (State, Vec<Action>) {
        use Action::*;
        let seconds = Duration::from_secs;
        let end_d = if reliable { State::Terminated } else { State::Completed };
        let mut acked = vec![StopRepeating, SendAck, PassResponse];
        if !reliable {
            acked.push(Start(Timer::D, seconds(32)));
        }
        let accepted = vec![StopRepeating, PassResponse, Start(Timer::M, seconds(32))];
        match (state, input) {
            (State::Calling, Input::TimerA) => (state, vec![SendRequest, Start(Timer::A, SECOND)]),
            (State::Calling, Input::TimerB) => (State::Terminated, vec![TimedOut]),
            (State::Calling, Input::Trying | Input::Provisional) => {
                let wait = Start(Timer::C, seconds(900));
                (State::Proceeding, vec![StopRepeating, PassResponse, wait])
            }
            (State::Calling | State::Proceeding, Input::Success) => (State::Accepted, accepted),
            (State::Calling | State::Proceeding, Input::Failure) => (end_d, acked),
            (State::Calling, Input::TransportFailed) => (State::Terminated, vec![TransportFailed]),
            (State::Proceeding, Input::Trying) => (state, vec![PassResponse]),
            (State::Proceeding, Input::Provisional) => (state, vec![PassResponse, Start(Timer::C, seconds(900))]),
            (State::Proceeding, Input::Cancel | Input::TimerC) => {
                (state, vec![SendCancel, Start(Timer::Cancel, seconds(32))])
            }
            (State::Proceeding, Input::TimerCancel) => (State::Terminated, vec![TimedOut]),
            (State::Accepted, Input::Success) => (state, vec![PassResponse]),
            (State::Accepted, Input::TimerM) => (State::Terminated, vec![]),
            (State::Completed, Input::Failure) => (state, vec![ResendAck]),
            (State::Completed, Input::TimerD) => (State::Terminated, vec![]),
            (State::Completed, Input::TransportFailed) => (State::Terminated, vec![TransportFailed]),
            _ => (state, vec![]),
        }
    }

    #[test]
    fn every_state_and_input_does_what_figure_5_says() {
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
    fn timer_a_runs_on_unreliable_transports_only_and_doubles_without_limit() {
        let timers = TimerConfig::default();
        let wait = Action::Start(Timer::B, timers.b);
        let (mut machine, actions) = Machine::start(Clock {
            timers: &timers,
            reliable: true,
        });
        assert_eq!(actions.to_vec(), [Action::SendRequest, wait]);
        let clock = Clock {
            timers: &timers,
            reliable: false,
        };
        assert_eq!(
            machine.step(Input::TransportFailed, clock).to_vec(),
            [Action::TransportFailed]
        );
        let (mut machine, actions) = Machine::start(clock);
        assert_eq!(
            actions.to_vec(),
            [Action::SendRequest, wait, Action::Start(Timer::A, timers.t1)]
        );
        for millis in [1_000, 2_000, 4_000, 8_000, 16_000] {
            let again = Action::Start(Timer::A, Duration::from_millis(millis));
            assert_eq!(
                machine.step(Input::TimerA, clock).to_vec(),
                [Action::SendRequest, again]
            );
        }
    }

    #[test]
    fn a_cancel_waits_for_a_provisional_response_and_is_sent_once() {
        let timers = TimerConfig::default();
        let clock = Clock {
            timers: &timers,
            reliable: false,
        };
        let (mut machine, _) = Machine::start(clock);
        assert!(machine.step(Input::Cancel, clock).is_empty());
        let wait = Action::Start(Timer::Cancel, timers.extra.cancel);
        let expected = [Action::StopRepeating, Action::PassResponse, Action::SendCancel, wait];
        assert_eq!(machine.step(Input::Trying, clock).to_vec(), expected);
        assert!(machine.step(Input::Cancel, clock).is_empty());
        // Nor does a provisional response prolong the wait.
        assert_eq!(machine.step(Input::Provisional, clock).to_vec(), [Action::PassResponse]);
        assert_eq!(machine.step(Input::TimerCancel, clock).to_vec(), [Action::TimedOut]);
        assert_eq!(machine.state, State::Terminated);
    }
}
