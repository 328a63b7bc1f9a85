-- KEYS: reports, expiry of each report, counts. ARGV: limit on nodes, how long ended nodes are kept, limit on ended
-- nodes. Returns three lists: the names and numbers of the counts, the IDs and reports of the nodes, and those of the
-- nodes that ended last.
local now = now_ms()

local function with_reports(nodes)
  local reports = {}
  for _, node in ipairs(nodes) do
    table.insert(reports, node)
    table.insert(reports, redis.call('HGET', KEYS[1], node) or '')
  end
  return reports
end

local live = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. integer(now), '+inf', 'LIMIT', 0, ARGV[1])
local old = integer(now - tonumber(ARGV[2]))
local ended = redis.call('ZREVRANGEBYSCORE', KEYS[2], integer(now), '(' .. old, 'LIMIT', 0, ARGV[3])
return { redis.call('HGETALL', KEYS[3]), with_reports(live), with_reports(ended) }
