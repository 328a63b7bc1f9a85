-- KEYS: as of report-node. ARGV: how many nodes. Returns the counts, as name and number each, and the nodes, as name and report each.
local nodes = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. integer(now_ms()), '+inf', 'LIMIT', 0, ARGV[1])
local reports = {}
for _, node in ipairs(nodes) do
  table.insert(reports, node)
  table.insert(reports, redis.call('HGET', KEYS[1], node) or '')
end
return { redis.call('HGETALL', KEYS[3]), reports }
