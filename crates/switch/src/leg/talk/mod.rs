//! The offers and answers between Tandem and the phone of a leg (RFC 3264).
//!
//! [`Talk`] is the only place that reads and writes session descriptions. The rest of the leg, and the calls above it,
//! see a [`Spec`]: codecs and a direction that mean the same on either leg of a call.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | the state, its image, and the ports that media is received at |
//! | `exchange.rs` | an offer or an answer comes, is made, or is given up |
//! | `facts.rs` | what is agreed on, and what the phone needs now |

mod exchange;
mod facts;

use std::net::IpAddr;

use ::media::{Local, Session, Spec};

use crate::api::{AudioRules, Listens, TalkImage};

pub(crate) use exchange::{OfferError, Unusable};
pub(crate) use facts::Fit;

/// The offer that waits for its answer. There is never more than one (RFC 3264 section 4).
#[derive(Clone, Debug, PartialEq)]
enum Open {
    /// None.
    None,
    /// Ours, in an INVITE or a re-INVITE.
    Ours(Spec),
    /// Ours, in a 2xx: the ACK brings the answer.
    OursInSuccess(Spec),
    /// The phone's.
    Theirs(Spec),
    /// The phone's, answered in a 1xx. The 2xx has to repeat the answer (RFC 3261 13.2.1).
    AnsweredEarly,
}

/// The offer/answer state of one leg.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    session: Session,
    /// What the device may do with audio.
    audio: AudioRules,
    /// The media that the phone described last, in an offer that was answered, or in an answer.
    heard: Option<Spec>,
    /// The media of the other side that the phone was told last, in an offer that the phone answered, or in an answer.
    said: Option<Spec>,
    listens: Listens,
    open: Open,
}

impl Talk {
    /// A leg without any offer. `audio`: what the device may do with audio.
    pub fn new(local: Local, audio: AudioRules) -> Self {
        Self {
            session: Session::new(local),
            audio,
            heard: None,
            said: None,
            listens: Listens::NotYet,
            open: Open::None,
        }
    }

    /// The image of the session. `None` while an offer is open, or before the first answer.
    pub fn image(&self) -> Option<TalkImage> {
        let quiet = self.open == Open::None && self.is_established();
        quiet.then(|| TalkImage {
            session: self.session.clone(),
            audio: self.audio.clone(),
            heard: self.heard.clone(),
            said: self.said.clone(),
            listens: self.listens,
        })
    }

    /// Goes on from an image.
    pub fn resume(image: TalkImage) -> Self {
        Self {
            session: image.session,
            audio: image.audio,
            heard: image.heard,
            said: image.said,
            listens: image.listens,
            open: Open::None,
        }
    }

    /// The UDP port that the leg's media is received at.
    pub const fn local_port(&self) -> u16 {
        self.session.local().port
    }

    /// Sets the address and UDP port that the leg's media is received at. The next description has them.
    pub fn receive_at(&mut self, address: IpAddr, port: u16) {
        self.session.move_to(address, port);
    }

    /// How many lines besides the audio the leg may have.
    pub fn allow_lines(&mut self, most: usize) {
        self.session.allow_lines(most);
    }

    /// Sets the UDP port that the line at this place is received at. The next description has it.
    pub fn receive_line_at(&mut self, place: usize, port: u16) {
        self.session.receive_line_at(place, port);
    }

    /// The UDP port of the line at each place; 0: none.
    pub fn line_ports(&self) -> &[u16] {
        self.session.line_ports()
    }

    /// Whether the leg may have a line besides the audio at this place.
    pub fn may_have_line(&self, place: usize) -> bool {
        self.session.may_have_line(place)
    }
}

#[cfg(test)]
mod tests;
