//! Sound that the relay makes: converted, played, mixed, recorded, listened to.

mod changes;
mod converting;
mod hearing;
mod keys;
mod music;
mod playing;
mod recording;
mod rooms;
mod talking;

use super::*;
