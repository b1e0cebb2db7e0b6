//! Event packages besides those of lamps: presence and what phones publish, keys of phones, lists, conferences, profiles.

mod conference;
mod features;
mod lists;
mod others;
mod presence;
mod publish;
