-- One account: its tickets, their timelines, and the reference data that names ids.
-- Dates are text in UTC, `YYYY-MM-DD HH:MM:SS`, so they sort chronologically.
CREATE TABLE ticket (
    assigned_group_id               INTEGER NOT NULL DEFAULT 0,
    assigned_user_id                INTEGER NOT NULL DEFAULT 0,
    channel_account_id              TEXT    NOT NULL DEFAULT '0',
    channel_id                      INTEGER NOT NULL DEFAULT 1,
    closed_at                       TEXT,
    created_at                      TEXT    NOT NULL,
    customer_id                     INTEGER NOT NULL DEFAULT 0,
    direction                       TEXT    NOT NULL DEFAULT 'inbound',
    external_gui_url                TEXT,
    external_id                     TEXT,
    form_id                         INTEGER,
    "from"                          TEXT    NOT NULL DEFAULT '',
    from_name                       TEXT    NOT NULL DEFAULT '',
    grade_by_customer               INTEGER,
    icon                            TEXT,
    last_update                     TEXT    NOT NULL,
    last_update_agent               TEXT,
    last_update_customer            TEXT,
    priority                        TEXT    NOT NULL DEFAULT 'medium',
    show_timeline                   INTEGER NOT NULL DEFAULT 1,
    sla_breach_customer_wait_time   TEXT,
    sla_breach_first_reply_time     TEXT,
    sla_breach_next_reply_time      TEXT,
    sla_breach_user_work_time       TEXT,
    sla_next_breach                 TEXT,
    sla_next_breach_current_status  TEXT,
    sla_policy_id                   INTEGER,
    snooze_time                     TEXT,
    snooze_time_sent                TEXT,
    title                           TEXT    NOT NULL DEFAULT '',
    "to"                            TEXT    NOT NULL DEFAULT '',
    to_name                         TEXT    NOT NULL DEFAULT '',
    status                          TEXT    NOT NULL DEFAULT 'new',
    -- AUTOINCREMENT: no id is reused, not even after a deletion.
    id                              INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_name                    TEXT,
    channel_icon                    TEXT,
    brand_name                      TEXT,
    brand_id                        INTEGER NOT NULL DEFAULT 0,
    -- The searched texts, lower-cased in Rust: SQLite's LOWER knows ASCII only.
    search_title                    TEXT    NOT NULL DEFAULT '',
    search_rest                     TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX ticket_status ON ticket (status, id);
CREATE INDEX ticket_closed_at ON ticket (closed_at) WHERE closed_at IS NOT NULL;

-- The events and notes of a ticket, stored side by side in the order in which they are shown. No id is reused:
-- sqlite_sequence has the last one.
CREATE TABLE timeline (
    id             INTEGER NOT NULL,
    ticket_id      INTEGER NOT NULL REFERENCES ticket (id) ON DELETE CASCADE,
    type           TEXT    NOT NULL CHECK (type IN ('event', 'note')),
    created_at     TEXT    NOT NULL,
    item_type      TEXT,
    item_type_id   TEXT,
    description    TEXT,
    initiated_by   TEXT,
    "to"           TEXT,
    "from"         TEXT,
    image          TEXT,
    pinned         INTEGER,
    channel_name   TEXT,
    channel_icon   TEXT,
    status_new     TEXT,
    user_id        INTEGER,
    user_name      TEXT,
    user_avatar    TEXT,
    channel_id     INTEGER,
    direction      TEXT,
    content        TEXT,
    external_id    TEXT,
    from_name      TEXT,
    to_name        TEXT,
    meta_data      TEXT,
    in_queue       INTEGER,
    PRIMARY KEY (ticket_id, created_at, id)
) STRICT, WITHOUT ROWID;

INSERT INTO sqlite_sequence (name, seq) VALUES ('timeline', 0);

CREATE TABLE customer (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    external_primary_id TEXT UNIQUE,
    firstname           TEXT    NOT NULL DEFAULT '',
    lastname            TEXT    NOT NULL DEFAULT '',
    brand_id            INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Names of ids; the kind is brand, channel, group or user.
CREATE TABLE reference (
    kind TEXT    NOT NULL,
    id   INTEGER NOT NULL,
    name TEXT    NOT NULL,
    icon TEXT,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE view (
    id         INTEGER PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    conditions TEXT NOT NULL
) STRICT;

-- Substring search by trigrams. The texts are in lower case, so the index compares exactly.
CREATE VIRTUAL TABLE ticket_search USING fts5 (
    search_title, search_rest,
    content = 'ticket', content_rowid = 'id', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);

-- The number of tickets for each combination of the usual list filters, so that no list has to count tickets.
-- closed_on is the UTC day of closed_at, or empty.
CREATE TABLE tally (
    status      TEXT    NOT NULL,
    priority    TEXT    NOT NULL,
    is_assigned INTEGER NOT NULL,
    closed_on   TEXT    NOT NULL,
    tickets     INTEGER NOT NULL,
    PRIMARY KEY (status, priority, is_assigned, closed_on)
) STRICT, WITHOUT ROWID;

-- Tickets that the search index does not have yet, with the texts it has of them, if any. The index is updated while
-- the writer is idle; until then a search scans these tickets.
CREATE TABLE search_queue (id INTEGER PRIMARY KEY, title TEXT, rest TEXT) STRICT;

CREATE TRIGGER ticket_search_insert AFTER INSERT ON ticket BEGIN
    INSERT OR IGNORE INTO search_queue (id) VALUES (new.id);
END;

CREATE TRIGGER ticket_search_update AFTER UPDATE OF search_title, search_rest ON ticket BEGIN
    INSERT OR IGNORE INTO search_queue (id, title, rest) VALUES (old.id, old.search_title, old.search_rest);
END;

CREATE TRIGGER ticket_search_delete AFTER DELETE ON ticket BEGIN
    INSERT OR IGNORE INTO search_queue (id, title, rest) VALUES (old.id, old.search_title, old.search_rest);
    DELETE FROM search_queue WHERE id = old.id AND title IS NULL;
END;
