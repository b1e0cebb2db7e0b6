//! Messages that a test writes itself, from and to an address that no phone has.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use sip::{Builder, HeaderName, Message, Method, StatusCode};

use crate::world::World;

/// An address at which the test itself sends and receives.
#[derive(Clone)]
pub struct Wire {
    world: Rc<RefCell<World>>,
    /// Where it is.
    pub address: SocketAddr,
}

impl Wire {
    /// At this address.
    pub fn new(world: &Rc<RefCell<World>>, address: &str) -> Self {
        let address = address.parse().unwrap();
        world.borrow_mut().wires.entry(address).or_default();
        Self {
            world: Rc::clone(world),
            address,
        }
    }

    /// Sends a message to the switch.
    pub fn sends(&self, message: Message) {
        let bytes = message.bytes().clone();
        self.world.borrow_mut().throw(self.address, bytes);
    }

    /// Waits for the next message for which `so` holds. Messages before it are dropped.
    pub fn takes(&self, what: &str, so: impl Fn(&Message) -> bool) -> Message {
        let mut world = self.world.borrow_mut();
        let come = world.until(Duration::from_secs(120), |world| {
            world.wires[&self.address].iter().any(&so)
        });
        assert!(come, "waited in vain: {what}\n{}", world.ladder);
        let inbox = world.wires.get_mut(&self.address).unwrap();
        let at = inbox.iter().position(&so).unwrap();
        let message = inbox.drain(..=at).next_back().unwrap();
        is_clean(&message);
        message
            .check()
            .unwrap_or_else(|fault| panic!("the switch sent what its own check refuses: {fault}"));
        message
    }

    /// The next request with this method.
    pub fn takes_request(&self, method: Method) -> Message {
        self.takes(method.as_str(), |message| {
            message.is_request() && *message.method() == method
        })
    }

    /// The next response with this status.
    pub fn takes_response(&self, code: u16) -> Message {
        self.takes(&code.to_string(), |message| {
            message.status().is_some_and(|status| status.code() == code)
        })
    }

    /// The messages that come within so many seconds.
    pub fn collects(&self, seconds: f64) -> Vec<Message> {
        let mut world = self.world.borrow_mut();
        world.pass(Duration::from_secs_f64(seconds));
        std::mem::take(world.wires.get_mut(&self.address).unwrap())
    }

    /// Answers a request.
    pub fn replies(&self, request: &Message, code: u16, tag: &str, edit: impl FnOnce(Builder) -> Builder) {
        let status = StatusCode::new(code).unwrap();
        let contact = format!("<sip:wire@{}>", self.address);
        let builder = Builder::reply(request, status, Some(tag))
            .copy(request, HeaderName::RecordRoute)
            .header(HeaderName::Contact, contact);
        self.sends(edit(builder).finish());
    }
}

/// RFC 3261 25.1: no message of the switch has a control octet, even if a phone sent a control octet first.
pub fn is_clean(message: &Message) {
    let head = message.bytes().len() - message.body().len();
    let head = String::from_utf8_lossy(&message.bytes()[..head]);
    let control = |c: char| c.is_ascii_control() && c != '\t';
    assert!(
        !head.replace("\r\n", "").contains(control),
        "a control octet in {head:?}"
    );
}

/// A plain G.711 description with this address and port.
pub fn sdp(address: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 7 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n"
    )
}
