//! STUN on the SIP port: how a phone keeps its UDP flow open, and learns whether its NAT has given it another address (RFC
//! 5626 sections 4.4.2 and 8, RFC 8489).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

/// The first octets of a Binding request and of its success response (RFC 8489 section 5).
const REQUEST: [u8; 2] = [0x00, 0x01];
const SUCCESS: [u8; 2] = [0x01, 0x01];
/// The magic cookie (RFC 8489 section 5); the first octet of SIP is never 0.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEAD: usize = 20;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes below this have to be understood (RFC 8489 section 14).
const OPTIONAL: u16 = 0x8000;

/// The answer to a Binding request; `None` for anything else. A request with an attribute that has to be understood gets
/// none: the keep-alive of RFC 5626 has no attributes.
pub(super) fn answer(datagram: &[u8], source: SocketAddr) -> Option<Bytes> {
    let (head, attributes) = datagram.split_at_checked(HEAD)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[..2] != REQUEST || head[4..8] != COOKIE || length != attributes.len() || !are_optional(attributes) {
        return None;
    }
    // The cookie and the transaction's id.
    let mask = &head[4..];
    let mut mapped = vec![0, if source.is_ipv4() { 1 } else { 2 }];
    let masked = |octets: &[u8]| -> Vec<u8> { octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect() };
    mapped.extend(masked(&source.port().to_be_bytes()));
    mapped.extend(match source.ip() {
        IpAddr::V4(address) => masked(&address.octets()),
        IpAddr::V6(address) => masked(&address.octets()),
    });
    let size = u16::try_from(mapped.len()).ok()?;
    let parts = [
        &SUCCESS[..],
        &(size + 4).to_be_bytes(),
        mask,
        &XOR_MAPPED_ADDRESS.to_be_bytes(),
        &size.to_be_bytes(),
        &mapped,
    ];
    Some(parts.concat().into())
}

/// Whether the attributes are whole, and none of them has to be understood.
fn are_optional(mut attributes: &[u8]) -> bool {
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let [kind, length] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let Some(next) = rest
            .get(usize::from(length).next_multiple_of(4)..)
            .filter(|_| kind >= OPTIONAL)
        else {
            return false;
        };
        attributes = next;
    }
    attributes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        [&REQUEST[..], &length, &COOKIE, &[7; 12], attributes].concat()
    }

    #[test]
    fn a_binding_request_is_told_where_it_came_from() {
        // The address and port of RFC 5769 section 2.2, with its cookie.
        let answer = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(answer[..4], [0x01, 0x01, 0, 12]);
        assert_eq!(answer[4..20], request(&[])[4..20]);
        assert_eq!(answer[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let answer = super::answer(&request(&[]), "[::1]:5060".parse().unwrap()).unwrap();
        assert_eq!((answer.len(), &answer[24..26]), (44, &[0, 2][..]));
    }

    #[test]
    fn what_is_no_plain_binding_request_gets_no_answer() {
        let source = "192.0.2.1:32853".parse().unwrap();
        // SOFTWARE may be passed over, USERNAME may not.
        assert!(answer(&request(&[0x80, 0x22, 0, 1, b'x', 0, 0, 0]), source).is_some());
        let mut old = request(&[]);
        old[4] = 0;
        let mut response = request(&[]);
        response[0] = 1;
        for datagram in [
            request(&[0, 6, 0, 1, b'x', 0, 0, 0]),
            request(&[0x80, 0x22, 0, 9]),
            request(&[0x80]),
            [&request(&[])[..], b"x"].concat(),
            old,
            response,
            b"OPTIONS sip:a SIP/2.0\r\n\r\n".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(answer(&datagram, source), None, "{datagram:?}");
        }
    }
}
