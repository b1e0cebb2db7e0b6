//! How other threads reach the loop.

use std::time::Duration;

use switch::{AccountChange, Command, CommandError, Input, Reply, TrunkChange};
use tokio::sync::{mpsc, oneshot};

/// How a command's answer comes back.
pub type Answer = oneshot::Sender<Result<Reply, CommandError>>;

/// A message of another thread to the loop.
#[derive(Debug)]
pub enum Told {
    /// The admin API wants something.
    Command(Command, Answer),
    /// The admin API changed an account, on disk; confirmed once the switch knows.
    Account(AccountChange, oneshot::Sender<()>),
    /// A change of a trunk that is on disk.
    Trunk(TrunkChange, oneshot::Sender<()>),
    /// Take no new calls, and end with the last call; calls that last longer are ended.
    Shutdown {
        /// How long calls may go on.
        drain: Duration,
    },
}

/// The loop's address.
#[derive(Clone, Debug)]
pub struct Mailbox {
    told: mpsc::Sender<Told>,
    answers: mpsc::UnboundedSender<Input>,
}

/// The loop's side.
#[derive(Debug)]
pub struct Inbox {
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) answers: mpsc::UnboundedReceiver<Input>,
}

impl Mailbox {
    /// A mailbox where `depth` requests may wait. A sender of a further request waits for room.
    pub fn new(depth: usize) -> (Self, Inbox) {
        let (told, requests) = mpsc::channel(depth);
        let (answers, answered) = mpsc::unbounded_channel();
        (
            Self { told, answers },
            Inbox {
                told: requests,
                answers: answered,
            },
        )
    }

    /// Asks for something, once there is room.
    ///
    /// # Errors
    /// The loop has ended.
    pub async fn tell(&self, told: Told) -> Result<(), LoopEnded> {
        self.told.send(told).await.map_err(|_| LoopEnded)
    }

    /// Brings an answer that the switch has asked for. Never waits, and may be called from any thread. The limits of
    /// the switch bound the number of answers (a script has one verb at a time, a call one record to be opened ...).
    /// After the end of the loop an answer is dropped.
    pub fn answer(&self, input: Input) {
        let _ = self.answers.send(input);
    }
}

/// The loop has ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signalling has ended")]
pub struct LoopEnded;

#[cfg(test)]
impl Inbox {
    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Option<Input> {
        self.answers.recv().await
    }
}
