-- KEYS: the session. ARGV: now or "", a new lineage, a tag that it must carry or "", and by the server's time, until when it may be
-- done. Answers 1 where there was a session, else 0, or `late` with the time.
local key = KEYS[1]
local server = server_time()
local given = ARGV[1] ~= ''
local now = given and tonumber(ARGV[1]) or server
local old = read(key)
local known = old ~= nil and not old.damaged
-- Sent twice, it answers twice the same.
if known and old.lineage == ARGV[2] then return old.kind == 2 and 1 or 0 end
if server > tonumber(ARGV[4]) then return { 'late', server } end
local alive = is_alive(old, now)
if ARGV[3] ~= '' then
  if not alive then return 0 end
  local tags, at, carries = redis.call('GETRANGE', key, SIZE, SIZE + old.tags - 1), 1, false
  while at < #tags do
    local length = struct.unpack('<H', tags, at)
    if sub(tags, at + 2, at + 1 + length) == ARGV[3] then carries = true end
    at = at + 2 + length
  end
  if not carries then return 0 end
end
if known then retire_pieces(key, old) end
local tombstone = { kind = alive and 2 or 3, created = now, active = now, idle = huge, absolute = TOMBSTONE,
  revision = string.rep('\0', 16), length = 0, crc = 0, tags = 0, tags_crc = 0, lineage = ARGV[2],
  written = known and old.written or string.rep('\0', 32) }
local packed = pack(tombstone)
local kept = redis.pcall('SET', key, packed, 'PX', TOMBSTONE)
if type(kept) == 'table' and kept.err then
  -- Where the memory is full a logout still counts. A script that has removed something is not refused what takes less.
  redis.call('DEL', key)
  redis.call('SET', key, packed, 'PX', TOMBSTONE)
end
redis.call('STRLEN', key)
return alive and 1 or 0
