//! Music on hold: one decode and one packet for all who hear the same second of it.

use super::{
    playing::{play, prompts},
    *,
};

#[test]
fn music_is_read_and_encoded_once_for_all_and_ends_with_its_last_leg() {
    let mut w = World::bridged();
    w.command(play(1, Source::Music("hold".into()), true));
    assert!(w.pass(5).is_empty() && w.relay.play.open() == 2);
    let [(track, name)] = w.opened().try_into().unwrap();
    assert_eq!(name, "hold");
    let ramp: Vec<i16> = (0..4000).collect();
    w.answer(track, &ramp, false);
    let first: Vec<Sent> = w.pass(100).into_iter().filter(|s| s.to == at(A)).collect();
    assert_eq!(first.len(), 5);
    // The second leg joins in mid-file, and its packets are due at other moments.
    w.command(play(2, Source::Music("hold".into()), true));
    assert_eq!(w.wanted(), [Wanted::More(track)]);
    let both = w.pass(100);
    let to = |at: &str| {
        both.iter()
            .filter(|s| s.to == super::at(at))
            .map(|s| s.payload.clone())
            .collect::<Vec<_>>()
    };
    let (one, two) = (to(A), to(B));
    assert!(one.len() >= 4 && two.len() >= 4);
    assert!(two.iter().filter(|packet| one.contains(packet)).count() >= two.len() - 1);
    w.command(Command::Stop(id(1)));
    assert!(w.wanted().is_empty());
    w.command(Command::Stop(id(2)));
    assert_eq!((w.wanted(), w.relay.play.open()), (vec![Wanted::Close(track)], 0));
}

#[test]
fn wide_band_legs_hear_wide_band_files_sample_by_sample() {
    use crate::sound::Rate;
    let mut wide = remote(A, &[(96, "L16")]);
    wide.send_payloads[0].clock_rate = 16_000;
    let pcm: Vec<i16> = (0..1_600).map(|n| n * 7).collect();
    let octets: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    for music in [false, true] {
        let mut w = World::new();
        w.leg(1, AT_A, wide.clone());
        w.leg(
            2,
            AT_B,
            Remote {
                rtp: Some(at(B)),
                expected: [at(B).ip()].into_iter().collect(),
                ..wide.clone()
            },
        );
        for slot in [1, 2] {
            let music = music.then(|| Source::Music("a".into()));
            w.command(play(slot, music.unwrap_or_else(|| prompts(&["a"])), false));
        }
        let mut sent = w.pass(1);
        w.answer_all(|_| {
            let clip = Clip::new(Rate::Wide, pcm.clone()).into();
            Ok(Piece { clip, last: !music })
        });
        sent.extend(w.pass(99));
        for peer in [A, B] {
            let heard: Vec<u8> = sent
                .iter()
                .filter(|s| s.to == at(peer))
                .flat_map(|s| s.payload.clone())
                .collect();
            let from = octets.windows(4).position(|window| window == &heard[..4]).unwrap();
            let whole = (octets.len() - from).min(heard.len());
            assert!(
                heard[..whole] == octets[from..from + whole] && whole >= 1_920,
                "{music} {peer} {from} {whole}"
            );
        }
        assert_eq!(w.relay.play.open(), if music { 2 } else { 0 }, "music is read once");
    }
}

#[test]
fn music_that_cannot_be_read_is_told_to_each_leg() {
    let mut w = World::bridged();
    for slot in [1, 2] {
        w.command(play(slot, Source::Music("gone".into()), true));
    }
    w.pass(1);
    w.answer_all(|_| {
        Ok(Piece {
            clip: Clip::from_linear(&[1; 160]).into(),
            last: false,
        })
    });
    w.pass(20);
    let Some(Wanted::More(track)) = w.relay.poll_wanted() else {
        panic!()
    };
    w.relay.loaded(
        w.now,
        Block {
            track,
            piece: Err("no such file".into()),
        },
    );
    w.pass(40);
    let faults = w.events().into_iter().map(|event| {
        let Event::Played { fault: Some(fault), .. } = event else {
            panic!("{event:?}")
        };
        fault
    });
    assert_eq!(faults.collect::<Vec<_>>(), ["no such file"; 2]);
    assert_eq!(w.relay.play.open(), 0);
}

#[test]
fn legs_that_were_put_on_hold_at_different_moments_are_served_together() {
    let mut w = World::new();
    let legs = 1..=40;
    for slot in legs.clone() {
        w.leg(
            slot,
            20_000 + 2 * slot as u16,
            remote(&format!("192.0.2.{slot}:4000"), &[(0, "PCMU")]),
        );
        w.command(play(slot, Source::Music("hold".into()), true));
        w.pass(1);
        w.answer_all(|_| {
            let clip = Clip::from_linear(&[900; 4000]).into();
            Ok(Piece { clip, last: false })
        });
    }
    w.pass(20);
    let (mut moments, mut packets) = (0, 0);
    for _ in 0..100 {
        let sent = w.pass(1).len();
        moments += usize::from(sent > 0);
        packets += sent;
    }
    assert_eq!(packets, legs.count() * 5);
    assert!(moments <= 20, "{moments} moments in 100 ms");
}
