//! Conferences in which people speak in turns.

use admin::EventBus;
use jiff::Timestamp;
use switch::{CallUid, CommandError, Conference, Event, Member, Reply};

use crate::PEOPLE;

/// Two conferences.
pub(crate) struct Rooms(Vec<Conference>);

impl Rooms {
    pub(crate) fn new() -> Self {
        let since = Timestamp::now().as_microsecond() - 400_000_000;
        let member = |i: usize| Member {
            id: CallUid(5_000 + i as u128),
            number: PEOPLE[i].0.to_owned(),
            name: PEOPLE[i].1.to_owned(),
            since: since + i as i64 * 31_000_000,
            muted: i == 2,
            volume: 0,
            speaking: i == 0,
        };
        let room = |room: &str, members: Vec<Member>| Conference {
            room: room.to_owned(),
            since,
            recorded: room == "sales",
            members,
        };
        Self(vec![
            room("all hands", vec![member(3), member(4)]),
            room("sales", vec![member(0), member(1), member(2)]),
        ])
    }

    pub(crate) fn list(&self) -> Vec<Conference> {
        self.0.clone()
    }

    /// In each conference the next member speaks.
    pub(crate) fn step(&mut self, events: &EventBus) {
        for conference in &mut self.0 {
            let count = conference.members.len();
            if count == 0 {
                continue;
            }
            // The member that spoke may have been removed: then the first one speaks.
            let speaking = conference.members.iter().position(|member| member.speaking);
            let now = speaking.unwrap_or(count - 1);
            for (i, speaking) in [(now, false), ((now + 1) % count, true)] {
                conference.members[i].speaking = speaking;
                let (room, member) = (conference.room.clone(), Box::new(conference.members[i].clone()));
                events.publish(Event::ConferenceChanged { room, member });
            }
        }
    }

    fn find(&mut self, room: &str, member: CallUid) -> Result<(&mut Conference, usize), CommandError> {
        let conference = self.0.iter_mut().find(|conference| conference.room == room);
        let conference = conference.ok_or(CommandError::NotFound)?;
        let i = conference.members.iter().position(|one| one.id == member);
        Ok((conference, i.ok_or(CommandError::NotFound)?))
    }

    pub(crate) fn set_volume(
        &mut self,
        room: &str,
        member: CallUid,
        volume: i8,
        events: &EventBus,
    ) -> Result<Reply, CommandError> {
        let (conference, i) = self.find(room, member)?;
        conference.members[i].volume = volume;
        let member = Box::new(conference.members[i].clone());
        events.publish(Event::ConferenceChanged {
            room: room.to_owned(),
            member,
        });
        Ok(Reply::Conferences(vec![conference.clone()]))
    }

    pub(crate) fn mute(
        &mut self,
        room: &str,
        member: CallUid,
        muted: bool,
        events: &EventBus,
    ) -> Result<Reply, CommandError> {
        let (conference, i) = self.find(room, member)?;
        conference.members[i].muted = muted;
        let member = Box::new(conference.members[i].clone());
        events.publish(Event::ConferenceChanged {
            room: room.to_owned(),
            member,
        });
        Ok(Reply::Conferences(vec![conference.clone()]))
    }

    pub(crate) fn remove(&mut self, room: &str, member: CallUid, events: &EventBus) -> Result<Reply, CommandError> {
        let (conference, i) = self.find(room, member)?;
        let member = Box::new(conference.members.remove(i));
        events.publish(Event::ConferenceLeft {
            room: room.to_owned(),
            member,
        });
        self.0.retain(|conference| !conference.members.is_empty());
        Ok(Reply::Done)
    }
}
