//! Changes of extensions, in the one right order: on disk, then in the switch, then the answer.

use std::{
    collections::HashMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use records::{Extension, Ha1, SettingsPatch};
use store::{Account, ExtensionPatch, ImportReport, LogOn, NewExtension, Store};
use switch::AccountChange;
use tokio::sync::Mutex;

use crate::{
    http::{
        problem::Problem,
        versions::{Conditions, Version},
    },
    model::now_micros,
    shell::{state::Hasher, switch_handle::SwitchHandle},
};

/// An extension to make, with its password in clear.
pub(crate) struct New {
    pub(crate) extension: Extension,
    pub(crate) require_qop: bool,
    pub(crate) transcode: records::Transcode,
    pub(crate) dtmf: records::Dtmf,
    pub(crate) password: String,
}

/// The only way to change an extension. Cheap to clone; all that have the same way to the switch make one change after
/// another.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    domain: Arc<str>,
    switch: SwitchHandle,
    hasher: Hasher,
    /// Wrong PINs in a row, and when the last one was typed.
    wrong_pins: Arc<Mutex<HashMap<String, (u32, Instant)>>>,
}

/// After so many wrong PINs in a row ...
const WRONG_PINS: u32 = 5;
/// ... an extension takes none for so long.
const PIN_PAUSE: Duration = Duration::from_secs(600);

/// What the switch is yet to be told. Only made from what the store gave back, so that nothing is
/// announced before it is durable; must be told, so that nothing is forgotten.
#[must_use]
struct Durable(Vec<AccountChange>);

impl Durable {
    fn stored(account: &Account) -> Self {
        Self(account_changes(account))
    }

    fn logged_on(changes: Vec<LogOn>) -> Self {
        let change = |LogOn { username, extension }| AccountChange::LogOn { username, extension };
        Self(changes.into_iter().map(change).collect())
    }

    fn removed(number: String) -> Self {
        Self(vec![AccountChange::RemoveExtension(number)])
    }
}

impl Accounts {
    /// For the extensions of this domain.
    pub fn new(store: Store, domain: Arc<str>, switch: SwitchHandle, hasher: Hasher) -> Self {
        Self {
            store,
            domain,
            switch,
            hasher,
            wrong_pins: Arc::default(),
        }
    }

    pub(crate) async fn create(&self, new: New) -> Result<Account, Problem> {
        let this = self.clone();
        self.to_its_end(async move {
            let new = NewExtension {
                ha1: this.hash(&new.extension.number, &new.password),
                extension: new.extension,
                require_qop: new.require_qop,
                transcode: new.transcode,
                dtmf: new.dtmf,
            };
            let account = this.store.create_extension(&this.domain, &new, now_micros()).await?;
            tracing::info!(number = account.extension.number, "extension created");
            this.tell(Durable::stored(&account)).await?;
            Ok(account)
        })
        .await
    }

    pub(crate) async fn update(
        &self,
        number: String,
        mut patch: ExtensionPatch,
        (password, pin): (Option<String>, Option<Option<String>>),
        conditions: Conditions,
    ) -> Result<Account, Problem> {
        let this = self.clone();
        self.to_its_end(async move {
            this.allow(&number, &conditions).await?;
            patch.pin = pin.map(|pin| pin.map(|pin| this.hash_pin(&number, &pin)));
            let new_password = password.is_some();
            patch.ha1 = password.map(|password| this.hash(&number, &password));
            let account = this
                .store
                .update_extension(&this.domain, &number, &patch, now_micros())
                .await?;
            tracing::info!(number, new_password, "extension changed");
            this.tell(Durable::stored(&account)).await?;
            Ok(account)
        })
        .await
    }

    /// An extension changes its own settings, by the dialplan. True once that is on disk and in force; the log says why
    /// it is not.
    pub async fn change_own(&self, number: String, settings: SettingsPatch) -> bool {
        let patch = ExtensionPatch {
            settings,
            ..ExtensionPatch::default()
        };
        let changed = self.update(number, patch, (None, None), Conditions::default()).await;
        if let Err(problem) = &changed {
            tracing::warn!(detail = problem.detail(), "an extension could not change its settings");
        }
        changed.is_ok()
    }

    /// A person logs on at the phone of this user name: it acts for that extension from now on, if the PIN is right.
    /// `None`: for its own again. True once that is on disk and in force. After `WRONG_PINS` wrong PINs in a row an
    /// extension takes none for `PIN_PAUSE`.
    pub async fn log_on(&self, username: String, wanted: Option<(String, String)>) -> bool {
        let this = self.clone();
        let done = self.to_its_end(async move {
            let number = match wanted {
                Some((number, pin)) if this.is_pin(&number, &pin).await? => Some(number),
                Some(_) => return Ok(false),
                None => None,
            };
            let account = this
                .store
                .account(&this.domain, number.as_deref().unwrap_or(&username))
                .await;
            // At the phone of its own extension a person is there already.
            let own = account.is_ok_and(|account| account.devices.iter().any(|device| device.username == username));
            let number = number.filter(|_| !own);
            let changes = this.store.log_on(&this.domain, &username, number.as_deref()).await?;
            tracing::info!(
                phone = username,
                number = number.as_deref().unwrap_or_default(),
                "logged on"
            );
            this.tell(Durable::logged_on(changes)).await?;
            Ok(true)
        });
        done.await.unwrap_or_else(|problem: Problem| {
            tracing::warn!(detail = problem.detail(), "a log-on was not possible");
            false
        })
    }

    async fn is_pin(&self, number: &str, pin: &str) -> Result<bool, Problem> {
        let mut wrong = self.wrong_pins.lock().await;
        if let Some((count, last)) = wrong.get(number)
            && *count >= WRONG_PINS
            && last.elapsed() < PIN_PAUSE
        {
            return Ok(false);
        }
        // An extension without a PIN is not remembered: there are as many entries as PINs at most.
        let Some(kept) = self.store.pin(&self.domain, number).await? else {
            return Ok(false);
        };
        if kept == self.hash_pin(number, pin) {
            wrong.remove(number);
            return Ok(true);
        }
        let entry = wrong.entry(number.to_owned()).or_insert((0, Instant::now()));
        *entry = (
            if entry.1.elapsed() < PIN_PAUSE { entry.0 + 1 } else { 1 },
            Instant::now(),
        );
        Ok(false)
    }

    /// The hash of a PIN. It is no digest secret of a phone, whose user names have no blank.
    fn hash_pin(&self, number: &str, pin: &str) -> [u8; 32] {
        self.hash(&format!("pin {number}"), pin).sha256
    }

    pub(crate) async fn delete(&self, number: String, conditions: Conditions) -> Result<(), Problem> {
        let this = self.clone();
        self.to_its_end(async move {
            this.allow(&number, &conditions).await?;
            this.store.delete_extension(&this.domain, &number).await?;
            tracing::info!(number, "extension removed");
            this.tell(Durable::removed(number)).await
        })
        .await
    }

    /// Checks that this version of an extension may be changed. Only within a turn: no other change comes in between.
    async fn allow(&self, number: &str, conditions: &Conditions) -> Result<(), Problem> {
        let account = self.store.account(&self.domain, number).await?;
        conditions.allow(Some(&Version::of_extension(&account)))
    }

    /// A dry run hashes nothing and changes nothing.
    pub(crate) async fn import(&self, lines: Vec<New>, dry_run: bool) -> Result<ImportReport, Problem> {
        let this = self.clone();
        self.to_its_end(async move {
            let new = |new: New| NewExtension {
                ha1: if dry_run {
                    no_ha1()
                } else {
                    this.hash(&new.extension.number, &new.password)
                },
                extension: new.extension,
                require_qop: new.require_qop,
                transcode: new.transcode,
                dtmf: new.dtmf,
            };
            let lines: Vec<_> = lines.into_iter().map(new).collect();
            let report = this
                .store
                .import_extensions(&this.domain, &lines, dry_run, now_micros())
                .await?;
            if report.applied {
                tracing::info!(extensions = lines.len(), "extensions imported");
                for line in &lines {
                    let account = this.store.account(&this.domain, &line.extension.number).await?;
                    this.tell(Durable::stored(&account)).await?;
                }
            }
            Ok(report)
        })
        .await
    }

    /// Runs a change in its turn and to its end, also when the client hangs up in the middle of it:
    /// a change that is on disk but unknown to the switch would last until the next start.
    async fn to_its_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.switch.turn.clone();
        let task = tokio::spawn(async move {
            let _turn = turn.lock().await;
            change.await
        });
        task.await.unwrap_or_else(|error| Err(Problem::internal(&error)))
    }

    async fn tell(&self, changes: Durable) -> Result<(), Problem> {
        for change in changes.0 {
            self.switch.account(change).await.map_err(|error| {
                tracing::warn!(%error, "an account change is stored but the switch was not told");
                Problem::unavailable("not_in_force", "it is stored, but not in force before the next start")
            })?;
        }
        Ok(())
    }

    fn hash(&self, number: &str, password: &str) -> Ha1 {
        (self.hasher)(number, password)
    }
}

fn no_ha1() -> Ha1 {
    Ha1 {
        md5: [0; 16],
        sha256: [0; 32],
    }
}

/// An account as the switch's table takes it: the extension, then its devices. The shell fills the
/// table with it at the start.
pub fn account_changes(account: &Account) -> Vec<AccountChange> {
    let devices = account.devices.iter().cloned().map(AccountChange::Device);
    std::iter::once(AccountChange::Extension(account.extension.clone()))
        .chain(devices)
        .collect()
}
