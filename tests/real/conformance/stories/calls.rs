//! RFC 3261 and RFC 3262: requests, calls, refusals.

use std::time::{Duration, Instant};

use tests::wait::until;

use super::{Outcome, Story, callee, invites, is_of, story};
use crate::{
    conformance::{
        line::Transport,
        peer::Habit,
        scene::{At, Scene, ack_of, expect},
    },
    support::message::Message,
};

pub const STORIES: &[Story] = &[
    story(
        "3261 9.2, 15",
        "A CANCEL draws 200, the INVITE 487, and the phone stops ringing",
        cancelled,
    ),
    story(
        "3261 12.2.1, 15.1",
        "A call has one dialog on each side, and a BYE ends both",
        ended,
    ),
    story(
        "3261 13.3.1.4",
        "A 2xx is repeated until its ACK",
        repeated_until_acknowledged,
    ),
    story(
        "3261 17.2.1, 17.2.2",
        "A request that comes again gets the same answer",
        answered_again,
    ),
    story(
        "3261 8.2.2.2",
        "A request that came by two ways is answered once, the other draws 482",
        merged,
    ),
    story("3261 13.2.1", "An INVITE without an offer is offered one", offered),
    story(
        "3261 13.3.1.3, 21.4",
        "The refusal of a phone reaches the caller",
        refused,
    ),
    story(
        "3262 3, 4",
        "A caller that requires it gets the ringing reliably, and its PRACK is answered",
        reliable,
    ),
];

fn cancelled(scene: &mut Scene<'_>) -> Outcome {
    Habit::Rings.for_a_while(scene, |scene| {
        let (dialog, invite) = invites(scene, &[])?;
        scene.wait(At::Alice, "180", is_of(&invite, 180))?;
        let via = format!("Via: {}", Message(invite.clone()).header("Via"));
        let cancel = scene.alice.request("CANCEL", &dialog, &[&via], "");
        scene.alice.send(&cancel);
        scene.wait(At::Alice, "the answer to the CANCEL", |it| {
            it.status() == 200 && it.method() == "CANCEL"
        })?;
        let answer = scene.wait_answer(At::Alice, &invite)?;
        expect(&answer, 487)?;
        scene.alice.send(&ack_of(&invite, &answer));
        scene.wait(At::Bob, "CANCEL", |it| it.method() == "CANCEL")?;
        scene.wait(At::Bob, "ACK", |it| it.method() == "ACK").map(drop)
    })
}

fn ended(scene: &mut Scene<'_>) -> Outcome {
    let number = callee(scene);
    let dialog = scene.calls(&number, &[])?;
    let invite = scene.wait(At::Bob, "INVITE", |it| it.method() == "INVITE" && it.status() == 0)?;
    let other = invite.header("Call-ID").to_owned();
    if other == dialog.call_id {
        return Err("both sides have one Call-ID".to_owned());
    }
    scene.hangs_up(dialog)?;
    scene.wait_request(At::Bob, "BYE", &other).map(drop)
}

fn repeated_until_acknowledged(scene: &mut Scene<'_>) -> Outcome {
    let (mut dialog, invite) = invites(scene, &[])?;
    let answer = scene.wait_answer(At::Alice, &invite)?;
    expect(&answer, 200)?;
    answer.header("To").clone_into(&mut dialog.remote);
    answer.contact().clone_into(&mut dialog.target);
    // What comes again is no new message here: it is counted where it comes in.
    let before = scene.alice.repeated;
    let end = Instant::now() + Duration::from_secs(5);
    let again = until("a 2xx again", Duration::from_secs(10), || {
        scene.alice.works();
        scene.bob.works();
        (scene.alice.repeated > before || Instant::now() > end).then_some(scene.alice.repeated > before)
    });
    let ack = scene.alice.request("ACK", &dialog, &[], "");
    scene.alice.send(&ack);
    scene.hangs_up(dialog)?;
    if again {
        Ok(())
    } else {
        Err("the 200 came once in 5 s".to_owned())
    }
}

fn answered_again(scene: &mut Scene<'_>) -> Outcome {
    let dialog = scene.alice.new_dialog("");
    let request = scene.alice.request("OPTIONS", &dialog, &[], "");
    scene.alice.send(&request);
    let first = scene.wait_answer(At::Alice, &request)?;
    expect(&first, 200)?;
    let before = scene.alice.repeated;
    scene.alice.send(&request);
    // Another answer would be a new message.
    let end = Instant::now() + Duration::from_secs(5);
    let same = until("the answer again", Duration::from_secs(10), || {
        scene.alice.works();
        (scene.alice.repeated > before || Instant::now() > end).then_some(scene.alice.repeated > before)
    });
    if same {
        Ok(())
    } else {
        Err("the same answer did not come".to_owned())
    }
}

fn merged(scene: &mut Scene<'_>) -> Outcome {
    let mut dialog = scene.alice.new_dialog(&callee(scene));
    let fields = ["Content-Type: text/plain"];
    let first = scene.alice.request("MESSAGE", &dialog, &fields, "merged");
    scene.alice.send(&first);
    let challenge = scene.wait_answer(At::Alice, &first)?;
    dialog.sequence += 1;
    let line = challenge.authorization(
        "MESSAGE",
        &dialog.target,
        &scene.alice.number,
        &scene.alice.password,
        true,
    );
    let fields = ["Content-Type: text/plain", line.trim_end()];
    // The branch is new with each.
    let twins = [0, 1].map(|_| scene.alice.request("MESSAGE", &dialog, &fields, "merged"));
    // On a stream both are there before the first one can have been answered; then it would be forgotten.
    match scene.alice.transport() {
        Transport::Udp => twins.iter().for_each(|twin| scene.alice.send(twin)),
        Transport::Tcp => scene.alice.send(&twins.concat()),
    }
    let mut statuses = Vec::new();
    for twin in &twins {
        statuses.push(scene.wait_answer(At::Alice, twin)?.status());
    }
    statuses.sort_unstable();
    if statuses == [200, 482] {
        Ok(())
    } else {
        Err(format!("200 and 482 are right, {statuses:?} came"))
    }
}

fn offered(scene: &mut Scene<'_>) -> Outcome {
    let dialog = scene.alice.new_dialog(&callee(scene));
    let (dialog, answer) = scene.asks(At::Alice, dialog, "INVITE", &[], "")?;
    expect(&answer, 200)?;
    let body = scene.alice.sdp("sendrecv");
    let ack = scene.alice.request("ACK", &dialog, &[], &body);
    scene.alice.send(&ack);
    scene.hangs_up(dialog)?;
    if answer.audio().is_some() {
        Ok(())
    } else {
        Err(format!("no offer in {}", answer.0))
    }
}

fn refused(scene: &mut Scene<'_>) -> Outcome {
    Habit::Refuses("486 Busy Here").for_a_while(scene, |scene| {
        let dialog = scene.alice.new_dialog(&callee(scene));
        let offer = scene.alice.sdp("sendrecv");
        let (_, answer) = scene.asks(At::Alice, dialog, "INVITE", &[], &offer)?;
        expect(&answer, 486)
    })
}

fn reliable(scene: &mut Scene<'_>) -> Outcome {
    Habit::Rings.for_a_while(scene, |scene| {
        let (mut dialog, invite) = invites(scene, &["Require: 100rel"])?;
        let rings = scene.wait(At::Alice, "180", is_of(&invite, 180))?;
        if !rings.header("Require").contains("100rel") {
            return Err(format!("no Require in {}", rings.0));
        }
        rings.header("To").clone_into(&mut dialog.remote);
        rings.contact().clone_into(&mut dialog.target);
        let number = dialog.sequence;
        dialog.sequence += 1;
        let field = format!("RAck: {} {number} INVITE", rings.header("RSeq"));
        let prack = scene.alice.request("PRACK", &dialog, &[&field], "");
        scene.alice.send(&prack);
        expect(&scene.wait_answer(At::Alice, &prack)?, 200)?;
        dialog.sequence = number;
        let sent = Message(invite.clone());
        let fields = [
            format!("Via: {}", sent.header("Via")),
            format!("To: {}", sent.header("To")),
        ];
        let uri = format!("CANCEL {}", invite.split(' ').nth(1).unwrap_or(""));
        let cancel = scene.alice.request(&uri, &dialog, &[&fields[0], &fields[1]], "");
        scene.alice.send(&cancel);
        let answer = scene.wait_answer(At::Alice, &invite)?;
        scene.alice.send(&ack_of(&invite, &answer));
        expect(&answer, 487)
    })
}
