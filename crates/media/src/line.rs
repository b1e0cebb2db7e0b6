//! Media lines of a description that are relayed as they are, by port: pictures, a second audio line, faxes by T.38
//! (ITU-T T.38 annex D, RFC 3362) and BFCP (RFC 4583, RFC 8856).
//!
//! Tandem reads nothing of their packets, so that numbers, SSRCs and feedback messages mean the same at both ends. A leg
//! and its partner name such a line by the same *place*, whatever the order of lines in either description.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{
    sdp::{Attribute, Bandwidth, Media, Sdp},
    session::direction,
    spec::SdpDirection,
};

/// Such lines of one leg, at most, unless [`crate::Session::allow_lines`] says otherwise. A further line is refused.
pub const MAX_LINES: usize = 4;

/// One such line in neutral terms: nothing of it names an address, a person or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `video`, `image` ..., in lower case.
    pub kind: SmolStr,
    /// `RTP/AVPF`, `udptl` ..., as it came.
    pub protocol: SmolStr,
    /// Payload types, or `t38` or `*`.
    pub formats: Vec<SmolStr>,
    /// From its author's side.
    pub direction: SdpDirection,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// What describes the content.
    pub attributes: Vec<Attribute>,
    /// It stands where the audio stood (RFC 3264 section 8.3.3), as a fax does in many gateways.
    pub instead_of_audio: bool,
}

/// Attributes that describe the content of such a line. Those of T.38 (`T38FaxVersion` ...) are told by their name.
const PASSED_ON: [&str; 19] = [
    "rtpmap",
    "fmtp",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-rsize",
    "ptime",
    "maxptime",
    "framerate",
    "framesize",
    "quality",
    "imageattr",
    "extmap",
    "content",
    "label",
    "lang",
    "floorctrl",
    "confid",
    "userid",
    "floorid",
];

impl Line {
    /// Reads a line that [`is_relayed`].
    pub(crate) fn read(sdp: &Sdp, media: &Media) -> Line {
        let known = |name: &str| {
            let t38 = name.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("t38"));
            (t38 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())) || PASSED_ON.contains(&name)
        };
        let clean = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
        let attributes = media.attributes.iter();
        Line {
            kind: SmolStr::from(media.kind.to_ascii_lowercase()),
            protocol: SmolStr::from(media.protocol.as_str()),
            formats: media.formats.iter().map(SmolStr::from).collect(),
            direction: direction(sdp, media),
            bandwidths: media.bandwidths.clone(),
            attributes: attributes
                .filter(|a| known(&a.name) && a.value.as_deref().is_none_or(clean))
                .cloned()
                .collect(),
            instead_of_audio: false,
        }
    }

    /// Whether a peer that was told of this line needs no new offer for the other one.
    fn serves(&self, other: &Line) -> bool {
        self.kind == other.kind
            && self.protocol.eq_ignore_ascii_case(&other.protocol)
            && other.formats.iter().all(|format| self.formats.contains(format))
    }
}

/// Whether lines that a peer was told of need no new offer for these.
pub(crate) fn serve(told: &[Option<Line>], now: &[Option<Line>]) -> bool {
    (0..told.len().max(now.len())).all(|at| match (line(told, at), line(now, at)) {
        (None, None) => true,
        (Some(told), Some(now)) => told.serves(now),
        (Some(_), None) | (None, Some(_)) => false,
    })
}

/// The line at a place.
pub(crate) fn line(lines: &[Option<Line>], at: usize) -> Option<&Line> {
    lines.get(at)?.as_ref()
}

/// Whether such a line is in use and can be relayed: it is one stream over UDP without encryption. BFCP over TCP is not
/// (RFC 4583 section 3): Tandem makes no connections for others.
pub(crate) fn is_relayed(media: &Media) -> bool {
    let protocol = media.protocol.to_ascii_uppercase();
    let carried = match media.kind.to_ascii_lowercase().as_str() {
        "audio" | "video" | "text" => matches!(protocol.as_str(), "RTP/AVP" | "RTP/AVPF"),
        "application" => matches!(protocol.as_str(), "RTP/AVP" | "RTP/AVPF" | "UDP/BFCP"),
        "image" => protocol == "UDPTL",
        _ => false,
    };
    let token = |format: &String| format.bytes().all(|byte| byte.is_ascii_graphic());
    let readable = !media.formats.is_empty() && media.formats.iter().all(token);
    carried && readable && media.port != 0 && media.count.is_none()
}

/// Whether RTCP stands beside a line of this protocol.
pub(crate) fn has_rtcp(protocol: &str) -> bool {
    protocol.len() > 3 && protocol.as_bytes()[..4].eq_ignore_ascii_case(b"RTP/")
}
