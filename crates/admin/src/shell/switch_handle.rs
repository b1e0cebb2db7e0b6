//! The way to the switch: a bounded queue that the shell drains, and an answer for each entry.

use std::{sync::Arc, time::Duration};

use switch::{AccountChange, Command, CommandError, Reply, TrunkChange};
use tokio::sync::{Mutex, mpsc, oneshot};

/// A request to the switch: the shell takes it out of the queue and feeds it to the switch.
#[derive(Debug)]
pub enum SwitchRequest {
    /// Give the switch an `Input::Command`; send its `Output::Reply` back.
    Command {
        /// The command.
        command: Command,
        /// The sender for the answer. Dropping it says that the switch is stopping.
        reply: oneshot::Sender<Result<Reply, CommandError>>,
    },
    /// Give the switch an `Input::Account`; confirm when it has been handled.
    Account {
        /// Already durable.
        change: AccountChange,
        /// To be told once the switch has taken it.
        taken: oneshot::Sender<()>,
    },
    /// Give the switch an `Input::Trunk`; confirm when it has been handled.
    Trunk {
        /// Already durable.
        change: TrunkChange,
        /// To be told once the switch has taken it.
        taken: oneshot::Sender<()>,
    },
}

/// Why there is no answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchGone {
    /// The other end of the queue is gone.
    #[error("the switch is stopping")]
    Stopped,
    /// No answer within [`SwitchHandle::PATIENCE`].
    #[error("the switch did not answer in time")]
    Slow,
}

/// Asks the switch. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SwitchHandle {
    queue: mpsc::Sender<SwitchRequest>,
    /// One change of an account at a time: the switch hears of them in the order in which they are on disk.
    pub(crate) turn: Arc<Mutex<()>>,
}

impl SwitchHandle {
    /// How long a question may take, queueing included.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// A handle and the queue's other end. `depth` requests wait at most; who comes then waits.
    pub fn channel(depth: usize) -> (Self, mpsc::Receiver<SwitchRequest>) {
        let (queue, requests) = mpsc::channel(depth);
        let turn = Arc::default();
        (Self { queue, turn }, requests)
    }

    /// Has the switch carry out a command. The outer error: it gave no answer at all.
    pub async fn command(&self, command: Command) -> Result<Result<Reply, CommandError>, SwitchGone> {
        let (reply, answer) = oneshot::channel();
        self.ask(SwitchRequest::Command { command, reply }, answer).await
    }

    /// Tells the switch of an account change that is on disk; resolves when the switch has taken it.
    pub async fn account(&self, change: AccountChange) -> Result<(), SwitchGone> {
        let (taken, answer) = oneshot::channel();
        self.ask(SwitchRequest::Account { change, taken }, answer).await
    }

    /// Tells the switch of a change of a trunk that is on disk; resolves when the switch has taken it.
    pub async fn trunk(&self, change: TrunkChange) -> Result<(), SwitchGone> {
        let (taken, answer) = oneshot::channel();
        self.ask(SwitchRequest::Trunk { change, taken }, answer).await
    }

    async fn ask<T>(&self, request: SwitchRequest, answer: oneshot::Receiver<T>) -> Result<T, SwitchGone> {
        let asked = async {
            self.queue.send(request).await.map_err(|_| SwitchGone::Stopped)?;
            answer.await.map_err(|_| SwitchGone::Stopped)
        };
        tokio::time::timeout(Self::PATIENCE, asked)
            .await
            .unwrap_or(Err(SwitchGone::Slow))
    }
}
