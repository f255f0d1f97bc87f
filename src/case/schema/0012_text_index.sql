-- An index of stored text, made when it is wanted (case::text::index): never needed, dropped with the packs that it covers.
-- packs, bytes: what it covers, to be compared with what is there. cols: pack (step from the one before), first and last column
-- of each; NULL where these packs are not worth bits and are read.
CREATE TABLE text_group(id INTEGER PRIMARY KEY, pack_from INTEGER NOT NULL, pack_to INTEGER NOT NULL, packs INTEGER NOT NULL,
  bytes INTEGER NOT NULL, cols BLOB) STRICT;
-- Rows of bits of a group: id is the group's * 512 and the part's number.
CREATE TABLE text_bits(id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
