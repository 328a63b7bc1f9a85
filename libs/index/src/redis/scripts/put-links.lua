-- KEYS: links. ARGV: digest and link, for each. A link begins with its schema number, and a plus sign if it is
-- confirmed. A confirmed link stays confirmed while its kind is the same. Links of a newer release are not overwritten.
-- Returns the number of written links, then the digests of links that existed and have changed.
local answer = {0}
for position = 1, #ARGV, 2 do
  local digest, link = ARGV[position], ARGV[position + 1]
  local old = redis.call('HGET', KEYS[1], digest)
  if not old or tonumber(string.match(old, '^%d+')) <= schema then
    local version, kind = string.match(link, '^(%d+)%["(%a)')
    if old and kind and kind == string.match(old, '^%d+%+%["(%a)') then
      link = version .. '+' .. string.sub(link, #version + 1)
    end
    redis.call('HSET', KEYS[1], digest, link)
    answer[1] = answer[1] + 1
    if old and old ~= link then answer[#answer + 1] = digest end
  end
end
return answer
