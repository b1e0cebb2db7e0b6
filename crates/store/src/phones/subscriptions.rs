//! Subscriptions on disk, so that lamps survive a restart.

use records::{Subscription, SubscriptionDialog};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    phones::flow,
    values::{Bound, MultiRow, transport_name},
};

static SAVE: MultiRow = MultiRow::new(
    "INSERT INTO subscriptions (domain, id, watcher, username, number, package, event_id, accept, transport, local, \
     remote, call_id, local_tag, remote_tag, local_address, remote_address, target, routes, local_seq, remote_seq, \
     secure, version, expires_at, members) VALUES",
    24,
    "ON CONFLICT (domain, id) DO UPDATE SET watcher = excluded.watcher, username = excluded.username, \
     number = excluded.number, package = excluded.package, event_id = excluded.event_id, accept = excluded.accept, \
     transport = excluded.transport, local = excluded.local, remote = excluded.remote, call_id = excluded.call_id, \
     local_tag = excluded.local_tag, remote_tag = excluded.remote_tag, local_address = excluded.local_address, \
     remote_address = excluded.remote_address, target = excluded.target, routes = excluded.routes, \
     local_seq = excluded.local_seq, remote_seq = excluded.remote_seq, secure = excluded.secure, \
     version = excluded.version, expires_at = excluded.expires_at, members = excluded.members",
);

// SQLite would look at every row for `(domain, id) IN (VALUES ...)`.
static REMOVE: MultiRow = MultiRow::new(
    "DELETE FROM subscriptions WHERE rowid IN (SELECT subscriptions.rowid FROM (VALUES",
    2,
    ") AS gone CROSS JOIN subscriptions ON subscriptions.domain = gone.column1 AND subscriptions.id = gone.column2)",
);

/// Header values hold no line end, so lines keep them apart.
const BETWEEN_ROUTES: &str = "\n";
/// Numbers hold no space.
const BETWEEN_MEMBERS: &str = " ";

/// By domain.
pub(crate) async fn save(
    connection: &mut SqliteConnection,
    subscriptions: &[(&str, &Subscription)],
) -> Result<(), sqlx::Error> {
    let bind = |statement: Bound, (domain, row): &(&str, &Subscription)| {
        let dialog = &row.dialog;
        statement
            .bind((*domain).to_owned())
            .bind(row.id.cast_signed())
            .bind(&row.watcher)
            .bind(row.username.as_deref())
            .bind(&row.number)
            .bind(&row.package)
            .bind(row.event_id.as_deref())
            .bind(&row.accept)
            .bind(transport_name(row.flow.transport))
            .bind(row.flow.local.to_string())
            .bind(row.flow.remote.to_string())
            .bind(&dialog.call_id)
            .bind(&dialog.local_tag)
            .bind(&dialog.remote_tag)
            .bind(&dialog.local)
            .bind(&dialog.remote)
            .bind(&dialog.target)
            .bind(dialog.routes.join(BETWEEN_ROUTES))
            .bind(dialog.local_seq)
            .bind(dialog.remote_seq)
            .bind(dialog.secure)
            .bind(row.version)
            .bind(row.expires_at)
            .bind(row.members.join(BETWEEN_MEMBERS))
    };
    SAVE.execute(connection, subscriptions, bind).await.map(drop)
}

/// By domain and id.
pub(crate) async fn remove(connection: &mut SqliteConnection, keys: &[(&str, u64)]) -> Result<(), sqlx::Error> {
    let bind =
        |statement: Bound, (domain, id): &(&str, u64)| statement.bind((*domain).to_owned()).bind(id.cast_signed());
    REMOVE.execute(connection, keys, bind).await.map(drop)
}

/// See [`Store::load_subscriptions`].
pub(crate) async fn load(store: &Store, domain: &str, now: i64) -> Result<Vec<Subscription>, StoreError> {
    let mut write = store.write.begin().await?;
    let over = "DELETE FROM subscriptions WHERE domain = ? AND (expires_at <= ? \
                OR NOT EXISTS (SELECT 1 FROM extensions WHERE extensions.domain = subscriptions.domain \
                AND extensions.number = subscriptions.watcher) \
                OR username IS NOT NULL AND NOT EXISTS (SELECT 1 FROM devices WHERE devices.domain = subscriptions.domain \
                AND devices.username = subscriptions.username AND devices.extension = subscriptions.watcher))";
    let over = sqlx::query(over).bind(domain).bind(now);
    over.execute(write.connection()).await.map_err(|e| store.error(&e))?;
    write.commit().await?;
    let live = sqlx::query("SELECT * FROM subscriptions WHERE domain = ? ORDER BY id").bind(domain);
    // Read row by row: a row of SQLite's takes several times the memory of what is read from it.
    let live = live.try_map(|row| read(&row)).fetch_all(&store.read).await;
    let live: Vec<Option<Subscription>> = live.map_err(|e| store.error(&e))?;
    Ok(live.into_iter().flatten().collect())
}

/// `None` where this version does not know the transport.
fn read(row: &SqliteRow) -> Result<Option<Subscription>, sqlx::Error> {
    let Some(flow) = flow(row)? else {
        return Ok(None);
    };
    let routes: String = row.try_get("routes")?;
    let members: String = row.try_get("members")?;
    Ok(Some(Subscription {
        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
        watcher: row.try_get("watcher")?,
        username: row.try_get("username")?,
        number: row.try_get("number")?,
        members: members.split_ascii_whitespace().map(str::to_owned).collect(),
        package: row.try_get("package")?,
        event_id: row.try_get("event_id")?,
        accept: row.try_get("accept")?,
        flow,
        dialog: SubscriptionDialog {
            call_id: row.try_get("call_id")?,
            local_tag: row.try_get("local_tag")?,
            remote_tag: row.try_get("remote_tag")?,
            local: row.try_get("local_address")?,
            remote: row.try_get("remote_address")?,
            target: row.try_get("target")?,
            routes: routes.lines().map(str::to_owned).collect(),
            local_seq: row.try_get("local_seq")?,
            remote_seq: row.try_get("remote_seq")?,
            secure: row.try_get("secure")?,
        },
        version: row.try_get("version")?,
        expires_at: row.try_get("expires_at")?,
    }))
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::REMOVE;
    use crate::{Options, Store};

    #[tokio::test]
    async fn subscriptions_are_removed_by_their_keys() {
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
            assert!(
                !steps.iter().any(|step| step.starts_with("SCAN subscriptions")),
                "{steps:?}"
            );
        }
    }
}
