//! Server transactions: either machine with its request, and what it asks for done.

use std::sync::Arc;

use super::{
    Owner, ServerId, TxEvent, TxOutput,
    layer::Layer,
    queue::Pending,
    server_invite::{self, Input as InviteInput},
    server_non_invite::{self, Input as OtherInput},
    timers::{Action, Actions, Clock, Timer},
};
use crate::{Builder, Flow, Message, Method, StatusCode, reply_address, time::Instant};

enum Machine {
    Invite(server_invite::Machine),
    NonInvite(server_non_invite::Machine),
}

/// What happens to a server transaction.
#[derive(Copy, Clone)]
pub(super) enum Input {
    Timer(Timer),
    /// The request again.
    Request,
    Ack,
    Cancel,
    /// The user's answer.
    Respond(StatusCode),
    TransportFailed,
}

pub(super) struct Server {
    machine: Machine,
    pub(super) request: Message,
    /// The way it came.
    pub(super) flow: Flow,
    /// The way its answers go (RFC 3261 18.2.2).
    pub(super) reply: Flow,
    pub(super) key: Arc<str>,
    /// Under which copies of this request that took another way are known.
    pub(super) merged: Option<Arc<str>>,
    /// The place in the layer's list of this flow's transactions.
    pub(super) flow_place: u32,
    pub(super) pending: Pending,
    /// The last response.
    pub(super) response: Option<Message>,
}

impl Server {
    /// A CANCEL's transaction is the layer's own: its user hears nothing of it.
    fn is_internal(&self) -> bool {
        *self.request.method() == Method::Cancel
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.state == server_invite::State::Terminated,
            Machine::NonInvite(machine) => machine.state == server_non_invite::State::Terminated,
        }
    }

    fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match &mut self.machine {
            Machine::Invite(machine) => {
                let input = match input {
                    Input::Timer(timer) => InviteInput::of_timer(timer),
                    Input::Request => Some(InviteInput::Request),
                    Input::Ack => Some(InviteInput::Ack),
                    Input::Cancel => Some(InviteInput::Cancel),
                    Input::Respond(status) if status.is_provisional() => Some(InviteInput::Provisional),
                    Input::Respond(status) if status.is_success() => Some(InviteInput::Success),
                    Input::Respond(_) => Some(InviteInput::Failure),
                    Input::TransportFailed => Some(InviteInput::TransportFailed),
                };
                input.map(|input| machine.step(input, clock)).unwrap_or_default()
            }
            Machine::NonInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => OtherInput::of_timer(timer),
                    Input::Request => Some(OtherInput::Request),
                    Input::Respond(status) if status.is_provisional() => Some(OtherInput::Provisional),
                    Input::Respond(_) => Some(OtherInput::Final),
                    Input::Ack | Input::Cancel => None,
                    Input::TransportFailed => Some(OtherInput::TransportFailed),
                };
                input.map(|input| machine.step(input, clock)).unwrap_or_default()
            }
        }
    }
}

impl Layer {
    /// Starts a server transaction for a request whose key is in the layer's key buffer.
    pub(super) fn start_server(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Message,
        merged: Option<Arc<str>>,
    ) -> ServerId {
        let clock = self.clock(&flow);
        let (machine, actions) = if *request.method() == Method::Invite {
            let (machine, actions) = server_invite::Machine::start(clock);
            (Machine::Invite(machine), actions)
        } else {
            (Machine::NonInvite(server_non_invite::Machine::start()), Actions::new())
        };
        self.count_call(&request);
        let key: Arc<str> = self.key.as_str().into();
        let reply = reply_address(&request, &flow);
        let id = ServerId(self.tables.servers.insert(Server {
            machine,
            request,
            flow,
            reply,
            key: key.clone(),
            merged: merged.clone(),
            flow_place: 0,
            pending: Pending::default(),
            response: None,
        }));
        self.server_keys.insert(key, id);
        if let Some(merged) = merged {
            self.merged.insert(merged, id);
        }
        let place = self.flows.add(&reply, Owner::Server(id));
        if let Some(server) = self.tables.servers.get_mut(id.0) {
            server.flow_place = place;
        }
        self.run_server(now, id, &actions, None, None);
        id
    }

    /// Gives a server transaction an input, and does what it answers. `received` is the ACK or the
    /// CANCEL with the way it came, `answer` the user's response. Whether `answer` was sent.
    pub(super) fn server_input(
        &mut self,
        now: Instant,
        id: ServerId,
        input: Input,
        received: Option<(&Flow, &Message)>,
        answer: Option<Message>,
    ) -> bool {
        let Some(server) = self.tables.servers.get_mut(id.0) else {
            return false;
        };
        let clock = Clock {
            timers: &self.config.timers,
            reliable: server.flow.transport.is_reliable(),
        };
        let actions = server.step(input, clock);
        self.run_server(now, id, &actions, received, answer);
        actions.contains(&Action::SendResponse)
    }

    fn run_server(
        &mut self,
        now: Instant,
        id: ServerId,
        actions: &[Action],
        received: Option<(&Flow, &Message)>,
        mut answer: Option<Message>,
    ) {
        let Some(server) = self.tables.servers.get_mut(id.0) else {
            return;
        };
        let internal = server.is_internal();
        let out = &mut self.out;
        for action in actions {
            server.pending.apply(now, *action);
            let event = match action {
                Action::SendResponse | Action::SendTrying => {
                    if *action == Action::SendTrying {
                        answer = Some(Builder::reply(&server.request, StatusCode::TRYING, None).finish());
                    }
                    server.response = answer.take().or(server.response.take());
                    out.extend(server.transmit());
                    None
                }
                Action::ResendResponse => {
                    out.extend(server.transmit());
                    None
                }
                Action::PassAck => received.map(|(flow, message)| TxEvent::Ack {
                    flow: *flow,
                    message: message.clone(),
                }),
                Action::PassCancel => received.map(|(_, message)| TxEvent::Cancelled {
                    id,
                    message: message.clone(),
                }),
                Action::AckTimeout => Some(TxEvent::AckTimeout { id }),
                Action::TransportFailed => Some(TxEvent::ServerTransportFailed { id }),
                Action::Start(..) | Action::StopRepeating | Action::StopEnding => None,
                // A client's.
                Action::SendRequest | Action::SendAck | Action::ResendAck | Action::SendCancel => None,
                Action::PassResponse | Action::TimedOut => None,
            };
            if !internal {
                out.extend(event.map(TxOutput::Event));
            }
        }
        if server.is_terminated() {
            if !internal {
                out.push_back(TxOutput::Event(TxEvent::ServerGone { id }));
            }
            self.remove_server(id);
        } else {
            self.queue.schedule(Owner::Server(id), &mut self.tables);
        }
    }

    fn remove_server(&mut self, id: ServerId) {
        let Some(server) = self.tables.servers.remove(id.0) else {
            return;
        };
        self.discount_call(&server.request);
        self.server_keys.remove(&server.key);
        if let Some(merged) = &server.merged {
            self.merged.remove(merged);
        }
        self.forget_flow(&server.reply, server.flow_place);
    }
}

impl Server {
    fn transmit(&self) -> Option<TxOutput> {
        let bytes = self.response.as_ref()?.bytes().clone();
        Some(TxOutput::Transmit {
            flow: self.reply,
            bytes,
        })
    }
}
