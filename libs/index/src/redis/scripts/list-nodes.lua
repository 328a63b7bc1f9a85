-- KEYS: reports, expiry of each report, counts. ARGV: limit on nodes. Returns two lists: the names and numbers of the
-- counts, and the IDs and reports of the nodes.
local nodes = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. integer(now_ms()), '+inf', 'LIMIT', 0, ARGV[1])
local reports = {}
for _, node in ipairs(nodes) do
  table.insert(reports, node)
  table.insert(reports, redis.call('HGET', KEYS[1], node) or '')
end
return { redis.call('HGETALL', KEYS[3]), reports }
