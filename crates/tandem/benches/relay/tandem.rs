//! Tandem's media engine as the relay, in a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write, stdin, stdout},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Child as Process, Command as Program, Stdio},
    time::Duration,
};

use media::{Command, Direction, MediaId, Payload, PeerAddress, Pool, Remote};
use tandem::rtp::{Engine, EngineConfig};

use super::{Fault, Relay, cpu};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FIRST: u16 = 27_000;
const LAST: u16 = 28_999;
/// Says that the phones are given with their addresses.
const ADDRESSES: &str = "TANDEM_BENCH_ADDRESSES";

/// The relay's process, as seen by the generator.
pub(crate) struct Child(Process);

impl Child {
    pub(crate) fn start(streams: usize) -> Result<Child, Fault> {
        let child = Program::new(std::env::current_exe()?)
            .args([streams.to_string(), "0".into()])
            .env(ADDRESSES, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Child(child))
    }
}

impl Relay for Child {
    fn set_up(&mut self, phones: &[SocketAddr]) -> Result<Vec<SocketAddr>, Fault> {
        let input = self.0.stdin.as_mut().ok_or("no input")?;
        for phone in phones {
            writeln!(input, "{phone}")?;
        }
        input.flush()?;
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
        line.split_ascii_whitespace()
            .map(|port| Ok(SocketAddr::new(HERE, port.parse()?)))
            .collect()
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its input ends, and with it the process.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The relay itself: see the top of `main.rs`.
pub(crate) fn serve(streams: usize) -> Result<(), Fault> {
    let with_addresses = std::env::var_os(ADDRESSES).is_some();
    let mut input = stdin().lock();
    let mut phones = Vec::new();
    if with_addresses {
        let mut line = String::new();
        while phones.len() < 2 * streams && input.read_line(&mut line)? > 0 {
            phones.push(line.trim().parse()?);
            line.clear();
        }
    } else {
        let mut ports = vec![0; 4 * streams];
        input.read_exact(&mut ports)?;
        phones.extend(
            ports
                .chunks(2)
                .map(|p| SocketAddr::new(HERE, u16::from_le_bytes([p[0], p[1]]))),
        );
    }
    let engine = Engine::start(
        EngineConfig::new(HERE, FIRST, LAST, "/nonexistent".into(), [1; 32]),
        |_| {},
    )?;
    let mut pool = Pool::new(FIRST, LAST);
    let mut legs: Vec<MediaId> = Vec::new();
    let mut answer = String::new();
    for phone in &phones {
        let port = pool.open();
        let remote = remote(*phone);
        let local_port = if with_addresses {
            let peer = PeerAddress::described(phone.ip(), &remote);
            pool.take(Duration::ZERO, port, &peer).ok_or("no port")?
        } else {
            FIRST
        };
        engine.send(Command::Open {
            media: port,
            local_port,
            expected: remote.expected.clone(),
        });
        engine.send(Command::Update {
            media: port,
            remote,
            relearn: false,
        });
        if let Some(before) = legs.last()
            && legs.len() % 2 == 1
        {
            engine.send(Command::Bridge(*before, port));
        }
        legs.push(port);
        answer.push_str(&format!("{local_port} "));
    }
    println!("{answer}");
    stdout().flush()?;
    let mut line = String::new();
    let pid = std::process::id();
    let mut mark = |line: &mut String| -> Result<(Duration, u64), Fault> {
        line.clear();
        input.read_line(line)?;
        Ok((cpu(pid)?, switches()))
    };
    let before = mark(&mut line)?;
    let after = mark(&mut line)?;
    let packets: u64 = line.trim().parse().unwrap_or(1);
    println!(
        "{} {packets} 0 {}",
        (after.0 - before.0).as_micros(),
        after.1 - before.1
    );
    engine.shutdown();
    Ok(())
}

fn remote(phone: SocketAddr) -> Remote {
    let payloads = vec![Payload {
        number: 8,
        codec: "PCMA".into(),
        clock_rate: 8000,
        channels: 1,
        fmtp: None,
    }];
    // The other generator's packets are of payload type 0.
    let receive = [(8, "PCMA"), (0, "PCMA")];
    let receive = receive.map(|(number, codec)| Payload {
        number,
        codec: codec.into(),
        clock_rate: 8000,
        channels: 1,
        fmtp: None,
    });
    Remote {
        rtp: Some(phone),
        rtcp: None,
        rtcp_mux: false,
        raw: false,
        expected: [phone.ip()].into_iter().collect(),
        signalling: Some(phone.ip()),
        send_payloads: payloads,
        receive_payloads: receive.to_vec(),
        direction: Direction {
            send: true,
            receive: true,
        },
        ptime: 20,
    }
}

/// Times this process has waited.
fn switches() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let status = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
    let counted = status.filter_map(|text| {
        let line = text.lines().find(|l| l.starts_with("voluntary_ctxt_switches"))?;
        line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
    });
    counted.sum()
}
