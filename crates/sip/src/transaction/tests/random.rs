//! Whatever happens, in whatever order: no panic, no leak, no surprise, the same twice.

use std::time::Duration;

use proptest::prelude::*;

use super::{super::*, support::*};
use crate::Method;

const BRANCHES: [&str; 5] = ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3", "z9hG4bK", ""];
const METHODS: [&str; 6] = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "NEW"];
const TAGS: [&str; 2] = ["", "b"];
const CODES: [u16; 7] = [100, 180, 200, 202, 302, 486, 603];
const LIMIT: usize = 6;

/// One thing that may happen.
#[derive(Clone, Debug)]
enum Step {
    Receive {
        ask: (usize, usize, usize, u32),
        tcp: bool,
    },
    ReceiveAnswer {
        ask: (usize, usize, usize, u32),
        code: usize,
        tcp: bool,
    },
    Request {
        ask: (usize, usize, usize, u32),
        tcp: bool,
    },
    Respond {
        which: usize,
        code: usize,
    },
    Cancel {
        which: usize,
    },
    Fail {
        tcp: bool,
    },
    Wait {
        millis: u64,
    },
}

fn ask() -> impl Strategy<Value = (usize, usize, usize, u32)> {
    (0..BRANCHES.len(), 0..METHODS.len(), 0..TAGS.len(), 1..3_u32)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (ask(), any::<bool>()).prop_map(|(ask, tcp)| Step::Receive { ask, tcp }),
        4 => (ask(), 0..CODES.len(), any::<bool>())
            .prop_map(|(ask, code, tcp)| Step::ReceiveAnswer { ask, code, tcp }),
        4 => (ask(), any::<bool>()).prop_map(|(ask, tcp)| Step::Request { ask, tcp }),
        4 => (0..20_usize, 0..CODES.len()).prop_map(|(which, code)| Step::Respond { which, code }),
        2 => (0..20_usize).prop_map(|which| Step::Cancel { which }),
        1 => any::<bool>().prop_map(|tcp| Step::Fail { tcp }),
        3 => (0..40_000_u64).prop_map(|millis| Step::Wait { millis }),
    ]
}

fn message((branch, method, tag, number): (usize, usize, usize, u32)) -> Message {
    Ask {
        branch: BRANCHES[branch],
        method: METHODS[method],
        to_tag: TAGS[tag],
        number,
        extra: "",
    }
    .message()
}

fn flow(over_tcp: bool) -> Flow {
    if over_tcp { tcp() } else { udp() }
}

/// A run: the layer, every id it ever gave, and all it said.
struct Run {
    world: World,
    servers: Vec<(ServerId, Message)>,
    clients: Vec<ClientId>,
    gone: Vec<String>,
    said: Vec<TxOutput>,
}

impl Run {
    fn new() -> Self {
        let config = LayerConfig {
            max_client: LIMIT,
            max_server: LIMIT,
            reserve: LIMIT,
            max_per_call: 4,
            ..LayerConfig::default()
        };
        Self {
            world: World::with(config),
            servers: Vec::new(),
            clients: Vec::new(),
            gone: Vec::new(),
            said: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        let (layer, now) = (&mut self.world.layer, self.world.now);
        match step {
            Step::Receive { ask, tcp } => layer.receive(now, flow(*tcp), message(*ask)),
            Step::ReceiveAnswer { ask, code, tcp } => {
                layer.receive(now, flow(*tcp), answer(&message(*ask), CODES[*code]));
            }
            Step::Request { ask, tcp } => {
                if let Ok(id) = layer.request(now, flow(*tcp), message(*ask)) {
                    self.clients.push(id);
                }
            }
            Step::Respond { which, code } => {
                if let Some((id, request)) = self.servers.get(*which) {
                    let open = layer.server_flow(*id).is_some();
                    let result = layer.respond(now, *id, answer(request, CODES[*code]));
                    assert_eq!(result == Err(LayerError::Gone), !open);
                }
            }
            Step::Cancel { which } => {
                if let Some(id) = self.clients.get(*which) {
                    let expected = match layer.client_request(*id).map(Message::method) {
                        None => Err(LayerError::Gone),
                        Some(Method::Invite) => Ok(()),
                        Some(_) => Err(LayerError::Method),
                    };
                    assert_eq!(layer.cancel(now, *id, None), expected);
                }
            }
            Step::Fail { tcp } => layer.transport_failed(now, &flow(*tcp)),
            Step::Wait { millis } => self.wait(Duration::from_millis(*millis)),
        }
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.world.now + time;
        while let Some(at) = self.world.layer.next_timeout().filter(|at| *at <= end) {
            assert!(at >= self.world.now);
            self.world.now = at;
            self.world.layer.timeout(at);
            assert!(
                self.world.layer.next_timeout().is_none_or(|next| next > at),
                "it would spin"
            );
            self.drain();
        }
        self.world.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.world.layer.poll() {
            if let TxOutput::Event(event) = &output {
                let name = match event {
                    TxEvent::Request { id, message, .. } => {
                        self.servers.push((*id, message.clone()));
                        format!("{id:?}")
                    }
                    TxEvent::Response { id, .. } | TxEvent::TimedOut { id } => format!("{id:?}"),
                    TxEvent::TransportFailed { id } | TxEvent::ClientGone { id } => format!("{id:?}"),
                    TxEvent::Cancelled { id, .. } | TxEvent::AckTimeout { id } => format!("{id:?}"),
                    TxEvent::ServerGone { id } | TxEvent::ServerTransportFailed { id } => format!("{id:?}"),
                    TxEvent::Ack { .. } | TxEvent::StrayResponse { .. } | TxEvent::StrayCancel { .. } => String::new(),
                    TxEvent::ForeignResponse { .. } | TxEvent::ForeignCancel { .. } | TxEvent::Dropped { .. } => {
                        String::new()
                    }
                };
                assert!(!self.gone.contains(&name), "{event:?} after its end");
                if matches!(event, TxEvent::ClientGone { .. } | TxEvent::ServerGone { .. }) {
                    self.gone.push(name);
                }
            }
            self.said.push(output);
        }
        let layer = &self.world.layer;
        // A CANCEL of ours comes on top of the limit, one for each INVITE.
        assert!(layer.client_count() <= 4 * LIMIT && layer.server_count() <= 2 * LIMIT);
        assert!(layer.timers_kept() <= 64 + 2 * (layer.client_count() + layer.server_count()));
    }

    /// The user answers what is open; then time passes.
    fn end(&mut self) {
        for (id, request) in self.servers.clone() {
            let _ = self.world.layer.respond(self.world.now, id, answer(&request, 500));
        }
        self.drain();
        self.wait(Duration::from_secs(2_000));
        self.world.is_empty();
        let mut open: Vec<_> = self.servers.iter().map(|(id, _)| format!("{id:?}")).collect();
        open.extend(self.clients.iter().map(|id| format!("{id:?}")));
        open.retain(|id| !self.gone.contains(id));
        assert!(open.is_empty(), "never told that {open:?} ended");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_ends_with_nothing_left_over_and_runs_the_same_twice(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut runs = [Run::new(), Run::new()];
        for run in &mut runs {
            for step in &steps {
                run.step(step);
            }
            run.end();
        }
        let [one, two] = runs;
        prop_assert_eq!(one.said, two.said);
    }
}
