//! Packets that wait for their time, in the order of their sequence numbers.

use std::collections::VecDeque;

/// Buffers that are kept for later packets.
const SPARE: usize = 16;

/// The kind of a waiting packet.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Sound: by which coder, and how many samples as it is played.
    Sound { coder: usize, samples: usize },
    /// Comfort noise: by which coder.
    Noise { coder: usize },
    /// An RFC 4733 event, which stands in place of sound.
    Event,
    /// A packet that was not understood: its sound is missing, but it was not lost.
    Broken,
}

impl Content {
    /// Whether sound comes with it.
    pub(super) fn is_sound(self) -> bool {
        match self {
            Content::Sound { .. } => true,
            Content::Noise { .. } | Content::Event | Content::Broken => false,
        }
    }

    /// Whether the packet counts as played or late, and not as an event or as malformed.
    pub(super) fn is_counted(self) -> bool {
        match self {
            Content::Sound { .. } | Content::Noise { .. } => true,
            Content::Event | Content::Broken => false,
        }
    }
}

/// A waiting packet.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Without wraps.
    pub(super) sequence: i64,
    /// Its place in the stream, in samples of what is played.
    pub(super) place: i64,
    /// When it came, in microseconds.
    pub(super) arrived: i64,
    pub(super) content: Content,
    pub(super) payload: Vec<u8>,
}

/// Why a packet was not taken in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is here already.
    Doubled,
    /// Its time stamp contradicts its number.
    Displaced,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Store {
    waiting: VecDeque<Waiting>,
    spare: Vec<Vec<u8>>,
    octets: usize,
}

impl Store {
    /// Takes a packet in, `payload` being what its own payload is copied from.
    pub(super) fn insert(&mut self, mut packet: Waiting, payload: &[u8]) -> Result<(), Refused> {
        let at = self.waiting.partition_point(|other| other.sequence < packet.sequence);
        let after = self.waiting.get(at);
        if after.is_some_and(|after| after.sequence == packet.sequence) {
            return Err(Refused::Doubled);
        }
        let before = at.checked_sub(1).and_then(|at| self.waiting.get(at));
        // What comes in order of its number was placed by its time stamp just now.
        let is_displaced = after.is_some_and(|after| after.place < packet.place)
            || (after.is_some() && before.is_some_and(|before| before.place > packet.place));
        if is_displaced {
            return Err(Refused::Displaced);
        }
        packet.payload = self.spare.pop().unwrap_or_default();
        packet.payload.extend_from_slice(payload);
        self.octets += payload.len();
        self.waiting.insert(at, packet);
        Ok(())
    }

    /// The packet that is next.
    pub(super) fn head(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// The packet after that.
    pub(super) fn second(&self) -> Option<&Waiting> {
        self.waiting.get(1)
    }

    /// Takes the next packet out. Its buffer is to be given back to [`Store::spare`].
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let packet = self.waiting.pop_front()?;
        self.octets -= packet.payload.len();
        Some(packet)
    }

    /// Takes a buffer back.
    pub(super) fn spare(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Packets that wait and will be counted as played or late.
    pub(super) fn counted(&self) -> usize {
        self.waiting.iter().filter(|packet| packet.content.is_counted()).count()
    }

    /// Whether more than so many packets or octets wait.
    pub(super) fn exceeds(&self, packets: usize, octets: usize) -> bool {
        self.waiting.len() > packets || self.octets > octets
    }

    /// Octets on the heap.
    pub(super) fn footprint(&self) -> usize {
        let waiting = self.waiting.iter().map(|packet| packet.payload.capacity());
        let spare = self.spare.iter().map(Vec::capacity);
        self.waiting.capacity() * size_of::<Waiting>()
            + self.spare.capacity() * size_of::<Vec<u8>>()
            + waiting.chain(spare).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: i64) -> Waiting {
        Waiting {
            sequence,
            place: sequence * 160,
            arrived: 0,
            content: Content::Event,
            payload: Vec::new(),
        }
    }

    #[test]
    fn packets_come_out_in_order_and_once() {
        let mut store = Store::default();
        for sequence in [5, 3, 4, 9] {
            assert_eq!(store.insert(packet(sequence), &[sequence as u8]), Ok(()));
        }
        assert_eq!(store.insert(packet(4), &[]), Err(Refused::Doubled));
        let displaced = Waiting { place: 0, ..packet(6) };
        assert_eq!(store.insert(displaced, &[]), Err(Refused::Displaced));
        let order: Vec<u8> = std::iter::from_fn(|| store.pop())
            .map(|packet| packet.payload[0])
            .collect();
        assert_eq!(order, [3, 4, 5, 9]);
        assert!(!store.exceeds(0, 0));
    }

    #[test]
    fn buffers_are_used_again() {
        let mut store = Store::default();
        for sequence in 0..1000 {
            store.insert(packet(sequence), &[0; 160]).unwrap();
            let before = store.footprint();
            let out = store.pop().unwrap();
            store.spare(out.payload);
            assert!(store.footprint() <= before.max(2000));
        }
        assert_eq!(store.spare.len(), 1);
    }
}
