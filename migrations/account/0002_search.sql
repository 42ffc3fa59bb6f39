-- Substring search by trigrams. The texts are lower case already, so the index compares exactly.
CREATE VIRTUAL TABLE ticket_search USING fts5 (
    search_title, search_rest,
    content = 'ticket', content_rowid = 'id', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER ticket_search_insert AFTER INSERT ON ticket BEGIN
    INSERT INTO ticket_search (rowid, search_title, search_rest)
    VALUES (new.id, new.search_title, new.search_rest);
END;

CREATE TRIGGER ticket_search_delete AFTER DELETE ON ticket BEGIN
    INSERT INTO ticket_search (ticket_search, rowid, search_title, search_rest)
    VALUES ('delete', old.id, old.search_title, old.search_rest);
END;

CREATE TRIGGER ticket_search_update AFTER UPDATE OF search_title, search_rest ON ticket BEGIN
    INSERT INTO ticket_search (ticket_search, rowid, search_title, search_rest)
    VALUES ('delete', old.id, old.search_title, old.search_rest);
    INSERT INTO ticket_search (rowid, search_title, search_rest)
    VALUES (new.id, new.search_title, new.search_rest);
END;

-- Tickets of a folder that was written before this index existed.
INSERT INTO ticket_search (ticket_search) VALUES ('rebuild');
