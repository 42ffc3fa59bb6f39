-- The accounts of a server and the keys that open them.
CREATE TABLE account (
    name      TEXT PRIMARY KEY,
    -- The file of its database, inside the data folder; null for one in memory.
    file      TEXT,
    time_zone TEXT NOT NULL,
    -- What the seed chose differently, as JSON.
    dialect   TEXT NOT NULL,
    clock     TEXT NOT NULL
) STRICT;

CREATE TABLE api_key (
    -- SHA-256 of the key; the key itself is kept nowhere.
    digest      BLOB PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    -- A JSON list of documented names.
    permissions TEXT NOT NULL,
    UNIQUE (account, name)
) STRICT;
