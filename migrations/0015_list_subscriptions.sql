-- The numbers of a list (RFC 4662) that one subscription watches, with spaces between them; empty for a number that is
-- watched by itself.
ALTER TABLE subscriptions ADD COLUMN members TEXT NOT NULL DEFAULT '';
