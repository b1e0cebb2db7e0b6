//! Certificates and keys in PEM files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{Files, TlsError};

/// How long the self-signed certificate lasts.
const YEARS: i32 = 20;

/// The files of our certificate and its key.
pub(super) fn places(files: &Files, data: &Path) -> (PathBuf, PathBuf) {
    match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        // One file may hold both.
        (Some(both), None) => (both.clone(), both.clone()),
        (None, _) => (data.join("tls-cert.pem"), data.join("tls-key.pem")),
    }
}

/// Makes a self-signed certificate for `names` (DNS names and addresses) in `data`, unless there is one or a certificate
/// is named in `files`. Its key can be read by its owner only. Returns whether it was made.
///
/// `year`: the present one.
///
/// # Errors
/// A file cannot be written, or a name cannot stand in a certificate.
pub fn make_self_signed(files: &Files, data: &Path, names: &[String], year: i16) -> Result<bool, TlsError> {
    let (certificate, key) = places(files, data);
    if files.certificate.is_some() || (certificate.exists() && key.exists()) {
        return Ok(false);
    }
    let fault = |error: &dyn std::fmt::Display| TlsError::new("data", data, error);
    let pair = KeyPair::generate().map_err(|error| fault(&error))?;
    let mut parameters = CertificateParams::new(names).map_err(|error| fault(&error))?;
    let name = names.first().map_or("tandem", String::as_str);
    parameters.distinguished_name.push(DnType::CommonName, name);
    // The day before may be the present one elsewhere.
    parameters.not_before = date_time_ymd(i32::from(year) - 1, 1, 1);
    parameters.not_after = date_time_ymd(i32::from(year) + YEARS, 1, 1);
    let signed = parameters.self_signed(&pair).map_err(|error| fault(&error))?;
    fs::create_dir_all(data).map_err(|error| fault(&error))?;
    write(&key, &pair.serialize_pem(), 0o600).map_err(|error| fault(&error))?;
    write(&certificate, &signed.pem(), 0o644).map_err(|error| fault(&error))?;
    Ok(true)
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // One of an attempt that was cut off may have other permissions.
    let _ = fs::remove_file(path);
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A certificate with its chain, and its key.
pub(super) fn read_pair(
    provider: &Arc<CryptoProvider>,
    certificate: &Path,
    key: &Path,
) -> Result<CertifiedKey, TlsError> {
    let chain = read(("tls_cert", certificate))?;
    let fault = |error: &dyn std::fmt::Display| TlsError::new("tls_key", key, error);
    // The text of the fault names no content of the file.
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(&error))?;
    let pair = CertifiedKey::from_der(chain, secret, provider);
    pair.map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            fault(&"this is the key of another certificate")
        } else {
            fault(&error)
        }
    })
}

/// All certificates of a file; at least one.
fn read((setting, path): (&'static str, &Path)) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |error: &dyn std::fmt::Display| TlsError::new(setting, path, error);
    let items = CertificateDer::pem_file_iter(path).map_err(|error| fault(&error))?;
    let chain: Result<Vec<_>, _> = items.collect();
    let chain = chain.map_err(|error| fault(&error))?;
    if chain.is_empty() {
        return Err(fault(&"there is no certificate in this file"));
    }
    Ok(chain)
}

/// Adds the authorities of a file.
pub(super) fn add(roots: &mut RootCertStore, setting: &'static str, path: &Path) -> Result<(), TlsError> {
    for certificate in read((setting, path))? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::new(setting, path, error))?;
    }
    Ok(())
}

/// The authorities of the system and those of `more`.
pub(super) fn roots(more: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::debug!(%error, "certificates of the system");
    }
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if unusable > 0 {
        tracing::debug!(unusable, "certificates of the system");
    }
    if let Some(path) = more {
        add(&mut roots, "tls_ca", path)?;
    }
    Ok(roots)
}
