//! Two phones and a call between them, against one server: where the clauses are tried.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tests::wait::until;

use super::{
    line::Transport,
    peer::{Dialog, Habit, Peer},
    row::{By, Row, copies, first_line, judge},
};
use crate::{phones::phone::unique, support::message::Message};

/// The longest wait for what must come.
const SOON: Duration = Duration::from_secs(10);

/// A presence document.
pub const PIDF: &str = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:x@example.org\"><tuple id=\"t\"><status>\
                        <basic>open</basic></status><note>in the garden</note></tuple></presence>";

/// The server that is asked, and its extensions: two whose phones the scene plays, and one that must not have a phone.
pub struct Server {
    pub address: SocketAddr,
    /// Numbers and passwords.
    pub users: [(String, String); 3],
    /// A number that no phone has.
    pub none: String,
}

impl Server {
    pub fn user(&self, at: usize) -> (&str, &str) {
        let (number, password) = &self.users[at];
        (number, password)
    }
}

/// Both phones are registered.
pub struct Scene<'a> {
    pub server: &'a Server,
    pub alice: Peer,
    /// Always over UDP.
    pub bob: Peer,
    /// Of Alice with Bob, seen from Alice.
    pub call: Dialog,
    /// Of Alice for Bob's lamp.
    pub lamp: Dialog,
}

/// Where a message is waited for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum At {
    Alice,
    Bob,
}

impl<'a> Scene<'a> {
    /// Alice over this transport. Neither the call nor the subscription is there yet.
    ///
    /// # Errors
    /// What did not come.
    pub fn new(server: &'a Server, transport: Transport) -> Result<Self, String> {
        let alice = Peer::new(transport, server.address, server.user(0));
        let bob = Peer::new(Transport::Udp, server.address, server.user(1));
        let (call, lamp) = (
            alice.new_dialog(&server.users[1].0),
            alice.new_dialog(&server.users[1].0),
        );
        let mut scene = Self {
            server,
            alice,
            bob,
            call,
            lamp,
        };
        for at in [At::Alice, At::Bob] {
            let dialog = scene.peer(at).new_dialog("");
            let (_, answer) = scene.asks(at, dialog, "REGISTER", &["Expires: 600"], "")?;
            expect(&answer, 200)?;
        }
        Ok(scene)
    }

    pub fn peer(&mut self, at: At) -> &mut Peer {
        match at {
            At::Alice => &mut self.alice,
            At::Bob => &mut self.bob,
        }
    }

    /// Waits for a message while both phones answer what comes.
    ///
    /// # Errors
    /// What did not come.
    pub fn wait(&mut self, at: At, what: &str, like: impl Fn(&Message) -> bool) -> Result<Message, String> {
        let end = Instant::now() + SOON;
        until(what, SOON * 2, || {
            self.alice.works();
            self.bob.works();
            match self.peer(at).find(&like) {
                Some(message) => Some(Ok(message)),
                None if Instant::now() > end => Some(Err(format!("{what} did not come"))),
                None => None,
            }
        })
    }

    /// Waits for a request of this method in this dialog.
    ///
    /// # Errors
    /// That it did not come.
    pub fn wait_request(&mut self, at: At, method: &str, call_id: &str) -> Result<Message, String> {
        let call_id = call_id.to_owned();
        self.wait(at, method, |message| {
            message.status() == 0 && message.method() == method && message.header("Call-ID") == call_id
        })
    }

    /// Waits for the final answer to this request.
    ///
    /// # Errors
    /// That it did not come, or what is wrong with it.
    pub fn wait_answer(&mut self, at: At, request: &str) -> Result<Message, String> {
        let branch = branch(request);
        // A CANCEL has the branch of its INVITE.
        let method = request.split(' ').next().unwrap_or("");
        let answer = self.wait(at, "an answer", |message| {
            message.status() >= 200 && message.method() == method && message.header("Via").contains(&branch)
        })?;
        copies(request, &answer)?;
        Ok(answer)
    }

    /// Sends a request, with credentials once it is challenged; the dialog as it is then, and the answer. A refused INVITE is
    /// acknowledged.
    ///
    /// # Errors
    /// What did not come.
    pub fn asks(
        &mut self,
        at: At,
        mut dialog: Dialog,
        method: &str,
        fields: &[&str],
        body: &str,
    ) -> Result<(Dialog, Message), String> {
        let request = self.peer(at).request(method, &dialog, fields, body);
        self.peer(at).send(&request);
        let mut answer = self.wait_answer(at, &request)?;
        self.acknowledges(at, &request, &answer);
        if answer.status() == 401 {
            dialog.sequence += 1;
            let request = authorized(self.peer(at), &request, method, &dialog, fields, body, &answer);
            self.peer(at).send(&request);
            answer = self.wait_answer(at, &request)?;
            self.acknowledges(at, &request, &answer);
        }
        if answer.status() < 300 {
            answer.header("To").clone_into(&mut dialog.remote);
            if !answer.contact().is_empty() {
                answer.contact().clone_into(&mut dialog.target);
            }
        }
        Ok((dialog, answer))
    }

    /// The ACK of a refused INVITE belongs to its transaction (RFC 3261 section 17.1.1.3).
    fn acknowledges(&mut self, at: At, request: &str, answer: &Message) {
        if request.starts_with("INVITE ") && answer.status() >= 300 {
            let ack = ack_of(request, answer);
            self.peer(at).send(&ack);
        }
    }

    /// Alice calls a number and is answered; the call seen from her.
    ///
    /// # Errors
    /// What did not come.
    pub fn calls(&mut self, number: &str, fields: &[&str]) -> Result<Dialog, String> {
        let dialog = self.alice.new_dialog(number);
        let offer = self.alice.sdp("sendrecv");
        let (dialog, answer) = self.asks(At::Alice, dialog, "INVITE", fields, &offer)?;
        expect(&answer, 200)?;
        let ack = self.alice.request("ACK", &dialog, &[], "");
        self.alice.send(&ack);
        Ok(dialog)
    }

    /// # Errors
    /// What did not come.
    pub fn hangs_up(&mut self, mut dialog: Dialog) -> Result<(), String> {
        dialog.sequence += 1;
        let (_, answer) = self.asks(At::Alice, dialog, "BYE", &[], "")?;
        expect(&answer, 200)
    }

    /// Both phones take all their contacts away (RFC 3261 section 10.2.2).
    ///
    /// # Errors
    /// That a contact is left.
    pub fn leaves(&mut self) -> Result<(), String> {
        for at in [At::Alice, At::Bob] {
            let dialog = self.peer(at).new_dialog("");
            let (_, answer) = self.asks(at, dialog, "REGISTER", &["Contact: *", "Expires: 0"], "")?;
            expect(&answer, 200)?;
            if !answer.contact().is_empty() {
                return Err(format!("a contact is left in {}", answer.0));
            }
        }
        Ok(())
    }

    /// Begins the call and the subscription of rows that need them.
    ///
    /// # Errors
    /// What did not come.
    pub fn begins(&mut self) -> Result<(), String> {
        let number = self.server.users[1].0.clone();
        self.call = self.calls(&number, &[])?;
        let dialog = self.alice.new_dialog(&number);
        let fields = ["Event: dialog;id=7", "Expires: 600"];
        let (dialog, answer) = self.asks(At::Alice, dialog, "SUBSCRIBE", &fields, "")?;
        expect(&answer, 200)?;
        self.lamp = dialog;
        Ok(())
    }

    /// Tries a clause.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn tries(&mut self, row: &Row) -> Result<(), String> {
        let (transport, address) = (self.alice.transport(), self.server.address);
        let mut password = self.server.users[0].1.as_str();
        match row.by {
            By::Caller | By::Watcher => return self.tries_within(row),
            By::Stranger | By::Phone => {}
            By::Liar => password = "a guess",
        }
        // One that has broken its connection is in no other row's way.
        let fresh = Peer::new(transport, address, (&self.server.users[0].0, password));
        let alice = std::mem::replace(&mut self.alice, fresh);
        let number = self.server.users[1].0.clone();
        let number = if row.sends.starts_with("REGISTER") { "" } else { &number };
        let dialog = self.alice.new_dialog(number);
        let outcome = self.tries_in(row, dialog);
        self.alice = alice;
        outcome
    }

    fn tries_within(&mut self, row: &Row) -> Result<(), String> {
        let dialog = match row.by {
            By::Watcher => &mut self.lamp,
            By::Stranger | By::Phone | By::Liar | By::Caller => &mut self.call,
        };
        dialog.sequence += 1;
        let dialog = dialog.clone();
        self.tries_in(row, dialog)
    }

    fn tries_in(&mut self, row: &Row, mut dialog: Dialog) -> Result<(), String> {
        let (start, fields, body) = row.parts();
        let fill = |text: &str| self.fills(text);
        let (start, body) = (fill(start), fill(body));
        let fields: Vec<String> = fields.into_iter().map(fill).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let request = self.alice.request(&start, &dialog, &fields, &body);
        self.alice.send(&request);
        if row.is_silent() {
            return self.hears_nothing(&request);
        }
        let mut answer = self.wait_to(&request)?;
        let knows_password = matches!(row.by, By::Phone | By::Liar);
        if answer.status() == 401 && knows_password {
            self.acknowledges(At::Alice, &request, &answer);
            dialog.sequence += 1;
            let request = authorized(&self.alice, &request, &start, &dialog, &fields, &body, &answer);
            self.alice.send(&request);
            answer = self.wait_to(&request)?;
            self.acknowledges(At::Alice, &request, &answer);
        } else {
            self.acknowledges(At::Alice, &request, &answer);
        }
        judge(&self.fills(row.draws), &answer)?;
        if start.starts_with("INVITE") && answer.status() < 300 {
            answer.header("To").clone_into(&mut dialog.remote);
            answer.contact().clone_into(&mut dialog.target);
            let ack = self.alice.request("ACK", &dialog, &[], "");
            self.alice.send(&ack);
        }
        Ok(())
    }

    /// The final answer to a request that may lack what answers are matched by.
    fn wait_to(&mut self, request: &str) -> Result<Message, String> {
        let branch = branch(request);
        self.wait(At::Alice, "an answer", |message| {
            message.status() >= 200 && (branch.is_empty() || message.header("Via").contains(&branch))
        })
    }

    /// Until the next request is answered nothing comes to this one.
    fn hears_nothing(&mut self, request: &str) -> Result<(), String> {
        let dialog = self.alice.new_dialog("");
        let (_, answer) = self.asks(At::Alice, dialog, "OPTIONS", &[], "")?;
        expect(&answer, 200)?;
        let call_id = Message(request.to_owned()).header("Call-ID").to_owned();
        let is_it = |message: &Message| message.status() > 0 && message.header("Call-ID") == call_id;
        match self.alice.find(is_it) {
            Some(answer) => Err(format!("no answer is right, {} came", first_line(&answer))),
            None => Ok(()),
        }
    }

    fn fills(&self, text: &str) -> String {
        let [a, b, c] = &self.server.users;
        let values = [
            ("{server}", self.server.address.to_string()),
            ("{me}", self.alice.address().to_string()),
            ("{a}", a.0.clone()),
            ("{b}", b.0.clone()),
            ("{c}", c.0.clone()),
            ("{none}", self.server.none.clone()),
            ("{call}", self.call.name()),
            ("{sdp}", self.alice.sdp("sendrecv")),
            ("{pidf}", PIDF.to_owned()),
            ("{held}", self.alice.sdp("sendonly")),
            ("{transport}", self.alice.transport().name().to_owned()),
            ("{unique}", unique("")),
        ];
        values
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// # Errors
/// That another answer came.
pub fn expect(answer: &Message, status: u16) -> Result<(), String> {
    if answer.status() == status {
        Ok(())
    } else {
        Err(format!("{status} is right, {} came", first_line(answer)))
    }
}

/// The branch of a request, or nothing where it has none.
fn branch(request: &str) -> String {
    let message = Message(request.to_owned());
    let via = message.header("Via");
    let branch = via.split(';').find(|part| part.starts_with("branch="));
    branch.unwrap_or("").to_owned()
}

/// The ACK of what is no 2xx: Request-URI, Via, From, Call-ID and number are those of the INVITE, To is the answer's.
pub fn ack_of(invite: &str, answer: &Message) -> String {
    let message = Message(invite.to_owned());
    let uri = invite.split(' ').nth(1).unwrap_or("");
    let number = message.header("CSeq").split(' ').next().unwrap_or("1");
    format!(
        "ACK {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\n\
         Content-Length: 0\r\n\r\n",
        message.header("Via"),
        message.header("From"),
        answer.header("To"),
        message.header("Call-ID"),
    )
}

/// The request again, under the next number, with what its challenge asks for.
fn authorized(
    peer: &Peer,
    before: &str,
    method: &str,
    dialog: &Dialog,
    fields: &[&str],
    body: &str,
    challenge: &Message,
) -> String {
    let uri = before.split(' ').nth(1).unwrap_or("");
    let name = method.split(' ').next().unwrap_or("");
    let line = challenge.authorization(name, uri, &peer.number, &peer.password, true);
    let mut fields = fields.to_vec();
    fields.push(line.trim_end());
    peer.request(method, dialog, &fields, body)
}

impl Habit {
    /// As long as this is kept, a phone has this habit.
    pub fn for_a_while<T>(self, scene: &mut Scene<'_>, work: impl FnOnce(&mut Scene<'_>) -> T) -> T {
        let before = std::mem::replace(&mut scene.bob.habit, self);
        let outcome = work(scene);
        scene.bob.habit = before;
        outcome
    }
}
