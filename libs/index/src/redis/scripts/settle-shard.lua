-- KEYS: settling. Returns the time since when the shard has been settling.
return settling_since(KEYS[1])
