-- Ways to other telephone systems. settings: the trunk as JSON, without its password. password: sealed with the key in trunks.key.
CREATE TABLE trunks (
    domain     TEXT NOT NULL,
    name       TEXT NOT NULL,
    settings   TEXT NOT NULL CHECK (json_valid(settings)),
    password   BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (domain, name)
) STRICT, WITHOUT ROWID;
