//! What a phone does by itself.

/// What a phone does by itself.
#[derive(Clone, Debug)]
pub struct Mood {
    /// Final status to incoming calls at once, instead of ringing.
    pub refuses: Option<u16>,
    /// Contact of a 3xx in `refuses`.
    pub sends_to: Option<String>,
    /// Answers incoming calls at once.
    pub answers: bool,
    /// Status to re-INVITE and UPDATE that offer something, instead of taking it.
    pub refuses_changes: Option<u16>,
    /// Leaves re-INVITEs unanswered until [`Phone::decide`].
    pub waits_with_changes: bool,
    /// Never sends an ACK for a 2xx.
    pub forgets_ack: bool,
    /// Is dead: takes nothing and says nothing.
    pub dead: bool,
    /// Says `Supported: timer`.
    pub timer: bool,
    /// Codecs it has.
    pub codecs: Vec<&'static str>,
    /// Makes calls without an offer.
    pub late_offer: bool,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            refuses: None,
            sends_to: None,
            answers: false,
            refuses_changes: None,
            waits_with_changes: false,
            forgets_ack: false,
            dead: false,
            timer: true,
            codecs: vec!["PCMU", "PCMA", "TELEPHONE-EVENT"],
            late_offer: false,
        }
    }
}
