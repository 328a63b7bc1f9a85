-- KEYS: totals of one shard or of more. Returns blobs and bytes of them all.
local blobs, bytes = 0, 0
for _, key in ipairs(KEYS) do
  local total = redis.call('HMGET', key, 'blobs', 'bytes')
  blobs, bytes = blobs + tonumber(total[1] or 0), bytes + tonumber(total[2] or 0)
end
return {integer(blobs), integer(bytes)}
