//! Client transactions: either machine with its request, and what it asks for done.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ClientId, Owner, TxEvent, TxOutput, build, keys,
    layer::Layer,
    machine::{
        client_invite::{self, Input as InviteInput},
        client_non_invite::{self, Input as OtherInput},
    },
    queue::Pending,
    timers::{Action, Actions, Clock, Timer},
};
use crate::{Flow, Message, Method, StatusCode, time::Instant};

enum Machine {
    Invite(client_invite::Machine),
    NonInvite(client_non_invite::Machine),
}

/// What happens to a client transaction.
#[derive(Copy, Clone)]
pub(super) enum Input {
    Timer(Timer),
    Response(StatusCode),
    Cancel,
    TransportFailed,
}

pub(super) struct Client {
    machine: Machine,
    pub(super) request: Message,
    pub(super) flow: Flow,
    pub(super) key: Arc<str>,
    /// The place in the layer's list of this flow's transactions.
    pub(super) flow_place: u32,
    pub(super) pending: Pending,
    /// The ACK to a non-2xx final response.
    ack: Option<Bytes>,
    cancel_reason: Option<Box<str>>,
}

impl Client {
    /// A CANCEL is the layer's own: its user hears nothing of it.
    fn is_internal(&self) -> bool {
        *self.request.method() == Method::Cancel
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.state == client_invite::State::Terminated,
            Machine::NonInvite(machine) => machine.state == client_non_invite::State::Terminated,
        }
    }

    fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match &mut self.machine {
            Machine::Invite(machine) => {
                let input = match input {
                    Input::Timer(timer) => InviteInput::of_timer(timer),
                    Input::Response(StatusCode::TRYING) => Some(InviteInput::Trying),
                    Input::Response(status) if status.is_provisional() => Some(InviteInput::Provisional),
                    Input::Response(status) if status.is_success() => Some(InviteInput::Success),
                    Input::Response(_) => Some(InviteInput::Failure),
                    Input::Cancel => Some(InviteInput::Cancel),
                    Input::TransportFailed => Some(InviteInput::TransportFailed),
                };
                input.map(|input| machine.step(input, clock)).unwrap_or_default()
            }
            Machine::NonInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => OtherInput::of_timer(timer),
                    Input::Response(status) if status.is_provisional() => Some(OtherInput::Provisional),
                    Input::Response(_) => Some(OtherInput::Final),
                    Input::Cancel => None,
                    Input::TransportFailed => Some(OtherInput::TransportFailed),
                };
                input.map(|input| machine.step(input, clock)).unwrap_or_default()
            }
        }
    }
}

impl Layer {
    /// Starts a client transaction for a request whose key is in the layer's key buffer.
    pub(super) fn start_client(&mut self, now: Instant, flow: Flow, request: Message) -> ClientId {
        let clock = self.clock(&flow);
        let (machine, actions) = if *request.method() == Method::Invite {
            let (machine, actions) = client_invite::Machine::start(clock);
            (Machine::Invite(machine), actions)
        } else {
            let (machine, actions) = client_non_invite::Machine::start(clock);
            (Machine::NonInvite(machine), actions)
        };
        let key: Arc<str> = self.key.as_str().into();
        let id = ClientId(self.tables.clients.insert(Client {
            machine,
            request,
            flow,
            key: key.clone(),
            flow_place: 0,
            pending: Pending::default(),
            ack: None,
            cancel_reason: None,
        }));
        self.client_keys.insert(key, id);
        let place = self.flows.add(&flow, Owner::Client(id));
        if let Some(client) = self.tables.clients.get_mut(id.0) {
            client.flow_place = place;
        }
        self.run_client(now, id, &actions, None);
        id
    }

    /// Gives a client transaction an input, and does what it answers. A response comes with the
    /// way it came.
    pub(super) fn client_input(
        &mut self,
        now: Instant,
        id: ClientId,
        input: Input,
        response: Option<(&Flow, &Message)>,
    ) {
        let Some(client) = self.tables.clients.get_mut(id.0) else {
            return;
        };
        let clock = Clock {
            timers: &self.config.timers,
            reliable: client.flow.transport.is_reliable(),
        };
        let actions = client.step(input, clock);
        self.run_client(now, id, &actions, response);
    }

    /// Marks an INVITE to be cancelled, or cancels it.
    pub(super) fn cancel_client(&mut self, now: Instant, id: ClientId, reason: Option<&str>) {
        if let Some(client) = self.tables.clients.get_mut(id.0) {
            client.cancel_reason = reason.map(Into::into);
        }
        self.client_input(now, id, Input::Cancel, None);
    }

    fn run_client(&mut self, now: Instant, id: ClientId, actions: &[Action], response: Option<(&Flow, &Message)>) {
        let mut send_cancel = false;
        let Some(client) = self.tables.clients.get_mut(id.0) else {
            return;
        };
        let internal = client.is_internal();
        let flow = client.flow;
        let out = &mut self.out;
        let mut transmit = |bytes: &Bytes| {
            let bytes = bytes.clone();
            out.push_back(TxOutput::Transmit { flow, bytes });
        };
        let mut events: [Option<TxEvent>; 2] = [None, None];
        let [event, gone] = &mut events;
        for action in actions {
            client.pending.apply(now, *action);
            match action {
                Action::SendRequest => transmit(client.request.bytes()),
                Action::SendAck => {
                    let ack = response.and_then(|(_, response)| build::ack(&client.request, response));
                    client.ack = ack.map(|ack| ack.bytes().clone());
                    client.ack.iter().for_each(&mut transmit);
                }
                Action::ResendAck => client.ack.iter().for_each(&mut transmit),
                Action::SendCancel => send_cancel = true,
                Action::PassResponse => {
                    *event = response.map(|(flow, message)| TxEvent::Response {
                        id,
                        flow: *flow,
                        message: message.clone(),
                    });
                }
                Action::TimedOut => *event = Some(TxEvent::TimedOut { id }),
                Action::TransportFailed => *event = Some(TxEvent::TransportFailed { id }),
                Action::Start(..) | Action::StopRepeating | Action::StopEnding => {}
                // A server's.
                Action::SendResponse | Action::ResendResponse | Action::SendTrying => {}
                Action::PassAck | Action::PassCancel | Action::AckTimeout => {}
            }
        }
        let cancel = if send_cancel {
            build::cancel(&client.request, client.cancel_reason.as_deref())
        } else {
            None
        };
        if client.is_terminated() {
            *gone = Some(TxEvent::ClientGone { id });
        }
        let is_gone = gone.is_some();
        if !internal {
            out.extend(events.into_iter().flatten().map(TxOutput::Event));
        }
        if is_gone {
            self.remove_client(id);
        } else {
            self.queue.schedule(Owner::Client(id), &mut self.tables);
        }
        // RFC 3261 9.1: a transaction of its own, under the INVITE's branch.
        if let Some(cancel) = cancel
            && keys::client(&mut self.key, &cancel, &Method::Cancel)
        {
            self.start_client(now, flow, cancel);
        }
    }

    fn remove_client(&mut self, id: ClientId) {
        let Some(client) = self.tables.clients.remove(id.0) else {
            return;
        };
        self.client_keys.remove(&client.key);
        self.forget_flow(&client.flow, client.flow_place);
    }
}
