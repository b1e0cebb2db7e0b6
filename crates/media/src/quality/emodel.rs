//! The E-model (ITU-T G.107, 06/2015), with the default values of its table 3 for all that a PBX cannot know: the
//! loudness of the phones, the noise in their rooms, how well they cancel echo.

use std::time::Duration;

/// Ro, the signal-to-noise ratio (section 7.2): 15 - 1.5 (SLR + No), with SLR = 8 and No = -61.18 dBm0p.
const SIGNAL_TO_NOISE: f64 = 94.7688;
/// Is, what comes at the same time as the voice (section 7.3): sidetone, loudness, quantizing of one codec.
const SIMULTANEOUS: f64 = 1.4136;
/// TELR: the echo of the phone at the other end, decibels.
const TALKER_ECHO: f64 = 65.0;
/// WEPL: the weighted loss of the path once round, decibels.
const ECHO_PATH: f64 = 110.0;
/// Delay that no person notices (mT), milliseconds.
const UNNOTICED: f64 = 100.0;

/// What a codec costs.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Impairment {
    /// Ie: what the codec costs without loss.
    pub codec: f64,
    /// Bpl: the loss in percent at which half of what is left of the quality is gone.
    pub robustness: f64,
}

/// Ie,eff (section 7.5): what the codec costs with this loss (0 to 1) and this burst ratio (1 and more). Values beyond
/// these ranges count as the nearest value within; what is no number counts as no loss.
pub fn effective_impairment(of: Impairment, loss: f64, burst: f64) -> f64 {
    let percent = if loss.is_nan() {
        0.0
    } else {
        loss.clamp(0.0, 1.0) * 100.0
    };
    let burst = if burst.is_nan() { 1.0 } else { burst.max(1.0) };
    of.codec + (95.0 - of.codec) * percent / (percent / burst + of.robustness)
}

/// The rating R (section 7.1) of a connection with that delay from mouth to ear and that impairment.
pub fn rating(delay: Duration, effective_impairment: f64) -> f64 {
    SIGNAL_TO_NOISE - SIMULTANEOUS - delay_impairment(delay) - effective_impairment
}

/// Id (section 7.4): the sum of the echo that the talker hears, of the echo that the listener hears, and of the delay
/// by itself. Delay beyond ten seconds counts as ten seconds.
fn delay_impairment(delay: Duration) -> f64 {
    let millis = (delay.as_secs_f64() * 1000.0).min(10_000.0);
    // T, Tr and Ta of the standard are one delay where both ways are alike (section 7.4, table 3).
    let echo = TALKER_ECHO - 40.0 * ((1.0 + millis / 10.0) / (1.0 + millis / 150.0)).log10()
        + 6.0 * (-0.3 * millis * millis).exp();
    let talker = 80.0 + 2.5 * (echo - 14.0);
    let difference = (SIGNAL_TO_NOISE - talker) / 2.0;
    let of_talker = (difference + (difference * difference + 100.0).sqrt() - 1.0) * (1.0 - (-millis).exp());
    let listener = 10.5 * (ECHO_PATH + 7.0) * (2.0 * millis + 1.0).powf(-0.25);
    let difference = (SIGNAL_TO_NOISE - listener) / 2.0;
    let of_listener = difference + (difference * difference + 169.0).sqrt();
    let of_delay = if millis <= UNNOTICED {
        0.0
    } else {
        let x = (millis / UNNOTICED).log2();
        let root = |value: f64| (1.0 + value.powi(6)).powf(1.0 / 6.0);
        25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
    };
    of_talker + of_listener + of_delay
}

/// The mean opinion score that goes with a rating (annex B), 1.0 to 4.5.
pub fn mos_of(rating: f64) -> f64 {
    if rating <= 0.0 {
        1.0
    } else if rating >= 100.0 {
        4.5
    } else {
        // The curve of the standard dips below 1 for ratings under 6.5.
        (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64, by: f64) {
        assert!((left - right).abs() <= by, "{left} is not {right}");
    }

    #[test]
    fn all_default_values_give_the_rating_of_the_standard() {
        // G.107 section 7.1 and table 3: 93.2.
        near(rating(Duration::ZERO, 0.0), 93.2, 0.05);
    }

    #[test]
    fn ratings_are_turned_into_scores_as_annex_b_lists_them() {
        // G.107 annex B, table B.1: the lower limits of the five classes.
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            near(mos_of(rating), score, 0.0065);
        }
        assert_eq!(
            (mos_of(-3.0), mos_of(0.0), mos_of(3.0), mos_of(100.0), mos_of(120.0)),
            (1.0, 1.0, 1.0, 4.5, 4.5)
        );
    }

    #[test]
    fn loss_costs_what_the_formula_of_g_107_says() {
        let g711 = Impairment {
            codec: 0.0,
            robustness: 25.1,
        };
        let g729 = Impairment {
            codec: 11.0,
            robustness: 19.0,
        };
        near(effective_impairment(g711, 0.05, 1.0), 95.0 * 5.0 / 30.1, 1e-9);
        near(effective_impairment(g729, 0.02, 1.0), 11.0 + 84.0 * 2.0 / 21.0, 1e-9);
        near(effective_impairment(g729, 0.02, 2.0), 11.0 + 84.0 * 2.0 / 20.0, 1e-9);
        near(effective_impairment(g711, f64::NAN, f64::NAN), 0.0, 1e-9);
    }

    #[test]
    fn delay_costs_as_the_usual_fit_of_the_e_model_has_it() {
        // Cole and Rosenbluth, "Voice over IP performance monitoring" (2001): Id = 0.024 d + 0.11 (d - 177.3) beyond
        // 177.3 ms, a fit of the E-model with default values for the delays of telephony.
        for millis in [50.0, 100.0, 150.0, 200.0, 250.0, 300.0] {
            let fit = 0.024 * millis + 0.11 * f64::max(millis - 177.3, 0.0);
            near(delay_impairment(Duration::from_secs_f64(millis / 1000.0)), fit, 0.5);
        }
        // The quality that G.107 gives without loss at 400 ms: many users dissatisfied (R between 50 and 70).
        assert!((50.0..70.0).contains(&rating(Duration::from_millis(400), 0.0)));
    }

    #[test]
    fn more_delay_is_never_better() {
        // At 1 ms the echo term of the standard is below 0 by a tenth.
        let ratings: Vec<f64> = (2..2000).map(|d| rating(Duration::from_millis(d), 0.0)).collect();
        assert!(ratings.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9));
    }
}
