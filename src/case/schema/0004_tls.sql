-- What a TLS handshake said of a flow: a JSON object, NULL where there was none.
ALTER TABLE flow ADD COLUMN tls TEXT;
