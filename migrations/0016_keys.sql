-- Secrets that have to be the same after a restart, made when they are first asked for. gruu: seals temporary GRUUs (RFC 5627).
CREATE TABLE keys (
    domain TEXT NOT NULL,
    name   TEXT NOT NULL,
    key    BLOB NOT NULL CHECK (length(key) = 32),
    PRIMARY KEY (domain, name)
) STRICT, WITHOUT ROWID;
