//! The only clocks: one that never goes back, for the switch, and the wall's, for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sip::Instant;
use tokio::time::Instant as TokioInstant;

/// Further in the future than any timer; tokio's clock cannot count to the end of [`Instant`].
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// Time since the process began.
#[derive(Copy, Clone, Debug)]
pub struct Clock {
    start: TokioInstant,
}

impl Clock {
    /// Begins at zero, now.
    pub fn start() -> Self {
        Self {
            start: TokioInstant::now(),
        }
    }

    /// The present time, as the switch counts it.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// The same point on tokio's clock, rounded up so that a timer set for it finds it passed.
    pub(crate) fn at(&self, at: Instant) -> TokioInstant {
        self.start + at.since(Instant::ZERO).min(FAR) + Duration::from_micros(1)
    }

    /// Microseconds since the Unix epoch; 0 where the wall clock is older than that.
    pub fn unix_micros(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}
