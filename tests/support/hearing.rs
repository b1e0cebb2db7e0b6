//! Which phone hears which, by the commands of the media engine and by the descriptions that the phones got.

use media::MediaId;

use crate::World;

/// A call of a phone: their numbers in `phones` and in `calls`.
pub type Ear = (usize, usize);

impl World {
    /// The port of the media engine that a call of a phone sends to, if it is certain.
    pub fn port_of(&self, (phone, call): Ear) -> Option<MediaId> {
        let phone = &self.phones[phone];
        let call = phone.calls.get(call)?;
        let to = call.media().rtp?.port();
        let mut found = self.engine.ports.iter().filter(|(_, port)| {
            port.local_port == to
                && port.remote.as_ref().is_some_and(|remote| {
                    let announced = remote.rtp.is_none_or(|rtp| call.audio_port() == Some(rtp.port()));
                    remote.expected.contains(&phone.address.ip()) && announced
                })
        });
        let (port, none) = (found.next(), found.next());
        port.filter(|_| none.is_none()).map(|(id, _)| *id)
    }

    /// True if the audio of `mouth` comes to `ear`: the phones send and receive, and the media engine relays.
    pub fn reaches(&self, mouth: Ear, ear: Ear) -> bool {
        let (Some(from), Some(to)) = (self.port_of(mouth), self.port_of(ear)) else {
            return false;
        };
        let direction = |(phone, call): Ear| self.phones[phone].calls[call].media().direction;
        let (mouth, ear) = (direction(mouth), direction(ear));
        let ports = &self.engine.ports;
        let takes = ports[&from]
            .remote
            .as_ref()
            .is_some_and(|remote| remote.direction.receive);
        let gives = ports[&to].remote.as_ref().is_some_and(|remote| remote.direction.send);
        ports[&from].bridged == Some(to) && mouth.send && takes && gives && ear.receive
    }
}
