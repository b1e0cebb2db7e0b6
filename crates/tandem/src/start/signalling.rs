//! The signalling thread: a runtime of its own, with the sockets and the switch on it.

use std::{io, sync::mpsc as std_mpsc, thread};

use switch::{Input, Listener};
use tokio::{runtime::Builder, sync::mpsc, task::LocalSet};

use super::StartError;
use crate::{
    clock::Clock,
    net::{BindError, Limits, Net},
    run::{Machine, Outside, Recording, Run, Told},
};

/// What the thread is made of.
pub(super) struct Signalling<M, O> {
    pub(super) machine: M,
    pub(super) outside: O,
    pub(super) clock: Clock,
    pub(super) listeners: Vec<Listener>,
    pub(super) limits: Limits,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) recording: Option<Recording>,
    /// Accounts and bindings, before any message.
    pub(super) first: Vec<Input>,
}

/// The running thread.
pub(super) struct Running {
    pub(super) thread: thread::JoinHandle<()>,
    /// What is bound.
    pub(super) listeners: Vec<Listener>,
}

impl<M: Machine + Send + 'static, O: Outside + Send + 'static> Signalling<M, O> {
    /// Starts the thread, and waits until every listener is bound.
    pub(super) fn spawn(self) -> Result<Running, StartError> {
        let (bound, is_bound) = std_mpsc::sync_channel::<Result<Vec<Listener>, BindError>>(1);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let run = move || LocalSet::new().block_on(&runtime, self.run(bound));
        let thread = thread::Builder::new()
            .name("signalling".into())
            .spawn(run)
            .map_err(StartError::Thread)?;
        match is_bound.recv() {
            Ok(Ok(listeners)) => Ok(Running { thread, listeners }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(StartError::Thread(io::ErrorKind::BrokenPipe.into())),
        }
    }

    async fn run(self, bound: std_mpsc::SyncSender<Result<Vec<Listener>, BindError>>) {
        let net = match Net::bind(&self.listeners, &self.limits) {
            Ok(net) => net,
            Err(error) => {
                let _ = bound.send(Err(error));
                return;
            }
        };
        let _ = bound.send(Ok(net.listeners().to_vec()));
        Run::new(self.machine, self.outside, net, self.clock, self.told, self.recording)
            .run(self.first)
            .await;
    }
}
