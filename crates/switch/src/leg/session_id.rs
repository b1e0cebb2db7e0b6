//! Session-ID (RFC 7989): each end of a call has a UUID, and each message names both, whatever Call-IDs lie between. Tandem
//! passes on what the phones say, and adds no UUID of its own: a phone that says none has none.

use sip::{
    Message,
    headers::session::{NO_SESSION, SessionId},
};

use super::Leg;

/// The UUIDs of the two ends of a leg's session.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// That of the leg's phone.
    phone: Option<Box<str>>,
    /// That of the party at the other end.
    far: Option<Box<str>>,
}

impl Ends {
    /// A leg to a phone that is called by the party with this UUID.
    pub fn called_by(far: Option<&str>) -> Self {
        Self {
            phone: None,
            far: far.map(Into::into),
        }
    }

    /// That of the leg's phone.
    pub fn phone(&self) -> Option<&str> {
        self.phone.as_deref()
    }

    /// The phone names itself in a message.
    pub fn learn(&mut self, message: &Message) {
        if let Ok(Some(said)) = message.read::<SessionId<'_>>()
            && said.local != NO_SESSION
        {
            self.phone = Some(said.local.into());
        }
    }

    /// The value of Session-ID in what is sent to the phone; `None` where neither end has a UUID.
    pub fn value(&self) -> Option<String> {
        let known = self.far.is_some() || self.phone.is_some();
        let value = SessionId {
            local: self.far.as_deref().unwrap_or(NO_SESSION),
            remote: self.phone(),
        };
        known.then(|| value.to_string())
    }
}

/// The phone's UUID of the session.
pub(crate) fn of(leg: &Leg) -> Option<&str> {
    leg.session.phone()
}

/// A message of the phone came: requests of ours in its dialogs name both ends as they are known now.
pub(super) fn heard(leg: &mut Leg, message: &Message) {
    leg.session.learn(message);
    leg.stage.name_session(leg.session.value().as_deref());
}

/// The leg is connected with a party that has this UUID, or none.
pub(crate) fn is_with(leg: &mut Leg, far: Option<&str>) {
    leg.session.far = far.map(Into::into);
    leg.stage.name_session(leg.session.value().as_deref());
}
