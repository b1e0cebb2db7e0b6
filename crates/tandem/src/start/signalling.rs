//! The signalling thread: a runtime of its own, with the sockets and the switch on it.

use std::{
    io,
    sync::{Arc, mpsc as std_mpsc},
    thread,
};

use switch::{Input, Listener};
use tokio::{runtime::Builder, sync::oneshot, task::LocalSet};

use super::StartError;
use crate::{
    clock::Clock,
    net::{BindError, Limits, Net, Security},
    run::{Inbox, Machine, Metrics, Outside, Recording, Run},
};

/// The things that the switch needs to begin.
pub(super) struct Begin<M, O> {
    pub(super) machine: M,
    pub(super) outside: O,
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    pub(super) recording: Option<Recording>,
    pub(super) metrics: Metrics,
    /// Accounts and bindings, before any message.
    pub(super) first: Vec<Input>,
}

/// The thread, with its sockets bound. It begins on command, and ends where the command never comes.
pub(super) struct Signalling<M, O> {
    /// The bound listeners.
    pub(super) listeners: Vec<Listener>,
    begin: oneshot::Sender<Begin<M, O>>,
    thread: thread::JoinHandle<()>,
}

impl<M: Machine + Send + 'static, O: Outside + Send + 'static> Signalling<M, O> {
    /// Starts the thread, and waits until every listener is bound.
    pub(super) fn bind(
        listeners: Vec<Listener>,
        limits: Limits,
        security: Option<Arc<Security>>,
    ) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let (bound, is_bound) = std_mpsc::sync_channel(1);
        let (begin, begins) = oneshot::channel();
        let run = move || {
            LocalSet::new().block_on(&runtime, run((listeners, limits, security), bound, begins));
            // A name lookup that hangs must not hold up the end.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new()
            .name("signalling".into())
            .spawn(run)
            .map_err(StartError::Thread)?;
        match is_bound.recv() {
            Ok(Ok(listeners)) => Ok(Self {
                listeners,
                begin,
                thread,
            }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(StartError::Thread(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Lets it begin.
    pub(super) fn begin(self, begin: Begin<M, O>) -> thread::JoinHandle<()> {
        // Where the thread has died already, the join reports it.
        let _ = self.begin.send(begin);
        self.thread
    }
}

type Bound = std_mpsc::SyncSender<Result<Vec<Listener>, BindError>>;

async fn run<M: Machine, O: Outside>(
    (listeners, limits, security): (Vec<Listener>, Limits, Option<Arc<Security>>),
    bound: Bound,
    begins: oneshot::Receiver<Begin<M, O>>,
) {
    let net = match Net::bind(&listeners, &limits, security) {
        Ok(net) => net,
        Err(error) => {
            let _ = bound.send(Err(error));
            return;
        }
    };
    let _ = bound.send(Ok(net.listeners().to_vec()));
    let Ok(Begin {
        machine,
        outside,
        clock,
        inbox,
        recording,
        metrics,
        first,
    }) = begins.await
    else {
        return;
    };
    Run::new(machine, outside, net, clock, inbox, recording)
        .counted_by(metrics)
        .run(first)
        .await;
}
