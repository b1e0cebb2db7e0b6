-- What an extension wants done with its calls. NULL: none; for no_answer_seconds, as long as the dialplan says; for
-- call_limit, as many as come. pickup_group: a word; who shares it may take one another's ringing calls. music: the name
-- of the sound that held parties hear.
ALTER TABLE extensions ADD COLUMN forward_unreachable TEXT;
ALTER TABLE extensions ADD COLUMN no_answer_seconds INTEGER CHECK (no_answer_seconds BETWEEN 5 AND 300);
ALTER TABLE extensions ADD COLUMN call_limit INTEGER CHECK (call_limit BETWEEN 1 AND 50);
ALTER TABLE extensions ADD COLUMN pickup_group TEXT;
ALTER TABLE extensions ADD COLUMN music TEXT;
ALTER TABLE extensions ADD COLUMN reject_anonymous INTEGER NOT NULL DEFAULT 0 CHECK (reject_anonymous IN (0, 1));
ALTER TABLE extensions ADD COLUMN hide_number INTEGER NOT NULL DEFAULT 0 CHECK (hide_number IN (0, 1));
ALTER TABLE extensions ADD COLUMN intercom INTEGER NOT NULL DEFAULT 1 CHECK (intercom IN (0, 1));

-- Whether the callee was not shown the caller's number: a call return must not tell it either.
ALTER TABLE cdrs ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1));
