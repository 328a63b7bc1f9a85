-- KEYS: expiry of each worker, counts, reports, expiry of each report. ARGV: lifetime of a worker in milliseconds.
-- Returns the number of live workers. Returns nil if no worker is known and counting began less than this lifetime ago.
-- Also returns nil if only workers of release 0.1.0 are running, because they do not register as workers.
local now = integer(now_ms())
local workers = redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
if workers > 0 then return workers end
local since = tonumber(redis.call('HGET', KEYS[2], '') or '')
if since == nil or since > now_ms() - tonumber(ARGV[1]) then return false end
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. now, '+inf')) do
  local report = redis.call('HGET', KEYS[3], node) or ''
  if report:find('"role":"worker"', 1, true) and not redis.call('ZSCORE', KEYS[1], node) then return false end
end
return workers
