//! When packets arrive: how regularly, and so how long they should wait.
//!
//! The *transit* of a packet is its arrival less its time stamp, both in microseconds: of no meaning by itself, but the
//! difference of two tells how much later one came than the other. The least transit of the last seconds is the base. How
//! far packets are above it is gathered in a histogram that forgets slowly; what all but one in a hundred keep is how
//! long a packet that is not delayed at all must wait.

/// Microseconds of a class of the histogram.
const CLASS: i64 = 4_000;
/// Classes; the last one is for all above.
const CLASSES: usize = 64;
/// The part of all packets that should be in time.
const IN_TIME: f32 = 0.99;
/// What is left of the weight of a packet with each packet after it: half of it after 350 packets.
const MEMORY: f32 = 0.998;
/// A packet that came too late counts as so many, so that the delay grows fast and shrinks slowly.
const LATE: f32 = 3.0;
/// Microseconds after which the base is renewed, by halves: a clock that drifts by 300 ppm moves 1.2 ms in twice of it.
const RENEWED: i64 = 2_000_000;
/// Classes that the base must rise by at once, to be a longer way and not chance.
const LONGER: usize = 5;

/// See the module.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The least transits of this period and of the one before.
    least: [Option<i64>; 2],
    /// When this period began.
    since: i64,
    weights: [f32; CLASSES],
    seen: u32,
    /// What [`Self::spread`] answers.
    spread: i64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Arrivals {
            least: [None; 2],
            since: 0,
            weights: [0.0; CLASSES],
            seen: 0,
            spread: CLASS,
        }
    }
}

impl Arrivals {
    /// The transit of packets that were not delayed.
    pub(super) fn base(&self) -> Option<i64> {
        let [now, before] = self.least;
        now.into_iter().chain(before).min()
    }

    /// How much later than the base all but one in a hundred come, in microseconds.
    pub(super) fn spread(&self) -> i64 {
        self.spread
    }

    /// Takes a packet in.
    pub(super) fn note(&mut self, now: i64, transit: i64, is_late: bool) {
        if now - self.since > RENEWED {
            let before = self.base();
            self.least = [None, self.least[0]];
            self.since = now;
            self.lower(self.base().zip(before).map_or(0, |(base, before)| base - before));
        }
        self.least[0] = Some(self.least[0].map_or(transit, |least| least.min(transit)));
        let above = transit - self.base().unwrap_or(transit);
        let class = usize::try_from(above / CLASS).unwrap_or(0).min(CLASSES - 1);
        self.seen = self.seen.saturating_add(1);
        // The first packets count more: the mean of what there is.
        let memory = MEMORY.min(1.0 - 1.0 / (self.seen as f32 + 1.0));
        let mut all = 0.0;
        for weight in &mut self.weights {
            *weight *= memory;
            all += *weight;
        }
        let more = if is_late { LATE } else { 1.0 } * (1.0 - memory);
        self.weights[class] += more;
        all += more;
        let mut above = all * (1.0 - IN_TIME);
        let mut last = CLASSES - 1;
        while last > 0 && above >= self.weights[last] {
            above -= self.weights[last];
            last -= 1;
        }
        self.spread = (last as i64 + 1) * CLASS;
    }

    /// The way became longer by so many microseconds: what seemed to be late was not.
    fn lower(&mut self, longer: i64) {
        let classes = usize::try_from(longer / CLASS).unwrap_or(0);
        if classes >= LONGER {
            let first: f32 = self.weights.iter().take(classes).sum();
            self.weights.copy_within(classes.min(CLASSES).., 0);
            self.weights[CLASSES.saturating_sub(classes)..].fill(0.0);
            self.weights[0] += first;
        }
    }

    /// The time stamps go on from elsewhere: earlier transits say nothing about later ones. How regularly packets arrive
    /// is remembered.
    pub(super) fn restart(&mut self) {
        self.least = [None; 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_packets_need_the_least_wait() {
        let mut arrivals = Arrivals::default();
        for n in 0..1000 {
            arrivals.note(n * 20_000, 777, false);
        }
        assert_eq!((arrivals.base(), arrivals.spread()), (Some(777), CLASS));
    }

    #[test]
    fn the_wait_grows_fast_and_shrinks_slowly() {
        let mut arrivals = Arrivals::default();
        let mut now = 0;
        let mut until = |wanted: bool, every: i64, limit: i64| {
            let mut packets = 0;
            while (arrivals.spread() > 60_000) != wanted {
                now += 20_000;
                packets += 1;
                let above = if packets % every == 0 { 70_000 } else { 0 };
                arrivals.note(now, above, above > 0);
                assert!(packets < limit);
            }
            packets
        };
        until(false, i64::MAX, 2);
        for _ in 0..500 {
            until(false, i64::MAX, 2);
        }
        let grown = until(true, 4, 40);
        assert!(grown <= 40, "{grown}");
        let shrunk = until(false, i64::MAX, 2000);
        assert!(shrunk > 100, "{shrunk}");
    }

    #[test]
    fn a_way_that_became_longer_is_the_base_after_some_seconds() {
        let mut arrivals = Arrivals::default();
        for n in 0..500 {
            arrivals.note(n * 20_000, if n < 250 { 0 } else { 100_000 }, false);
        }
        assert_eq!(arrivals.base(), Some(100_000));
    }

    #[test]
    fn a_drift_of_300_ppm_moves_the_base_along() {
        let mut arrivals = Arrivals::default();
        for n in 0..5000i64 {
            let drift = n * 6;
            arrivals.note(n * 20_000, drift, false);
            assert!(drift - arrivals.base().unwrap() <= 1300);
        }
        assert_eq!(arrivals.spread(), CLASS);
    }
}
