//! Types that the store takes and gives besides the plain [`records`].

use records::{Cdr, Device, Dtmf, Extension, Ha1, LegQuality, SettingsPatch, Transcode, is_number};

use crate::StoreError;

/// An extension with its devices, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The extension.
    pub extension: Extension,
    /// Its devices, by user name.
    pub devices: Vec<Device>,
    /// True if it has a PIN, with which people log on to other phones.
    pub has_pin: bool,
    /// When the extension was made, microseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last changed, microseconds since the Unix epoch; later with each change, so that this time names
    /// the version that was read.
    pub updated_at: i64,
}

/// An extension to make. Its one device gets the number as its user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExtension {
    /// The extension; its name has at most [`MAX_TEXT`] bytes.
    pub extension: Extension,
    /// The device's secret, hashed with the number as user name.
    pub ha1: Ha1,
    /// True if its device must answer challenges with qop.
    pub require_qop: bool,
    /// Whether Tandem may change the codec of its device's audio.
    pub transcode: Transcode,
    /// How its device gets keys, and sends keys.
    pub dtmf: Dtmf,
}

/// A change of an extension: `None` leaves a field as it is, `Some(None)` empties a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionPatch {
    /// Its name.
    pub name: Option<String>,
    /// Mailbox.
    pub voicemail: Option<bool>,
    /// What it wants done with its calls.
    pub settings: SettingsPatch,
    /// The hash of its PIN.
    pub pin: Option<Option<[u8; 32]>>,
    /// A new secret for the device whose user name is the number.
    pub ha1: Option<Ha1>,
    /// True if that device must answer challenges with qop.
    pub require_qop: Option<bool>,
    /// Whether Tandem may change the codec of that device's audio.
    pub transcode: Option<Transcode>,
    /// How that device gets keys, and sends keys.
    pub dtmf: Option<Dtmf>,
}

/// The longest name or setting key, in bytes.
pub const MAX_TEXT: usize = 256;

pub(crate) fn check_number(number: &str) -> Result<(), StoreError> {
    let reason = "1 to 32 of the characters A-Z a-z 0-9 * # + . _ -";
    is_number(number).then_some(()).ok_or(StoreError::Invalid {
        field: "number",
        reason,
    })
}

pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), StoreError> {
    let printable = text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
    printable.then_some(()).ok_or(StoreError::Invalid {
        field,
        reason: "at most 256 bytes without control characters",
    })
}

fn check_settings(settings: &SettingsPatch) -> Result<(), StoreError> {
    settings.check().map_err(|bad| StoreError::Invalid {
        field: bad.field,
        reason: bad.accepted,
    })
}

impl NewExtension {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let extension = &self.extension;
        check_number(&extension.number)?;
        check_text("name", &extension.name)?;
        check_settings(&SettingsPatch::all_of(extension))
    }
}

impl ExtensionPatch {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.name.as_deref().map_or(Ok(()), |name| check_text("name", name))?;
        check_settings(&self.settings)
    }

    /// True if the change concerns the device whose user name is the number.
    pub(crate) fn changes_device(&self) -> bool {
        self.ha1.is_some() || self.require_qop.is_some() || self.transcode.is_some() || self.dtmf.is_some()
    }

    pub(crate) fn apply_to_device(&self, device: &mut Device) {
        set(&mut device.ha1, self.ha1.as_ref());
        set(&mut device.require_qop, self.require_qop.as_ref());
        set(&mut device.transcode, self.transcode.as_ref());
        set(&mut device.dtmf, self.dtmf.as_ref());
    }

    pub(crate) fn apply(&self, account: &mut Account, now: i64) {
        let extension = &mut account.extension;
        set(&mut extension.name, self.name.as_ref());
        self.settings.apply(extension);
        set(&mut extension.voicemail, self.voicemail.as_ref());
        // Each change has a time of its own, also where the clock was set back: it names the version.
        account.updated_at = now.max(account.updated_at.saturating_add(1));
    }
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

/// A call detail record with its number in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCdr {
    /// Ascending; never used twice.
    pub id: i64,
    /// The record.
    pub cdr: Cdr,
    /// How the legs of the call sounded, in the order in which they ended; legs without sound are left out. A leg is
    /// added a moment after its end.
    pub quality: Vec<LegQuality>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
}

/// The hash of an admin token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Microseconds since the Unix epoch.
    pub created_at: i64,
}
