//! Hashes of admin tokens; keys that outlast a restart; which domains there are.

use sqlx::Row;

use crate::{Store, StoreError, Token, rows::check_text};

/// See [`Store::put_token`].
pub(crate) async fn put(store: &Store, domain: &str, name: &str, hash: [u8; 32], now: i64) -> Result<(), StoreError> {
    check_text("name", name)?;
    let mut write = store.write.begin().await?;
    let put = "INSERT OR REPLACE INTO admin_tokens (domain, name, hash, created_at) VALUES (?, ?, ?, ?)";
    let put = sqlx::query(put)
        .bind(domain)
        .bind(name)
        .bind(&hash[..])
        .bind(now)
        .execute(write.connection())
        .await;
    put.map_err(|e| store.error(&e))?;
    write.commit().await
}

/// See [`Store::tokens`].
pub(crate) async fn list(store: &Store, domain: &str) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query("SELECT name, hash, created_at FROM admin_tokens WHERE domain = ? ORDER BY name");
    let rows = rows.bind(domain).fetch_all(&store.read);
    let read = |row: sqlx::sqlite::SqliteRow| {
        let hash: Vec<u8> = row.try_get("hash")?;
        let hash = hash
            .try_into()
            .map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?;
        Ok(Token {
            name: row.try_get("name")?,
            hash,
            created_at: row.try_get("created_at")?,
        })
    };
    let rows = rows.await.map_err(|e| store.error(&e))?;
    rows.into_iter()
        .map(read)
        .collect::<Result<_, sqlx::Error>>()
        .map_err(|e| store.error(&e))
}

/// See [`Store::remove_token`].
pub(crate) async fn remove(store: &Store, domain: &str, name: &str) -> Result<(), StoreError> {
    let mut write = store.write.begin().await?;
    let removed = sqlx::query("DELETE FROM admin_tokens WHERE domain = ? AND name = ?")
        .bind(domain)
        .bind(name);
    let removed = removed.execute(write.connection()).await.map_err(|e| store.error(&e))?;
    write.commit().await?;
    if removed.rows_affected() == 0 {
        return Err(StoreError::NotFound(format!("token {name}")));
    }
    Ok(())
}

/// See [`Store::key`].
pub(crate) async fn key(store: &Store, domain: &str, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let mut write = store.write.begin().await?;
    let made = sqlx::query("INSERT OR IGNORE INTO keys (domain, name, key) VALUES (?, ?, ?)")
        .bind(domain)
        .bind(name)
        .bind(&fresh[..]);
    made.execute(write.connection()).await.map_err(|e| store.error(&e))?;
    write.commit().await?;
    let kept = sqlx::query_scalar("SELECT key FROM keys WHERE domain = ? AND name = ?")
        .bind(domain)
        .bind(name);
    let kept: Vec<u8> = kept.fetch_one(&store.read).await.map_err(|e| store.error(&e))?;
    let wrong = |_| sqlx::Error::Decode("a key has 32 bytes".into());
    kept.try_into().map_err(wrong).map_err(|e| store.error(&e))
}

/// See [`Store::domains`].
pub(crate) async fn domains(store: &Store) -> Result<Vec<String>, StoreError> {
    let domains = sqlx::query_scalar("SELECT DISTINCT domain FROM extensions ORDER BY domain");
    domains.fetch_all(&store.read).await.map_err(|e| store.error(&e))
}
