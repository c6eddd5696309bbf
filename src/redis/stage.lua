-- KEYS: the pieces. ARGV: the number of a piece, the piece. They are gone in an hour unless they are published.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], TOMBSTONE) end
return 1
