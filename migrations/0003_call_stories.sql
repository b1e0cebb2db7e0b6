-- What happened in a call. cause: a word of the catalogue of causes. segments: who talked with whom and when, links: the
-- calls that it came from or led to, both as JSON. NULL in records from before: those are told as well as can be.
ALTER TABLE cdrs ADD COLUMN cause TEXT;
ALTER TABLE cdrs ADD COLUMN segments TEXT;
ALTER TABLE cdrs ADD COLUMN links TEXT;
