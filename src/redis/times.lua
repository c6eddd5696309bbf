-- In milliseconds. A tombstone stays for so long; no write in pieces may last longer.
local TOMBSTONE = 3600000
-- Pieces of a content that was replaced stay for so long after the last reader's sign of life.
local GRACE = 60000
-- A session that is to carry a tag is in its index for at least so long before it does.
local INDEXED = 600000
