-- The accounts of a server, their keys, and the files of their data. Settings are those of an account apart from its
-- data: time zone, dialect, clock and strict mode, as JSON.

-- An immutable copy of an account's data, which accounts, snapshots and seeds share.
CREATE TABLE image (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Inside the data directory.
    file  TEXT    NOT NULL UNIQUE,
    bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
    name            TEXT PRIMARY KEY,
    -- The file of its database, inside the data directory; null while its data is exactly the image.
    file            TEXT,
    image_id        INTEGER REFERENCES image (id),
    time_zone       TEXT    NOT NULL,
    -- The options that differ from the server's, as JSON.
    dialect         TEXT    NOT NULL,
    clock           TEXT    NOT NULL,
    -- The warnings that strict mode allows, as JSON; null if it is not strict.
    strict          TEXT,
    -- The state that a reset restores.
    origin_image_id INTEGER REFERENCES image (id),
    origin_settings TEXT,
    -- How many milliseconds without a request remove the account; null for never.
    ttl             INTEGER
) STRICT;

CREATE INDEX account_image ON account (image_id);
CREATE INDEX account_origin ON account (origin_image_id);

CREATE TABLE api_key (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the key; the key itself is not stored.
    hash        BLOB NOT NULL UNIQUE,
    account     TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    -- A JSON list of documented names.
    permissions TEXT NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE snapshot (
    account  TEXT    NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    name     TEXT    NOT NULL,
    image_id INTEGER NOT NULL REFERENCES image (id),
    settings TEXT    NOT NULL,
    taken_at TEXT    NOT NULL,
    PRIMARY KEY (account, name)
) STRICT;

CREATE INDEX snapshot_image ON snapshot (image_id);

CREATE TABLE seed (
    -- The account of the fixture; empty for the empty seed.
    name         TEXT    PRIMARY KEY,
    -- SHA-256 of the fixture: an unchanged fixture is not loaded again.
    fixture_hash BLOB    NOT NULL,
    image_id     INTEGER NOT NULL REFERENCES image (id),
    settings     TEXT    NOT NULL
) STRICT;

CREATE INDEX seed_image ON seed (image_id);

-- Files that are being created or deleted. After a crash nothing uses them, and the next start deletes them.
CREATE TABLE orphaned_file (
    file TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
