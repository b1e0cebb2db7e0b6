//! Linear samples of 16 bits in network byte order (RFC 3551 section 4.5.11).

/// The samples of a payload of whole samples.
pub(super) fn decode(payload: &[u8], out: &mut Vec<i16>) {
    let (samples, _) = payload.as_chunks::<2>();
    out.extend(samples.iter().map(|octets| i16::from_be_bytes(*octets)));
}

/// Writes as many samples as there is room for. Returns the octets.
pub(super) fn encode(pcm: &[i16], out: &mut [u8]) -> usize {
    let (room, _) = out.as_chunks_mut::<2>();
    room.iter_mut()
        .zip(pcm)
        .for_each(|(octets, sample)| *octets = sample.to_be_bytes());
    2 * room.len().min(pcm.len())
}
