-- MESSAGEs for extensions whose phones were away. A row is written before the sender is told 202, and deleted when a phone
-- has taken the message, when it has expired, or when its extension is removed. id: grows with the order in which they
-- came. fields: further header fields, one on each line. Times are microseconds since the Unix epoch.
CREATE TABLE kept_messages (
    domain       TEXT    NOT NULL,
    id           INTEGER NOT NULL,
    number       TEXT    NOT NULL,
    sender       TEXT    NOT NULL,
    hidden       INTEGER NOT NULL,
    content_type TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    fields       TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (domain, id)
) STRICT, WITHOUT ROWID;
