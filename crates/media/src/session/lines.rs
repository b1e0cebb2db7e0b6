//! The media lines besides the audio: which line of the description has which place, and what both sides say of it.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Line as Described, PTIME, Pending, Session, read::line_address};
use crate::{
    Direction, Remote,
    line::{self, Line},
    sdp::{Sdp, SdpError},
    spec::{SdpDirection, Spec},
};

/// One side's words on a line that is relayed as it is.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) rtp: Option<SocketAddr>,
    pub(super) rtcp: Option<SocketAddr>,
    pub(super) direction: SdpDirection,
}

/// The lines besides the audio, by place.
type Lines = Vec<Option<Line>>;
/// Their addresses and directions.
type Ends = Vec<Option<End>>;

impl Session {
    /// How many lines besides the audio this leg may have; [`crate::line::MAX_LINES`] unless set.
    pub fn allow_lines(&mut self, most: usize) {
        self.most_lines = most;
    }

    /// The line at this place is received at this even port. Without a port the line is refused.
    pub fn receive_line_at(&mut self, place: usize, port: u16) {
        if self.ports.len() <= place {
            self.ports.resize(place + 1, 0);
        }
        self.ports[place] = port;
    }

    /// Our port of the line at each place; 0: none.
    pub fn line_ports(&self) -> &[u16] {
        &self.ports
    }

    /// Whether a line at this place can be received, or could be once it has a port.
    pub fn may_have_line(&self, place: usize) -> bool {
        place < self.most_lines
    }

    fn has_port(&self, place: usize) -> bool {
        self.ports.get(place).is_some_and(|port| *port != 0)
    }

    /// The lines of an offer of the peer, by place. `audio` is the index of the audio in use.
    pub(super) fn hear_lines(&mut self, sdp: &Sdp, audio: Option<usize>) -> (Vec<Option<Line>>, Vec<Option<End>>) {
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for (at, media) in sdp.media.iter().enumerate() {
            if audio == Some(at) || !line::is_relayed(media) {
                continue;
            }
            let places = &mut self.now.places;
            let place = match places.iter().position(|index| *index == Some(at)) {
                Some(place) => place,
                None if places.len() < self.most_lines => {
                    places.push(Some(at));
                    places.len() - 1
                }
                None => continue,
            };
            if lines.len() <= place {
                lines.resize(place + 1, None);
                ends.resize(place + 1, None);
            }
            let heard = Line {
                instead_of_audio: audio.is_none() && at == self.now.active,
                ..Line::read(sdp, media)
            };
            ends[place] = Some(line_address(sdp, media));
            lines[place] = Some(heard);
        }
        (lines, ends)
    }

    /// The lines of `spec` that our answer to these lines of the peer takes.
    pub(super) fn answer_lines(&self, offered: &[Option<End>], spec: &Spec) -> Vec<Option<Line>> {
        let taken = |(place, end): (usize, &Option<End>)| {
            let taken = line::line(&spec.more, place).filter(|_| end.is_some() && self.has_port(place))?;
            let at = self.now.places.get(place).copied().flatten()?;
            let same = self.now.lines.get(at)?.kind.eq_ignore_ascii_case(&taken.kind);
            same.then(|| taken.clone())
        };
        offered.iter().enumerate().map(taken).collect()
    }

    /// Gives each line of an offer of ours its place in the description.
    pub(super) fn place_lines(&mut self, spec: &Spec) {
        let audio = || Described {
            kind: "audio".into(),
            protocol: "RTP/AVP".into(),
            formats: Vec::new(),
        };
        if self.now.lines.is_empty() {
            self.now.lines.push(audio());
            self.now.active = 0;
        }
        let active = self.now.active;
        let has_audio = !spec.codecs.is_empty();
        if has_audio && !self.now.lines[active].kind.eq_ignore_ascii_case("audio") {
            self.now.lines[active] = audio();
        }
        for (place, line) in spec.more.iter().enumerate().take(self.most_lines) {
            let Some(line) = line else { continue };
            if self.now.places.len() <= place {
                self.now.places.resize(place + 1, None);
            }
            let before = self.now.places[place].filter(|at| !(has_audio && *at == active));
            let at = match before {
                _ if line.instead_of_audio && !has_audio => active,
                Some(at) => at,
                None => {
                    self.now.lines.push(audio());
                    self.now.lines.len() - 1
                }
            };
            self.now.places[place] = Some(at);
            self.now.lines[at] = Described {
                kind: line.kind.to_string(),
                protocol: line.protocol.to_string(),
                formats: line.formats.iter().map(ToString::to_string).collect(),
            };
        }
    }

    /// Our side of the lines of `spec`: those that can be received.
    pub(super) fn our_lines(&self, spec: &Spec, peer: Option<&[Option<End>]>) -> Vec<Option<End>> {
        let ours = |(place, line): (usize, &Option<Line>)| {
            let line = line.as_ref().filter(|_| self.has_port(place))?;
            let allowed = match peer {
                Some(peer) => peer.get(place).copied().flatten()?.direction.reversed(),
                None => SdpDirection::SendRecv,
            };
            Some(End {
                direction: line.direction.and(allowed),
                ..End::default()
            })
        };
        spec.more.iter().enumerate().map(ours).collect()
    }

    /// The lines that the peer's answer takes of those that were offered.
    ///
    /// # Errors
    /// [`SdpError::NoCommonCodec`] where the offer had such lines only, and the answer takes none.
    pub(super) fn hear_answered_lines(
        &self,
        sdp: &Sdp,
        offered: &[Option<End>],
        audio: bool,
    ) -> Result<(Lines, Ends), SdpError> {
        let answered = |(place, offered): (usize, &Option<End>)| {
            let (offered, at) = ((*offered)?, self.now.places.get(place).copied().flatten()?);
            let media = sdp.media.get(at).filter(|media| line::is_relayed(media))?;
            let same = self.now.lines.get(at)?.kind.eq_ignore_ascii_case(&media.kind);
            let (mut line, mut end) = (Line::read(sdp, media), line_address(sdp, media));
            line.instead_of_audio = !audio && at == self.now.active;
            end.direction = end.direction.and(offered.direction.reversed());
            line.direction = end.direction;
            same.then_some((line, end))
        };
        let (lines, ends): (Vec<_>, Vec<_>) = offered.iter().enumerate().map(answered).map(Option::unzip).unzip();
        let wanted = offered.iter().any(Option::is_some);
        if !audio && wanted && !lines.iter().any(Option::is_some) {
            return Err(SdpError::NoCommonCodec);
        }
        Ok((lines, ends))
    }

    /// What the media engine must know of the peer's lines besides the audio, by place: as [`Session::remote`], for
    /// datagrams that are copied as they are. `None` for a line that is not in use.
    pub fn line_remotes(&self, signalling: IpAddr) -> Vec<Option<Remote>> {
        let offered = self.now.offered.as_ref().filter(|_| self.pending == Pending::Sent);
        let at = |side: &[Option<End>], place: usize| side.get(place).copied().flatten();
        let remote = |place: usize| {
            let agreed = self.now.agreed.as_ref();
            let both = agreed.and_then(|a| Some((at(&a.local.more, place)?, at(&a.remote.more, place)?)));
            match both {
                Some((ours, theirs)) => Some(raw(Some(theirs), ours.direction, signalling)),
                // RFC 3264 section 5.1: what was offered can be received before the answer.
                None => offered
                    .and_then(|offered| at(&offered.more, place))
                    .map(|ours| raw(None, ours.direction, signalling)),
            }
        };
        (0..self.now.places.len()).map(remote).collect()
    }
}

fn raw(theirs: Option<End>, ours: SdpDirection, signalling: IpAddr) -> Remote {
    let signalling = signalling.to_canonical();
    let mut expected = SmallVec::new();
    let rtp = theirs.and_then(|end| end.rtp);
    expected.extend(rtp.map(|rtp| rtp.ip()));
    if !expected.contains(&signalling) {
        expected.push(signalling);
    }
    Remote {
        rtp,
        rtcp: theirs.and_then(|end| end.rtcp),
        rtcp_mux: false,
        expected,
        signalling: Some(signalling),
        send_payloads: Vec::new(),
        receive_payloads: Vec::new(),
        direction: Direction {
            send: ours.sends() && theirs.is_some_and(|end| end.direction.receives()),
            receive: ours.receives() && theirs.is_none_or(|end| end.direction.sends()),
        },
        ptime: PTIME,
        raw: true,
    }
}
