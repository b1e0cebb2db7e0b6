//! The frames of an Opus packet (RFC 6716 section 3).

/// A packet holds 120 ms of sound at most (R5).
const MAX_MICROS: u32 = 120_000;
/// The octets of one frame, at most (R2).
const MAX_FRAME: usize = 1275;

/// The shape of a whole packet.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Frames, 1 to 48.
    pub(super) frames: u32,
    /// Microseconds of each.
    pub(super) micros: u32,
}

impl Shape {
    /// Microseconds of the packet.
    pub(super) fn duration(self) -> u32 {
        self.frames * self.micros
    }
}

/// Microseconds of a frame, from the first octet (section 3.1, table 2).
fn micros(toc: u8) -> u32 {
    let config = toc >> 3;
    match config {
        0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        12..16 => [10_000, 20_000][usize::from(config % 2)],
        _ => [2500, 5000, 10_000, 20_000][usize::from(config % 4)],
    }
}

/// The shape of a packet that keeps the seven rules of section 3.4; `None` for any other.
pub(super) fn shape(packet: &[u8]) -> Option<Shape> {
    let (toc, rest) = packet.split_first()?;
    let micros = micros(*toc);
    let frames = match toc & 3 {
        0 => (rest.len() <= MAX_FRAME).then_some(1)?,
        1 => (rest.len() % 2 == 0 && rest.len() / 2 <= MAX_FRAME).then_some(2)?,
        2 => {
            let (first, rest) = length(rest)?;
            let second = rest.len().checked_sub(first)?;
            (second <= MAX_FRAME).then_some(2)?
        }
        _ => many(rest, micros)?,
    };
    Some(Shape { frames, micros })
}

/// Whether the encoder heard no voice in the sound of this packet. It says so in the first bits of a frame: a flag for each
/// 20 ms of the low band, and then one for a copy of the packet before (section 4.2.3); of two channels each has its own.
/// `false` where the packet does not say it: it has no low band coded by SILK, or several frames, or nothing in its frame.
pub(super) fn is_inactive(packet: &[u8]) -> bool {
    let [toc, first, ..] = packet else { return false };
    let (config, is_stereo) = (toc >> 3, toc & 4 != 0);
    if config >= 16 || toc & 3 != 0 {
        return false;
    }
    let flags = micros(*toc).div_ceil(20_000);
    let channel = 0xff_u8 << (8 - flags);
    let mask = match is_stereo {
        true => channel | channel >> (flags + 1),
        false => channel,
    };
    first & mask == 0
}

/// A packet of code 3: any number of frames.
fn many(rest: &[u8], micros: u32) -> Option<u32> {
    let (count, mut rest) = rest.split_first()?;
    let frames = u32::from(count & 0x3f);
    if frames == 0 || frames * micros > MAX_MICROS {
        return None;
    }
    if count & 0x40 != 0 {
        rest = padded(rest)?;
    }
    if count & 0x80 == 0 {
        let each = rest.len() / frames as usize;
        return (rest.len() % frames as usize == 0 && each <= MAX_FRAME).then_some(frames);
    }
    let mut sum = 0;
    for _ in 1..frames {
        let (one, after) = length(rest)?;
        sum += one;
        rest = after;
    }
    let last = rest.len().checked_sub(sum)?;
    (last <= MAX_FRAME).then_some(frames)
}

/// The packet without its padding and the octets that count it.
fn padded(mut rest: &[u8]) -> Option<&[u8]> {
    let mut padding = 0;
    loop {
        let (octet, after) = rest.split_first()?;
        rest = after;
        padding += usize::from((*octet).min(254));
        if *octet != 255 {
            return rest.get(..rest.len().checked_sub(padding)?);
        }
    }
}

/// The length of a frame, in one or two octets (section 3.2.1).
fn length(rest: &[u8]) -> Option<(usize, &[u8])> {
    match rest {
        [first @ 0..252, rest @ ..] => Some((usize::from(*first), rest)),
        [first, second, rest @ ..] => Some((usize::from(*first) + 4 * usize::from(*second), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(packet: &[u8]) -> Option<(u32, u32)> {
        shape(packet).map(|shape| (shape.frames, shape.micros))
    }

    #[test]
    fn the_four_kinds_of_packets_are_told_apart() {
        // SILK of 60 ms, hybrid of 10 ms, CELT of 2.5 ms.
        assert_eq!(parsed(&[3 << 3, 1, 2]), Some((1, 60_000)));
        assert_eq!(parsed(&[12 << 3 | 1, 1, 2]), Some((2, 10_000)));
        assert_eq!(parsed(&[16 << 3 | 2, 1, 2, 3]), Some((2, 2500)));
        assert_eq!(parsed(&[16 << 3 | 3, 3, 1, 2, 3]), Some((3, 2500)));
        assert_eq!(parsed(&[16 << 3 | 3, 0x80 | 2, 1, 9, 9, 9]), Some((2, 2500)));
        assert_eq!(parsed(&[16 << 3 | 3, 0x40 | 2, 3, 9, 9, 0, 0, 0]), Some((2, 2500)));
        // Only the first octet: nothing was sent in this time.
        assert_eq!(parsed(&[1 << 3]), Some((1, 20_000)));
    }

    #[test]
    fn the_flags_of_voice_are_read_for_each_20_ms_and_channel() {
        // SILK of 20 and 60 ms, hybrid of 20 ms.
        for (toc, first, inactive) in [
            (1 << 3, 0x7f, true),
            (1 << 3, 0x80, false),
            (3 << 3, 0x1f, true),
            (3 << 3, 0x20, false),
            (13 << 3, 0x40, true),
            (13 << 3, 0xc0, false),
            // Two channels: the flag of the second is the third bit.
            (1 << 3 | 4, 0x5f, true),
            (1 << 3 | 4, 0x20, false),
            // CELT, and two frames.
            (19 << 3, 0, false),
            (1 << 3 | 1, 0, false),
        ] {
            assert_eq!(is_inactive(&[toc, first, 0, 0]), inactive, "{toc} {first}");
        }
        assert!(!is_inactive(&[1 << 3]) && !is_inactive(&[]));
    }

    #[test]
    fn more_than_120_ms_is_no_packet() {
        let many = |config: u8, frames: u8| {
            parsed(&[[config << 3 | 3, frames].as_slice(), &[0; 48]].concat()[..2 + usize::from(frames.min(48))])
        };
        assert_eq!(many(16, 48), Some((48, 2500)));
        for (config, frames) in [(16, 49), (16, 63), (16, 0), (1, 7), (3, 3), (19, 7)] {
            assert_eq!(many(config, frames), None, "{config} {frames}");
        }
    }

    #[test]
    fn packets_that_break_a_rule_are_none() {
        let long = [1 << 3; 1277];
        for broken in [
            [].as_slice(),
            &long,
            &[9, 1],
            &[10],
            &[10, 252],
            &[10, 5, 1, 2],
            &[11],
            &[11, 0x40 | 1],
            &[11, 0x40 | 1, 2, 0],
            &[11, 0x40 | 1, 255],
            &[11, 3, 1, 2],
            &[11, 0x80 | 3, 1],
            &[11, 0x80 | 2, 9, 1],
        ] {
            assert_eq!(parsed(broken), None, "{broken:?}");
        }
    }
}
