//! SIP as a tester writes and reads it: text. Nothing of the product's own parser is used here.

use std::net::SocketAddr;

use md5::Digest as _;

/// The payload number of Opus.
pub const OPUS: u8 = 111;

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message(pub String);

impl Message {
    fn head(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or(&self.0, |(head, _)| head)
    }

    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    fn start(&self) -> &str {
        self.0.lines().next().unwrap_or("")
    }

    /// The status of a response, 0 for a request.
    pub fn status(&self) -> u16 {
        let status = self.start().strip_prefix("SIP/2.0 ");
        status.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    }

    /// The method of a request or, from CSeq, of what is answered.
    pub fn method(&self) -> &str {
        match self.status() {
            0 => self.start().split(' ').next().unwrap_or(""),
            _ => self.header("CSeq").split(' ').nth(1).unwrap_or(""),
        }
    }

    /// Every value of a header, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.head().lines().skip(1).filter_map(move |line| {
            let (field, value) = line.split_once(':')?;
            field.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The first value of a header, or nothing.
    pub fn header<'a>(&'a self, name: &'a str) -> &'a str {
        self.headers(name).next().unwrap_or("")
    }

    /// The URI of Contact.
    pub fn contact(&self) -> &str {
        let contact = self.header("Contact");
        contact
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'))
            .map_or(contact, |(uri, _)| uri)
    }

    /// Where the SDP wants audio.
    pub fn audio(&self) -> Option<SocketAddr> {
        let line = |key: &str| self.body().lines().find_map(|line| line.strip_prefix(key));
        let host = line("c=IN IP4 ").or_else(|| line("c=IN IP6 "))?;
        let port = line("m=audio ")?.split(' ').next()?;
        Some(SocketAddr::new(host.trim().parse().ok()?, port.parse().ok()?))
    }

    /// A response to this request. `more` are whole lines; a tag is added unless there is one.
    pub fn response(&self, status: &str, tag: &str, more: &str, body: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"] {
            for value in self.headers(name) {
                let tagged = name != "To" || value.contains("tag=") || status.starts_with("100");
                let tag = if tagged { String::new() } else { format!(";tag={tag}") };
                text += &format!("{name}: {value}{tag}\r\n");
            }
        }
        text + more + format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_str()
    }

    /// The Authorization line that answers this 401 with one of its challenges: SHA-256 if asked for and offered
    /// (RFC 8760), else MD5 (RFC 7616 3.4).
    pub fn authorization(&self, method: &str, uri: &str, user: &str, password: &str, sha256: bool) -> String {
        let name = if sha256 { "SHA-256" } else { "MD5" };
        let challenge = self
            .headers("WWW-Authenticate")
            .find(|value| parameter(value, "algorithm") == name);
        let challenge = challenge.unwrap_or_else(|| panic!("no {name} in {}", self.0));
        let hash = |text: String| {
            let octets = if sha256 {
                sha2::Sha256::digest(text).to_vec()
            } else {
                md5::Md5::digest(text).to_vec()
            };
            octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>()
        };
        let (realm, nonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"));
        let ha1 = hash(format!("{user}:{realm}:{password}"));
        let ha2 = hash(format!("{method}:{uri}"));
        let response = hash(format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={name}, cnonce=\"c0ffee\", nc=00000001, qop=auth\r\n"
        )
    }
}

/// A parameter of a challenge, without quotes.
fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let list = challenge.trim_start_matches("Digest ").split(',');
    let value = list
        .filter_map(|item| item.trim().split_once('='))
        .find(|(key, _)| *key == name);
    value.map_or("", |(_, value)| value.trim_matches('"'))
}

/// An offer or answer of one codec on a port, and of keys (RFC 4733) where `keys` is their payload number and clock.
pub fn sdp(audio: SocketAddr, payload: u8, keys: Option<(u8, u32)>, direction: &str) -> String {
    let (ip, family) = (audio.ip(), if audio.is_ipv4() { 4 } else { 6 });
    let codec = match payload {
        8 => "PCMA/8000",
        9 => "G722/8000",
        OPUS => "opus/48000/2",
        _ => "PCMU/8000",
    };
    let (number, map) = keys.map_or_else(Default::default, |(number, clock)| {
        let map = format!("a=rtpmap:{number} telephone-event/{clock}\r\na=fmtp:{number} 0-15\r\n");
        (format!(" {number}"), map)
    });
    format!(
        "v=0\r\no=- 1 1 IN IP{family} {ip}\r\ns=-\r\nc=IN IP{family} {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP {payload}{number}\r\n\
         a=rtpmap:{payload} {codec}\r\n{map}a=ptime:20\r\na={direction}\r\n",
        audio.port()
    )
}
