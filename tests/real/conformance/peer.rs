//! One end that speaks SIP to the server: it sends what a clause asks for, and answers by itself what comes.

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
};

use super::line::{Line, Transport};
use crate::{
    phones::phone::unique,
    support::message::{Message, sdp},
};

/// What a peer does with a new call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Habit {
    Answers,
    Rings,
    /// Answers with this status.
    Refuses(&'static str),
}

/// One dialog, or what is to become one.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub sequence: u32,
}

impl Dialog {
    /// As Replaces and Join name it to the server, which sees it from the other side (RFC 3891 section 3).
    pub fn name(&self) -> String {
        let tag = |field: &str| field.split_once(";tag=").map_or("", |(_, tag)| tag).to_owned();
        let (theirs, ours) = (tag(&self.remote), tag(&self.local));
        format!("{};to-tag={theirs};from-tag={ours}", self.call_id)
    }
}

pub struct Peer {
    pub number: String,
    pub password: String,
    pub server: SocketAddr,
    pub habit: Habit,
    line: Line,
    /// What came and was not asked for yet.
    inbox: VecDeque<Message>,
    seen: HashSet<Message>,
    /// How many messages have come again.
    pub repeated: u32,
}

impl Peer {
    pub fn new(transport: Transport, server: SocketAddr, (number, password): (&str, &str)) -> Self {
        Self {
            number: number.to_owned(),
            password: password.to_owned(),
            server,
            habit: Habit::Answers,
            line: Line::new(transport, server),
            inbox: VecDeque::new(),
            seen: HashSet::new(),
            repeated: 0,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.line.address()
    }

    pub fn transport(&self) -> Transport {
        self.line.transport()
    }

    pub fn contact(&self) -> String {
        let transport = match self.transport() {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        };
        format!("<sip:{}@{}{transport}>", self.number, self.address())
    }

    /// No port is behind it: these calls are silent.
    pub fn sdp(&self, direction: &str) -> String {
        sdp(SocketAddr::new(self.address().ip(), 9_000), 0, None, direction)
    }

    pub fn send(&mut self, text: &str) {
        self.line.send(text);
    }

    /// A dialog that is to begin with a request to `number`; with an empty one to the server itself.
    pub fn new_dialog(&self, number: &str) -> Dialog {
        let server = self.server;
        let (target, to) = if number.is_empty() {
            (format!("sip:{server}"), self.number.as_str())
        } else {
            (format!("sip:{number}@{server}"), number)
        };
        Dialog {
            call_id: unique("clause"),
            local: format!("<sip:{}@{server}>;tag={}", self.number, unique("tag")),
            remote: format!("<sip:{to}@{server}>"),
            target,
            sequence: 1,
        }
    }

    /// A request as it stands on the wire. `fields` take the place of usual fields of that name; see [`super::row::Row`].
    pub fn request(&self, method: &str, dialog: &Dialog, fields: &[&str], body: &str) -> String {
        let Dialog {
            call_id,
            local,
            remote,
            target,
            sequence,
        } = dialog;
        let (uri, method) = method
            .split_once(' ')
            .map_or((target.as_str(), method), |(method, uri)| (uri, method));
        let (uri, version) = uri.split_once(' ').unwrap_or((uri, "SIP/2.0"));
        let mut lines = vec![
            format!(
                "Via: SIP/2.0/{} {};branch={};rport",
                self.transport().name(),
                self.address(),
                unique("z9hG4bK")
            ),
            "Max-Forwards: 70".to_owned(),
            format!("From: {local}"),
            format!("To: {remote}"),
            format!("Call-ID: {call_id}"),
            format!("CSeq: {sequence} {method}"),
            format!("Contact: {}", self.contact()),
        ];
        if body.starts_with("v=") {
            lines.push("Content-Type: application/sdp".to_owned());
        }
        lines.push(format!("Content-Length: {}", body.len()));
        let name = |line: &str| line.split(':').next().unwrap_or("").trim().to_ascii_lowercase();
        for field in fields {
            let (adds, text) = field.strip_prefix('+').map_or((false, *field), |text| (true, text));
            let (leaves_out, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
            if !adds {
                lines.retain(|line| name(line) != name(text));
            }
            if !leaves_out {
                lines.push(text.to_owned());
            }
        }
        format!("{method} {uri} {version}\r\n{}\r\n\r\n{body}", lines.join("\r\n"))
    }

    /// Takes what has come. Requests are answered by habit, and can be looked for afterwards.
    pub fn works(&mut self) {
        for message in self.line.receive() {
            if !self.seen.insert(message.clone()) {
                self.repeated += 1;
                continue;
            }
            if message.status() == 0 {
                self.answers(&message);
            }
            self.inbox.push_back(message);
        }
    }

    fn answers(&mut self, request: &Message) {
        let contact = format!("Contact: {}\r\n", self.contact());
        let described = format!("{contact}Content-Type: application/sdp\r\n");
        let is_new = !request.header("To").contains("tag=");
        // One tag for each call, which every answer in it has.
        let tag = format!("t{}", request.header("Call-ID").replace(['@', '.'], "-"));
        let offers = request.body().contains("m=audio") || request.method() == "INVITE";
        match (request.method(), self.habit) {
            ("ACK", _) => {}
            ("INVITE", Habit::Refuses(status)) if is_new => self.send(&request.response(status, &tag, "", "")),
            ("INVITE", Habit::Rings) if is_new => self.send(&request.response("180 Ringing", &tag, &contact, "")),
            ("INVITE" | "UPDATE", _) if offers => {
                // A held session is answered in kind (RFC 3264 section 6.1).
                let direction = [
                    ("a=sendonly", "recvonly"),
                    ("a=inactive", "inactive"),
                    ("a=recvonly", "sendonly"),
                ];
                let direction = direction.into_iter().find(|(line, _)| request.body().contains(line));
                let body = self.sdp(direction.map_or("sendrecv", |(_, answer)| answer));
                self.send(&request.response("200 OK", &tag, &described, &body));
            }
            ("CANCEL", _) => {
                self.send(&request.response("200 OK", &tag, "", ""));
                let call_id = request.header("Call-ID");
                let is_it =
                    |it: &&Message| it.method() == "INVITE" && it.header("Call-ID") == call_id && it.status() == 0;
                if let Some(invite) = self.inbox.iter().find(is_it).cloned() {
                    self.send(&invite.response("487 Request Terminated", &tag, "", ""));
                }
            }
            _ => self.send(&request.response("200 OK", &tag, &contact, "")),
        }
    }

    /// The first message like this among those that came.
    pub fn find(&mut self, like: impl Fn(&Message) -> bool) -> Option<Message> {
        let at = self.inbox.iter().position(like)?;
        self.inbox.remove(at)
    }
}
