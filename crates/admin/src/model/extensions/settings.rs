//! What an extension wants done with its calls, as requests say it.

use std::fmt;

use records::SettingsPatch;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use utoipa::ToSchema;

use crate::http::{extract::value_fault, problem::Problem};

/// What a request says about a field.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Given<T> {
    /// Nothing.
    #[default]
    Absent,
    /// It is to be empty.
    Null,
    /// It is to be this.
    Value(T),
    /// It is to be what it cannot be. Kept, because serde forgets which field of flattened ones is at fault.
    Fault(String),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer) {
            Ok(Some(value)) => Self::Value(value),
            Ok(None) => Self::Null,
            Err(error) => Self::Fault(error.to_string()),
        })
    }
}

impl<T> From<Option<T>> for Given<T> {
    /// The field of a table: an empty one says nothing.
    fn from(field: Option<T>) -> Self {
        field.map_or(Self::Absent, Self::Value)
    }
}

impl<T> Given<T> {
    /// The change of a field that may be empty.
    fn change(self, field: &'static str) -> Result<Option<Option<T>>, Problem> {
        match self {
            Self::Absent => Ok(None),
            Self::Null => Ok(Some(None)),
            Self::Value(value) => Ok(Some(Some(value))),
            Self::Fault(message) => Err(value_fault(field, &message)),
        }
    }

    /// The change of a field that is never empty: null says `empty`.
    fn change_or(self, field: &'static str, empty: T) -> Result<Option<T>, Problem> {
        let change = self.change(field)?;
        Ok(change.map(|value| value.unwrap_or(empty)))
    }
}

/// What an extension wants done with its calls. In a new extension an absent field is as if it were null; in a change
/// it stays as it is.
#[derive(Debug, Default, ToSchema)]
pub(crate) struct Settings {
    /// Do not disturb: calls get busy at once; null: off.
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) dnd: Given<bool>,
    /// The target of all calls to the extension; null: no forwarding.
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_always: Given<String>,
    /// The target of calls while the extension is busy; null: no forwarding.
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_busy: Given<String>,
    /// The target of calls that are not answered; null: no forwarding.
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_no_answer: Given<String>,
    /// The target of calls while no phone of it can be reached; null: such calls are not answered.
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_unreachable: Given<String>,
    /// A call counts as not answered after so many seconds; null: as long as the dialplan lets its phones ring.
    #[schema(required = false, value_type = Option<u16>, minimum = 5, maximum = 300)]
    pub(crate) no_answer_seconds: Given<u16>,
    /// How many calls it may have at once; further ones find it busy. Null: as many as come.
    #[schema(required = false, value_type = Option<u16>, minimum = 1, maximum = 50)]
    pub(crate) call_limit: Given<u16>,
    /// Extensions with the same word here may take one another's ringing calls; null: no group.
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9._-]{1,32}$")]
    pub(crate) pickup_group: Given<String>,
    /// The name of the sound that parties hear whom it holds; null: the common one.
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 64)]
    pub(crate) music: Given<String>,
    /// True if it takes no calls whose number is hidden; null: false.
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) reject_anonymous: Given<bool>,
    /// True if its callees are not shown its number; null: false.
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) hide_number: Given<bool>,
    /// True if its phones may be told to answer by themselves, for intercom and paging; null: true.
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) intercom: Given<bool>,
}

/// The fields of an extension that requests may name: what an unknown one may have been meant to be.
const FIELDS: &[&str] = &[
    "number",
    "name",
    "password",
    "pin",
    "voicemail",
    "require_qop",
    "transcode",
    "dtmf",
    "dnd",
    "forward_always",
    "forward_busy",
    "forward_no_answer",
    "forward_unreachable",
    "no_answer_seconds",
    "call_limit",
    "pickup_group",
    "music",
    "reject_anonymous",
    "hide_number",
    "intercom",
];

/// Reads what the other fields of a request leave over.
struct Rest;

impl<'de> Visitor<'de> for Rest {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
        fn read<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
            name: &'static str,
            field: &mut Given<T>,
            map: &mut A,
        ) -> Result<(), A::Error> {
            match std::mem::replace(field, map.next_value()?) {
                Given::Absent => Ok(()),
                Given::Null | Given::Value(_) | Given::Fault(_) => Err(A::Error::duplicate_field(name)),
            }
        }
        let mut all = Settings::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "dnd" => read("dnd", &mut all.dnd, &mut map)?,
                "forward_always" => read("forward_always", &mut all.forward_always, &mut map)?,
                "forward_busy" => read("forward_busy", &mut all.forward_busy, &mut map)?,
                "forward_no_answer" => read("forward_no_answer", &mut all.forward_no_answer, &mut map)?,
                "forward_unreachable" => read("forward_unreachable", &mut all.forward_unreachable, &mut map)?,
                "no_answer_seconds" => read("no_answer_seconds", &mut all.no_answer_seconds, &mut map)?,
                "call_limit" => read("call_limit", &mut all.call_limit, &mut map)?,
                "pickup_group" => read("pickup_group", &mut all.pickup_group, &mut map)?,
                "music" => read("music", &mut all.music, &mut map)?,
                "reject_anonymous" => read("reject_anonymous", &mut all.reject_anonymous, &mut map)?,
                "hide_number" => read("hide_number", &mut all.hide_number, &mut map)?,
                "intercom" => read("intercom", &mut all.intercom, &mut map)?,
                other => return Err(A::Error::unknown_field(other, FIELDS)),
            }
        }
        Ok(all)
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Rest)
    }
}

impl Settings {
    /// The change that is asked for, with its values checked.
    pub(crate) fn change(self) -> Result<SettingsPatch, Problem> {
        let patch = SettingsPatch {
            dnd: self.dnd.change_or("dnd", false)?,
            forward_always: self.forward_always.change("forward_always")?,
            forward_busy: self.forward_busy.change("forward_busy")?,
            forward_no_answer: self.forward_no_answer.change("forward_no_answer")?,
            forward_unreachable: self.forward_unreachable.change("forward_unreachable")?,
            no_answer_seconds: self.no_answer_seconds.change("no_answer_seconds")?,
            call_limit: self.call_limit.change("call_limit")?,
            pickup_group: self.pickup_group.change("pickup_group")?,
            music: self.music.change("music")?,
            reject_anonymous: self.reject_anonymous.change_or("reject_anonymous", false)?,
            hide_number: self.hide_number.change_or("hide_number", false)?,
            intercom: self.intercom.change_or("intercom", true)?,
        };
        patch.check().map_err(|bad| Problem::invalid(bad.field, bad.accepted))?;
        Ok(patch)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        http::extract::{parse_json, parse_object},
        model::{ExtensionPatch, NewExtension},
    };

    #[test]
    fn absent_is_unchanged_and_null_is_cleared() {
        let patch: ExtensionPatch = parse_json(b"{\"forward_busy\":null,\"dnd\":true,\"intercom\":null}").unwrap();
        let change = patch.settings.change().unwrap();
        assert_eq!(change.forward_busy, Some(None));
        assert_eq!(change.forward_always, None);
        assert_eq!((change.dnd, change.intercom), (Some(true), Some(true)));
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (text, field) in [
            (r#"{"number":"1","dnd":"maybe"}"#, "dnd"),
            (r#"{"number":"1","dnd":true,"dnd":true}"#, "dnd"),
            (r#"{"number":"1","call_limit":0}"#, "call_limit"),
            (r#"{"number":"1","call_limit":-1}"#, "call_limit"),
            (r#"{"number":"1","call_limit":1.5}"#, "call_limit"),
            (r#"{"number":"1","no_answer_seconds":"20"}"#, "no_answer_seconds"),
            (r#"{"number":"1","no_answer_seconds":70000}"#, "no_answer_seconds"),
            (r#"{"number":"1","music":"../x"}"#, "music"),
            (r#"{"number":"1","forward_unreachable":[]}"#, "forward_unreachable"),
            (r#"{"number":"1","colour":"red"}"#, "colour"),
        ] {
            let read = parse_object::<NewExtension>(text.as_bytes());
            let problem = read.and_then(|new| new.settings.change()).unwrap_err();
            assert_eq!(problem.field_at_fault(), Some(field), "{text}");
        }
    }

    #[test]
    fn a_value_in_the_wrong_type_is_not_repeated() {
        let new = parse_object::<NewExtension>(br#"{"number":"1","dnd":"918273645"}"#).unwrap();
        let problem = new.settings.change().unwrap_err();
        assert!(!format!("{problem:?}").contains("918273645"), "{problem:?}");
    }
}
