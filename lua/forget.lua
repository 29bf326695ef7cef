--[[
forget: removes what is kept of one visitor, and leaves the mark of it. Independent of the rules.

KEYS
  1  visitor_key   the visitor's profile; removed. It holds the mark then: field ~, "f" and 7 bytes
  2  outputs       the sidecar of stored outputs; removed. It has the same hash tag
ARGV
  1  till     digits  ms since the epoch: events from before it are nobody's, 10^15 - 1: all events
  2  keep_ms  digits  so long the mark lives at least; longer than events can come again
  3  only_new digits  1: a key with such a mark, or a later one, stays as it is
RETURNS  1 where a profile was removed, 0 where there was nothing or a mark alone
ERRORS   always before the first write
COST     1 HGET; 1 DEL; 1 HSET; 1 PEXPIRE
]]
local till, keep_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
if not till or till < 0 or till >= 1e15 or not keep_ms or keep_ms < 1 then return redis.error_reply("EBADARG expected digits") end
-- Behind the first write nothing may be refused, so rights are looked at before it. DEL is first: a
-- server without memory lets a script go on that began so.
for _, words in ipairs({ { "HSET", KEYS[1], "~", "" }, { "PEXPIRE", KEYS[1], "1" }, { "DEL", KEYS[1] }, { "DEL", KEYS[2] } }) do
  if not redis.acl_check_cmd(unpack(words)) then
    return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(words[1]) .. "' command")
  end
end
local state = redis.pcall("HGET", KEYS[1], "~")
if type(state) == "table" and not string.find(state.err, "WRONGTYPE", 1, true) then return state end
local is_marked = type(state) == "string" and #state > 7 and string.byte(state) == 102
if is_marked and ARGV[3] == "1" and struct.unpack(">i7", state, 2) >= till then return 0 end
local found = redis.call("DEL", KEYS[1]) == 1
redis.call("DEL", KEYS[2])
redis.call("HSET", KEYS[1], "~", "f" .. struct.pack(">i7", till))
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return found and not (is_marked and #state == 8) and 1 or 0
