-- KEYS: a tag's index. ARGV: sessions that do not carry the tag. One that is being written may do so in a moment.
local time = redis.call('TIME')
for _, name in ipairs(ARGV) do
  local added = redis.call('ZSCORE', KEYS[1], name)
  if added and time[1] * 1000 - added > INDEXED then redis.call('ZREM', KEYS[1], name) end
end
return 1
