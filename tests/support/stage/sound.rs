//! Keys, recordings and conferences on the stage.

use media::{Command, Event, MediaId, Source, service::Ears};
use sip::Method;
use switch::{Conference, Input, Recording, Reply};

use super::{Actor, Stage};

impl Actor {
    /// The port of the media engine that its call sends to.
    pub fn port(&self) -> MediaId {
        let call = self.latest();
        let world = self.world.borrow();
        let port = world.port_of((self.index, call));
        port.unwrap_or_else(|| panic!("its call has a port\n{}", world.ladder))
    }

    /// The music that the media engine plays to it.
    pub fn music(&self) -> Option<String> {
        let port = self.port();
        match &self.world.borrow().engine.ports[&port].plays {
            Some((Source::Music(name), _)) => Some(name.clone()),
            Some((Source::Prompts(_) | Source::Tone(_), _)) | None => None,
        }
    }

    /// Presses keys, 100 ms each: the media engine reports them, as RFC 4733 events or as tones in the sound.
    pub fn presses(&self, keys: &str) -> &Self {
        let (media, millis) = (self.port(), 100);
        for digit in keys.chars() {
            for event in [Event::Dtmf { media, digit }, Event::DtmfEnded { media, digit, millis }] {
                self.world.borrow_mut().handle(Input::Media(event));
            }
        }
        self.world.borrow_mut().flush();
        self
    }

    /// Presses a key, which it sends by INFO.
    pub fn informs(&self, key: char) -> &Self {
        let body = key.to_string();
        let answer = self.asks_within(Method::Info, |builder| {
            builder.body("application/dtmf", body.as_bytes())
        });
        assert_eq!(answer.status().map(sip::StatusCode::code), Some(200));
        self
    }

    /// What the media engine listens for in its sound.
    pub fn is_listened_to_for(&self) -> Ears {
        let port = self.port();
        self.world.borrow().engine.ports[&port].ears
    }
}

impl Stage {
    /// The sounds that were played so far.
    pub fn played(&self) -> Vec<Source> {
        self.with(|world| {
            let plays = world.media.iter().filter_map(|command| match command {
                Command::Play { source, .. } => Some(source.clone()),
                _ => None,
            });
            plays.collect()
        })
    }

    /// How often the media engine got such a command.
    pub fn count(&self, such: impl Fn(&Command) -> bool) -> usize {
        self.with(|world| world.media.iter().filter(|command| such(command)).count())
    }

    /// The recordings so far, the oldest first, as they were reported last.
    pub fn recordings(&self) -> Vec<Recording> {
        let mut recordings: Vec<_> = self.with(|world| world.recordings.values().cloned().collect());
        recordings.sort_by_key(|recording| recording.started_at);
        recordings
    }

    /// The conferences now.
    pub fn conferences(&self) -> Vec<Conference> {
        match self.commands(switch::Command::ListConferences) {
            Ok(Reply::Conferences(conferences)) => conferences,
            other => panic!("{other:?}"),
        }
    }
}
