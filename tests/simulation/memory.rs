//! Checks that memory does not grow.

use std::{
    fmt,
    sync::{
        RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Locked for writing by the test that measures the whole process for one switch; for reading by all other tests.
pub static ALONE: RwLock<()> = RwLock::new(());

/// Some world has failed.
pub static FAILED: AtomicBool = AtomicBool::new(false);

/// How much the process may grow after its first worlds, in bytes. Two tests play worlds in one process: each also
/// measures the world that the other has in hand.
const GROWTH: u64 = 48 << 20;

/// Watches the process's resident memory from one tenth of the calls to the next.
pub struct Watch {
    base: Option<u64>,
    most: u64,
    looks: u64,
}

impl Watch {
    pub fn new() -> Self {
        Self {
            base: None,
            most: 0,
            looks: 0,
        }
    }

    /// After so many of all calls.
    pub fn look(&mut self, calls: u64, wanted: u64) {
        if calls * 10 < wanted * (self.looks + 1) {
            return;
        }
        self.looks += 1;
        if FAILED.load(Ordering::Relaxed) {
            return; // the ladder of a failure takes room
        }
        let now = resident();
        let base = *self.base.get_or_insert(now);
        self.most = self.most.max(now.saturating_sub(base));
        assert!(
            self.most <= GROWTH,
            "memory grew from {base} by {} bytes within {calls} calls",
            self.most
        );
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.unwrap_or_default() >> 10;
        write!(f, "{base} KiB of memory, which grew by {} KiB", self.most >> 10)
    }
}

/// Resident bytes of this process.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.expect("a number of KiB") << 10
}
