//! Sound for lost packets, for codecs that have no way of their own: the last period of the voice is repeated, and fades
//! to silence (after ITU-T G.711 appendix I, without its delay).

use crate::sound::Rate;

/// Milliseconds of sound that are kept: two of the longest periods, and the piece that is compared.
const KEPT: u32 = 50;
/// The shortest and the longest period of a voice, in milliseconds (200 and 66 hertz).
const PERIOD: [u32; 2] = [5, 15];
/// Milliseconds that are compared to find the period.
const COMPARED: u32 = 20;
/// Milliseconds of a gap that are as loud as the sound before it, and those after which it is silent.
const FADE: [u32; 2] = [10, 60];
/// Milliseconds from made sound to heard sound after a gap of 10 ms; longer after longer gaps, up to [`MAX_BLEND`].
const BLEND: u32 = 4;
const MAX_BLEND: u32 = 10;

/// Makes sound for lost packets from the sound before them.
#[derive(Debug)]
pub(super) struct Conceal {
    rate: Rate,
    /// The last sound that was heard; the newest sample is the last.
    kept: Vec<i16>,
    /// The period that is repeated in the gap.
    period: Vec<i16>,
    gap: Option<Gap>,
}

/// A gap that is being filled.
#[derive(Debug)]
struct Gap {
    /// What the first sample misses to go on from the last one that was heard. It fades over a quarter of the period.
    jump: f32,
    /// Samples made.
    made: usize,
}

impl Gap {
    fn next(&mut self, period: &[i16], rate: Rate) -> i16 {
        let length = period.len();
        let blend = (length / 4).max(1);
        let mut sample = f32::from(period[self.made % length]);
        if self.made < blend {
            sample += self.jump * (1.0 - self.made as f32 / blend as f32);
        }
        let [full, silent] = FADE.map(|millis| rate.samples(millis));
        let gain = silent.saturating_sub(self.made) as f32 / (silent - full) as f32;
        self.made = self.made.saturating_add(1);
        (sample * gain.min(1.0)) as i16
    }
}

impl Conceal {
    pub(super) fn new(rate: Rate) -> Conceal {
        Conceal {
            rate,
            kept: vec![0; rate.samples(KEPT)],
            period: Vec::new(),
            gap: None,
        }
    }

    /// Sound that was decoded. Right after a gap its beginning is blended with the made sound.
    pub(super) fn heard(&mut self, pcm: &mut [i16]) {
        if let Some(mut gap) = self.gap.take() {
            let rate = self.rate;
            let longer = (gap.made / rate.samples(10)).saturating_sub(1) as u32;
            let blend = rate.samples((BLEND * (1 + longer)).min(MAX_BLEND)).min(pcm.len());
            for (n, sample) in pcm[..blend].iter_mut().enumerate() {
                let share = (n + 1) as f32 / (blend + 1) as f32;
                let made = f32::from(gap.next(&self.period, rate));
                *sample = (made + share * (f32::from(*sample) - made)) as i16;
            }
        }
        let room = self.kept.len();
        if pcm.len() >= room {
            self.kept.copy_from_slice(&pcm[pcm.len() - room..]);
        } else {
            self.kept.copy_within(pcm.len().., 0);
            self.kept[room - pcm.len()..].copy_from_slice(pcm);
        }
    }

    /// Appends sound for a gap.
    pub(super) fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        let rate = self.rate;
        let gap = match &mut self.gap {
            Some(gap) => gap,
            None => {
                let gap = self.begin();
                self.gap.insert(gap)
            }
        };
        let sounding = samples.min(rate.samples(FADE[1]).saturating_sub(gap.made));
        out.extend((0..sounding).map(|_| gap.next(&self.period, rate)));
        gap.made = gap.made.saturating_add(samples - sounding);
        out.resize(out.len() + samples - sounding, 0);
    }

    fn begin(&mut self) -> Gap {
        let (end, length) = (self.kept.len(), self.find_period());
        let Conceal { kept, period, .. } = self;
        period.clear();
        period.extend_from_slice(&kept[end - length..]);
        // The end of the period blends into the end of the one before, which its beginning follows.
        let blend = (length / 4).max(1);
        for n in 0..blend {
            let at = length - blend + n;
            let share = (n + 1) as f32 / blend as f32;
            let (own, before) = (f32::from(period[at]), f32::from(kept[end - 2 * length + at]));
            period[at] = (own + share * (before - own)) as i16;
        }
        Gap {
            jump: f32::from(kept[end - 1]) - f32::from(kept[end - 1 - length]),
            made: 0,
        }
    }

    /// The period of the voice in samples: the distance at which the last sound is most like the sound before. First
    /// among samples at 4 kHz, then in between.
    fn find_period(&self) -> usize {
        let step = match self.rate {
            Rate::Narrow => 2,
            Rate::Wide => 4,
            Rate::Full => 12,
        };
        let [shortest, longest] = PERIOD.map(|millis| self.rate.samples(millis));
        let coarse = self.most_alike((shortest..=longest).step_by(step), step);
        let around = coarse.saturating_sub(step).max(shortest)..=(coarse + step).min(longest);
        self.most_alike(around, step.div_ceil(2))
    }

    fn most_alike(&self, lags: impl Iterator<Item = usize>, step: usize) -> usize {
        let end = self.kept.len();
        let start = end - self.rate.samples(COMPARED);
        let alike = |lag: usize| {
            let (mut product, mut energy) = (0.0f32, 1.0f32);
            for (now, before) in (start..end).zip(start - lag..).step_by(step) {
                let (now, before) = (f32::from(self.kept[now]), f32::from(self.kept[before]));
                product += now * before;
                energy += before * before;
            }
            product.max(0.0) * product / energy
        };
        let best = lags.map(|lag| (alike(lag), lag)).max_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or(self.rate.samples(PERIOD[0]), |(_, lag)| lag)
    }
}
