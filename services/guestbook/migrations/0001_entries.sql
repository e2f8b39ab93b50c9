-- The limits are also in src/text.rs, which explains them to people; these are the last word.
CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 60),
    message text NOT NULL CHECK (char_length(message) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now()
);
