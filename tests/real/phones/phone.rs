//! A phone of our own on a raw UDP socket: it can do what no real phone would, and measures RTP packet by packet.

use std::{
    collections::{HashSet, VecDeque},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tests::wait::until;

use crate::support::{
    message::{Message, sdp},
    place::Audio,
    tandem::{Tandem, password},
};

const SOON: Duration = Duration::from_secs(15);

/// A text that no other call or transaction of this process has.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A socket for SIP, one for RTP, and an extension.
pub struct Phone {
    pub socket: UdpSocket,
    pub rtp: Audio,
    pub number: String,
    /// Digest with SHA-256; else with MD5.
    pub sha256: bool,
    pub payload: u8,
    /// The payload number and the clock of RFC 4733 events, where it takes them.
    pub keys: Option<(u8, u32)>,
    server: SocketAddr,
    inbox: VecDeque<Message>,
    seen: HashSet<Message>,
}

/// One side of a call, as the phone keeps it.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub sequence: u32,
    /// Where the other side wants audio.
    pub audio: SocketAddr,
}

impl Dialog {
    /// As Replaces and Join name it to Tandem (RFC 3891 section 3).
    pub fn name(&self) -> String {
        let tag = |field: &str| field.split_once(";tag=").map_or("", |(_, tag)| tag).to_owned();
        let (theirs, ours) = (tag(&self.remote), tag(&self.local));
        format!("{};to-tag={theirs};from-tag={ours}", self.call_id)
    }
}

impl Phone {
    /// A phone that is not registered.
    pub fn new(pbx: &Tandem, number: &str) -> Self {
        Self::at(pbx, number, Ipv4Addr::LOCALHOST)
    }

    /// The same at an address of its own.
    pub fn at(pbx: &Tandem, number: &str, host: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((host, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            rtp: Audio::on(host),
            number: number.to_owned(),
            sha256: true,
            payload: 0,
            keys: None,
            server: pbx.sip,
            inbox: VecDeque::new(),
            seen: HashSet::new(),
        }
    }

    /// A phone that is.
    pub fn registered(pbx: &Tandem, number: &str) -> Self {
        let mut phone = Self::new(pbx, number);
        let answer = phone.registers(&password(number));
        assert_eq!(answer.status(), 200, "{}", answer.0);
        phone
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    fn receive(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let message = Message(String::from_utf8_lossy(&buffer[..length]).into_owned());
            // A retransmission tells nothing new.
            if self.seen.insert(message.clone()) {
                self.inbox.push_back(message);
            }
        }
    }

    /// Waits for the first message like this; others stay.
    pub fn expect(&mut self, what: &str, like: impl Fn(&Message) -> bool) -> Message {
        until(&format!("{}: {what}", self.number), SOON, || {
            self.receive();
            let at = self.inbox.iter().position(&like)?;
            self.inbox.remove(at)
        })
    }

    pub fn expect_request(&mut self, method: &str) -> Message {
        self.expect(method, |message| message.status() == 0 && message.method() == method)
    }

    /// The final answer to a request of this transaction.
    fn expect_answer(&mut self, branch: &str) -> Message {
        self.expect("a final answer", |message| {
            message.status() >= 200 && message.header("Via").contains(&format!("branch={branch}"))
        })
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:{}@{}>\r\n", self.number, self.address())
    }

    /// A request with everything it needs. Before there is a call, its dialog names who is called.
    fn request(&self, method: &str, branch: &str, dialog: &Dialog, more: &str, body: &str) -> String {
        let sdp = if body.starts_with("v=") {
            "Content-Type: application/sdp\r\n"
        } else {
            ""
        };
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} {method}\r\n{more}{sdp}Content-Length: {}\r\n\r\n{body}",
            dialog.target,
            self.address(),
            dialog.local,
            dialog.remote,
            dialog.call_id,
            dialog.sequence,
            body.len(),
        )
    }

    fn new_dialog(&self, to: &str) -> Dialog {
        let target = if to.is_empty() {
            format!("sip:{}", self.server)
        } else {
            format!("sip:{to}@{}", self.server)
        };
        let number = if to.is_empty() { &self.number } else { to };
        Dialog {
            call_id: unique("call"),
            local: format!("<sip:{}@{}>;tag={}", self.number, self.server, unique("tag")),
            remote: format!("<sip:{number}@{}>", self.server),
            target,
            sequence: 1,
            audio: self.address(),
        }
    }

    /// Acknowledges what is no 2xx: in the same transaction (RFC 3261 17.1.1.3).
    fn acknowledge(&self, answer: &Message, branch: &str, dialog: &Dialog) {
        let remote = answer.header("To").to_owned();
        let dialog = Dialog {
            remote,
            ..dialog.clone()
        };
        self.send(&self.request("ACK", branch, &dialog, "", ""));
    }

    /// Sends a request without credentials, then with those that the 401 asks for; the branch of the latter, or the
    /// answer where it was another.
    fn challenged(
        &mut self,
        method: &str,
        dialog: &mut Dialog,
        password: &str,
        more: &str,
        body: &str,
    ) -> Result<String, Message> {
        let branch = unique("z9hG4bK");
        self.send(&self.request(method, &branch, dialog, more, body));
        let answer = self.expect_answer(&branch);
        if method == "INVITE" && answer.status() >= 300 {
            self.acknowledge(&answer, &branch, dialog);
        }
        if answer.status() != 401 {
            return Err(answer);
        }
        let more = answer.authorization(method, &dialog.target, &self.number, password, self.sha256) + more;
        dialog.sequence += 1;
        let branch = unique("z9hG4bK");
        self.send(&self.request(method, &branch, dialog, &more, body));
        Ok(branch)
    }

    /// Registers for ten minutes; the final answer.
    pub fn registers(&mut self, password: &str) -> Message {
        let mut dialog = self.new_dialog("");
        let more = self.contact() + "Expires: 600\r\n";
        let challenged = self.challenged("REGISTER", &mut dialog, password, &more, "");
        challenged.map_or_else(|answer| answer, |branch| self.expect_answer(&branch))
    }

    /// Sends a request outside of any dialog, with credentials once it is challenged; the final answer.
    pub fn asks(&mut self, method: &str, number: &str, more: &str, body: &str) -> Message {
        let mut dialog = self.new_dialog(number);
        let more = self.contact() + more;
        let challenged = self.challenged(method, &mut dialog, &password(&self.number), &more, body);
        challenged.map_or_else(
            |answer| answer,
            |branch| {
                let answer = self.expect_answer(&branch);
                if method == "INVITE" && answer.status() >= 300 {
                    self.acknowledge(&answer, &branch, &dialog);
                }
                answer
            },
        )
    }

    /// Calls a number as [`Phone::asks`] does, with an offer.
    pub fn asks_to_call(&mut self, number: &str, more: &str) -> Message {
        let offer = self.offer();
        self.asks("INVITE", number, more, &offer)
    }

    /// Sends the other party of a call to a number; the answer.
    pub fn refers(&mut self, dialog: &mut Dialog, to: &str) -> Message {
        dialog.sequence += 1;
        let more = format!("{}Refer-To: <sip:{to}@{}>\r\n", self.contact(), self.server);
        let branch = self.within(dialog, "REFER", &more, "");
        self.expect_answer(&branch)
    }

    /// Waits for a NOTIFY whose body begins like this; all before it are answered as well.
    pub fn is_notified(&mut self, body: &str) {
        loop {
            let notify = self.expect_request("NOTIFY");
            self.send(&notify.response("200 OK", "", "", ""));
            if notify.body().starts_with(body) {
                return;
            }
        }
    }

    /// Waits for a call and refuses it with this status and these lines.
    pub fn refuses(&mut self, status: &str, more: &str) {
        let invite = self.expect_request("INVITE");
        self.send(&invite.response(status, &unique("tag"), more, ""));
        self.expect_request("ACK");
    }

    fn offer(&self) -> String {
        sdp(self.rtp.local_addr().unwrap(), self.payload, self.keys, "sendrecv")
    }

    /// Calls a number and is not answered: the final answer.
    pub fn is_refused(&mut self, number: &str) -> Message {
        let (dialog, challenged) = self.dials(number);
        challenged.map_or_else(
            |answer| answer,
            |branch| {
                let answer = self.expect_answer(&branch);
                self.acknowledge(&answer, &branch, &dialog);
                answer
            },
        )
    }

    /// The end of what was begun: it is refused; the answer.
    pub fn is_refused_at_last(&mut self, dialog: &Dialog, branch: &str) -> Message {
        let answer = self.expect_answer(branch);
        self.acknowledge(&answer, branch, dialog);
        answer
    }

    /// How many requests of this method have come that were not looked at.
    pub fn unread(&mut self, method: &str) -> usize {
        self.receive();
        let of_it = |message: &&Message| message.status() == 0 && message.method() == method;
        self.inbox.iter().filter(of_it).count()
    }

    /// Calls a number; [`Phone::is_answered`] is the end of it.
    pub fn begins(&mut self, number: &str) -> (Dialog, String) {
        let (dialog, challenged) = self.dials(number);
        (dialog, challenged.unwrap_or_else(|answer| panic!("{}", answer.0)))
    }

    /// The branch of the INVITE that is under way, or its answer.
    fn dials(&mut self, number: &str) -> (Dialog, Result<String, Message>) {
        let mut dialog = self.new_dialog(number);
        let (password, more, offer) = (password(&self.number), self.contact(), self.offer());
        let challenged = self.challenged("INVITE", &mut dialog, &password, &more, &offer);
        (dialog, challenged)
    }

    /// The end of what was begun: it is answered, and acknowledged.
    pub fn is_answered(&mut self, mut dialog: Dialog, branch: &str) -> Dialog {
        let answer = self.expect_answer(branch);
        assert_eq!(answer.status(), 200, "{}", answer.0);
        dialog.remote = answer.header("To").to_owned();
        dialog.target = answer.contact().to_owned();
        dialog.audio = answer.audio().unwrap_or_else(|| panic!("no audio in {}", answer.0));
        self.within(&dialog, "ACK", "", "");
        dialog
    }

    /// Waits for a call and takes it.
    pub fn answers(&mut self) -> Dialog {
        let (invite, tag) = self.rings();
        self.takes(&invite, &tag)
    }

    /// Waits for a call and rings; the INVITE, and the tag of the answer.
    pub fn rings(&mut self) -> (Message, String) {
        let invite = self.expect_request("INVITE");
        let tag = unique("tag");
        self.send(&invite.response("180 Ringing", &tag, &self.contact(), ""));
        (invite, tag)
    }

    /// Takes a call that rings.
    pub fn takes(&mut self, invite: &Message, tag: &str) -> Dialog {
        let more = self.contact() + "Content-Type: application/sdp\r\n";
        self.send(&invite.response("200 OK", tag, &more, &self.offer()));
        self.expect_request("ACK");
        Dialog {
            call_id: invite.header("Call-ID").to_owned(),
            local: format!("{};tag={tag}", invite.header("To")),
            remote: invite.header("From").to_owned(),
            target: invite.contact().to_owned(),
            sequence: 100,
            audio: invite.audio().unwrap_or_else(|| panic!("no audio in {}", invite.0)),
        }
    }

    /// Sends a request within a call; its branch.
    pub fn within(&self, dialog: &Dialog, method: &str, more: &str, body: &str) -> String {
        let branch = unique("z9hG4bK");
        self.send(&self.request(method, &branch, dialog, more, body));
        branch
    }

    /// Hangs up.
    pub fn hangs_up(&mut self, dialog: &mut Dialog) {
        dialog.sequence += 1;
        let branch = self.within(dialog, "BYE", "", "");
        let answer = self.expect_answer(&branch);
        assert_eq!(answer.status(), 200, "{}", answer.0);
    }

    /// Offers a new direction of audio (RFC 3264 8.4), such as `sendonly` for hold; the branch.
    pub fn begins_to_offer(&mut self, dialog: &mut Dialog, direction: &str) -> String {
        dialog.sequence += 1;
        let offer = sdp(self.rtp.local_addr().unwrap(), self.payload, self.keys, direction);
        self.within(dialog, "INVITE", &self.contact(), &offer)
    }

    /// The end of that.
    pub fn is_answered_again(&mut self, dialog: &Dialog, branch: &str) -> Message {
        let answer = self.expect_answer(branch);
        assert_eq!(answer.status(), 200, "{}", answer.0);
        self.within(dialog, "ACK", "", "");
        answer
    }

    /// Answers the other side's new offer.
    pub fn answers_offer(&mut self, dialog: &Dialog, direction: &str) -> Message {
        let call_id = dialog.call_id.clone();
        let invite = self.expect("a new offer", |message| {
            message.status() == 0 && message.method() == "INVITE" && message.header("Call-ID") == call_id
        });
        let answer = sdp(self.rtp.local_addr().unwrap(), self.payload, self.keys, direction);
        let more = self.contact() + "Content-Type: application/sdp\r\n";
        self.send(&invite.response("200 OK", "", &more, &answer));
        self.expect_request("ACK");
        invite
    }

    /// Waits for the other side to hang up.
    pub fn is_hung_up(&mut self) -> Message {
        let bye = self.expect_request("BYE");
        self.send(&bye.response("200 OK", "", "", ""));
        bye
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let unread: Vec<&str> = self.inbox.iter().map(|message| message.0.as_str()).collect();
            eprintln!(
                "--- {} at {} has not expected\n{}",
                self.number,
                self.address(),
                unread.join("\n")
            );
        }
    }
}
