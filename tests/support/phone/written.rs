//! Descriptions as some phones write them: with harmless errors, or in another charset.

/// The number of kinds.
pub const ODDITIES: usize = 8;

/// The description as the phone writes it.
pub(super) fn written(kind: Option<usize>, sdp: &[u8]) -> Vec<u8> {
    let ends = |tail: &[u8]| [sdp, tail].concat();
    match kind {
        // RFC 4566 5 and 6: free text in a charset that is named or not, and unknown attributes.
        Some(0) => replaced(sdp, b"s=-\r\n", b"s=Gespr\xe4ch\r\n"),
        Some(1) => replaced(
            sdp,
            b"t=0 0\r\n",
            b"t=0 0\r\na=charset:ISO-8859-1\r\na=x-name:J\xf6rg\r\n",
        ),
        Some(2) => ends(b"a=x-key:\xff\xfe\xe4\x80\r\n"),
        Some(3) => ends(b"  \r\n"),
        Some(4) => ends(b"\0"),
        Some(5) => replaced(sdp, b"o=- ", b"o=J\xf6rg Doe x"),
        Some(6) => replaced(sdp, b"t=0 0\r\n", b"t=now\r\nr=7d\r\n"),
        // RFC 3551 4.5.2: the clock of the samples instead of the clock of the packets.
        Some(7) => replaced(sdp, b"G722/8000", b"G722/16000"),
        Some(_) | None => sdp.to_vec(),
    }
}

/// Replaces bytes by others, everywhere.
pub(super) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        written.extend_from_slice(&rest[..at]);
        written.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    written.extend_from_slice(rest);
    written
}
