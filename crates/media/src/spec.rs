//! An offer or answer in terms that mean the same on both legs of a call.
//!
//! A [`Spec`] crosses the bridge; a description never does. So nothing in it names an address, a user,
//! a key or a candidate of the other side.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{
    codec::{self, Kind, Name, Number, g711::Law},
    line::{self, Line},
    sdp::{Attribute, Bandwidth},
};

/// A direction as a description states it, from its author's side (RFC 3264 section 5.1).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SdpDirection {
    /// `a=sendrecv`, and the default.
    #[default]
    SendRecv,
    /// `a=sendonly`: the author sends and listens to nothing (hold).
    SendOnly,
    /// `a=recvonly`
    RecvOnly,
    /// `a=inactive`
    Inactive,
}

impl SdpDirection {
    /// From whether the author sends and receives.
    pub fn of(send: bool, receive: bool) -> SdpDirection {
        match (send, receive) {
            (true, true) => SdpDirection::SendRecv,
            (true, false) => SdpDirection::SendOnly,
            (false, true) => SdpDirection::RecvOnly,
            (false, false) => SdpDirection::Inactive,
        }
    }

    /// Whether the author sends.
    pub fn sends(self) -> bool {
        matches!(self, SdpDirection::SendRecv | SdpDirection::SendOnly)
    }

    /// Whether the author receives.
    pub fn receives(self) -> bool {
        matches!(self, SdpDirection::SendRecv | SdpDirection::RecvOnly)
    }

    /// The same flow seen by the other side: the widest answer to it (RFC 3264 section 6.1).
    pub fn reversed(self) -> SdpDirection {
        SdpDirection::of(self.receives(), self.sends())
    }

    /// The flow that both directions allow.
    pub fn and(self, other: SdpDirection) -> SdpDirection {
        SdpDirection::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            SdpDirection::SendRecv => "sendrecv",
            SdpDirection::SendOnly => "sendonly",
            SdpDirection::RecvOnly => "recvonly",
            SdpDirection::Inactive => "inactive",
        }
    }
}

/// One codec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codec {
    /// The rtpmap name in upper case.
    pub name: Name,
    /// Hertz.
    pub clock_rate: u32,
    /// 1 unless stated.
    pub channels: u8,
    /// `a=fmtp` parameters, as they came.
    pub fmtp: Option<SmolStr>,
    /// The payload type it had; a leg that knows the codec by another number keeps its own.
    pub number: u8,
    /// The feedback messages that the author takes for it (`a=rtcp-fb`, RFC 4585 section 4.2), as they came.
    #[serde(default)]
    pub feedback: Vec<SmolStr>,
}

impl Codec {
    /// Speech or music, not events or comfort noise.
    pub fn is_audio(&self) -> bool {
        match codec::kind(&self.name) {
            Kind::Audio | Kind::Referring => true,
            Kind::Event | Kind::Noise => false,
        }
    }

    /// The same encoding, parameters aside; but for those that change the format of the payload (AMR's `octet-align`).
    pub fn same_as(&self, other: &Codec) -> bool {
        let fmtps = [&self.fmtp, &other.fmtp].map(Option::as_deref);
        self.name == other.name
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
            && codec::same_format(&self.name, self.clock_rate, self.channels, fmtps)
    }

    /// The G.711 law, where it is one: Tandem changes one law into the other octet by octet.
    pub fn law(&self) -> Option<Law> {
        codec::law_of(&self.name, self.clock_rate, self.channels)
    }

    /// Whether audio that arrives in this codec can be sent in the other: the encoding is the same, or both are G.711.
    pub fn carries(&self, other: &Codec) -> bool {
        self.same_as(other) || (self.law().is_some() && other.law().is_some())
    }

    /// Whether Tandem can decode and encode it.
    pub fn converts(&self) -> bool {
        codec::converts(&self.name, self.clock_rate, self.channels)
    }

    /// RFC 4733 events.
    pub fn is_event(&self) -> bool {
        codec::kind(&self.name) == Kind::Event
    }

    /// RFC 3389 comfort noise.
    pub fn is_noise(&self) -> bool {
        codec::kind(&self.name) == Kind::Noise
    }

    /// The parameters that Tandem states for a codec that Tandem itself encodes and decodes (RFC 7587 section 7: each
    /// side states what it wants to receive, so that nothing of the peer's is said back to the peer).
    pub(crate) fn of_ours(&self) -> Codec {
        Codec {
            fmtp: Codec::known(&self.name).fmtp,
            feedback: Vec::new(),
            ..self.clone()
        }
    }

    /// As Tandem offers it by itself; a name without a row is taken for mono speech at 8 kHz.
    fn known(name: &str) -> Codec {
        let name = Name::from(name.to_ascii_uppercase());
        let info = codec::named(&name);
        Codec {
            clock_rate: info.map_or(8000, |info| info.clock_rate),
            channels: info.map_or(1, |info| info.channels),
            fmtp: info.and_then(|info| info.fmtp).map(SmolStr::new_static),
            feedback: Vec::new(),
            number: match info.map(|info| info.number) {
                Some(Number::Static(number) | Number::Dynamic(number)) => number,
                None => 96,
            },
            name,
        }
    }
}

/// Whether Tandem may change the codec of a party's audio.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transcode {
    /// Where the two sides of a call share no codec.
    #[default]
    Auto,
    /// Only from one law of G.711 to the other.
    Off,
}

impl Transcode {
    /// Where two parties have a say.
    pub fn and(self, other: Transcode) -> Transcode {
        match (self, other) {
            (Transcode::Auto, Transcode::Auto) => Transcode::Auto,
            (Transcode::Off, _) | (_, Transcode::Off) => Transcode::Off,
        }
    }
}

/// What Tandem offers by itself after the codecs of the other side, where those are of telephone quality: the cheapest
/// first. L16 is not among them: it is understood where a peer offers it, but nothing has only that, and at 48 kHz it
/// does not fit into one packet of usual length.
const NARROW: [&str; 4] = ["PCMU", "PCMA", "G722", "OPUS"];
/// The same where the other side has more than telephone quality.
const WIDE: [&str; 4] = ["OPUS", "G722", "PCMU", "PCMA"];

/// The audio of a call, in neutral terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// In order of preference; empty where the stream is refused or ended.
    pub(crate) codecs: Vec<Codec>,
    pub(crate) direction: SdpDirection,
    pub(crate) ptime: Option<u16>,
    pub(crate) maxptime: Option<u16>,
    pub(crate) bandwidths: Vec<Bandwidth>,
    pub(crate) attributes: Vec<Attribute>,
    /// Whether Tandem may convert what the author sends and receives.
    #[serde(default)]
    pub(crate) transcode: Transcode,
    /// The lines besides the audio, by place. `None`: refused, ended, or never there.
    #[serde(default)]
    pub(crate) more: Vec<Option<Line>>,
}

impl Spec {
    /// Tandem's own offer or answer, where Tandem plays or must make the offer (RFC 3261 section 13.2.1).
    /// Codecs by rtpmap name, in order of preference.
    pub fn own(codecs: &[&str]) -> Spec {
        let mut spec = Spec {
            ptime: Some(20),
            ..Spec::default()
        };
        for name in codecs {
            let mut codec = Codec::known(name);
            if spec.codecs.iter().any(|c| c.same_as(&codec)) {
                continue;
            }
            while spec.codecs.iter().any(|c| c.number == codec.number) {
                codec.number += 1;
            }
            spec.codecs.push(codec);
        }
        spec
    }

    /// The codecs and lines that both have. Order, numbers and direction are those of `self`.
    pub fn intersect(&self, other: &Spec) -> Spec {
        let mut both = self.clone();
        for (place, line) in both.more.iter_mut().enumerate() {
            line.take_if(|_| line::line(&other.more, place).is_none());
        }
        both.codecs.retain(|c| other.codecs.iter().any(|o| o.same_as(c)));
        both
    }

    /// The same with another direction.
    pub fn with_direction(mut self, direction: SdpDirection) -> Spec {
        self.direction = direction;
        self
    }

    /// Whether Tandem may convert the author's audio: this, where it was `Auto` before.
    pub fn under(mut self, transcode: Transcode) -> Spec {
        self.transcode = self.transcode.and(transcode);
        self
    }

    /// Whether Tandem may convert the author's audio.
    pub fn transcode(&self) -> Transcode {
        self.transcode
    }

    /// The same with both directions open, on every line.
    pub fn opened(mut self) -> Spec {
        let directions = self.more.iter_mut().flatten().map(|line| &mut line.direction);
        directions.for_each(|direction| *direction = SdpDirection::SendRecv);
        self.with_direction(SdpDirection::SendRecv)
    }

    /// The lines besides the audio, by place: pictures, faxes, BFCP.
    pub fn lines(&self) -> &[Option<Line>] {
        &self.more
    }

    /// Whether there is any line besides the audio.
    pub fn has_lines(&self) -> bool {
        self.more.iter().any(Option::is_some)
    }

    /// Whether a peer that was told of the lines of this needs no new offer for the lines of `now`.
    pub fn lines_serve(&self, now: &Spec) -> bool {
        line::serve(&self.more, &now.more)
    }

    /// Adds RFC 4733 events where there are none, at the clock of the first codec that Tandem codes (RFC 4733 section 2.1):
    /// Tandem turns keys into what the author takes.
    pub fn with_events(mut self) -> Spec {
        let first = self.codecs.iter().find(|codec| codec.converts());
        if let Some(clock_rate) = first.map(|codec| codec.clock_rate)
            && !self.codecs.iter().any(Codec::is_event)
        {
            let events = Codec::known("telephone-event");
            self.codecs.push(Codec { clock_rate, ..events });
        }
        self
    }

    /// Without RFC 4733 events.
    pub fn without_events(mut self) -> Spec {
        self.codecs.retain(|codec| !codec.is_event());
        self
    }

    /// Adds the other G.711 law after the rest where only one is there.
    pub fn with_both_laws(mut self) -> Spec {
        if let Some(law) = self.codecs.iter().find_map(Codec::law) {
            self.add(law.other().name());
        }
        self
    }

    /// Adds, after the rest, what Tandem can convert to. Where Tandem may not convert, that is the other law of G.711.
    ///
    /// RFC 4733 section 2.1: events have the clock of the audio that they stand beside. So each clock that is added for
    /// audio is added for events, where the author has events at all.
    pub fn widened(self) -> Spec {
        let first = self.codecs.iter().find(|codec| codec.converts());
        let more = match (self.transcode, first) {
            (Transcode::Auto, Some(first)) if is_wide(first) => &WIDE,
            (Transcode::Auto, Some(_)) => &NARROW,
            (Transcode::Off, _) | (Transcode::Auto, None) => return self.with_both_laws(),
        };
        let mut wide = self;
        for name in more {
            wide.add(name);
        }
        wide
    }

    fn add(&mut self, name: &str) {
        let codec = Codec::known(name);
        if self.codecs.iter().any(|c| c.same_as(&codec)) {
            return;
        }
        let event = self.codecs.iter().find(|c| c.is_event());
        let clocked = |event: &&Codec| {
            let at = |c: &Codec| c.is_event() && c.clock_rate == codec.clock_rate;
            !self.codecs.iter().any(at) && event.is_event()
        };
        let event = event.filter(clocked).map(|event| Codec {
            clock_rate: codec.clock_rate,
            ..event.clone()
        });
        self.codecs.push(codec);
        self.codecs.extend(event);
    }

    /// Whether both have an audio codec that Tandem relays: the same one, or G.711.
    pub fn shares(&self, other: &Spec) -> bool {
        self.audio().any(|c| other.audio().any(|o| c.carries(o)))
    }

    /// The speech codecs, in order of preference.
    pub fn audio(&self) -> impl Iterator<Item = &Codec> {
        self.codecs.iter().filter(|c| c.is_audio())
    }

    /// Whether the two parties can talk: they share a codec, or Tandem converts.
    pub fn meets(&self, other: &Spec) -> bool {
        let converts = |spec: &Spec| spec.codecs.iter().any(Codec::converts);
        let may = self.transcode.and(other.transcode) == Transcode::Auto;
        self.shares(other) || (may && converts(self) && converts(other))
    }

    /// The answer of Tandem itself, as the party at the other end: the codecs that Tandem codes, in the author's order
    /// and with parameters of ours, and events.
    pub fn answered_by_us(&self) -> Spec {
        let ours = |codec: &Codec| match codec.converts() {
            true => Some(codec.of_ours()),
            false => codec.is_event().then(|| codec.clone()),
        };
        Spec {
            codecs: self.codecs.iter().filter_map(ours).collect(),
            direction: self.direction.reversed(),
            more: Vec::new(),
            ..self.clone()
        }
    }

    /// Only these codecs (rtpmap names, any case), in the peer's order. Comfort noise stays, and so do DTMF events with the
    /// clock of audio that stays (RFC 4733 section 2.1), or of 8,000 Hz, which phones also use beside audio of other clocks.
    pub fn restrict(mut self, codecs: &[String]) -> Spec {
        self.codecs
            .retain(|c| !c.is_audio() || codecs.iter().any(|n| n.eq_ignore_ascii_case(&c.name)));
        let clocks: Vec<u32> = self.audio().map(|c| c.clock_rate).chain([8_000]).collect();
        self.codecs.retain(|c| !c.is_event() || clocks.contains(&c.clock_rate));
        self
    }

    /// The direction as the peer stated it.
    pub fn direction(&self) -> SdpDirection {
        self.direction
    }

    /// The peer does not listen (RFC 3264 section 8.4).
    pub fn is_hold(&self) -> bool {
        !self.direction.receives()
    }

    /// Names of the speech codecs, in order of preference.
    pub fn audio_codecs(&self) -> impl Iterator<Item = &str> {
        self.audio().map(|c| c.name.as_str())
    }

    /// Every codec, events and comfort noise too.
    pub fn codecs(&self) -> &[Codec] {
        &self.codecs
    }

    /// Whether the author takes this RFC 4733 event. Events that it does not name are the 16 keys (section 2.4.1).
    pub fn takes_event(&self, event: u8) -> bool {
        let mut events = self
            .codecs
            .iter()
            .filter(|codec| codec::kind(&codec.name) == Kind::Event);
        events.any(|codec| {
            let named = codec.fmtp.as_deref().unwrap_or("0-15").split([',', ' ']);
            named.filter_map(range).any(|range| range.contains(&event))
        })
    }

    /// Whether there is a stream that can carry speech.
    pub fn has_audio(&self) -> bool {
        self.audio().next().is_some()
    }
}

/// Whether a codec carries more than telephone quality.
fn is_wide(codec: &Codec) -> bool {
    // RFC 3551 section 4.5.2: G722's clock is not the rate of its samples.
    codec.name == "G722" || codec.clock_rate > 8000
}

/// `0-15` or `66`, one of the events of an `a=fmtp` line.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u8>> {
    let text = text.trim().trim_start_matches("events=");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::TELEPHONE_EVENT;

    #[test]
    fn events_are_those_that_are_named_or_the_keys() {
        let takes = |fmtp: Option<&str>, event| {
            let mut spec = Spec::own(&["PCMU", TELEPHONE_EVENT]);
            spec.codecs[1].fmtp = fmtp.map(SmolStr::from);
            spec.takes_event(event)
        };
        for (fmtp, event, expected) in [
            (Some("0-16"), 16, true),
            (Some("0-15,66,70"), 66, true),
            (Some("0-15, 16"), 16, true),
            (Some("0-15"), 16, false),
            (Some("0-11"), 12, false),
            (Some("x"), 1, false),
            (None, 15, true),
            (None, 16, false),
        ] {
            assert_eq!(takes(fmtp, event), expected, "{fmtp:?} {event}");
        }
        assert!(!Spec::own(&["PCMU"]).takes_event(1));
    }

    #[test]
    fn flows_seen_from_the_other_side() {
        let table = [
            (SdpDirection::SendRecv, SdpDirection::SendRecv, "sendrecv"),
            (SdpDirection::SendOnly, SdpDirection::RecvOnly, "sendonly"),
            (SdpDirection::RecvOnly, SdpDirection::SendOnly, "recvonly"),
            (SdpDirection::Inactive, SdpDirection::Inactive, "inactive"),
        ];
        for (flow, reversed, name) in table {
            assert_eq!((flow.reversed(), flow.name()), (reversed, name));
            assert_eq!(flow.and(SdpDirection::SendRecv), flow);
            assert_eq!(flow.and(SdpDirection::Inactive), SdpDirection::Inactive);
        }
    }

    #[test]
    fn restriction_keeps_events_and_the_peers_order() {
        let spec = Spec::own(&["opus", "PCMA", "PCMU", "telephone-event"]).restrict(&["pcmu".into(), "opus".into()]);
        assert_eq!(spec.audio_codecs().collect::<Vec<_>>(), ["OPUS", "PCMU"]);
        assert_eq!(spec.codecs().len(), 3);
        assert!(!spec.restrict(&[]).has_audio());
    }

    #[test]
    fn restriction_ends_events_whose_clock_no_audio_has() {
        let wide = Spec::own(&["PCMA", "telephone-event"]).widened();
        let clocks = |spec: &Spec| {
            let events = spec.codecs().iter().filter(|c| c.is_event());
            events.map(|c| c.clock_rate).collect::<Vec<_>>()
        };
        assert_eq!(clocks(&wide), [8_000, 48_000]);
        assert_eq!(clocks(&wide.clone().restrict(&["PCMA".into()])), [8_000]);
        assert_eq!(clocks(&wide.restrict(&["opus".into()])), [8_000, 48_000]);
    }

    #[test]
    fn a_codec_whose_payload_has_another_format_is_another_codec() {
        let amr = |fmtp: Option<&str>| Codec {
            fmtp: fmtp.map(SmolStr::from),
            ..Codec::known("AMR")
        };
        let aligned = amr(Some("mode-set=7; octet-align=1"));
        assert!(aligned.same_as(&amr(Some("octet-align=1"))) && !aligned.same_as(&amr(None)));
        assert!(amr(None).same_as(&amr(Some("octet-align=0;mode-change-period=2"))));
        let opus = |fmtp: &str| Codec {
            fmtp: Some(fmtp.into()),
            ..Codec::known("opus")
        };
        assert!(opus("useinbandfec=1").same_as(&opus("stereo=1;maxplaybackrate=8000")));
    }

    #[test]
    fn own_numbers_never_collide() {
        let spec = Spec::own(&["ILBC", "SPEEX", "PCMU", "PCMU"]);
        let numbers: Vec<u8> = spec.codecs().iter().map(|c| c.number).collect();
        assert_eq!(numbers, [96, 97, 0]);
    }

    #[test]
    fn intersection_keeps_my_order() {
        let mine = Spec::own(&["PCMA", "G722", "PCMU"]);
        let both = mine.intersect(&Spec::own(&["PCMU", "PCMA"]));
        assert_eq!(both.audio_codecs().collect::<Vec<_>>(), ["PCMA", "PCMU"]);
    }
}
