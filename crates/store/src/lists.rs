//! Lists with the newest first, in pages: what the lists of calls and of recordings have in common. A row has a time,
//! `started_at`, and an id `K` that tells rows of one time apart.

use sqlx::{Decode, Encode, QueryBuilder, Row, Sqlite, Type, sqlite::SqliteRow};

use crate::{Page, Store, StoreError, accounts::like_pattern};

/// Where a page begins or ends: the time and the id of a row.
pub(crate) type Place<K> = (i64, K);

/// Between which rows a page lies.
#[derive(Clone, Debug)]
pub(crate) struct Range<K> {
    /// Older than this row.
    pub(crate) before: Option<Place<K>>,
    /// Not older than this row.
    pub(crate) end: Option<Place<K>>,
}

/// The place in a cursor that [`page`] gave; `parse` reads the id.
pub(crate) fn place<K>(
    cursor: Option<&str>,
    parse: impl Fn(&str) -> Option<K>,
) -> Result<Option<Place<K>>, StoreError> {
    let place = |text: &str| {
        let (started_at, id) = text.rsplit_once('-')?;
        Some((started_at.parse().ok()?, parse(id)?))
    };
    cursor.map(|text| place(text).ok_or(StoreError::BadCursor)).transpose()
}

/// The place of the one row that a query finds, if it finds one.
pub(crate) async fn find<K>(store: &Store, mut query: QueryBuilder<Sqlite>) -> Result<Option<Place<K>>, StoreError>
where
    K: for<'r> Decode<'r, Sqlite> + Type<Sqlite>,
{
    let row = query.build().fetch_optional(&store.read).await;
    let row = row.map_err(|e| store.error(&e))?;
    let place = |row: SqliteRow| Ok((row.try_get("started_at")?, row.try_get("id")?));
    row.map(place).transpose().map_err(|e: sqlx::Error| store.error(&e))
}

/// A page of at most `limit` items of a query that finds one more than `limit`. The next page begins after the last item,
/// or else where the search ended (`end`).
pub(crate) async fn page<T, K: ToString>(
    store: &Store,
    mut query: QueryBuilder<Sqlite>,
    limit: u32,
    read: fn(&SqliteRow) -> Result<T, sqlx::Error>,
    place: impl Fn(&T) -> Place<K>,
    end: Option<Place<K>>,
) -> Result<Page<T>, StoreError> {
    let rows = query.build().fetch_all(&store.read).await;
    let rows = rows.map_err(|e| store.error(&e))?;
    let more = rows.len() > limit as usize;
    let items: Result<Vec<T>, _> = rows.iter().take(limit as usize).map(read).collect();
    let items = items.map_err(|e| store.error(&e))?;
    let last = items.last().filter(|_| more).map(place).or(end);
    let next_cursor = last.map(|(started_at, id)| format!("{started_at}-{}", id.to_string()));
    Ok(Page { items, next_cursor })
}

/// Begun at `from` or later and before `to`. `table`: the name before the columns, with its dot, or nothing.
pub(crate) fn push_times(query: &mut QueryBuilder<Sqlite>, table: &str, from: Option<i64>, to: Option<i64>) {
    for (time, compare) in [(from, ">="), (to, "<")] {
        let Some(time) = time else { continue };
        query.push(" AND ").push(table).push("started_at ");
        query.push(compare).push(" ").push_bind(time);
    }
}

/// Within a range.
pub(crate) fn push_range<K>(query: &mut QueryBuilder<Sqlite>, table: &str, range: Range<K>)
where
    K: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + Send + 'static,
{
    for (place, compare) in [(range.before, "<"), (range.end, ">=")] {
        let Some((started_at, id)) = place else { continue };
        query.push(" AND (").push(table).push("started_at, ");
        query.push(table).push("id) ").push(compare).push(" (");
        query.push_bind(started_at).push(", ").push_bind(id).push(")");
    }
}

/// The text stands in one of these columns, whatever the case of ASCII letters.
pub(crate) fn push_like(query: &mut QueryBuilder<Sqlite>, columns: &[&str], text: &str) {
    let pattern = like_pattern(text);
    let mut between = " AND (";
    for column in columns {
        query.push(between).push(*column).push(" LIKE ");
        query.push_bind(pattern.clone()).push(" ESCAPE '\\'");
        between = " OR ";
    }
    query.push(")");
}

/// A column that holds a word of a list.
pub(crate) fn word<T>(row: &SqliteRow, column: &str, parse: fn(&str) -> Option<T>) -> Result<T, sqlx::Error> {
    read_word(column, &row.try_get::<String, _>(column)?, parse)
}

/// As [`word`], of a text that was read.
pub(crate) fn read_word<T>(column: &str, text: &str, parse: fn(&str) -> Option<T>) -> Result<T, sqlx::Error> {
    parse(text).ok_or_else(|| sqlx::Error::Decode(format!("unknown {column} {text:?}").into()))
}
