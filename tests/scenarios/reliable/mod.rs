//! Reliable provisional responses (RFC 3262) and changes before the answer (RFC 3311).

mod callee;
mod caller;
mod ended;
mod update;

use sip::{Builder, HeaderName, Message, Method, StatusCode, dialog::Dialog, headers::session::RSeq};
use switch::{Config, Hold, Limits, ReliableProvisional, Transactions, Trusted};
use tests::{Settings, Stage, Wire, sdp};

/// A caller that the test drives message by message, and a phone that it drives so, too.
struct Call {
    stage: Stage,
    near: Wire,
    far: Wire,
    invite: Message,
    sent: std::cell::Cell<u32>,
}

/// What the caller's INVITE says.
#[derive(Copy, Clone)]
struct Asks {
    supported: &'static str,
    required: &'static str,
    allow: &'static str,
    offers: bool,
    mode: ReliableProvisional,
}

impl Default for Asks {
    fn default() -> Self {
        Self {
            supported: "100rel",
            required: "",
            allow: "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE",
            offers: true,
            mode: ReliableProvisional::Described,
        }
    }
}

const REQUIRED: Asks = Asks {
    supported: "",
    required: "100rel",
    allow: "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE",
    offers: true,
    mode: ReliableProvisional::Required,
};

impl Call {
    fn begins(asks: Asks) -> Self {
        Self::to(
            asks,
            r#"fn on_call(caller) { caller.dial("sip:far@198.51.200.2:5060", #{ timeout: 200 }); }"#,
        )
    }

    fn to(asks: Asks, plan: &str) -> Self {
        let trusted = Trusted {
            network: "198.51.200.1".parse().unwrap(),
            prefix: 32,
            extension: "101".into(),
        };
        let mut limits = Limits::default();
        limits.services.hold = Hold::Pass;
        let stage = Stage::new(Settings {
            plan: plan.into(),
            config: Config {
                limits,
                trusted: vec![trusted],
                transactions: Transactions {
                    reliable_provisional: asks.mode,
                    ..Transactions::default()
                },
                ..tests::Settings::default().config
            },
            ..Settings::default()
        });
        stage.unregistered("101");
        let (near, far) = (stage.wire("198.51.200.1:5060"), stage.wire("198.51.200.2:5060"));
        let mut invite = Builder::request(&Method::Invite, "sip:900@tandem.local")
            .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKi")
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:101@tandem.local>;tag=near")
            .header(HeaderName::To, "<sip:900@tandem.local>")
            .header(HeaderName::CallId, "c1")
            .header(HeaderName::CSeq, "1 INVITE")
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>");
        for (name, value) in [
            (HeaderName::Supported, asks.supported),
            (HeaderName::Require, asks.required),
            (HeaderName::Allow, asks.allow),
        ] {
            if !value.is_empty() {
                invite = invite.header(name, value);
            }
        }
        let invite = match asks.offers {
            true => invite.body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes()),
            false => invite,
        };
        let invite = invite.finish();
        near.sends(invite.clone());
        Self {
            stage,
            near,
            far,
            invite,
            sent: std::cell::Cell::new(1),
        }
    }

    /// A request of the caller within the early dialog that `response` made.
    fn within(&self, response: &Message, method: &Method) -> Builder {
        let number = self.sent.get();
        self.sent.set(number + 1);
        let mut dialog = Dialog::uac(&self.invite, response).unwrap();
        for _ in 1..number {
            dialog.next_number();
        }
        let branch = format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKw{number}");
        dialog
            .request(method, branch)
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
    }

    /// The caller acknowledges a reliable response.
    fn pracks(&self, response: &Message, body: Option<&str>) -> Message {
        let number = rseq(response).expect("it is reliable");
        let prack = self
            .within(response, &Method::Prack)
            .header(HeaderName::RAck, format!("{number} 1 INVITE"));
        let prack = match body {
            Some(body) => prack.body("application/sdp", body.as_bytes()),
            None => prack,
        };
        self.near.sends(prack.finish());
        self.near.takes("the answer to PRACK", |message| {
            message.is_response() && *message.method() == Method::Prack
        })
    }

    /// The caller takes the 200 to its INVITE.
    fn connected(&self) -> Message {
        let ok = self.near.takes("200 to INVITE", |message| {
            message.status() == Some(StatusCode::OK) && *message.method() == Method::Invite
        });
        let ack = Dialog::uac(&self.invite, &ok)
            .unwrap()
            .ack(1, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKack");
        self.near.sends(ack.finish());
        self.stage.pass(0.1);
        ok
    }

    /// The phone answers the call with this description, or with none.
    fn far_answers(&self, asked: &Message, body: Option<&str>) {
        self.far.replies(asked, 200, "far", |reply| match body {
            Some(body) => reply.body("application/sdp", body.as_bytes()),
            None => reply,
        });
        self.far.takes_request(Method::Ack);
    }

    /// The phone sends a reliable response.
    fn far_says(&self, asked: &Message, tag: &str, (code, number): (u16, u32), body: Option<&str>) {
        self.far.replies(asked, code, tag, |reply| {
            let reply = reply
                .header(HeaderName::Require, "100rel")
                .header(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE")
                .header(HeaderName::RSeq, number);
            match body {
                Some(body) => reply.body("application/sdp", body.as_bytes()),
                None => reply,
            }
        });
    }

    /// The phone gets the PRACK of this response, and answers.
    fn far_is_acknowledged(&self, number: u32) -> Message {
        let prack = self.far.takes_request(Method::Prack);
        assert_eq!(
            prack.header(HeaderName::RAck),
            Some(format!("{number} 1 INVITE").as_str())
        );
        self.far.replies(&prack, 200, "x", |reply| reply);
        prack
    }

    /// A request of the phone within the early dialog that it made with this tag.
    fn far_within(&self, asked: &Message, tag: &str, number: u32, method: &Method) -> Builder {
        let to = asked.header(HeaderName::To).unwrap();
        Builder::request(method, "sip:101@192.0.2.1")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.2:5060;branch=z9hG4bKf{tag}{number}"),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, format!("{to};tag={tag}"))
            .header(HeaderName::To, asked.header(HeaderName::From).unwrap())
            .header(HeaderName::CallId, asked.call_id())
            .header(HeaderName::CSeq, format!("{number} {method}"))
            .header(HeaderName::Contact, "<sip:far@198.51.200.2>")
    }

    fn ends(&self) {
        let calls = self.stage.calls();
        self.stage.commands(switch::Command::HangUp(calls[0].id)).unwrap();
        for wire in [&self.near, &self.far] {
            let bye = wire.takes_request(Method::Bye);
            wire.replies(&bye, 200, "x", |reply| reply);
        }
        self.stage.clears();
    }
}

/// The number of a reliable response; `None` for another one.
fn rseq(response: &Message) -> Option<u32> {
    let required = response.lists(HeaderName::Require, "100rel");
    let number: Option<RSeq> = response.read().unwrap();
    assert_eq!(required, number.is_some());
    number.map(|RSeq(number)| number)
}

fn near_sdp(port: u16) -> String {
    sdp("198.51.200.1", port)
}

fn far_sdp(port: u16) -> String {
    sdp("198.51.200.2", port)
}
