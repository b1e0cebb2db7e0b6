//! Conferences: rooms of the media engine with names, and who is in them.
//!
//! A conference begins with its first member and ends with its last. A member is a call; its leg may be replaced.
//!
//! | part | what it holds |
//! |---|---|
//! | [`Conferences`] | the conferences by name: who enters, leaves, is muted, speaks |
//! | [`Arrival`] | a member that wants to enter |

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ::media::{
    Command, MediaId,
    service::{Others, RecordingId, RoomId, Seat},
};

use sip::Instant;

use crate::{
    api::{CallUid, Conference, Event, Member},
    ids::CallId,
    stack::{Stack, TimerKey},
};

/// Between two reports of changes in one conference: five a second. Of a member that changes more often the last state is
/// told.
const APART: Duration = Duration::from_millis(200);
/// How much louder or softer a member may be made, in decibels.
pub(crate) const VOLUME: std::ops::RangeInclusive<i8> = -40..=20;

/// A call that wants to enter.
pub(crate) struct Arrival {
    pub call: CallId,
    pub uid: CallUid,
    pub number: String,
    pub name: String,
    pub port: MediaId,
    pub muted: bool,
    /// The extension of the member that has invited it.
    pub invited_by: Option<String>,
    /// For a new conference: whether tones tell of entry and leave.
    pub tones: bool,
}

/// There are as many conferences, or as many members of this one, as there may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// See the module. `limits.services` limits it.
#[derive(Default)]
pub(crate) struct Conferences {
    rooms: BTreeMap<String, Room>,
    /// Members that are to leave: the others of a joined call have left them, or a member has asked for that.
    leaving: Vec<CallId>,
    /// Conferences whose members have changed since they were last taken from this set.
    changed: BTreeSet<String>,
}

/// How the names of conferences begin that an INVITE with Join has made (RFC 3911). No dialplan can name these.
const JOINED: &str = "join:";

struct Room {
    id: RoomId,
    since: i64,
    recording: Option<RecordingId>,
    members: Vec<Seated>,
    /// The next report of a change may be made then.
    report_at: Instant,
    /// The members whose change is to be reported.
    unreported: Vec<CallUid>,
}

struct Seated {
    call: CallId,
    port: MediaId,
    member: Member,
    invited_by: Option<String>,
}

/// A member that was looked for.
pub(crate) struct Found {
    /// Its call.
    pub member: CallUid,
    /// The extension of the member that has invited it.
    pub invited_by: Option<String>,
}

impl Seated {
    fn sit(&self, cx: &mut Stack, room: RoomId) {
        let heard_by = if self.member.muted { Others::NoLeg } else { Others::All };
        cx.media(Command::Sit {
            room,
            media: self.port,
            seat: Seat {
                hears: Others::All,
                heard_by,
                gain: self.member.volume,
                levelled: true,
            },
        });
    }
}

impl Conferences {
    /// Enters a conference, which begins with that if need be.
    pub fn enter(&mut self, cx: &mut Stack, name: &str, who: Arrival) -> Result<(), Full> {
        let rooms = self.rooms.len();
        let room = match self.rooms.get_mut(name) {
            Some(room) if room.members.len() >= cx.config.limits.services.conference_members => return Err(Full),
            Some(room) => room,
            None if rooms >= cx.config.limits.services.conferences => return Err(Full),
            None => {
                let id = RoomId(cx.ids.u64());
                cx.media(Command::OpenRoom {
                    room: id,
                    tones: who.tones,
                });
                let since = cx.unix();
                self.rooms.entry(name.to_owned()).or_insert(Room {
                    id,
                    since,
                    recording: None,
                    members: Vec::new(),
                    report_at: cx.now,
                    unreported: Vec::new(),
                })
            }
        };
        let seated = Seated {
            call: who.call,
            port: who.port,
            invited_by: who.invited_by,
            member: Member {
                id: who.uid,
                number: who.number,
                name: who.name,
                since: cx.unix(),
                muted: who.muted,
                volume: 0,
                speaking: false,
            },
        };
        seated.sit(cx, room.id);
        tracing::info!(
            conference = name,
            members = room.members.len() + 1,
            "entered a conference"
        );
        cx.event(Event::ConferenceJoined {
            room: name.to_owned(),
            member: Box::new(seated.member.clone()),
        });
        room.members.push(seated);
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// A member leaves. With the last member the conference ends, and its recording.
    pub fn leave(&mut self, cx: &mut Stack, name: &str, call: CallId) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let Some(at) = room.members.iter().position(|one| one.call == call) else {
            return;
        };
        let gone = room.members.remove(at);
        self.changed.insert(name.to_owned());
        cx.media(Command::Stand(gone.port));
        tracing::info!(conference = name, members = room.members.len(), "left a conference");
        cx.event(Event::ConferenceLeft {
            room: name.to_owned(),
            member: Box::new(gone.member),
        });
        if let [last] = room.members.as_slice()
            && name.starts_with(JOINED)
        {
            self.leaving.push(last.call);
        }
        if room.members.is_empty() {
            if let Some(recording) = room.recording {
                cx.media(Command::StopRecording(recording));
            }
            cx.media(Command::CloseRoom(room.id));
            cx.timers.clear(TimerKey::Conference(room.id));
            self.rooms.remove(name);
        }
    }

    /// Another leg takes the seat of a member's leg, with the number of its phone.
    pub fn reseat(
        &mut self,
        cx: &mut Stack,
        name: &str,
        call: CallId,
        (port, number, known): (MediaId, String, String),
    ) {
        let Some((room, seated)) = self.find(name, |one| one.call == call) else {
            return;
        };
        cx.media(Command::Stand(seated.port));
        seated.port = port;
        (seated.member.number, seated.member.name, seated.member.speaking) = (number, known, false);
        seated.sit(cx, room);
        let member = seated.member.id;
        self.changed(cx, name, member);
    }

    /// Mutes a member, or lets it be heard again. False where there is no such member.
    pub fn mute(&mut self, cx: &mut Stack, name: &str, member: CallUid, muted: bool) -> bool {
        let Some((room, seated)) = self.find(name, |one| one.member.id == member) else {
            return false;
        };
        if std::mem::replace(&mut seated.member.muted, muted) != muted {
            seated.sit(cx, room);
            self.changed(cx, name, member);
        }
        true
    }

    /// Makes a member louder or softer for the others, by so many decibels of [`VOLUME`]. False where there is no such
    /// member.
    pub fn set_volume(&mut self, cx: &mut Stack, name: &str, member: CallUid, volume: i8) -> bool {
        let volume = volume.clamp(*VOLUME.start(), *VOLUME.end());
        let Some((room, seated)) = self.find(name, |one| one.member.id == member) else {
            return false;
        };
        if std::mem::replace(&mut seated.member.volume, volume) != volume {
            seated.sit(cx, room);
            self.changed(cx, name, member);
        }
        true
    }

    /// Whether a member is muted.
    pub fn is_muted(&self, name: &str, member: CallUid) -> bool {
        let members = self.rooms.get(name).into_iter().flat_map(|room| &room.members);
        members.map(|one| &one.member).any(|one| one.id == member && one.muted)
    }

    /// A member begins or ends to speak.
    pub fn speaks(&mut self, cx: &mut Stack, name: &str, call: CallId, speaking: bool) {
        if let Some((_, seated)) = self.find(name, |one| one.call == call)
            && std::mem::replace(&mut seated.member.speaking, speaking) != speaking
        {
            let member = seated.member.id;
            self.changed(cx, name, member);
        }
    }

    /// Reports a change of a member: now, or as soon as another report may be made.
    fn changed(&mut self, cx: &mut Stack, name: &str, member: CallUid) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        if !self.changed.contains(name) {
            self.changed.insert(name.to_owned());
        }
        if !room.unreported.contains(&member) {
            room.unreported.push(member);
        }
        report(cx, name, room);
    }

    /// Another report of a change may be made in this conference.
    pub fn may_report(&mut self, cx: &mut Stack, id: RoomId) {
        if let Some((name, room)) = self.rooms.iter_mut().find(|(_, room)| room.id == id) {
            report(cx, name, room);
        }
    }

    /// A name for the conference of a call that an INVITE joins.
    pub fn name_for_join(cx: &mut Stack) -> String {
        format!("{JOINED}{:016x}", cx.ids.u64())
    }

    /// The conference in which a leg with this place in the media engine is.
    pub fn name_of(&self, port: MediaId) -> Option<&str> {
        let has = |room: &Room| room.members.iter().any(|one| one.port == port);
        self.rooms
            .iter()
            .find(|(_, room)| has(room))
            .map(|(name, _)| name.as_str())
    }

    /// Takes a conference whose members have changed; `None` if there is none.
    pub fn next_changed(&mut self) -> Option<String> {
        self.changed.pop_first()
    }

    /// Whether there is a conference of this name.
    pub fn is_there(&self, name: &str) -> bool {
        self.rooms.contains_key(name)
    }

    /// The members of a conference, in the order in which they came.
    pub fn members_of(&self, name: &str) -> Vec<&Member> {
        let members = self.rooms.get(name).map_or(&[][..], |room| &room.members);
        members.iter().map(|seated| &seated.member).collect()
    }

    /// Takes a member that is to leave.
    pub fn next_leaving(&mut self) -> Option<CallId> {
        self.leaving.pop()
    }

    /// A member asks that another one, or itself, be removed.
    pub fn remove(&mut self, name: &str, member: CallUid) {
        self.leaving.extend(self.call_of(name, member));
    }

    /// The member with this number that has entered last.
    pub fn member_of(&self, name: &str, number: &str) -> Option<Found> {
        let members = &self.rooms.get(name)?.members;
        let found = members.iter().rev().find(|one| one.member.number == number)?;
        Some(Found {
            member: found.member.id,
            invited_by: found.invited_by.clone(),
        })
    }

    /// The call of a member.
    pub fn call_of(&self, name: &str, member: CallUid) -> Option<CallId> {
        let members = &self.rooms.get(name)?.members;
        members.iter().find(|one| one.member.id == member).map(|one| one.call)
    }

    /// The room of the media engine, if the conference is not recorded.
    pub fn unrecorded(&self, name: &str) -> Option<RoomId> {
        let room = self.rooms.get(name)?;
        room.recording.is_none().then_some(room.id)
    }

    /// The conference is recorded from now on.
    pub fn is_recorded(&mut self, name: &str, recording: RecordingId) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.recording = Some(recording);
        }
    }

    /// A recording has ended, perhaps that of a conference.
    pub fn recorded(&mut self, recording: RecordingId) {
        for room in self.rooms.values_mut() {
            room.recording.take_if(|one| *one == recording);
        }
    }

    /// The conferences by name, or the one of that name.
    pub fn list(&self, name: Option<&str>) -> Vec<Conference> {
        let rooms = self
            .rooms
            .iter()
            .filter(|(room, _)| name.is_none_or(|name| name == *room));
        rooms
            .map(|(name, room)| Conference {
                room: name.clone(),
                since: room.since,
                recorded: room.recording.is_some(),
                members: room.members.iter().map(|one| one.member.clone()).collect(),
            })
            .collect()
    }

    /// How many conferences there are, and how many members they have.
    pub fn count(&self) -> (usize, usize) {
        (
            self.rooms.len(),
            self.rooms.values().map(|room| room.members.len()).sum(),
        )
    }

    fn find(&mut self, name: &str, is: impl Fn(&Seated) -> bool) -> Option<(RoomId, &mut Seated)> {
        let room = self.rooms.get_mut(name)?;
        let id = room.id;
        room.members.iter_mut().find(|one| is(one)).map(|one| (id, one))
    }
}

/// Reports the change that has waited longest, if a report may be made now.
fn report(cx: &mut Stack, name: &str, room: &mut Room) {
    let key = TimerKey::Conference(room.id);
    while room.report_at <= cx.now && !room.unreported.is_empty() {
        let member = room.unreported.remove(0);
        // Of a member that has left, that is told.
        let Some(seated) = room.members.iter().find(|one| one.member.id == member) else {
            continue;
        };
        room.report_at = cx.now + APART;
        cx.event(Event::ConferenceChanged {
            room: name.to_owned(),
            member: Box::new(seated.member.clone()),
        });
    }
    if !room.unreported.is_empty() {
        cx.timers.set(key, room.report_at);
    }
}
