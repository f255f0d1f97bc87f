-- The journal's end, kept apart from it (info: journal_head, the last row's number and hash): without it a journal whose last rows
-- are gone is a whole one. And a mark has the time of the journal row that tells of it, so that the two can be compared.
INSERT INTO info(key,v) SELECT 'journal_head', seq||' '||lower(hex(hash)) FROM journal ORDER BY seq DESC LIMIT 1;
UPDATE mark SET at=coalesce((SELECT at FROM journal j WHERE j.seq=mark.seq),at);
