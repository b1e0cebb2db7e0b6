//! Finds where sound is like itself: the pitch of a voice, the period of a tone.

use std::ops::RangeInclusive;

use crate::sound::Rate;

/// Sound whose peak is below this is taken as silence: any part of it is like any other (about -66 dBov).
const QUIET: u16 = 16;
/// Correlations so near to the best one are as good as it.
const AS_GOOD: f32 = 0.02;
/// Room for the compared sound at 8 kHz: 20 ms and a lag of 15 ms, and a rest.
const ROOM: usize = 300;
/// The peak to which sound is scaled, so that 160 products fit into 32 bits.
const PEAK: u16 = 2047;

/// Where the compared sound is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Before.
    Back,
    /// After.
    Ahead,
}

/// A part of the sound that is like another one.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Similar {
    /// The distance between both, in samples.
    pub(super) lag: usize,
    /// How like they are: 1 is the same but for its level.
    pub(super) correlation: f32,
}

/// What to look for. All lengths are in samples.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// The first sample of the part.
    pub(super) at: usize,
    /// The length of the part, at most 20 ms.
    pub(super) width: usize,
    /// The distances to try, at most 15 ms.
    pub(super) lags: RangeInclusive<usize>,
    /// The direction.
    pub(super) way: Way,
    /// Of distances that are equally good: the one nearest to this.
    pub(super) prefer: Option<usize>,
}

/// Compares by normalised cross-correlation, first at 8 kHz, then near the best distance at the sound's own rate. `None`
/// where the sound does not reach as far as the search.
pub(super) fn similar(pcm: &[i16], rate: Rate, search: &Search) -> Option<Similar> {
    let Search { at, width, way, .. } = *search;
    let (shortest, longest) = (*search.lags.start(), *search.lags.end());
    let from = match way {
        Way::Back => at.checked_sub(longest)?,
        Way::Ahead => at,
    };
    let to = match way {
        Way::Back => at + width,
        Way::Ahead => at + width + longest,
    };
    let region = pcm.get(from..to).filter(|_| shortest <= longest)?;
    let peak = region.iter().map(|s| s.unsigned_abs()).max()?;
    if peak < QUIET {
        let lag = search.prefer.unwrap_or(shortest).clamp(shortest, longest);
        return Some(Similar { lag, correlation: 1.0 });
    }
    let factor = (rate.hertz() / Rate::Narrow.hertz()) as usize;
    let shift = (0..16).find(|shift| peak >> shift <= PEAK).unwrap_or(4);
    let mut small = [0i16; ROOM];
    let few = &mut small[..(region.len() / factor).min(ROOM)];
    for (sample, group) in few.iter_mut().zip(region.chunks_exact(factor)) {
        let sum: i32 = group.iter().map(|s| i32::from(*s)).sum();
        *sample = ((sum / factor as i32) >> shift) as i16;
    }
    let offset = (at - from) / factor;
    let lags = shortest.div_ceil(factor)..=longest / factor;
    let coarse = best(
        few,
        offset,
        width / factor,
        lags,
        way,
        search.prefer.map(|lag| lag / factor),
    )?;
    if factor == 1 {
        return Some(coarse);
    }
    let near = coarse.lag * factor;
    let lags = near.saturating_sub(factor - 1).max(shortest)..=(near + factor - 1).min(longest);
    best(region, at - from, width, lags, way, None)
}

fn best(
    pcm: &[i16],
    at: usize,
    width: usize,
    lags: RangeInclusive<usize>,
    way: Way,
    prefer: Option<usize>,
) -> Option<Similar> {
    let part = pcm.get(at..at + width)?;
    let is_small = pcm.iter().all(|sample| sample.unsigned_abs() <= PEAK);
    let energy = dot(part, part, is_small);
    let first = *lags.start();
    let mut found = [f32::MIN; ROOM];
    let mut most = f32::MIN;
    let mut best = None;
    for lag in lags.clone() {
        let other = match way {
            Way::Back => at.checked_sub(lag),
            Way::Ahead => Some(at + lag),
        };
        let other = other.and_then(|other| pcm.get(other..other + width));
        let (Some(other), Some(place)) = (other, found.get_mut(lag - first)) else {
            break;
        };
        let scale = (energy * dot(other, other, is_small)).sqrt();
        // Two silences are alike; silence and sound are not.
        *place = match (scale > 0.0, energy > 0.0) {
            (true, _) => dot(part, other, is_small) / scale,
            (false, true) => 0.0,
            (false, false) => 0.5,
        };
        if *place > most {
            most = *place;
            best = Some(lag);
        }
    }
    let near = |lag: &usize| prefer.map_or(0, |prefer| lag.abs_diff(prefer));
    let good = |lag: &usize| found.get(lag - first).is_some_and(|c| *c >= most - AS_GOOD);
    let lag = match prefer {
        Some(_) => lags.filter(good).min_by_key(near).or(best)?,
        None => best?,
    };
    let correlation = *found.get(lag - first)?;
    Some(Similar { lag, correlation })
}

/// The sum of products. In pieces that fit into 32 bits where no sample is above [`PEAK`], which the compiler turns into
/// vector instructions.
fn dot(a: &[i16], b: &[i16], is_small: bool) -> f32 {
    let products = |a: &[i16], b: &[i16]| -> i64 {
        if is_small {
            let sum: i32 = a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            return i64::from(sum);
        }
        a.iter()
            .zip(b)
            .map(|(a, b)| i64::from(i32::from(*a) * i32::from(*b)))
            .sum()
    };
    a.chunks(128)
        .zip(b.chunks(128))
        .map(|(a, b)| products(a, b) as f32)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: Rate, hertz: f64, samples: usize) -> Vec<i16> {
        let step = hertz * std::f64::consts::TAU / f64::from(rate.hertz());
        (0..samples)
            .map(|n| ((n as f64 * step).sin() * 8000.0) as i16)
            .collect()
    }

    fn search(rate: Rate, way: Way, prefer: Option<usize>) -> Search {
        let part = |tenths: usize| rate.samples(1) * tenths / 10;
        Search {
            at: part(200),
            width: part(100),
            lags: part(25)..=part(150),
            way,
            prefer,
        }
    }

    #[test]
    fn the_period_of_a_tone_is_found_in_both_directions_at_each_rate() {
        for rate in Rate::ALL {
            // 7.27 ms.
            let pcm = tone(rate, 137.5, rate.samples(60));
            let period = f64::from(rate.hertz()) / 137.5;
            for way in [Way::Back, Way::Ahead] {
                let found = similar(&pcm, rate, &search(rate, way, None)).unwrap();
                let times = (found.lag as f64 / period).round();
                assert!(
                    (found.lag as f64 - times * period).abs() < 0.6,
                    "{rate:?} {way:?} {found:?}"
                );
                assert!(found.correlation > 0.99, "{found:?}");
            }
        }
    }

    #[test]
    fn of_many_periods_the_wanted_one_is_taken() {
        let pcm = tone(Rate::Narrow, 1000.0, 600);
        for (wanted, lag) in [(80, 80), (41, 40), (119, 120)] {
            let found = similar(&pcm, Rate::Narrow, &search(Rate::Narrow, Way::Back, Some(wanted))).unwrap();
            assert_eq!(found.lag, lag);
        }
    }

    #[test]
    fn silence_is_like_silence_and_too_short_a_sound_is_not_compared() {
        let rate = Rate::Narrow;
        let found = similar(&[0; 480], rate, &search(rate, Way::Ahead, Some(77))).unwrap();
        assert_eq!((found.lag, found.correlation), (77, 1.0));
        assert_eq!(similar(&[9000; 200], rate, &search(rate, Way::Ahead, None)), None);
        let mut begins = vec![0; 240];
        begins.resize(480, 9000);
        let found = similar(&begins, rate, &search(rate, Way::Ahead, None)).unwrap();
        assert!(found.correlation < 0.8, "{found:?}");
    }
}
