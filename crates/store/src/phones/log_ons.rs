//! Which devices act for another extension than their own, and the PINs with which people log on to them.

use crate::{Store, StoreError};

/// A device acts for this extension; `None`: for its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOn {
    /// The device's user name.
    pub username: String,
    /// The extension.
    pub extension: Option<String>,
}

/// See [`Store::pin`].
pub(crate) async fn pin(store: &Store, domain: &str, number: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let find = sqlx::query_scalar("SELECT pin FROM extensions WHERE domain = ? AND number = ?");
    let find = find.bind(domain).bind(number).fetch_optional(&store.read);
    let pin: Option<Option<Vec<u8>>> = find.await.map_err(|e| store.error(&e))?;
    Ok(pin.flatten().and_then(|pin| pin.try_into().ok()))
}

/// See [`Store::log_on`].
pub(crate) async fn log_on(
    store: &Store,
    domain: &str,
    username: &str,
    extension: Option<&str>,
) -> Result<Vec<LogOn>, StoreError> {
    let mut write = store.write.begin().await?;
    let former = "DELETE FROM log_ons WHERE domain = ?1 AND (username = ?2 OR extension = ?3) RETURNING username";
    let former = sqlx::query_scalar(former).bind(domain).bind(username).bind(extension);
    let former: Vec<String> = former
        .fetch_all(write.connection())
        .await
        .map_err(|e| store.error(&e))?;
    let mut changes: Vec<LogOn> = former
        .into_iter()
        .filter(|former| former != username)
        .map(|username| LogOn {
            username,
            extension: None,
        })
        .collect();
    // The device's own extension needs no row.
    let insert = "INSERT INTO log_ons (domain, username, extension) SELECT domain, username, ?3 FROM devices \
                  WHERE domain = ?1 AND username = ?2 AND EXISTS \
                  (SELECT 1 FROM extensions WHERE domain = ?1 AND number = ?3)";
    if let Some(extension) = extension {
        let insert = sqlx::query(insert).bind(domain).bind(username).bind(extension);
        let made = insert.execute(write.connection()).await.map_err(|e| store.error(&e))?;
        if made.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(StoreError::NotFound(format!("device {username}")));
        }
    }
    write.commit().await?;
    changes.push(LogOn {
        username: username.to_owned(),
        extension: extension.map(str::to_owned),
    });
    Ok(changes)
}

/// See [`Store::load_log_ons`].
pub(crate) async fn load(store: &Store, domain: &str) -> Result<Vec<LogOn>, StoreError> {
    let all = sqlx::query_as("SELECT username, extension FROM log_ons WHERE domain = ? ORDER BY username");
    let all: Vec<(String, String)> = all
        .bind(domain)
        .fetch_all(&store.read)
        .await
        .map_err(|e| store.error(&e))?;
    let log_on = |(username, extension)| LogOn {
        username,
        extension: Some(extension),
    };
    Ok(all.into_iter().map(log_on).collect())
}
