//! Trunks as the switch is told of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Trunk;

/// A change of the table of trunks. Also how it is filled at start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TrunkChange {
    /// A trunk is new or changed.
    Put {
        /// The trunk.
        trunk: Box<Trunk>,
        /// The password of its account.
        password: Option<Password>,
    },
    /// A trunk is gone: no further call goes over it. Its calls go on.
    Remove(String),
}

/// A password. It is neither shown nor recorded: a run that is played again has an empty one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Serialize for Password {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_neither_shown_nor_recorded() {
        let change = TrunkChange::Put {
            trunk: Box::default(),
            password: Some(Password("hunter2".into())),
        };
        let recorded = serde_json::to_string(&change).unwrap();
        assert!(!format!("{change:?}{recorded}").contains("hunter2"));
        let again: TrunkChange = serde_json::from_str(&recorded).unwrap();
        assert!(matches!(again, TrunkChange::Put { .. }));
    }
}
