//! Transfers, calls with Replaces, and which phone hears which.

use sip::{Builder, HeaderName, Message};

use super::{Actor, Stage};
use crate::phone::{Notice, Phase};

impl Actor {
    /// Sends REFER within its call; the final answer.
    pub fn refers(&self, edit: impl FnOnce(Builder) -> Builder) -> Message {
        let call = self.latest();
        self.with(|phone| {
            phone.answer = None;
            phone.refer(call, edit);
        });
        self.waits("for an answer to its REFER", |phone| phone.answer.is_some());
        self.with(|phone| phone.answer.clone()).expect("it was waited for")
    }

    /// Asks for a blind transfer of the other party, and does not wait.
    pub fn asks_to_transfer_to(&self, to: &str) -> &Self {
        let call = self.latest();
        self.with(|phone| phone.transfer(call, to));
        self
    }

    /// Transfers the other party of its call to a number or URI: the REFER is accepted.
    pub fn transfers_to(&self, to: &str) -> &Self {
        self.asks_to_transfer_to(to).is_told_of_its_refer(202)
    }

    /// Asks for an attended transfer, and does not wait: the other party of the call that this phone acts on is to
    /// take this phone's place in `second`.
    pub fn asks_to_join(&self, second: &Self) -> &Self {
        let (first, second) = (self.latest(), second.latest());
        let has = self.with(|phone| phone.join(first, second));
        assert!(has, "both calls have a dialog\n{}", self.world.borrow().ladder);
        self
    }

    /// Transfers the other party of its call into another call of its own: the REFER is accepted.
    pub fn transfers(&self, first: &Self, second: &Self) -> &Self {
        first.asks_to_join(second).is_told_of_its_refer(202);
        self
    }

    /// Its REFER gets this final status.
    pub fn is_told_of_its_refer(&self, expect: u16) -> &Self {
        let call = self.latest();
        self.waits("its REFER to be answered", |phone| {
            phone.calls[call].transfer.code.is_some()
        });
        let code = self.with(|phone| phone.calls[call].transfer.code);
        assert_eq!(code, Some(expect), "\n{}", self.world.borrow().ladder);
        self
    }

    /// The NOTIFYs of its call.
    pub fn notices(&self) -> Vec<Notice> {
        self.call(|call| call.transfer.notices.clone())
    }

    /// A NOTIFY comes with this status of the call to the target.
    pub fn is_notified(&self, code: u16) -> &Self {
        let call = self.latest();
        self.waits(&format!("a NOTIFY with {code}"), |phone| {
            phone.calls[call]
                .transfer
                .notices
                .iter()
                .any(|notice| notice.code == code)
        });
        self
    }

    /// The last NOTIFY of the transfer comes, with this status.
    pub fn is_notified_at_last(&self, code: u16) -> &Self {
        let call = self.latest();
        self.waits("the last NOTIFY", |phone| {
            phone.calls[call].transfer.notices.iter().any(Notice::is_last)
        });
        let last = self.notices().pop();
        let last = last.map(|notice| (notice.code, notice.state));
        let expected = Some((code, "terminated;reason=noresource".to_owned()));
        assert_eq!(last, expected, "\n{}", self.world.borrow().ladder);
        self
    }

    /// The value of Replaces that names the dialog of its call.
    pub fn dialog(&self) -> String {
        let call = self.latest();
        let named = self.with(|phone| phone.replaces(call));
        named.expect("its call has a dialog")
    }

    /// Its call rings, or it talks.
    pub fn rings_or_talks(&self) -> &Self {
        let call = self.latest();
        self.waits("to ring or to talk", |phone| {
            matches!(phone.calls[call].phase, Phase::Ringing | Phase::Up)
        });
        self
    }

    /// Sends an INVITE whose Replaces names a dialog of another phone.
    pub fn picks_up(&self, other: &Self) -> &Self {
        self.replaces(&other.dialog())
    }

    /// The same, only if that dialog is not answered yet (`early-only`).
    pub fn picks_up_if_early(&self, other: &Self) -> &Self {
        self.replaces(&format!("{};early-only", other.dialog()))
    }

    /// Sends an INVITE with this Replaces.
    pub fn replaces(&self, value: &str) -> &Self {
        self.with(|phone| phone.call_replacing("000", value));
        self
    }

    /// Sends an INVITE with these header fields.
    pub fn calls_with(&self, number: &str, fields: &[(HeaderName, &str)]) -> &Self {
        self.with(|phone| {
            phone.call_with(number, |builder| {
                fields
                    .iter()
                    .fold(builder, |builder, (name, value)| builder.header(*name, value))
            })
        });
        self
    }
}

impl Stage {
    /// True if the audio of `mouth`, in the call it acts on, comes to `ear`: by the media engine and by both phones.
    pub fn reaches(&self, mouth: &Actor, ear: &Actor) -> bool {
        let (from, to) = (mouth.latest(), ear.latest());
        let world = self.0.borrow();
        world.reaches((mouth.index, from), (ear.index, to))
    }

    /// After a second, in which changes end, these two hear each other.
    pub fn hear_each_other(&self, one: &Actor, other: &Actor) {
        self.pass(1.0);
        let both = (self.reaches(one, other), self.reaches(other, one));
        let engine = format!("{:#?}", self.0.borrow().engine.ports);
        assert_eq!(both, (true, true), "they hear each other\n{}\n{engine}", self.ladder());
    }

    /// After a second, this phone hears no phone, and no phone hears it.
    pub fn is_alone(&self, one: &Actor) {
        self.pass(1.0);
        let call = one.latest();
        let world = self.0.borrow();
        let port = world.port_of((one.index, call));
        let bridged = port.and_then(|port| world.engine.ports[&port].bridged);
        assert_eq!(bridged, None, "it is bridged with no port\n{}", world.ladder);
    }
}
