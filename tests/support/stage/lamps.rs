//! Lamps and other subscriptions of a phone.

use sip::Builder;

use super::{Actor, Stage};
use crate::phone::Lamp;

impl Actor {
    /// Subscribes to a package of a number for an hour, and waits for the first NOTIFY; its place among the lamps.
    pub fn watches(&self, package: &str, number: &str) -> usize {
        let index = self.subscribes(package, number, 3_600, |it| it);
        assert_eq!(self.lamp(index, |lamp| lamp.code), Some(200));
        self.waits("for its first NOTIFY", |phone| !phone.lamps[index].documents.is_empty());
        index
    }

    /// Subscribes, and waits for the answer.
    pub fn subscribes(
        &self,
        package: &str,
        number: &str,
        expires: u32,
        edit: impl FnOnce(Builder) -> Builder,
    ) -> usize {
        let index = self.with(|phone| phone.subscribe(package, number, expires, edit));
        self.waits("for the answer to SUBSCRIBE", |phone| phone.lamps[index].code.is_some());
        index
    }

    /// Subscribes again within the dialog; the answer.
    pub fn subscribes_again(&self, lamp: usize, expires: u32, edit: impl FnOnce(Builder) -> Builder) -> u16 {
        self.with(|phone| phone.subscribe_again(lamp, expires, edit));
        self.waits("for the answer to SUBSCRIBE", |phone| phone.lamps[lamp].code.is_some());
        self.lamp(lamp, |lamp| lamp.code.unwrap())
    }

    /// Looks at a lamp, or changes it.
    pub fn lamp<R>(&self, lamp: usize, look: impl FnOnce(&mut Lamp) -> R) -> R {
        self.with(|phone| look(&mut phone.lamps[lamp]))
    }

    /// Waits until a lamp shows this.
    pub fn sees(&self, lamp: usize, shows: &str) -> &Self {
        self.waits(&format!("for its lamp to show {shows}"), |phone| {
            phone.lamps[lamp].shows() == shows
        });
        self
    }

    /// How many NOTIFYs a lamp got.
    pub fn lit(&self, lamp: usize) -> usize {
        self.lamp(lamp, |lamp| lamp.documents.len())
    }

    /// Has had no answer that it missed, and nothing that went backwards.
    pub fn is_content(&self) {
        self.with(|phone| assert_eq!(phone.complaints, [""; 0]));
    }
}

impl Stage {
    /// What phones are subscribed to.
    pub fn subscriptions(&self) -> Vec<switch::LiveSubscription> {
        match self.commands(switch::Command::ListSubscriptions) {
            Ok(switch::Reply::Subscriptions(list)) => list,
            other => panic!("{other:?}"),
        }
    }
}
