//! Opening, checking and closing the database; whose turn it is to write.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use records::{Binding, KeptMessage, Recording, RecordingUid, Subscription};
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    ImportReport, NewExtension, Page, RecordingFilter, StoreError, StoredRecording, Token, Writer,
    error::{from_migrate, from_sqlx},
    import,
    phones::{bindings, messages, subscriptions},
    recordings, tokens,
    trunks::Trunks,
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// `PRAGMA application_id` of our files, set by the first migration.
const APPLICATION_ID: i64 = 0x5441_6e64;

/// When a commit counts as done (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk: it survives a power cut.
    #[default]
    Full,
    /// When the system has it: it survives a killed process, not always a power cut.
    Normal,
}

/// Limits and times of the store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a write waits for another process that has the database locked.
    pub busy_timeout: Duration,
    /// When a commit counts as done.
    pub synchronous: Synchronous,
    /// The most connections that read at once; each has a thread.
    pub readers: u32,
    /// The most rows that may wait to be written before promises are refused with
    /// [`StoreError::Overloaded`]. Writes that no task waits for are still taken (see [`Writer`]).
    pub queue: usize,
    /// The most rows that may wait before call records go to the log instead.
    pub notes: usize,
    /// The most rows of one transaction.
    pub batch: usize,
    /// The least time between two transactions. The first write after a quiet spell never waits.
    pub pause: Duration,
    /// How long a row that matters only if the process is killed (a call was answered, calls go on) waits for other
    /// rows, to share their transaction.
    pub linger: Duration,
    /// The longest time between two attempts while the disk is full or the database locked; the first
    /// retry comes after a sixteenth of it.
    pub retry: Duration,
    /// How often a write is tried again at [`Store::close`] before its loss is reported.
    pub last_attempts: u32,
    /// The database is checked for damage at the start while its file is smaller than this, in bytes.
    pub check_below: u64,
    /// The most bytes the database file may take; `None` for as much as the disk has.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(2),
            synchronous: Synchronous::Full,
            readers: 4,
            queue: 65_536,
            notes: 131_072,
            batch: 1024,
            pause: Duration::from_millis(20),
            linger: Duration::from_millis(200),
            retry: Duration::from_secs(1),
            last_attempts: 3,
            check_below: 256 << 20,
            max_bytes: None,
        }
    }
}

/// The open database. Clones are handles to the same one.
#[derive(Clone)]
pub struct Store {
    pub(crate) read: SqlitePool,
    pub(crate) write: Arc<WriteHalf>,
    writer: Writer,
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, checks it and brings its schema up to
    /// date. Must be called within a tokio runtime with its timers on; the writer is a task of it.
    ///
    /// # Errors
    /// One line each: in use by another process, not writable, not a database, damaged, of a newer
    /// schema, disk full.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let lock = lock(path)?;
        let write = Arc::new(WriteHalf::new(path, &options, lock));
        write.prepare(&options).await?;
        let reading = write.connect.clone().pragma("query_only", "ON");
        let read = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .test_before_acquire(false)
            .connect_lazy_with(reading);
        let writer = Writer::start(write.clone(), &options);
        Ok(Self { read, write, writer })
    }

    /// The handle for what calls and registrations of a SIP domain write.
    pub fn writer(&self, domain: &str) -> Writer {
        self.writer.of(domain)
    }

    /// Changes [`Options::max_bytes`] from the next transaction on.
    pub async fn set_max_bytes(&self, max_bytes: Option<u64>) {
        self.write
            .max_bytes
            .store(max_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
        // The limit belongs to the connection: the next write opens a new one.
        *self.write.connection.lock().await = None;
    }

    /// Writes everything that waits and closes the database. Writes that come later fail with
    /// [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError::Unsaved`] if some of it could not be written; the log has what it was.
    pub async fn close(self) -> Result<(), StoreError> {
        let written = self.writer.stop().await;
        self.read.close().await;
        let mut connection = self.write.connection.lock().await;
        self.write.closed.store(true, Ordering::Relaxed);
        if let Some(mut open) = connection.take() {
            // This leaves one file behind. If it fails, SQLite does it at the next start.
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut open).await;
            let _ = open.close().await;
        }
        written
    }

    /// The contacts of a domain that are bound at `now` (microseconds since the Unix epoch), by id.
    /// Those that ended before are removed from the disk.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn load_bindings(&self, domain: &str, now: i64) -> Result<Vec<Binding>, StoreError> {
        bindings::load(self, domain, now).await
    }

    /// A secret of 32 bytes that is the same after a restart: that which the domain has under this name, or `fresh` where it
    /// has none so far.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn key(&self, domain: &str, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        tokens::key(self, domain, name, fresh).await
    }

    /// The subscriptions of a domain that last at `now` (microseconds since the Unix epoch), by id. Those that ended
    /// before, and those of extensions and devices that are gone, are removed from the disk.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn load_subscriptions(&self, domain: &str, now: i64) -> Result<Vec<Subscription>, StoreError> {
        subscriptions::load(self, domain, now).await
    }

    /// The messages that a domain keeps for phones that are away, the oldest first. Those that have expired at `now`
    /// (microseconds since the Unix epoch), and those of extensions that are no more, are removed from the disk.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn load_messages(&self, domain: &str, now: i64) -> Result<Vec<KeptMessage>, StoreError> {
        messages::load(self, domain, now).await
    }

    /// How many messages a domain keeps for an extension, and since when.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn count_messages(&self, domain: &str, number: &str) -> Result<messages::KeptCount, StoreError> {
        messages::count(self, domain, number).await
    }

    /// Keeps an admin token's SHA-256 under a name; one of that name in the domain is replaced.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a name that is too long or not printable.
    pub async fn put_token(&self, domain: &str, name: &str, hash: [u8; 32], now: i64) -> Result<(), StoreError> {
        tokens::put(self, domain, name, hash, now).await
    }

    /// The hashes of a domain's admin tokens, by name.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn tokens(&self, domain: &str) -> Result<Vec<Token>, StoreError> {
        tokens::list(self, domain).await
    }

    /// Removes an admin token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn remove_token(&self, domain: &str, name: &str) -> Result<(), StoreError> {
        tokens::remove(self, domain, name).await
    }

    /// The trunks of a domain.
    pub const fn trunks<'a>(&'a self, domain: &'a str) -> Trunks<'a> {
        Trunks { store: self, domain }
    }

    /// Every domain that has extensions.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn domains(&self) -> Result<Vec<String>, StoreError> {
        tokens::domains(self).await
    }

    /// Makes all of these extensions, each as [`Store::create_extension`] does; or, if one line is at
    /// fault, none. A dry run tells what would happen.
    ///
    /// # Errors
    /// The error of SQLite. Faults of lines are in the report.
    pub async fn import_extensions(
        &self,
        domain: &str,
        lines: &[NewExtension],
        dry_run: bool,
        now: i64,
    ) -> Result<ImportReport, StoreError> {
        import::import(self, domain, lines, dry_run, now).await
    }

    /// Recordings, newest first. `limit` is held between 1 and [`crate::MAX_PAGE`]. With a number or a text a page ends where
    /// [`RecordingFilter::most`] were looked at: it may hold fewer than `limit`, or none, and still be followed by another.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    pub async fn recordings(
        &self,
        domain: &str,
        filter: &RecordingFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredRecording>, StoreError> {
        recordings::list(self, domain, filter, limit, cursor).await
    }

    /// One recording.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn recording(&self, domain: &str, id: RecordingUid) -> Result<StoredRecording, StoreError> {
        recordings::one(self, domain, id).await
    }

    /// The recordings of a domain that have no end, oldest first. At the start, before any call, a crash has cut them
    /// off.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn recordings_in_progress(&self, domain: &str) -> Result<Vec<Recording>, StoreError> {
        recordings::in_progress(self, domain).await
    }

    /// Forgets a recording. Its file is the caller's to remove, before this.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn remove_recording(&self, domain: &str, id: RecordingUid) -> Result<(), StoreError> {
        recordings::remove(self, domain, id).await
    }

    pub(crate) fn error(&self, error: &sqlx::Error) -> StoreError {
        from_sqlx(&self.write.path, error)
    }
}

/// The one connection that writes, and the turn to use it.
pub(crate) struct WriteHalf {
    pub(crate) path: String,
    connect: SqliteConnectOptions,
    connection: Mutex<Option<SqliteConnection>>,
    max_bytes: AtomicU64,
    closed: AtomicBool,
    _lock: File,
}

impl WriteHalf {
    fn new(path: &Path, options: &Options, lock: File) -> Self {
        let synchronous = match options.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(options.busy_timeout)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .pragma("temp_store", "MEMORY")
            .pragma("journal_size_limit", "67108864")
            .statement_cache_capacity(128)
            .thread_name(|id| format!("store-{id}"));
        Self {
            path: path.display().to_string(),
            connect: sqlx::ConnectOptions::disable_statement_logging(connect),
            connection: Mutex::new(None),
            max_bytes: AtomicU64::new(options.max_bytes.unwrap_or(u64::MAX)),
            closed: AtomicBool::new(false),
            _lock: lock,
        }
    }

    /// Checks the file and brings its schema up to date.
    async fn prepare(&self, options: &Options) -> Result<(), StoreError> {
        let size = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let mut turn = self.turn().await?;
        let connection = turn.connection();
        let ours = is_ours(connection).await.map_err(|e| from_sqlx(&self.path, &e))?;
        if !ours {
            return Err(StoreError::NotADatabase(self.path.clone()));
        }
        if size < options.check_below {
            let reason: String = sqlx::query_scalar("PRAGMA quick_check(1)")
                .fetch_one(&mut *connection)
                .await
                .map_err(|e| from_sqlx(&self.path, &e))?;
            if reason != "ok" {
                return Err(StoreError::Damaged {
                    path: self.path.clone(),
                    reason: reason.replace('\n', "; "),
                });
            }
        }
        MIGRATIONS
            .run(&mut *connection)
            .await
            .map_err(|e| from_migrate(&self.path, &e))?;
        turn.keep();
        drop(turn);
        let mut write = self.begin().await?;
        bindings::remove_orphans(write.connection())
            .await
            .map_err(|e| from_sqlx(&self.path, &e))?;
        write.commit().await
    }

    /// Waits for the connection, and opens it where there is none.
    async fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let mut slot = self.connection.lock().await;
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Closed);
        }
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.open_connection().await.map_err(|e| from_sqlx(&self.path, &e))?,
        };
        Ok(Turn {
            slot,
            connection: Some(connection),
            half: self,
        })
    }

    async fn open_connection(&self) -> Result<SqliteConnection, sqlx::Error> {
        let mut connection = SqliteConnection::connect_with(&self.connect).await?;
        let max_bytes = self.max_bytes.load(Ordering::Relaxed);
        if max_bytes != u64::MAX {
            let page: i64 = sqlx::query_scalar("PRAGMA page_size")
                .fetch_one(&mut connection)
                .await?;
            // The file never has less room than it takes already; 0 would ask for the limit instead.
            let pages = (max_bytes / page.max(512).unsigned_abs()).max(1);
            let limit = format!("PRAGMA max_page_count = {pages}");
            sqlx::query(sqlx::AssertSqlSafe(limit))
                .persistent(false)
                .execute(&mut connection)
                .await?;
        }
        Ok(connection)
    }

    /// Waits for the turn to write and begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Turn<'_>, StoreError> {
        let mut turn = self.turn().await?;
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(turn.connection()).await;
        begun.map_err(|e| from_sqlx(&self.path, &e))?;
        Ok(turn)
    }
}

/// A task's turn to write. Dropped without [`Turn::commit`] or [`Turn::roll_back`] (an error, a
/// request that was given up), it closes the connection, and with it goes the transaction.
pub(crate) struct Turn<'a> {
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    connection: Option<SqliteConnection>,
    half: &'a WriteHalf,
}

impl Turn<'_> {
    #[expect(clippy::expect_used, reason = "only keep takes it, at the end of a turn")]
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a turn has its connection")
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    pub(crate) async fn roll_back(mut self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let ended = sqlx::query(statement).execute(self.connection()).await;
        ended.map_err(|e| from_sqlx(&self.half.path, &e))?;
        self.keep();
        Ok(())
    }

    fn keep(&mut self) {
        *self.slot = self.connection.take();
    }
}

/// A new database, or one that a Tandem made.
async fn is_ours(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '%sqlx_migrations%'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut *connection).await?;
    Ok(id == APPLICATION_ID || (id == 0 && tables == 0))
}

/// Locks the file beside the database that marks it as in use. The system unlocks the file when the
/// process ends, however it ends.
fn lock(path: &Path) -> Result<File, StoreError> {
    let shown = path.display().to_string();
    let mut beside = PathBuf::from(path).into_os_string();
    beside.push(".lock");
    let failed = |error: io::Error| {
        let kind = error.kind();
        if matches!(
            kind,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        ) {
            StoreError::ReadOnly(shown.clone())
        } else if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            StoreError::DiskFull(shown.clone())
        } else {
            StoreError::CannotOpen {
                path: shown.clone(),
                reason: error.to_string(),
            }
        }
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(shown)),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
