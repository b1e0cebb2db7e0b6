//! MESSAGEs for phones that are away: one row each, from before its sender is told 202 until a phone has taken it.

use records::KeptMessage;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    values::{Bound, MultiRow},
};

static KEEP: MultiRow = MultiRow::new(
    "INSERT INTO kept_messages (domain, id, number, sender, hidden, content_type, body, fields, received_at, expires_at) \
     VALUES",
    10,
    "ON CONFLICT (domain, id) DO NOTHING",
);

/// Writes messages, by domain.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    messages: &[(&str, &KeptMessage)],
) -> Result<(), sqlx::Error> {
    let bind = |statement: Bound, (domain, message): &(&str, &KeptMessage)| {
        // Neither a name nor a value holds a line end: the message was written by `sip::Builder`.
        let lines: Vec<String> = message
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        statement
            .bind((*domain).to_owned())
            .bind(message.id.cast_signed())
            .bind(&message.to)
            .bind(&message.from)
            .bind(message.hidden)
            .bind(&message.content_type)
            .bind(&message.body)
            .bind(lines.join("\n"))
            .bind(message.received_at)
            .bind(message.expires_at)
    };
    KEEP.execute(connection, messages, bind).await.map(drop)
}

/// Deletes messages, by domain and id.
pub(crate) async fn delete(connection: &mut SqliteConnection, keys: &[(&str, u64)]) -> Result<(), sqlx::Error> {
    for (domain, id) in keys {
        sqlx::query("DELETE FROM kept_messages WHERE domain = ? AND id = ?")
            .bind(*domain)
            .bind(id.cast_signed())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// See [`Store::load_messages`].
pub(crate) async fn load(store: &Store, domain: &str, now: i64) -> Result<Vec<KeptMessage>, StoreError> {
    let mut write = store.write.begin().await?;
    // Those of extensions that were removed while no Tandem ran, too.
    let gone = "DELETE FROM kept_messages WHERE domain = ? AND (expires_at <= ? OR NOT EXISTS (SELECT 1 FROM extensions \
                WHERE extensions.domain = kept_messages.domain AND extensions.number = kept_messages.number))";
    let gone = sqlx::query(gone).bind(domain).bind(now);
    gone.execute(write.connection()).await.map_err(|e| store.error(&e))?;
    write.commit().await?;
    let messages = sqlx::query("SELECT * FROM kept_messages WHERE domain = ? ORDER BY id")
        .bind(domain)
        .try_map(|row| read(&row));
    messages.fetch_all(&store.read).await.map_err(|e| store.error(&e))
}

/// The messages that are kept for an extension.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct KeptCount {
    /// How many.
    pub count: u64,
    /// When the oldest came, in microseconds since the Unix epoch; `None` where there is none.
    pub oldest_at: Option<i64>,
}

/// See [`Store::count_messages`].
pub(crate) async fn count(store: &Store, domain: &str, number: &str) -> Result<KeptCount, StoreError> {
    let counted = sqlx::query(
        "SELECT count(*) AS number, min(received_at) AS oldest FROM kept_messages WHERE domain = ? AND number = ?",
    )
    .bind(domain)
    .bind(number)
    .try_map(|row: SqliteRow| {
        Ok(KeptCount {
            count: row.try_get::<i64, _>("number")?.cast_unsigned(),
            oldest_at: row.try_get("oldest")?,
        })
    });
    counted.fetch_one(&store.read).await.map_err(|e| store.error(&e))
}

fn read(row: &SqliteRow) -> Result<KeptMessage, sqlx::Error> {
    let fields: String = row.try_get("fields")?;
    let field = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    };
    Ok(KeptMessage {
        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
        to: row.try_get("number")?,
        from: row.try_get("sender")?,
        hidden: row.try_get("hidden")?,
        content_type: row.try_get("content_type")?,
        body: row.try_get("body")?,
        fields: fields.lines().filter_map(field).collect(),
        received_at: row.try_get("received_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
