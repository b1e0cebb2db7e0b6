//! Keeps a sum of many voices within 16 bits. The gain follows the peaks of the frame smoothly: it falls before a peak
//! within the frame and rises again slowly, so that loud sound is made quieter, not cut. Only a peak at the very begin
//! of a frame meets a gain that is too high; a soft knee bends the rest.

/// Peaks are brought to this.
const CEILING: i32 = 29_000;
/// Parts of a frame by 2.5 ms: 8 at 20 ms.
const MAX_PARTS: usize = 8;
/// The gain rises by this factor a part (2.5 ms): 20 dB a second.
const RELEASE: f32 = 1.005_77;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter { gain: 1.0 }
    }
}

impl Limiter {
    /// Appends the limited sum to `out`. `millis`: what `sum` lasts, at most 20.
    pub(super) fn limit(&mut self, sum: &[i32], millis: u32, out: &mut Vec<i16>) {
        let parts = (millis as usize * 2 / 5).clamp(1, MAX_PARTS);
        let length = sum.len().div_ceil(parts).max(1);
        let mut needs = [1.0f32; MAX_PARTS + 1];
        let mut free = self.gain >= 1.0;
        for (need, part) in needs.iter_mut().zip(sum.chunks(length)) {
            let peak = part.iter().fold(0, |peak, s| peak.max(s.unsigned_abs()));
            if peak > CEILING as u32 {
                *need = CEILING as f32 / peak as f32;
                free = false;
            }
        }
        if free {
            out.extend(sum.iter().map(|s| *s as i16));
            return;
        }
        for (n, part) in sum.chunks(length).enumerate() {
            let last = n + 1 == parts;
            let next = if last { 1.0 } else { needs[n + 1] };
            let end = (self.gain * RELEASE).min(1.0).min(needs[n]).min(next);
            // A peak right at the begin: down at once, in a fifth of the part.
            let late = self.gain > needs[n];
            let ramp = part.len().div_ceil(if late { 5 } else { 1 });
            let step = (end - self.gain) / ramp as f32;
            let mut gain = self.gain;
            out.extend(part[..ramp].iter().map(|s| {
                gain += step;
                knee((*s as f32 * gain) as i32)
            }));
            out.extend(part[ramp..].iter().map(|s| knee((*s as f32 * end) as i32)));
            self.gain = end;
        }
    }
}

/// Bends what is above the ceiling, so that nothing goes above 16 bits.
fn knee(sample: i32) -> i16 {
    const ROOM: i64 = i16::MAX as i64 - CEILING as i64;
    let over = i64::from(sample.unsigned_abs()) - i64::from(CEILING);
    if over <= 0 {
        return sample as i16;
    }
    let bent = i64::from(CEILING) + over * ROOM / (over + ROOM);
    (bent * i64::from(sample.signum())) as i16
}
