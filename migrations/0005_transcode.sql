-- Whether Tandem may change the codec of the device's audio where it and the other party share none: auto, or off (only
-- from one law of G.711 to the other).
ALTER TABLE devices ADD COLUMN transcode TEXT NOT NULL DEFAULT 'auto' CHECK (transcode IN ('auto', 'off'));
