//! Statements that take many rows at once, in few texts so that each stays prepared.

use std::sync::{Arc, OnceLock};

use records::Transport;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

/// The word that the database has for a transport. (No name in SIP: a URI has no word of its own for WSS.)
pub(crate) const fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    }
}

/// Reads that word.
pub(crate) fn parse_transport(text: &str) -> Option<Transport> {
    let all = [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ];
    all.into_iter().find(|transport| transport_name(*transport) == text)
}

/// A statement being bound.
pub(crate) type Bound = Query<'static, Sqlite, SqliteArguments>;

/// One statement takes at most `2^MAX_POWER` rows. At 17 columns that is 1088 parameters of the
/// 32,766 that SQLite allows.
const MAX_POWER: usize = 6;

/// `head (?, ?), (?, ?) ... tail`, with a text for each power of two of rows.
pub(crate) struct MultiRow {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    texts: [OnceLock<Arc<str>>; MAX_POWER + 1],
}

impl MultiRow {
    /// `columns`: how many parameters a row has.
    pub(crate) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self {
            head,
            columns,
            tail,
            texts: [const { OnceLock::new() }; MAX_POWER + 1],
        }
    }

    /// Runs the statement over all `rows`: 37 of them are one statement of 32, one of 4 and one of 1.
    /// Gives back how many rows of the table it touched.
    pub(crate) async fn execute<T>(
        &self,
        connection: &mut SqliteConnection,
        mut rows: &[T],
        bind: impl Fn(Bound, &T) -> Bound,
    ) -> Result<u64, sqlx::Error> {
        let mut touched = 0;
        while !rows.is_empty() {
            let power = (rows.len().ilog2() as usize).min(MAX_POWER);
            let (now, later) = rows.split_at(1 << power);
            let mut statement = sqlx::query(AssertSqlSafe(self.text(power)));
            for row in now {
                statement = bind(statement, row);
            }
            touched += statement.execute(&mut *connection).await?.rows_affected();
            rows = later;
        }
        Ok(touched)
    }

    pub(crate) fn text(&self, power: usize) -> Arc<str> {
        let make = || {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            format!("{} {} {}", self.head, vec![row; 1 << power].join(","), self.tail).into()
        };
        self.texts[power].get_or_init(make).clone()
    }
}
