//! Errors of the database, each in words for one line of a log.

use std::fmt;

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Something of that name is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// Nothing of that name is there.
    #[error("{0} does not exist")]
    NotFound(String),
    /// A value that cannot be stored.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// The accepted values.
        reason: &'static str,
    },
    /// A cursor that no page gave out.
    #[error("cursor: not one that an earlier page gave")]
    BadCursor,
    /// Another process has the database open for writing.
    #[error("database {0} is in use by another process; stop that one, or use another folder (--data)")]
    Locked(String),
    /// The file or its folder cannot be written.
    #[error("database {0} cannot be written: read-only file or folder")]
    ReadOnly(String),
    /// The file cannot be opened or made at all.
    #[error("database {path} cannot be opened: {reason}")]
    CannotOpen {
        /// The file.
        path: String,
        /// The error of the system.
        reason: String,
    },
    /// The file is something else.
    #[error("{0} is not a Tandem database; move it away, or use another folder (--data)")]
    NotADatabase(String),
    /// The file is damaged.
    #[error("database {path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// The first fault found.
        reason: String,
    },
    /// The file was written by a later version of Tandem.
    #[error(
        "database {path} was written by a newer Tandem (schema {version}); this one cannot use it: start the newer one, put \
         back the folder as it was before the upgrade, or use another folder (--data)"
    )]
    NewerSchema {
        /// The file.
        path: String,
        /// The migration unknown here.
        version: i64,
    },
    /// The file was written by a version of Tandem that made the same tables otherwise: one that was never released.
    #[error(
        "database {path} was written by an unreleased Tandem whose schema {version} was another one; this one cannot use it: \
         start the build that wrote it, or use another folder (--data) and make the extensions again"
    )]
    OtherSchema {
        /// The file.
        path: String,
        /// The migration that is not the same.
        version: i64,
    },
    /// No space is left.
    #[error("database {0} cannot grow: the disk is full")]
    DiskFull(String),
    /// More is waiting to be written than [`crate::Options::queue`] allows.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The store was closed before this was written.
    #[error("the store is closed")]
    Closed,
    /// The store was closed while these writes could not be made; the log has each call record.
    #[error("{0} writes could not be made before the store was closed")]
    Unsaved(usize),
    /// Anything else SQLite reports.
    #[error("database {path}: {reason}")]
    Database {
        /// The file.
        path: String,
        /// SQLite's words.
        reason: String,
    },
}

impl StoreError {
    /// True if the same write may succeed later without a change.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Exists(_)
            | Self::NotFound(_)
            | Self::Invalid { .. }
            | Self::BadCursor
            | Self::NotADatabase(_)
            | Self::NewerSchema { .. }
            | Self::OtherSchema { .. }
            | Self::Closed
            | Self::Unsaved(_) => false,
            Self::Locked(_)
            | Self::ReadOnly(_)
            | Self::CannotOpen { .. }
            | Self::Damaged { .. }
            | Self::DiskFull(_)
            | Self::Overloaded
            | Self::Database { .. } => true,
        }
    }
}

/// SQLite's primary result codes that get words of their own (<https://www.sqlite.org/rescode.html>).
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;
}

/// Turns what sqlx says into what we say, for the database at `path`.
pub(crate) fn from_sqlx(path: &str, error: &sqlx::Error) -> StoreError {
    let path = path.to_owned();
    let Some(database) = error.as_database_error() else {
        return StoreError::Database {
            path,
            reason: one_line(error),
        };
    };
    let reason = one_line(database.message());
    match primary_code(error) {
        Some(code::BUSY | code::LOCKED) => StoreError::Locked(path),
        Some(code::READONLY | code::PERM) => StoreError::ReadOnly(path),
        Some(code::CORRUPT) => StoreError::Damaged { path, reason },
        Some(code::FULL) => StoreError::DiskFull(path),
        Some(code::CANTOPEN) => StoreError::CannotOpen { path, reason },
        Some(code::NOTADB) => StoreError::NotADatabase(path),
        Some(code::CONSTRAINT) => StoreError::Invalid {
            field: "row",
            reason: "a value the schema does not accept",
        },
        Some(_) | None => StoreError::Database { path, reason },
    }
}

/// Turns a migration's error into ours.
pub(crate) fn from_migrate(path: &str, error: &sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return from_sqlx(path, error);
    }
    if let MigrateError::VersionMissing(version) = *error {
        let path = path.to_owned();
        return StoreError::NewerSchema { path, version };
    }
    if let MigrateError::VersionMismatch(version) = *error {
        let path = path.to_owned();
        return StoreError::OtherSchema { path, version };
    }
    StoreError::Database {
        path: path.to_owned(),
        reason: one_line(error),
    }
}

/// SQLite's primary result code: the low byte of the extended one.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}

fn one_line(error: impl fmt::Display) -> String {
    error.to_string().lines().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

    use super::{StoreError, from_sqlx};

    #[tokio::test]
    async fn what_sqlite_says_of_a_read_only_file_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new().filename(folder.path().join("x.db"));
        let mut writable = SqliteConnection::connect_with(&file.clone().create_if_missing(true))
            .await
            .unwrap();
        sqlx::query("CREATE TABLE t (a)").execute(&mut writable).await.unwrap();
        let mut connection = SqliteConnection::connect_with(&file.read_only(true)).await.unwrap();
        let refused = sqlx::query("INSERT INTO t VALUES (1)")
            .execute(&mut connection)
            .await
            .unwrap_err();
        let told = from_sqlx("x.db", &refused);
        assert_eq!(told, StoreError::ReadOnly("x.db".into()));
        assert_eq!(
            told.to_string(),
            "database x.db cannot be written: read-only file or folder"
        );
    }
}
