-- Operations beyond the route. op_note_id: what was read of an operation, for people. dispatch_id: fields that may choose an
-- operation on one URL (a term: `query:action=list`, a line each); shape: prints of what else was asked and answered.
-- grpc_status: from trailers, or from the headers of an answer that has nothing else; NULL where it is not known.
ALTER TABLE call ADD COLUMN op_note_id INTEGER;
ALTER TABLE call ADD COLUMN dispatch_id INTEGER;
ALTER TABLE call ADD COLUMN shape INTEGER;
ALTER TABLE call ADD COLUMN grpc_status INTEGER;
-- Type of a body's messages under the schema that it was scanned with (a term): names of fields in findings are of that type.
ALTER TABLE body ADD COLUMN message_id INTEGER;
