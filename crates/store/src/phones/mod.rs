//! What phones keep with us, over a restart.
//!
//! | file | what it holds |
//! |---|---|
//! | `bindings.rs` | their contacts |
//! | `log_ons.rs` | which of them act for another extension, and PINs |
//! | `messages.rs` | messages for phones that are away |
//! | `subscriptions.rs` | what they watch |

pub(crate) mod bindings;
pub(crate) mod log_ons;
pub(crate) mod messages;
pub(crate) mod subscriptions;

use records::Flow;
use sqlx::{Row, sqlite::SqliteRow};

use crate::values::parse_transport;

/// The flow of a row, by its columns `transport`, `local` and `remote`; `None` where this version does not know the
/// transport. The connection is not restored: it ended with its process.
///
/// # Errors
/// A column that is not there or is no address.
fn flow(row: &SqliteRow) -> Result<Option<Flow>, sqlx::Error> {
    let address = |column: &str| -> Result<_, sqlx::Error> {
        let text: String = row.try_get(column)?;
        text.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))
    };
    let transport: String = row.try_get("transport")?;
    let Some(transport) = parse_transport(&transport) else {
        return Ok(None);
    };
    Ok(Some(Flow {
        transport,
        local: address("local")?,
        remote: address("remote")?,
        connection: None,
    }))
}
