//! What a script can do with a call: one file for each verb, each a small machine.
//!
//! | file | what it does |
//! |---|---|
//! | `collect.rs` | `collect` |
//! | `conference.rs` | `conference` |
//! | `conversation.rs` | a call with its running verb: begins verbs, feeds them events |
//! | `answer.rs` | `ring`, `answer` |
//! | `dial/` | `dial`: rings targets, connects the first to answer |
//! | `listen.rs` | `wait`, `play`, `tone`, `music`, `echo` |
//! | `originate.rs` | calls made over the API |
//! | `parties/` | `pickup`, `park`, `page` |
//! | `proxy.rs` | `proxy` |
//! | `record.rs` | `record` |
//! | `reject.rs` | `reject`, `redirect`, `hangup`, `transfer` |
//! | `settings.rs` | `set`, `last_dialed`, `last_caller`, `log_on`, `log_off` |
//! | `sound.rs` | what verbs play to the caller |

mod answer;
mod collect;
mod conference;
mod conversation;
mod dial;
mod listen;
mod originate;
mod parties;
mod proxy;
mod record;
mod reject;
mod settings;
mod sound;

pub(crate) use conversation::Conversation;
pub(crate) use dial::status_of;
use originate::Originating;
use parties::{page, park, pickup};
pub(crate) use proxy::passed_on;
pub(crate) use reject::redirected;

use sip::{HeaderName, Message};

use crate::{
    answer::Answer,
    api::{ExtensionState, LastNumber, Outcome, Verb},
    call::{Call, VerbEvent},
    core::Core,
    diversion,
    hunt::diverted_before,
    ids::LegId,
    leg::Leg,
    locations::Peer,
};

/// The running verb; at most one for each call.
pub(crate) enum Running {
    /// No verb.
    None,
    /// `dial`.
    Dial(Box<dial::Dialing>),
    /// `wait`, `play`, `tone`, `music`, `echo`.
    Listen(listen::Listening),
    /// `collect`.
    Collect(Box<collect::Asking>),
    /// `record`.
    Record(Box<record::Taking>),
    /// `conference`.
    Conference(Box<conference::Attending>),
    /// `pickup`.
    Pickup(pickup::PickingUp),
    /// `park`.
    Park(Box<park::Parking>),
    /// `page`.
    Page(Box<page::Paging>),
    /// `proxy`.
    Proxy(proxy::Proxying),
    /// `set`, `last_dialed`, `last_caller`.
    Store(settings::Storing),
    /// The phones of the person who asked for the call ring.
    Originate(Box<Originating>),
}

/// How a verb goes on after an event.
pub(crate) enum Next {
    /// The verb goes on.
    Wait(Running),
    /// The verb is over: the script gets this outcome.
    Done(Outcome),
    /// No verb runs.
    Idle,
}

impl Running {
    /// Something happened.
    pub fn event(self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match self {
            Self::None => Next::Idle,
            Self::Dial(dialing) => dialing.event(call, x, event),
            Self::Listen(listening) => listening.event(call, x, event),
            Self::Collect(asking) => collect::next(asking.event(call, x, &event)),
            Self::Record(taking) => taking.event(call, x, event),
            Self::Conference(attending) => attending.event(call, x, &event),
            Self::Pickup(picking) => picking.event(call, event),
            Self::Park(parking) => parking.event(call, x, event),
            Self::Page(paging) => paging.event(call, x, event),
            Self::Proxy(proxying) => proxying.event(call, x, event),
            Self::Store(storing) => storing.event(&event),
            Self::Originate(originating) => originating.event(call, x, event),
        }
    }
}

/// Begins a verb.
pub(crate) fn start(call: &mut Call, x: &mut Core, verb: Verb) -> Next {
    if call.has_ended() {
        return Next::Done(Outcome::Done); // rejected or hung up before: verbs have no effect any more
    }
    match verb {
        Verb::Dial(request) => dial::Dialing::start(call, x, *request),
        Verb::Ring => answer::ring(call, x),
        Verb::Answer => answer::answer(call, x),
        Verb::Reject { code, reason } => reject::reject(call, x, code, reason),
        Verb::Redirect { target } => reject::redirect(call, x, &target),
        Verb::Proxy(want) => proxy::proxy(call, x, *want),
        Verb::Hangup => reject::hang_up(call, x),
        Verb::Transfer(target) => reject::transfer(call, x, target),
        Verb::Wait(time) => listen::wait(call, x, time),
        Verb::Play(prompts) => listen::play(call, x, prompts),
        Verb::Tone { name, duration } => listen::tone(call, x, name, duration),
        Verb::Music { name, duration } => listen::music(call, x, name, duration),
        Verb::Echo => listen::echo(call, x),
        Verb::Collect(want) => collect::collect(call, x, *want),
        Verb::Record(want) => record::record(call, x, *want),
        Verb::Conference(want) => conference::conference(call, x, *want),
        Verb::Pickup(want) => pickup::pickup(call, x, &want),
        Verb::Park(want) => park::park(call, x, *want),
        Verb::Page(want) => page::page(call, x, *want),
        Verb::Header(name) => Next::Done(Outcome::Text(header(call, x, &name))),
        Verb::Parameter(name) => Next::Done(Outcome::Text(parameter(call, x, &name))),
        Verb::Extension(number) => Next::Done(Outcome::Extension(state_of(x, &number))),
        Verb::Set(change) => settings::set(call, x, change),
        Verb::LastNumber(which) => settings::last_number(call, x, which),
        Verb::LogOn(wanted) => settings::log_on(call, x, wanted),
    }
}

/// Header fields by which a phone could pass for another party, or hide how it is forwarded. Only the switch writes
/// them, and a script reads none that a phone has written.
const ASSERTED: [HeaderName; 9] = [
    HeaderName::PAssertedIdentity,
    HeaderName::PPreferredIdentity,
    HeaderName::PAssertedService,
    HeaderName::PServedUser,
    HeaderName::PAssociatedUri,
    HeaderName::PCalledPartyId,
    HeaderName::RemotePartyId,
    HeaderName::Identity,
    HeaderName::IdentityInfo,
];

/// A header field of the request that began the call. The rows of a list are joined by commas. Header fields that prove
/// a password are not given out: a script can write to the log and to other phones. Of the forwards before the call
/// (Diversion, History-Info) a script sees those that Tandem believes, as the next phone is told of them.
fn header(call: &Call, x: &Core, name: &str) -> Option<String> {
    let known = HeaderName::parse(name.as_bytes());
    if [HeaderName::Diversion, HeaderName::HistoryInfo].contains(&known) {
        let told = forwards(call, x).into_iter();
        let values: Vec<String> = told
            .filter(|(field, _)| HeaderName::parse(field.as_bytes()) == known)
            .map(|(_, value)| value)
            .collect();
        return (!values.is_empty()).then(|| values.join(", "));
    }
    let trusted = call.subject_leg(x).is_some_and(Leg::is_trusted);
    header_of(call.request(x)?, trusted, name)
}

/// The same of any request.
pub(crate) fn header_of(request: &Message, trusted: bool, name: &str) -> Option<String> {
    let proof = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
    let known = HeaderName::parse(name.as_bytes());
    let readable = !proof.contains(&known) && (trusted || !ASSERTED.contains(&known));
    let value = request.joined(name).filter(|_| readable)?;
    Some(sip::clean(&value).into_owned())
}

/// The header fields for the forwards before the call came to us.
fn forwards(call: &Call, x: &Core) -> Vec<(String, String)> {
    let steps = diverted_before(x, call.subject().filter(|_| !call.is_transferred()));
    let domain = &x.stack.config.domain;
    let target = format!("sip:{}@{domain}", sip::escape_user(&call.facts.dialed));
    diversion::header_fields(&steps.iter().collect::<Vec<_>>(), &target, domain)
}

/// A parameter of the Request-URI that began the call, such as the `play` of RFC 4240 section 3, without its escapes. A
/// parameter without a value is an empty text.
fn parameter(call: &Call, x: &Core, name: &str) -> Option<String> {
    parameter_of(call.request(x)?, name)
}

/// The same of any request.
pub(crate) fn parameter_of(request: &Message, name: &str) -> Option<String> {
    let uri = request.request_uri().ok()?;
    let value = uri.param(name)?;
    Some(sip::clean(&sip::unescape(value)).into_owned())
}

/// The verb's name, as scripts write it.
pub(crate) const fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Dial(_) => "dial",
        Verb::Ring => "ring",
        Verb::Answer => "answer",
        Verb::Reject { .. } => "reject",
        Verb::Redirect { .. } => "redirect",
        Verb::Proxy(_) => "proxy",
        Verb::Hangup => "hangup",
        Verb::Transfer(_) => "transfer",
        Verb::Wait(_) => "wait",
        Verb::Play(_) => "play",
        Verb::Tone { .. } => "tone",
        Verb::Music { .. } => "music",
        Verb::Echo => "echo",
        Verb::Collect(_) => "collect",
        Verb::Record(_) => "record",
        Verb::Conference(_) => "conference",
        Verb::Pickup(_) => "pickup",
        Verb::Park(_) => "park",
        Verb::Page(_) => "page",
        Verb::Header(_) => "header",
        Verb::Parameter(_) => "parameter",
        Verb::Extension(_) => "extension",
        Verb::Set(_) => "set",
        Verb::LastNumber(LastNumber::Dialed) => "last_dialed",
        Verb::LastNumber(LastNumber::Caller) => "last_caller",
        Verb::LogOn(Some(_)) => "log_on",
        Verb::LogOn(None) => "log_off",
    }
}

/// What `extension(number)` returns.
pub(crate) fn state_of(x: &Core, number: &str) -> Option<Box<ExtensionState>> {
    let extension = x.accounts.extension(number)?;
    Some(Box::new(ExtensionState {
        registered: x.locations.has_phone(number, &x.accounts),
        busy: x.activity.is_busy(&Peer::extension(number)),
        dnd: extension.dnd,
        forward: extension.forward_always.clone(),
        forward_busy: extension.forward_busy.clone(),
        forward_no_answer: extension.forward_no_answer.clone(),
        forward_unreachable: extension.forward_unreachable.clone(),
        rules: extension.rules.clone(),
    }))
}

/// A leg took the place of a leg that no verb connects, or its verb did not take it: RFC 3891 section 3.
fn refuse_guest(x: &mut Core, leg: LegId) {
    x.with_leg(leg, |leg, cx| leg.reject(cx, &Answer::of(481)));
}
