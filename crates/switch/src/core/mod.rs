//! Everything a call may reach: its legs, the accounts, the registrar, and the stack below.
//!
//! | file | what it does | fields of [`Core`] |
//! |---|---|---|
//! | `mod.rs` | legs, questions to the outside, subscriptions | all others |
//! | `handover.rs` | legs that go from one call to another | `handovers` |

mod handover;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use ::media::MediaId;
use sip::{
    Flow, Message, Scheme, StatusCode, Uri,
    privacy::Privacy,
    transaction::{Layer, ServerId},
    uri::gruu::Gruu,
};

pub(crate) use handover::{Asked, Beginning, Destination, Handover, NewCall, Why};

use crate::{
    accounts::{Accounts, Identity},
    activity::{Activity, Line},
    api::{CommandId, Query, QueryId},
    conferences::Conferences,
    config::Config,
    domain::Domain,
    ids::{CallId, Ids, LegId, LegKind, SubscriptionId},
    leg::{CallerId, Leg},
    locations::{Instance, Locations, Peer},
    parking::ParkedCalls,
    proxy::Proxy,
    recordings::Recordings,
    registrar::Registrar,
    stack::{Stack, layer_config},
    subscriptions::{Subscribed, Subscriptions, View},
    tables::slots::Slots,
    trunks::Trunks,
};

/// Whose question it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryUse {
    /// A call's, whether its record is open.
    OpenCdr(CallId),
    /// A `dial`'s, where its target is.
    Resolve(CallId),
    /// A MESSAGE's, where a phone is.
    Message(u64),
    /// A verb's, about the caller's own extension.
    Store(CallId),
    /// A message's, whether it is kept.
    Keep(u64),
    /// A REGISTER's, by its server transaction.
    Register(ServerId),
    /// A SUBSCRIBE's, by its server transaction.
    Subscribe(SubscriptionId, ServerId),
    /// A SUBSCRIBE's that changes settings: those come first.
    Settings(SubscriptionId, ServerId),
}

/// What has to do with other servers.
#[derive(Default)]
pub(crate) struct Outside {
    /// What is passed on to them.
    pub proxied: Proxy,
    pub trunks: Trunks,
}

/// See the module.
pub(crate) struct Core {
    pub stack: Stack,
    pub legs: Slots<Leg, LegKind>,
    pub accounts: Accounts,
    pub domain: Domain,
    pub registrar: Registrar,
    pub locations: Locations,
    pub queries: HashMap<QueryId, QueryUse>,
    /// Legs on their way to another call, the oldest first.
    pub handovers: VecDeque<Handover>,
    pub subscribed: Subscribed,
    pub activity: Activity,
    pub conferences: Conferences,
    pub recordings: Recordings,
    pub parking: ParkedCalls,
    pub outside: Outside,
    pub draining: bool,
}

impl Core {
    pub fn new(config: Arc<Config>, seed: [u8; 32]) -> Self {
        let layer = Layer::new(layer_config(&config.transactions));
        let stack = Stack::new(Arc::clone(&config), layer, Ids::new(seed));
        Self {
            accounts: Accounts::default(),
            domain: Domain::new(config.domain.clone(), config.advertise),
            registrar: Registrar::new(config.registrar.clone()),
            locations: Locations::default(),
            queries: HashMap::new(),
            handovers: VecDeque::new(),
            subscribed: Subscribed::default(),
            legs: Slots::default(),
            activity: Activity::default(),
            conferences: Conferences::default(),
            recordings: Recordings::default(),
            parking: ParkedCalls::default(),
            outside: Outside::default(),
            draining: false,
            stack,
        }
    }

    /// Does something with a leg, unless it is gone.
    pub fn with_leg<R>(&mut self, id: LegId, act: impl FnOnce(&mut Leg, &mut Stack) -> R) -> Option<R> {
        let leg = self.legs.get_mut(id)?;
        if self.stack.config.journal {
            self.stack.outputs.journal.touch(leg.call);
        }
        let _entered = leg.span.clone().entered();
        let before = leg.state();
        let result = act(leg, &mut self.stack);
        let now = leg.state();
        if now != before {
            self.activity.is_now(&leg.peer, id, now);
        }
        Some(result)
    }

    /// Makes a leg, unless there is no room for it.
    pub fn new_leg<E>(&mut self, make: impl FnOnce(&mut Stack, LegId) -> Result<Leg, E>) -> Result<LegId, E> {
        let stack = &mut self.stack;
        let id = self.legs.try_insert_with(|id| make(stack, id))?;
        if let Some(leg) = self.legs.get(id) {
            let line = Line {
                leg: id,
                calls: leg.inbound,
                state: leg.state(),
                with: leg.user().into(),
                since: self.stack.now,
            };
            self.activity.begins(&leg.peer, line);
            self.outside.trunks.count(&leg.peer, true);
        }
        Ok(id)
    }

    /// A leg is over.
    pub fn remove_leg(&mut self, id: LegId) {
        if let Some(leg) = self.legs.remove(id) {
            self.subscribed.refers.forget(id);
            self.activity.ends(&leg.peer, id);
            self.outside.trunks.count(&leg.peer, false);
        }
    }

    /// A leg is connected with this number or URI now.
    pub fn is_with(&mut self, id: LegId, with: &str) {
        if let Some(leg) = self.legs.get(id) {
            self.activity.is_with(&leg.peer, id, with);
        }
    }

    /// The number or URI by which the other party may know the peer of a leg: `anonymous` where the peer hides (RFC
    /// 3323).
    pub fn shown(&self, leg: &Leg) -> String {
        let from = leg.invite.from().ok().filter(|_| leg.inbound);
        let from = from.and_then(|from| from.uri().ok());
        let anonymous = from.is_some_and(|uri| self.domain.is_anonymous(&uri, &leg.path.flow));
        let number = leg.peer.number().filter(|_| leg.inbound);
        let set = number.is_some_and(|number| self.hides_by_setting(number, &leg.invite));
        if anonymous || set || leg.hides() {
            return CallerId::hidden().number;
        }
        leg.peer.to_string()
    }

    /// Whether the sender of a request outside of dialogs hides its number: by From, by Privacy, or by the setting of its
    /// extension.
    pub fn hides(&self, identity: &Identity, request: &Message) -> bool {
        identity.anonymous || Privacy::of(request).hides() || self.hides_by_setting(&identity.extension, request)
    }

    /// RFC 3323 section 4.2: `Privacy: none` overrules the setting.
    fn hides_by_setting(&self, number: &str, request: &Message) -> bool {
        let extension = self.accounts.extension(number);
        extension.is_some_and(|extension| extension.rules.hide_number) && !Privacy::of(request).none
    }

    /// The peer of a leg, as the other party may be shown it: number and name of the extension, not what its phone says.
    pub fn identity_of(&self, leg: &Leg) -> CallerId {
        let number = self.shown(leg);
        if leg.peer.number().is_some_and(|own| **own != number) {
            return CallerId::hidden();
        }
        let extension = leg.peer.number().and_then(|number| self.accounts.extension(number));
        CallerId {
            name: extension.map(|extension| extension.name.clone()).unwrap_or_default(),
            number: match &leg.peer {
                Peer::Trunk { number, .. } => number.to_string(),
                Peer::Extension(_) | Peer::Uri(_) => number,
            },
        }
    }

    /// Does something with the subscriptions, which see what they are about.
    pub fn with_subscriptions<R>(&mut self, act: impl FnOnce(&mut Subscriptions, &mut Stack, &View<'_>) -> R) -> R {
        let view = View {
            accounts: &self.accounts,
            activity: &self.activity,
            legs: &self.legs,
            registrar: &self.registrar,
            locations: &self.locations,
            mailboxes: &self.subscribed.mailboxes,
            published: &self.subscribed.published,
            conferences: &self.conferences,
        };
        act(&mut self.subscribed.table, &mut self.stack, &view)
    }

    /// The leg's place in the media engine.
    pub fn port_of(&self, leg: LegId) -> Option<MediaId> {
        self.legs.get(leg)?.port()
    }

    /// Asks the outside something; the answer finds its way by `purpose`.
    pub fn ask(&mut self, query: Query, purpose: QueryUse) -> QueryId {
        let id = self.stack.query(query);
        self.queries.insert(id, purpose);
        id
    }

    /// Answers a command of the admin API.
    pub fn reply(&mut self, id: CommandId, result: Result<crate::api::Reply, crate::api::CommandError>) {
        self.stack.outputs.push_back(crate::api::Output::Reply(id, result));
    }

    /// The number that a URI names, if the URI is ours as a peer on this flow sees us.
    pub fn number_at(&self, uri: &Uri<'_>, flow: &Flow) -> Option<String> {
        let ours = match uri.scheme {
            Scheme::Tel => true,
            Scheme::Sip | Scheme::Sips => self.domain.is_meant_by(uri, flow),
            Scheme::Other => false,
        };
        match uri.gruu().filter(|_| ours) {
            // RFC 5627 section 6.1: one that has ended names nobody.
            Some(Gruu::Temporary(sealed)) => Some(self.registrar.named_by(sealed)?.number.clone()),
            // The log, the record and scripts see it: an escape may hide a control octet.
            Some(Gruu::Public(_)) | None => ours.then(|| sip::clean(&uri.number()).into_owned()),
        }
    }

    /// The phone that a GRUU of ours names (RFC 5627 section 6.1), whether it is registered now or not. `None` where it
    /// names none: there is no such extension, or the temporary GRUU has ended.
    pub fn phone_at(&self, gruu: &Uri<'_>) -> Option<Instance> {
        match gruu.gruu()? {
            Gruu::Temporary(sealed) => Instance::of(self.registrar.named_by(sealed)?, true),
            Gruu::Public(instance) => {
                let number = gruu.number();
                self.accounts.is_extension(&number).then(|| Instance {
                    number: number.as_ref().into(),
                    id: instance.as_ref().into(),
                    hidden: false,
                })
            }
        }
    }

    /// Accepts a leg's REFER. The phone is told that it is being tried, unless it wants no NOTIFY.
    pub fn accept_refer(&mut self, leg: LegId, server: ServerId, refer: &Message) {
        if let Some(leg) = self.legs.get_mut(leg) {
            self.subscribed.refers.accept(leg, &mut self.stack, server, refer);
        }
    }

    /// A leg's phone goes on with the subscription of its REFER, or ends that.
    pub fn resubscribe(&mut self, leg: LegId, server: ServerId, request: &Message) {
        if let Some(leg) = self.legs.get_mut(leg) {
            self.subscribed.refers.subscribe(leg, &mut self.stack, server, request);
        }
    }

    /// How far the request that a leg's REFER asked for is.
    pub fn progress_refer(&mut self, leg: LegId, status: StatusCode) {
        if let Some(leg) = self.legs.get_mut(leg) {
            self.subscribed.refers.progress(leg, &mut self.stack, status);
        }
    }

    /// A leg's REFER has come to this; with `through` the leg ends after that.
    pub fn conclude_refer(&mut self, leg: LegId, code: u16, through: bool) {
        if let Some(leg) = self.legs.get_mut(leg) {
            self.subscribed.refers.conclude(leg, &mut self.stack, code, through);
        }
    }

    /// The phone has answered a NOTIFY of its REFER, or will not.
    pub fn notify_answered(&mut self, leg: LegId) {
        if let Some(leg) = self.legs.get_mut(leg) {
            self.subscribed.refers.answered(leg, &mut self.stack);
        }
    }
}
