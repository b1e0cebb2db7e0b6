//! Why a session is not acceptable: the Warning of a 488 or 606 (RFC 3261 13.3.1.3, 20.43).

use std::borrow::Cow;

use media::{SdpError, sdp::Sdp};
use sip::{HeaderName, StatusCode};

use crate::answer::Answer;

/// A code of RFC 3261 20.43 with its words.
pub(crate) type Warning = (u16, &'static str);

/// The media line asks for a transport that Tandem does not have, such as SRTP.
const TRANSPORT: Warning = (302, "Incompatible transport protocol");
/// The description has no audio.
pub(crate) const MEDIA_TYPE: Warning = (304, "Media type not available");
/// The two sides have no codec in common.
pub(crate) const FORMAT: Warning = (305, "Incompatible media format");
/// The description cannot be read.
const PARAMETER: Warning = (307, "Session description parameter not understood");
/// The other phone, or the dialplan, refuses without a reason.
const OTHER: Warning = (399, "The session is not acceptable to the other side");

impl Answer {
    /// 488 with its reason.
    pub(crate) fn unacceptable(domain: &str, (code, text): Warning) -> Self {
        Self::of(488).with(HeaderName::Warning, format!("{code} {domain} \"{text}\""))
    }

    /// 488 to a description that was not accepted.
    pub(crate) fn undescribed(domain: &str, fault: &SdpError, description: &[u8]) -> Self {
        Self::unacceptable(domain, of(fault, description))
    }

    /// Adds a Warning if the status requires one and none is there.
    pub(crate) fn warned(&self, domain: &str) -> Cow<'_, Self> {
        let unacceptable = self.status == StatusCode::NOT_ACCEPTABLE_HERE || self.status.code() == 606;
        if !unacceptable || self.header(HeaderName::Warning).is_some() {
            return Cow::Borrowed(self);
        }
        let (code, text) = OTHER;
        let value = format!("{code} {domain} \"{text}\"");
        Cow::Owned(self.clone().with(HeaderName::Warning, value))
    }
}

/// Which part of a description made it unusable.
fn of(fault: &SdpError, description: &[u8]) -> Warning {
    if !matches!(fault, SdpError::NoCommonCodec) {
        return PARAMETER;
    }
    let Ok(sdp) = Sdp::parse(description) else {
        return PARAMETER;
    };
    let mut audio = sdp
        .media
        .iter()
        .filter(|media| media.port != 0 && media.kind.eq_ignore_ascii_case("audio"))
        .peekable();
    if audio.peek().is_none() {
        return MEDIA_TYPE;
    }
    if audio.all(|media| !media::is_rtp_audio(media)) {
        return TRANSPORT;
    }
    FORMAT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_488_says_why() {
        let with = |lines: &str| format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n{lines}");
        for (lines, code) in [
            ("m=audio 4000 RTP/SAVP 0\r\n", "302"),
            ("m=video 4000 RTP/AVP 97\r\n", "304"),
            ("m=audio 0 RTP/AVP 0\r\n", "304"),
            ("m=audio 4000 RTP/AVP 99\r\n", "305"),
            ("m=video 4000 RTP/AVP 97\r\nm=audio 4000 RTP/AVP 99\r\n", "305"),
        ] {
            let answer = Answer::undescribed("example.com", &SdpError::NoCommonCodec, with(lines).as_bytes());
            let value = answer.header(HeaderName::Warning).unwrap();
            assert!(value.starts_with(&format!("{code} example.com \"")), "{lines}: {value}");
            assert_eq!(answer.warned("example.com").headers.len(), 1, "one is enough");
        }
        let broken = SdpError::TooLarge("lines");
        let answer = Answer::undescribed("d", &broken, b"");
        assert!(answer.header(HeaderName::Warning).unwrap().starts_with("307 d \""));
        for (code, expected) in [(488, true), (606, true), (486, false), (200, false)] {
            let answer = Answer::of(code);
            let has = answer.warned("d").header(HeaderName::Warning).is_some();
            assert_eq!(has, expected, "{code}");
        }
    }
}
