-- How the legs of a call sounded: a JSON list, one entry a leg, in the order in which the legs ended. It is written after
-- the record's end, as each leg's media is closed. NULL where no leg had any sound, and in records from before.
ALTER TABLE cdrs ADD COLUMN quality TEXT;
