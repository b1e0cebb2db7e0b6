//! `tandem serve`.

use sip::Instant;
use switch::{Command, CommandId, Input, Output, Reply};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{StartError, signalling::Signalling};
use crate::{
    clock::Clock,
    config::Config,
    net::Limits,
    run::{Header, Machine, Outside, Recording, Told, VERSION},
};

/// What other threads may have told the loop before it takes it.
const TOLD: usize = 4_096;

/// Runs the PBX until SIGTERM.
pub(super) fn serve(config: &Config) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    runtime.block_on(run(config))
}

async fn run(config: &Config) -> Result<(), StartError> {
    let mut term = signal(SignalKind::terminate()).map_err(StartError::Thread)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Thread)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(StartError::Thread)?;
    let (tell, told) = mpsc::channel(TOLD);
    let recording = recording(config, 0)?;
    let signalling = Signalling {
        machine: Nobody::default(),
        outside: Nobody::default(),
        clock: Clock::start(),
        listeners: config.sip.clone(),
        limits: net_limits(config),
        told,
        recording,
        first: Vec::new(),
    };
    let running = signalling.spawn()?;
    for listener in &running.listeners {
        tracing::info!(transport = %listener.transport, address = %listener.address, "listening");
    }
    let (ended, mut end) = mpsc::channel(1);
    std::thread::spawn(move || {
        let _ = ended.blocking_send(running.thread.join().is_ok());
    });
    loop {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                tracing::info!("reload");
                continue;
            }
            whole = end.recv() => {
                return if whole == Some(true) { Ok(()) } else { Err(StartError::Ended("signalling")) };
            }
        }
        let _ = tell.send(Told::Shutdown { drain: config.drain }).await;
    }
}

fn recording(config: &Config, seed: u64) -> Result<Option<Recording>, StartError> {
    let Some(path) = &config.record else { return Ok(None) };
    let header = Header {
        tandem_recording: VERSION,
        seed,
        domain: config.domain.clone(),
    };
    let fault = |source| StartError::Record {
        path: path.display().to_string(),
        source,
    };
    Recording::create(path, &header).map(Some).map_err(fault)
}

fn net_limits(config: &Config) -> Limits {
    Limits {
        connections: config.limits.connections,
        connections_per_source: config.limits.connections_per_source,
        message: config.limits.message,
        write_queue: config.limits.write_queue,
        message_timeout: config.limits.message_timeout,
        idle_timeout: config.limits.idle_timeout,
        ..Limits::default()
    }
}

/// Stands where the switch will.
#[derive(Default)]
struct Nobody {
    asked: Option<CommandId>,
}

impl Machine for Nobody {
    fn handle(&mut self, _now: Instant, input: Input) {
        if let Input::Command {
            id,
            command: Command::Stats,
        } = input
        {
            self.asked = Some(id);
        }
    }

    fn poll_output(&mut self) -> Output {
        let far = Output::Timeout(Instant::from_micros(u64::MAX));
        self.asked
            .take()
            .map_or(far, |id| Output::Reply(id, Ok(Reply::Stats(Box::default()))))
    }
}

impl Outside for Nobody {
    fn take(&mut self, _output: Output) -> Option<Input> {
        None
    }
}
