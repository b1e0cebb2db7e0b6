//! What is let in, what is refused or dropped, and what is passed on from one side to the other.

mod identity;
mod malformed;
mod passing;
mod privacy;
mod refusals;
mod secure;
mod spoofed;
