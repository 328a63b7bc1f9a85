-- KEYS: blob, least-recent, total. ARGV: touchedAtMs, then digest, size and on. Returns 0 for a record of a newer release.
return put_blob(KEYS, arguments(1)) and 1 or 0
