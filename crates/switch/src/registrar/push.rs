//! Push notifications (RFC 8599): which contacts belong to phones that sleep, and what a phone is told of that.

use sip::{NameAddr, StatusCode, Uri, unescape};

use crate::{Answer, Push, api::PushTarget};

/// How the phone of a Contact is woken; `None` for a phone that does not sleep, or that is not served.
pub(super) fn target(contact: &Uri<'_>, config: &Push) -> Option<PushTarget> {
    let param = |name: &str| contact.param(name).map(|value| unescape(value).into_owned());
    let (provider, prid) = (param("pn-provider")?, param("pn-prid")?);
    (config.on && !prid.is_empty() && serves(config, &provider)).then(|| PushTarget {
        provider,
        prid,
        param: param("pn-param").unwrap_or_default(),
    })
}

/// A Contact URI as people are shown it: without what only its push service is to know.
pub(super) fn masked(contact: &str) -> String {
    let secret = |param: &str| {
        let name = param.split('=').next().unwrap_or_default();
        ["pn-prid", "pn-param"]
            .into_iter()
            .find(|secret| name.eq_ignore_ascii_case(secret))
    };
    let shown = contact.split(';').map(|param| match secret(param) {
        Some(name) => format!("{name}=***"),
        None => param.to_owned(),
    });
    shown.collect::<Vec<_>>().join(";")
}

fn serves(config: &Push, provider: &str) -> bool {
    let named = |known: &String| known.eq_ignore_ascii_case(provider);
    !provider.is_empty() && (config.providers.is_empty() || config.providers.iter().any(named))
}

/// The values of Feature-Caps for a phone that registers a Contact (RFC 8599 sections 4.1.1 and 5.6.1.1): the push
/// service that it names is served; or all that are, where it asks. Where no phone is woken, none: then the phone knows that
/// it must not sleep.
///
/// # Errors
/// 555 for a service that is not served.
pub(super) fn told(address: &NameAddr<'_>, contact: &Uri<'_>, config: &Push) -> Result<Vec<String>, Answer> {
    let Some(provider) = contact.param("pn-provider").filter(|_| config.on) else {
        return Ok(Vec::new());
    };
    let provider = unescape(provider);
    // RFC 8599 section 4.1.4: a phone that wakes by itself is told when it has to register at the latest.
    let lead = address
        .param("+sip.pnsreg")
        .map(|_| format!(";+sip.pnsreg=\"{}\"", config.lead.as_secs()));
    let value = |name: &str| format!("*;+sip.pns=\"{name}\"{}", lead.as_deref().unwrap_or_default());
    if provider.is_empty() {
        return Ok(config.providers.iter().map(|name| value(name)).collect());
    }
    let is_token = sip::headers::is_token(provider.as_bytes());
    if is_token && serves(config, &provider) {
        Ok(vec![value(&provider)])
    } else {
        Err(Answer::new(StatusCode::PUSH_NOTIFICATION_SERVICE_NOT_SUPPORTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_push_service_knows_a_phone_by_is_not_shown() {
        for (contact, shown) in [
            ("sip:1@a", "sip:1@a"),
            (
                "sip:1@a;pn-provider=apns;PN-PRID=x%3By;pn-param=z;ob",
                "sip:1@a;pn-provider=apns;pn-prid=***;pn-param=***;ob",
            ),
        ] {
            assert_eq!(masked(contact), shown);
        }
    }
}
