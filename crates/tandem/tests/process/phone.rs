//! A small phone on a real socket: UDP or TCP, one call at a time.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bytes::Bytes;
use sip::{
    Builder, Frame, Framer, HeaderName, Limits, Message, Method, StatusCode, Transport,
    digest::{ChallengeParsed, answer},
};

/// Ends a test that hangs.
const FOREVER: Duration = Duration::from_secs(20);
/// No program listens on that port: the tests need no audio.
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

enum Wire {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream, Box<Framer>),
}

pub(crate) struct Phone {
    wire: Wire,
    number: String,
    password: String,
    local: SocketAddr,
    server: SocketAddr,
    /// Read by [`Phone::until`], and not what was waited for.
    kept: Vec<Message>,
    /// All that was received.
    pub(crate) heard: Vec<Bytes>,
    /// The 2xx that the call in progress began with.
    call: Option<Message>,
}

/// Unique in this process, for tags, branches and Call-IDs.
fn unique() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Phone {
    pub(crate) fn new(transport: Transport, server: SocketAddr, number: &str, password: String) -> Self {
        let (wire, local) = if transport == Transport::Udp {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(FOREVER)).unwrap();
            let local = socket.local_addr().unwrap();
            (Wire::Udp(socket, server), local)
        } else {
            let stream = TcpStream::connect(server).unwrap();
            stream.set_read_timeout(Some(FOREVER)).unwrap();
            let local = stream.local_addr().unwrap();
            (Wire::Tcp(stream, Box::new(Framer::new(Limits::default()))), local)
        };
        Self {
            wire,
            number: number.into(),
            password,
            local,
            server,
            kept: Vec::new(),
            heard: Vec::new(),
            call: None,
        }
    }

    /// A phone at this address that knows of no server; it is only called.
    pub(crate) fn at(address: &str) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(FOREVER)).unwrap();
        let local = socket.local_addr().unwrap();
        Self {
            wire: Wire::Udp(socket, local),
            number: "900".into(),
            password: String::new(),
            local,
            server: local,
            kept: Vec::new(),
            heard: Vec::new(),
            call: None,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.local.port()
    }

    /// Answers go to this server.
    pub(crate) fn calls_back(&mut self, to: SocketAddr) {
        self.server = to;
        if let Wire::Udp(_, server) = &mut self.wire {
            *server = to;
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket, server) => drop(socket.send_to(bytes, *server).unwrap()),
            Wire::Tcp(stream, _) => stream.write_all(bytes).unwrap(),
        }
    }

    /// Says no more, but goes on listening.
    pub(crate) fn half_close(&self) {
        if let Wire::Tcp(stream, _) = &self.wire {
            stream.shutdown(Shutdown::Write).unwrap();
        }
    }

    fn receive(&mut self) -> Message {
        let mut buffer = vec![0; 65_536];
        let bytes = match &mut self.wire {
            Wire::Udp(socket, _) => {
                let length = socket.recv(&mut buffer).unwrap();
                buffer.truncate(length);
                Bytes::from(buffer)
            }
            Wire::Tcp(stream, framer) => loop {
                match framer.next() {
                    Some(Ok(Frame::Message(bytes))) => break bytes,
                    Some(Ok(Frame::Ping | Frame::Pong)) => {}
                    Some(Err(error)) => panic!("{error}"),
                    None => {
                        let length = stream.read(&mut buffer).unwrap();
                        assert_ne!(length, 0, "the PBX closed the connection");
                        framer.push(&buffer[..length]);
                    }
                }
            },
        };
        self.heard.push(bytes.clone());
        Message::parse(bytes, &Limits::default()).unwrap()
    }

    /// The next message that is wanted; others are kept, so that what comes in any order can be waited for
    /// in one.
    fn until(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at);
        }
        loop {
            let message = self.receive();
            if wanted(&message) {
                return message;
            }
            assert!(self.kept.len() < 100, "{} waits for {what} in vain", self.number);
            self.kept.push(message);
        }
    }

    pub(crate) fn hears(&mut self, method: Method) -> Message {
        self.until(method.as_str(), |message| {
            message.is_request() && *message.method() == method
        })
    }

    /// A final answer, or the provisional one that is named.
    pub(crate) fn status(&mut self, method: &Method, provisional: Option<u16>) -> Message {
        self.until("an answer", |message| {
            let code = message.status().map(StatusCode::code);
            message.method() == method && code.is_some_and(|code| code >= 200 || Some(code) == provisional)
        })
    }

    fn via(&self) -> String {
        let transport = if matches!(self.wire, Wire::Udp(..)) {
            "UDP"
        } else {
            "TCP"
        };
        format!("SIP/2.0/{transport} {};branch=z9hG4bK{};rport", self.local, unique())
    }

    fn contact(&self) -> String {
        let transport = if matches!(self.wire, Wire::Udp(..)) {
            "udp"
        } else {
            "tcp"
        };
        format!("<sip:{}@{};transport={transport}>", self.number, self.local)
    }

    /// Sends a request outside of a call, with credentials once they are asked for; its final answer.
    fn request(&mut self, method: &Method, to: &str, body: bool) -> Message {
        let uri = if *method == Method::Register {
            format!("sip:{}", self.server)
        } else {
            format!("sip:{to}@{}", self.server)
        };
        let (call, tag) = (unique(), unique());
        let mut credentials = None;
        for cseq in 1.. {
            let mut request = Builder::request(method, &uri)
                .header(HeaderName::Via, self.via())
                .header(HeaderName::MaxForwards, 70)
                .header(
                    HeaderName::From,
                    format!("<sip:{}@{}>;tag={tag}", self.number, self.server),
                )
                .header(HeaderName::To, format!("<sip:{to}@{}>", self.server))
                .header(HeaderName::CallId, format!("call-{call}"))
                .header(HeaderName::CSeq, format!("{cseq} {method}"))
                .header(HeaderName::Contact, self.contact());
            if let Some(credentials) = &credentials {
                request = request.header(HeaderName::Authorization, credentials);
            }
            if body {
                request = request.body("application/sdp", SDP.as_bytes());
            }
            let request = request.finish();
            self.send(request.bytes());
            let answer = self.status(method, (*method == Method::Invite).then_some(180));
            if *method == Method::Invite && answer.status().is_some_and(|status| status.code() >= 300) {
                self.ack(&request, &answer);
            }
            if answer.status() != Some(StatusCode::UNAUTHORIZED) || credentials.is_some() {
                return answer;
            }
            let challenge = ChallengeParsed::choose(answer.headers(HeaderName::WwwAuthenticate)).unwrap();
            credentials = Some(sip_answer(&challenge, &self.number, &self.password, method, &uri));
        }
        unreachable!("it returns")
    }

    fn ack(&mut self, request: &Message, answer: &Message) {
        let cseq = answer.cseq().unwrap().number;
        let mut ack = Builder::request(&Method::Ack, request.uri())
            .header(HeaderName::Via, request.header(HeaderName::Via).unwrap())
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::CSeq, format!("{cseq} ACK"));
        for (name, from) in [
            (HeaderName::From, request),
            (HeaderName::To, answer),
            (HeaderName::CallId, request),
        ] {
            ack = ack.copy(from, name);
        }
        self.send(ack.finish().bytes());
    }

    pub(crate) fn register(&mut self) -> Message {
        let number = self.number.clone();
        self.request(&Method::Register, &number, false)
    }

    /// Dials; the 180, or the final answer where there is none.
    pub(crate) fn dial(&mut self, number: &str) -> Message {
        self.request(&Method::Invite, number, true)
    }

    /// Answers a request.
    pub(crate) fn answers(&mut self, request: &Message, status: StatusCode) {
        let tag = format!("callee-{}", request.call_id().len());
        let mut reply = Builder::reply(request, status, Some(&tag)).header(HeaderName::Contact, self.contact());
        if *request.method() == Method::Invite && status.is_success() {
            reply = reply.body("application/sdp", SDP.as_bytes());
        }
        let reply = reply.finish();
        self.send(reply.bytes());
    }

    /// Ends the call of [`Phone::is_answered`]; the answer.
    pub(crate) fn bye(&mut self) -> Message {
        let answer = self.call.clone().unwrap();
        let cseq = answer.cseq().unwrap().number + 1;
        let bye = self.within(&answer, &Method::Bye, cseq);
        self.send(bye.bytes());
        self.status(&Method::Bye, None)
    }

    /// A request of the caller's within its call.
    fn within(&self, answer: &Message, method: &Method, cseq: u32) -> Message {
        let contact = answer.contacts().next().unwrap().unwrap();
        let sip::Contact::Address(contact) = contact else {
            panic!("a call's Contact is no star")
        };
        Builder::request(method, contact.uri)
            .header(HeaderName::Via, self.via())
            .header(HeaderName::MaxForwards, 70)
            .copy(answer, HeaderName::From)
            .copy(answer, HeaderName::To)
            .copy(answer, HeaderName::CallId)
            .header(HeaderName::CSeq, format!("{cseq} {method}"))
            .finish()
    }

    /// The 2xx of a call that rang, and its ACK.
    pub(crate) fn is_answered(&mut self) -> Message {
        let answer = self.status(&Method::Invite, None);
        assert_eq!(answer.status(), Some(StatusCode::OK));
        let ack = self.within(&answer, &Method::Ack, answer.cseq().unwrap().number);
        self.call = Some(answer.clone());
        self.send(ack.bytes());
        answer
    }
}

fn sip_answer(challenge: &ChallengeParsed<'_>, user: &str, password: &str, method: &Method, uri: &str) -> String {
    answer(challenge, user, password, method, uri, 1, "cnonce")
}
