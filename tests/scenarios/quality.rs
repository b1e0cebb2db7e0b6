//! How calls sound: shown while they go on, kept in their records.

use media::{
    Event,
    service::{Quality, Way},
};
use switch::{Input, WayQuality};
use tests::Stage;

/// What the engine measures.
fn measured(mos: u16) -> Quality {
    let way = Way {
        packets: 500,
        lost: 5,
        late: 1,
        jitter: 2_500,
        mos: Some(mos),
        ..Way::default()
    };
    Quality {
        received: way,
        sent: Way { mos: None, ..way },
        round_trip: Some(35),
    }
}

/// The parties of the legs whose sound is noted, with whether the leg was inbound and its score.
fn noted(stage: &Stage) -> Vec<(String, bool, Option<u16>)> {
    stage.with(|world| {
        let legs = world.qualities.iter();
        legs.map(|(_, leg)| (leg.party.clone(), leg.inbound, leg.quality.received.mos))
            .collect()
    })
}

#[test]
fn each_leg_with_sound_is_noted_once_with_the_record_of_its_call() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    stage.with(|world| world.engine.quality = measured(420));
    stage.ends(&alice, &bob);
    let record = stage.record();
    assert_eq!(
        noted(&stage),
        [("101".into(), true, Some(420)), ("102".into(), false, Some(420))]
    );
    stage.with(|world| {
        for (call, leg) in &world.qualities {
            assert_eq!((*call, leg.codec.as_deref()), (record.open.call_id, Some("PCMU")));
            let expected = WayQuality {
                packets: 500,
                lost: 5,
                late: 1,
                doubled: 0,
                jitter_micros: 2_500,
                mos: None,
            };
            assert_eq!(
                (leg.quality.sent, leg.quality.round_trip_ms),
                (Some(expected), Some(35))
            );
        }
    });
    stage.clears();
}

#[test]
fn legs_without_sound_are_not_noted() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    stage.ends(&alice, &bob);
    assert!(noted(&stage).is_empty());
    stage.record();
    stage.clears();
}

#[test]
fn a_leg_in_progress_shows_what_was_measured_last() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    assert!(stage.calls()[0].legs.iter().all(|leg| leg.quality.is_none()));
    let ports = stage.with(|world| world.ports.clone());
    for (port, mos) in ports.iter().zip([420, 300]).chain(ports.iter().zip([410, 310])) {
        stage.tells(Input::Media(Event::Measured {
            media: *port,
            quality: measured(mos),
        }));
    }
    let calls = stage.calls();
    let scores = calls[0].legs.iter().map(|leg| leg.quality.unwrap().received.mos);
    assert_eq!(scores.collect::<Vec<_>>(), [Some(410), Some(310)]);
    stage.ends(&alice, &bob);
    // A report that comes too late is no matter.
    for port in ports {
        stage.tells(Input::Media(Event::Measured {
            media: port,
            quality: measured(100),
        }));
    }
    stage.record();
    stage.clears();
}

#[test]
fn a_leg_whose_port_could_not_be_opened_is_not_waited_for() {
    for late in [false, true] {
        let stage = Stage::default();
        let (alice, bob) = stage.talking();
        let port = stage.with(|world| *world.ports.first().unwrap());
        let failed = Input::Media(Event::Failed {
            media: port,
            reason: "in use".into(),
        });
        stage.with(|world| world.engine.failed.insert(port));
        if late {
            alice.hangs_up();
            bob.ends_with(200);
        }
        stage.tells(failed);
        stage.record();
        stage.clears();
    }
}
