-- KEYS: the first three of report-node. ARGV: limit on nodes. Returns the counts as names and numbers, and the nodes as
-- IDs and reports.
local nodes = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. integer(now_ms()), '+inf', 'LIMIT', 0, ARGV[1])
local reports = {}
for _, node in ipairs(nodes) do
  table.insert(reports, node)
  table.insert(reports, redis.call('HGET', KEYS[1], node) or '')
end
return { redis.call('HGETALL', KEYS[3]), reports }
