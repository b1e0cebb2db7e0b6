//! Certificates, and whom Tandem believes: all that TLS needs before a connection begins.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Security`]: what both directions of TLS use, taken anew when files change | all of [`Security`], [`Files`] |
//! | `certificates.rs` | reads PEM files; makes the self-signed pair of the first start | none |
//! | `names.rs` | whether a certificate is that of the host that a URI names (RFC 5922) | all of `ByName` |

mod certificates;
mod names;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
    client::ResolvesClientCert,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
    server::{ClientHello, NoClientAuth, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

pub use self::certificates::make_self_signed;

/// Where certificates are, all PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Ours, with those between it and its root; `None`: a self-signed one.
    pub certificate: Option<PathBuf>,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: Option<PathBuf>,
    /// Authorities that are believed beside those of the system, where Tandem opens a connection.
    pub authorities: Option<PathBuf>,
    /// Authorities of the certificates that peers which connect have to show; `None`: none is asked for.
    pub clients: Option<PathBuf>,
}

/// What is wrong with a certificate or a key.
#[derive(Debug, thiserror::Error)]
#[error("{setting} = {path:?}: {reason}")]
pub struct TlsError {
    setting: &'static str,
    path: String,
    reason: String,
}

impl TlsError {
    fn new(setting: &'static str, path: &Path, reason: impl std::fmt::Display) -> Self {
        Self {
            setting,
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

/// Our certificate, and what both directions of TLS use. A connection keeps what it began with.
pub struct Security {
    certificate: PathBuf,
    key: PathBuf,
    ours: Arc<Ours>,
    /// When the files last changed, as far as they were looked at.
    seen: RwLock<Option<(SystemTime, SystemTime)>>,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// The certificate in use.
#[derive(Debug)]
struct Ours(RwLock<Arc<CertifiedKey>>);

impl Ours {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Ours {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl ResolvesClientCert for Ours {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Security {
    /// Reads all files. `data` holds the self-signed pair (see [`make_self_signed`]) where no certificate is named.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate or key, or the key is another certificate's.
    pub fn load(files: &Files, data: &Path) -> Result<Self, TlsError> {
        let (certificate, key) = certificates::places(files, data);
        let provider = Arc::new(ring::default_provider());
        let seen = changed(&certificate, &key);
        let ours = certificates::read_pair(&provider, &certificate, &key)?;
        let ours = Arc::new(Ours(RwLock::new(Arc::new(ours))));
        let server = server(&provider, files.clients.as_deref(), Arc::clone(&ours))?;
        let roots = certificates::roots(files.authorities.as_deref())?;
        let client =
            client(&provider, roots, files.certificate.is_some().then(|| Arc::clone(&ours))).map_err(|error| {
                let path = files.authorities.as_deref().unwrap_or(Path::new("the system's"));
                TlsError::new("tls_ca", path, error)
            })?;
        Ok(Self {
            certificate,
            key,
            ours,
            seen: RwLock::new(seen),
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }

    /// Reads the certificate and its key again if the files have changed since, or if `anyway`. Connections go on as they
    /// began; new ones get the new certificate. Returns whether there is a new one.
    ///
    /// # Errors
    /// As for [`Security::load`]; then the certificate in use stays.
    pub fn reload(&self, anyway: bool) -> Result<bool, TlsError> {
        let now = changed(&self.certificate, &self.key);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        // Between the two halves of a replacement a file may be missing for a moment.
        if !anyway && (now == *seen || now.is_none()) {
            return Ok(false);
        }
        *seen = now;
        let provider = self.server.crypto_provider();
        let pair = certificates::read_pair(provider, &self.certificate, &self.key)?;
        *self.ours.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        Ok(true)
    }

    /// The certificate's file, for the log.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// For a connection that a peer has opened.
    pub(super) fn accept(&self) -> Result<rustls::Connection, rustls::Error> {
        Ok(ServerConnection::new(Arc::clone(&self.server))?.into())
    }

    /// For a connection to the host `name`, which has to prove that name (RFC 5922 section 7.3).
    pub(super) fn connect(&self, name: &str) -> Result<rustls::Connection, rustls::Error> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| rustls::Error::General(format!("no certificate can be for {name:?}")))?;
        Ok(ClientConnection::new(Arc::clone(&self.client), name)?.into())
    }
}

fn changed(certificate: &Path, key: &Path) -> Option<(SystemTime, SystemTime)> {
    let of = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    Some((of(certificate)?, of(key)?))
}

/// rustls speaks TLS 1.2 and 1.3 only, and refuses to renegotiate.
fn server(provider: &Arc<CryptoProvider>, clients: Option<&Path>, ours: Arc<Ours>) -> Result<ServerConfig, TlsError> {
    let (setting, path) = ("tls_client_ca", clients.unwrap_or(Path::new("")));
    let fault = |error: &dyn std::fmt::Display| TlsError::new(setting, path, error);
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        None => Arc::new(NoClientAuth),
        Some(_) => {
            let mut roots = RootCertStore::empty();
            certificates::add(&mut roots, setting, path)?;
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| fault(&error))?
        }
    };
    let mut server = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(ours);
    // A phone that comes back is spared most of the handshake; the phone keeps the ticket, so it takes no memory here.
    server.ticketer = ring::Ticketer::new().map_err(|error| fault(&error))?;
    server.send_tls13_tickets = 1;
    Ok(server)
}

fn client(
    provider: &Arc<CryptoProvider>,
    roots: RootCertStore,
    ours: Option<Arc<Ours>>,
) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let verifier = names::ByName::new(roots, Arc::clone(provider))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    // A self-signed certificate proves nothing to a peer, and some end the handshake for it.
    Ok(match ours {
        Some(ours) => builder.with_client_cert_resolver(ours),
        None => builder.with_no_client_auth(),
    })
}
