//! A call whose two peers the test drives message by message, with the descriptions that it wants.

use sip::{Builder, HeaderName, Message, Method, StatusCode, dialog::Dialog};
use switch::{Config, Trusted};
use tests::{Settings, Stage, Wire};

/// Two peers that the test drives message by message: `near` calls, `far` is called.
pub(crate) struct Call {
    pub(crate) stage: Stage,
    pub(crate) near: Wire,
    pub(crate) far: Wire,
    pub(crate) invite: Message,
}

impl Call {
    /// The caller sends an INVITE with this offer.
    pub(crate) fn offers(sdp: &str) -> Self {
        Self::begins("application/sdp", sdp)
    }

    /// The caller sends this.
    pub(crate) fn begins(kind: &str, body: &str) -> Self {
        let trusted = Trusted {
            network: "198.51.200.1".parse().unwrap(),
            prefix: 32,
            extension: "101".into(),
        };
        let stage = Stage::new(Settings {
            plan: r#"fn on_call(caller) { caller.dial("sip:far@198.51.200.2:5060", #{ timeout: 20 }); }"#.into(),
            config: Config {
                trusted: vec![trusted],
                ..Settings::default().config
            },
            ..Settings::default()
        });
        stage.unregistered("101");
        let (near, far) = (stage.wire("198.51.200.1:5060"), stage.wire("198.51.200.2:5060"));
        let invite = Builder::request(&Method::Invite, "sip:900@tandem.local")
            .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKi")
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:101@tandem.local>;tag=near")
            .header(HeaderName::To, "<sip:900@tandem.local>")
            .header(HeaderName::CallId, "c1")
            .header(HeaderName::CSeq, "1 INVITE")
            .header(HeaderName::Supported, "replaces")
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
            .body(kind, body.as_bytes())
            .finish();
        near.sends(invite.clone());
        Self {
            stage,
            near,
            far,
            invite,
        }
    }

    /// The callee is offered the call, and answers with this description. What the caller is sent.
    pub(crate) fn answers(&self, sdp: &str) -> (Message, Message) {
        let asked = self.far.takes_request(Method::Invite);
        self.far.replies(&asked, 200, "far", |reply| {
            reply.body("application/sdp", sdp.as_bytes())
        });
        self.far.takes_request(Method::Ack);
        (asked, self.connected())
    }

    /// The caller takes the 200, and acknowledges.
    pub(crate) fn connected(&self) -> Message {
        let ok = self.near.takes_response(200);
        let ack = Dialog::uac(&self.invite, &ok)
            .unwrap()
            .ack(1, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKa");
        self.near.sends(ack.finish());
        self.stage.pass(0.1);
        ok
    }

    /// The callee offers `to`, and the caller answers with `answer`: the offer that the caller gets, and the answer that
    /// the callee gets.
    pub(crate) fn changes(&self, asked: &Message, number: u32, to: &str, answer: &str) -> (Message, Message) {
        let change = Builder::request(&Method::Invite, "sip:101@192.0.2.1")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.2:5060;branch=z9hG4bKc{number}"),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(
                HeaderName::From,
                format!("{};tag=far", asked.header(HeaderName::To).unwrap()),
            )
            .header(HeaderName::To, asked.header(HeaderName::From).unwrap())
            .header(HeaderName::CallId, asked.call_id())
            .header(HeaderName::CSeq, format!("{number} INVITE"))
            .header(HeaderName::Contact, "<sip:far@198.51.200.2>")
            .body("application/sdp", to.as_bytes())
            .finish();
        self.far.sends(change);
        let offered = self.near.takes_request(Method::Invite);
        let reply = Builder::reply(&offered, StatusCode::OK, None)
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
            .body("application/sdp", answer.as_bytes());
        self.near.sends(reply.finish());
        let answered = self.far.takes_response(200);
        let ack = Builder::request(&Method::Ack, "sip:101@192.0.2.1")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.2:5060;branch=z9hG4bKk{number}"),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(
                HeaderName::From,
                format!("{};tag=far", asked.header(HeaderName::To).unwrap()),
            )
            .header(HeaderName::To, asked.header(HeaderName::From).unwrap())
            .header(HeaderName::CallId, asked.call_id())
            .header(HeaderName::CSeq, format!("{number} ACK"));
        self.far.sends(ack.finish());
        self.stage.pass(0.1);
        (offered, answered)
    }

    pub(crate) fn ends(&self) {
        let calls = self.stage.calls();
        self.stage.commands(switch::Command::HangUp(calls[0].id)).unwrap();
        for wire in [&self.near, &self.far] {
            let bye = wire.takes_request(Method::Bye);
            wire.replies(&bye, 200, "x", |reply| reply);
        }
        self.stage.clears();
    }
}

pub(crate) fn lines(message: &Message, kind: &str) -> Vec<String> {
    let text = message.body_text().into_owned();
    let lines = text.lines().filter(|line| line.starts_with(kind));
    lines.map(str::to_owned).collect()
}

pub(crate) fn streams(message: &Message) -> Vec<String> {
    lines(message, "m=")
}

/// A description by a phone at the far address (`2`) or the near one (`1`).
pub(crate) fn by(host: u8, rest: &str) -> String {
    let head = "v=0\r\no=- 3 1 IN IP4 198.51.200.X\r\ns=-\r\nc=IN IP4 198.51.200.X\r\nt=0 0\r\n";
    let head = head.replace('X', &host.to_string());
    let rest: String = rest.lines().map(|line| format!("{}\r\n", line.trim())).collect();
    format!("{head}{rest}")
}
