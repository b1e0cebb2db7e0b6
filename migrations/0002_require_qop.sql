-- Whether the device must answer challenges with qop (RFC 7616 section 3.4): an answer in the form of RFC 2069 is
-- then refused.
ALTER TABLE devices ADD COLUMN require_qop INTEGER NOT NULL DEFAULT 0 CHECK (require_qop IN (0, 1));
