//! Protection of a leg's packets on the network: none now; SRTP can be added here.
//!
//! A packet from the network is opened before its content is used. A packet to the network is sealed last. Both happen
//! in the buffer of the packet.

/// How a leg's packets are protected.
#[derive(Debug, Default)]
pub(in crate::relay) enum Guard {
    /// RTP and RTCP as they are (RFC 3550 section 9 leaves it at that).
    #[default]
    Plain,
}

impl Guard {
    /// The RTP packet in what came from the network; `None` where it is not the peer's.
    pub(in crate::relay) fn open<'a>(&mut self, bytes: &'a mut [u8]) -> Option<&'a [u8]> {
        match self {
            Guard::Plain => Some(bytes),
        }
    }

    /// The RTCP packet in what came from the network; `None` where it is not the peer's.
    pub(in crate::relay) fn open_rtcp<'a>(&mut self, bytes: &'a mut [u8]) -> Option<&'a [u8]> {
        match self {
            Guard::Plain => Some(bytes),
        }
    }

    /// Makes the RTP packet in the first `length` octets of the buffer ready for the network, and gives the octets to
    /// be sent. `None` where the buffer has too little room for the protection.
    pub(in crate::relay) fn seal<'a>(&mut self, buffer: &'a mut [u8], length: usize) -> Option<&'a [u8]> {
        match self {
            Guard::Plain => buffer.get(..length),
        }
    }

    /// The same for an RTCP packet.
    pub(in crate::relay) fn seal_rtcp<'a>(&mut self, buffer: &'a mut [u8], length: usize) -> Option<&'a [u8]> {
        match self {
            Guard::Plain => buffer.get(..length),
        }
    }
}
