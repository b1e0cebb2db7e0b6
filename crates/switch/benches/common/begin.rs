//! What all benches of the switch begin with.

use std::net::SocketAddr;

use sip::{Flow, Transport};
use switch::{
    AccountChange, Config, Device, Dtmf, Extension, Ha1, Input, Keys, Listener, NatPolicy, Switch, Transcode,
};

/// The way from the phone at this port of 127.0.0.1.
pub fn flow(port: u16) -> Flow {
    let local: SocketAddr = "127.0.0.1:5060".parse().unwrap();
    Flow {
        transport: Transport::Udp,
        local,
        remote: SocketAddr::new(local.ip(), port),
        connection: None,
    }
}

/// A switch with these settings; it is the same in each run.
pub fn switch(config: Config) -> Switch {
    let keys = Keys {
        nonce: [2; 32],
        gruu: [3; 32],
    };
    Switch::new(config, [1; 32], &keys)
}

/// It knows the time, and where it listens.
pub fn ready() -> [Input; 2] {
    let listener = Listener {
        transport: Transport::Udp,
        address: flow(0).local,
    };
    [Input::Clock { unix_micros: 0 }, Input::Listening(vec![listener])]
}

/// An extension with one device.
pub fn account(number: &str, ha1: Ha1) -> [Input; 2] {
    let extension = Extension {
        number: number.into(),
        ..Extension::default()
    };
    let device = Device {
        username: number.into(),
        extension: number.into(),
        ha1,
        codecs: Vec::new(),
        nat: NatPolicy::Source,
        transport: None,
        require_qop: false,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    };
    [AccountChange::Extension(extension), AccountChange::Device(device)].map(Input::Account)
}
