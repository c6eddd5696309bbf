-- A record as the package and the crate read it. docs/format.md has it byte by byte.
local HEADER = '<c4BBHddddc16dI4I4I4c8c32'
local SIZE, LAST = 124, '123'
local sub, huge = string.sub, math.huge

local function server_time()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read(key)
  local bytes = redis.call('GETRANGE', key, '0', LAST)
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
  if r ~= nil and r.kind == 1 then redis.call('PEXPIRE', pieces_of(key, r.revision), GRACE) end
end

-- Made where one was invalidated: writes that began before must find it, also when it is over.
local function is_fence(r) return string.byte(r.lineage, 8) % 2 == 1 end

-- By the server's own time; by a clock that was given, the server's expiry only clears up, a day behind it.
local function expiry(r, now, server, given)
  if r.ends == huge then return nil end
  local ends = given and server + math.max(0, r.ends - now) + 86400000 or math.max(1, r.ends)
  return is_fence(r) and math.max(ends, server + TOMBSTONE) or ends
end

local function text(number) return string.format('%.0f', number) end
