//! REFER outside of a dialog (RFC 3515 section 2.4.2, RFC 4538).
//!
//! A phone may transfer a party of its own calls also by a REFER that comes outside of the dialog: Target-Dialog names the
//! dialog. Any other REFER asks Tandem to call on behalf of the sender, and is refused with 403: calls that a program wants to
//! begin are begun over the API (`POST /api/v1/calls`), which tells of their outcome.

use sip::{
    Flow, Message, StatusCode,
    headers::dialogs::{Replaces, TargetDialog},
    transaction::ServerId,
};

use super::{Ingress, challenge::authenticate};
use crate::{answer::Answer, core::Core, ids::LegId};

/// A REFER came outside of a dialog.
pub(super) fn outside(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, request: Message) {
    let Some(identity) = authenticate(g, x, id, &flow, &request) else {
        return;
    };
    let named = named(x, &request).and_then(|leg| match x.legs.get(leg) {
        // RFC 4538 section 4: to know the dialog's tags is no proof. A phone moves the parties of its own calls only.
        Some(found) if !found.peer.is_extension(&identity.extension) => Err(StatusCode::FORBIDDEN),
        Some(_) => Ok(leg),
        None => Err(StatusCode::CALL_DOES_NOT_EXIST),
    });
    match named {
        Ok(leg) => {
            x.with_leg(leg, |leg, cx| leg.referred(cx, id, request));
        }
        Err(code) => x.stack.answer_and_forget(id, &request, &Answer::new(code)),
    }
}

/// The leg whose dialog a REFER names.
fn named(x: &Core, request: &Message) -> Result<LegId, StatusCode> {
    let target = match request.read::<TargetDialog<'_>>() {
        Ok(Some(target)) => target,
        Ok(None) => return Err(StatusCode::FORBIDDEN),
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    // The tags are named as the sender sees them (RFC 4538 section 7).
    let dialog = Replaces {
        call_id: target.call_id.into(),
        to_tag: target.remote_tag.into(),
        from_tag: target.local_tag.into(),
        early_only: false,
    };
    x.stack.dialogs.replaced(&dialog).ok_or(StatusCode::CALL_DOES_NOT_EXIST)
}
