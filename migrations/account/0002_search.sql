-- Substring search by trigrams. The texts are lower case already, so the index compares exactly.
CREATE VIRTUAL TABLE ticket_search USING fts5 (
    search_title, search_rest,
    content = 'ticket', content_rowid = 'id', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);

-- Tickets that the index does not have yet. A few hundred at a time cost a fraction of one at a time, since
-- the index is written out at every savepoint; until then a search looks at them one by one.
CREATE TABLE ticket_unindexed (id INTEGER PRIMARY KEY) STRICT;

CREATE TRIGGER ticket_search_insert AFTER INSERT ON ticket BEGIN
    INSERT INTO ticket_unindexed (id) VALUES (new.id);
END;

CREATE TRIGGER ticket_search_delete AFTER DELETE ON ticket BEGIN
    INSERT INTO ticket_search (ticket_search, rowid, search_title, search_rest)
    SELECT 'delete', old.id, old.search_title, old.search_rest
    WHERE old.id NOT IN (SELECT id FROM ticket_unindexed);
    DELETE FROM ticket_unindexed WHERE id = old.id;
END;

CREATE TRIGGER ticket_search_update AFTER UPDATE OF search_title, search_rest ON ticket BEGIN
    INSERT INTO ticket_search (ticket_search, rowid, search_title, search_rest)
    SELECT 'delete', old.id, old.search_title, old.search_rest
    WHERE old.id NOT IN (SELECT id FROM ticket_unindexed);
    INSERT OR IGNORE INTO ticket_unindexed (id) VALUES (new.id);
END;

CREATE TRIGGER ticket_search_catch_up AFTER INSERT ON ticket_unindexed
WHEN (SELECT COUNT(*) FROM ticket_unindexed) >= 256 BEGIN
    INSERT INTO ticket_search (rowid, search_title, search_rest)
    SELECT id, search_title, search_rest FROM ticket WHERE id IN (SELECT id FROM ticket_unindexed);
    DELETE FROM ticket_unindexed;
END;

-- Tickets of a folder that was written before this index existed.
INSERT INTO ticket_search (ticket_search) VALUES ('rebuild');
