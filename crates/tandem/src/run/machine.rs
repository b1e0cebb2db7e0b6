//! The two sides of the loop as traits, so that a test can stand in for either.

use sip::Instant;
use switch::{Input, Output, Switch};

/// The switch, as the loop sees it.
pub trait Machine {
    /// Something happened.
    fn handle(&mut self, now: Instant, input: Input);

    /// The next output; [`Output::Timeout`] is the last of a round.
    fn poll_output(&mut self) -> Output;
}

/// Everything outside that is not signalling's sockets: media, scripts, store, events.
pub trait Outside {
    /// Does what the switch wants, without waiting. Where that fails at once, the answer is returned;
    /// otherwise it comes later through [`super::Mailbox::answer`]. Never given a transmission, a name lookup, a
    /// reply or a timeout.
    fn take(&mut self, output: Output) -> Option<Input>;
}

impl Machine for Switch {
    fn handle(&mut self, now: Instant, input: Input) {
        Self::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Output {
        Self::poll_output(self)
    }
}
