//! The loop: one thread owns the switch, gives it inputs and carries out its outputs.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Run`]: the loop | all of [`Run`], [`Metrics`] |
//! | `machine.rs` | the switch and its outside, as traits | none |
//! | `mailbox.rs` | how other threads reach the loop | all of [`Mailbox`], [`Inbox`] |
//! | `recording.rs` | writes inputs to a file, and plays them again | all of [`Recording`], [`Recorded`] |

mod machine;
mod mailbox;
mod recording;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use sip::Instant;
use switch::{Command, CommandError, CommandId, Input, Output, Query, Reply, Stats};
use tokio::time::sleep_until;

pub use self::{
    machine::{Machine, Outside},
    mailbox::{Answer, Inbox, LoopEnded, Mailbox, Told},
    recording::{Header, Recorded, Recording, VERSION},
};
use crate::{
    clock::Clock,
    net::{Lookups, Net, Question},
};

/// How often the switch is told what the wall clock shows.
const CLOCK: Duration = Duration::from_secs(10);
/// How often a switch that is shutting down is asked whether calls are left.
const ASK: Duration = Duration::from_millis(50);
/// How long BYEs may wait for their answers at the end (a few retransmissions, not all of timer F).
const LAST_WORDS: Duration = Duration::from_secs(4);
/// How long the last messages may take to leave.
const LAST_BYTES: Duration = Duration::from_millis(500);
/// Inputs from other threads taken before the sockets have their turn.
const BATCH: usize = 64;

/// The loop's own state.
pub struct Run<M, O> {
    machine: M,
    outside: O,
    net: Net,
    clock: Clock,
    inbox: Inbox,
    recording: Option<Recording>,
    commands: HashMap<CommandId, Answer>,
    last_command: u64,
    next_timeout: Instant,
    next_clock: Instant,
    end: Phase,
    metrics: Metrics,
}

/// The figures of the loop. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Connections open now (as of the last look at the clock).
    pub connections: Gauge,
    /// Messages whose handling panicked.
    pub panics: Counter,
    /// Look-ups of host names.
    pub lookups: Lookups,
}

/// The phase of the loop's life.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Not at all.
    Running,
    /// Calls may go on until then.
    Draining { until: Instant, ask: Instant },
    /// Calls were ended; BYEs may be answered until then.
    HangingUp { until: Instant, ask: Instant },
    /// It is over.
    Over,
}

/// Names the loop's own commands, whose replies go to no channel.
const OWN: CommandId = CommandId(0);

impl<M: Machine, O: Outside> Run<M, O> {
    /// A loop over these. `inbox` is how other threads reach it.
    pub fn new(machine: M, outside: O, net: Net, clock: Clock, inbox: Inbox, recording: Option<Recording>) -> Self {
        Self {
            machine,
            outside,
            net,
            clock,
            inbox,
            recording,
            commands: HashMap::new(),
            last_command: 0,
            next_timeout: Instant::ZERO,
            next_clock: Instant::ZERO,
            end: Phase::Running,
            metrics: Metrics::default(),
        }
    }

    /// Counts into these.
    pub fn counted_by(mut self, metrics: Metrics) -> Self {
        self.net.counted_by(metrics.lookups.clone());
        Self { metrics, ..self }
    }

    /// Runs until shut down. `first` is what the switch is to know before any message: accounts and bindings.
    pub async fn run(mut self, first: Vec<Input>) {
        self.show_clock();
        for input in first {
            self.handle(input);
        }
        let listeners = self.net.listeners().to_vec();
        self.handle(Input::Listening(listeners));
        let (mut inputs, mut answers) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut told = Vec::with_capacity(BATCH);
        let timer = sleep_until(self.clock.at(self.next_wake()));
        tokio::pin!(timer);
        while self.end != Phase::Over {
            let wake = self.clock.at(self.next_wake());
            if timer.deadline() != wake {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                () = self.net.receive(&mut inputs) => {}
                _ = self.inbox.answers.recv_many(&mut answers, BATCH) => {}
                count = self.inbox.told.recv_many(&mut told, BATCH) => if count == 0 {
                    // The last mailbox is dropped: no thread could end the loop any more.
                    break;
                },
                () = &mut timer => {}
            }
            for input in inputs.drain(..).chain(answers.drain(..)) {
                self.handle(input);
            }
            for told in told.drain(..) {
                self.take(told);
            }
            self.pass_time();
            if let Some(recording) = &mut self.recording {
                recording.flush();
            }
        }
        self.net.flush(LAST_BYTES).await;
    }

    fn next_wake(&self) -> Instant {
        let next = self.next_timeout.min(self.next_clock);
        match self.end {
            Phase::Running | Phase::Over => next,
            Phase::Draining { until, ask } | Phase::HangingUp { until, ask } => next.min(until).min(ask),
        }
    }

    /// Does the work that is due, also while messages keep coming without end.
    fn pass_time(&mut self) {
        let now = self.clock.now();
        if now >= self.next_clock {
            self.show_clock();
        }
        if now >= self.next_timeout {
            self.handle(Input::Tick);
        }
        match self.end {
            Phase::Running | Phase::Over => {}
            Phase::Draining { until, .. } if now >= until => self.hang_up(now),
            Phase::HangingUp { until, .. } if now >= until => {
                tracing::warn!("ended before every BYE was answered");
                self.end = Phase::Over;
            }
            Phase::Draining { ref mut ask, .. } | Phase::HangingUp { ref mut ask, .. } => {
                if now >= *ask {
                    *ask = now + ASK;
                    self.handle(Input::Command {
                        id: OWN,
                        command: Command::Stats,
                    });
                }
            }
        }
    }

    fn show_clock(&mut self) {
        self.next_clock = self.clock.now() + CLOCK;
        self.metrics
            .connections
            .set(i64::try_from(self.net.connections()).unwrap_or(i64::MAX));
        self.handle(Input::Clock {
            unix_micros: self.clock.unix_micros(),
        });
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Command(command, answer) => {
                self.last_command += 1;
                let id = CommandId(self.last_command);
                self.commands.insert(id, answer);
                self.handle(Input::Command { id, command });
            }
            Told::Account(change, taken) => {
                self.handle(Input::Account(change));
                let _ = taken.send(());
            }
            Told::Trunk(change, taken) => {
                self.handle(Input::Trunk(change));
                let _ = taken.send(());
            }
            Told::Shutdown { drain } => self.shut_down(drain),
        }
    }

    fn shut_down(&mut self, drain: Duration) {
        let now = self.clock.now();
        match self.end {
            Phase::Running => {
                tracing::info!(seconds = drain.as_secs_f64(), "draining: no new calls");
                self.end = Phase::Draining {
                    until: now + drain,
                    ask: now,
                };
                self.handle(Input::Drain);
            }
            // Asked twice: do not wait for the calls.
            Phase::Draining { .. } => self.hang_up(now),
            Phase::HangingUp { .. } | Phase::Over => self.end = Phase::Over,
        }
    }

    fn hang_up(&mut self, now: Instant) {
        tracing::info!("ending the calls in progress");
        self.end = Phase::HangingUp {
            until: now + LAST_WORDS,
            ask: now,
        };
        self.handle(Input::HangUpAll);
    }

    /// One input, and everything it leads to. A panic ends the handling of this input only.
    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        if let Some(recording) = &mut self.recording {
            recording.write(now, &input);
        }
        let machine = &mut self.machine;
        let handled = catch_unwind(AssertUnwindSafe(|| machine.handle(now, input)));
        self.survive(handled);
        // A machine that panics while it is drained may do so for ever.
        for _ in 0..8 {
            let drained = catch_unwind(AssertUnwindSafe(|| self.drain()));
            let whole = drained.is_ok();
            self.survive(drained);
            if whole {
                break;
            }
        }
    }

    fn survive(&mut self, handled: std::thread::Result<()>) {
        if let Err(panic) = handled {
            self.metrics.panics.inc();
            let words = panic
                .downcast_ref::<&str>()
                .copied()
                .or(panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(
                panic = words.unwrap_or("?"),
                "handling a message failed; it was dropped"
            );
        }
    }

    fn drain(&mut self) {
        loop {
            let answer = match self.machine.poll_output() {
                Output::Timeout(at) => {
                    self.next_timeout = at;
                    return;
                }
                Output::Transmit(transmit) => {
                    self.net.transmit(transmit);
                    None
                }
                Output::Query(
                    query,
                    Query::Resolve {
                        host,
                        port,
                        transport,
                        secure,
                    },
                ) => {
                    let host = host.as_str();
                    let question = Question {
                        host,
                        port,
                        transport,
                        secure,
                    };
                    self.net.resolve(query, question);
                    None
                }
                Output::Reply(OWN, reply) => {
                    self.note(reply);
                    None
                }
                Output::Reply(id, reply) => {
                    if let Some(waiting) = self.commands.remove(&id) {
                        // The asking thread may have given up.
                        let _ = waiting.send(reply);
                    }
                    None
                }
                output @ (Output::Media(_)
                | Output::Script(_)
                | Output::Query(..)
                | Output::Forget(_)
                | Output::Subscriptions(_)
                | Output::DropMessage(_)
                | Output::CdrAnswered(_)
                | Output::Quality { .. }
                | Output::Journal(_)
                | Output::Recording(_)
                | Output::Cdr(_)
                | Output::Event(_)) => self.outside.take(output),
            };
            if let Some(input) = answer {
                self.net.report(input);
            }
        }
    }

    /// The switch says how many calls are left.
    fn note(&mut self, reply: Result<Reply, CommandError>) {
        let Ok(Reply::Stats(stats)) = reply else { return };
        let Stats { calls, legs, .. } = *stats;
        match self.end {
            Phase::Running | Phase::Over => {}
            Phase::Draining { .. } | Phase::HangingUp { .. } => {
                if calls == 0 && legs == 0 {
                    self.end = Phase::Over;
                }
            }
        }
    }
}
