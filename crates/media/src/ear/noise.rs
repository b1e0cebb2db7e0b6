//! Comfort noise (RFC 3389) at the rate that is played.

use crate::{
    Payload,
    codec::{ComfortNoise, Malformed},
    sound::{Rate, Resampler},
};

/// What is heard while the peer sends nothing because it hears silence. Its spectrum is for the clock of its payload type.
#[derive(Debug)]
pub(super) struct Noise {
    inner: ComfortNoise,
    /// The rate that the noise is made at, and how it gets to the rate that is played.
    from: Rate,
    to: Rate,
    resampler: Option<Resampler>,
    made: Vec<i16>,
}

impl Noise {
    /// Noise as payloads of this type describe it.
    pub(super) fn new(payload: &Payload, to: Rate) -> Noise {
        let from = Rate::of(payload.clock_rate).unwrap_or(to);
        Noise {
            inner: ComfortNoise::new(payload, from),
            from,
            to,
            resampler: (from != to).then(|| Resampler::new(from, to)),
            made: Vec::new(),
        }
    }

    /// The peer describes its noise.
    pub(super) fn describe(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        self.inner.describe(payload)
    }

    /// Appends noise.
    pub(super) fn make(&mut self, samples: usize, out: &mut Vec<i16>) {
        let Some(resampler) = &mut self.resampler else {
            return self.inner.fill(samples, out);
        };
        let end = out.len() + samples;
        let [from, to] = [self.from, self.to].map(|rate| rate.hertz() as usize);
        self.made.clear();
        self.inner.fill((samples * from).div_ceil(to), &mut self.made);
        resampler.process(&self.made, out);
        out.resize(end, 0);
    }

    /// Octets on the heap.
    pub(super) fn octets(&self) -> usize {
        self.made.capacity() * size_of::<i16>()
    }
}
