import { hash } from "./hash.js";

/** A script that the server runs in one step. All of a session's keys lie in one slot of a cluster. */
export interface Script {
  readonly source: string;
  /** What the server knows it by once it has seen it. */
  readonly sha: string;
}

/** A tombstone stays for so long, in milliseconds; no write in pieces may last longer. */
export const TOMBSTONE_MS = 3_600_000;

/** Pieces of a content that was replaced stay for so long after the last reader's sign of life, in milliseconds. */
export const GRACE_MS = 60_000;

/** A session that is to carry a tag is in its index for at least so long before it does, in milliseconds. */
export const INDEXED_MS = 600_000;

/** A record as `record.ts` reads it. `docs/format.md` has it byte by byte. */
const RECORD = `
local HEADER = '<c4BBHddddc16dI4I4I4c8c32'
local SIZE = 124
local sub, huge = string.sub, math.huge

local function server_time()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read(key)
  local bytes = redis.call('GETRANGE', key, 0, SIZE - 1)
  if bytes == '' then return nil end
  local fields = sub(bytes, 1, SIZE - 8)
  if #bytes < SIZE or sub(redis.sha1hex(fields), 1, 8) ~= sub(bytes, SIZE - 7) then return { damaged = true } end
  local magic, version, kind, zero, created, active, idle, absolute, revision, length, crc, tags, tags_crc, lineage, written =
    struct.unpack(HEADER, fields)
  if magic ~= 'sesr' then return { damaged = true } end
  if version ~= 1 then error('SESSILE_LATER') end
  -- All at once: a table that grows field by field is made anew five times.
  return { kind = kind, created = created, active = active, idle = idle, absolute = absolute, revision = revision,
    length = length, crc = crc, tags = tags, tags_crc = tags_crc, lineage = lineage, written = written,
    ends = math.min(active + idle, created + absolute) }
end

local function pack(r)
  local fields = struct.pack(HEADER, 'sesr', 1, r.kind, 0, r.created, r.active, r.idle, r.absolute, r.revision, r.length,
    r.crc, r.tags, r.tags_crc, r.lineage, r.written)
  return fields .. sub(redis.sha1hex(fields), 1, 8)
end

local function is_alive(r, now)
  return r ~= nil and not r.damaged and r.kind <= 1 and now < r.ends
end

local function pieces_of(key, revision)
  return key .. ':' .. string.gsub(revision, '.', function(byte) return string.format('%02x', string.byte(byte)) end)
end

local function retire_pieces(key, r)
  if r ~= nil and r.kind == 1 then redis.call('PEXPIRE', pieces_of(key, r.revision), ${GRACE_MS}) end
end

-- Made where one was invalidated: writes that began before must find it, also when it is over.
local function is_fence(r) return string.byte(r.lineage, 8) % 2 == 1 end

-- By the server's own time; by a clock that was given, the server's expiry only clears up, a day behind it.
local function expiry(r, now, server, given)
  if r.ends == huge then return nil end
  local ends = given and server + math.max(0, r.ends - now) + 86400000 or math.max(1, r.ends)
  return is_fence(r) and math.max(ends, server + ${TOMBSTONE_MS}) or ends
end

local function text(number) return string.format('%.0f', number) end
`;

/** Runs `each` for what a batch holds; what fails of it, fails alone. */
const EACH = `
local function guarded(each, ...)
  local done, answer = pcall(each, ...)
  if done then return answer end
  return { 'error', type(answer) == 'table' and answer.err or tostring(answer) }
end
`;

/**
 * KEYS: for each commit the session, and the tags' indexes where they lie on the same server. ARGV: for each the request with the
 * tags, and the content. Answers for each the server's time, or what stands against the write: `late` with the time, `conflict`,
 * `fenced`, `lost`, `error` with its text.
 */
export const COMMIT = script(`${RECORD}${EACH}
local server = server_time()

local NONE = string.rep('\\0', 24)
local function has(flags, flag) return flags % (2 * flag) >= flag end

local function commit(at, request, content)
  local key = KEYS[at]
  local flags, given_now, deadline, idle, absolute, default_idle, default_absolute, length, crc, tags_crc, revision, lineage,
    expected, seen, pieces, indexes, tags_at = struct.unpack('<BdddddddI4I4c16c8c16c8I4H', request)
  if server > deadline then return { 'late', server } end
  local given = has(flags, 1)
  local now = given and given_now or server
  local old = read(key)
  local known = old ~= nil and not old.damaged
  local mark = sub(revision, 1, 8)
  -- A client that lost its connection may send a command twice.
  if known and string.find(old.written, mark, 1, true) then return server end
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
    if ends == nil then redis.call('PERSIST', staged) else redis.call('PEXPIREAT', staged, text(ends + ${GRACE_MS})) end
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
`);

/**
 * KEYS: the session. ARGV: now or "", a new lineage, and a tag that it must carry or "".
 * Answers 1 where there was a session, else 0.
 */
export const INVALIDATE = script(`${RECORD}
local key = KEYS[1]
local server = server_time()
local given = ARGV[1] ~= ''
local now = given and tonumber(ARGV[1]) or server
local old = read(key)
local known = old ~= nil and not old.damaged
-- Sent twice, it answers twice the same.
if known and old.lineage == ARGV[2] then return old.kind == 2 and 1 or 0 end
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
local tombstone = { kind = alive and 2 or 3, created = now, active = now, idle = huge, absolute = ${TOMBSTONE_MS},
  revision = string.rep('\\0', 16), length = 0, crc = 0, tags = 0, tags_crc = 0, lineage = ARGV[2],
  written = known and old.written or string.rep('\\0', 32) }
local kept = redis.pcall('SET', key, pack(tombstone), 'PX', ${TOMBSTONE_MS})
-- Where the memory is full a logout still counts.
if type(kept) == 'table' and kept.err then redis.call('DEL', key) end
redis.call('STRLEN', key)
return alive and 1 or 0
`);

/** KEYS: the sessions. ARGV: for each now or "". Answers for each 1 where there is a session, else 0, or `error` with its text. */
export const TOUCH = script(`${RECORD}${EACH}
local server = server_time()

local function touch(key, given_now)
  local given = given_now ~= ''
  local now = given and tonumber(given_now) or server
  local r = read(key)
  if not is_alive(r, now) then
    -- Found to be over, it stays so, whatever the clock says next.
    if given and r ~= nil and not r.damaged and r.kind <= 1 then
      retire_pieces(key, r)
      r.kind = 3
      redis.call('SETRANGE', key, 0, pack(r))
    end
    return 0
  end
  if r.idle == huge or r.active >= now then return 1 end
  r.active = now
  r.ends = math.min(r.active + r.idle, r.created + r.absolute)
  redis.call('SETRANGE', key, 0, pack(r))
  local ends = expiry(r, now, server, given)
  redis.call('PEXPIREAT', key, text(ends))
  if r.kind == 1 then redis.call('PEXPIREAT', pieces_of(key, r.revision), text(ends + ${GRACE_MS})) end
  redis.call('STRLEN', key)
  return 1
end

local answers = {}
for at, key in ipairs(KEYS) do answers[at] = guarded(touch, key, ARGV[at]) end
return answers
`);

/** KEYS: the pieces. ARGV: the number of a piece, the piece. They are gone in an hour unless they are published. */
export const STAGE = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ${TOMBSTONE_MS}) end
return 1
`);

/** KEYS: the pieces of a revision that is being read. They stay for a while, also if it is replaced meanwhile. */
export const HOLD = script(`
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < ${GRACE_MS} then redis.call('PEXPIRE', KEYS[1], ${GRACE_MS}) end
return 1
`);

/** KEYS: a tag's index. ARGV: the session's name. By the time in it, nobody takes it for stale before it is committed. */
export const INDEX = script(`
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], time[1] * 1000, ARGV[1])
`);

/** KEYS: a tag's index. ARGV: sessions that do not carry the tag. One that is being written may do so in a moment. */
export const UNINDEX = script(`
local time = redis.call('TIME')
for _, name in ipairs(ARGV) do
  local added = redis.call('ZSCORE', KEYS[1], name)
  if added and time[1] * 1000 - added > ${INDEXED_MS} then redis.call('ZREM', KEYS[1], name) end
end
return 1
`);

function script(source: string): Script {
  return { source, sha: hash("sha1", source, "hex") };
}
