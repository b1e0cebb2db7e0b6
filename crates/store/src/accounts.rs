//! Extensions and their devices.

use records::{CallRules, Device, Dtmf, Extension, Ha1, NatPolicy, Transcode};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Account, ExtensionPatch, LogOn, MAX_PAGE, NewExtension, Page, Store, StoreError,
    phones::log_ons,
    rows::check_number,
    values::{parse_transport, transport_name},
};

impl Store {
    /// Makes an extension with one device, whose user name is the number.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Invalid`].
    pub async fn create_extension(&self, domain: &str, new: &NewExtension, now: i64) -> Result<Account, StoreError> {
        new.check()?;
        let mut write = self.write.begin().await?;
        let created = insert(write.connection(), domain, new, now)
            .await
            .map_err(|e| self.error(&e))?;
        if !created {
            write.roll_back().await?;
            return Err(StoreError::Exists(format!("extension {}", new.extension.number)));
        }
        let number = &new.extension.number;
        let account = fetch(write.connection(), domain, number)
            .await
            .map_err(|e| self.error(&e))?;
        write.commit().await?;
        account.ok_or_else(|| missing(number))
    }

    /// An extension and its devices.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn account(&self, domain: &str, number: &str) -> Result<Account, StoreError> {
        let mut connection = self.read.acquire().await.map_err(|e| self.error(&e))?;
        let account = fetch(&mut connection, domain, number)
            .await
            .map_err(|e| self.error(&e))?;
        account.ok_or_else(|| missing(number))
    }

    /// Changes an extension. Gives back what it is now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] (also where a change of its device finds none), [`StoreError::Invalid`].
    pub async fn update_extension(
        &self,
        domain: &str,
        number: &str,
        patch: &ExtensionPatch,
        now: i64,
    ) -> Result<Account, StoreError> {
        patch.check()?;
        let mut write = self.write.begin().await?;
        let found = fetch(write.connection(), domain, number)
            .await
            .map_err(|e| self.error(&e))?;
        let Some(mut account) = found else {
            write.roll_back().await?;
            return Err(missing(number));
        };
        patch.apply(&mut account, now);
        if patch.changes_device() {
            let Some(device) = account.devices.iter_mut().find(|device| device.username == number) else {
                write.roll_back().await?;
                return Err(StoreError::NotFound(format!("device {number}")));
            };
            patch.apply_to_device(device);
            put_sign_in(write.connection(), domain, device)
                .await
                .map_err(|e| self.error(&e))?;
        }
        put(write.connection(), domain, &account)
            .await
            .map_err(|e| self.error(&e))?;
        if let Some(pin) = &patch.pin {
            put_pin(write.connection(), domain, number, pin.as_ref())
                .await
                .map_err(|e| self.error(&e))?;
            account.has_pin = pin.is_some();
        }
        write.commit().await?;
        Ok(account)
    }

    /// Removes an extension with its devices and their contacts. Call records stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_extension(&self, domain: &str, number: &str) -> Result<(), StoreError> {
        let mut write = self.write.begin().await?;
        let delete = sqlx::query("DELETE FROM extensions WHERE domain = ? AND number = ?")
            .bind(domain)
            .bind(number);
        let deleted = delete.execute(write.connection()).await.map_err(|e| self.error(&e))?;
        write.commit().await?;
        if deleted.rows_affected() == 0 {
            Err(missing(number))
        } else {
            Ok(())
        }
    }

    /// Extensions with their devices, by number. `q` is looked for in number and name, whatever the case of ASCII letters;
    /// `limit` is held between 1 and [`MAX_PAGE`].
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    pub async fn extensions(
        &self,
        domain: &str,
        q: Option<&str>,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Account>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        cursor.map_or(Ok(()), |text| check_number(text).map_err(|_| StoreError::BadCursor))?;
        let list = "SELECT * FROM extensions WHERE domain = ?1 AND number > ?2 \
                    AND (?3 IS NULL OR number LIKE ?3 ESCAPE '\\' OR name LIKE ?3 ESCAPE '\\') ORDER BY number LIMIT ?4";
        let pattern = q.filter(|q| !q.is_empty()).map(like_pattern);
        let list = sqlx::query(list)
            .bind(domain)
            .bind(cursor.unwrap_or(""))
            .bind(pattern)
            .bind(i64::from(limit) + 1);
        let rows = list.fetch_all(&self.read).await.map_err(|e| self.error(&e))?;
        let more = rows.len() > limit as usize;
        let accounts = rows
            .iter()
            .take(limit as usize)
            .map(read_account)
            .collect::<Result<Vec<_>, _>>();
        let accounts = accounts.map_err(|e| self.error(&e))?;
        let devices = self.devices_of_each(domain, &accounts).await;
        let items = join(accounts, devices.map_err(|e| self.error(&e))?);
        let next_cursor = items.last().filter(|_| more).map(|last| last.extension.number.clone());
        Ok(Page { items, next_cursor })
    }

    /// Every extension of a domain with its devices, by number: what the switch's account table is
    /// filled with at the start.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn load_accounts(&self, domain: &str) -> Result<Vec<Account>, StoreError> {
        self.load(domain).await.map_err(|e| self.error(&e))
    }

    async fn load(&self, domain: &str) -> Result<Vec<Account>, sqlx::Error> {
        let mut connection = self.read.acquire().await?;
        let accounts = sqlx::query("SELECT * FROM extensions WHERE domain = ? ORDER BY number").bind(domain);
        let accounts = accounts.try_map(|row| read_account(&row));
        let accounts = accounts.fetch_all(&mut *connection).await?;
        let devices = sqlx::query("SELECT * FROM devices WHERE domain = ? ORDER BY extension, username").bind(domain);
        let devices = devices.try_map(|row| read_device(&row));
        Ok(join(accounts, devices.fetch_all(&mut *connection).await?))
    }

    /// The devices of these extensions, in the order of [`join`].
    async fn devices_of_each(&self, domain: &str, accounts: &[Account]) -> Result<Vec<Device>, sqlx::Error> {
        let mut list = sqlx::QueryBuilder::new("SELECT * FROM devices INDEXED BY devices_by_extension WHERE domain = ");
        list.push_bind(domain).push(" AND extension IN (");
        let mut numbers = list.separated(", ");
        for account in accounts {
            numbers.push_bind(account.extension.number.as_str());
        }
        list.push(") ORDER BY extension, username");
        let list = list.build().try_map(|row| read_device(&row));
        list.fetch_all(&self.read).await
    }

    /// Makes a device, or changes the one of that user name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such extension, [`StoreError::Exists`] if the user name is
    /// another extension's.
    pub async fn put_device(&self, domain: &str, device: &Device) -> Result<(), StoreError> {
        crate::rows::check_text("username", &device.username)?;
        let mut write = self.write.begin().await?;
        let found = fetch(write.connection(), domain, &device.extension)
            .await
            .map_err(|e| self.error(&e))?;
        if found.is_none() {
            write.roll_back().await?;
            return Err(missing(&device.extension));
        }
        let put = "INSERT INTO devices (domain, username, extension, ha1_md5, ha1_sha256, codecs, nat, transport, \
                   require_qop, transcode, dtmf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (domain, username) DO UPDATE SET \
                   ha1_md5 = excluded.ha1_md5, ha1_sha256 = excluded.ha1_sha256, codecs = excluded.codecs, \
                   nat = excluded.nat, transport = excluded.transport, require_qop = excluded.require_qop, \
                   transcode = excluded.transcode, dtmf = excluded.dtmf WHERE extension = excluded.extension";
        let put = sqlx::query(put)
            .bind(domain)
            .bind(&device.username)
            .bind(&device.extension)
            .bind(&device.ha1.md5[..])
            .bind(&device.ha1.sha256[..])
            .bind(device.codecs.join(","))
            .bind(device.nat.name())
            .bind(device.transport.map(transport_name))
            .bind(device.require_qop)
            .bind(device.transcode.name())
            .bind(device.dtmf.name());
        let touched = put.execute(write.connection()).await.map_err(|e| self.error(&e))?;
        if touched.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(StoreError::Exists(format!("device {}", device.username)));
        }
        write.commit().await
    }

    /// The hash of an extension's PIN, if it has one.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn pin(&self, domain: &str, number: &str) -> Result<Option<[u8; 32]>, StoreError> {
        log_ons::pin(self, domain, number).await
    }

    /// A device acts for this extension from now on, or for its own again. An extension acts on one foreign device at a
    /// time: the one before is given back. Returns what has changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such device or extension.
    pub async fn log_on(
        &self,
        domain: &str,
        username: &str,
        extension: Option<&str>,
    ) -> Result<Vec<LogOn>, StoreError> {
        log_ons::log_on(self, domain, username, extension).await
    }

    /// Every device that acts for another extension, by user name.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn load_log_ons(&self, domain: &str) -> Result<Vec<LogOn>, StoreError> {
        log_ons::load(self, domain).await
    }
}

/// Gives each account its devices. Both lists are in the order of numbers; a device whose extension is not in
/// the list is left out.
fn join(mut accounts: Vec<Account>, devices: Vec<Device>) -> Vec<Account> {
    let mut devices = devices.into_iter().peekable();
    for account in &mut accounts {
        let number = &account.extension.number;
        while devices.next_if(|device| device.extension < *number).is_some() {}
        while let Some(device) = devices.next_if(|device| device.extension == *number) {
            account.devices.push(device);
        }
    }
    accounts
}

fn missing(number: &str) -> StoreError {
    StoreError::NotFound(format!("extension {number}"))
}

/// `%text%` for LIKE, with its own signs taken literally.
pub(crate) fn like_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Inserts an extension and its device; false if either is there already.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    domain: &str,
    new: &NewExtension,
    now: i64,
) -> Result<bool, sqlx::Error> {
    let row = &new.extension;
    let extension = "INSERT INTO extensions (domain, number, name, dnd, forward_always, forward_busy, forward_no_answer, \
                     voicemail, forward_unreachable, no_answer_seconds, call_limit, pickup_group, music, \
                     reject_anonymous, hide_number, intercom, updated_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, \
                     ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17) ON CONFLICT (domain, number) DO NOTHING";
    let extension = bind_row(sqlx::query(extension).bind(domain), row).bind(now);
    if extension.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let device = "INSERT INTO devices (domain, username, extension, ha1_md5, ha1_sha256, require_qop, transcode, dtmf) \
                  VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (domain, username) DO NOTHING";
    let device = sqlx::query(device).bind(domain).bind(&row.number);
    let device = device.bind(&new.ha1.md5[..]).bind(&new.ha1.sha256[..]);
    let device = device
        .bind(new.require_qop)
        .bind(new.transcode.name())
        .bind(new.dtmf.name());
    Ok(device.execute(&mut *connection).await?.rows_affected() == 1)
}

/// True if a number is taken: by an extension, or by a device of another extension.
pub(crate) async fn is_taken(
    connection: &mut SqliteConnection,
    domain: &str,
    number: &str,
) -> Result<bool, sqlx::Error> {
    let taken = "SELECT EXISTS (SELECT 1 FROM extensions WHERE domain = ?1 AND number = ?2) \
                 OR EXISTS (SELECT 1 FROM devices WHERE domain = ?1 AND username = ?2)";
    sqlx::query_scalar(taken)
        .bind(domain)
        .bind(number)
        .fetch_one(connection)
        .await
}

/// Named, because SQLite would rather read all devices of the domain in the order of their names.
const DEVICES_OF: &str = "SELECT * FROM devices INDEXED BY devices_by_extension \
                          WHERE domain = ? AND extension = ? ORDER BY username";

async fn fetch(connection: &mut SqliteConnection, domain: &str, number: &str) -> Result<Option<Account>, sqlx::Error> {
    let extension = sqlx::query("SELECT * FROM extensions WHERE domain = ? AND number = ?")
        .bind(domain)
        .bind(number);
    let Some(extension) = extension.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let devices = sqlx::query(DEVICES_OF)
        .bind(domain)
        .bind(number)
        .fetch_all(&mut *connection)
        .await?;
    let mut account = read_account(&extension)?;
    account.devices = devices.iter().map(read_device).collect::<Result<_, _>>()?;
    Ok(Some(account))
}

type Write<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Gives a statement the fields of an extension, in the order of both statements that write them.
fn bind_row<'q>(statement: Write<'q>, row: &'q Extension) -> Write<'q> {
    let rules = &row.rules;
    statement
        .bind(&row.number)
        .bind(&row.name)
        .bind(row.dnd)
        .bind(row.forward_always.as_deref())
        .bind(row.forward_busy.as_deref())
        .bind(row.forward_no_answer.as_deref())
        .bind(row.voicemail)
        .bind(row.forward_unreachable.as_deref())
        .bind(rules.no_answer_seconds)
        .bind(rules.call_limit)
        .bind(rules.pickup_group.as_deref())
        .bind(rules.music.as_deref())
        .bind(rules.reject_anonymous)
        .bind(rules.hide_number)
        .bind(rules.intercom)
}

async fn put(connection: &mut SqliteConnection, domain: &str, account: &Account) -> Result<(), sqlx::Error> {
    let row = &account.extension;
    let update = "UPDATE extensions SET name = ?3, dnd = ?4, forward_always = ?5, forward_busy = ?6, \
                  forward_no_answer = ?7, voicemail = ?8, forward_unreachable = ?9, no_answer_seconds = ?10, \
                  call_limit = ?11, pickup_group = ?12, music = ?13, reject_anonymous = ?14, hide_number = ?15, \
                  intercom = ?16, updated_at = ?17 WHERE domain = ?1 AND number = ?2";
    let update = bind_row(sqlx::query(update).bind(domain), row).bind(account.updated_at);
    update.execute(connection).await.map(drop)
}

async fn put_pin(
    connection: &mut SqliteConnection,
    domain: &str,
    number: &str,
    pin: Option<&[u8; 32]>,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE extensions SET pin = ?3 WHERE domain = ?1 AND number = ?2");
    let update = update.bind(domain).bind(number).bind(pin.map(|pin| &pin[..]));
    update.execute(connection).await.map(drop)
}

/// The credentials of a device.
async fn put_sign_in(connection: &mut SqliteConnection, domain: &str, device: &Device) -> Result<(), sqlx::Error> {
    let update = "UPDATE devices SET ha1_md5 = ?3, ha1_sha256 = ?4, require_qop = ?5, transcode = ?6, dtmf = ?7 \
                  WHERE domain = ?1 AND username = ?2";
    let update = sqlx::query(update)
        .bind(domain)
        .bind(&device.username)
        .bind(&device.ha1.md5[..])
        .bind(&device.ha1.sha256[..])
        .bind(device.require_qop)
        .bind(device.transcode.name())
        .bind(device.dtmf.name());
    update.execute(connection).await.map(drop)
}

/// An account whose devices are yet to be read.
fn read_account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        extension: Extension {
            number: row.try_get("number")?,
            name: row.try_get("name")?,
            dnd: row.try_get("dnd")?,
            forward_always: row.try_get("forward_always")?,
            forward_busy: row.try_get("forward_busy")?,
            forward_no_answer: row.try_get("forward_no_answer")?,
            forward_unreachable: row.try_get("forward_unreachable")?,
            voicemail: row.try_get("voicemail")?,
            rules: CallRules {
                no_answer_seconds: row.try_get("no_answer_seconds")?,
                call_limit: row.try_get("call_limit")?,
                pickup_group: row.try_get("pickup_group")?,
                music: row.try_get("music")?,
                reject_anonymous: row.try_get("reject_anonymous")?,
                hide_number: row.try_get("hide_number")?,
                intercom: row.try_get("intercom")?,
            },
        },
        devices: Vec::with_capacity(1),
        has_pin: row.try_get::<Option<Vec<u8>>, _>("pin")?.is_some(),
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn read_device(row: &SqliteRow) -> Result<Device, sqlx::Error> {
    fn hash<const N: usize>(row: &SqliteRow, column: &str) -> Result<[u8; N], sqlx::Error> {
        let bytes: Vec<u8> = row.try_get(column)?;
        bytes
            .try_into()
            .map_err(|_| sqlx::Error::Decode(format!("{column} does not have {N} bytes").into()))
    }
    let codecs: String = row.try_get("codecs")?;
    let nat: String = row.try_get("nat")?;
    let transport: Option<String> = row.try_get("transport")?;
    let transcode: String = row.try_get("transcode")?;
    let dtmf: String = row.try_get("dtmf")?;
    Ok(Device {
        username: row.try_get("username")?,
        extension: row.try_get("extension")?,
        ha1: Ha1 {
            md5: hash(row, "ha1_md5")?,
            sha256: hash(row, "ha1_sha256")?,
        },
        codecs: codecs
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        nat: NatPolicy::parse(&nat).unwrap_or_default(),
        transport: transport.as_deref().and_then(parse_transport),
        require_qop: row.try_get("require_qop")?,
        transcode: Transcode::parse(&transcode).unwrap_or_default(),
        dtmf: Dtmf::parse(&dtmf).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::DEVICES_OF;
    use crate::{Options, Store};

    #[tokio::test]
    async fn the_devices_of_one_extension_are_found_without_a_look_at_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("tandem.db"), Options::default())
            .await
            .unwrap();
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {DEVICES_OF}")));
        let rows = explain.bind("d").bind("101").fetch_all(&store.read).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].ends_with("(domain=? AND extension=?)"), "{plan:?}");
    }
}
