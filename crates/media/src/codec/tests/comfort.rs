//! Comfort noise.

use super::*;

/// A second of noise after it has settled.
fn heard(rate: Rate, description: &[u8]) -> Vec<i16> {
    let mut noise = ComfortNoise::new(&payload("CN", 8000), rate);
    noise.describe(description).unwrap();
    let mut out = Vec::new();
    noise.fill(rate.samples(1500), &mut out);
    out.split_off(rate.samples(500))
}

#[test]
fn noise_is_as_loud_as_described() {
    for level in [20, 40, 60] {
        // Without a spectrum, low, high, and one that rings.
        for spectrum in [[].as_slice(), &[50], &[200, 160, 100], &[10, 200, 90, 127, 140]] {
            let description = [[level].as_slice(), spectrum].concat();
            for rate in [Rate::Narrow, Rate::Wide] {
                let heard = noise::level(&heard(rate, &description));
                assert!(heard.abs_diff(level) <= 1, "{heard} for {description:?}");
            }
        }
    }
    assert_eq!(noise::level(&[0; 160]), 127);
    assert_eq!(noise::level(&[i16::MAX; 160]), 0);
    assert_eq!(noise::level(&[]), 127);
}

#[test]
fn the_spectrum_is_as_described() {
    // A negative first coefficient makes neighbours alike: low noise.
    let alike = |description: &[u8]| {
        let pcm = heard(Rate::Narrow, description);
        let (mut product, mut power) = (0.0, 0.0);
        for pair in pcm.windows(2) {
            product += f64::from(pair[0]) * f64::from(pair[1]);
            power += f64::from(pair[0]).powi(2);
        }
        product / power
    };
    for (octet, expected) in [(127, 0.0), (64, 0.5), (190, -0.5), (255, -0.98)] {
        let heard = alike(&[30, octet]);
        assert!((heard - expected).abs() < 0.05, "{octet}: {heard}");
    }
    // The coefficients are for 8 kHz.
    let wide = heard(Rate::Wide, &[30, 0]);
    assert!(wide.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count() > wide.len() / 3);
}

#[test]
fn a_new_level_is_reached_without_a_click() {
    let mut noise = ComfortNoise::new(&payload("CN", 8000), Rate::Narrow);
    let mut out = Vec::new();
    noise.fill(800, &mut out);
    assert!(noise::level(&out) >= 74, "quiet until it is described");
    noise.describe(&[30]).unwrap();
    noise.fill(800, &mut out);
    assert!(level(&out[800..810]) < level(&out[1500..]) - 10.0, "it glides");
    assert_eq!(noise.describe(&[]), Err(Malformed));
    noise.fill(800, &mut out);
    assert!(noise::level(&out[1600..]).abs_diff(30) <= 1);
}
