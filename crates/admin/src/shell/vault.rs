//! Passwords that have to be known again: those of trunks. They are sealed on disk.

use std::{
    fs::OpenOptions,
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use chacha20poly1305::{
    ChaCha20Poly1305, Key, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};

/// Octets of the key, and of the nonce before each sealed text (RFC 8439).
const KEY: usize = 32;
const NONCE: usize = 12;

/// Seals and opens passwords with the key of a file, which is not in the database: a copy of the database alone tells no
/// password. No `Debug`, since it holds the key.
pub struct Vault(ChaCha20Poly1305);

impl Vault {
    /// With the key of this file, which is made where there is none, for its owner alone.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut key = [0; KEY];
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                getrandom::fill(&mut key).map_err(io::Error::other)?;
                file.write_all(&key)?;
                file.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut file = OpenOptions::new().read(true).open(path)?;
                let mut kept = Vec::new();
                Read::by_ref(&mut file).take(1_024).read_to_end(&mut kept)?;
                let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "it holds no key of 32 bytes");
                key = kept.try_into().map_err(wrong)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self::with(key))
    }

    /// With this key.
    pub fn with(key: [u8; KEY]) -> Self {
        Self(ChaCha20Poly1305::new(&Key::from(key)))
    }

    /// Seals a password for this place: it can be opened nowhere else.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn seal(&self, place: &str, password: &str) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let payload = Payload {
            msg: password.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self.0.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| io::Error::other("a password could not be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// The password that was sealed for this place; `None` with another key, for another place, or if it was changed.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let opened = self.0.decrypt(&Nonce::from(*nonce), payload).ok()?;
        String::from_utf8(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_is_opened_by_its_key_in_its_place_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunks.key");
        let sealed = Vault::open(&path).unwrap().seal("a", "hunter2").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        let again = Vault::open(&path).unwrap();
        assert_eq!(again.unseal("a", &sealed).as_deref(), Some("hunter2"));
        assert_eq!(again.unseal("b", &sealed), None);
        assert_ne!(
            again.seal("a", "hunter2").unwrap(),
            sealed,
            "each time with another nonce"
        );
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(again.unseal("a", &changed), None, "{at}");
        }
        assert_eq!(again.unseal("a", b"short"), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Vault::open(&path).unwrap().unseal("a", &sealed), None, "another key");
        std::fs::write(&path, b"junk").unwrap();
        assert!(Vault::open(&path).is_err());
    }
}
