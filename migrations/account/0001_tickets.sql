-- One account: its tickets, their timelines, and the reference data that gives names to ids.
-- Dates are text as the API shows them, in the account's time zone.
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
    -- AUTOINCREMENT: an id is never given twice, not even after a deletion.
    id                              INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_name                    TEXT,
    channel_icon                    TEXT,
    brand_name                      TEXT,
    brand_id                        INTEGER NOT NULL DEFAULT 0,
    -- What a search looks through, in lower case (all of Unicode, so not SQLite's lower).
    search_title                    TEXT    NOT NULL DEFAULT '',
    search_rest                     TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX ticket_status ON ticket (status, id);
CREATE INDEX ticket_closed_at ON ticket (closed_at) WHERE closed_at IS NOT NULL;

-- Events and notes of a ticket.
CREATE TABLE timeline (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
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
    in_queue       INTEGER
) STRICT;

CREATE INDEX timeline_ticket ON timeline (ticket_id, created_at, id);

CREATE TABLE customer (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    external_primary_id TEXT UNIQUE,
    firstname           TEXT    NOT NULL DEFAULT '',
    lastname            TEXT    NOT NULL DEFAULT '',
    brand_id            INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Names for ids: kind is brand, channel, group or user.
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
