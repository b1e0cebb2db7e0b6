//! The health of Tandem, as `/healthz` shows it.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// Set by the shell, read by `/healthz`. Cheap to clone; starts as not ready.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicU8>);

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum HealthState {
    Starting,
    Ready,
    Draining,
}

impl Health {
    /// Every listener is bound.
    pub fn ready(&self) {
        self.0.store(1, Ordering::Release);
    }

    /// No new calls are taken; the listeners are still bound.
    pub fn draining(&self) {
        self.0.store(2, Ordering::Release);
    }

    /// A listener is gone, or not there yet.
    pub fn not_ready(&self) {
        self.0.store(0, Ordering::Release);
    }

    pub(crate) fn get(&self) -> HealthState {
        match self.0.load(Ordering::Acquire) {
            1 => HealthState::Ready,
            2 => HealthState::Draining,
            _ => HealthState::Starting,
        }
    }
}
