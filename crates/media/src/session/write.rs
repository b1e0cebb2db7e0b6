//! Writes a description of ours from the agreement.

use bytes::Bytes;

use super::{
    Line, Pending, Session, Side,
    read::{is_feedback, may_number},
};
use crate::{
    codec, line,
    sdp::{Attribute, Connection, Host, Media, Origin, Sdp, SdpError},
    spec::{Codec, SdpDirection, Spec, Transcode},
};

impl Session {
    /// What our answer to the open offer says where the other leg's peer (or Tandem itself) accepts `spec`.
    ///
    /// The codecs are those that both sides share. Where they share no audio, and Tandem may convert, there is one audio
    /// codec: the first of the offer that Tandem converts, with the offerer's own packet time, because no packet of one
    /// side reaches the other side as it is.
    ///
    /// # Errors
    /// [`SdpError::State`] where no offer of the peer is open, [`SdpError::NoCommonCodec`] where no audio can pass.
    pub fn adapted(&self, spec: &Spec) -> Result<Spec, SdpError> {
        let Pending::Received(remote) = &self.pending else {
            return Err(SdpError::State("no offer to answer"));
        };
        let mut told = spec.clone();
        told.more = self.answer_lines(&remote.more, spec);
        if remote.codecs.is_empty() || (spec.codecs.is_empty() && self.now.agreed.is_some()) {
            told.codecs.clear();
            // A fax, for example, that the other side does not take: the session stays as it was.
            let refused = remote.more.iter().any(Option::is_some) && !told.has_lines();
            return if refused {
                Err(SdpError::NoCommonCodec)
            } else {
                Ok(told)
            };
        }
        told.codecs = match_codecs(&remote.codecs, spec);
        if !told.has_audio() {
            told.codecs = convert_codecs(&remote.codecs, spec);
            (told.ptime, told.maxptime) = (remote.ptime, None);
            told.bandwidths.clear();
        }
        if told.has_audio() {
            Ok(told)
        } else {
            Err(SdpError::NoCommonCodec)
        }
    }

    /// The codecs of an offer under this leg's numbers.
    pub(super) fn number(&mut self, codecs: &[Codec]) -> Vec<Codec> {
        let mut numbered: Vec<Codec> = Vec::new();
        for codec in codecs {
            let unused = |n: u8| numbered.iter().all(|c| c.number != n);
            let fresh = |n: u8| unused(n) && may_number(codec, n) && self.numbers.iter().all(|k| k.number != n);
            let earlier = self
                .numbers
                .iter()
                .find(|k| k.same_as(codec) && unused(k.number))
                .map(|k| k.number);
            let suggested = Some(codec.number).filter(|n| fresh(*n));
            let Some(number) = earlier.or(suggested).or_else(|| (0..128).rev().find(|n| fresh(*n))) else {
                continue;
            };
            numbered.push(Codec {
                number,
                ..codec.clone()
            });
        }
        self.learn(&numbered);
        numbered
    }

    /// Writes this leg's description and keeps it; the version grows only with a change (RFC 3264 section 8).
    pub(super) fn describe(&mut self, local: &Side, spec: &Spec) -> Bytes {
        let media = self.now.lines.iter().enumerate().map(|(at, line)| {
            if at == self.now.active && !local.codecs.is_empty() {
                return self.audio(line, local, spec);
            }
            let place = self.now.places.iter().position(|index| *index == Some(at));
            let ours = place.and_then(|place| Some((place, local.more.get(place).copied().flatten()?)));
            match ours.and_then(|(place, end)| Some((line::line(&spec.more, place)?, place, end))) {
                Some((said, place, end)) => self.relayed(line, said, place, end.direction),
                None => line.refused(),
            }
        });
        let host = Host::Ip(self.local.address);
        let ip6 = self.local.address.is_ipv6();
        let mut sdp = Sdp {
            origin: Origin {
                username: "-".into(),
                session_id: self.local.session_id.to_string(),
                version: String::new(),
                host: host.clone(),
                ip6,
            },
            connection: Some(Connection {
                host,
                ip6,
                ttl: None,
                count: None,
            }),
            media: media.collect(),
            ..Sdp::unnamed()
        };
        if let Some((last, version)) = &self.now.last {
            sdp.origin.version = version.to_string();
            if sdp.to_string().as_bytes() == last.as_ref() {
                return last.clone();
            }
        }
        self.version += 1;
        sdp.origin.version = self.version.to_string();
        let bytes = Bytes::from(sdp.to_string());
        self.now.last = Some((bytes.clone(), self.version));
        bytes
    }

    fn relayed(&self, line: &Line, said: &line::Line, place: usize, direction: SdpDirection) -> Media {
        let mut attributes = said.attributes.clone();
        // A fax or BFCP line has no direction unless it is held: some gateways know no such attribute there.
        if line::has_rtcp(&line.protocol) || direction != SdpDirection::SendRecv {
            attributes.push(Attribute {
                name: direction.name().into(),
                value: None,
            });
        }
        for value in attributes.iter_mut().filter_map(|a| a.value.as_mut()) {
            *value = value.replace(is_control, " ");
        }
        Media {
            port: self.ports.get(place).copied().unwrap_or_default(),
            formats: said.formats.iter().map(ToString::to_string).collect(),
            bandwidths: said.bandwidths.clone(),
            attributes,
            ..line.refused()
        }
    }

    fn audio(&self, line: &Line, local: &Side, spec: &Spec) -> Media {
        let mut attributes = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            attributes.push(Attribute {
                name: name.into(),
                value: value.map(|value| value.replace(is_control, " ")),
            })
        };
        for codec in &local.codecs {
            let channels = if codec.channels > 1 {
                format!("/{}", codec.channels)
            } else {
                String::new()
            };
            let name = codec::named(&codec.name).map_or(codec.name.as_str(), |info| info.spelling);
            add(
                "rtpmap",
                Some(format!("{} {name}/{}{channels}", codec.number, codec.clock_rate)),
            );
            if let Some(fmtp) = &codec.fmtp {
                add("fmtp", Some(format!("{} {fmtp}", codec.number)));
            }
            for what in codec.feedback.iter().filter(|_| is_feedback(&line.protocol)) {
                add("rtcp-fb", Some(format!("{} {what}", codec.number)));
            }
        }
        for (name, value) in [("ptime", spec.ptime), ("maxptime", spec.maxptime)] {
            if let Some(value) = value {
                add(name, Some(value.to_string()));
            }
        }
        for (name, said) in [("rtcp-mux", local.mux), ("rtcp-rsize", local.rsize)] {
            if said {
                add(name, None);
            }
        }
        for attribute in &spec.attributes {
            add(&attribute.name, attribute.value.clone());
        }
        add(local.direction.name(), None);
        Media {
            port: self.local.port,
            formats: local.codecs.iter().map(|c| c.number.to_string()).collect(),
            bandwidths: spec.bandwidths.clone(),
            attributes,
            ..line.refused()
        }
    }
}

/// Text of one phone goes on to the other phone without control octets: they become blanks.
fn is_control(c: char) -> bool {
    c.is_ascii_control() && c != '\t'
}

impl Line {
    pub(super) fn of(media: &Media) -> Line {
        Line {
            kind: media.kind.clone(),
            protocol: media.protocol.clone(),
            formats: media.formats.clone(),
        }
    }

    /// RFC 3264 section 6: port 0, with the formats of the offer.
    fn refused(&self) -> Media {
        let mut formats = self.formats.clone();
        if formats.is_empty() {
            formats.push("0".into());
        }
        Media {
            kind: self.kind.clone(),
            port: 0,
            count: None,
            protocol: self.protocol.clone(),
            formats,
            info: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        }
    }
}

/// The offered codecs that the accepted ones name, in the accepted order, under the offerer's numbers. The same
/// encoding with the same parameters is matched first, then the same encoding, then the other G.711 law.
///
/// Comfort noise stays beside audio of its clock only (RFC 3389 section 4). Where the two sides share audio, but have
/// events at different clocks, Tandem changes the clock of events.
pub(super) fn match_codecs(offered: &[Codec], accepted: &Spec) -> Vec<Codec> {
    let mut matched: Vec<Codec> = Vec::new();
    let (transcode, accepted) = (accepted.transcode, &accepted.codecs);
    for want in accepted {
        let free = |c: &&Codec| matched.iter().all(|m| m.number != c.number);
        let find = |test: &dyn Fn(&Codec) -> bool| offered.iter().filter(free).find(|c| test(c));
        let direct = find(&|c| c.same_as(want) && c.fmtp == want.fmtp).or_else(|| find(&|c| c.same_as(want)));
        let other_law = || {
            offered
                .iter()
                .filter(|c| !accepted.iter().any(|a| a.same_as(c)))
                .filter(free)
        };
        if let Some(codec) = direct {
            matched.push(Codec {
                fmtp: want.fmtp.clone(),
                feedback: want.feedback.clone(),
                ..codec.clone()
            });
        } else if let Some(codec) = other_law().find(|c| c.carries(want)) {
            matched.push(codec.clone());
        }
    }
    let Some(first) = matched.iter().find(|c| c.is_audio()).cloned() else {
        return matched;
    };
    if transcode == Transcode::Auto && !matched.iter().any(Codec::is_event) && accepted.iter().any(Codec::is_event) {
        matched.extend(beside(offered, &first, Codec::is_event));
    }
    let clocks: Vec<u32> = matched.iter().filter(|c| c.is_audio()).map(|c| c.clock_rate).collect();
    matched.retain(|c| !c.is_noise() || clocks.contains(&c.clock_rate));
    matched
}

/// The answer to an offer that shares no audio with the accepted codecs, where Tandem converts: the first audio of the
/// offer that Tandem codes, with what stands beside it. Empty where Tandem cannot, or may not, convert.
pub(super) fn convert_codecs(offered: &[Codec], accepted: &Spec) -> Vec<Codec> {
    let may = accepted.transcode == Transcode::Auto && accepted.codecs.iter().any(Codec::converts);
    let Some(audio) = offered.iter().find(|c| c.converts()).filter(|_| may) else {
        return Vec::new();
    };
    let mut answer = vec![audio.of_ours()];
    // A peer that is told of no events sends its keys as sound, which the other side hears.
    if accepted.codecs.iter().any(Codec::is_event) {
        answer.extend(beside(offered, audio, Codec::is_event));
    }
    let noise = beside(offered, audio, Codec::is_noise);
    answer.extend(noise.filter(|noise| noise.clock_rate == audio.clock_rate));
    answer
}

/// What the offer has of this kind at the clock of the audio (RFC 4733 section 2.1), or else at any clock.
fn beside(offered: &[Codec], audio: &Codec, kind: fn(&Codec) -> bool) -> Option<Codec> {
    let of_kind = || offered.iter().filter(|c| kind(c));
    let clocked = of_kind().find(|c| c.clock_rate == audio.clock_rate);
    clocked.or_else(|| of_kind().next()).cloned()
}
