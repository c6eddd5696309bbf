-- KEYS: for each commit the session, and the tags' indexes where they lie on the same server. ARGV: for each the request with the
-- tags, and the content. Answers for each the server's time, or what stands against the write: `late` with the time, `conflict`,
-- `fenced`, `slow`, `lost`, `error` with its text.
local server = server_time()

local NONE = string.rep('\0', 24)
local function has(flags, flag) return flags % (2 * flag) >= flag end

local function commit(at, request, content)
  local key = KEYS[at]
  local flags, given_now, deadline, idle, absolute, default_idle, default_absolute, length, crc, tags_crc, revision, lineage,
    expected, seen, pieces, indexes, began, tags_at = struct.unpack('<BdddddddI4I4c16c8c16c8I4Hd', request)
  local given = has(flags, 1)
  local now = given and given_now or server
  local old = read(key)
  local known = old ~= nil and not old.damaged
  local mark = sub(revision, 1, 8)
  -- A client that lost its connection may send a command twice, and the second may come late.
  if known and string.find(old.written, mark, 1, true) then return server end
  if server > deadline then return { 'late', server } end
  -- What would stand against it may be gone.
  if has(flags, 8) and server - began > TOMBSTONE then return { 'slow' } end
  local alive = is_alive(old, now)
  if has(flags, 8) and known and old.lineage ~= seen and is_fence(old) then return { 'fenced' } end
  if has(flags, 2) and alive then return { 'conflict' } end
  if has(flags, 4) and (not alive or old.revision ~= expected) then return { 'conflict' } end
  local in_pieces = has(flags, 16)
  local staged = in_pieces and pieces_of(key, revision)
  if in_pieces and redis.call('HLEN', staged) ~= pieces then return { 'lost' } end

  local tags = ''
  if has(flags, 32) then
    tags = sub(request, tags_at)
  else
    tags_crc = alive and old.tags_crc or 0
    if alive and old.tags > 0 then tags = redis.call('GETRANGE', key, SIZE, SIZE + old.tags - 1) end
  end
  local created = alive and old.created or now
  local active = alive and math.max(old.active, now) or now
  if idle ~= idle then idle = alive and old.idle or default_idle end
  if absolute ~= absolute then absolute = alive and old.absolute or default_absolute end
  local r = { kind = in_pieces and 1 or 0, created = created, active = active, idle = idle, absolute = absolute,
    revision = revision, length = length, crc = crc, tags = #tags, tags_crc = tags_crc,
    lineage = known and old.lineage or lineage, written = mark .. (known and sub(old.written, 1, 24) or NONE),
    ends = math.min(active + idle, created + absolute) }
  for index = at + 1, at + indexes do redis.call('ZADD', KEYS[index], server, string.match(key, '{[^{}]*}$')) end
  local ends = expiry(r, now, server, given)
  local whole = pack(r) .. tags .. content
  if ends == nil then redis.call('SET', key, whole) else redis.call('SET', key, whole, 'PXAT', text(ends)) end
  if in_pieces then
    if ends == nil then redis.call('PERSIST', staged) else redis.call('PEXPIREAT', staged, text(ends + GRACE)) end
  end
  if known then retire_pieces(key, old) end
  -- Whoever keeps what it has written in a cache is told of changes as one who has read it.
  if has(flags, 64) then redis.call('STRLEN', key) end
  return server
end

local answers, at = {}, 1
for number = 1, #ARGV / 2 do
  local request = ARGV[2 * number - 1]
  answers[number] = guarded(commit, at, request, ARGV[2 * number])
  at = at + 1 + struct.unpack('<H', request, 118)
end
return answers
