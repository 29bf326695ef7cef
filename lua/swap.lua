--[[
swap: puts another hash in the place of one visitor's, where that is still the one that was read.
Independent of the rules.

KEYS
  1  visitor_key   the visitor's profile
ARGV
  1  ttl_ms  digits  the life of a key that has no end yet
  2  fields  digits  of the hash that was read; 0: there was no key
  3  …               name and value of each, in any order
     …               name and value of each field that takes their place; one at least
RETURNS  1 where it was put, 0 where the key is another one by now
ERRORS   always before the first write
COST     1 HGETALL, 1 PTTL; 1 DEL; 1 HSET; 1 PEXPIRE
]]
local key, fields = KEYS[1], tonumber(ARGV[2])
local first = fields and 3 + 2 * fields
if not tonumber(ARGV[1]) or not first or #ARGV < first + 1 or (#ARGV - first) % 2 == 0 or #ARGV > 4000 then
  return redis.error_reply("EBADARG expected digits, and pairs of names and values")
end
-- Behind the first write nothing may be refused, so rights are looked at before it. DEL is first: a
-- server without memory lets a script go on that began so.
for _, words in ipairs({ { "DEL", key }, { "HSET", key, "~", "" }, { "PEXPIRE", key, "1" } }) do
  if not redis.acl_check_cmd(unpack(words)) then
    return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(words[1]) .. "' command")
  end
end
local found, there = redis.pcall("HGETALL", key), {}
if found.err then return found end
if #found ~= 2 * fields then return 0 end
for i = 1, #found, 2 do
  there[found[i]] = found[i + 1]
end
for i = 3, first - 1, 2 do
  if there[ARGV[i]] ~= ARGV[i + 1] then return 0 end
end
local left = redis.call("PTTL", key)
redis.call("DEL", key)
redis.call("HSET", key, unpack(ARGV, first))
redis.call("PEXPIRE", key, left > 0 and left or ARGV[1])
return 1
