//! How much of a message is taken.

/// What a message may cost. Everything over a limit is refused with an answer where one can be
/// made (413, 414, 513 or 400), never taken in part.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole message (RFC 3261 18.1.1: at least 65,535 on UDP). Default 65,535.
    pub max_message: usize,
    /// Octets of the start line and of all header fields together. Default 32,768.
    pub max_head: usize,
    /// Header fields. Default 256.
    pub max_headers: usize,
    /// Octets of one header field, folded lines included. Default 8,192.
    pub max_header_len: usize,
    /// Octets of a Request-URI (414 over it). Default 2,048.
    pub max_uri: usize,
    /// Octets of a body (413 over it). Default 65,535.
    pub max_body: usize,
    /// How deep multipart bodies may be nested. Default 8.
    pub max_nesting: usize,
    /// Parts of one multipart body. Default 64.
    pub max_parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 65_535,
            max_head: 32_768,
            max_headers: 256,
            max_header_len: 8_192,
            max_uri: 2_048,
            max_body: 65_535,
            max_nesting: 8,
            max_parts: 64,
        }
    }
}
