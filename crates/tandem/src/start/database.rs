//! The database at start: opened, filled on the first start, read into the switch.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use admin::Vault;
use sip::digest::Ha1Pair;
use store::{LogOn, NewExtension, Options, Store};
use switch::{AccountChange, Extension, Ha1, Input};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{StartError, recordings};
use crate::config::Config;

/// The extensions a first start makes.
const DEMO: [&str; 2] = ["101", "102"];
/// The name of the admin token in the database, generated or given.
const TOKEN: &str = "admin";

/// Secrets that a first start made, to be shown once.
#[derive(Default)]
pub(super) struct Made {
    /// Numbers and passwords.
    pub(super) extensions: Vec<(String, String)>,
    /// The admin token.
    pub(super) token: Option<String>,
}

/// Where the database is.
pub(super) fn path(config: &Config) -> PathBuf {
    config.data.join("tandem.db")
}

/// Makes the data folder where there is none. Only its owner may look into it.
pub(super) fn make_folder(folder: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| StartError::Folder {
        key: "data",
        path: folder.display().to_string(),
        source,
    })
}

/// Opens the database, and makes it where there is none; its writer runs on `keeper`.
pub(super) async fn open(config: &Config, keeper: &Handle) -> Result<Store, StartError> {
    make_folder(&config.data)?;
    let path = path(config);
    // It holds hashes of passwords: only its owner may read it, in whatever folder. Where this fails,
    // opening it says why.
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    // The tasks that opening starts belong to the runtime that it is called on.
    let keeper = keeper.clone();
    let opened = spawn_blocking(move || keeper.block_on(Store::open(path, Options::default()))).await;
    Ok(opened.map_err(|_| StartError::Ended("opening the database"))??)
}

/// Makes what a first start makes, and sets the token that was given.
pub(super) async fn first_start(store: &Store, config: &Config, now: i64) -> Result<Made, StartError> {
    let mut made = Made::default();
    let domains = store.domains().await?;
    let tokens = store.tokens(&config.domain).await?;
    if tokens.is_empty() && domains.is_empty() && config.demo {
        for number in DEMO {
            let password = admin::generate_password().map_err(StartError::random)?;
            let new = NewExtension {
                extension: Extension {
                    number: number.into(),
                    name: format!("Phone {number}"),
                    ..Extension::default()
                },
                ha1: hash(&config.domain, number, &password),
                require_qop: false,
                transcode: records::Transcode::Auto,
                dtmf: records::Dtmf::Auto,
            };
            store.create_extension(&config.domain, &new, now).await?;
            made.extensions.push((number.into(), password));
        }
    } else if !domains.is_empty() && !domains.contains(&config.domain) {
        // Digest hashes hold the realm (RFC 7616 3.4.2), so no phone could register.
        tracing::warn!(domain = config.domain, kept = %domains.join(", "), "no extensions in this domain");
    }
    if let Some(token) = &config.http.admin_token {
        let hash = admin::hash_token(token.reveal());
        store.put_token(&config.domain, TOKEN, hash, now).await?;
    } else if tokens.is_empty() {
        let token = admin::generate_token().map_err(StartError::random)?;
        store
            .put_token(&config.domain, TOKEN, admin::hash_token(&token), now)
            .await?;
        made.token = Some(token);
    }
    Ok(made)
}

/// What seals the passwords of trunks: the key lies beside the database.
fn vault(config: &Config) -> Result<Vault, StartError> {
    let path = config.data.join("trunks.key");
    Vault::open(&path).map_err(|source| StartError::Folder {
        key: "data",
        path: path.display().to_string(),
        source,
    })
}

/// The digest hashes of a password.
pub(super) fn hash(realm: &str, username: &str, password: &str) -> Ha1 {
    let Ha1Pair { md5, sha256 } = Ha1Pair::new(username, realm, password);
    Ha1 { md5, sha256 }
}

/// The first inputs of the switch, before any message: accounts, then bindings, then subscriptions, messages and trunks; and what
/// opens the passwords of trunks. Calls that were cut off when
/// the last process ended get the end of their records, and so do recordings.
pub(super) async fn load(store: &Store, config: &Config, now: i64) -> Result<(Vec<Input>, Arc<Vault>), StartError> {
    let vault = Arc::new(vault(config)?);
    let domain = &config.domain;
    let interrupted = store.close_interrupted(now).await?;
    if interrupted > 0 {
        tracing::warn!(calls = interrupted, "closed the records of calls that were interrupted");
    }
    recordings::close_interrupted(store, config).await?;
    let accounts = store.load_accounts(domain).await?;
    let log_ons = store.load_log_ons(domain).await?;
    let bindings = store.load_bindings(domain, now).await?;
    let subscriptions = store.load_subscriptions(domain, now).await?;
    let messages = store.load_messages(domain, now).await?;
    tracing::info!(
        extensions = accounts.len(),
        contacts = bindings.len(),
        subscriptions = subscriptions.len(),
        messages = messages.len(),
        "loaded"
    );
    let accounts = accounts.iter().flat_map(admin::account_changes).map(Input::Account);
    let log_on = |LogOn { username, extension }| Input::Account(AccountChange::LogOn { username, extension });
    let accounts = accounts.chain(log_ons.into_iter().map(log_on));
    let bindings = bindings.into_iter().map(Input::Restored);
    let subscriptions = subscriptions
        .into_iter()
        .map(|row| Input::RestoredSubscription(Box::new(row)));
    let messages = messages.into_iter().map(Box::new).map(Input::RestoredMessage);
    let trunks = admin::trunk_changes(store, domain, &vault)
        .await?
        .into_iter()
        .map(Input::Trunk);
    let all = accounts
        .chain(bindings)
        .chain(subscriptions)
        .chain(messages)
        .chain(trunks);
    Ok((all.collect(), vault))
}

/// Whether the folder, or the folder that it would be made in, can be written.
pub(super) fn is_writable(folder: &Path) -> io::Result<()> {
    let there = folder
        .ancestors()
        .find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let there = there
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let probe = there.join(format!(".tandem-check-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    std::fs::remove_file(probe)
}
