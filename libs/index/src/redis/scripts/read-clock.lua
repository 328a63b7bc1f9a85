-- KEYS: any key; Redis runs the script on the node of this key. Returns the time of this node in milliseconds.
return integer(now_ms())
