//! The records that the switch, the store and the admin API share: plain types, each declared once.
//!
//! There is no logic here, only what belongs to a value: the word that names it, and how to read that word.
//! Times are microseconds since the Unix epoch.
//!
//! | file | what it holds |
//! |---|---|
//! | `account.rs` | [`Extension`], [`Device`], [`Ha1`], [`NatPolicy`]; what a number is |
//! | `cause.rs` | [`CauseCode`]: the one catalogue of reasons why calls end |
//! | `cdr.rs` | [`Cdr`] and its beginning, [`CallUid`], [`Disposition`], [`EndedBy`] |
//! | `live.rs` | [`LiveState`], [`LiveLeg`], [`LiveRecording`]: a call in progress |
//! | `quality.rs` | [`LegQuality`]: how a call sounded |
//! | `recording.rs` | [`Recording`]: what was recorded, and where it is |
//! | `settings.rs` | [`CallRules`], [`SettingsPatch`]: what an extension wants done with its calls, and changes of that |
//! | `story.rs` | [`Segment`], [`Link`]: who talked with whom and when; [`Story`] writes segments down |
//! | `phones/` | [`Binding`], [`KeptMessage`], [`Subscription`]: what phones keep with Tandem |
//! | `trunk.rs` | [`Trunk`]: a provider, gateway or other PBX; [`TrunkStatus`] |

mod account;
mod cause;
mod cdr;
mod live;
mod phones;
mod quality;
mod recording;
mod settings;
mod story;
mod trunk;

pub use account::{AudioRules, Device, Dtmf, Extension, Ha1, MAX_NUMBER, NatPolicy, Transcode, is_number};
pub use cause::CauseCode;
pub use cdr::{CallUid, Cdr, CdrAnswer, CdrOpen, Disposition, EndedBy};
pub use live::{LiveLeg, LiveRecording, LiveState};
pub use phones::{Binding, BindingChange, KeptMessage, Subscription, SubscriptionChange, SubscriptionDialog};
pub use quality::{LegQuality, Quality, WayQuality};
pub use recording::{Recording, RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid};
pub use settings::{
    BadSetting, CALL_LIMIT, CallRules, MAX_TARGET, NO_ANSWER_SECONDS, SettingsPatch, is_group, is_music, is_target,
};
pub use sip::{Flow, Transport};
pub use story::{Began, Link, LinkKind, Segment, Story};
pub use trunk::{
    CalledIn, CallerIn, MAX_TRUNK_NAME, Trunk, TrunkInbound, TrunkLimits, TrunkNumbers, TrunkState, TrunkStatus,
    is_server_uri, is_trunk_name,
};
