-- How the device gets keys (DTMF), and sends keys: auto (by what it agrees to), or one way alone: rfc4733, info, inband.
ALTER TABLE devices ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'auto' CHECK (dtmf IN ('auto', 'rfc4733', 'info', 'inband'));
