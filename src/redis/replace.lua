-- KEYS: sessions. ARGV: one text with the time that the new records were made for, that until which they may be stored, and 1 where changes
-- are told to who wrote; then for each how long its new record is, when the server is to remove it or "", the header of the record that
-- it takes the place of, and the new one. One argument, since clients handle each of them apart.
-- Answers the server's time and for each 1, or 0 where nothing was done, whatever the reason: commit.lua finds out.
local HEADER = 124
local sub, unpack_at = string.sub, struct.unpack
local given = ARGV[1]
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local made, deadline, is_told, at = unpack_at('<ddB', given)
local is_timely = server <= deadline and math.abs(server - made) <= 1000
local answers = { server }
for number, key in ipairs(KEYS) do
  local length, ends, start = unpack_at('<I4s', given, at)
  local middle = start + HEADER
  at = middle + length
  local done = 0
  if is_timely then
    local found = redis.pcall('GETRANGE', key, 0, HEADER - 1)
    if found == sub(given, start, middle - 1) then
      local record = sub(given, middle, at - 1)
      local kept = ends == '' and redis.pcall('SET', key, record) or redis.pcall('SET', key, record, 'PXAT', ends)
      if not kept.err then done = 1 end
    -- A client that lost its connection may send a command twice.
    elseif found == sub(given, middle, middle + HEADER - 1) then
      done = 1
    end
    -- Whoever keeps what it has written in a cache is told of changes as one who has read it.
    if is_told == 1 then redis.call('STRLEN', key) end
  end
  answers[number + 1] = done
end
return answers
