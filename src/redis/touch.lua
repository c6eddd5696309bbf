-- KEYS: the sessions. ARGV: for each now or "". Answers for each 1 where there is a session, else 0, or `error` with its text.
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
  if r.kind == 1 then redis.call('PEXPIREAT', pieces_of(key, r.revision), text(ends + GRACE)) end
  redis.call('STRLEN', key)
  return 1
end

local answers = {}
for at, key in ipairs(KEYS) do answers[at] = guarded(touch, key, ARGV[at]) end
return answers
