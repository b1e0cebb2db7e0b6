//! Client transactions: either machine with its request, and what it asks for done.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{
    ClientId, TxEvent, TxOutput, build,
    machine::{
        client_invite::{self, Input as InviteInput},
        client_non_invite::{self, Input as OtherInput},
    },
    timers::{Action, Actions, Clock, Timer, queue::Pending},
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
    /// A client transaction for a request with this key, and what it asks for at its start.
    pub(super) fn new(flow: Flow, request: Message, key: Arc<str>, clock: Clock<'_>) -> (Self, Actions) {
        let (machine, actions) = if *request.method() == Method::Invite {
            let (machine, actions) = client_invite::Machine::start(clock);
            (Machine::Invite(machine), actions)
        } else {
            let (machine, actions) = client_non_invite::Machine::start(clock);
            (Machine::NonInvite(machine), actions)
        };
        let client = Self {
            machine,
            request,
            flow,
            key,
            flow_place: 0,
            pending: Pending::default(),
            ack: None,
            cancel_reason: None,
        };
        (client, actions)
    }

    /// Sets the value of the CANCEL's Reason header field.
    pub(super) fn set_cancel_reason(&mut self, reason: Option<&str>) {
        self.cancel_reason = reason.map(Into::into);
    }

    /// A CANCEL is the layer's own: its user hears nothing of it.
    fn is_internal(&self) -> bool {
        *self.request.method() == Method::Cancel
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.state == client_invite::State::Terminated,
            Machine::NonInvite(machine) => machine.state == client_non_invite::State::Terminated,
        }
    }

    pub(super) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
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

    /// Does what the machine asks for. `response` is what came, with the way it came. Gives back the CANCEL that is to
    /// be sent now, if there is one.
    pub(super) fn run(
        &mut self,
        now: Instant,
        id: ClientId,
        actions: &[Action],
        response: Option<(&Flow, &Message)>,
        out: &mut VecDeque<TxOutput>,
    ) -> Option<Message> {
        let mut send_cancel = false;
        let internal = self.is_internal();
        let flow = self.flow;
        let mut transmit = |bytes: &Bytes| {
            let bytes = bytes.clone();
            out.push_back(TxOutput::Transmit { flow, bytes });
        };
        let mut events: [Option<TxEvent>; 2] = [None, None];
        let [event, gone] = &mut events;
        for action in actions {
            self.pending.apply(now, *action);
            match action {
                Action::SendRequest => transmit(self.request.bytes()),
                Action::SendAck => {
                    let ack = response.and_then(|(_, response)| build::ack(&self.request, response));
                    self.ack = ack.map(|ack| ack.bytes().clone());
                    self.ack.iter().for_each(&mut transmit);
                }
                Action::ResendAck => self.ack.iter().for_each(&mut transmit),
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
            build::cancel(&self.request, self.cancel_reason.as_deref())
        } else {
            None
        };
        if self.is_terminated() {
            *gone = Some(TxEvent::ClientGone { id });
        }
        if !internal {
            out.extend(events.into_iter().flatten().map(TxOutput::Event));
        }
        cancel
    }
}
