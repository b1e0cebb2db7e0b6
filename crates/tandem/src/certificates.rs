//! The certificates of TLS: made at the first start, read, and taken anew when their files change.

use std::{path::Path, sync::Arc, time::Duration};

use switch::Listener;

use crate::{
    config::Config,
    net::{self, Security, TlsError},
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Reads the certificates where a listener or a setting asks for TLS. Makes a self-signed one where there is none,
/// and looks at the files from then on.
pub(crate) fn load(config: &Config) -> Result<Option<Arc<Security>>, TlsError> {
    if !wanted(config) {
        return Ok(None);
    }
    let year = jiff::Zoned::now().year();
    if net::make_self_signed(&config.sip.tls, &config.data, &names(config), year)? {
        let folder = config.data.display();
        tracing::warn!(%folder, "a self-signed certificate was made: phones have to be told to trust it, or see --tls-cert");
    }
    let security = read(config, &config.data)?;
    watch(Arc::clone(&security));
    Ok(Some(security))
}

/// The same without making anything: for `serve --check`.
pub(crate) fn check(config: &Config) -> Result<Option<Arc<Security>>, TlsError> {
    if !wanted(config) {
        return Ok(None);
    }
    let scratch = std::env::temp_dir().join(format!("tandem-check-{}", std::process::id()));
    let year = jiff::Zoned::now().year();
    let is_made = config.data.join("tls-cert.pem").exists();
    let data = if is_made { &config.data } else { &scratch };
    let security = net::make_self_signed(&config.sip.tls, data, &names(config), year).and_then(|_| read(config, data));
    // It is there only where it was made.
    let _ = std::fs::remove_dir_all(&scratch);
    security.map(Some)
}

fn read(config: &Config, data: &Path) -> Result<Arc<Security>, TlsError> {
    Ok(Arc::new(Security::load(&config.sip.tls, data)?))
}

fn wanted(config: &Config) -> bool {
    let under_tls = |listener: &Listener| listener.transport.is_secure();
    config.sip.listeners.iter().any(under_tls) || config.sip.tls != net::Files::default()
}

/// How phones may name this machine.
fn names(config: &Config) -> Vec<String> {
    let mut names = vec![config.domain.clone(), "localhost".to_owned()];
    let bound = config.sip.listeners.iter().map(|listener| listener.address.ip());
    let addresses = bound.filter(|ip| !ip.is_unspecified()).chain(config.advertise);
    for address in addresses.chain(net::public_addresses()) {
        let address = address.to_string();
        if !names.contains(&address) {
            names.push(address);
        }
    }
    names
}

/// Takes the certificate anew: `anyway`, or if its files have changed.
pub(crate) fn renew(security: Option<&Arc<Security>>, anyway: bool) {
    let Some(security) = security else { return };
    let certificate = security.certificate().display();
    match security.reload(anyway) {
        Ok(true) => tracing::info!(%certificate, "certificate taken anew; connections go on as they are"),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "certificate not taken; the last good one stays"),
    }
}

/// Looks at the files from time to time, as long as the runtime lives.
fn watch(security: Arc<Security>) {
    tokio::spawn(async move {
        let mut turns = tokio::time::interval(LOOK);
        loop {
            turns.tick().await;
            renew(Some(&security), false);
        }
    });
}
