//! Recordings of legs, calls and rooms.

use super::{
    talking::{Talker, payload, share, with},
    *,
};
use crate::{
    recorder::{Write, Written},
    service::{FileFormat, RecordEnd, Recording, RecordingId, RoomId, Seat, Taken},
    sound::Rate,
};

const TAPE: RecordingId = RecordingId(5);

fn record(w: &mut World, taken: Taken, max: Option<Duration>) {
    w.command(Command::Record(Recording {
        id: TAPE,
        taken,
        file: "a".into(),
        format: FileFormat::Wav,
        max,
        silence: None,
    }));
}

/// What the writer was told: the rate, the channels, the sound, and whether it is over.
fn written(w: &mut World) -> (Option<Rate>, Vec<Vec<i16>>, bool) {
    let (mut told, mut sides, mut over) = (None, vec![Vec::new(); 2], false);
    let mut count = 1;
    while let Some(write) = w.relay.poll_write() {
        match write {
            Write::Begin { rate, channels, .. } => (told, count) = (Some(rate), usize::from(channels)),
            Write::Block { pcm, .. } => pcm
                .iter()
                .enumerate()
                .for_each(|(n, sample)| sides[n % count].push(*sample)),
            Write::End { .. } => over = true,
        }
    }
    (told, sides, over)
}

fn recorded(w: &mut World) -> Vec<(u64, RecordEnd)> {
    w.relay.written(
        w.now,
        Written {
            recording: TAPE,
            octets: 1,
            file: "a.wav".into(),
            fault: None,
        },
    );
    let end = |event| {
        if let Event::Recorded { millis, end, .. } = event {
            Some((millis, end))
        } else {
            None
        }
    };
    w.events().into_iter().filter_map(end).collect()
}

/// A relayed call that is recorded, a side a channel with `split`; its peers say 500 and 900 Hz.
fn recorded_call(split: bool) -> (World, [Talker; 2]) {
    let law = payload(0, "PCMU", 8000);
    let mut w = World::new();
    w.leg(1, AT_A, with(A, std::slice::from_ref(&law), 20));
    w.leg(2, AT_B, with(B, std::slice::from_ref(&law), 20));
    w.command(Command::Bridge(id(1), id(2)));
    let call = Taken::Call {
        left: id(1),
        right: id(2),
        split,
    };
    record(&mut w, call, None);
    (w, [Talker::new(law.clone(), 500.0, 20), Talker::new(law, 900.0, 20)])
}

fn both(w: &mut World, talkers: &mut [Talker; 2], millis: u32) -> usize {
    let mut sent = 0;
    for _ in 0..millis / 20 {
        w.raw(AT_A, A, &talkers[0].packet());
        w.raw(AT_B, B, &talkers[1].packet());
        sent += w.sent.len();
        w.sent.clear();
        sent += w.pass(20).len();
    }
    sent
}

#[test]
fn a_relayed_call_is_recorded_a_side_a_channel_from_its_first_packet_on() {
    let (mut w, mut talkers) = recorded_call(true);
    assert_eq!(
        both(&mut w, &mut talkers, 3000),
        300,
        "the packets are copied as before"
    );
    w.command(Command::StopRecording(TAPE));
    let (rate, sides, over) = written(&mut w);
    assert_eq!((rate, over, sides[0].len()), (Some(Rate::Narrow), true, sides[1].len()));
    let millis = sides[0].len() / 8;
    assert!((2980..=3020).contains(&millis), "{millis} ms");
    for (side, hertz) in sides.iter().zip([500.0, 900.0]) {
        assert!(
            share(&side[800..], Rate::Narrow, hertz) > 0.95,
            "{hertz} from the first 100 ms on"
        );
    }
    let ends = recorded(&mut w);
    assert!(matches!(ends.as_slice(), [(_, RecordEnd::Stopped)]), "{ends:?}");
    assert_eq!(w.relay.groups.len(), 0, "nothing is decoded any more");
}

#[test]
fn a_recording_of_two_legs_outlives_the_first_and_ends_with_the_last() {
    let (mut w, mut talkers) = recorded_call(false);
    both(&mut w, &mut talkers, 1000);
    w.command(Command::Close(id(1)));
    both(&mut w, &mut talkers, 1000);
    w.command(Command::Close(id(2)));
    let (_, sides, over) = written(&mut w);
    assert!(over);
    let sound = &sides[0];
    assert!((15_800..=16_200).contains(&sound.len()), "{}", sound.len());
    assert!(
        share(&sound[1600..7200], Rate::Narrow, 500.0) > 0.4 && share(&sound[1600..7200], Rate::Narrow, 900.0) > 0.4
    );
    assert!(share(&sound[9600..], Rate::Narrow, 900.0) > 0.9);
    assert!(matches!(recorded(&mut w).as_slice(), [(_, RecordEnd::Closed)]));
}

#[test]
fn a_leg_that_is_heard_by_no_other_is_recorded_to_its_limit_with_a_pause_left_out() {
    let wide = payload(96, "L16", 16_000);
    let mut w = World::new();
    w.leg(1, AT_A, with(A, std::slice::from_ref(&wide), 20));
    record(&mut w, Taken::Leg(id(1)), Some(Duration::from_secs(1)));
    let mut talker = Talker::new(wide, 500.0, 20);
    let mut say = |w: &mut World, millis: u32| {
        for _ in 0..millis / 20 {
            w.raw(AT_A, A, &talker.packet());
            w.pass(20);
        }
    };
    say(&mut w, 400);
    w.command(Command::PauseRecording {
        recording: TAPE,
        paused: true,
    });
    say(&mut w, 1000);
    w.command(Command::PauseRecording {
        recording: TAPE,
        paused: false,
    });
    say(&mut w, 1000);
    let (rate, sides, over) = written(&mut w);
    assert_eq!((rate, sides[0].len(), over), (Some(Rate::Wide), 16_000, true));
    assert_eq!(recorded(&mut w), [(1000, RecordEnd::Full)]);
    assert_eq!(w.relay.groups.len(), 0);
}

#[test]
fn a_room_is_recorded_as_a_listener_hears_it() {
    let law = payload(0, "PCMU", 8000);
    let mut w = World::new();
    let room = RoomId(1);
    w.command(Command::OpenRoom { room, tones: false });
    for (slot, port, peer) in [(1, AT_A, A), (2, AT_B, B)] {
        w.leg(slot, port, with(peer, std::slice::from_ref(&law), 20));
        w.command(Command::Sit {
            room,
            media: id(slot),
            seat: Seat::default(),
        });
    }
    record(&mut w, Taken::Room(room), None);
    let mut talkers = [Talker::new(law.clone(), 500.0, 20), Talker::new(law, 900.0, 20)];
    both(&mut w, &mut talkers, 2000);
    w.command(Command::CloseRoom(room));
    let (rate, sides, over) = written(&mut w);
    assert_eq!((rate, over), (Some(Rate::Wide), true));
    let sound = &sides[0];
    assert!(share(&sound[8000..], Rate::Wide, 500.0) > 0.4 && share(&sound[8000..], Rate::Wide, 900.0) > 0.4);
    assert!(matches!(recorded(&mut w).as_slice(), [(_, RecordEnd::Closed)]));
}

#[test]
fn what_cannot_be_recorded_is_told_at_once() {
    let mut w = World::new();
    record(&mut w, Taken::Leg(id(9)), None);
    record(&mut w, Taken::Room(RoomId(9)), None);
    let events = w.events();
    assert_eq!(events.len(), 2);
    let fault = |event: &Event| {
        matches!(
            event,
            Event::Recorded {
                end: RecordEnd::Fault(_),
                ..
            }
        )
    };
    assert!(events.iter().all(fault), "{events:?}");
}
