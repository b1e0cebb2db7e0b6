//! What happens to connections.

use sip::ConnectionId;

use super::Switch;

/// A connection has ended. Legs notice when they next send: a dialog outlives its connection (RFC 3261 18).
pub(super) fn connection_closed(switch: &mut Switch, connection: ConnectionId) {
    let x = &mut switch.x;
    x.registrar.connection_closed(connection);
    x.outside.trunks.connection_closed(&mut x.stack, connection);
    x.stack.layer.connection_closed(x.stack.now, connection);
}
