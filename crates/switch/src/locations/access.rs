//! What requests to a trunk have that others have not: credentials, and the domain of its identities.

use std::sync::Arc;

use sip::Uri;

use crate::{
    api::{CallerIn, Trunk},
    stack::credentials::Credentials,
};

/// See the module. Shared by the trunk and the legs of its calls: they keep it when the trunk is changed or gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// For challenges.
    pub credentials: Option<Arc<Credentials>>,
    /// The host of the trunk's identities: its domain, with the port if the URI has one.
    pub home: Box<str>,
    /// The account's user name.
    pub user: Option<Box<str>>,
    /// Where the caller's number is told.
    pub caller_in: CallerIn,
}

impl Access {
    /// The account as the address in From, where the provider looks for the caller elsewhere; `home` is the host.
    pub fn account(&self, home: &str) -> Option<String> {
        let user = self
            .user
            .as_deref()
            .filter(|_| self.caller_in == CallerIn::AssertedIdentity)?;
        Some(format!("<sip:{}@{home}>", sip::escape_user(user)))
    }

    pub fn new(trunk: &Trunk, credentials: Option<Arc<Credentials>>) -> Self {
        let home = Uri::parse(&trunk.uri).map(|uri| match uri.port {
            Some(port) => format!("{}:{port}", uri.host),
            None => uri.host.to_string(),
        });
        Self {
            credentials,
            home: home.unwrap_or_default().into(),
            user: trunk.username.as_deref().map(Into::into),
            caller_in: trunk.numbers.caller_in,
        }
    }
}
