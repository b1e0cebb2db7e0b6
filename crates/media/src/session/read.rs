//! From a description to what it says of its author's audio.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{PTIME, lines::End};
use crate::{
    codec::{self, Kind, Name},
    line::has_rtcp,
    sdp::{self, Attribute, Media, Sdp},
    spec::{Codec, SdpDirection, Spec, Transcode},
};

/// One side's words on its audio stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Side {
    /// In order of preference, with this side's numbers.
    pub(super) codecs: Vec<Codec>,
    pub(super) direction: SdpDirection,
    pub(super) ptime: Option<u16>,
    /// Where it takes RTP; `None` on hold by `0.0.0.0`, by a name, or where nothing may be sent.
    pub(super) rtp: Option<SocketAddr>,
    pub(super) rtcp: Option<SocketAddr>,
    /// `a=rtcp-mux` (RFC 5761).
    #[serde(default)]
    pub(super) mux: bool,
    /// `a=rtcp-rsize` (RFC 5506).
    #[serde(default)]
    pub(super) rsize: bool,
    /// The lines besides the audio, by place.
    #[serde(default)]
    pub(super) more: Vec<Option<End>>,
}

/// Attributes that describe content, not a host or a person: these may cross the bridge.
const PASSED_ON: [&str; 4] = ["content", "label", "lang", "charset"];

/// A plain RTP audio stream: what Tandem relays.
pub fn is_rtp_audio(media: &Media) -> bool {
    media.kind.eq_ignore_ascii_case("audio")
        && (media.protocol.eq_ignore_ascii_case("RTP/AVP") || media.protocol.eq_ignore_ascii_case("RTP/AVPF"))
}

/// The content of the media line, for this leg and in neutral terms.
pub(super) fn read(sdp: &Sdp, media: &Media) -> (Side, Spec) {
    let address = sdp.connection_of(media).and_then(|c| c.host.ip());
    let mut direction = direction(sdp, media);
    // RFC 3264 section 8.4: 0.0.0.0 is the old form of hold: nothing may be sent to it.
    if address.is_some_and(|ip| ip.is_unspecified()) {
        direction = direction.and(SdpDirection::SendOnly);
    }
    let rtp = address
        .filter(sendable)
        .filter(|_| media.port != 0)
        .map(|ip| SocketAddr::new(ip.to_canonical(), media.port));
    let codecs = if media.port == 0 || !is_rtp_audio(media) {
        Vec::new()
    } else {
        codecs(media)
    };
    let number = |name| {
        sdp.effective(media, name)
            .and_then(|v| v.trim().parse().ok())
            .filter(|p| (1..=1000).contains(p))
    };
    let (ptime, maxptime) = (number("ptime"), number("maxptime"));
    let side = Side {
        codecs: codecs.clone(),
        direction,
        // RFC 4566 section 6: no packet is longer than the author takes.
        ptime: match (ptime, maxptime) {
            (None, Some(most)) if most < PTIME => Some(most),
            (ptime, most) => ptime.map(|ptime| ptime.min(most.unwrap_or(ptime))),
        },
        rtp,
        rtcp: rtp.and_then(|rtp| rtcp(media, rtp)),
        mux: media.attribute("rtcp-mux").is_some(),
        rsize: media.attribute("rtcp-rsize").is_some(),
        more: Vec::new(),
    };
    let spec = Spec {
        codecs,
        direction,
        ptime,
        maxptime,
        bandwidths: media
            .bandwidths
            .iter()
            .filter(|b| b.kind == "AS" || b.kind == "TIAS")
            .cloned()
            .collect(),
        attributes: passed_on(media),
        transcode: Transcode::Auto,
        more: Vec::new(),
    };
    (side, spec)
}

/// Where the author of a line besides the audio takes it, and in which direction it goes.
pub(super) fn line_address(sdp: &Sdp, media: &Media) -> End {
    let address = sdp.connection_of(media).and_then(|c| c.host.ip());
    let mut direction = direction(sdp, media);
    if address.is_some_and(|ip| ip.is_unspecified()) {
        direction = direction.and(SdpDirection::SendOnly);
    }
    let rtp = address
        .filter(sendable)
        .map(|ip| SocketAddr::new(ip.to_canonical(), media.port));
    let rtcp = rtp.filter(|_| has_rtcp(&media.protocol));
    End {
        rtp,
        rtcp: rtcp.and_then(|rtp| self::rtcp(media, rtp)),
        direction,
    }
}

/// Never send media to everybody because a description says so.
fn sendable(ip: &IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

fn passed_on(media: &Media) -> Vec<Attribute> {
    media
        .attributes
        .iter()
        .filter(|a| PASSED_ON.contains(&a.name.as_str()) && a.value.as_deref().is_some_and(is_text))
        .cloned()
        .collect()
}

/// Whether a value may stand in a description of ours: it must be readable again.
fn is_text(value: &str) -> bool {
    !value.contains(char::REPLACEMENT_CHARACTER)
}

pub(crate) fn direction(sdp: &Sdp, media: &Media) -> SdpDirection {
    let named = |a: &Attribute| {
        let all = [
            SdpDirection::SendRecv,
            SdpDirection::SendOnly,
            SdpDirection::RecvOnly,
            SdpDirection::Inactive,
        ];
        all.into_iter().find(|d| a.name.eq_ignore_ascii_case(d.name()))
    };
    media
        .attributes
        .iter()
        .find_map(named)
        .or_else(|| sdp.attributes.iter().find_map(named))
        .unwrap_or_default()
}

/// RFC 3605: `a=rtcp:port [IN IP4 address]`; without it the port above RTP's.
fn rtcp(media: &Media, rtp: SocketAddr) -> Option<SocketAddr> {
    let default = rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
    let Some(value) = media.attribute("rtcp") else {
        return default;
    };
    let mut words = value.split_ascii_whitespace();
    let port: Option<u16> = words.next().and_then(|p| p.parse().ok());
    let address = match (words.next(), words.next(), words.next()) {
        (Some(network), Some(kind), Some(address)) => sdp::host(network, kind, address).and_then(|(host, _)| host.ip()),
        _ => None,
    };
    let ip = address.filter(sendable).map_or(rtp.ip(), |ip| ip.to_canonical());
    match port {
        // RTP's own port is meant for a peer that multiplexes (RFC 5761 section 5.1.3).
        Some(port) if port != 0 && port != rtp.port() => Some(SocketAddr::new(ip, port)),
        _ => default,
    }
}

fn codecs(media: &Media) -> Vec<Codec> {
    let mut maps: [Option<&str>; 128] = [None; 128];
    let mut parameters: [Option<&str>; 128] = [None; 128];
    for attribute in &media.attributes {
        let table = match attribute.name.as_str() {
            "rtpmap" => &mut maps,
            "fmtp" => &mut parameters,
            _ => continue,
        };
        let Some((number, rest)) = attribute.value.as_deref().and_then(|v| v.trim_start().split_once(' ')) else {
            continue;
        };
        if let Some(entry) = number.parse::<usize>().ok().and_then(|n| table.get_mut(n)) {
            *entry = entry.or(Some(rest.trim()));
        }
    }
    let mut codecs: Vec<Codec> = Vec::new();
    for number in media
        .formats
        .iter()
        .filter_map(|f| f.parse::<u8>().ok())
        .filter(|n| *n < 128)
    {
        let n = usize::from(number);
        let Some((name, clock_rate, channels)) = meaning(number, maps[n]) else {
            continue;
        };
        if codec::kind(&name) == Kind::Referring || codecs.iter().any(|c| c.number == number) {
            continue;
        }
        codecs.push(Codec {
            name,
            clock_rate,
            channels,
            fmtp: parameters[n].filter(|value| is_text(value)).map(SmolStr::from),
            number,
            feedback: feedback(media, number),
        });
    }
    codecs
}

/// The feedback that is named for a payload number, or for all (`*`): at most [`MAX_FEEDBACK`] lines.
fn feedback(media: &Media, number: u8) -> Vec<SmolStr> {
    if !is_feedback(&media.protocol) {
        return Vec::new();
    }
    let values = media.attributes.iter().filter(|a| a.name == "rtcp-fb");
    let named = values.filter_map(|a| a.value.as_deref()?.trim().split_once(' '));
    let mine = named.filter(|(whose, what)| is_text(what) && (*whose == "*" || whose.parse() == Ok(number)));
    mine.map(|(_, what)| SmolStr::from(what)).take(MAX_FEEDBACK).collect()
}

/// Feedback lines of one codec, at most.
const MAX_FEEDBACK: usize = 16;

/// RFC 4585 section 4: whether a line of this profile may carry feedback messages.
pub(super) fn is_feedback(protocol: &str) -> bool {
    protocol.eq_ignore_ascii_case("RTP/AVPF")
}

/// Name, clock and channels of a payload number. A static one is what RFC 3551 says (section 6, and 4.5.2 on G722,
/// which some phones give the clock of its samples), unless its rtpmap names another codec.
fn meaning(number: u8, map: Option<&str>) -> Option<(Name, u32, u8)> {
    let mapped = map.and_then(rtpmap);
    let fixed = codec::numbered(number);
    match (mapped, fixed) {
        (Some((name, clock_rate, channels)), fixed) if fixed.is_none_or(|fixed| fixed.name != name) => {
            Some((name, clock_rate, channels))
        }
        (_, fixed) => fixed.map(|fixed| (Name::new_static(fixed.name), fixed.clock_rate, fixed.channels)),
    }
}

fn rtpmap(value: &str) -> Option<(Name, u32, u8)> {
    let mut parts = value.split_ascii_whitespace().next()?.split('/');
    let (name, clock) = (parts.next()?, parts.next()?.parse().ok().filter(|c| *c > 0)?);
    let channels = parts.next().map_or(Some(1), |c| c.parse().ok().filter(|c| *c > 0))?;
    let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._+".contains(&b));
    token.then(|| (upper(name), clock, channels))
}

fn upper(name: &str) -> Name {
    match codec::KNOWN.iter().find(|info| info.name.eq_ignore_ascii_case(name)) {
        Some(info) => Name::new_static(info.name),
        None => name.to_ascii_uppercase().into(),
    }
}

/// Whether a number is the fixed one of this codec, or free for any (RFC 3551 section 6).
pub(super) fn may_number(codec: &Codec, number: u8) -> bool {
    match codec::numbered(number) {
        Some(info) => codec.name == info.name && codec.clock_rate == info.clock_rate && codec.channels == info.channels,
        None => (96..128).contains(&number),
    }
}
