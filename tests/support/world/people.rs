//! Extensions and phones.

use sip::digest::Ha1Pair;
use switch::{AccountChange, Device, Dtmf, Extension, Ha1, Input, NatPolicy, Transcode};

use super::{NETS, World};
use crate::phone::Phone;

impl World {
    /// Makes an extension and its device. The password is the number, twice.
    pub fn extension(&mut self, number: &str) {
        let extension = Extension {
            number: number.into(),
            name: format!("Person {number}"),
            ..Extension::default()
        };
        self.handle(Input::Account(AccountChange::Extension(extension)));
        self.device_codecs(number, &[]);
    }

    /// Sets the codecs that an extension's device may use; empty means all.
    pub fn device_codecs(&mut self, number: &str, codecs: &[&str]) {
        self.device(number, codecs, Transcode::Auto);
    }

    /// Sets the codecs that an extension's device may use, and whether Tandem converts for it.
    pub fn device(&mut self, number: &str, codecs: &[&str], transcode: Transcode) {
        self.device_with(number, |device| {
            device.codecs = codecs.iter().map(|&codec| codec.to_owned()).collect();
            device.transcode = transcode;
        });
    }

    /// Makes an extension's device, with the usual settings but for what is changed.
    pub fn device_with(&mut self, number: &str, change: impl FnOnce(&mut Device)) {
        let pair = Ha1Pair::new(number, &self.domain, &format!("{number}{number}"));
        let mut device = Device {
            username: number.into(),
            extension: number.into(),
            ha1: Ha1 {
                md5: pair.md5,
                sha256: pair.sha256,
            },
            codecs: Vec::new(),
            nat: NatPolicy::Source,
            transport: None,
            require_qop: false,
            transcode: Transcode::Auto,
            dtmf: Dtmf::Auto,
        };
        change(&mut device);
        self.handle(Input::Account(AccountChange::Device(device)));
    }

    /// Changes an extension's account.
    pub fn account(&mut self, number: &str, change: impl FnOnce(&mut Extension)) {
        let mut extension = Extension {
            number: number.into(),
            name: format!("Person {number}"),
            ..Extension::default()
        };
        change(&mut extension);
        self.handle(Input::Account(AccountChange::Extension(extension)));
    }

    /// Makes a phone of an extension, not yet registered.
    pub fn phone(&mut self, number: &str) -> usize {
        let index = self.phones.len();
        let host = format!("{}{}.{}:5060", NETS[0], 100 + index / 250, 1 + index % 250);
        self.phone_at(number, &host)
    }

    /// Makes a phone with an IPv6 address.
    pub fn phone6(&mut self, number: &str) -> usize {
        let host = format!("[{}{:x}]:5060", NETS[1], 1 + self.phones.len());
        self.phone_at(number, &host)
    }

    /// Makes a phone at an address.
    pub fn phone_at(&mut self, number: &str, address: &str) -> usize {
        let index = self.phones.len();
        let (address, password) = (address.parse().unwrap(), format!("{number}{number}"));
        let server = self.address_for(address);
        self.phones
            .push(Phone::new(number, &password, address, server, &self.domain));
        index
    }
}
