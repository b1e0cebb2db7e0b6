//! The messages of a run, drawn for people.

use std::{collections::VecDeque, fmt, net::SocketAddr};

use sip::{Instant, Limits, Message};

/// The messages of a run, and the fate of each.
pub struct Ladder {
    lines: VecDeque<String>,
    /// The number of lines that are kept.
    pub kept: usize,
    /// Keeps nothing: faster in long simulations.
    pub off: bool,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            kept: 200,
            off: false,
        }
    }
}

impl Ladder {
    /// Adds a message that was put on the wire.
    pub fn message(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &bytes::Bytes, fate: &str) {
        if self.off {
            return;
        }
        let what = match Message::parse(bytes.clone(), &Limits::default()) {
            Ok(message) => {
                let cseq = message.header(sip::HeaderName::CSeq).unwrap_or("?").to_owned();
                let sdp = described(message.body());
                let call = message.call_id().get(..6).unwrap_or(message.call_id()).to_owned();
                match message.status() {
                    Some(status) => format!("{} {} ({cseq}){sdp} [{call}]", status.code(), message.reason()),
                    None => format!("{} {} ({cseq}){sdp} [{call}]", message.method(), message.uri()),
                }
            }
            Err(_) => format!("{} bytes", bytes.len()),
        };
        self.note(now, &format!("{from} -> {to}  {what}{fate}"));
    }

    /// Adds a line of text.
    pub fn note(&mut self, now: Instant, what: &str) {
        if self.off {
            return;
        }
        if self.lines.len() >= self.kept {
            self.lines.pop_front();
        }
        let micros = now.as_micros();
        self.lines
            .push_back(format!("{:>5}.{:06}  {what}", micros / 1_000_000, micros % 1_000_000));
    }
}

/// The media line and the direction of a description, or how long another body is.
fn described(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let media = text.lines().find_map(|line| line.strip_prefix("m=audio "));
    let direction = ["sendonly", "recvonly", "inactive"];
    let direction = direction.iter().find(|word| text.contains(&format!("a={word}")));
    match (media, body.len()) {
        (_, 0) => String::new(),
        (Some(media), _) => format!(" +sdp {media} {}", direction.unwrap_or(&"sendrecv")),
        (None, length) => format!(" +{length} bytes"),
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
