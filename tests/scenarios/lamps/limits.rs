//! How many subscriptions there may be.

use sip::HeaderName;
use tests::{Settings, Stage};

#[test]
fn there_is_room_for_so_many_of_one_extension_and_of_all() {
    let mut settings = Settings::default();
    settings.config.limits.services.subscriptions.per_extension = 2;
    settings.config.limits.services.subscriptions.most = 3;
    let stage = Stage::new(settings);
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    let code = |actor: &tests::Actor, number: &str| {
        let lamp = actor.subscribes("dialog", number, 3_600, |it| it);
        actor.lamp(lamp, |lamp| lamp.code.unwrap())
    };
    assert_eq!(
        [code(&carol, "101"), code(&carol, "102"), code(&carol, "103")],
        [200, 200, 403]
    );
    assert_eq!([code(&dave, "101"), code(&dave, "102")], [200, 503]);
    let answer = dave.with(|phone| phone.answer.clone().unwrap());
    assert_eq!(answer.header(HeaderName::RetryAfter), Some("60"));
    // One that ends makes room, and those that are there can be refreshed.
    assert_eq!(carol.subscribes_again(0, 0, |it| it), 200);
    stage.pass(1.0);
    assert_eq!(code(&dave, "102"), 200);
    assert_eq!(carol.subscribes_again(1, 3_600, |it| it), 200);
    stage.clears();
}
