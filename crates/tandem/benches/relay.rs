//! CPU seconds per million RTP packets relayed, and how long a packet is under way: `cargo bench -p tandem --bench
//! relay -- [--streams 200] [--pps 50] [--seconds 4] [--reps 3] [--one-address | --several-addresses] [--alone]
//! [--rtpengine PATH]`. Without `--streams` and the choice of addresses: 200 streams of several addresses, then 200 and
//! 100 of one address.
//!
//! A generator in this process speaks for two phones a stream, each at an address of its own, or all at one (a call
//! centre, whose legs are told apart by their ports). The relay is another process, whose CPU time the kernel counts
//! (`/proc/PID/task/*/schedstat`). Where rtpengine is installed the same is done with it in userspace: each repetition
//! measures both, in an order that alternates, and the ratio is the median of the repetitions' ratios (`--alone` leaves
//! rtpengine out). The delay is measured after the CPU, from the call of `send` in the generator to the kernel's time
//! stamp on the socket of the other phone, since time stamps cost something.
//!
//! Called as `relay STREAMS PID` it is a relay for another generator: it reads the phones' ports (u16, little-endian)
//! from standard input, answers with its own, and after two more lines tells microseconds of CPU, packets, 0 and
//! context switches.
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

#[derive(Clone)]
struct Options {
    /// Streams, and whether all phones have one address: one measurement each.
    cases: Vec<(usize, bool)>,
    pps: u64,
    seconds: u64,
    reps: usize,
    rtpengine: Option<String>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Options, Fault> {
        let (mut streams, mut one_address, mut alone) = (None, None, false);
        let mut options = Options {
            cases: vec![(200, false), (200, true), (100, true)],
            pps: 50,
            seconds: 4,
            reps: 3,
            rtpengine: ["/usr/bin/rtpengine"]
                .into_iter()
                .find(|p| Path::new(p).exists())
                .map(str::to_owned),
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().cloned().ok_or(format!("{name} wants a value"));
            match name.as_str() {
                "--streams" => streams = Some(value()?.parse()?),
                "--pps" => options.pps = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--reps" => options.reps = value()?.parse()?,
                "--one-address" => one_address = Some(true),
                "--several-addresses" => one_address = Some(false),
                "--alone" => alone = true,
                "--rtpengine" => options.rtpengine = Some(value()?),
                // Cargo adds this flag.
                "--bench" => {}
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        if streams.is_some() || one_address.is_some() {
            options.cases = vec![(streams.unwrap_or(200), one_address.unwrap_or(false))];
        }
        options.rtpengine = options.rtpengine.filter(|_| !alone);
        Ok(options)
    }
}

/// The figures of one relay in one repetition.
#[derive(Copy, Clone)]
struct Run {
    /// CPU a packet, in microseconds.
    cpu: f64,
    /// The share of packets that did not arrive.
    lost: f64,
    /// The delay of the median packet and of the 99th percentile, in milliseconds.
    delay: [f64; 2],
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [streams, _pid] = arguments.as_slice()
        && let Ok(streams) = streams.parse()
    {
        return tandem::serve(streams);
    }
    let options = Options::read(&arguments)?;
    for (streams, one_address) in &options.cases {
        measure(&options, *streams, *one_address)?;
    }
    Ok(())
}

/// Measures the relays in turn and prints the medians.
fn measure(options: &Options, streams: usize, one_address: bool) -> Result<(), Fault> {
    let spread = if one_address { ", one address" } else { "" };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for repetition in 0..options.reps.max(1) {
        for turn in 0..2 {
            if (repetition + turn) % 2 == 0 {
                let mut relay = tandem::Child::start(streams)?;
                ours.push(generator::run(&mut relay, options, streams, one_address)?);
            } else if let Some(path) = &options.rtpengine {
                let mut relay = rtpengine::Daemon::start(path)?;
                theirs.push(generator::run(&mut relay, options, streams, one_address)?);
            }
        }
    }
    for (name, runs) in [("tandem", &ours), ("rtpengine", &theirs)] {
        if runs.is_empty() {
            continue;
        }
        let row = |what: &str, unit: &str, digits: usize, value: &dyn Fn(&Run) -> f64| {
            let value = median(runs.iter().map(value));
            println!("bench\trelay: {name}, {streams} streams{spread}, {what}\t{value:.digits$}\t{unit}");
        };
        row("CPU a million packets", "s", 3, &|run| run.cpu);
        row("lost", "%", 4, &|run| run.lost * 100.0);
        row("delay p50", "ms", 3, &|run| run.delay[0]);
        row("delay p99", "ms", 3, &|run| run.delay[1]);
    }
    if !theirs.is_empty() {
        let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours.cpu / theirs.cpu));
        println!("bench\trelay: tandem / rtpengine, {streams} streams{spread}\t{ratio:.3}\tratio");
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
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
