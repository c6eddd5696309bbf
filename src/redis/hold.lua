-- KEYS: the pieces of a revision that is being read. They stay for a while, also if it is replaced meanwhile.
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < GRACE then redis.call('PEXPIRE', KEYS[1], GRACE) end
return 1
