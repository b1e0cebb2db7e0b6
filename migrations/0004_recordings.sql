-- What was recorded. A row is written when a recording begins and completed when it ends; ended is null in between, and
-- then a word of why. file: below the folder of recordings. call_id: the call that was recorded; who talked in it is in
-- its record.
CREATE TABLE recordings (
    domain     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    call_id    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    file       TEXT    NOT NULL,
    format     TEXT    NOT NULL,
    channels   INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    millis     INTEGER NOT NULL DEFAULT 0,
    octets     INTEGER NOT NULL DEFAULT 0,
    ended      TEXT,
    fault      TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (domain, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX recordings_by_time ON recordings (domain, started_at, id);
CREATE INDEX recordings_by_kind ON recordings (domain, kind, started_at, id);
CREATE INDEX recordings_by_call ON recordings (domain, call_id, started_at, id);
