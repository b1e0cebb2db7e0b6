//! Giving back what a burst needed, and how much room there is.

use super::Switch;
use crate::tables::room::{Room, SMALL, SPARE};

impl Switch {
    /// Gives back room that nothing needs any more.
    pub(crate) fn tidy(&mut self) {
        let stack = &mut self.x.stack;
        self.by_uid.tidy();
        self.x.queries.tidy();
        stack.outputs.closing.tidy();
        stack.outputs.tidy();
        stack.leg_events.tidy();
        stack.requests.tidy();
        stack.servers.tidy();
        stack.dialogs.tidy();
        stack.ports.tidy();
        stack.timers.tidy();
        stack.layer.tidy(SMALL, SPARE);
    }

    /// How many entries each table of the switch has room for now, by the table's name: how a test sees that a burst
    /// leaves nothing behind. Tables of handles are not among them: a free place in them takes 16 bytes.
    pub fn room(&self) -> [(&'static str, usize); 10] {
        let stack = &self.x.stack;
        let room = |table: &dyn Room| table.measure().1;
        [
            ("calls by id", room(&self.by_uid)),
            ("queries", room(&self.x.queries)),
            ("outputs", room(&stack.outputs)),
            ("events of legs", room(&stack.leg_events)),
            ("tries of our own requests", room(&stack.requests)),
            ("owners of server transactions", room(&stack.servers)),
            ("dialogs", room(&stack.dialogs)),
            ("owners of media ports", room(&stack.ports)),
            ("timers", stack.timers.room()),
            ("the transaction layer's tables", stack.layer.room()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, time::Duration};

    use sip::{Flow, Instant, Transport};

    use super::*;
    use crate::{AccountChange, Config, Extension, Input, Keys, Listener, Output, ScriptCommand, ScriptEvent, Trusted};

    /// Does what is to be done: records are opened, and scripts end at once.
    fn drain(switch: &mut Switch, now: Instant) {
        let mut answers = VecDeque::new();
        loop {
            match switch.poll_output() {
                Output::Timeout(_) => match answers.pop_front() {
                    Some(input) => switch.handle(now, input),
                    None => return,
                },
                Output::Query(query, _) => answers.push_back(Input::Stored { query, ok: true }),
                Output::Script(ScriptCommand::Start { call, .. }) => {
                    answers.push_back(Input::Script(ScriptEvent::Ended { call, result: Ok(()) }));
                }
                Output::Transmit(_)
                | Output::Media(_)
                | Output::Script(_)
                | Output::Forget(_)
                | Output::Subscriptions(_)
                | Output::DropMessage(_)
                | Output::CdrAnswered(_)
                | Output::Quality { .. }
                | Output::Journal(_)
                | Output::Recording(_)
                | Output::Cdr(_)
                | Output::Event(_)
                | Output::Reply(..) => {}
            }
        }
    }

    #[test]
    fn after_a_burst_of_calls_no_table_keeps_room_for_it() {
        let local = "192.0.2.1:5060".parse().unwrap();
        let mut config = Config::default();
        config.trusted.push(Trusted {
            network: "192.0.2.0".parse().unwrap(),
            prefix: 24,
            extension: "101".into(),
        });
        let mut switch = Switch::new(
            config,
            [0; 32],
            &Keys {
                nonce: [0; 32],
                gruu: [0; 32],
            },
        );
        let listener = Listener {
            transport: Transport::Udp,
            address: local,
        };
        let mut now = Instant::ZERO;
        switch.handle(now, Input::Listening(vec![listener]));
        let extension = Extension {
            number: "101".into(),
            ..Extension::default()
        };
        switch.handle(now, Input::Account(AccountChange::Extension(extension)));
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote: "192.0.2.9:5060".parse().unwrap(),
            connection: None,
        };
        for n in 0..5_000 {
            let request = format!(
                "INVITE sip:102@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{n}\r\nFrom: <sip:101@b>;tag=1\r\n\
                 To: <sip:102@192.0.2.1>\r\nCall-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:101@192.0.2.9>\r\n\
                 Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            let bytes = request.into_bytes().into();
            switch.handle(now, Input::Received { flow, bytes });
            drain(&mut switch, now);
            now += Duration::from_millis(1);
        }
        let most = |switch: &Switch| switch.room().into_iter().map(|(_, room)| room).max().unwrap();
        assert!(most(&switch) >= 5_000, "{:?} {:?}", switch.room(), switch.held());
        // While it lasts nothing is given back that would be needed at once.
        switch.handle(now, Input::Clock { unix_micros: 0 });
        assert!(most(&switch) >= 5_000, "{:?}", switch.room());
        // Timer H: 32 s later nothing is left of it.
        for _ in 0..2 {
            now += Duration::from_secs(40);
            switch.handle(now, Input::Clock { unix_micros: 0 });
            drain(&mut switch, now);
        }
        assert!(switch.held().iter().all(|(_, held)| *held == 0), "{:?}", switch.held());
        for (table, room) in switch.room() {
            assert!(room <= SMALL, "{table} keeps room for {room}");
        }
    }
}
