//! Trunks, and their passwords, which are sealed before they come here.

use records::Trunk;
use sqlx::{Row, sqlite::SqliteRow};

use crate::{Store, StoreError};

/// Trunks of one domain at most: more than an office has, and few enough to be looked through for each call.
pub const MAX_TRUNKS: usize = 500;

/// A trunk as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTrunk {
    /// The trunk.
    pub trunk: Trunk,
    /// The password of its account, sealed; `None` where it has none.
    pub password: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed last.
    pub updated_at: i64,
}

/// The trunks of one SIP domain. See [`Store::trunks`].
pub struct Trunks<'a> {
    pub(crate) store: &'a Store,
    pub(crate) domain: &'a str,
}

impl Trunks<'_> {
    /// All of them, by name.
    ///
    /// # Errors
    /// The error of SQLite; settings that cannot be read.
    pub async fn list(&self) -> Result<Vec<StoredTrunk>, StoreError> {
        let rows = sqlx::query("SELECT * FROM trunks WHERE domain = ? ORDER BY name").bind(self.domain);
        let rows = rows
            .fetch_all(&self.store.read)
            .await
            .map_err(|e| self.store.error(&e))?;
        let all: Result<_, sqlx::Error> = rows.iter().map(read).collect();
        all.map_err(|e| self.store.error(&e))
    }

    /// The trunk of that name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn read(&self, name: &str) -> Result<StoredTrunk, StoreError> {
        let row = sqlx::query("SELECT * FROM trunks WHERE domain = ? AND name = ?");
        let row = row.bind(self.domain).bind(name).fetch_optional(&self.store.read).await;
        let row = row.map_err(|e| self.store.error(&e))?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("trunk {name}")))?;
        read(&row).map_err(|e| self.store.error(&e))
    }

    /// Makes a trunk.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; [`StoreError::Invalid`] where there are [`MAX_TRUNKS`] already.
    pub async fn create(&self, trunk: &Trunk, password: Option<&[u8]>, now: i64) -> Result<(), StoreError> {
        let mut write = self.store.write.begin().await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM trunks WHERE domain = ?").bind(self.domain);
        let count: i64 = count
            .fetch_one(write.connection())
            .await
            .map_err(|e| self.store.error(&e))?;
        if usize::try_from(count).is_ok_and(|count| count >= MAX_TRUNKS) {
            write.roll_back().await?;
            return Err(StoreError::Invalid {
                field: "name",
                reason: "there are as many trunks as there may be (500)",
            });
        }
        let insert = "INSERT OR IGNORE INTO trunks (domain, name, settings, password, created_at, updated_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
        let insert = sqlx::query(insert)
            .bind(self.domain)
            .bind(&trunk.name)
            .bind(json(trunk));
        let insert = insert.bind(password).bind(now).execute(write.connection()).await;
        let made = insert.map_err(|e| self.store.error(&e))?;
        if made.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(StoreError::Exists(format!("trunk {}", trunk.name)));
        }
        write.commit().await
    }

    /// Changes a trunk, and its password where one is given (`Some(None)`: it has none any more).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update(&self, trunk: &Trunk, password: Option<Option<&[u8]>>, now: i64) -> Result<(), StoreError> {
        let mut write = self.store.write.begin().await?;
        let update = "UPDATE trunks SET settings = ?3, updated_at = ?4, \
                      password = CASE WHEN ?5 THEN ?6 ELSE password END WHERE domain = ?1 AND name = ?2";
        let update = sqlx::query(update)
            .bind(self.domain)
            .bind(&trunk.name)
            .bind(json(trunk))
            .bind(now);
        let update = update.bind(password.is_some()).bind(password.flatten());
        let changed = update
            .execute(write.connection())
            .await
            .map_err(|e| self.store.error(&e))?;
        if changed.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(StoreError::NotFound(format!("trunk {}", trunk.name)));
        }
        write.commit().await
    }

    /// Removes a trunk.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let mut write = self.store.write.begin().await?;
        let delete = sqlx::query("DELETE FROM trunks WHERE domain = ? AND name = ?");
        let delete = delete.bind(self.domain).bind(name).execute(write.connection()).await;
        let gone = delete.map_err(|e| self.store.error(&e))?;
        if gone.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(StoreError::NotFound(format!("trunk {name}")));
        }
        write.commit().await
    }
}

fn json(trunk: &Trunk) -> String {
    // Plain data with text keys: it can always be written.
    serde_json::to_string(trunk).unwrap_or_default()
}

fn read(row: &SqliteRow) -> Result<StoredTrunk, sqlx::Error> {
    let settings: String = row.try_get("settings")?;
    let trunk = serde_json::from_str(&settings).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(StoredTrunk {
        trunk,
        password: row.try_get("password")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
