-- A default, so that the version before this one can still add entries while both run.
ALTER TABLE entries ADD COLUMN hidden boolean NOT NULL DEFAULT false;

-- What readers page through.
CREATE INDEX entries_shown ON entries (id DESC) WHERE NOT hidden;
