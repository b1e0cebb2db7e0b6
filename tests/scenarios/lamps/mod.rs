//! Subscriptions (RFC 6665): lamps and their like.

mod dialog;
mod limits;
mod messages;
mod notify;
mod reg;
mod restart;
mod subscribe;
