//! Contacts on disk, so that registrations survive a restart.

use records::Binding;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    phones::flow,
    values::{Bound, MultiRow, transport_name},
};

static SAVE: MultiRow = MultiRow::new(
    "INSERT INTO bindings (domain, id, number, username, contact, transport, local, remote, path, instance, reg_id, \
     q, call_id, cseq, user_agent, registered_at, expires_at) VALUES",
    17,
    "ON CONFLICT (domain, id) DO UPDATE SET number = excluded.number, \
     username = excluded.username, contact = excluded.contact, transport = excluded.transport, \
     local = excluded.local, remote = excluded.remote, path = excluded.path, instance = excluded.instance, \
     reg_id = excluded.reg_id, q = excluded.q, call_id = excluded.call_id, cseq = excluded.cseq, \
     user_agent = excluded.user_agent, registered_at = excluded.registered_at, expires_at = excluded.expires_at",
);

// SQLite would look at every row for `(domain, id) IN (VALUES ...)`.
static REMOVE: MultiRow = MultiRow::new(
    "DELETE FROM bindings WHERE rowid IN (SELECT bindings.rowid FROM (VALUES",
    2,
    ") AS gone CROSS JOIN bindings ON bindings.domain = gone.column1 AND bindings.id = gone.column2)",
);

/// Path header values hold no line end, so lines keep them apart.
const BETWEEN_PATHS: &str = "\n";

/// By domain.
pub(crate) async fn save(connection: &mut SqliteConnection, bindings: &[(&str, &Binding)]) -> Result<(), sqlx::Error> {
    let bind = |statement: Bound, (domain, row): &(&str, &Binding)| {
        statement
            .bind((*domain).to_owned())
            .bind(row.id.cast_signed())
            .bind(&row.number)
            .bind(&row.username)
            .bind(&row.contact)
            .bind(transport_name(row.flow.transport))
            .bind(row.flow.local.to_string())
            .bind(row.flow.remote.to_string())
            .bind(row.path.join(BETWEEN_PATHS))
            .bind(row.instance.as_deref())
            .bind(row.reg_id)
            .bind(row.q)
            .bind(&row.call_id)
            .bind(row.cseq)
            .bind(&row.user_agent)
            .bind(row.registered_at)
            .bind(row.expires_at)
    };
    SAVE.execute(connection, bindings, bind).await.map(drop)
}

/// By domain and id.
pub(crate) async fn remove(connection: &mut SqliteConnection, keys: &[(&str, u64)]) -> Result<(), sqlx::Error> {
    let bind =
        |statement: Bound, (domain, id): &(&str, u64)| statement.bind((*domain).to_owned()).bind(id.cast_signed());
    REMOVE.execute(connection, keys, bind).await.map(drop)
}

/// Removes bindings whose device went while they were being written.
pub(crate) async fn remove_orphans(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let orphans = "DELETE FROM bindings WHERE NOT EXISTS (SELECT 1 FROM devices \
                   WHERE devices.domain = bindings.domain AND devices.username = bindings.username)";
    sqlx::query(orphans).execute(connection).await.map(drop)
}

/// See [`Store::load_bindings`].
pub(crate) async fn load(store: &Store, domain: &str, now: i64) -> Result<Vec<Binding>, StoreError> {
    let mut write = store.write.begin().await?;
    let expired = sqlx::query("DELETE FROM bindings WHERE domain = ? AND expires_at <= ?")
        .bind(domain)
        .bind(now);
    expired.execute(write.connection()).await.map_err(|e| store.error(&e))?;
    write.commit().await?;
    let live = "SELECT bindings.* FROM bindings JOIN devices USING (domain, username) \
                WHERE domain = ? AND devices.extension = bindings.number ORDER BY id";
    // Read row by row: a row of SQLite's takes several times the memory of what is read from it.
    let bindings = sqlx::query(live).bind(domain).try_map(|row| read(&row));
    let bindings: Vec<Option<Binding>> = bindings.fetch_all(&store.read).await.map_err(|e| store.error(&e))?;
    Ok(bindings.into_iter().flatten().collect())
}

/// `None` where this version does not know the transport.
fn read(row: &SqliteRow) -> Result<Option<Binding>, sqlx::Error> {
    let path: String = row.try_get("path")?;
    let Some(flow) = flow(row)? else {
        return Ok(None);
    };
    Ok(Some(Binding {
        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
        number: row.try_get("number")?,
        username: row.try_get("username")?,
        contact: row.try_get("contact")?,
        flow,
        path: path.lines().map(str::to_owned).collect(),
        instance: row.try_get("instance")?,
        reg_id: row.try_get("reg_id")?,
        q: row.try_get("q")?,
        call_id: row.try_get("call_id")?,
        cseq: row.try_get("cseq")?,
        user_agent: row.try_get("user_agent")?,
        registered_at: row.try_get("registered_at")?,
        expires_at: row.try_get("expires_at")?,
    }))
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::REMOVE;
    use crate::{Options, Store};

    #[tokio::test]
    async fn bindings_are_removed_by_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("tandem.db"), Options::default())
            .await
            .unwrap();
        for power in [0, 1, 6] {
            let explain = format!("EXPLAIN QUERY PLAN {}", REMOVE.text(power));
            let plan = sqlx::query(AssertSqlSafe(explain))
                .fetch_all(&store.read)
                .await
                .unwrap();
            let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert!(!steps.iter().any(|step| step.starts_with("SCAN bindings")), "{steps:?}");
        }
    }
}
