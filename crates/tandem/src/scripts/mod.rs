//! The script threads: each call's dialplan runs on one of them, from its first line to its last.
//!
//! A verb of a script goes out as a [`ScriptEvent`]; its outcome comes in as a [`ScriptCommand`]. A thread runs its
//! scripts in turn, a slice of operations each, so that an endless script takes its share and no more.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Scripts`]: the threads, and the limit of scripts | all of [`Scripts`], [`Options`] |
//! | `worker.rs` | one thread with its scripts | all of `Worker` |
//! | `watch.rs` | sees changes of the dialplan folder | all of [`Watch`] |

mod watch;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use dialplan::Dialplans;
use switch::{CallUid, Position, ScriptCommand, ScriptEvent, ScriptFault};

pub use watch::{Reload, Watch};
use worker::Worker;

/// How many threads run scripts, and how many scripts they take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads. A call stays on the thread that it began on.
    pub threads: usize,
    /// Scripts alive at once, waiting ones included. A suspended script costs about 14 KiB, and two
    /// of the kernel's memory areas (`vm.max_map_count`, 65,530 by default).
    pub scripts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 2,
            scripts: 16_000,
        }
    }
}

/// The running script threads. Dropping it ends every script and waits for the threads.
pub struct Scripts {
    threads: Vec<Thread>,
    refuse: Box<dyn Fn(CallUid) + Send + Sync>,
    alive: Arc<AtomicUsize>,
    most: usize,
}

struct Thread {
    commands: Option<Sender<ScriptCommand>>,
    handle: Option<JoinHandle<()>>,
}

impl Scripts {
    /// Starts the threads. The script of a call runs the dialplans that `plans` holds at its beginning. Its verbs and
    /// its end are given to `sink`, on the thread of the script (a refusal: on the thread of the sender).
    pub fn start<S>(options: Options, plans: &Arc<Dialplans>, sink: S) -> io::Result<Self>
    where
        S: Fn(ScriptEvent) + Clone + Send + Sync + 'static,
    {
        let alive = Arc::new(AtomicUsize::new(0));
        let threads = (0..options.threads.max(1))
            .map(|number| {
                let (commands, waiting) = channel();
                let (plans, alive, sink) = (plans.clone(), alive.clone(), sink.clone());
                // Made on its own thread: fibers never leave theirs.
                let run = move || Worker::new(plans, alive, sink).run(&waiting);
                let handle = std::thread::Builder::new()
                    .name(format!("scripts-{number}"))
                    .spawn(run)?;
                Ok(Thread {
                    commands: Some(commands),
                    handle: Some(handle),
                })
            })
            .collect::<io::Result<_>>()?;
        let most = options.scripts;
        let refuse = Box::new(move |call| sink(busy(call, most)));
        Ok(Self {
            threads,
            refuse,
            alive,
            most,
        })
    }

    /// Hands a command to the call's thread; never waits. Where there are too many scripts already, a
    /// new one ends at once with a fault. (That bounds what can wait here too: a script has at most its
    /// start, one outcome and one cancellation waiting.)
    pub fn send(&self, command: ScriptCommand) {
        let (call, starts) = match &command {
            ScriptCommand::Start { call, .. } => (*call, true),
            ScriptCommand::Resume { call, .. } | ScriptCommand::Cancel { call } => (*call, false),
        };
        if starts && self.alive.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.alive.fetch_sub(1, Ordering::Relaxed);
            return (self.refuse)(call);
        }
        let sent = self.thread(call).is_some_and(|commands| commands.send(command).is_ok());
        if starts && !sent {
            self.alive.fetch_sub(1, Ordering::Relaxed);
            (self.refuse)(call);
        }
    }

    /// Scripts alive now, for the metrics.
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    fn thread(&self, call: CallUid) -> Option<&Sender<ScriptCommand>> {
        // Call ids are random in all their bits.
        let at = usize::try_from(call.0 % self.threads.len() as u128).unwrap_or(0);
        self.threads.get(at)?.commands.as_ref()
    }
}

impl Drop for Scripts {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            thread.commands = None;
        }
        for handle in self.threads.iter_mut().filter_map(|thread| thread.handle.take()) {
            // A thread that panicked has told so already.
            drop(handle.join());
        }
    }
}

fn busy(call: CallUid, most: usize) -> ScriptEvent {
    let message = format!("{most} scripts are running already");
    ScriptEvent::Ended {
        call,
        result: Err(ScriptFault {
            position: Position::default(),
            message,
        }),
    }
}

#[cfg(test)]
mod tests;
