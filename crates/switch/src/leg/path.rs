//! The way between Tandem and the phone of a leg.

use std::{net::IpAddr, sync::Arc};

use sip::{Flow, dialog::Dialog};

use crate::{
    locations::Access,
    stack::{Stack, credentials::Credentials},
};

/// Where the phone of a leg is, and how the phone reaches us.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// Where the phone is, and the listener of ours that reaches the phone.
    pub flow: Flow,
    /// The peer is not a phone of ours: its Contact and Record-Route are believed.
    pub outside: bool,
    /// The addresses of the name that was called, canonical. Answers may come from any of them.
    pub others: Vec<IpAddr>,
    /// The user part of our Contact.
    pub user: String,
    /// The conference that its phone is in: our Contact names that, and is a focus (RFC 4579 section 5.1).
    pub focus: Option<Box<str>>,
    /// Where the peer is behind a trunk.
    pub access: Option<Arc<Access>>,
}

impl Path {
    /// The way that a request within `dialog` takes (RFC 3261 12.2.1.1).
    pub fn within(&self, dialog: &Dialog) -> Flow {
        crate::way::within(dialog.next_hop(), &self.flow, self.outside)
    }

    /// For a provider that challenges requests within the call, too.
    pub fn credentials(&self) -> Option<Arc<Credentials>> {
        self.access.as_ref()?.credentials.clone()
    }

    /// Our Contact. `secure`: as a `sips:` URI.
    pub fn contact(&self, cx: &Stack, secure: bool) -> String {
        let mut contact = cx.contact(&self.flow, self.name(), secure);
        if self.focus.is_some() {
            contact.push_str(";isfocus"); // RFC 3840 section 10.18
        }
        contact
    }

    /// The user part of our Contact: the conference, or what was dialled.
    pub fn name(&self) -> &str {
        self.focus.as_deref().unwrap_or(&self.user)
    }

    /// Whether the peer was called at this canonical address, or last sent from there.
    pub fn leads_to(&self, address: IpAddr) -> bool {
        self.flow.remote.ip().to_canonical() == address || self.others.contains(&address)
    }

    /// A 2xx to our INVITE came by `flow`. The phone may have answered from another address, or by another connection,
    /// than the one that was called. Another transport changes nothing.
    pub fn answered_from(&mut self, flow: Flow) {
        if flow.transport != self.flow.transport {
            return;
        }
        self.flow.connection = flow.connection;
        if flow.remote.ip().to_canonical() != self.flow.remote.ip().to_canonical() {
            self.flow = flow;
        }
    }
}
