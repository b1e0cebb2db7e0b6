-- pin: the SHA-256 digest hash of the digits with which people log on to another phone; NULL: nobody can. A row of log_ons
-- says that a device acts for another extension than its own.
ALTER TABLE extensions ADD COLUMN pin BLOB CHECK (length(pin) = 32);

CREATE TABLE log_ons (
    domain    TEXT NOT NULL,
    username  TEXT NOT NULL,
    extension TEXT NOT NULL,
    PRIMARY KEY (domain, username),
    FOREIGN KEY (domain, username) REFERENCES devices (domain, username) ON DELETE CASCADE,
    FOREIGN KEY (domain, extension) REFERENCES extensions (domain, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX log_ons_by_extension ON log_ons (domain, extension);
