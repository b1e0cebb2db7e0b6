//! The routes: one file a group of them.

mod calls;
mod cdrs;
mod conferences;
mod dialplans;
mod events;
mod extensions;
mod import;
mod links;
mod recordings;
mod subscriptions;
mod system;
