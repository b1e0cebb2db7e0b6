//! Requests that are not Tandem's own: passed on to other servers, and their responses passed back (RFC 3261 section 16).
//!
//! Tandem is a user agent for its own numbers. It is a stateful proxy where a script says so: `caller.proxy(..)` for a call,
//! and then for every request within the dialog of that call. Nobody else can have Tandem pass a request on:
//!
//! - a request outside of dialogs goes on only if its sender has authenticated and a script has named the target;
//! - a request within a dialog goes on only by a Route of ours with the token of that dialog, with the Call-ID and a tag of
//!   that dialog, and only to a host that a message of that dialog has named.
//!
//! Tandem keeps the dialogs that pass through it, so it can tell when a call has ended, and so a phone behind a NAT is
//! reached where it speaks from. After a restart these dialogs are not known any more, and requests within them get 481.
//!
//! | file | what it does | fields of [`Proxy`] |
//! |---|---|---|
//! | `mod.rs` | the tables, and what other rooms hear ([`News`]) | `contexts`, `by_server`, `by_client`, `by_query`, `news`, `forwarded` |
//! | `best.rs` | which final response is the best (16.7) | |
//! | `context.rs` | the response context: responses, failures, CANCEL, timer C (16.7 to 16.10) | |
//! | `copy.rs` | copies of messages (16.6, 16.7) | |
//! | `forward.rs` | a request goes on: targets, groups, branches (16.5, 16.6) | |
//! | `through.rs` | the dialogs that pass through Tandem | `through` |
//! | `validate.rs` | which requests are passed on at all (16.3, 16.4, RFC 5393) | |
//! | `within.rs` | requests within these dialogs, and their ACKs | |

mod best;
mod context;
mod copy;
mod forward;
mod through;
mod validate;
mod within;

use std::collections::{HashMap, VecDeque};

use sip::transaction::{ClientId, ServerId};

pub(crate) use context::{cancel, cancelled, client_gone, failed, heard, is_known, server_gone, timer_c};
pub(crate) use forward::{Order, begin, resolved};
pub(crate) use through::{forget_call, idle};
pub(crate) use validate::{has_looped, validate};
pub(crate) use within::{acknowledge, within};

use crate::{
    api::{CallUid, EndedBy, ProxyStats, QueryId},
    ids::{CallId, ProxyId, ProxyKind},
    tables::slots::Slots,
};

use context::Context;
use through::Through;

/// Who hears what comes of a request that is passed on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// Nobody: it belongs to a dialog.
    Nobody,
    /// The call that it began.
    Call(CallId),
    /// The script that has named its target.
    Script(CallUid),
}

/// What a call, or a script, hears of its request that is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A provisional response was passed back.
    Rings,
    /// A 2xx was passed back.
    Answered,
    /// Another final response was passed back.
    Refused { code: u16, reason: String },
    /// One of the parties has hung up.
    Ended(EndedBy),
    /// Nothing was heard of the call for too long.
    Lost,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Proxy {
    contexts: Slots<Context, ProxyKind>,
    by_server: HashMap<ServerId, ProxyId>,
    by_client: HashMap<ClientId, (ProxyId, usize)>,
    by_query: HashMap<QueryId, (ProxyId, usize)>,
    through: Through,
    /// What calls and scripts have not heard yet, the oldest first.
    news: VecDeque<(Listener, News)>,
    /// Requests passed on since the start.
    forwarded: u64,
}

impl Proxy {
    /// The next news, and for whom it is.
    pub fn next_news(&mut self) -> Option<(Listener, News)> {
        self.news.pop_front()
    }

    fn tell(&mut self, listener: Listener, news: News) {
        if listener != Listener::Nobody {
            self.news.push_back((listener, news));
        }
    }

    /// Gauges and counters.
    pub fn stats(&self) -> ProxyStats {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        ProxyStats {
            requests: count(self.contexts.len()),
            dialogs: count(self.through.len()),
            forwarded: self.forwarded,
        }
    }

    /// How many entries its tables hold that are gone when every call is over.
    pub fn held(&self) -> usize {
        let indexes = self.by_server.len() + self.by_client.len() + self.by_query.len();
        self.contexts.len() + indexes + self.news.len() + self.through.of_calls()
    }
}
