//! Tones by plan: `F1+F2/ms,0/ms,...`, or a name for the usual ones, which each country has its own of.

use std::{borrow::Cow, f64::consts::TAU};

use thiserror::Error;

use super::{Clip, Country, RATE};

/// Steps in one plan.
const MAX_STEPS: usize = 32;
/// Frequencies sounding together.
const MAX_PARTS: usize = 4;
/// Milliseconds of a whole plan.
const MAX_MILLIS: u32 = 30_000;
/// Level of all parts together, of full scale: about -13 dBm0.
const LEVEL: f64 = 0.18;
/// Milliseconds of fade at the edges of a sound, against clicks.
const FADE: u32 = 4;

/// The plan cannot be played.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("tone {plan:?}: {what}")]
pub struct ToneError {
    plan: String,
    what: Cow<'static, str>,
}

/// The plan behind a name, or the plan itself. A name may end in `@` and the code of a country, such as `busy@us`; a name
/// alone is of the country that is given.
pub fn plan_in(name: &str, country: Country) -> &str {
    let (tone, country) = match name.split_once('@') {
        Some((tone, code)) => (tone, Country::named(code)),
        None => (name, Some(country)),
    };
    let of_all = match tone {
        "beep" => Some("1000/400"),
        "error" => Some("950/330,1400/330,1800/330,0/1000"),
        _ => None,
    };
    let plan = country.and_then(|country| of_all.or_else(|| country.plan(tone)));
    plan.unwrap_or(name)
}

/// [`plan_in`] the default country.
pub fn plan(name: &str) -> &str {
    plan_in(name, Country::default())
}

/// The names that stand for plans.
pub const NAMES: [&str; 7] = ["ringback", "busy", "congestion", "dial", "beep", "waiting", "error"];

/// Whether a name or a plan can be played.
///
/// # Errors
/// The text is neither a name nor a plan.
pub fn check(name: &str) -> Result<(), ToneError> {
    render(name).map(drop)
}

/// Renders a plan, or the plan behind a name, once through.
pub fn render(name: &str) -> Result<Clip, ToneError> {
    let of = |what| ToneError {
        plan: name.chars().take(64).collect(),
        what,
    };
    let fault = |what: &'static str| of(what.into());
    if let (Some((_, code)), true) = (name.split_once('@'), plan(name) == name) {
        let what = match Country::named(code) {
            None => format!("the countries are {}", Country::codes().collect::<Vec<_>>().join(", ")),
            Some(_) => format!("before @ stands one of {}", NAMES.join(", ")),
        };
        return Err(of(what.into()));
    }
    let mut steps = Vec::new();
    for step in plan(name).split(',') {
        let (parts, millis) = step
            .trim()
            .split_once('/')
            .ok_or(fault("a step is FREQUENCIES/MILLISECONDS"))?;
        let millis: u32 = millis.trim().parse().map_err(|_| fault("the duration is no number"))?;
        let parts: Result<Vec<u32>, _> = parts.split('+').map(|f| f.trim().parse::<u32>()).collect();
        let mut parts = parts.map_err(|_| fault("a frequency is no number"))?;
        parts.retain(|f| *f != 0);
        if parts.len() > MAX_PARTS || parts.iter().any(|f| !(20..4000).contains(f)) {
            return Err(fault("at most 4 frequencies, each 20 to 3999 hertz"));
        }
        steps.push((parts, millis));
        if steps.len() > MAX_STEPS {
            return Err(fault("too many steps"));
        }
    }
    let total = steps.iter().fold(0u32, |sum, (_, millis)| sum.saturating_add(*millis));
    if total == 0 || total > MAX_MILLIS {
        return Err(fault("a plan lasts 1 to 30000 milliseconds"));
    }
    let mut samples = Vec::with_capacity((total * RATE / 1000) as usize);
    // A plan of one step is heard without end as one sound: no fade where it meets itself.
    let fade = if steps.len() > 1 { FADE * RATE / 1000 } else { 0 };
    for (parts, millis) in &steps {
        sound(&mut samples, parts, millis * RATE / 1000, fade);
    }
    Ok(Clip::from_linear(&samples))
}

fn sound(samples: &mut Vec<i16>, parts: &[u32], length: u32, fade: u32) {
    let start = samples.len();
    samples.resize(start + length as usize, 0);
    let level = LEVEL * f64::from(i16::MAX) / parts.len().max(1) as f64;
    for frequency in parts {
        // y[n] = 2 cos(w) y[n-1] - y[n-2]: one multiplication a sample.
        let step = TAU * f64::from(*frequency) / f64::from(RATE);
        let (factor, mut before, mut last) = (2.0 * step.cos(), -(step.sin()), 0.0);
        for (n, sample) in samples[start..].iter_mut().enumerate() {
            let edge = (n as u32).min(length - 1 - n as u32);
            let gain = if edge < fade {
                f64::from(edge) / f64::from(fade)
            } else {
                1.0
            };
            *sample = sample.saturating_add((last * level * gain) as i16);
            (before, last) = (last, factor * last - before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of the power at one frequency.
    fn share(samples: &[f64], frequency: f64) -> f64 {
        let step = TAU * frequency / f64::from(RATE);
        let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
        for (n, s) in samples.iter().enumerate() {
            re += s * (step * n as f64).cos();
            im += s * (step * n as f64).sin();
            all += s * s;
        }
        2.0 * (re * re + im * im) / (all * samples.len() as f64)
    }

    #[test]
    fn the_named_tones_sound_as_planned() {
        for (name, frequency, on, total) in [
            ("ringback", 425.0, 8000, 40_000),
            ("busy", 425.0, 4000, 8000),
            ("dial", 425.0, 8000, 8000),
        ] {
            let clip = render(name).unwrap();
            let pcm: Vec<f64> = clip.pcm().iter().map(|s| f64::from(*s)).collect();
            assert_eq!(pcm.len(), total, "{name}");
            assert!(share(&pcm[..on], frequency) > 0.98, "{name}");
            assert!(pcm[on..].iter().all(|s| s.abs() <= 8.0), "{name} is silent after");
        }
        let clip = render("350+440/100").unwrap();
        let pcm: Vec<f64> = clip.pcm().iter().map(|s| f64::from(*s)).collect();
        assert!((share(&pcm, 350.0) - 0.5).abs() < 0.1 && (share(&pcm, 440.0) - 0.5).abs() < 0.1);
    }

    #[test]
    fn faults_are_told() {
        let long = "425/1000,".repeat(33) + "1/1";
        for bad in [
            "",
            "nonsense",
            "425",
            "425/x",
            "x/1",
            "4000/100",
            "425/0",
            "425/30001",
            "1+2+3+4+5/10",
            "-1/10",
            long.as_str(),
        ] {
            assert!(render(bad).is_err(), "{bad}");
        }
    }
}
