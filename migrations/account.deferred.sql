-- Indexes up to 64 queued tickets.
BEGIN IMMEDIATE;
INSERT INTO ticket_search (ticket_search, rowid, search_title, search_rest)
SELECT 'delete', id, title, rest FROM search_queue
WHERE title IS NOT NULL AND id IN (SELECT id FROM search_queue ORDER BY id LIMIT 64);
INSERT INTO ticket_search (rowid, search_title, search_rest)
SELECT id, search_title, search_rest FROM ticket
WHERE id IN (SELECT id FROM search_queue ORDER BY id LIMIT 64);
DELETE FROM search_queue WHERE id IN (SELECT id FROM search_queue ORDER BY id LIMIT 64);
SELECT EXISTS (SELECT 1 FROM search_queue);
COMMIT
