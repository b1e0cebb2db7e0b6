//! `tandem serve`.

use std::{
    io::IsTerminal,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    thread,
};

use admin::{Accounts, AdminState, EventBus, Health, SwitchHandle, SwitchRequest};
use dialplan::Dialplans;
use store::Store;
use switch::{Input, Keys, Listener, Switch};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

use super::{
    StartError,
    banner::{Banner, servers},
    check::media_ports_taken,
    database::{self, Made},
    dialplans::{self, Files},
    metrics::{Audio, registry},
    outside::{Own, Shell},
    push::Push,
    recordings, say,
    signalling::{Begin, Signalling},
};
use crate::{
    certificates,
    clock::Clock,
    config::{Config, Rtp},
    net::{Limits, Security, public_addresses},
    recorder::Recorder,
    rtp::{Archive, Engine, EngineConfig},
    run::{Header, Mailbox, Metrics, Recording, Told, VERSION},
    scripts::{Options as ScriptOptions, Reload, Scripts, Watch},
};

/// Requests of other threads that may wait for the loop.
const REQUESTS: usize = 1_024;

/// Runs the PBX until SIGTERM.
pub(super) fn serve(config: &Config) -> Result<(), StartError> {
    let runtime = |name: &str, threads| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name(name).enable_all();
        builder.build().map_err(StartError::Thread)
    };
    // The store's writer has a thread of its own: calls wait for it, and not for what people ask over HTTP.
    let (keeper, http) = (runtime("keeper", 1)?, runtime("http", 2)?);
    let ended = http.block_on(run(config, keeper.handle()));
    http.shutdown_background();
    keeper.shutdown_background();
    ended
}

async fn run(config: &Config, keeper: &Handle) -> Result<(), StartError> {
    let signals = Signals::new().map_err(StartError::Thread)?;
    // Whatever may fail comes before the first start makes anything: secrets are shown only once.
    let store = database::open(config, keeper).await?;
    let limits = net_limits(config, raise_descriptors());
    let security = certificates::load(config)?;
    let signalling = Signalling::bind(config.sip.listeners.clone(), limits.clone(), security.clone())?;
    let http = bind_http(config).await?;
    let (mailbox, inbox) = Mailbox::new(REQUESTS);
    let audio = Audio::default();
    let told = for_switch(config);
    let engine = start_engine(config, &mailbox, audio.clone())?;
    warn_of_less(config, &told, limits.connections);
    let seed = random()?;
    let recording = recording(config, &told, seed)?;
    let clock = Clock::start();
    let (plans, broken) = dialplans::start(config);
    let made = database::first_start(&store, config, clock.unix_micros()).await?;
    let addresses = config.advertise.map_or_else(public_addresses, |address| vec![address]);
    let system = system(config, &signalling.listeners, &addresses);
    announce(config, &signalling.listeners, addresses, &http, (made, broken))?;
    let (first, vault) = database::load(&store, config, clock.unix_micros()).await?;
    let keys = keys(&store, &config.domain).await?;

    let events = EventBus::default();
    let watch = watch(&plans, &events)?;
    let scripts = start_scripts(config, &plans, &mailbox)?;
    let recorder = start_recorder(config, &store, keeper, &mailbox, clock);
    let counts = recorder.counts();
    let metrics = Metrics::default();
    let (switch, requests) = SwitchHandle::channel(REQUESTS);
    let begin = Begin {
        machine: Switch::new(told, seed, &keys),
        outside: Shell {
            engine,
            scripts,
            recorder,
            events: events.clone(),
            own: own(config, &store, &mailbox, &switch),
        },
        clock,
        inbox,
        recording,
        metrics: metrics.clone(),
        first,
    };
    let thread = signalling.begin(begin);

    let health = Health::default();
    tokio::spawn(pass_on(requests, mailbox.clone()));
    let state = AdminState {
        store: store.clone(),
        domain: config.domain.as_str().into(),
        switch,
        recordings: config.recordings(),
        dialplans: Arc::new(Files(plans)),
        events,
        health: health.clone(),
        hasher: hasher(config),
        vault,
        registry: registry(&metrics, &audio, store.writer(&config.domain), counts),
        metrics_need_token: config.http.metrics_need_token,
        trusted_proxies: config.http.trusted_proxies.clone(),
        system,
        limits: admin_limits(config),
    };
    let (close_http, http_closes) = oneshot::channel::<()>();
    health.ready();
    let http = tokio::spawn(admin::serve(state, http, async {
        let _ = http_closes.await;
    }));
    let ended = until_end(thread, signals, config, &mailbox, (&watch, security), &health).await;
    drop(close_http);
    let _ = http.await;
    drop(watch);
    // Every record of a call is on the disk before the process ends.
    store.close().await?;
    tracing::info!("ended");
    ended
}

/// The secrets of the switch. That which seals temporary GRUUs outlasts a restart.
async fn keys(store: &Store, domain: &str) -> Result<Keys, StartError> {
    Ok(Keys {
        nonce: random()?,
        gruu: store.key(domain, "gruu", random()?).await?,
    })
}

fn own(config: &Config, store: &Store, mailbox: &Mailbox, switch: &SwitchHandle) -> Own {
    let domain = config.domain.as_str().into();
    Own {
        accounts: Accounts::new(store.clone(), domain, switch.clone(), hasher(config)),
        store: store.clone(),
        domain: config.domain.clone(),
        mailbox: mailbox.clone(),
        runtime: Handle::current(),
        push: Push::new(config.http.push.clone()),
    }
}

/// Waits for the signalling thread's end, and passes on what signals say.
async fn until_end(
    thread: thread::JoinHandle<()>,
    mut signals: Signals,
    config: &Config,
    mailbox: &Mailbox,
    (watch, security): (&Watch, Option<Arc<Security>>),
    health: &Health,
) -> Result<(), StartError> {
    let mut joined = tokio::task::spawn_blocking(move || thread.join());
    let mut asked = false;
    loop {
        tokio::select! {
            _ = signals.term.recv() => {}
            _ = signals.interrupt.recv() => {}
            _ = signals.hangup.recv() => {
                watch.reload();
                certificates::renew(security.as_ref(), true);
                continue;
            }
            end = &mut joined => {
                health.not_ready();
                return if asked && matches!(end, Ok(Ok(()))) { Ok(()) } else { Err(StartError::Ended("signalling")) };
            }
        }
        asked = true;
        health.draining();
        // Where the loop has ended, so has the thread.
        let _ = mailbox.tell(Told::Shutdown { drain: config.drain }).await;
    }
}

struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

async fn bind_http(config: &Config) -> Result<TcpListener, StartError> {
    let fault = |source| StartError::Http {
        address: config.http.address,
        source,
    };
    TcpListener::bind(config.http.address).await.map_err(fault)
}

/// Hands the admin API's requests to the loop.
async fn pass_on(mut requests: mpsc::Receiver<SwitchRequest>, mailbox: Mailbox) {
    while let Some(request) = requests.recv().await {
        let told = match request {
            SwitchRequest::Command { command, reply } => Told::Command(command, reply),
            SwitchRequest::Account { change, taken } => Told::Account(change, taken),
            SwitchRequest::Trunk { change, taken } => Told::Trunk(change, taken),
        };
        if mailbox.tell(told).await.is_err() {
            return;
        }
    }
}

/// Tells observers and the log what came of a changed dialplan.
fn watch(plans: &Arc<Dialplans>, events: &EventBus) -> Result<Watch, StartError> {
    let events = events.clone();
    let reloaded = plans.clone();
    let folder = plans.folder().to_owned();
    let report = move |reload| match reload {
        Reload::Reloaded => {
            let generation = reloaded.generation();
            tracing::info!(generation, "dialplans reloaded");
            events.dialplan_reloaded(generation);
        }
        Reload::Failed(faults) => {
            for found in faults {
                let fault = dialplan::describe_in(&folder, &found);
                tracing::error!(%fault, "dialplans not reloaded; the last good ones stay");
                events.dialplan_failed(&dialplans::fault(found));
            }
        }
    };
    Watch::start(plans, report).map_err(StartError::Thread)
}

fn start_engine(config: &Config, mailbox: &Mailbox, audio: Audio) -> Result<Engine, StartError> {
    let (rtp, mailbox) = (config.rtp, mailbox.clone());
    let seed = random()?;
    let mut settings = EngineConfig::new(rtp.host, rtp.first, rtp.last, config.sounds.prompts.clone(), seed);
    settings.relay.unheard = config.limits.unheard_packets;
    settings.relay.recordings.longest = config.limits.recording_max;
    settings.archive = Archive {
        folder: config.recordings(),
        free: config.limits.recording_free_space,
    };
    settings.relay.tones = config.sounds.tones;
    settings.relay.quality = config.limits.quality;
    // A call that rings several phones has more than two legs.
    let legs = u32::try_from(config.switch.limits.calls.saturating_mul(4)).unwrap_or(u32::MAX);
    settings.relay.max_legs = settings.relay.max_legs.max(legs);
    let fault = |source| StartError::Rtp {
        address: SocketAddr::new(rtp.host, rtp.first),
        source,
    };
    let tell = move |event| {
        if let media::Event::Closed { counters, quality, .. } = &event {
            audio.closed(counters, quality);
        }
        mailbox.answer(Input::Media(event));
    };
    Engine::start(settings, tell).map_err(fault)
}

/// From the system.
fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StartError::random)?;
    Ok(bytes)
}

fn hasher(config: &Config) -> admin::Hasher {
    let realm = config.domain.clone();
    Arc::new(move |username, password| database::hash(&realm, username, password))
}

/// The settings of the switch, with the media ports that belong to other programs.
fn for_switch(config: &Config) -> switch::Config {
    switch::Config {
        media_ports_taken: media_ports_taken(config).map(|(address, _)| address.port()).collect(),
        ..config.for_switch()
    }
}

/// Tells the log where there is less than the settings ask for: media ports, or connections.
fn warn_of_less(config: &Config, told: &switch::Config, most: usize) {
    if let [first, ..] = told.media_ports_taken[..] {
        let count = told.media_ports_taken.len();
        tracing::warn!(count, first, "other programs hold media ports: they are not used");
    }
    if most < config.limits.connections {
        tracing::info!(most, "the limit of open files (ulimit -n) allows fewer connections");
    }
}

fn recording(config: &Config, told: &switch::Config, seed: [u8; 32]) -> Result<Option<Recording>, StartError> {
    let Some(path) = &config.record else { return Ok(None) };
    let header = Header {
        tandem_recording: VERSION,
        seed,
        config: told.clone(),
    };
    let fault = |source| StartError::Record {
        path: path.display().to_string(),
        source,
    };
    Recording::create(path, &header).map(Some).map_err(fault)
}

fn admin_limits(config: &Config) -> admin::Limits {
    admin::Limits {
        search_records: config.limits.search_records,
        repeats: admin::RepeatLimits {
            time: config.limits.idempotency_time,
            ..admin::RepeatLimits::default()
        },
        ..admin::Limits::default()
    }
}

fn net_limits(config: &Config, descriptors: usize) -> Limits {
    Limits {
        connections: connections(config.limits.connections, descriptors, config.rtp),
        connections_per_source: config.limits.connections_per_source,
        message: config.switch.limits.message_bytes,
        write_queue: config.limits.write_queue,
        message_timeout: config.limits.message_timeout,
        idle_timeout: config.limits.idle_timeout,
        dns: config.limits.dns,
        handshakes: config.sip.handshakes,
        ..Limits::default()
    }
}

/// Every connection and media port is a descriptor; the usual soft limit of 1,024 is too few. Returns how
/// many there may be.
fn raise_descriptors() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard))
        .and_then(|()| getrlimit(Resource::RLIMIT_NOFILE));
    match raised {
        Ok((soft, _)) => usize::try_from(soft).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::debug!(%error, "limit of descriptors not raised");
            1_024
        }
    }
}

/// Connections must not use up what calls need: their media ports, the database, the admin API.
fn connections(wanted: usize, descriptors: usize, rtp: Rtp) -> usize {
    let needed = usize::from(rtp.last - rtp.first) + 512;
    wanted.min(descriptors.saturating_sub(needed).max(descriptors / 4))
}

/// The settings for phones, for the page.
fn system(config: &Config, listeners: &[Listener], addresses: &[IpAddr]) -> admin::System {
    let server = |(place, transports): (SocketAddr, Vec<sip::Transport>)| admin::Server {
        address: place.ip().to_string(),
        port: place.port(),
        transports: transports.iter().map(|transport| transport.name().to_owned()).collect(),
    };
    admin::System {
        version: env!("CARGO_PKG_VERSION"),
        domain: config.domain.as_str().into(),
        servers: servers(listeners, addresses).into_iter().map(server).collect(),
    }
}

/// Tells the person who started Tandem, and the log. The log gets no secret, because logs are kept.
fn announce(
    config: &Config,
    listeners: &[Listener],
    addresses: Vec<IpAddr>,
    http: &TcpListener,
    (made, broken): (Made, Option<String>),
) -> Result<(), StartError> {
    let http = http.local_addr().map_err(StartError::Thread)?;
    let banner = Banner {
        listeners,
        http,
        domain: &config.domain,
        addresses,
        made: &made,
        broken: broken.as_deref(),
    };
    say(&banner.text());
    for listener in listeners {
        tracing::info!(transport = %listener.transport, address = %listener.address, "listening");
    }
    if !made.extensions.is_empty() && !std::io::stdout().is_terminal() {
        tracing::info!("first start: passwords and token are on standard output");
    }
    Ok(())
}

/// The way to the store, and the tasks that look after what is kept.
fn start_recorder(config: &Config, store: &Store, keeper: &Handle, mailbox: &Mailbox, clock: Clock) -> Recorder {
    let recorder = Recorder::new(&config.domain, store, keeper, mailbox.clone());
    recorder.mark_calls(config.limits.call_mark, clock, keeper);
    recordings::tidy(store, config, clock);
    recorder
}

fn start_scripts(config: &Config, plans: &Arc<Dialplans>, mailbox: &Mailbox) -> Result<Scripts, StartError> {
    let mailbox = mailbox.clone();
    let options = ScriptOptions {
        scripts: config.limits.scripts,
        ..ScriptOptions::default()
    };
    Scripts::start(options, plans, move |event| mailbox.answer(Input::Script(event))).map_err(StartError::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_calls() {
        let rtp = Config::default().rtp;
        assert_eq!(connections(20_000, 1_048_576, rtp), 20_000);
        assert_eq!(connections(20_000, 20_000, rtp), 18_489);
        assert_eq!(connections(20_000, 1_024, rtp), 256);
        assert_eq!(connections(100, 1_024, rtp), 100);
    }
}
