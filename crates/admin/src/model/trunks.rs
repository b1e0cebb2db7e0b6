//! Trunks, in JSON.

use jiff::Timestamp;
use records::{Trunk, TrunkState, TrunkStatus, is_server_uri, is_trunk_name};
use serde::Serialize;
use serde_json::{Map, Value};
use store::StoredTrunk;
use utoipa::ToSchema;

use super::{convert::timestamp, validate::MAX_PASSWORD};
use crate::http::problem::Problem;

/// The longest of the other texts of a trunk, in bytes.
const MAX_TEXT: usize = 128;
/// Gateways, and further addresses, of one trunk.
const MAX_HOSTS: usize = 16;

/// A trunk, with its state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "provider", "uri": "sip:provider.example", "username": "5550100", "register": true, "state": "registered",
    "last_error": null, "calls": 2, "has_password": true
}))]
pub(crate) struct TrunkView {
    #[serde(flatten)]
    trunk: Trunk,
    /// Whether a password is kept for it. It is never shown.
    has_password: bool,
    /// Whether calls go over it.
    state: TrunkState,
    /// What went wrong last, in words; null once it works.
    #[schema(required = true)]
    last_error: Option<String>,
    /// Calls over it now.
    calls: usize,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl TrunkView {
    pub(crate) fn new(stored: StoredTrunk, status: Option<TrunkStatus>) -> Self {
        let (state, last_error, calls) = match status {
            Some(status) => (status.state, status.last_error, status.calls),
            None => (TrunkState::Down, None, 0),
        };
        Self {
            has_password: stored.password.is_some(),
            trunk: stored.trunk,
            state,
            last_error,
            calls,
            created_at: timestamp(stored.created_at),
            updated_at: timestamp(stored.updated_at),
        }
    }
}

/// The trunks, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrunkPage {
    /// All of them.
    pub(crate) items: Vec<TrunkView>,
    /// Always null: there is one page.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// A trunk to make.
#[derive(ToSchema)]
#[schema(example = json!({"name": "provider", "uri": "sip:provider.example", "username": "5550100", "password": "s3cret", "register": true}))]
#[allow(
    dead_code,
    reason = "only described: bodies are read as they come, so that a fault names its field"
)]
pub(crate) struct NewTrunk {
    #[schema(inline)]
    #[serde(flatten)]
    trunk: Trunk,
    /// The password of the account there. It is kept sealed and never shown.
    #[schema(max_length = 128)]
    password: Option<String>,
}

/// What changes of a trunk.
#[derive(ToSchema)]
#[schema(example = json!({"register": false}))]
#[allow(
    dead_code,
    reason = "only described: bodies are read as they come, so that a fault names its field"
)]
pub(crate) struct TrunkPatch {
    #[schema(inline)]
    #[serde(flatten)]
    trunk: Trunk,
    /// The password of the account there; null: none any more.
    #[schema(max_length = 128)]
    password: Option<String>,
}

/// The trunk that a body makes of another one, and its password, if the body says something of that. Objects are merged field
/// by field (RFC 7396).
///
/// # Errors
/// 422 with the field at fault.
pub(crate) fn change_of(
    before: &Trunk,
    mut body: Map<String, Value>,
) -> Result<(Trunk, Option<Option<String>>), Problem> {
    let password = match body.remove("password") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(text))
            if !text.is_empty() && text.len() <= MAX_PASSWORD && !text.chars().any(char::is_control) =>
        {
            Some(Some(text))
        }
        Some(_) => {
            return Err(Problem::invalid(
                "password",
                "a password has 1 to 128 bytes without control characters",
            ));
        }
    };
    let mut whole = serde_json::to_value(before).map_err(|error| Problem::internal(&error))?;
    let empty = serde_json::to_value(Trunk::default()).map_err(|error| Problem::internal(&error))?;
    merge(&mut whole, &empty, body, "")?;
    let read: Result<Trunk, _> = serde_path_to_error::deserialize(whole);
    let trunk = read.map_err(|error| Problem::invalid(error.path().to_string(), error.inner().to_string()))?;
    Ok((trunk, password))
}

/// Puts the fields of `patch` into `whole`; null puts in what `empty` has.
fn merge(whole: &mut Value, empty: &Value, patch: Map<String, Value>, path: &str) -> Result<(), Problem> {
    for (name, value) in patch {
        let at = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let Some(place) = whole.get_mut(&name) else {
            return Err(Problem::invalid(at, "there is no such field"));
        };
        let default = empty.get(&name).unwrap_or(&Value::Null);
        if value.is_null() {
            *place = default.clone();
        } else if let (Value::Object(fields), true) = (&value, place.is_object()) {
            merge(place, default, fields.clone(), &at)?;
        } else {
            *place = value;
        }
    }
    Ok(())
}

/// Whether each field has a value that can be used.
///
/// # Errors
/// 422 with the field at fault.
pub(crate) fn checked(trunk: &Trunk) -> Result<(), Problem> {
    const URI: &str = "a server is sip:host or sips:host, with a port and parameters, and without a user";
    if !is_trunk_name(&trunk.name) {
        return Err(Problem::invalid("name", "a name is 1 to 32 of A-Z a-z 0-9 . _ -"));
    }
    if !is_server_uri(&trunk.uri) {
        return Err(Problem::invalid("uri", URI));
    }
    if trunk.outbound_proxy.as_deref().is_some_and(|uri| !is_server_uri(uri)) {
        return Err(Problem::invalid("outbound_proxy", URI));
    }
    if trunk.gateways.len() > MAX_HOSTS || !trunk.gateways.iter().all(|uri| is_server_uri(uri)) {
        return Err(Problem::invalid("gateways", format!("at most {MAX_HOSTS}; {URI}")));
    }
    if trunk.inbound.addresses.len() > MAX_HOSTS {
        return Err(Problem::invalid(
            "inbound.addresses",
            format!("at most {MAX_HOSTS} addresses"),
        ));
    }
    if trunk.register && trunk.username.is_none() {
        return Err(Problem::invalid(
            "username",
            "a trunk that registers needs the user name of its account",
        ));
    }
    let texts = [
        ("username", trunk.username.as_deref().unwrap_or("-")),
        ("numbers.add", &trunk.numbers.add),
        ("numbers.caller_id", &trunk.numbers.caller_id),
    ];
    for (field, text) in texts {
        if text.len() > MAX_TEXT
            || !text.bytes().all(|b| b.is_ascii_graphic())
            || (field == "username" && text.is_empty())
        {
            return Err(Problem::invalid(
                field,
                format!("at most {MAX_TEXT} printable ASCII characters without blanks"),
            ));
        }
    }
    if trunk.expires != 0 && !(60..=86_400).contains(&trunk.expires) {
        return Err(Problem::invalid(
            "expires",
            "0 (the usual time), or 60 to 86400 seconds",
        ));
    }
    if trunk.options_interval != 0 && !(10..=3_600).contains(&trunk.options_interval) {
        return Err(Problem::invalid("options_interval", "0 (never), or 10 to 3600 seconds"));
    }
    Ok(())
}
