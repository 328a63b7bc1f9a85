-- KEYS: ranking. ARGV: half-life in milliseconds, limit on names, then name and number of pulls for each. A score is
-- the binary logarithm of the weighted pulls, where each pull is worth 2^(time / half-life).
local at, max_names = now_ms() / tonumber(ARGV[1]), tonumber(ARGV[2])

local function log2(number)
  return math.log(number) / math.log(2)
end

local names = redis.call('ZCARD', KEYS[1])
for position = 3, #ARGV, 2 do
  local name, score = ARGV[position], at + log2(tonumber(ARGV[position + 1]))
  local before = redis.call('ZSCORE', KEYS[1], name)
  if not before and names >= max_names then
    -- The new name replaces the least popular one and gets its score in addition. Otherwise the next new name would
    -- replace it immediately, and no new name could ever become popular.
    before = redis.call('ZPOPMIN', KEYS[1])[2]
  elseif not before then
    names = names + 1
  end
  if before then
    before = tonumber(before)
    score = math.max(before, score) + log2(1 + 2 ^ -math.abs(before - score))
  end
  redis.call('ZADD', KEYS[1], string.format('%.17g', score), name)
end
