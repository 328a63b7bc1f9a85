-- KEYS: any key of the node whose clock is read. Returns its time in milliseconds.
return integer(now_ms())
