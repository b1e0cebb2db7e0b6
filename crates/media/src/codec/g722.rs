//! ITU-T G.722 at 64 kbit/s: two bands of ADPCM, an octet for two samples at 16 kHz.
//!
//! Block names in comments are those of the recommendation's figures. Both directions can do without the filter bank and
//! work at 8 kHz: the lower band alone is the telephone band.

use crate::sound::Rate;

/// Samples under the quadrature mirror filter.
const TAPS: usize = 24;

/// The filter bank's coefficients (table 11), of one of its two interleaved halves.
const QMF: [i16; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The coefficients of the sum and of the difference of both halves: the lower and the upper band of the encoder.
const BANDS: [[i16; TAPS]; 2] = {
    let mut bands = [[0; TAPS]; 2];
    let mut i = 0;
    while i < 12 {
        bands[0][2 * i] = QMF[i];
        bands[1][2 * i] = -QMF[i];
        bands[0][2 * i + 1] = QMF[11 - i];
        bands[1][2 * i + 1] = QMF[11 - i];
        i += 1;
    }
    bands
};

/// The coefficients of the decoder's first and second sample.
const PHASES: [[i16; TAPS]; 2] = {
    let mut phases = [[0; TAPS]; 2];
    let mut i = 0;
    while i < 12 {
        phases[0][2 * i + 1] = QMF[11 - i];
        phases[1][2 * i] = QMF[i];
        i += 1;
    }
    phases
};

/// Decision levels of the lower band's quantizer (table 14), without the lowest, 0.
const Q6: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output levels of the 6-bit inverse quantizer (table 16).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// Output levels of the 4-bit inverse quantizer that the predictor follows (table 18).
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
];
/// Output levels of the upper band's inverse quantizer (table 19).
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Logarithmic scale factor multipliers, by code (tables 20 and 21).
const WL: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
const WH: [i32; 4] = [798, -214, 798, -214];
/// The inverse of the logarithm, a mantissa (table 22).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Which of the two bands.
#[derive(Copy, Clone)]
enum Half {
    Lower,
    Upper,
}

/// The adaptive quantizer and predictor of one band. The letters are those of the recommendation.
#[derive(Clone, Debug)]
struct Band {
    /// The predicted signal, and the part of the prediction that comes from the zeros.
    s: i32,
    sz: i32,
    /// The last two reconstructed signals, and partially reconstructed ones.
    r: [i32; 2],
    p: [i32; 2],
    /// Coefficients of the poles and zeros.
    a: [i32; 2],
    b: [i32; 6],
    /// The last quantized differences.
    d: [i32; 6],
    /// The scale factor and its logarithm.
    det: i32,
    nb: i32,
}

impl Band {
    /// 5.2 of the recommendation: the scale factor at its smallest, all else 0.
    const fn new(det: i32) -> Band {
        Band {
            s: 0,
            sz: 0,
            r: [0; 2],
            p: [0; 2],
            a: [0; 2],
            b: [0; 6],
            d: [0; 6],
            det,
            nb: 0,
        }
    }

    /// Blocks 3L and 3H: the next scale factor.
    fn scale(&mut self, step: i32, half: Half) {
        let (most, exponent) = match half {
            Half::Lower => (18_432, 8),
            Half::Upper => (22_528, 10),
        };
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, most);
        let shift = exponent - (self.nb >> 11);
        let mantissa = ILB[(self.nb >> 6 & 31) as usize];
        self.det = if shift < 0 {
            mantissa << -shift
        } else {
            mantissa >> shift
        } << 2;
    }

    /// Block 4: the predictor takes the quantized difference and predicts the next signal.
    fn predict(&mut self, difference: i32) {
        let (r, p) = (saturate(self.s + difference), saturate(self.sz + difference));
        let sign = p >> 15;
        // UPPOL2
        let turned = if sign == self.p[0] >> 15 { -1 } else { 1 };
        let a1 = (saturate(self.a[0] << 2) * turned).min(32_767);
        let other = if sign == self.p[1] >> 15 { 128 } else { -128 };
        let second = ((a1 >> 7) + other + ((self.a[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // UPPOL1
        let limit = 15_360 - second;
        let first = (((self.a[0] * 32_640) >> 15) - 192 * turned).clamp(-limit, limit);
        // UPZERO
        let step = if difference == 0 { 0 } else { 128 };
        let sign = difference >> 15;
        for (b, d) in self.b.iter_mut().zip(&self.d) {
            // The sign is 0 or -1: both equal gives a step up, else down.
            let turned = 1 + 2 * ((d >> 15) ^ sign);
            *b = saturate(step * turned + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.d = [difference, self.d[0], self.d[1], self.d[2], self.d[3], self.d[4]];
        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];
        self.a = [first, second];
        // FILTEP, FILTEZ, PREDIC
        let poles = ((first * saturate(2 * self.r[0])) >> 15) + ((second * saturate(2 * self.r[1])) >> 15);
        let zeros: i32 = self
            .b
            .iter()
            .zip(&self.d)
            .map(|(b, d)| (b * saturate(2 * d)) >> 15)
            .sum();
        self.sz = saturate(zeros);
        self.s = saturate(saturate(poles) + self.sz);
    }
}

const fn saturate(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

fn dot(samples: &[i16], coefficients: &[i16; TAPS]) -> i32 {
    let products = samples.iter().zip(coefficients);
    products.map(|(s, c)| i32::from(*s) * i32::from(*c)).sum()
}

/// Both bands, and the samples that are still under the filter bank.
#[derive(Clone, Debug)]
struct State {
    lower: Band,
    upper: Band,
    held: Vec<i16>,
    /// Whether the other side of the filter bank is 8 kHz: the lower band alone.
    narrow: bool,
}

impl State {
    fn new(rate: Rate) -> State {
        State {
            lower: Band::new(32),
            upper: Band::new(8),
            held: vec![0; TAPS - 2],
            narrow: rate == Rate::Narrow,
        }
    }
}

/// Decodes one stream.
#[derive(Clone, Debug)]
pub(super) struct Decoder(State);

impl Decoder {
    /// A decoder to 16 kHz, or to 8 kHz.
    pub(super) fn new(rate: Rate) -> Decoder {
        Decoder(State::new(rate))
    }

    /// Appends two samples for each octet, or one at 8 kHz.
    pub(super) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        let State {
            lower,
            upper,
            held,
            narrow,
        } = &mut self.0;
        if *narrow {
            out.extend(payload.iter().map(|code| 2 * decode_lower(lower, *code) as i16));
            return;
        }
        for code in payload {
            let (low, high) = (decode_lower(lower, *code), decode_upper(upper, *code));
            held.extend([(low + high) as i16, (low - high) as i16]);
        }
        out.reserve(2 * payload.len());
        for window in held.windows(TAPS).step_by(2) {
            out.extend(PHASES.map(|phase| saturate(dot(window, &phase) >> 11) as i16));
        }
        held.drain(..2 * payload.len());
    }
}

fn decode_lower(band: &mut Band, code: u8) -> i32 {
    let code = usize::from(code & 0x3f);
    // Blocks 5L and 6L
    let signal = band.s + ((band.det * QM6[code]) >> 15);
    follow_lower(band, code >> 2);
    signal.clamp(-16_384, 16_383)
}

/// Blocks 2L to 4L, the same at both ends.
fn follow_lower(band: &mut Band, code: usize) {
    let difference = (band.det * QM4[code]) >> 15;
    band.scale(WL[code], Half::Lower);
    band.predict(difference);
}

fn decode_upper(band: &mut Band, code: u8) -> i32 {
    let before = band.s;
    let difference = follow_upper(band, usize::from(code >> 6));
    (before + difference).clamp(-16_384, 16_383)
}

/// Blocks 2H to 4H, the same at both ends. Returns the quantized difference.
fn follow_upper(band: &mut Band, code: usize) -> i32 {
    let difference = (band.det * QM2[code]) >> 15;
    band.scale(WH[code], Half::Upper);
    band.predict(difference);
    difference
}

/// Encodes one stream.
#[derive(Clone, Debug)]
pub(super) struct Encoder(State);

impl Encoder {
    /// An encoder from 16 kHz, or from 8 kHz.
    pub(super) fn new(rate: Rate) -> Encoder {
        Encoder(State::new(rate))
    }

    /// Writes an octet for each two samples, or for each sample at 8 kHz, as far as there is room. Returns the octets.
    pub(super) fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let State {
            lower,
            upper,
            held,
            narrow,
        } = &mut self.0;
        if *narrow {
            let pairs = out.iter_mut().zip(pcm);
            // An upper band that is always the smallest step above nothing.
            pairs.for_each(|(octet, sample)| *octet = 0xc0 | encode_lower(lower, i32::from(*sample) >> 1));
            return out.len().min(pcm.len());
        }
        let length = out.len().min(pcm.len() / 2);
        held.extend_from_slice(&pcm[..2 * length]);
        for (octet, window) in out.iter_mut().zip(held.windows(TAPS).step_by(2)) {
            let [low, high] = BANDS.map(|band| dot(window, &band) >> 14);
            *octet = encode_lower(lower, low) | encode_upper(upper, high);
        }
        held.drain(..2 * length);
        length
    }
}

fn encode_lower(band: &mut Band, signal: i32) -> u8 {
    // Block 1L
    let difference = saturate(signal - band.s);
    let negative = difference < 0;
    let size = if negative { !difference } else { difference };
    let level = Q6.partition_point(|q| size >= (q * band.det) >> 12) as u8;
    // Table 17: codes go down as levels go up; the two smallest negative ones stand apart.
    let code = match (negative, level) {
        (false, level) => 61 - level,
        (true, 0) => 63,
        (true, 1) => 62,
        (true, level) => 33 - level,
    };
    follow_lower(band, usize::from(code >> 2));
    code
}

fn encode_upper(band: &mut Band, signal: i32) -> u8 {
    // Block 1H
    let difference = saturate(signal - band.s);
    let negative = difference < 0;
    let size = if negative { !difference } else { difference };
    let large = size >= (564 * band.det) >> 12;
    let code = match (negative, large) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    };
    follow_upper(band, code);
    (code as u8) << 6
}
