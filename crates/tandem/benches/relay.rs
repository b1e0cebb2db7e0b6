//! CPU seconds per million RTP packets relayed: `cargo bench -p tandem --bench relay -- [--streams 200] [--pps 50]
//! [--seconds 8] [--reps 3] [--one-address] [--rtpengine PATH]`.
//!
//! A generator in this process speaks for two phones a stream, each at an address of its own (or all at one: a call
//! centre, whose legs are told apart by their ports); the relay is another
//! process, whose CPU time the kernel counts (`/proc/PID/task/*/schedstat`). Where rtpengine is installed the same is done
//! with it in userspace, in the same run. Called as `relay STREAMS PID` it is a relay for another generator: it reads
//! the phones' ports (u16, little-endian) from standard input, answers with its own, and after two more lines tells
//! microseconds of CPU, packets, 0 and context switches.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "relay/generator.rs"]
mod generator;
#[path = "relay/rtpengine.rs"]
mod rtpengine;
#[path = "relay/tandem.rs"]
mod tandem;

use std::{net::SocketAddr, path::Path, time::Duration};

type Fault = Box<dyn std::error::Error>;

/// A relay that the generator can be put on.
trait Relay {
    /// Puts up the streams between phones `2n` and `2n + 1`; where each phone must send.
    fn set_up(&mut self, phones: &[SocketAddr]) -> Result<Vec<SocketAddr>, Fault>;
    /// The process that relays.
    fn pid(&self) -> u32;
}

struct Options {
    streams: usize,
    pps: u64,
    seconds: u64,
    reps: usize,
    one_address: bool,
    rtpengine: Option<String>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Options, Fault> {
        let mut options = Options {
            streams: 200,
            pps: 50,
            seconds: 8,
            reps: 3,
            one_address: false,
            rtpengine: ["/usr/bin/rtpengine"]
                .into_iter()
                .find(|p| Path::new(p).exists())
                .map(str::to_owned),
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().cloned().ok_or(format!("{name} wants a value"));
            match name.as_str() {
                "--streams" => options.streams = value()?.parse()?,
                "--pps" => options.pps = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--reps" => options.reps = value()?.parse()?,
                "--one-address" => options.one_address = true,
                "--rtpengine" => options.rtpengine = Some(value()?),
                // What cargo adds.
                "--bench" => {}
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        Ok(options)
    }
}

/// One measured relay.
struct Row {
    name: &'static str,
    micros: f64,
    loss: f64,
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [streams, _pid] = arguments.as_slice()
        && let Ok(streams) = streams.parse()
    {
        return tandem::serve(streams);
    }
    let options = Options::read(&arguments)?;
    let mut rows = vec![measure("tandem", &options, || {
        Ok(Box::new(tandem::Child::start(options.streams)?))
    })?];
    if let Some(path) = &options.rtpengine {
        rows.push(measure("rtpengine", &options, || {
            Ok(Box::new(rtpengine::Daemon::start(path)?))
        })?);
    }
    let (streams, spread) = (options.streams, if options.one_address { ", one address" } else { "" });
    for row in &rows {
        let name = format!("relay: {}, {streams} streams{spread}", row.name);
        println!("bench\t{name}, CPU a million packets\t{:.3}\ts", row.micros);
        println!("bench\t{name}, lost\t{:.4}\t%", row.loss * 100.0);
    }
    if let [tandem, other] = rows.as_slice() {
        println!(
            "bench	relay: tandem / {}{spread}	{:.3}	ratio",
            other.name,
            tandem.micros / other.micros
        );
    }
    Ok(())
}

/// The median of several runs.
fn measure(
    name: &'static str,
    options: &Options,
    start: impl Fn() -> Result<Box<dyn Relay>, Fault>,
) -> Result<Row, Fault> {
    let mut runs = Vec::new();
    for _ in 0..options.reps.max(1) {
        let mut relay = start()?;
        let seconds = Duration::from_secs(options.seconds);
        runs.push(generator::run(relay.as_mut(), options, seconds)?);
    }
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (micros, loss) = runs[runs.len() / 2];
    Ok(Row { name, micros, loss })
}

/// CPU time of all threads of a process so far.
fn cpu(pid: u32) -> Result<Duration, Fault> {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanos += text
            .split_ascii_whitespace()
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0u64);
    }
    Ok(Duration::from_nanos(nanos))
}
