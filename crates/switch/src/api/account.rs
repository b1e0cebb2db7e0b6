//! Changes to the account table, and addresses whose calls need no password.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Device, Extension};

/// A change to the account table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountChange {
    /// An extension is new or changed.
    Extension(Extension),
    /// An extension is gone, with its devices and their contacts.
    RemoveExtension(String),
    /// A device is new or changed.
    Device(Device),
    /// A device is gone, with its contacts.
    RemoveDevice(String),
    /// A device acts for another extension than its own, or for its own again (hot-desking). Its registrations stay.
    LogOn {
        /// Its user name.
        username: String,
        /// The other extension; `None`: its own.
        extension: Option<String>,
    },
}

/// Calls from these addresses belong to an extension and need no challenge (`--trust`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// The network's address.
    pub network: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
    /// The extension that these calls belong to.
    pub extension: String,
}
