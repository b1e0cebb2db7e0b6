//! Intercom: the header fields that tell a phone to answer by itself.

use crate::core::Core;

/// The header fields that tell the phones of an extension to answer by themselves; `None` if the extension does not allow
/// that. Each field is understood by some makes and ignored by all others (RFC 3261 8.1.3.2, 20.4, 20.9):
///
/// - `Answer-Mode: Auto` is the standard (RFC 5373 section 4.1). Without `;require`, so that a phone that must not answer
///   by itself rings.
/// - `Call-Info` with `answer-after=0`: Snom, Grandstream, Cisco, Linphone.
/// - `Alert-Info` with `info=alert-autoanswer`: Yealink, Fanvil, Poly, Grandstream. Phones that want to fetch a ring tone
///   from the URI find nothing at their own address.
pub(crate) fn auto_answer(x: &Core, number: &str) -> Option<Vec<(String, String)>> {
    let extension = x.accounts.extension(number)?;
    let fields = [
        ("Answer-Mode", "Auto".to_owned()),
        ("Call-Info", format!("<sip:{}>;answer-after=0", x.stack.config.domain)),
        (
            "Alert-Info",
            "<http://127.0.0.1>;info=alert-autoanswer;delay=0".to_owned(),
        ),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    extension.rules.intercom.then(|| fields.into())
}
