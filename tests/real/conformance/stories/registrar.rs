//! RFC 3261 section 10 and RFC 7616: contacts and credentials.

use super::{Outcome, Story, story};
use crate::conformance::scene::{At, Scene, expect};

pub const STORIES: &[Story] = &[
    story("3261 10.2.1, 10.2.2", "A contact is bound, listed and removed", bound),
    story("7616 3.4.5", "Credentials are good once", used_once),
];

fn bound(scene: &mut Scene<'_>) -> Outcome {
    let other = format!("sip:{}@127.0.0.1:9", scene.alice.number);
    for (seconds, is_there) in [(120, true), (0, false)] {
        let dialog = scene.alice.new_dialog("");
        let field = format!("Contact: <{other}>;expires={seconds}");
        let (_, answer) = scene.asks(At::Alice, dialog, "REGISTER", &[&field], "")?;
        expect(&answer, 200)?;
        let contacts: Vec<&str> = answer.headers("Contact").collect();
        if contacts.iter().any(|contact| contact.contains(&other)) != is_there {
            return Err(format!("{field} was answered with {contacts:?}"));
        }
        if !contacts
            .iter()
            .any(|contact| contact.contains(&scene.alice.address().to_string()))
        {
            return Err(format!("the first contact is gone: {contacts:?}"));
        }
    }
    Ok(())
}

fn used_once(scene: &mut Scene<'_>) -> Outcome {
    let mut dialog = scene.alice.new_dialog("");
    let first = scene.alice.request("REGISTER", &dialog, &["-Contact:"], "");
    scene.alice.send(&first);
    let challenge = scene.wait_answer(At::Alice, &first)?;
    let line = challenge.authorization(
        "REGISTER",
        &dialog.target,
        &scene.alice.number,
        &scene.alice.password,
        true,
    );
    for status in [200, 401] {
        dialog.sequence += 1;
        let again = scene
            .alice
            .request("REGISTER", &dialog, &["-Contact:", line.trim_end()], "");
        scene.alice.send(&again);
        expect(&scene.wait_answer(At::Alice, &again)?, status)?;
    }
    Ok(())
}
