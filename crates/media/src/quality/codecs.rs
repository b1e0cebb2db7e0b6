//! The equipment impairment Ie of each codec and its packet-loss robustness Bpl (ITU-T G.113 appendix I, narrowband).

use super::Impairment;

/// A row: name, Ie, Bpl.
type Row = (&'static str, f64, f64);

/// The values of G.113 where the standard has them. The last four rows are choices of ours, for the narrowband scale:
/// a wideband codec costs nothing there, and its robustness is that of its concealment.
const TABLE: [Row; 14] = [
    // With packet loss concealment (G.711 appendix I), as every phone has.
    ("PCMU", 0.0, 25.1),
    ("PCMA", 0.0, 25.1),
    // G.729 A with VAD: G.113 gives no robustness without VAD.
    ("G729", 11.0, 19.0),
    ("G723", 15.0, 16.1),
    ("GSM", 20.0, 10.0),
    ("AMR", 5.0, 10.0),
    // By bit rate. Robustness as of G.711 without concealment: ADPCM goes on wrong after a loss.
    ("G726-40", 2.0, 4.3),
    ("G726-32", 7.0, 4.3),
    ("G726-24", 25.0, 4.3),
    ("G726-16", 50.0, 4.3),
    // Ours. The state of each iLBC packet is its own, so that it bears loss best.
    ("ILBC", 11.0, 32.0),
    ("L16", 0.0, 25.1),
    ("G722", 0.0, 13.0),
    ("OPUS", 0.0, 25.1),
];

/// Of a codec by its name in upper case; `None` where nothing is known.
pub(super) fn impairment(codec: &str) -> Option<Impairment> {
    let (_, codec, robustness) = TABLE.into_iter().find(|(name, ..)| *name == codec)?;
    Some(Impairment { codec, robustness })
}
