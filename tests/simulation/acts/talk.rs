//! Within calls: changes, keys, texts, hang-ups; and reports of the media engine.

use std::time::Duration;

use sip::Method;
use switch::Input;
use tests::{Phase, phone::PhoneCall};

use super::{call, direction};
use crate::{life::Life, odd};

pub fn talks(life: &mut Life) {
    if let Some((index, call)) = call(life, PhoneCall::is_asked)
        && life.chance.percent(60)
    {
        let code = [200, 200, 488, 491][usize::try_from(life.chance.below(4)).unwrap()];
        return life.with(index, |phone| phone.decide(call, code));
    }
    let Some((index, call)) = call(life, |call| call.phase == Phase::Up) else {
        return;
    };
    let direction = direction(life);
    let what = life.chance.below(100);
    let port = 30_000 + 2 * u16::try_from(life.chance.below(1_000)).unwrap();
    life.counts.texts += 1;
    let text = format!("text {}", life.counts.texts);
    let (kind, key) = odd::key(&mut life.chance);
    life.with(index, |phone| {
        let may = phone.calls[call].may_change();
        match what {
            0..=29 => phone.hang_up(call),
            30..=49 if may => phone.change(call, &Method::Invite, Some(direction)),
            50..=55 if may => phone.change(call, &Method::Invite, None),
            56..=67 if may => phone.change(call, &Method::Update, Some(direction)),
            68..=71 if may => phone.change(call, &Method::Update, None),
            72..=76 if may => {
                phone.moves_media(call, port);
                phone.change(call, &Method::Invite, Some(direction));
            }
            77..=79 if !may => phone.cancel_change(call),
            80..=91 => phone.pass(call, &Method::Info, kind, key),
            92..=97 => phone.pass(call, &Method::Message, "text/plain", &text),
            98..=99 => phone.within(call, &Method::Options, |builder| builder),
            _ => {}
        }
    });
}

pub fn media_event(life: &mut Life) {
    let at = life.chance.below(life.world.ports.len() as u64 + 1);
    let Some(port) = life.world.ports.iter().nth(usize::try_from(at).unwrap()).copied() else {
        return;
    };
    let sounds = [media::service::Sound::SpeechBegins, media::service::Sound::SpeechEnds];
    let event = match life.chance.below(14) {
        12 => media::Event::Heard {
            media: port,
            sound: sounds[usize::from(life.chance.percent(50))],
        },
        13 => {
            // A recording ends by itself; what is reported again has to be ignored.
            let ids = life.world.recordings.keys().map(|id| media::service::RecordingId(id.0));
            let at = life.chance.below(life.world.recordings.len() as u64 + 1);
            match ids.clone().nth(usize::try_from(at).unwrap()) {
                Some(id) => tests::engine::recorded(id, 500, media::service::RecordEnd::Silence),
                None => return,
            }
        }
        0..=3 => media::Event::Learned {
            media: port,
            remote: "198.51.100.77:4000".parse().unwrap(),
        },
        4..=8 => media::Event::Dtmf {
            media: port,
            digit: ['1', '#', '*'][usize::try_from(life.chance.below(3)).unwrap()],
        },
        9 => media::Event::Played {
            media: port,
            token: 0,
            fault: None,
            millis: 0,
        },
        _ if life.weather.is_orderly() => return,
        10 => {
            if life.world.engine.ports[&port].watched {
                // Time for an ACK that does not come and a BYE without an answer.
                life.seen.silent.push((port, life.world.now + Duration::from_secs(65)));
            }
            media::Event::Silent(port)
        }
        _ => media::Event::Failed {
            media: port,
            reason: "as a test".into(),
        },
    };
    life.note(|| format!("{event:?}"));
    life.world.handle(Input::Media(event));
}
