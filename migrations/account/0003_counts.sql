-- How many tickets there are of each kind that lists usually ask for, so that no list counts them one by one.
-- closed_on is the day of closed_at, or empty.
CREATE TABLE tally (
    status      TEXT    NOT NULL,
    priority    TEXT    NOT NULL,
    is_assigned INTEGER NOT NULL,
    closed_on   TEXT    NOT NULL,
    tickets     INTEGER NOT NULL,
    PRIMARY KEY (status, priority, is_assigned, closed_on)
) STRICT, WITHOUT ROWID;

INSERT INTO tally (status, priority, is_assigned, closed_on, tickets)
SELECT status, priority, assigned_group_id <> 0 OR assigned_user_id <> 0, COALESCE(SUBSTR(closed_at, 1, 10), ''), COUNT(*)
FROM ticket GROUP BY 1, 2, 3, 4;

-- Tickets whose texts the search index does not have yet, with the texts that it has of them, if any. It catches up
-- when nobody waits; until then a search looks at these tickets one by one.
CREATE TABLE search_queue (id INTEGER PRIMARY KEY, title TEXT, rest TEXT) STRICT;

INSERT INTO search_queue (id) SELECT id FROM ticket_unindexed;

DROP TRIGGER ticket_search_insert;
DROP TRIGGER ticket_search_delete;
DROP TRIGGER ticket_search_update;
DROP TRIGGER ticket_search_catch_up;
DROP TABLE ticket_unindexed;

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
