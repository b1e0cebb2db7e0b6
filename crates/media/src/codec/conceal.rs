//! Sound for lost packets, for codecs that have no way of their own.

use crate::sound::Rate;

/// Makes sound for lost packets from the sound before them.
#[derive(Debug)]
pub(super) struct Conceal {
    #[allow(dead_code, reason = "the next step")]
    rate: Rate,
}

impl Conceal {
    pub(super) fn new(rate: Rate) -> Conceal {
        Conceal { rate }
    }

    /// Sound that was decoded.
    pub(super) fn heard(&mut self, _pcm: &mut [i16]) {}

    /// Appends sound for a gap.
    pub(super) fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        out.resize(out.len() + samples, 0);
    }
}
