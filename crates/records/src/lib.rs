//! The records that the switch, the store and the admin API share: plain types, each declared once.
//!
//! There is no logic here, only what belongs to a value: the word that names it, and how to read that word.
//! Times are microseconds since the Unix epoch.
//!
//! | file | what it holds |
//! |---|---|
//! | `account.rs` | [`Extension`], [`Device`], [`Ha1`], [`NatPolicy`]; what a number is |
//! | `binding.rs` | [`Binding`]: a contact of a device, and its changes on disk |
//! | `cause.rs` | [`CauseCode`]: the one catalogue of reasons why calls end |
//! | `cdr.rs` | [`Cdr`] and its beginning, [`CallUid`], [`Disposition`], [`EndedBy`] |
//! | `message.rs` | [`KeptMessage`]: a MESSAGE for phones that are away |
//! | `live.rs` | [`LiveState`], [`LiveLeg`], [`LiveRecording`]: a call in progress |
//! | `quality.rs` | [`LegQuality`]: how a call sounded |
//! | `recording.rs` | [`Recording`]: what was recorded, and where it is |
//! | `settings.rs` | [`CallRules`], [`SettingsPatch`]: what an extension wants done with its calls, and changes of that |
//! | `story.rs` | [`Segment`], [`Link`]: who talked with whom and when; [`Story`] writes segments down |
//! | `subscription.rs` | [`Subscription`]: what a phone is subscribed to, and its changes on disk |

mod account;
mod binding;
mod cause;
mod cdr;
mod live;
mod message;
mod quality;
mod recording;
mod settings;
mod story;
mod subscription;

pub use account::{AudioRules, Device, Dtmf, Extension, Ha1, MAX_NUMBER, NatPolicy, Transcode, is_number};
pub use binding::{Binding, BindingChange};
pub use cause::CauseCode;
pub use cdr::{CallUid, Cdr, CdrAnswer, CdrOpen, Disposition, EndedBy};
pub use live::{LiveLeg, LiveRecording, LiveState};
pub use message::KeptMessage;
pub use quality::{LegQuality, Quality, WayQuality};
pub use recording::{Recording, RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid};
pub use settings::{
    BadSetting, CALL_LIMIT, CallRules, MAX_TARGET, NO_ANSWER_SECONDS, SettingsPatch, is_group, is_music, is_target,
};
pub use sip::{Flow, Transport};
pub use story::{Began, Link, LinkKind, Segment, Story};
pub use subscription::{Subscription, SubscriptionChange, SubscriptionDialog};
