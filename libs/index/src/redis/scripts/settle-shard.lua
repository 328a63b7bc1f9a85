-- KEYS: settling. Returns its value, and sets it to the current time if it does not exist.
return settling_since(KEYS[1])
