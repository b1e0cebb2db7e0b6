//! The NOTIFY of `message-summary` for a phone that registers and does not subscribe (RFC 3842 section 4.1 asks for a
//! subscription; many phones without one still show what they are told).

use sip::{Flow, HeaderName, Message, Method};

use super::{Subscriptions, View, package};
use crate::{
    config::Unsolicited,
    requests::{self, Outline, Outside, Owner, Targets},
    stack::Stack,
};

/// A phone of `number` has registered by `flow`, with this REGISTER. Costs nothing where the phone does not want it.
pub(crate) fn registered(
    subscriptions: &Subscriptions,
    cx: &mut Stack,
    view: &View<'_>,
    (register, flow): (&Message, Flow),
    number: &str,
) {
    let package = &package::SUMMARY;
    let takes = match cx.config.limits.services.subscriptions.unsolicited {
        Unsolicited::Off => false,
        Unsolicited::Asked => register.lists(HeaderName::AllowEvents, package.name),
        Unsolicited::All => {
            register.header(HeaderName::Allow).is_none() || register.lists(HeaderName::Allow, Method::Notify.as_str())
        }
    };
    if !takes || subscriptions.has(number, package.name) {
        return;
    }
    let contact = register.addresses(HeaderName::Contact).find_map(Result::ok);
    let (Some(contact), Some(to)) = (contact, register.header(HeaderName::To)) else {
        return;
    };
    let routes: Vec<String> = register.values(HeaderName::Path).map(str::to_owned).collect();
    let scene = package::Scene::new(view, cx, number, to);
    let body = (package.write)(&scene, &mut Vec::new()).with_version(0);
    let from = format!("<{}>;tag={}", scene.uri(number), cx.ids.tag());
    let to = format!("<{}>", scene.uri(number));
    let outline = Outline::new(&Method::Notify)
        .contact(number)
        .header(HeaderName::Event, package.name)
        // RFC 6665 has no NOTIFY without a subscription; this is how others mark it.
        .header(HeaderName::SubscriptionState, "terminated;reason=noresource")
        .body(package.content_type, body.as_bytes());
    let outside = Outside {
        uri: contact.uri,
        routes: &routes,
        from: &from,
        to: &to,
        max_forwards: 70,
    };
    // The answer changes nothing: the next REGISTER brings the next one.
    let _ = requests::send(cx, outline, &outside, Targets::of(flow, &[]), Owner::Stray);
}
