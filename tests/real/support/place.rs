//! What a test has to itself: ports that are free, and processes that end with it.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
    ops::Deref,
    path::Path,
    process::{Child, Command},
    sync::{Arc, Mutex, OnceLock},
};

/// Below the ports that the system gives out by itself.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// The ports of one run of the tests.
const SHARE: u16 = 5_500;

/// The ports of this run: no other run of the tests on this machine has them. Waits until there are some.
fn own_ports() -> std::ops::Range<u16> {
    static OWN: OnceLock<(u16, File)> = OnceLock::new();
    let (first, _) = OWN.get_or_init(|| {
        let open = |first: u16| {
            let path = std::env::temp_dir().join(format!("tandem-tests-ports-{first}"));
            let file = File::options().create(true).append(true).open(&path);
            file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        // The system takes the lock back when the process has ended, however that was.
        let mut shares = PORTS.step_by(usize::from(SHARE)).map(|first| (first, open(first)));
        let free = shares.find(|(_, file)| file.try_lock().is_ok());
        free.unwrap_or_else(|| {
            let file = open(PORTS.start);
            file.lock().expect("a lock of ports");
            (PORTS.start, file)
        })
    });
    *first..first + SHARE
}

/// The first of `count` ports in a row (an even one) that are free for UDP and TCP now, and that no other test of
/// this process has.
pub fn ports(count: u16) -> u16 {
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let own = own_ports();
    let mut at = next.unwrap_or(own.start);
    loop {
        if at + count > own.end {
            at = own.start;
        }
        let is_free = (at..at + count).all(|port| {
            UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
                && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        let first = at;
        at += (count + 1) & !1;
        if is_free {
            *next = Some(at);
            return first;
        }
    }
}

/// A phone's socket for RTP. The odd port above is the phone's as well (RFC 3550 section 11): reports that come there
/// are not taken for the audio of another phone.
#[derive(Clone)]
pub struct Audio(Arc<[UdpSocket; 2]>);

impl Audio {
    /// At a port that is free. Reads do not wait.
    pub fn on(host: impl Into<IpAddr>) -> Self {
        let host = host.into();
        loop {
            let rtp = UdpSocket::bind((host, 0)).unwrap();
            let port = rtp.local_addr().unwrap().port();
            if port.is_multiple_of(2)
                && let Ok(rtcp) = UdpSocket::bind((host, port + 1))
            {
                rtp.set_nonblocking(true).unwrap();
                return Self(Arc::new([rtp, rtcp]));
            }
        }
    }
}

impl Deref for Audio {
    type Target = UdpSocket;

    fn deref(&self) -> &UdpSocket {
        &self.0[0]
    }
}

/// A process that is killed when the test is done with it, however that ends.
pub struct Process(pub Child);

impl Process {
    pub fn start(mut command: Command) -> Self {
        let child = command.spawn();
        Self(
            child.unwrap_or_else(|error| panic!("{command:?}: {error}; tests/install.sh installs what the tests need")),
        )
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("/bin/kill")
            .args([name, &self.0.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Resident memory now, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The end of a file, to be shown where a test fails.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
