-- KEYS: any of the node whose clock it is. Returns its time in milliseconds.
return integer(now_ms())
