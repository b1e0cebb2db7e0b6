//! The identity of a sender, and what it may say about itself.

use sip::{Flow, HeaderName, Message, Method, NameAddr, StatusCode, privacy::Privacy};

use crate::{Answer, Domain, Trusted, accounts::Identity};

/// Checks what a device that has signed in says about itself. The user part of From (of REGISTER: also of To) and of
/// P-Preferred-Identity must be its own number or user name, or be missing; or From is anonymous.
///
/// A From host that is not ours does not make another identity: it is ignored, and no callee sees it. The display name
/// is free.
pub(super) fn bind(
    message: &Message,
    mut identity: Identity,
    domain: &Domain,
    flow: &Flow,
) -> Result<Identity, Answer> {
    let unreadable = |_| Answer::because(StatusCode::BAD_REQUEST, "From Cannot Be Read");
    let from = message.from().map_err(unreadable)?;
    let uri = from
        .uri()
        .map_err(|_| Answer::because(StatusCode::BAD_REQUEST, "From Cannot Be Read"))?;
    let registers = *message.method() == Method::Register;
    identity.anonymous = !registers && domain.is_anonymous(&uri, flow);
    if !identity.anonymous && !identity.is_named_by(&uri) {
        return Err(Answer::because(StatusCode::FORBIDDEN, "From Is Not Yours"));
    }
    if registers {
        let to = message.to().ok().and_then(|to| to.uri().ok());
        if !to.is_some_and(|uri| identity.is_named_by(&uri)) {
            return Err(Answer::because(StatusCode::FORBIDDEN, "Not Your Address-of-Record"));
        }
    }
    // RFC 3323 section 5: a wish that is critical and not known.
    if !registers && Privacy::of(message).cannot_be_met() {
        return Err(Answer::because(
            StatusCode::SERVER_INTERNAL_ERROR,
            "Privacy Cannot Be Provided",
        ));
    }
    // RFC 3325 section 9.2: only a hint, but a hint that names another user is refused.
    for value in message.values(HeaderName::PPreferredIdentity) {
        let uri = NameAddr::parse(value).ok().and_then(|address| address.uri().ok());
        if !uri.is_some_and(|uri| identity.is_named_by(&uri)) {
            return Err(Answer::because(
                StatusCode::FORBIDDEN,
                "P-Preferred-Identity Is Not Yours",
            ));
        }
    }
    Ok(identity)
}

/// The identity of a call from a trusted network: the network's extension, whatever number a gateway puts into From.
pub(super) fn of_network(message: &Message, extension: &str, domain: &Domain, flow: &Flow) -> Identity {
    let from = message.from().ok().and_then(|from| from.uri().ok());
    let anonymous = from.is_some_and(|uri| domain.is_anonymous(&uri, flow));
    Identity {
        extension: extension.to_owned(),
        device: None,
        anonymous,
    }
}

/// The networks whose calls need no challenge (`--trust`).
#[derive(Clone, Debug, Default)]
pub struct TrustedNets(Vec<Trusted>);

impl TrustedNets {
    /// A network inside another network is checked before it.
    pub fn new(mut trusted: Vec<Trusted>) -> Self {
        trusted.sort_by_key(|net| std::cmp::Reverse(bits(net)));
        Self(trusted)
    }

    /// The extension for calls from this address. Looks at every network (there are only a few).
    pub fn extension(&self, address: std::net::IpAddr) -> Option<&str> {
        let net = self.0.iter().find(|net| contains(net, address))?;
        Some(&net.extension)
    }
}

/// The prefix length, converted to IPv6.
fn bits(net: &Trusted) -> u32 {
    let prefix = u32::from(net.prefix);
    if net.network.is_ipv4() {
        96 + prefix.min(32)
    } else {
        prefix.min(128)
    }
}

fn contains(net: &Trusted, address: std::net::IpAddr) -> bool {
    let wide = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        std::net::IpAddr::V6(v6) => v6.to_bits(),
    };
    let different = wide(net.network) ^ wide(address);
    different.checked_shr(128 - bits(net)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let net = |network: &str, prefix, extension: &str| Trusted {
            network: network.parse().unwrap(),
            prefix,
            extension: extension.into(),
        };
        let nets = TrustedNets::new(vec![
            net("10.0.0.0", 8, "a"),
            net("10.1.2.0", 24, "b"),
            net("10.1.2.3", 32, "c"),
            net("2001:db8::", 32, "d"),
        ]);
        for (address, extension) in [
            ("10.9.9.9", Some("a")),
            ("10.1.2.9", Some("b")),
            ("10.1.2.3", Some("c")),
            ("::ffff:10.1.2.3", Some("c")),
            ("11.0.0.1", None),
            ("2001:db8:1::1", Some("d")),
            ("2001:db9::1", None),
        ] {
            assert_eq!(nets.extension(address.parse().unwrap()), extension, "{address}");
        }
        let all = TrustedNets::new(vec![net("0.0.0.0", 0, "all")]);
        assert_eq!(all.extension([1, 2, 3, 4].into()), Some("all"));
        assert_eq!(
            all.extension("2001:db8::1".parse().unwrap()),
            None,
            "0.0.0.0/0 is all of IPv4"
        );
        let six = TrustedNets::new(vec![net("::", 0, "six")]);
        assert_eq!(six.extension("2001:db8::1".parse().unwrap()), Some("six"));
    }
}
