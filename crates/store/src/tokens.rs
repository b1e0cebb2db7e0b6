//! Hashes of admin tokens; which domains there are.

use sqlx::Row;

use crate::{Store, StoreError, Token, rows::check_text};

impl Store {
    /// Keeps an admin token's SHA-256 under a name; one of that name in the domain is replaced.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a name that is too long or not printable.
    pub async fn put_token(&self, domain: &str, name: &str, hash: [u8; 32], now: i64) -> Result<(), StoreError> {
        check_text("name", name)?;
        let mut write = self.write.begin().await?;
        let put = "INSERT OR REPLACE INTO admin_tokens (domain, name, hash, created_at) VALUES (?, ?, ?, ?)";
        let put = sqlx::query(put)
            .bind(domain)
            .bind(name)
            .bind(&hash[..])
            .bind(now)
            .execute(write.connection())
            .await;
        put.map_err(|e| self.error(&e))?;
        write.commit().await
    }

    /// The hashes of a domain's admin tokens, by name.
    ///
    /// # Errors
    /// What SQLite reports.
    pub async fn tokens(&self, domain: &str) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query("SELECT name, hash, created_at FROM admin_tokens WHERE domain = ? ORDER BY name");
        let rows = rows.bind(domain).fetch_all(&self.read);
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
        let rows = rows.await.map_err(|e| self.error(&e))?;
        rows.into_iter()
            .map(read)
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|e| self.error(&e))
    }

    /// Removes an admin token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn remove_token(&self, domain: &str, name: &str) -> Result<(), StoreError> {
        let mut write = self.write.begin().await?;
        let removed = sqlx::query("DELETE FROM admin_tokens WHERE domain = ? AND name = ?")
            .bind(domain)
            .bind(name);
        let removed = removed.execute(write.connection()).await.map_err(|e| self.error(&e))?;
        write.commit().await?;
        if removed.rows_affected() == 0 {
            return Err(StoreError::NotFound(format!("token {name}")));
        }
        Ok(())
    }

    /// Every domain that has extensions.
    ///
    /// # Errors
    /// What SQLite reports.
    pub async fn domains(&self) -> Result<Vec<String>, StoreError> {
        let domains = sqlx::query_scalar("SELECT DISTINCT domain FROM extensions ORDER BY domain");
        domains.fetch_all(&self.read).await.map_err(|e| self.error(&e))
    }
}
