//! Where a call goes: registrations, forwards, forks, and the addresses of a name.

mod desks;
mod dial;
mod forks;
mod forward;
mod locations;
mod registrar;
mod settings;
mod targets;
