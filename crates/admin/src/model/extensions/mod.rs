//! Extensions, as they are shown, made and changed.

mod kept;
mod settings;

use jiff::Timestamp;
pub(crate) use kept::KeptMessages;
use records::{CallRules, Dtmf, Transcode};
use serde::{Deserialize, Deserializer, Serialize};
pub(crate) use settings::Settings;
use utoipa::ToSchema;

use crate::model::secret::Shown;

/// An extension: a number that people dial.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "number": "101", "name": "Alice", "dnd": false, "forward_always": null, "forward_busy": null,
    "forward_no_answer": "102", "forward_unreachable": null, "voicemail": true, "require_qop": false,
    "transcode": "auto", "dtmf": "auto", "no_answer_seconds": 20, "call_limit": 2, "pickup_group": "sales", "music": null,
    "reject_anonymous": false, "hide_number": false, "intercom": true, "has_pin": false, "created_at": "2026-01-05T08:30:00Z", "updated_at": "2026-01-05T08:30:00Z"
}))]
pub(crate) struct Extension {
    /// Its number, which is also the user name of its phone.
    pub(crate) number: String,
    /// The name that its callees see.
    pub(crate) name: String,
    /// Do not disturb: calls get busy at once.
    pub(crate) dnd: bool,
    /// The target of all calls to the extension.
    #[schema(required = true)]
    pub(crate) forward_always: Option<String>,
    /// The target of calls while the extension is busy.
    #[schema(required = true)]
    pub(crate) forward_busy: Option<String>,
    /// The target of calls that are not answered.
    #[schema(required = true)]
    pub(crate) forward_no_answer: Option<String>,
    /// The target of calls while no phone of it can be reached.
    #[schema(required = true)]
    pub(crate) forward_unreachable: Option<String>,
    /// True if the extension has a mailbox.
    pub(crate) voicemail: bool,
    /// True if the phone must answer challenges with qop (RFC 7616). Otherwise an answer in the older form of
    /// RFC 2069 is accepted as well.
    pub(crate) require_qop: bool,
    /// Whether the codec of its calls is changed where its phone and the other party share none.
    pub(crate) transcode: Transcode,
    /// How its phone gets keys (DTMF), and sends keys.
    pub(crate) dtmf: Dtmf,
    /// What it wants done with its calls besides.
    #[serde(flatten)]
    pub(crate) rules: CallRules,
    /// True if it has a PIN, with which people log on to another phone.
    pub(crate) has_pin: bool,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}

/// An extension that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedExtension {
    /// The extension.
    #[serde(flatten)]
    pub(crate) extension: Extension,
    /// The generated password: only this answer shows it. Absent if the request gave a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "h7kqm2xw9tbn4rsa")]
    pub(crate) password: Option<Shown>,
}

/// An extension to make.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"number": "101", "name": "Alice"}))]
pub(crate) struct NewExtension {
    /// 1 to 32 of `A-Z a-z 0-9 * # + . _ -`.
    #[schema(pattern = "^[A-Za-z0-9*#+._-]{1,32}$", min_length = 1, max_length = 32)]
    pub(crate) number: String,
    /// The name that its callees see.
    #[serde(default)]
    #[schema(max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(crate) name: Option<String>,
    /// The password of its phone: at least 8 characters, not the number, not one of the commonest passwords.
    /// Without it a strong password is generated, and the answer shows it.
    #[serde(default)]
    #[schema(min_length = 8, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", format = Password, write_only)]
    pub(crate) password: Option<String>,
    /// True if the extension has a mailbox; false unless given.
    #[serde(default)]
    pub(crate) voicemail: Option<bool>,
    /// True if the phone must answer challenges with qop; false unless given.
    #[serde(default)]
    pub(crate) require_qop: Option<bool>,
    /// Whether the codec of its calls is changed where its phone and the other party share none; `auto` unless given.
    #[serde(default)]
    pub(crate) transcode: Option<Transcode>,
    /// How its phone gets keys (DTMF), and sends keys; `auto` unless given.
    #[serde(default)]
    pub(crate) dtmf: Option<Dtmf>,
    /// What it wants done with its calls.
    #[serde(flatten)]
    pub(crate) settings: Settings,
}

/// A change of an extension. An absent field stays as it is; null empties a field.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Alice B.", "dnd": true, "forward_no_answer": "102", "forward_busy": null}))]
pub(crate) struct ExtensionPatch {
    /// The name that its callees see; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(crate) name: Option<Option<String>>,
    /// A new password for its phone: at least 8 characters, not the number, not one of the commonest passwords.
    /// Its registrations stay until they expire.
    #[schema(required = false, min_length = 8, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", format = Password, write_only, nullable = false)]
    #[serde(default, deserialize_with = "not_null")]
    pub(crate) password: Option<String>,
    /// A new PIN, with which people log on to another phone (`*11` in the shipped dialplan): 4 to 16 digits, not all of
    /// them the same. After five wrong PINs none is taken for ten minutes. Null: nobody can log on.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 4, max_length = 16, pattern = "^[0-9]{4,16}$", format = Password, write_only)]
    pub(crate) pin: Option<Option<String>>,
    /// True if the extension has a mailbox; null: false.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) voicemail: Option<Option<bool>>,
    /// True if the phone must answer challenges with qop, and is refused with 400 otherwise; null: false.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) require_qop: Option<Option<bool>>,
    /// Whether the codec of its calls is changed where its phone and the other party share none; null: `auto`.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<Transcode>)]
    pub(crate) transcode: Option<Option<Transcode>>,
    /// How its phone gets keys (DTMF), and sends keys; null: `auto`.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<Dtmf>)]
    pub(crate) dtmf: Option<Option<Dtmf>>,
    /// What it wants done with its calls.
    #[serde(flatten)]
    pub(crate) settings: Settings,
}

/// Tells null (`Some(None)`) from absent (`None`, by `default`).
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A password can be replaced, not taken away.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}
