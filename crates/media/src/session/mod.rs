//! One leg's offers and answers (RFC 3264): the descriptions of both sides, the session that they agree on, and the
//! next description.
//!
//! | file | what it does | fields of [`Session`] |
//! |---|---|---|
//! | `mod.rs` | the exchange: offers and answers of both sides, roll-back | all |
//! | `read.rs` | reads a side of the audio stream from a description | all of `Side` |
//! | `lines.rs` | the lines besides the audio: places, offers, answers | `ports`, `most_lines`, all of `End`; writes `Saved::places` |
//! | `write.rs` | writes a description of ours from the agreement | writes `version`, `numbers`, `now` |

mod lines;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub(crate) use self::read::direction;
pub use self::read::is_rtp_audio;
use self::read::{Side, read};
use crate::{
    Direction, Payload, Remote,
    line::{MAX_LINES, is_relayed},
    sdp::{Media, Sdp, SdpError},
    spec::{Codec, SdpDirection, Spec, Transcode},
};

/// Milliseconds a packet where the peer states no wish (RFC 3551 section 4.2).
const PTIME: u16 = 20;

/// The address of this leg's media, and the identity that its descriptions carry in `o=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// The address the peer is to send to.
    pub address: IpAddr,
    /// The even RTP port.
    pub port: u16,
    /// Unique among this host's sessions; carries nothing of the other leg.
    pub session_id: u64,
}

/// The state of the exchange.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No offer is open.
    Idle,
    /// Our offer waits for the peer's answer.
    OfferSent,
    /// The peer's offer waits for our answer.
    OfferReceived,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Pending {
    None,
    Sent,
    Received(Side),
}

/// One media line of the session, as it must stand again in every later description (RFC 3264 section 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    kind: String,
    protocol: String,
    formats: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Agreed {
    local: Side,
    remote: Side,
}

/// The state that [`Session::rollback`] returns to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    lines: Vec<Line>,
    active: usize,
    last: Option<(Bytes, u64)>,
    agreed: Option<Agreed>,
    offered: Option<Side>,
    /// The index of the line at each place.
    #[serde(default)]
    places: Vec<Option<usize>>,
}

/// One leg's offer/answer state. It can be serialized, and deserialized to go on with the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    local: Local,
    /// The highest `o=` version sent, also in an offer that was refused.
    version: u64,
    /// Payload numbers that either side has given to a codec on this leg. A number never changes its codec (RFC 3264
    /// section 8.3.2).
    numbers: Vec<Codec>,
    pending: Pending,
    now: Saved,
    before: Option<Box<Saved>>,
    /// Our last offer changed an agreed session.
    reoffer: bool,
    /// Our port of the line at each place; 0: none.
    #[serde(default)]
    ports: Vec<u16>,
    #[serde(default = "most_lines")]
    most_lines: usize,
}

const fn most_lines() -> usize {
    MAX_LINES
}

/// How many payload numbers are remembered: there are no more dynamic ones.
const MAX_NUMBERS: usize = 128;

impl Session {
    /// A leg that has said and heard nothing.
    pub fn new(local: Local) -> Session {
        Session {
            local,
            version: 0,
            numbers: Vec::new(),
            pending: Pending::None,
            now: Saved::default(),
            before: None,
            reoffer: false,
            ports: Vec::new(),
            most_lines: MAX_LINES,
        }
    }

    /// Takes the peer's offer; it waits for [`Session::make_answer`] or [`Session::rollback`]. The result goes to the
    /// other leg's [`Session::make_offer`].
    ///
    /// Fails with [`SdpError::State`] while another offer is open (491 or 500, RFC 3261 section 14.2), and with
    /// [`SdpError::NoCommonCodec`] where a first offer has no RTP audio.
    pub fn receive_offer(&mut self, sdp: &[u8]) -> Result<Spec, SdpError> {
        if !matches!(self.pending, Pending::None) {
            return Err(SdpError::State("an offer is open already"));
        }
        let sdp = Sdp::parse(sdp)?;
        // RFC 3264 section 8 wants at least the lines of the last description. Some video phones leave out those that
        // were refused, and mean the audio all the same: only what this offer has is answered.
        let usable = |at: usize| {
            let media = sdp.media.get(at).filter(|m| m.port != 0 && is_rtp_audio(m))?;
            Some((at, read(&sdp, media))).filter(|(_, (_, spec))| spec.has_audio())
        };
        let kept = self.now.active;
        let chosen = match usable(kept) {
            Some(again) if self.is_established() => Some(again),
            Some(_) | None => (0..sdp.media.len()).find_map(usable),
        };
        // The stream of a session may be ended by port 0 (RFC 3264 section 8.2), not turned
        // into a stream that cannot be relayed.
        let ended = sdp.media.get(kept).filter(|m| self.is_established() && m.port == 0);
        // RFC 3264 section 8.3.3: or give its place to another stream that can be relayed, such as a fax.
        let replaced = || {
            let media = sdp.media.get(kept).filter(|m| self.is_established() && is_relayed(m))?;
            (!media.kind.eq_ignore_ascii_case("audio")).then(|| (kept, (Side::default(), Spec::default())))
        };
        let ended = ended.map(|media| (kept, read(&sdp, media)));
        let chosen = chosen.or(ended).or_else(replaced);
        let (active, (mut side, mut spec)) = chosen.ok_or(SdpError::NoCommonCodec)?;
        self.save();
        self.learn(&side.codecs);
        self.now.active = active;
        (spec.more, side.more) = self.hear_lines(&sdp, spec.has_audio().then_some(active));
        self.now.lines = sdp.media.iter().map(Line::of).collect();
        self.now.offered = None;
        self.pending = Pending::Received(side);
        Ok(spec)
    }

    /// Our answer to the open offer, as [`Session::adapted`] says it: the offerer's payload numbers, in the order of
    /// `spec`; media lines that are not relayed are refused with port 0.
    ///
    /// [`SdpError::NoCommonCodec`] (488) leaves the offer open for another attempt or for [`Session::rollback`].
    pub fn make_answer(&mut self, spec: &Spec) -> Result<Bytes, SdpError> {
        let spec = self.adapted(spec)?;
        let Pending::Received(remote) = &self.pending else {
            return Err(SdpError::State("no offer to answer"));
        };
        let mut remote = remote.clone();
        let local = Side {
            codecs: spec.codecs.clone(),
            // RFC 3264 section 6.1: an answer may narrow what was offered, never widen it.
            direction: spec.direction.and(remote.direction.reversed()),
            ptime: spec.ptime,
            // RFC 5761 section 5.1.1, RFC 5506 section 5: what concerns only the peer and Tandem is taken as offered.
            mux: remote.mux,
            rsize: remote.rsize,
            rtp: None,
            rtcp: None,
            more: self.our_lines(&spec, Some(&remote.more)),
        };
        for (place, end) in remote.more.iter_mut().enumerate() {
            end.take_if(|_| local.more.get(place).copied().flatten().is_none());
        }
        // RFC 3264 6.1: codecs that are in the offer and in the answer may be sent, in the order of the offer.
        remote
            .codecs
            .retain(|offered| local.codecs.iter().any(|codec| codec.number == offered.number));
        let bytes = self.describe(&local, &spec);
        self.now.agreed = Some(Agreed { local, remote });
        self.pending = Pending::None;
        self.before = None;
        Ok(bytes)
    }

    /// Our offer on this leg. Keeps the leg's media lines, and each codec's number where it had one.
    ///
    /// # Errors
    /// [`SdpError::State`] while an offer of either side is open (RFC 3264 section 4): nothing changes. The open one is
    /// given up by [`Session::rollback`].
    pub fn make_offer(&mut self, spec: &Spec) -> Result<Bytes, SdpError> {
        if self.pending != Pending::None {
            return Err(SdpError::State("an offer is open already"));
        }
        self.save();
        self.reoffer = self.is_established();
        self.place_lines(spec);
        let local = Side {
            codecs: self.number(&spec.codecs),
            direction: spec.direction,
            ptime: spec.ptime,
            mux: self.keeps(|side| side.mux),
            rsize: self.keeps(|side| side.rsize),
            rtp: None,
            rtcp: None,
            more: self.our_lines(spec, None),
        };
        let bytes = self.describe(&local, spec);
        self.now.offered = Some(local);
        self.pending = Pending::Sent;
        Ok(bytes)
    }

    /// Our offer of the session as it is, for a refresh (RFC 4028 section 7.4): the same bytes as before, so that the
    /// peer sees by `o=` that nothing changed. `None` before the first exchange and while an offer is open.
    pub fn repeat_offer(&mut self) -> Option<Bytes> {
        let bytes = self.last_local().cloned()?;
        let agreed = self
            .now
            .agreed
            .as_ref()
            .filter(|_| matches!(self.pending, Pending::None))?;
        let said = self.now.offered.clone().unwrap_or_else(|| agreed.local.clone());
        self.save();
        self.reoffer = true;
        self.now.offered = Some(said);
        self.pending = Pending::Sent;
        Some(bytes)
    }

    /// Takes the peer's answer to our offer. The result is for the other leg's [`Session::make_answer`].
    ///
    /// A later answer to the same offer (a final response after an early one, or another early dialog) replaces the
    /// earlier. An error leaves the offer open.
    pub fn receive_answer(&mut self, sdp: &[u8]) -> Result<Spec, SdpError> {
        let Some(offered) = self.now.offered.clone() else {
            return Err(SdpError::State("no offer to be answered"));
        };
        let sdp = Sdp::parse(sdp)?;
        let is_audio = |media: &&Media| media.kind.eq_ignore_ascii_case("audio");
        let in_place = sdp.media.get(self.now.active).filter(is_audio);
        // One that leaves out refused lines has moved the audio.
        let media = in_place.or_else(|| sdp.media.iter().find(is_audio));
        let (mut remote, mut spec) = match media {
            Some(media) => read(&sdp, media),
            None if offered.codecs.is_empty() => (Side::default(), Spec::default()),
            None => return Err(SdpError::LinesDiffer),
        };
        // Nothing beyond the offer can be accepted, and two of one encoding are matched in order.
        spec.codecs.retain(|c| offered.codecs.iter().any(|o| o.same_as(c)));
        remote.codecs.clone_from(&spec.codecs);
        let in_use = media.is_some_and(|media| media.port != 0);
        if !spec.has_audio() && (in_use || !self.reoffer) && !offered.codecs.is_empty() {
            return Err(SdpError::NoCommonCodec);
        }
        remote.direction = remote.direction.and(offered.direction.reversed());
        let audio = spec.has_audio();
        (spec.more, remote.more) = self.hear_answered_lines(&sdp, &offered.more, audio)?;
        (remote.mux, remote.rsize) = (remote.mux && offered.mux, remote.rsize && offered.rsize);
        spec.direction = remote.direction;
        let mut local = offered;
        local.codecs.retain(|o| remote.codecs.iter().any(|c| c.same_as(o)));
        self.now.agreed = Some(Agreed { local, remote });
        self.pending = Pending::None;
        self.before = None;
        Ok(spec)
    }

    /// The open offer was refused or given up (488, 491, CANCEL): all is as before it (RFC 6141 section 3.1).
    /// Nothing happens where none is open.
    pub fn rollback(&mut self) {
        if matches!(self.pending, Pending::None) {
            return;
        }
        if let Some(saved) = self.before.take() {
            self.now = *saved;
        }
        self.pending = Pending::None;
    }

    /// Where the exchange stands.
    pub fn state(&self) -> State {
        match self.pending {
            Pending::None => State::Idle,
            Pending::Sent => State::OfferSent,
            Pending::Received(_) => State::OfferReceived,
        }
    }

    /// Whether an offer has been answered.
    pub fn is_established(&self) -> bool {
        self.now.agreed.is_some()
    }

    /// The description sent last, for a session refresh or for a 2xx after a 183; a refused offer does not count.
    pub fn last_local(&self) -> Option<&Bytes> {
        self.now.last.as_ref().map(|(bytes, _)| bytes)
    }

    /// Where this leg's media is.
    pub const fn local(&self) -> &Local {
        &self.local
    }

    /// Our own address changed; it shows in the next description.
    pub fn move_to(&mut self, address: IpAddr, port: u16) {
        self.local.address = address;
        self.local.port = port;
    }

    /// Whether the answer given to this leg still serves where the other leg's peer accepts `spec`: each codec either
    /// may send can be sent on by the other, as it is or in the other law of G.711.
    pub fn can_relay(&self, spec: &Spec) -> bool {
        self.covers(spec, Codec::carries)
    }

    /// As [`Session::can_relay`], where Tandem converts what cannot be sent on as it is.
    pub fn can_convert(&self, spec: &Spec) -> bool {
        let either = |one: &Codec, other: &Codec| one.carries(other) || (one.converts() && other.converts());
        spec.transcode == Transcode::Auto && self.covers(spec, either)
    }

    fn covers(&self, spec: &Spec, becomes: impl Fn(&Codec, &Codec) -> bool) -> bool {
        let Some(agreed) = &self.now.agreed else { return false };
        let covers = |from: &[Codec], to: &[Codec]| {
            from.iter()
                .filter(|c| c.is_audio())
                .all(|c| to.iter().any(|o| becomes(c, o)))
        };
        spec.has_audio() && covers(&agreed.local.codecs, &spec.codecs) && covers(&spec.codecs, &agreed.remote.codecs)
    }

    /// The audio codec that stands first in the last answer, of either side: the one that the peer is likely to send.
    pub fn first_audio(&self) -> Option<&Codec> {
        let agreed = self.now.agreed.as_ref()?;
        let answer = match self.now.offered {
            Some(_) => &agreed.remote,
            None => &agreed.local,
        };
        answer.codecs.iter().find(|c| c.is_audio())
    }

    /// Whether the last offer that was answered came from the peer, and so named all that the peer has.
    pub fn peer_offered(&self) -> bool {
        self.now.offered.is_none()
    }

    /// What the media engine must know of the peer now. `signalling` is where its SIP comes from: its media may come
    /// from there too (NAT). Works in every state: before an answer, what was offered can be received already
    /// (RFC 3264 section 5.1).
    pub fn remote(&self, signalling: IpAddr) -> Remote {
        let nothing = Side {
            direction: SdpDirection::Inactive,
            ..Side::default()
        };
        let (local, peer) = match (&self.now.agreed, &self.pending) {
            (Some(agreed), _) => (agreed.local.clone(), agreed.remote.clone()),
            (None, Pending::Received(peer)) => (
                Side {
                    direction: peer.direction.reversed(),
                    ..Side::default()
                },
                peer.clone(),
            ),
            (None, Pending::Sent | Pending::None) => (self.now.offered.clone().unwrap_or_default(), nothing),
        };
        let mut receive = payloads(&local.codecs);
        if let (Pending::Sent, Some(offered)) = (&self.pending, &self.now.offered) {
            receive.extend(payloads(&offered.codecs));
            receive.sort_by_key(|p| p.number);
            receive.dedup_by_key(|p| p.number);
        }
        let early = self.now.agreed.is_none() && matches!(self.pending, Pending::Sent);
        let mut expected: SmallVec<[IpAddr; 2]> = SmallVec::new();
        for ip in peer
            .rtp
            .map(|rtp| rtp.ip())
            .into_iter()
            .chain([signalling.to_canonical()])
        {
            if !expected.contains(&ip) {
                expected.push(ip);
            }
        }
        Remote {
            rtp: peer.rtp,
            rtcp: peer.rtcp,
            rtcp_mux: self.keeps(|side| side.mux),
            expected,
            signalling: Some(signalling.to_canonical()),
            send_payloads: payloads(&peer.codecs),
            receive_payloads: receive,
            direction: Direction {
                send: local.direction.sends() && peer.direction.receives(),
                receive: local.direction.receives() && (peer.direction.sends() || early),
            },
            ptime: peer.ptime.unwrap_or(PTIME),
            raw: false,
        }
    }

    /// Whether both sides have agreed on this. A later offer of ours then says it again (RFC 3264 section 8). No first
    /// offer says it: of a phone that has two ports anyway nothing is gained, and some take the line for what browsers
    /// speak.
    fn keeps(&self, what: fn(&Side) -> bool) -> bool {
        let agreed = self.now.agreed.as_ref();
        agreed.is_some_and(|agreed| what(&agreed.local) && what(&agreed.remote))
    }

    fn save(&mut self) {
        self.before = Some(Box::new(self.now.clone()));
    }

    fn learn(&mut self, codecs: &[Codec]) {
        for codec in codecs {
            let known = self
                .numbers
                .iter()
                .any(|k| k.number == codec.number && k.same_as(codec));
            if !known && self.numbers.len() < MAX_NUMBERS {
                // The latest first: the peer will look for its newest number of a codec.
                self.numbers.insert(0, codec.clone());
            }
        }
    }
}

fn payloads(codecs: &[Codec]) -> Vec<Payload> {
    let payload = |c: &Codec| Payload {
        number: c.number,
        codec: c.name.clone(),
        clock_rate: c.clock_rate,
        channels: c.channels,
        fmtp: c.fmtp.clone(),
    };
    codecs.iter().map(payload).collect()
}
