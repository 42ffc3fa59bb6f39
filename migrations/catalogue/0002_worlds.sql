-- An image is a copy of an account's data that never changes. Accounts, snapshots and seeds stand on images;
-- a profile is what an account is apart from its data: time zone, dialect and clock, as JSON.
CREATE TABLE image (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Inside the data folder.
    file  TEXT    NOT NULL UNIQUE,
    bytes INTEGER NOT NULL
) STRICT;

-- What the account's data are as long as it has no file of its own; null with a file.
ALTER TABLE account ADD COLUMN image INTEGER REFERENCES image (id);
-- What a reset goes back to; null for an account of a version that kept none.
ALTER TABLE account ADD COLUMN origin INTEGER REFERENCES image (id);
ALTER TABLE account ADD COLUMN origin_profile TEXT;
-- Removed after so many milliseconds without a request; null for never.
ALTER TABLE account ADD COLUMN ttl INTEGER;

CREATE INDEX account_image ON account (image);
CREATE INDEX account_origin ON account (origin);

CREATE TABLE snapshot (
    account  TEXT    NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    name     TEXT    NOT NULL,
    image    INTEGER NOT NULL REFERENCES image (id),
    profile  TEXT    NOT NULL,
    taken_at TEXT    NOT NULL,
    PRIMARY KEY (account, name)
) STRICT;

CREATE INDEX snapshot_image ON snapshot (image);

CREATE TABLE seed (
    -- The account of the fixture; empty for the seed without anything.
    name    TEXT    PRIMARY KEY,
    -- SHA-256 of the fixture: a fixture that did not change is not planted again.
    digest  BLOB    NOT NULL,
    image   INTEGER NOT NULL REFERENCES image (id),
    profile TEXT    NOT NULL
) STRICT;

CREATE INDEX seed_image ON seed (image);

-- Files that are to be removed, or whose making has not ended. What stands here after a crash is in nobody's use.
CREATE TABLE unneeded (
    file TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The control API names keys by an id.
CREATE TABLE numbered_key (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the key; the key itself is kept nowhere.
    digest      BLOB NOT NULL UNIQUE,
    account     TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    -- A JSON list of documented names.
    permissions TEXT NOT NULL,
    UNIQUE (account, name)
) STRICT;
INSERT INTO numbered_key (digest, account, name, permissions)
SELECT digest, account, name, permissions FROM api_key ORDER BY account, name;
DROP TABLE api_key;
ALTER TABLE numbered_key RENAME TO api_key;
