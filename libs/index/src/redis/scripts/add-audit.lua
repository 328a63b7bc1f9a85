-- KEYS: counter, stream. ARGV: number of entries to keep, then the entries.
for position = 2, #ARGV do
  local sequence = redis.call('INCR', KEYS[1])
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[1], integer(sequence) .. '-1', 'entry', ARGV[position])
end
