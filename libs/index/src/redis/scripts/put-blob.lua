-- KEYS: blob, least-recent, total. ARGV: touchedAtMs, then digest, size and further fields. Returns 0 if the record is
-- of a newer release, else 1.
return put_blob(KEYS, arguments(1)) and 1 or 0
