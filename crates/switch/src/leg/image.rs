//! The image of a quiet leg: the part that can be stored, and a leg that goes on from it.

use sip::{Builder, Flow, HeaderName, Method};

use super::{
    Identity, Leg, LegId, NoRoom, Path, Port, SessionTimer, Stage, Talk, change::early::Early, session_id, stage::Up,
};
use crate::{
    api::{LegImage, Target},
    ids::CallId,
    locations::Peer,
    stack::{Stack, dialogs::DialogUser},
};

/// See [`Leg::image`].
pub(super) fn of(leg: &Leg) -> Option<LegImage> {
    let Stage::Up(up) = &leg.stage else { return None };
    let quiet = up.is_free()
        && up.wanted.is_none()
        && up.passing.is_none()
        && up.keys.is_empty()
        && up.hang_up_when_acked.is_none()
        && leg.identity.is_quiet();
    let talk = leg.talk.image().filter(|_| quiet)?;
    Some(LegImage {
        inbound: leg.inbound,
        peer: target(&leg.peer),
        flow: Flow {
            connection: None,
            ..leg.path.flow
        },
        outside: leg.path.outside,
        others: leg.path.others.clone(),
        user: leg.path.user.clone(),
        dialog: up.confirmed.dialog.clone(),
        talk,
        timer: leg.timer.image(),
        can: leg.can,
    })
}

/// A leg that goes on from its image, in the same dialog and on the same media port. [`NoRoom`] where that port is not
/// one of ours any more.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "calls that outlive a restart will be made of it")
)]
pub(crate) fn resume(cx: &mut Stack, id: LegId, call: CallId, image: LegImage) -> Result<Leg, NoRoom> {
    let LegImage { flow, dialog, .. } = image;
    let mut talk = Talk::resume(image.talk);
    let mut port = Port::default();
    port.take_again(cx, id, &flow, &mut talk)?;
    // The image does not hold the INVITE. Later only its Call-ID is needed.
    let invite = Builder::request(&Method::Invite, dialog.remote_target())
        .header(HeaderName::CallId, &dialog.id().call_id)
        .finish();
    cx.dialogs.insert(dialog.id().clone(), DialogUser::Leg(id));
    let mut leg = Leg {
        id,
        call,
        inbound: image.inbound,
        peer: peer(image.peer),
        path: Path {
            flow,
            outside: image.outside,
            others: image.others,
            user: image.user,
            focus: None,
            access: None,
        },
        invite,
        span: tracing::Span::none(),
        stage: Stage::Up(Box::new(Up::new(dialog, None, Early::default()))),
        talk,
        port,
        timer: SessionTimer::resume(cx, id, image.timer),
        identity: Identity::default(),
        session: session_id::Ends::default(),
        can: image.can,
    };
    leg.sync_media(cx);
    Ok(leg)
}

fn target(peer: &Peer) -> Target {
    match peer {
        Peer::Extension(number) => Target::Extension(number.to_string()),
        Peer::Trunk { name, number } => Target::Trunk {
            trunk: name.to_string(),
            number: number.to_string(),
        },
        Peer::Uri(uri) => Target::Uri(uri.to_string()),
    }
}

fn peer(target: Target) -> Peer {
    match target {
        Target::Extension(number) => Peer::extension(&number),
        Target::Trunk { trunk, number } => Peer::Trunk {
            name: trunk.into(),
            number: number.as_str().into(),
        },
        Target::Uri(uri) => Peer::Uri(uri.into()),
    }
}

#[cfg(test)]
mod tests;
