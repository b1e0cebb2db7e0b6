//! Recordings: one row each, also across a crash.
//!
//! A row is written when a recording begins and completed when it ends. A row without an end belongs to a recording in
//! progress, or to one that a crash cut off: [`Store::recordings_in_progress`] gives those at the start, and
//! [`Writer::recording`](crate::Writer::recording) completes them. The files are not the store's: their names are.

use records::{CallUid, Recording, RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use crate::{
    MAX_PAGE, Page, Store, StoreError,
    cdrs::InDomain,
    lists::{self, Range, push_like, push_range, push_times, read_word, word},
    values::{Bound, MultiRow},
};

// The beginning of a recording never takes its end away, and the first end stands.
static WRITE: MultiRow = MultiRow::new(
    "INSERT INTO recordings (domain, id, call_id, kind, name, file, format, channels, started_at, millis, octets, ended, \
     fault) VALUES",
    13,
    "ON CONFLICT (domain, id) DO UPDATE SET file = excluded.file, millis = excluded.millis, octets = excluded.octets, \
     ended = excluded.ended, fault = excluded.fault WHERE recordings.ended IS NULL AND excluded.ended IS NOT NULL",
);

pub(crate) async fn write(
    connection: &mut SqliteConnection,
    recordings: &[InDomain<'_, Recording>],
) -> Result<(), sqlx::Error> {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let bind = |statement: Bound, (domain, recording): &InDomain<'_, Recording>| {
        let ended = recording.ended.as_ref();
        statement
            .bind((*domain).to_owned())
            .bind(recording.id.to_string())
            .bind(recording.call_id.to_string())
            .bind(recording.kind.name())
            .bind(&recording.name)
            .bind(&recording.file)
            .bind(recording.format.name())
            .bind(i64::from(recording.channels))
            .bind(recording.started_at)
            .bind(ended.map_or(0, |ended| signed(ended.millis)))
            .bind(ended.map_or(0, |ended| signed(ended.octets)))
            .bind(ended.map(|ended| ended.end.name()))
            .bind(ended.map_or_else(String::new, |ended| ended.fault.clone()))
    };
    WRITE.execute(connection, recordings, bind).await.map(drop)
}

/// Which recordings to list; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingFilter {
    /// Begun at this time or later, microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// Begun before this time.
    pub to: Option<i64>,
    /// Of this call.
    pub call: Option<CallUid>,
    /// Of this kind.
    pub kind: Option<RecordingKind>,
    /// The caller of the call, the party that was reached, or the number that was dialled.
    pub number: Option<String>,
    /// Text that stands somewhere in the name of the recording, in one of these numbers or in the caller's name, whatever
    /// the case of ASCII letters.
    pub text: Option<String>,
    /// The most recordings that are looked at for one page, at least 1. No index helps with `number` and `text`: this
    /// bounds the cost of a page.
    pub most: u32,
}

impl RecordingFilter {
    /// Every row has to be read to know whether the filter lets it through.
    const fn reads_rows(&self) -> bool {
        self.number.is_some() || self.text.is_some()
    }
}

/// A recording with the parties of its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecording {
    /// The recording.
    pub recording: Recording,
    /// The parties of its call; `None` where the call has no record.
    pub parties: Option<Parties>,
}

/// Who talked in a call that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    /// The caller's number.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// The party that answered or was rung last; empty if there is none.
    pub to: String,
    /// The number or URI that was dialled.
    pub dialed: String,
}

/// The id of a recording, as it is kept.
type Key = String;

pub(crate) async fn list(
    store: &Store,
    domain: &str,
    filter: &RecordingFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<StoredRecording>, StoreError> {
    let limit = limit.clamp(1, MAX_PAGE);
    let before = lists::place(cursor, |id| Some(RecordingUid::parse(id)?.to_string()))?;
    let end = if filter.reads_rows() {
        lists::find(store, end_query(domain, filter, before.clone())).await?
    } else {
        None
    };
    let range = Range {
        before,
        end: end.clone(),
    };
    let query = list_query(domain, filter, i64::from(limit) + 1, &range);
    let place = |item: &StoredRecording| (item.recording.started_at, item.recording.id.to_string());
    lists::page(store, query, limit, read, place, end).await
}

pub(crate) async fn one(store: &Store, domain: &str, id: RecordingUid) -> Result<StoredRecording, StoreError> {
    let mut query = QueryBuilder::new(SELECT);
    query.push(" WHERE r.domain = ").push_bind(domain);
    query.push(" AND r.id = ").push_bind(id.to_string());
    let row = query.build().fetch_optional(&store.read).await;
    let row = row
        .map_err(|e| store.error(&e))?
        .ok_or_else(|| StoreError::NotFound(format!("recording {id}")))?;
    read(&row).map_err(|e| store.error(&e))
}

pub(crate) async fn in_progress(store: &Store, domain: &str) -> Result<Vec<Recording>, StoreError> {
    let mut query = QueryBuilder::new(SELECT);
    query.push(" WHERE r.domain = ").push_bind(domain);
    query.push(" AND r.ended IS NULL ORDER BY r.started_at, r.id");
    let rows = query
        .build()
        .fetch_all(&store.read)
        .await
        .map_err(|e| store.error(&e))?;
    let all = rows.iter().map(read).map(|read| read.map(|stored| stored.recording));
    all.collect::<Result<_, _>>().map_err(|e| store.error(&e))
}

pub(crate) async fn remove(store: &Store, domain: &str, id: RecordingUid) -> Result<(), StoreError> {
    let mut write = store.write.begin().await?;
    let remove = sqlx::query("DELETE FROM recordings WHERE domain = ? AND id = ?")
        .bind(domain)
        .bind(id.to_string());
    let removed = remove.execute(write.connection()).await;
    let removed = removed.map_err(|e| store.error(&e))?.rows_affected();
    write.commit().await?;
    match removed {
        0 => Err(StoreError::NotFound(format!("recording {id}"))),
        _ => Ok(()),
    }
}

const SELECT: &str = "SELECT r.*, c.from_number, c.from_name, c.to_number, c.dialed FROM recordings r LEFT JOIN cdrs c \
                      ON c.domain = r.domain AND c.call_id = r.call_id";
const ORDER: &str = " ORDER BY r.started_at DESC, r.id DESC LIMIT ";

/// The index is named, since without statistics SQLite may take another.
fn index(filter: &RecordingFilter) -> &'static str {
    if filter.call.is_some() {
        "recordings_by_call"
    } else if filter.kind.is_some() {
        "recordings_by_kind"
    } else {
        "recordings_by_time"
    }
}

fn list_query(domain: &str, filter: &RecordingFilter, limit: i64, range: &Range<Key>) -> QueryBuilder<Sqlite> {
    let mut query =
        QueryBuilder::new(SELECT.replace("recordings r", &format!("recordings r INDEXED BY {}", index(filter))));
    push_place(&mut query, domain, filter, range);
    if let Some(number) = &filter.number {
        let mut between = " AND (";
        for column in ["c.from_number", "c.to_number", "c.dialed"] {
            query.push(between).push(column).push(" = ").push_bind(number.as_str());
            between = " OR ";
        }
        query.push(")");
    }
    if let Some(text) = &filter.text {
        let columns = ["r.name", "c.from_number", "c.to_number", "c.dialed", "c.from_name"];
        push_like(&mut query, &columns, text);
    }
    query.push(ORDER).push_bind(limit);
    query
}

/// The statement that finds where a search ends. It reads the index, and no row.
fn end_query(domain: &str, filter: &RecordingFilter, before: Option<(i64, Key)>) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT r.started_at, r.id FROM recordings r INDEXED BY ");
    query.push(index(filter));
    push_place(&mut query, domain, filter, &Range { before, end: None });
    let skipped = i64::from(filter.most.max(1)) - 1;
    query.push(ORDER).push("1 OFFSET ").push_bind(skipped);
    query
}

/// The conditions that an index answers.
fn push_place(query: &mut QueryBuilder<Sqlite>, domain: &str, filter: &RecordingFilter, range: &Range<Key>) {
    query.push(" WHERE r.domain = ").push_bind(domain.to_owned());
    if let Some(call) = filter.call {
        query.push(" AND r.call_id = ").push_bind(call.to_string());
    }
    if let Some(kind) = filter.kind {
        query.push(" AND r.kind = ").push_bind(kind.name());
    }
    push_times(query, "r.", filter.from, filter.to);
    push_range(query, "r.", range.clone());
}

fn read(row: &SqliteRow) -> Result<StoredRecording, sqlx::Error> {
    let column = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
    let ended: Option<String> = row.try_get("ended")?;
    let ended = ended.map(|end| {
        Ok::<_, sqlx::Error>(RecordingEnded {
            millis: number("millis")?,
            octets: number("octets")?,
            end: read_word("ended", &end, RecordingEnd::parse)?,
            fault: column("fault")?,
        })
    });
    let recording = Recording {
        id: word(row, "id", RecordingUid::parse)?,
        call_id: word(row, "call_id", CallUid::parse)?,
        kind: word(row, "kind", RecordingKind::parse)?,
        name: column("name")?,
        file: column("file")?,
        format: word(row, "format", RecordingFormat::parse)?,
        channels: u8::try_from(number("channels")?).unwrap_or(1),
        started_at: row.try_get("started_at")?,
        ended: ended.transpose()?,
    };
    let from: Option<String> = row.try_get("from_number")?;
    let parties = from.map(|from| {
        Ok::<_, sqlx::Error>(Parties {
            from,
            from_name: column("from_name")?,
            to: column("to_number")?,
            dialed: column("dialed")?,
        })
    });
    Ok(StoredRecording {
        recording,
        parties: parties.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use records::{CallUid, RecordingKind};
    use sqlx::{AssertSqlSafe, Row};

    use super::{Range, RecordingFilter, end_query, list_query};
    use crate::{Options, Store};

    #[tokio::test]
    async fn every_list_is_read_by_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("tandem.db"), Options::default())
            .await
            .unwrap();
        let all = RecordingFilter::default();
        let place = (1, "0".repeat(16));
        for (filter, index) in [
            (all.clone(), "recordings_by_time"),
            (
                RecordingFilter {
                    from: Some(1),
                    to: Some(2),
                    ..all.clone()
                },
                "recordings_by_time",
            ),
            (
                RecordingFilter {
                    kind: Some(RecordingKind::Conference),
                    ..all.clone()
                },
                "recordings_by_kind",
            ),
            (
                RecordingFilter {
                    call: Some(CallUid(1)),
                    ..all.clone()
                },
                "recordings_by_call",
            ),
            (
                RecordingFilter {
                    number: Some("101".into()),
                    text: Some("a".into()),
                    ..all
                },
                "recordings_by_time",
            ),
        ] {
            for at in [None, Some(place.clone())] {
                let range = Range {
                    before: at.clone(),
                    end: at.clone(),
                };
                let queries = [list_query("d", &filter, 10, &range), end_query("d", &filter, at)];
                for (query, most) in queries.into_iter().zip([2, 1]) {
                    let explain = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
                    let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(&store.read).await;
                    let plan: Vec<String> = rows.unwrap().iter().map(|row| row.get("detail")).collect();
                    assert!(plan[0].starts_with("SEARCH r") && plan[0].contains(index), "{plan:?}");
                    // Nothing is sorted, and the parties are found by the call's id.
                    assert!(plan.len() <= most, "{plan:?}");
                    assert!(plan[1..].iter().all(|step| step.starts_with("SEARCH c")), "{plan:?}");
                }
            }
        }
    }
}
