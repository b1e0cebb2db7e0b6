//! A MESSAGE that is kept for an extension whose phones are away (RFC 3428).

use serde::{Deserialize, Serialize};

/// The message, as it will be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMessage {
    /// Grows with the order in which messages came, also over restarts.
    pub id: u64,
    /// The extension that it is for.
    pub to: String,
    /// The extension that sent it.
    pub from: String,
    /// The sender hides its number (RFC 3323).
    pub hidden: bool,
    /// The value of Content-Type.
    pub content_type: String,
    /// The body, as it came.
    pub body: Vec<u8>,
    /// Further header fields, by name: Subject, Date and others that belong to the content.
    pub fields: Vec<(String, String)>,
    /// When it came, in microseconds since the Unix epoch.
    pub received_at: i64,
    /// Until when it is good, likewise.
    pub expires_at: i64,
}
