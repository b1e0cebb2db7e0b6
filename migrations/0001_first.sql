-- Every key begins with the SIP domain, so that one file can hold several tenants. (The number of a call record
-- is its place in the order of all, for paging; what names the call is its domain and id.)
-- Times are microseconds since the Unix epoch. Secrets are kept as hashes only.

PRAGMA application_id = 1413574244; -- "TAnd": tells the file from other people's

CREATE TABLE extensions (
    domain            TEXT    NOT NULL,
    number            TEXT    NOT NULL CHECK (length(number) BETWEEN 1 AND 32 AND number NOT GLOB '*[^A-Za-z0-9*#+._-]*'),
    name              TEXT    NOT NULL,
    dnd               INTEGER NOT NULL DEFAULT 0,
    forward_always    TEXT,
    forward_busy      TEXT,
    forward_no_answer TEXT,
    voicemail         INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (domain, number)
) STRICT, WITHOUT ROWID;

-- ha1_*: the digest hash of user:realm:password (RFC 7616 section 3.4.2).
CREATE TABLE devices (
    domain     TEXT NOT NULL,
    username   TEXT NOT NULL,
    extension  TEXT NOT NULL,
    ha1_md5    BLOB NOT NULL CHECK (length(ha1_md5) = 16),
    ha1_sha256 BLOB NOT NULL CHECK (length(ha1_sha256) = 32),
    codecs     TEXT NOT NULL DEFAULT '',
    nat        TEXT NOT NULL DEFAULT 'source' CHECK (nat IN ('source', 'contact')),
    transport  TEXT,
    PRIMARY KEY (domain, username),
    FOREIGN KEY (domain, extension) REFERENCES extensions (domain, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_by_extension ON devices (domain, extension);

-- No foreign key: bindings are written behind, and one that comes after its device has gone must not
-- fail the batch it is in. It is left out when bindings are read and removed at the next start.
CREATE TABLE bindings (
    domain        TEXT    NOT NULL,
    id            INTEGER NOT NULL,
    number        TEXT    NOT NULL,
    username      TEXT    NOT NULL,
    contact       TEXT    NOT NULL,
    transport     TEXT    NOT NULL,
    local         TEXT    NOT NULL,
    remote        TEXT    NOT NULL,
    path          TEXT    NOT NULL,
    instance      TEXT,
    reg_id        INTEGER,
    q             INTEGER NOT NULL,
    call_id       TEXT    NOT NULL,
    cseq          INTEGER NOT NULL,
    user_agent    TEXT    NOT NULL,
    registered_at INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    PRIMARY KEY (domain, id)
) STRICT;

CREATE INDEX bindings_by_device ON bindings (domain, username);

CREATE TRIGGER devices_take_their_bindings AFTER DELETE ON devices BEGIN
    DELETE FROM bindings WHERE domain = old.domain AND username = old.username;
END;

-- A row is written when a call begins and completed when it ends; ended_at is null in between.
CREATE TABLE cdrs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    domain      TEXT    NOT NULL,
    call_id     TEXT    NOT NULL,
    sip_call_id TEXT    NOT NULL,
    from_number TEXT    NOT NULL,
    from_name   TEXT    NOT NULL,
    dialed      TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    to_number   TEXT    NOT NULL DEFAULT '',
    answered_at INTEGER,
    ended_at    INTEGER,
    disposition TEXT,
    sip_code    INTEGER NOT NULL DEFAULT 0,
    ended_by    TEXT,
    detail      TEXT    NOT NULL DEFAULT '',
    UNIQUE (domain, call_id),
    CHECK ((ended_at IS NULL) = (disposition IS NULL) AND (ended_at IS NULL) = (ended_by IS NULL))
) STRICT;

-- Lists show calls that have ended, newest first, so only those are indexed.
CREATE INDEX cdrs_by_time ON cdrs (domain, started_at) WHERE ended_at IS NOT NULL;
CREATE INDEX cdrs_by_from ON cdrs (domain, from_number, started_at) WHERE ended_at IS NOT NULL;
CREATE INDEX cdrs_by_to ON cdrs (domain, to_number, started_at) WHERE ended_at IS NOT NULL;
CREATE INDEX cdrs_by_dialed ON cdrs (domain, dialed, started_at) WHERE ended_at IS NOT NULL;
CREATE INDEX cdrs_by_disposition ON cdrs (domain, disposition, started_at) WHERE ended_at IS NOT NULL;
CREATE INDEX cdrs_open ON cdrs (id) WHERE ended_at IS NULL;

CREATE TABLE admin_tokens (
    domain     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    domain     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (domain, key)
) STRICT, WITHOUT ROWID;
