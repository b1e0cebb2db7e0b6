//! Which of the final responses of all branches is passed back (RFC 3261 section 16.7, steps 6 and 7).

use sip::{HeaderName, Message};

/// The best of these responses; `None` if there are none.
pub(super) fn best(finals: &[Message]) -> Option<&Message> {
    // Of equals the first.
    finals.iter().min_by_key(|response| rank(code(response)))
}

/// The status code of a response.
pub(super) fn code(response: &Message) -> u16 {
    response.status().map_or(500, |status| status.code())
}

/// The lower, the better: 6xx before all; then the lowest class; within it, what helps the caller to ask again before what
/// tells little.
fn rank(code: u16) -> (u16, u16) {
    let class = if code >= 600 { 0 } else { code / 100 };
    let within = match code {
        401 | 407 | 415 | 420 | 484 => 0,
        408 | 487 | 503 => 2,
        _ => 1,
    };
    (class, within)
}

/// The challenges of all other responses, where the best one is a challenge: the caller needs them all.
pub(super) fn challenges(best: &Message, finals: &[Message]) -> Vec<(HeaderName, String)> {
    let asks = |response: &Message| matches!(code(response), 401 | 407);
    if !asks(best) {
        return Vec::new();
    }
    let others = finals.iter().filter(|other| asks(other) && *other != best);
    let names = [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate];
    others
        .flat_map(|other| {
            let of = move |name| other.headers(name).map(move |value| (name, value.to_owned()));
            names.into_iter().flat_map(of)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sip::{Builder, StatusCode};

    use super::*;

    #[test]
    fn the_best_response_is_chosen_by_its_class_and_by_what_it_tells() {
        for (codes, chosen) in [
            (&[503, 407, 501, 404][..], Some(407)),
            (&[404, 486, 600], Some(600)),
            (&[302, 404], Some(302)),
            (&[408, 486], Some(486)),
            (&[487, 503], Some(487)),
            (&[486, 404], Some(486)),
            (&[503, 500], Some(500)),
            (&[], None),
        ] {
            let finals: Vec<Message> = codes
                .iter()
                .map(|code| Builder::response(StatusCode::new(*code).unwrap()).finish())
                .collect();
            assert_eq!(best(&finals).map(code), chosen, "{codes:?}");
        }
    }
}
