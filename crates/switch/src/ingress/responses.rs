//! Responses to our own requests, and which room hears of them.

use sip::{Flow, HeaderName, Message, StatusCode, transaction::ClientId};

use super::{Ingress, deliver::delivered};
use crate::{
    core::Core,
    ids::{LegId, RequestId},
    leg::{acknowledge_stray, answer_passed, change_response, end, end_stray, outbound, within},
    proxy,
    requests::{self, Again, Heard, Number, Owner, RequestEvent, Told, Why},
    subscriptions,
};

/// A response came.
pub(super) fn heard(g: &mut Ingress, x: &mut Core, client: ClientId, flow: Flow, response: &Message) {
    if proxy::heard(&mut x.outside.proxied, &mut x.stack, client, flow, response) {
        return;
    }
    if response.status() == Some(StatusCode::FLOW_FAILED) {
        flow_failed(x, client);
    }
    let heard = requests::heard(&mut x.stack, client, flow, response);
    go_on(g, x, heard);
}

/// A proxy that keeps a flow of a phone could not reach the phone by it (RFC 5626 section 5.3.1).
fn flow_failed(x: &mut Core, client: ClientId) {
    let sent = x.stack.layer.client_request(client);
    let Some(sent) = sent.filter(|sent| sent.to_tag().is_none()) else {
        return; // a dialog may have lost its flow, while the phone has another
    };
    let to = sent.to().ok().and_then(|to| Some(to.uri().ok()?.number().into_owned()));
    let routes: Vec<String> = sent.headers(HeaderName::Route).map(str::to_owned).collect();
    let uri = sent.uri().to_owned();
    if let Some(number) = to {
        x.registrar.flow_failed(&number, &uri, &routes);
    }
}

/// A transaction ended without an answer.
pub(super) fn failed(g: &mut Ingress, x: &mut Core, client: ClientId, why: Why) {
    if proxy::failed(&mut x.outside.proxied, &mut x.stack, client, why) {
        return;
    }
    let heard = requests::failed(&mut x.stack, client, why);
    go_on(g, x, heard);
}

/// The target of a request was silent for too long.
pub(crate) fn silent(g: &mut Ingress, x: &mut Core, request: RequestId) {
    let heard = requests::silent(&mut x.stack, request);
    go_on(g, x, heard);
}

fn go_on(g: &mut Ingress, x: &mut Core, heard: Heard) {
    let told = match heard {
        Heard::Nothing => None,
        Heard::Tell(told) => Some(told),
        Heard::Again(again) => send_again(x, &again),
    };
    if let Some(told) = told {
        tell(g, x, told);
    }
}

/// Sends a request once more, with the facts that only its owner knows. If the owner is gone, nothing is sent.
fn send_again(x: &mut Core, again: &Again) -> Option<Told> {
    let leg = match again.owner {
        Owner::Invite(leg)
        | Owner::Change(leg)
        | Owner::Bye(leg)
        | Owner::Notify(leg)
        | Owner::Passed(leg, _)
        | Owner::Key(leg) => Some(leg),
        Owner::Delivery(_) | Owner::Subscription(_) | Owner::Prack(_) | Owner::Trunk(..) | Owner::Stray => None,
    };
    let number = match again.number {
        Number::Same => None,
        Number::Next => {
            let sent = requests::message(&x.stack, again.id)?;
            Some(sent.cseq().ok()?.number.saturating_add(1))
        }
        Number::OfDialog => Some(match (leg, again.owner) {
            (Some(leg), _) => x.legs.get_mut(leg)?.next_number()?,
            (None, Owner::Subscription(id)) => x.subscribed.table.next_number(id)?,
            (None, _) => return None,
        }),
    };
    let body = match leg.filter(|_| again.moved) {
        Some(leg) => x.with_leg(leg, |leg, cx| leg.goes_to(cx, again.way))?,
        None => None,
    };
    requests::again(&mut x.stack, again, number, body.as_deref())
}

fn tell(g: &mut Ingress, x: &mut Core, told: Told) {
    let Told { id, owner, event } = told;
    match owner {
        Owner::Invite(leg) => tell_invite(x, leg, &event),
        Owner::Change(leg) => tell_change(x, leg, id, &event),
        Owner::Bye(leg) => {
            if !matches!(event, RequestEvent::Provisional(_)) {
                x.with_leg(leg, end::bye_done);
            }
        }
        Owner::Passed(leg, server) => {
            let (code, response) = match &event {
                RequestEvent::Provisional(_) => return,
                RequestEvent::Final(reply) => (reply.code(), Some(&reply.response)),
                RequestEvent::Failed(_) => (408, None),
            };
            let known = x.with_leg(leg, |leg, cx| within::passed_on(leg, cx, server, code, response));
            if known.is_none() {
                answer_passed(&mut x.stack, server, code);
            }
        }
        Owner::Key(leg) => {
            let code = match &event {
                RequestEvent::Provisional(_) => return,
                RequestEvent::Final(reply) => reply.code(),
                RequestEvent::Failed(_) => 408,
            };
            x.with_leg(leg, |leg, cx| within::key_answered(leg, cx, code));
        }
        Owner::Delivery(delivery) => match &event {
            RequestEvent::Provisional(_) => {}
            RequestEvent::Final(reply) => delivered(g, x, delivery, Some(&reply.response)),
            RequestEvent::Failed(_) => delivered(g, x, delivery, None),
        },
        // RFC 3515 2.4.4: the phone's answer to a NOTIFY changes nothing, but shows that the NOTIFY has arrived.
        Owner::Notify(leg) => {
            if !matches!(event, RequestEvent::Provisional(_)) {
                x.notify_answered(leg);
            }
        }
        Owner::Subscription(id) => subscriptions::heard(&mut x.subscribed.table, &mut x.stack, id, &event),
        Owner::Trunk(id, request) => x.outside.trunks.heard(&mut x.stack, id, request, &event),
        Owner::Prack(_) | Owner::Stray => {}
    }
}

fn tell_invite(x: &mut Core, leg: LegId, event: &RequestEvent) {
    match event {
        RequestEvent::Provisional(reply) | RequestEvent::Final(reply) => {
            let known = x.with_leg(leg, |leg, cx| outbound::invite_response(leg, cx, reply));
            if known.is_none() && reply.is_success() {
                // The leg is gone: the 2xx is acknowledged and its dialog is ended (RFC 3261 13.2.2.4).
                end_stray(&mut x.stack, &reply.request, &reply.response, &reply.flow, false);
            }
        }
        RequestEvent::Failed(why) => {
            x.with_leg(leg, |leg, cx| {
                outbound::invite_failed(leg, cx, why.code(), why.reason())
            });
        }
    }
}

fn tell_change(x: &mut Core, leg: LegId, id: RequestId, event: &RequestEvent) {
    match event {
        RequestEvent::Provisional(reply) | RequestEvent::Final(reply) => {
            let known = x.with_leg(leg, |leg, cx| change_response(leg, cx, id, Some(reply)));
            if known.is_none() && reply.is_success() {
                // RFC 3261 13.2.2.4: the phone repeats a 2xx until its ACK comes, even if the dialog is over.
                acknowledge_stray(&mut x.stack, &reply.request, &reply.response, &reply.flow, false);
            }
        }
        RequestEvent::Failed(_) => {
            x.with_leg(leg, |leg, cx| change_response(leg, cx, id, None));
        }
    }
}
