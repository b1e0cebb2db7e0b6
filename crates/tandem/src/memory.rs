//! Memory goes back to the system once a burst is over.
//!
//! Freed memory stays with the allocator, which expects to need it again: some hundred MiB after twelve thousand calls
//! at once. The allocator gives free memory back on request. The request takes milliseconds, in which other threads
//! that allocate must wait, so it is made when the process has been quiet.
#![allow(unsafe_code)]

use std::{
    fs, io,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike,
    },
    unistd::{SysconfVar, sysconf},
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(10);
/// Bytes the process has to have grown by since the last time.
const GROWN: u64 = 8 << 20;
/// Looks in a row at a quiet process at which memory is given back. There are several, because a call's memory is freed
/// only 32 s after its end (timers H and J of RFC 3261), and the resident bytes do not tell how much is free.
const TRIES: u32 = 6;
/// Quiet is a process that takes less than this share of one core's time.
const QUIET: f64 = 0.1;

/// The thread that looks. Dropping it ends it.
pub struct Keeper {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts it.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub fn start() -> io::Result<Self> {
        let (end, ended) = channel::<()>();
        let run = move || {
            let mut looks = Looks::new(resident(), used());
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if looks.is_time(resident(), used()) {
                    give_back();
                    looks.gave_back(resident());
                }
            }
        };
        let thread = std::thread::Builder::new().name("memory".into()).spawn(run)?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The results of the last looks.
struct Looks {
    /// Resident bytes before the process grew, or those left after all free memory was given back.
    least: u64,
    used: Duration,
    /// Looks in a row at which the process was quiet.
    quiet: u32,
}

impl Looks {
    fn new(resident: u64, used: Duration) -> Self {
        Self {
            least: resident,
            used,
            quiet: 0,
        }
    }

    /// Whether memory should be given back now: there is more of it than before, and little is done.
    fn is_time(&mut self, resident: u64, used: Duration) -> bool {
        let share = used.saturating_sub(self.used).as_secs_f64() / EVERY.as_secs_f64();
        self.used = used;
        self.least = self.least.min(resident);
        self.quiet = if share < QUIET { self.quiet.saturating_add(1) } else { 0 };
        (1..=TRIES).contains(&self.quiet) && resident > self.least.saturating_add(GROWN)
    }

    /// Memory that is still resident after the last try is in use. Only growth beyond it is a reason to try again.
    fn gave_back(&mut self, resident: u64) {
        if self.quiet == TRIES {
            self.least = resident;
        }
    }
}

/// Resident bytes of this process; 0 where the system does not tell.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    let page = sysconf(SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok());
    pages.unwrap_or_default() * page.unwrap_or(4_096)
}

/// Processor time of the whole process so far.
fn used() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// Asks the allocator to give free memory back to the system.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number and no pointer, is safe to call from any thread at any time (malloc_trim(3):
    // MT-Safe), and changes nothing that anybody holds.
    let _ = unsafe { nix::libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_when_it_has_grown_and_the_process_is_quiet() {
        let (start, mib) = (Duration::from_secs(100), 1 << 20);
        let mut looks = Looks::new(18 * mib, start);
        let busy = start + EVERY / 2;
        assert!(!looks.is_time(300 * mib, busy), "in the burst");
        assert!(looks.is_time(300 * mib, busy + EVERY / 100), "after it");
        looks.gave_back(290 * mib);
        let quiet = busy + EVERY / 50;
        for _ in 1..TRIES {
            assert!(looks.is_time(290 * mib, quiet), "more may have been freed since");
            looks.gave_back(290 * mib);
        }
        assert!(!looks.is_time(290 * mib, quiet), "there is nothing more to get");
        let again = quiet + EVERY / 2;
        assert!(!looks.is_time(299 * mib, again), "busy");
        assert!(looks.is_time(299 * mib, again), "it has grown");
        assert!(!looks.is_time(20 * mib, again) && looks.is_time(29 * mib, again));
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn freed_memory_leaves_the_process() {
        // Small pieces, each with a neighbour that stays: the allocator keeps them all.
        let piece = || vec![1_u8; 1_000].into_boxed_slice();
        let mut pieces: Vec<_> = (0..100_000).map(|_| piece()).collect();
        let full = resident();
        let last = pieces.pop();
        pieces.clear();
        pieces.shrink_to_fit();
        give_back();
        let empty = resident();
        assert!(full > empty + (60 << 20), "{full} {empty}");
        drop(last);
    }
}
