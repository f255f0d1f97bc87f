-- The call that shows whose a call is: the login that handed out its credential, the answer that named the owner.
ALTER TABLE call_fact ADD COLUMN proof_id INTEGER;
