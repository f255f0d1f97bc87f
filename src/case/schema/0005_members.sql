-- Which member of the archive at "path" a source is: its number, 3 or inside another archive 3.1; NULL for a file.
ALTER TABLE source ADD COLUMN member TEXT;
