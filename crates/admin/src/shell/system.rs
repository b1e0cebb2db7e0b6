//! The facts of this Tandem that the page and other programs need to set up a phone.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

/// The addresses and the domain that phones sign in at.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({
    "version": "0.1.0", "domain": "tandem.local",
    "servers": [{"address": "192.0.2.7", "port": 5060, "transports": ["udp", "tcp"]}]
}))]
pub struct System {
    /// The version of Tandem.
    pub version: &'static str,
    /// The SIP domain: the realm of the digests. A phone can look it up only where a name server knows it.
    #[schema(value_type = String)]
    pub domain: Arc<str>,
    /// The addresses that phones sign in at, the likeliest first.
    pub servers: Vec<Server>,
}

/// An address where phones sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Server {
    /// An IP address. Where we listen on every interface, the one that leads outwards, or the one that was
    /// set as `advertise`.
    pub address: String,
    /// The port.
    pub port: u16,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transports: Vec<String>,
}
