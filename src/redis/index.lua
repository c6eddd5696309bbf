-- KEYS: a tag's index. ARGV: the session's name. By the time in it, nobody takes it for stale before it is committed.
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], time[1] * 1000, ARGV[1])
