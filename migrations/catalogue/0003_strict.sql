-- What a strict account lets pass all the same, as a JSON object; null where it is not strict.
ALTER TABLE account ADD COLUMN strict TEXT;
