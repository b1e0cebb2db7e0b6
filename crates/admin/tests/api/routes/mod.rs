//! The routes: one file a group of them.

mod calls;
mod cdrs;
mod dialplans;
mod events;
mod extensions;
mod import;
mod system;
