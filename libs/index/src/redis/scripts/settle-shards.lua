-- KEYS: settling, of one shard or of more. Returns since when each has been settling.
local sinces = {}
for position, key in ipairs(KEYS) do sinces[position] = settling_since(key) end
return sinces
