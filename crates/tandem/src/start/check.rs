//! `tandem serve --check` and `tandem check`: says what would fail, starts nothing.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use dialplan::{Dialplans, Limits, Prompts};
use tokio::task::LocalSet;

use super::{FAILED, StartError, complain, database, say};
use crate::{certificates, config::Config, net::Net, rtp};

/// Tests settings (already read), ports, database and dialplans.
///
/// `notes`: oddities that do not prevent a start.
pub(super) fn settings(config: &Config, notes: &[String]) -> ExitCode {
    for note in notes {
        complain(note, FAILED);
    }
    let faults = faults(config);
    for fault in &faults {
        complain(&fault.to_string(), FAILED);
    }
    if faults.is_empty() {
        say("settings, ports, database and dialplans are in order\n");
        return ExitCode::SUCCESS;
    }
    ExitCode::from(FAILED)
}

fn faults(config: &Config) -> Vec<StartError> {
    let mut faults = Vec::new();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![StartError::Thread(error)],
    };
    LocalSet::new().block_on(&runtime, async {
        // One at a time: each that fails is told.
        let mut bound = Vec::new();
        let security = match certificates::check(config) {
            Ok(security) => security,
            Err(error) => {
                faults.push(error.into());
                None
            }
        };
        for listener in &config.sip.listeners {
            if listener.transport.is_secure() && security.is_none() {
                continue;
            }
            match Net::bind(&[*listener], &crate::net::Limits::default(), security.clone()) {
                Ok(net) => bound.push(net),
                Err(error) => faults.push(error.into()),
            }
        }
        faults.extend(database(config).await.err());
    });
    if let Err(source) = std::net::TcpListener::bind(config.http.address) {
        faults.push(StartError::Http {
            address: config.http.address,
            source,
        });
    }
    faults.extend(media_ports(config).err());
    let folder = config.recordings();
    if let Err(source) = rtp::check_recordings(&folder) {
        faults.push(StartError::Folder {
            key: "recordings",
            path: folder.display().to_string(),
            source,
        });
    }
    faults.extend(load_dialplans(&config.dialplans).err());
    faults
}

/// A database that is there is opened; one that is not is not made.
async fn database(config: &Config) -> Result<(), StartError> {
    let path = database::path(config);
    if path.exists() {
        let store = store::Store::open(path, store::Options::default()).await?;
        return Ok(store.close().await?);
    }
    let fault = |source| StartError::Folder {
        key: "data",
        path: config.data.display().to_string(),
        source,
    };
    database::is_writable(&config.data).map_err(fault)
}

/// The first media port that cannot be bound.
fn media_ports(config: &Config) -> Result<(), StartError> {
    match media_ports_taken(config).next() {
        Some((address, source)) => Err(StartError::Rtp { address, source }),
        None => Ok(()),
    }
}

/// Every media port that cannot be bound now, and why.
pub(super) fn media_ports_taken(config: &Config) -> impl Iterator<Item = (SocketAddr, io::Error)> {
    let host = config.rtp.host;
    let addresses = (config.rtp.first..=config.rtp.last).map(move |port| SocketAddr::new(host, port));
    addresses.filter_map(|address| Some((address, UdpSocket::bind(address).err()?)))
}

/// Compiles a folder of dialplans.
fn load_dialplans(folder: &Path) -> Result<Dialplans, StartError> {
    Dialplans::load(folder, Limits::default()).map_err(|faults| {
        let others = faults.len().saturating_sub(1);
        let first = faults.into_iter().next().unwrap_or_else(|| switch::ScriptFault {
            position: switch::Position::default(),
            message: "no dialplan".into(),
        });
        StartError::Dialplans {
            folder: folder.display().to_string(),
            first,
            others,
        }
    })
}

/// Compiles the dialplans and runs their tests; each fault is a line.
pub(super) fn dialplans(folder: &Path, prompts: &Path) -> ExitCode {
    let sounds = prompts.to_owned();
    let judge: Prompts = Arc::new(move |name: &str| match rtp::check_prompt(&sounds, name) {
        Ok(()) => Ok(()),
        Err(fault) => Err(format!(
            "prompt {}: {fault}",
            sounds.join(format!("{name}.wav")).display()
        )),
    });
    let report = dialplan::check(folder, &Limits::default(), Some(judge));
    for line in report.lines_in(folder) {
        say(&format!("{line}\n"));
    }
    if !report.passed() {
        return ExitCode::from(FAILED);
    }
    say(&format!("the dialplans compile; {} tests passed\n", report.tests.len()));
    ExitCode::SUCCESS
}
