-- KEYS: sessions. ARGV: one text with the time that the new records were made for, that until which they may be stored, and 1 where changes
-- are told to who wrote, then for each when the server is to remove it or "", and the header of the record that it takes the place of; after
-- that each new record. Lua looks at every byte of a text that it makes, so no record is cut out of another text.
-- Answers the server's time and for each 1, or 0 where nothing was done, whatever the reason: commit.lua finds out.
local HEADER, LAST = 124, '123'
local sub, unpack_at = string.sub, struct.unpack
local given = ARGV[1]
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local made, deadline, is_told, at = unpack_at('<ddB', given)
local is_timely = server <= deadline and math.abs(server - made) <= 1000
local answers = { server }
for number, key in ipairs(KEYS) do
  local ends, start = unpack_at('<s', given, at)
  at = start + HEADER
  local done = 0
  if is_timely then
    local record = ARGV[number + 1]
    local found = redis.pcall('GETRANGE', key, '0', LAST)
    if found == sub(given, start, at - 1) then
      local kept = ends == '' and redis.pcall('SET', key, record) or redis.pcall('SET', key, record, 'PXAT', ends)
      if not kept.err then done = 1 end
    -- A client that lost its connection may send a command twice.
    elseif found == sub(record, 1, HEADER) then
      done = 1
    end
    -- Whoever keeps what it has written in a cache is told of changes as one who has read it.
    if is_told == 1 then redis.call('STRLEN', key) end
  end
  answers[number + 1] = done
end
return answers
