-- What phones are subscribed to (RFC 6665), so that lamps go on over a restart: the dialog as our side of it stands, and
-- what is watched. No foreign key, as for bindings: rows are written behind, and one whose extension or device is gone is
-- left out when they are read.
CREATE TABLE subscriptions (
    domain         TEXT    NOT NULL,
    id             INTEGER NOT NULL,
    watcher        TEXT    NOT NULL,
    -- The device; null for a phone in a trusted network.
    username       TEXT,
    number         TEXT    NOT NULL,
    package        TEXT    NOT NULL,
    event_id       TEXT,
    accept         TEXT    NOT NULL,
    transport      TEXT    NOT NULL,
    local          TEXT    NOT NULL,
    remote         TEXT    NOT NULL,
    call_id        TEXT    NOT NULL,
    local_tag      TEXT    NOT NULL,
    remote_tag     TEXT    NOT NULL,
    local_address  TEXT    NOT NULL,
    remote_address TEXT    NOT NULL,
    target         TEXT    NOT NULL,
    -- One a line.
    routes         TEXT    NOT NULL,
    local_seq      INTEGER NOT NULL,
    remote_seq     INTEGER NOT NULL,
    secure         INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    PRIMARY KEY (domain, id)
) STRICT;
