//! How good a call sounds: a mean opinion score, estimated from what the network did to the packets.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | [`mos`]: the score of one direction of a leg |
//! | `emodel.rs` | the E-model (ITU-T G.107): from delay, loss and codec to the rating R, and from R to the score |
//! | `codecs.rs` | what each codec costs by itself, and how well it bears loss (ITU-T G.113) |
//!
//! The scale is that of narrowband telephony, for all codecs: 4.41 is the best that a call without any fault can
//! get. A wideband codec sounds better than the scale can say; ITU-T G.107.1 has a scale for it (R up to 129), which
//! is not used, since the scores of one call must be comparable with those of another.

mod codecs;
mod emodel;

use std::time::Duration;

pub use self::emodel::{Impairment, effective_impairment, mos_of, rating};

/// What happened to the packets of one direction.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Path {
    /// The part of the packets that could not be played, 0 to 1: lost, or too late.
    pub loss: f64,
    /// The burst ratio (ITU-T G.107 section 3.5): how much longer the runs of lost packets are than they would be if
    /// loss were random; 1 for random loss, 2 for twice as long.
    pub burst: f64,
    /// From mouth to ear, one way.
    pub delay: Duration,
}

/// The mean opinion score of a conversation in hundredths, 100 to 441. `codec` is its name as in `a=rtpmap`, in upper
/// case. `None` where nothing is known of the codec, as for video.
pub fn mos(codec: &str, path: Path) -> Option<u16> {
    let impairment = effective_impairment(codecs::impairment(codec)?, path.loss, path.burst);
    let score = mos_of(rating(path.delay, impairment));
    // 1.0 to 4.5.
    Some((score * 100.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLEAN: Path = Path {
        loss: 0.0,
        burst: 1.0,
        delay: Duration::from_millis(20),
    };

    #[test]
    fn a_call_without_fault_gets_the_best_score_of_its_codec() {
        assert_eq!(mos("PCMU", CLEAN), Some(440));
        assert_eq!(mos("PCMA", CLEAN), Some(440));
        assert_eq!(mos("G729", CLEAN), Some(408));
        assert_eq!(mos("H264", CLEAN), None);
        assert_eq!(mos("TELEPHONE-EVENT", CLEAN), None);
    }

    #[test]
    fn loss_costs_and_bursts_cost_more() {
        let at = |loss, burst| mos("PCMU", Path { loss, burst, ..CLEAN }).unwrap();
        let scores = [at(0.0, 1.0), at(0.01, 1.0), at(0.05, 1.0), at(0.05, 2.0), at(0.3, 1.0)];
        assert!(scores.windows(2).all(|pair| pair[0] > pair[1]), "{scores:?}");
        // ITU-T G.113 appendix I: 5 % of random loss costs G.711 with concealment 15.8 of R, so that 76.7 is left.
        assert_eq!(scores[2], 390);
    }

    proptest! {
        #[test]
        fn whatever_was_measured_the_score_is_on_the_scale(loss: f64, burst: f64, millis: u64) {
            let delay = Duration::from_millis(millis);
            for codec in ["PCMU", "G729", "OPUS"] {
                let score = mos(codec, Path { loss, burst, delay }).unwrap();
                prop_assert!((100..=441).contains(&score), "{}", score);
            }
        }
    }
}
