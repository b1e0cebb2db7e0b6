//! Opening: one clear line for each thing that can be wrong with the file.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection};
use store::{Options, Store, StoreError};
use support::{DOMAIN, NOW, closed_cdr, fresh, new_extension, raw};

fn quick() -> Options {
    Options {
        busy_timeout: Duration::from_millis(1),
        ..Options::default()
    }
}

async fn opening(path: &std::path::Path) -> String {
    Store::open(path, quick())
        .await
        .err()
        .expect("it must not open")
        .to_string()
}

#[tokio::test]
async fn a_second_process_is_told_that_the_database_is_in_use() {
    let kept = fresh().await;
    let path = kept.path();
    assert_eq!(
        opening(&path).await,
        format!(
            "database {} is in use by another process; stop that one, or use another folder (--data)",
            path.display()
        )
    );
    kept.store.close().await.unwrap();
    Store::open(&path, quick()).await.unwrap();
}

#[tokio::test]
async fn a_lock_of_another_process_is_named() {
    let kept = fresh().await;
    let path = kept.path();
    kept.store.close().await.unwrap();
    let mut other = raw(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(
        opening(&path).await,
        format!(
            "database {} is in use by another process; stop that one, or use another folder (--data)",
            path.display()
        )
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.db");
    let text = "a letter to my aunt\n".repeat(500);
    std::fs::write(&path, &text).unwrap();
    assert_eq!(
        opening(&path).await,
        format!(
            "{} is not a Tandem database; move it away, or use another folder (--data)",
            path.display()
        )
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn another_programs_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.db");
    let mut theirs = raw(&path).await;
    sqlx::query("CREATE TABLE recipes (id INTEGER)")
        .execute(&mut theirs)
        .await
        .unwrap();
    assert_eq!(
        opening(&path).await,
        format!(
            "{} is not a Tandem database; move it away, or use another folder (--data)",
            path.display()
        )
    );
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(support::count(&path, tables).await, 1);
}

#[tokio::test]
async fn a_damaged_file_is_found_at_the_start() {
    let kept = fresh().await;
    for number in 100..400 {
        kept.store
            .create_extension(DOMAIN, &new_extension(&number.to_string()), NOW)
            .await
            .unwrap();
    }
    let path = kept.path();
    kept.store.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    // And the pages of extensions, which may be elsewhere.
    for start in (4096..bytes.len()).step_by(8192) {
        bytes[start..start + 100].fill(0xa5);
    }
    std::fs::write(&path, bytes).unwrap();
    let said = opening(&path).await;
    assert!(
        said.starts_with(&format!("database {} is damaged: ", path.display())),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
}

#[tokio::test]
async fn a_database_from_before_a_migration_is_brought_up_to_date() {
    let kept = fresh().await;
    let path = kept.path();
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let before = kept.store.account(DOMAIN, "101").await.unwrap();
    kept.store.writer(DOMAIN).close_cdr(closed_cdr(1));
    kept.store.close().await.unwrap();
    let mut first = raw(&path).await;
    for back in [
        "ALTER TABLE devices DROP COLUMN require_qop",
        "DELETE FROM _sqlx_migrations WHERE description = 'require qop'",
        "ALTER TABLE devices DROP COLUMN transcode",
        "DELETE FROM _sqlx_migrations WHERE description = 'transcode'",
        "ALTER TABLE devices DROP COLUMN dtmf",
        "DELETE FROM _sqlx_migrations WHERE description = 'dtmf'",
        "ALTER TABLE cdrs DROP COLUMN cause",
        "ALTER TABLE cdrs DROP COLUMN segments",
        "ALTER TABLE cdrs DROP COLUMN links",
        "DELETE FROM _sqlx_migrations WHERE description = 'call stories'",
    ] {
        sqlx::query(back).execute(&mut first).await.unwrap();
    }
    first.close().await.unwrap();
    let store = Store::open(&path, Options::default()).await.unwrap();
    assert_eq!(store.account(DOMAIN, "101").await.unwrap(), before);
    // A record from then is told as well as can be: as here, where it was a plain call.
    let record = store.cdr(DOMAIN, closed_cdr(1).open.call_id).await.unwrap();
    assert_eq!(record.cdr, closed_cdr(1));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let kept = fresh().await;
    let path = kept.path();
    kept.store.close().await.unwrap();
    let mut later = raw(&path).await;
    let migrated = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                    VALUES (9999, 'later', 1, x'00', 1)";
    sqlx::query(migrated).execute(&mut later).await.unwrap();
    later.close().await.unwrap();
    let said = opening(&path).await;
    let shown = path.display();
    assert_eq!(
        said,
        format!(
            "database {shown} was written by a newer Tandem (schema 9999); this one cannot use it: start the newer one, put back the folder as it was before the upgrade, or use another folder (--data)"
        )
    );
}

#[tokio::test]
async fn another_schema_with_the_same_number_is_refused() {
    let kept = fresh().await;
    let path = kept.path();
    kept.store.close().await.unwrap();
    let mut other = raw(&path).await;
    let altered = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1";
    sqlx::query(altered).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let said = opening(&path).await;
    let shown = path.display();
    assert_eq!(
        said,
        format!(
            "database {shown} was written by an unreleased Tandem whose schema 1 was another one; this one cannot use it: start the build that wrote it, or use another folder (--data) and make the extensions again"
        )
    );
}

#[tokio::test]
async fn a_missing_folder_is_named_with_the_error_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere").join("tandem.db");
    let said = opening(&path).await;
    assert!(
        said.starts_with(&format!("database {} cannot be opened: No such file", path.display())),
        "{said}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.db");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let opened = Store::open(&path, quick()).await.map(drop);
    // For root no folder is read-only.
    if std::fs::write(folder.path().join("probe"), "").is_ok() {
        assert_eq!(opened, Ok(()));
    } else {
        assert_eq!(opened, Err(StoreError::ReadOnly(path.display().to_string())));
    }
}

#[tokio::test]
async fn a_disk_too_full_for_the_schema_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.db");
    let full = Store::open(
        &path,
        Options {
            max_bytes: Some(8192),
            ..quick()
        },
    )
    .await
    .map(drop);
    assert_eq!(full, Err(StoreError::DiskFull(path.display().to_string())));
    // With room again it opens: the failed start left nothing half made.
    let store = Store::open(&path, quick()).await.unwrap();
    store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_file_says_that_it_is_ours_and_is_written_ahead() {
    let kept = fresh().await;
    for (pragma, expected) in [("application_id", "1413574244"), ("journal_mode", "wal")] {
        let mut connection = raw(&kept.path()).await;
        let ask = AssertSqlSafe(format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"));
        let found: String = sqlx::query_scalar(ask).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, expected);
    }
}
