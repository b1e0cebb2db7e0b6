//! RTCP to the network: a compound packet in a buffer, with our own name.

use std::{net::SocketAddr, time::Duration};

use super::super::Stream;

pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
/// Octets of the longest compound packet of ours that carries no feedback, and what a guard adds.
pub(in crate::relay) const OWN: usize = 160;
/// Seconds from NTP's epoch to Unix's.
const NTP: u64 = 2_208_988_800;

/// A compound packet that is being written.
pub(super) struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
    /// Whether all had room.
    fits: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(buffer: &'a mut [u8]) -> Writer<'a> {
        Writer {
            buffer,
            length: 0,
            fits: true,
        }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.buffer.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.fits = false,
        }
    }

    pub(super) fn word(&mut self, word: u32) {
        self.put(&word.to_be_bytes());
    }

    /// Begins a packet whose body has that many words.
    pub(super) fn head(&mut self, kind: u8, count: u8, words: u16) {
        self.put(&[0x80 | count, kind]);
        self.put(&words.to_be_bytes());
    }

    /// RFC 3550 section 6.1: every compound packet names its source. The name says nothing (RFC 7022).
    pub(super) fn name(&mut self, ssrc: u32) {
        self.head(SDES, 1, 4);
        self.word(ssrc);
        self.put(&[1, 8]);
        let hex = |n: u32| b"0123456789abcdef"[(n & 0xf) as usize];
        let name: [u8; 8] = std::array::from_fn(|i| hex(ssrc >> (4 * i)));
        self.put(&name);
        self.put(&[0, 0]);
    }

    /// RFC 3550 section 6.6: the source leaves.
    pub(super) fn bye(&mut self, ssrc: u32) {
        self.head(BYE, 1, 1);
        self.word(ssrc);
    }

    /// Seals the packet for the leg's peer; `None` where there was no room.
    pub(super) fn seal(self, stream: &mut Stream) -> Option<&'a [u8]> {
        let Writer { buffer, length, fits } = self;
        if !fits {
            return None;
        }
        stream.guard.seal_rtcp(buffer, length)
    }

    /// Seals the packet and sends it to the leg's peer, unless no more may be sent there.
    pub(super) fn send<F>(self, stream: &mut Stream, to: SocketAddr, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        if !stream.may_send(to) {
            return;
        }
        let port = stream.rtcp_port();
        if let Some(packet) = self.seal(stream) {
            out(port, to, packet);
        }
    }
}

/// The time as NTP writes it (RFC 3550 section 4): seconds, and the part of a second in units of 2^-32 s.
pub(super) fn ntp(now: Duration) -> [u32; 2] {
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    [(now.as_secs() + NTP) as u32, fraction as u32]
}

/// The middle 32 bits of that: units of 2^-16 s.
pub(super) fn middle([seconds, fraction]: [u32; 2]) -> u32 {
    seconds << 16 | fraction >> 16
}
