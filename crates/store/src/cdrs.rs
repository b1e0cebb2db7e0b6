//! Call detail records: exactly one a call, also across a crash.
//!
//! A row is written when the call begins. The answer adds who answered, and the end of the call completes the row. A row
//! without an end is a call that a crash interrupted: [`Store::close_interrupted`] completes such rows at the start. While
//! there are calls, a mark with the time is written now and then. The last mark tells how long such a call lasted at least.

use records::{CallUid, CauseCode, Cdr, CdrAnswer, CdrOpen, Disposition, EndedBy, LegQuality, Segment};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use crate::{
    MAX_PAGE, Page, Store, StoreError, StoredCdr,
    lists::{self, Range, push_like, push_range, push_times, word},
    values::{Bound, MultiRow},
};

// A second record of a call changes nothing: the first one stands.
static OPEN: MultiRow = MultiRow::new(
    "INSERT INTO cdrs (domain, call_id, sip_call_id, from_number, from_name, dialed, started_at) VALUES",
    7,
    "ON CONFLICT (domain, call_id) DO NOTHING",
);

// An ended call stays as it is. Where the beginning was not stored, this is it.
static ANSWER: MultiRow = MultiRow::new(
    "INSERT INTO cdrs (domain, call_id, sip_call_id, from_number, from_name, dialed, started_at, to_number, answered_at) \
     VALUES",
    9,
    "ON CONFLICT (domain, call_id) DO UPDATE SET to_number = excluded.to_number, answered_at = excluded.answered_at \
     WHERE cdrs.ended_at IS NULL",
);

// Completes the row, or writes it whole where the beginning was not stored; an ended call stays as it is.
static CLOSE: MultiRow = MultiRow::new(
    "INSERT INTO cdrs (domain, call_id, sip_call_id, from_number, from_name, dialed, started_at, to_number, \
     answered_at, ended_at, disposition, sip_code, ended_by, detail, cause, segments, links, hidden) VALUES",
    18,
    "ON CONFLICT (domain, call_id) DO UPDATE SET from_number = excluded.from_number, from_name = excluded.from_name, \
     dialed = excluded.dialed, to_number = excluded.to_number, answered_at = excluded.answered_at, \
     ended_at = excluded.ended_at, disposition = excluded.disposition, sip_code = excluded.sip_code, \
     ended_by = excluded.ended_by, detail = excluded.detail, \
     cause = excluded.cause, segments = excluded.segments, links = excluded.links, hidden = excluded.hidden \
     WHERE cdrs.ended_at IS NULL",
);

// The legs of a call end one after the other, before and after its record is closed.
const ADD_QUALITY: &str = "UPDATE cdrs SET quality = json_insert(coalesce(quality, '[]'), '$[#]', json(?)) \
                           WHERE domain = ? AND call_id = ? AND json_array_length(coalesce(quality, '[]')) < ?";
/// Legs in the record of a call whose quality is kept; further ones are left out.
const MOST_LEGS: i64 = 100;

/// A row to write, with its domain.
pub(crate) type InDomain<'a, T> = (&'a str, &'a T);

fn bind_open(statement: Bound, domain: &str, cdr: &CdrOpen) -> Bound {
    statement
        .bind(domain.to_owned())
        .bind(cdr.call_id.to_string())
        .bind(&cdr.sip_call_id)
        .bind(&cdr.from)
        .bind(&cdr.from_name)
        .bind(&cdr.dialed)
        .bind(cdr.started_at)
}

pub(crate) async fn open(connection: &mut SqliteConnection, cdrs: &[InDomain<'_, CdrOpen>]) -> Result<(), sqlx::Error> {
    let bind = |statement: Bound, (domain, cdr): &InDomain<'_, CdrOpen>| bind_open(statement, domain, cdr);
    OPEN.execute(connection, cdrs, bind).await.map(drop)
}

pub(crate) async fn answer(
    connection: &mut SqliteConnection,
    cdrs: &[InDomain<'_, CdrAnswer>],
) -> Result<(), sqlx::Error> {
    let bind = |statement: Bound, (domain, cdr): &InDomain<'_, CdrAnswer>| {
        bind_open(statement, domain, &cdr.open)
            .bind(&cdr.to)
            .bind(cdr.answered_at)
    };
    ANSWER.execute(connection, cdrs, bind).await.map(drop)
}

/// Stores that calls are in progress at this time, as the time of a setting.
pub(crate) async fn mark(connection: &mut SqliteConnection, domain: &str, now: i64) -> Result<(), sqlx::Error> {
    let mark = "INSERT INTO settings (domain, key, value, updated_at) VALUES (?, 'calls_alive', '', ?) \
                ON CONFLICT (domain, key) DO UPDATE SET updated_at = excluded.updated_at";
    let mark = sqlx::query(mark).bind(domain).bind(now);
    mark.execute(connection).await.map(drop)
}

pub(crate) async fn close(connection: &mut SqliteConnection, cdrs: &[InDomain<'_, Cdr>]) -> Result<(), sqlx::Error> {
    let bind = |statement: Bound, (domain, cdr): &InDomain<'_, Cdr>| {
        bind_open(statement, domain, &cdr.open)
            .bind(&cdr.to)
            .bind(cdr.answered_at)
            .bind(cdr.ended_at)
            .bind(cdr.disposition.name())
            .bind(cdr.sip_code)
            .bind(cdr.ended_by.name())
            .bind(&cdr.detail)
            .bind(cdr.cause.name())
            .bind(json(&cdr.segments))
            .bind(json(&cdr.links))
            .bind(cdr.hidden)
    };
    CLOSE.execute(connection, cdrs, bind).await.map(drop)
}

/// Adds how legs sounded to the records of their calls. A call without a record gets none by this.
pub(crate) async fn add_quality(
    connection: &mut SqliteConnection,
    legs: &[InDomain<'_, (CallUid, LegQuality)>],
) -> Result<(), sqlx::Error> {
    for (domain, (call, leg)) in legs {
        let Ok(json) = serde_json::to_string(leg) else { continue };
        let add = sqlx::query(ADD_QUALITY).bind(json).bind(*domain);
        let add = add.bind(call.to_string()).bind(MOST_LEGS);
        add.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Segments or links as the database keeps them. An empty list is NULL, and most calls have no links.
fn json<T: Serialize>(list: &[T]) -> Option<String> {
    let text = (!list.is_empty()).then(|| serde_json::to_string(list));
    text.and_then(Result::ok)
}

/// Which records to list; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CdrFilter {
    /// Begun at this time or later, microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// Begun before this time.
    pub to: Option<i64>,
    /// The caller, the party that was reached, or the number that was dialled.
    pub number: Option<String>,
    /// How the call ended.
    pub disposition: Option<Disposition>,
    /// Text that stands somewhere in it.
    pub search: Option<CdrSearch>,
}

/// Text that is looked for anywhere in the numbers and the caller's name, whatever the case of ASCII
/// letters. No index helps with such a search, so the cost of one page has a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdrSearch {
    /// The text.
    pub text: String,
    /// The most records that are looked at for one page; at least 1.
    pub records: u32,
}

impl Store {
    /// Completes every record that has no end: calls in progress when Tandem was killed. Call it at the
    /// start, before any call. Gives back how many there were. Their end is the last time at which they are known to
    /// have gone on ([`crate::Writer::mark_calls`]).
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn close_interrupted(&self, now: i64) -> Result<u64, StoreError> {
        let mut write = self.write.begin().await?;
        let close = "UPDATE cdrs SET \
                     ended_at = max(started_at, coalesce(answered_at, 0), min(?, coalesce((SELECT updated_at FROM settings \
                     WHERE settings.domain = cdrs.domain AND key = 'calls_alive'), 0))), \
                     disposition = iif(answered_at IS NULL, 'failed', 'answered'), \
                     sip_code = iif(answered_at IS NULL, 0, 200), ended_by = 'system', cause = 'switch.interrupted', \
                     detail = 'interrupted: Tandem was stopped during the call, which lasted at least until then' \
                     WHERE ended_at IS NULL";
        let closed = sqlx::query(close)
            .bind(now)
            .execute(write.connection())
            .await
            .map_err(|e| self.error(&e))?;
        write.commit().await?;
        Ok(closed.rows_affected())
    }

    /// Calls that have ended, newest first. `limit` is held between 1 and [`MAX_PAGE`]. With a search a page
    /// ends where [`CdrSearch::records`] were looked at: it may hold fewer records than `limit`, or none, and
    /// still be followed by another.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    pub async fn cdrs(
        &self,
        domain: &str,
        filter: &CdrFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredCdr>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let before = lists::place(cursor, |id| id.parse().ok())?;
        let end = match &filter.search {
            Some(search) => lists::find(self, end_query(domain, filter, search.records, before)).await?,
            None => None,
        };
        let query = list_query(domain, filter, i64::from(limit) + 1, &Range { before, end });
        let place = |item: &StoredCdr| (item.cdr.open.started_at, item.id);
        lists::page(self, query, limit, read, place, end).await
    }

    /// The record of a call that has ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn cdr(&self, domain: &str, call: CallUid) -> Result<StoredCdr, StoreError> {
        let one = "SELECT * FROM cdrs WHERE domain = ? AND call_id = ? AND ended_at IS NOT NULL";
        let one = sqlx::query(one).bind(domain).bind(call.to_string());
        let row = one.fetch_optional(&self.read).await;
        let row = row
            .map_err(|e| self.error(&e))?
            .ok_or_else(|| StoreError::NotFound(format!("record of call {call}")))?;
        read(&row).map_err(|e| self.error(&e))
    }

    /// The number that an extension dialled last, by the records of calls that have ended. Codes that begin with `*` do
    /// not count; only the latest `LATEST` calls are looked at.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn last_dialed(&self, domain: &str, number: &str) -> Result<Option<String>, StoreError> {
        let find = sqlx::query_scalar(LAST_DIALED).bind(domain).bind(number).bind(LATEST);
        find.fetch_optional(&self.read).await.map_err(|e| self.error(&e))
    }

    /// The number of the latest caller that reached an extension; `None` without one, or where that caller hid its
    /// number.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn last_caller(&self, domain: &str, number: &str) -> Result<Option<String>, StoreError> {
        let find = sqlx::query_scalar(LAST_CALLER).bind(domain).bind(number);
        let found: Option<Option<String>> = find.fetch_optional(&self.read).await.map_err(|e| self.error(&e))?;
        Ok(found.flatten())
    }
}

/// How many calls of an extension are looked at for the number that it dialled last.
const LATEST: i64 = 100;

const LAST_DIALED: &str = "SELECT dialed FROM (SELECT dialed, started_at, id FROM cdrs INDEXED BY cdrs_by_from \
                           WHERE domain = ?1 AND from_number = ?2 AND ended_at IS NOT NULL \
                           ORDER BY started_at DESC, id DESC LIMIT ?3) \
                           WHERE dialed NOT LIKE '*%' AND dialed <> '' ORDER BY started_at DESC, id DESC LIMIT 1";

const LAST_CALLER: &str = "SELECT CASE WHEN hidden OR from_number = '' THEN NULL ELSE from_number END FROM cdrs \
                           INDEXED BY cdrs_by_to WHERE domain = ?1 AND to_number = ?2 AND ended_at IS NOT NULL \
                           ORDER BY started_at DESC, id DESC LIMIT 1";

const ORDER: &str = " ORDER BY started_at DESC, id DESC LIMIT ";

/// The statement that lists. A number may stand in three columns: each is asked by its own index for one
/// page, and the newest of those three pages are the page. The index is named, since without statistics
/// SQLite would rather take the times between two dates than one phone's calls.
fn list_query(domain: &str, filter: &CdrFilter, limit: i64, range: &Range<i64>) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT * FROM cdrs ");
    match &filter.number {
        None => {
            query
                .push("INDEXED BY ")
                .push(index_without_number(filter))
                .push(" WHERE ");
            push_conditions(&mut query, domain, filter, range);
        }
        Some(number) => {
            let by_column = [
                ("from_number", "cdrs_by_from"),
                ("to_number", "cdrs_by_to"),
                ("dialed", "cdrs_by_dialed"),
            ];
            let mut between = "WHERE id IN (";
            for (column, index) in by_column {
                query
                    .push(between)
                    .push("SELECT id FROM (SELECT id FROM cdrs INDEXED BY ")
                    .push(index);
                query
                    .push(" WHERE ")
                    .push(column)
                    .push(" = ")
                    .push_bind(number.as_str())
                    .push(" AND ");
                push_conditions(&mut query, domain, filter, range);
                query.push(ORDER).push_bind(limit).push(")");
                between = " UNION ";
            }
            query.push(")");
        }
    }
    query.push(ORDER).push_bind(limit);
    query
}

fn index_without_number(filter: &CdrFilter) -> &'static str {
    if filter.disposition.is_some() {
        "cdrs_by_disposition"
    } else {
        "cdrs_by_time"
    }
}

/// The statement that finds where a search ends: it reads the index, and no record.
fn end_query(domain: &str, filter: &CdrFilter, records: u32, before: Option<(i64, i64)>) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT started_at, id FROM cdrs INDEXED BY ");
    query.push(index_without_number(filter)).push(" WHERE ");
    push_place(&mut query, domain, filter, &Range { before, end: None });
    query
        .push(ORDER)
        .push("1 OFFSET ")
        .push_bind(i64::from(records.max(1)) - 1);
    query
}

fn push_conditions(query: &mut QueryBuilder<Sqlite>, domain: &str, filter: &CdrFilter, range: &Range<i64>) {
    push_place(query, domain, filter, range);
    if let Some(search) = &filter.search {
        push_like(
            query,
            &["from_number", "to_number", "dialed", "from_name"],
            &search.text,
        );
    }
}

/// The conditions that an index answers.
fn push_place(query: &mut QueryBuilder<Sqlite>, domain: &str, filter: &CdrFilter, range: &Range<i64>) {
    query
        .push("domain = ")
        .push_bind(domain)
        .push(" AND ended_at IS NOT NULL");
    push_times(query, "", filter.from, filter.to);
    if let Some(disposition) = filter.disposition {
        query.push(" AND disposition = ").push_bind(disposition.name());
    }
    push_range(query, "", range.clone());
}

/// Reads the text that [`json`] wrote.
fn list<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<Option<Vec<T>>, sqlx::Error> {
    let text: Option<String> = row.try_get(column)?;
    let list = text.as_deref().map(serde_json::from_str).transpose();
    list.map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

fn read(row: &SqliteRow) -> Result<StoredCdr, sqlx::Error> {
    let open = CdrOpen {
        call_id: word(row, "call_id", CallUid::parse)?,
        sip_call_id: row.try_get("sip_call_id")?,
        from: row.try_get("from_number")?,
        from_name: row.try_get("from_name")?,
        dialed: row.try_get("dialed")?,
        started_at: row.try_get("started_at")?,
    };
    let (to, answered_at, ended_at): (String, Option<i64>, i64) = (
        row.try_get("to_number")?,
        row.try_get("answered_at")?,
        row.try_get("ended_at")?,
    );
    let (disposition, ended_by) = (
        word(row, "disposition", Disposition::parse)?,
        word(row, "ended_by", EndedBy::parse)?,
    );
    let sip_code = row.try_get("sip_code")?;
    let cause: Option<String> = row.try_get("cause")?;
    // This version cannot explain a word of a later version.
    let cause = match cause {
        Some(word) => CauseCode::parse(&word).unwrap_or(CauseCode::Unknown),
        None => CauseCode::guess(disposition, sip_code, ended_by),
    };
    let segments = list(row, "segments")?.unwrap_or_else(|| {
        let answered = answered_at.map(|at| (at, to.as_str()));
        Segment::of_plain_call(open.started_at, &open.from, answered, ended_at)
    });
    let cdr = Cdr {
        open,
        to,
        answered_at,
        ended_at,
        disposition,
        sip_code,
        ended_by,
        cause,
        detail: row.try_get("detail")?,
        segments,
        links: list(row, "links")?.unwrap_or_default(),
        hidden: row.try_get("hidden")?,
    };
    Ok(StoredCdr {
        id: row.try_get("id")?,
        cdr,
        quality: list(row, "quality")?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::{CdrFilter, CdrSearch, Disposition, Range, end_query, list_query};
    use crate::{Options, Store};

    #[tokio::test]
    async fn every_list_is_read_by_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("tandem.db"), Options::default())
            .await
            .unwrap();
        let all = CdrFilter::default();
        for (filter, index) in [
            (all.clone(), "cdrs_by_time"),
            (
                CdrFilter {
                    from: Some(1),
                    to: Some(2),
                    ..all.clone()
                },
                "cdrs_by_time",
            ),
            (
                CdrFilter {
                    disposition: Some(Disposition::Busy),
                    ..all.clone()
                },
                "cdrs_by_disposition",
            ),
            (
                CdrFilter {
                    number: Some("101".into()),
                    ..all.clone()
                },
                "cdrs_by_dialed",
            ),
            (
                CdrFilter {
                    number: Some("101".into()),
                    from: Some(1),
                    ..all.clone()
                },
                "cdrs_by_from",
            ),
            (
                CdrFilter {
                    search: Some(CdrSearch {
                        text: "ali".into(),
                        records: 1_000,
                    }),
                    ..all
                },
                "cdrs_by_time",
            ),
        ] {
            for (before, end) in [(None, None), (Some((1, 1)), Some((0, 1)))] {
                let query = list_query("d", &filter, 10, &Range { before, end });
                let explain = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
                let rows = sqlx::query(AssertSqlSafe(explain))
                    .fetch_all(&store.read)
                    .await
                    .unwrap();
                let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
                assert!(plan.iter().any(|step| step.contains(index)), "{filter:?}: {plan:?}");
                assert!(
                    !plan.iter().any(|step| step.contains("SCAN cdrs")),
                    "{filter:?}: {plan:?}"
                );
                // With a number, only the three pages found are sorted.
                let sorts = plan
                    .iter()
                    .filter(|step| step.contains("USE TEMP B-TREE FOR ORDER BY"))
                    .count();
                assert!(sorts <= usize::from(filter.number.is_some()), "{filter:?}: {plan:?}");
            }
        }
        // Where a search ends is found in the index alone.
        let query = end_query("d", &CdrFilter::default(), 1_000, Some((1, 1)));
        let explain = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
        let rows = sqlx::query(AssertSqlSafe(explain))
            .fetch_all(&store.read)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan.len() == 1 && plan[0].contains("cdrs_by_time"), "{plan:?}");
    }
}
