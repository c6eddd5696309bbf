-- KEYS: a session that is about to be written in a stream. Answers the server's time, and the header of what is there.
local time = redis.call('TIME')
return { time[1] * 1000 + math.floor(time[2] / 1000), redis.call('GETRANGE', KEYS[1], '0', '123') }
