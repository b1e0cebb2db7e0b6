use std::time::Duration;

use bytes::Bytes;
use sip::{Flow, HeaderName, Instant, Limits, Message, Method, Transport};

use crate::{
    Config, Keys, Switch,
    api::{
        AccountChange, CallImage, CallUid, Extension, Input, LegImage, Listener, Output, Position, Query,
        ScriptCommand, ScriptEvent, Trusted, Verb,
    },
    ids::LegId,
    leg::image::resume,
};

const PHONE: &str = "192.0.2.7:5070";
const PORT: u16 = 4_000;

/// A phone that sends what a test tells it to, and a switch that trusts the network of this phone.
struct Line {
    switch: Switch,
    now: Instant,
    sent: Vec<Message>,
    journal: Vec<CallImage>,
    media: Vec<media::Command>,
    call: Option<CallUid>,
}

impl Line {
    fn new(seed: u8, journal: bool, unix_micros: i64) -> Self {
        let trusted = Trusted {
            network: "192.0.2.0".parse().unwrap(),
            prefix: 24,
            extension: "101".into(),
        };
        let config = Config {
            trusted: vec![trusted],
            journal,
            ..Config::default()
        };
        let mut line = Self {
            switch: Switch::new(
                config,
                [seed; 32],
                &Keys {
                    nonce: [0; 32],
                    gruu: [0; 32],
                },
            ),
            now: Instant::ZERO,
            sent: Vec::new(),
            journal: Vec::new(),
            media: Vec::new(),
            call: None,
        };
        line.does(Input::Clock { unix_micros });
        let extension = Extension {
            number: "101".into(),
            ..Extension::default()
        };
        line.does(Input::Account(AccountChange::Extension(extension)));
        line.does(Input::Listening(vec![Listener {
            transport: Transport::Udp,
            address: "192.0.2.1:5060".parse().unwrap(),
        }]));
        line
    }

    fn does(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        loop {
            let answer = match self.switch.poll_output() {
                Output::Timeout(_) => return,
                Output::Transmit(out) => {
                    self.sent.push(Message::parse(out.bytes, &Limits::default()).unwrap());
                    None
                }
                Output::Query(query, Query::OpenCdr(_)) => Some(Input::Stored { query, ok: true }),
                Output::Script(ScriptCommand::Start { call, .. }) => {
                    self.call = Some(call);
                    Some(script(call, Verb::Answer))
                }
                Output::Journal(image) => {
                    self.journal.push(*image);
                    None
                }
                Output::Media(command) => {
                    self.media.push(command);
                    None
                }
                Output::Script(_)
                | Output::Query(..)
                | Output::Forget(_)
                | Output::Subscriptions(_)
                | Output::DropMessage(_)
                | Output::CdrAnswered(_)
                | Output::Quality { .. }
                | Output::Cdr(_)
                | Output::Event(_)
                | Output::Recording(_)
                | Output::Reply(..) => None,
            };
            if let Some(input) = answer {
                self.switch.handle(self.now, input);
            }
        }
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.does(Input::Tick);
    }

    fn hears(&mut self, text: &str) {
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: PHONE.parse().unwrap(),
            connection: None,
        };
        let bytes = Bytes::from(text.replace('\n', "\r\n").into_bytes());
        self.does(Input::Received { flow, bytes });
    }

    /// The last message that was sent.
    fn said(&self) -> &Message {
        self.sent.last().expect("something was sent")
    }
}

fn script(call: CallUid, verb: Verb) -> Input {
    Input::Script(ScriptEvent::Verb {
        call,
        verb,
        at: Position::default(),
    })
}

/// A request of the phone. `to`: the tag of the To header field.
fn request(method: &str, number: u32, to: &str, extra: &str, sdp: &str) -> String {
    let kind = if sdp.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\n"
    };
    format!(
        "{method} sip:600@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK{method}{number}\n\
         Max-Forwards: 70\nFrom: <sip:101@192.0.2.1>;tag=phone\nTo: <sip:600@192.0.2.1>{to}\nCall-ID: lasts\n\
         CSeq: {number} {method}\nContact: <sip:101@{PHONE}>\nSupported: timer\nAllow: INVITE, ACK, BYE, UPDATE\n\
         {extra}{kind}Content-Length: {}\n\n{sdp}",
        sdp.replace('\n', "\r\n").len()
    )
}

fn sdp(version: u32, direction: &str) -> String {
    format!(
        "v=0\no=- 5 {version} IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio {PORT} RTP/AVP 0 101\n\
         a=rtpmap:101 telephone-event/8000\na={direction}\n"
    )
}

fn to_tag(message: &Message) -> String {
    format!(";tag={}", message.to_tag().unwrap())
}

fn body(message: &Message) -> &str {
    std::str::from_utf8(message.body()).unwrap()
}

/// The audio line, which names our port.
fn audio(message: &Message) -> &str {
    body(message).lines().find(|line| line.starts_with("m=audio")).unwrap()
}

/// A call that Tandem has answered, and the image of its leg.
fn answered(line: &mut Line) -> (Message, LegImage) {
    let secret = "Session-Expires: 600;refresher=uac\nX-Key: 5ec2e7\n";
    line.hears(&request("INVITE", 7, "", secret, &sdp(1, "sendrecv")));
    let ok = line.said().clone();
    assert_eq!(
        ok.status().map(|status| status.code()),
        Some(200),
        "{}",
        String::from_utf8_lossy(ok.bytes())
    );
    assert!(line.journal.is_empty(), "a leg that waits for its ACK is not quiet");
    line.hears(&request("ACK", 7, &to_tag(&ok), "", ""));
    let image = line.journal.last().expect("it is quiet now").clone();
    assert_eq!((Some(image.call), image.legs.len()), (line.call, 1));
    let text = serde_json::to_string(&image).unwrap();
    assert!(
        !text.contains("5ec2e7") && !text.contains("Digest"),
        "no secret lasts: {text}"
    );
    let read: CallImage = serde_json::from_str(&text).unwrap();
    assert_eq!(read, image);
    (ok, read.legs[0].clone())
}

/// A leg that goes on from `image` in a switch that has no other state.
fn resumed(line: &mut Line, image: LegImage) -> LegId {
    let mut call = None;
    let none = line.switch.calls.try_insert_with(|id| {
        call = Some(id);
        Err(())
    });
    assert!(none.is_err());
    let leg = line.switch.x.new_leg(|cx, id| resume(cx, id, call.unwrap(), image));
    let leg = leg.unwrap();
    line.does(Input::Tick);
    leg
}

#[test]
fn a_leg_goes_on_from_its_image_in_another_switch() {
    let mut before = Line::new(1, true, 1_000_000_000);
    let (ok, image) = answered(&mut before);
    let mut line = Line::new(2, false, 1_060_000_000);
    let leg = resumed(&mut line, image.clone());
    let mut opened = None;
    let mut updated = None;
    for command in &line.media {
        if let media::Command::Open { local_port, .. } = command {
            opened = Some(*local_port);
        } else if let media::Command::Update { remote, .. } = command {
            updated = remote.rtp;
        }
    }
    let our_port = audio(&ok).split(' ').nth(1).unwrap().parse().ok();
    assert_eq!(opened, our_port, "media is received at the same port");
    assert_eq!(updated, Some("192.0.2.7:4000".parse().unwrap()));
    assert_eq!(line.switch.x.legs.get(leg).unwrap().image(), Some(image));
    assert!(line.sent.is_empty(), "the phone hears nothing of it");

    // A request that comes again, or with an earlier number, is out of order (RFC 3261 12.2.2).
    let to = to_tag(&ok);
    line.hears(&request("INFO", 7, &to, "", ""));
    assert_eq!(line.said().status().map(|status| status.code()), Some(500));
    // A refresh is answered with the description that the phone knows.
    line.hears(&request("INVITE", 8, &to, "", &sdp(1, "sendrecv")));
    let again = line.said().clone();
    assert_eq!(again.status().map(|status| status.code()), Some(200));
    assert_eq!(again.body(), ok.body(), "nothing has changed, not even o=");
    line.hears(&request("ACK", 8, &to, "", ""));
    // The call hears of a hold, which is answered within the same session.
    line.hears(&request("INVITE", 9, &to, "", &sdp(2, "sendonly")));
    line.switch.x.with_leg(leg, |leg, cx| {
        let offered = leg.pending_offer().cloned().unwrap();
        assert!(offered.is_hold());
        let direction = offered.direction().reversed();
        leg.answer_change(cx, &offered.with_direction(direction));
    });
    line.does(Input::Tick);
    let held = line.said().clone();
    assert!(body(&held).contains("a=recvonly"), "{}", body(&held));
    assert_eq!(audio(&held).split(' ').nth(1), audio(&ok).split(' ').nth(1));
    let origin = |message: &Message| body(message).lines().nth(1).unwrap().to_owned();
    let [first, second] = [&ok, &held].map(origin);
    let version = |origin: &str| origin.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert_eq!(
        first.split(' ').nth(1),
        second.split(' ').nth(1),
        "the session is the same"
    );
    assert_eq!(version(&second), version(&first) + 1);
    line.hears(&request("ACK", 9, &to, "", ""));
    line.hears(&request("BYE", 10, &to, "", ""));
    assert_eq!(line.said().status().map(|status| status.code()), Some(200));
    line.switch.x.remove_leg(leg);
    let left: Vec<_> = ["dialogs", "legs", "media ports", "timers"]
        .into_iter()
        .filter(|table| line.switch.held().contains(&(*table, 0)))
        .collect();
    assert_eq!(left.len(), 4, "{:?}", line.switch.held());
}

#[test]
fn our_requests_after_a_restart_go_on_with_the_next_cseq_number() {
    let mut before = Line::new(1, true, 0);
    let (ok, image) = answered(&mut before);
    let mut line = Line::new(2, false, 0);
    let leg = resumed(&mut line, image);
    line.switch.x.with_leg(leg, |leg, cx| {
        leg.offer_own(cx, &media::Spec::own(&["PCMU"]));
    });
    line.does(Input::Tick);
    let offer = line.said().clone();
    assert_eq!(
        (offer.method(), offer.uri()),
        (&Method::Invite, "sip:101@192.0.2.7:5070")
    );
    assert_eq!(offer.from_tag(), ok.to_tag());
    assert_eq!(
        offer.header(HeaderName::CSeq),
        Some("1 INVITE"),
        "we had asked nothing before"
    );
    assert_eq!(
        line.switch.x.legs.get(leg).unwrap().image(),
        None,
        "an offer is under way"
    );
}

#[test]
fn a_session_that_expired_during_the_restart_ends() {
    let mut before = Line::new(1, true, 0);
    let (_, image) = answered(&mut before);
    assert_eq!((image.timer.interval.as_secs(), image.timer.ours), (600, false));
    for (micros, ends) in [(500_000_000, false), (700_000_000, true)] {
        let mut line = Line::new(2, false, micros);
        resumed(&mut line, image.clone());
        line.passes(Duration::from_secs(1));
        let byes = line.sent.iter().filter(|message| *message.method() == Method::Bye);
        assert_eq!(byes.count() > 0, ends, "{micros}");
    }
}

#[test]
fn the_lines_besides_the_audio_go_on_at_their_ports() {
    let mut before = Line::new(1, true, 0);
    let (_, mut image) = answered(&mut before);
    // The second line's port is none of ours.
    image.talk.session.receive_line_at(0, 20_010);
    image.talk.session.receive_line_at(1, 9);
    let mut line = Line::new(2, false, 0);
    let leg = resumed(&mut line, image);
    let is_opened =
        |command: &media::Command| matches!(command, media::Command::Open { local_port, .. } if *local_port == 20_010);
    assert!(line.media.iter().any(is_opened));
    let leg = line.switch.x.legs.get(leg).unwrap();
    let lines = leg.lines();
    assert!(matches!(lines[..], [Some(_), None]), "{lines:?}");
    assert_eq!(leg.talk().line_ports(), [20_010, 0]);
}

#[test]
fn a_leg_does_not_go_on_without_its_media_port() {
    let mut before = Line::new(1, true, 0);
    let (_, image) = answered(&mut before);
    let mut line = Line::new(2, false, 0);
    line.switch.x.stack.pool = media::Pool::new(40_000, 40_010);
    let made = line.switch.x.new_leg(|cx, id| {
        let call = before.switch.calls.ids().first().copied().unwrap();
        resume(cx, id, call, image)
    });
    assert!(made.is_err());
    assert_eq!(line.switch.x.stack.pool.in_use(), 0);
}

#[test]
fn the_journal_is_written_once_for_each_change_and_at_the_end_of_the_call() {
    let mut line = Line::new(1, true, 0);
    let (ok, _) = answered(&mut line);
    assert_eq!(line.journal.len(), 1);
    let to = to_tag(&ok);
    line.hears(&request("ACK", 7, &to, "", ""));
    assert_eq!(line.journal.len(), 1, "a repeated ACK changes nothing");
    line.hears(&request("OPTIONS", 8, &to, "", ""));
    assert_eq!(line.journal.len(), 2, "a CSeq has moved");
    line.hears(&request("BYE", 9, &to, "", ""));
    let call = line.call.unwrap();
    line.does(Input::Script(ScriptEvent::Ended { call, result: Ok(()) }));
    assert_eq!(line.journal.last(), Some(&CallImage { call, legs: Vec::new() }));

    let mut off = Line::new(1, false, 0);
    off.hears(&request("INVITE", 7, "", "", &sdp(1, "sendrecv")));
    let ok = off.said().clone();
    off.hears(&request("ACK", 7, &to_tag(&ok), "", ""));
    assert!(off.journal.is_empty(), "nothing is written unless it is asked for");
}
