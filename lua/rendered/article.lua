--[[
profile: folds one visitor's events into the visitor's profile, by rules article-ca1d016e.
DO NOT EDIT: rendered from lua/profile.lua.j2 and the rules by `profiler lua render`.

Atomic because: two consumers of one visitor would otherwise both read, both decide, and the later
write would undo the earlier; here reading, deciding and writing are one call.

KEYS
  1  visitor_key   hash    the visitor's profile; read, write
ARGV, per call
  1   visitor_id    text    the visitor, as it is; never empty
  2   stream        text    where offsets count; empty switches the watermark off
  3   floor         digits  last offset known committed, or empty (kept for stored outputs)
ARGV, then per event (0 to 500 events, folded in order; none: the call reads)
  +1  offset        digits  place in the stream; ignored where the stream is empty
  +2  record_ms     digits  the record's timestamp, ms since the epoch, or empty
  +3  event_ms      text    the event's own time, ms; used where it is plausible
  +4  event_id      text    recognises the event when it is sent again
  +5  visit_id      text    the visit, or empty: no visit field changes
  +6  query-other_eventtype  text    input of the rules
  +7  query-other_page_title  text    input of the rules
RETURNS, per event: {flags, name, value, name, value, ...}, all strings; a call without events
         returns one such answer of the latest visit, without flags, or none for an unknown visitor
  flags, space-separated:
         new_visitor new_visit replayed truncated no_visit
  names: visitor_id visit_id visitor_first_page visitor_last_page visit_first_page visit_last_page
  A field that is not known yet is absent; never rely on positions.
ERRORS, always before the first write
  EBADARG   wrong keys or arguments; the rest says which
  EPROFILE  this key's stored state is unusable; other visitors are not affected
  ELAYOUT   a newer script wrote this state; update the caller
TTL   visitor_key: 34128000000 ms, set anew by every call with events
COST  1 HGETALL; at most 1 HSET, 1 HDEL, 1 PEXPIRE; O(events + state)
]]

local STATE = "~"
local LAYOUT = 1
local ORDER = "a"
local RULES = "article-ca1d016e"
local TTL_MS = 34128000000
local PROFILE_BYTES = 262144
local VALUE_BYTES = 8192
local MAX_EVENTS = 500
local CALL_ARGS = 3
local EVENT_ARGS = 7
local FLAGS = {
  "new_visitor",
  "new_visit",
  "replayed",
  "truncated",
  "no_visit",
}

local FIELDS = {
  "visitor_id",
  "visit_id",
  "visitor_first_page",
  "visitor_last_page",
  "visit_first_page",
  "visit_last_page",
}

local function is_digits(text, longest)
  return #text > 0 and #text <= longest and not string.find(text, "%D")
end

-- A value over its cap is cut at a UTF-8 character, so that the rest stays text.
local function clip(text)
  if #text <= VALUE_BYTES then
    return text
  end
  local stop = VALUE_BYTES
  while stop > VALUE_BYTES - 4 do
    local next_byte = string.byte(text, stop + 1)
    if next_byte < 128 or next_byte > 191 then
      break
    end
    stop = stop - 1
  end
  return string.sub(text, 1, stop)
end

-- Says what is wrong with the arguments, or nil. Everything is checked before the first read.
local function bad_arguments(keys, args)
  if #keys ~= 1 then
    return "KEYS: expected 1 key, got " .. #keys
  end
  local events = (#args - CALL_ARGS) / EVENT_ARGS
  if events < 0 or events % 1 ~= 0 then
    return "ARGV: expected " .. CALL_ARGS .. " + " .. EVENT_ARGS .. " per event, got " .. #args
  end
  if events > MAX_EVENTS then
    return "ARGV: at most " .. MAX_EVENTS .. " events a call, got " .. events
  end
  local visitor_id, stream, floor = args[1], args[2], args[3]
  if visitor_id == "" then
    return "visitor_id: empty"
  end
  if floor ~= "" and not is_digits(floor, 15) then
    return "floor: expected up to 15 digits or nothing"
  end
  for event = 1, events do
    local at = CALL_ARGS + (event - 1) * EVENT_ARGS
    local offset, record_ms = args[at + 1], args[at + 2]
    if stream ~= "" and not is_digits(offset, 15) then
      return "offset of event " .. event .. ": expected 1 to 15 digits"
    end
    if record_ms ~= "" and not is_digits(record_ms, 15) then
      return "record_ms of event " .. event .. ": expected up to 15 digits or nothing"
    end
  end
end

-- Watermarks are one flat list {stream, offset, stream, offset, ...}; the one that moved last
-- stands last, so that the first is the one to forget. Takes the stream's own out of the list.
local function take_watermark(marks, stream)
  for i = 1, #marks, 2 do
    if marks[i] == stream then
      table.remove(marks, i)
      return table.remove(marks, i)
    end
  end
  return -1
end

local function put(changed, hash, name, value)
  if hash[name] ~= value then
    hash[name], changed[name] = value, value
  end
end

-- What the article's program does with one event, in its order; `held` is the stored hash.
local function apply(held, changed, args, at)
  local hash, visit_id = held.hash, args[at + 5]
  local flags = { new_visitor = not held.exists, no_visit = visit_id == "" }

  local query_other_eventtype_1 = args[at + 6]
  local query_other_page_title_2 = clip(args[at + 7])
  local is_page_view = query_other_eventtype_1 == "Pageview" and query_other_page_title_2 ~= ""
  if #args[at + 7] > VALUE_BYTES and is_page_view then
    flags.truncated = true
  end
  put(changed, hash, "visitor_id", args[1])
  held.exists = true
  if visit_id ~= "" and hash.visit_id ~= visit_id then
    flags.new_visit = true
    put(changed, hash, "visit_id", visit_id)
  end
  -- visitor_first_page: first query-other_page_title when page_view
  if flags.new_visitor and query_other_page_title_2 ~= "" and is_page_view then
    put(changed, hash, "visitor_first_page", query_other_page_title_2)
  end
  -- visitor_last_page: last query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    put(changed, hash, "visitor_last_page", query_other_page_title_2)
  end
  -- visit_first_page: first query-other_page_title when page_view
  if flags.new_visit and query_other_page_title_2 ~= "" and is_page_view then
    put(changed, hash, "visit_first_page", query_other_page_title_2)
  end
  -- visit_last_page: last query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view and visit_id ~= "" then
    put(changed, hash, "visit_last_page", query_other_page_title_2)
  end
  return flags
end

-- One event's answer: the status flags, then name, value, name, value, ...
local function answer_of(flags, hash)
  local answer = {
    "",
    "visitor_id",
    hash["visitor_id"] or false,
    "visit_id",
    hash["visit_id"] or false,
    "visitor_first_page",
    hash["visitor_first_page"] or false,
    "visitor_last_page",
    hash["visitor_last_page"] or false,
    "visit_first_page",
    hash["visit_first_page"] or false,
    "visit_last_page",
    hash["visit_last_page"] or false,
  }
  local is_whole = true
    and hash["visitor_id"]
    and hash["visit_id"]
    and hash["visitor_first_page"]
    and hash["visitor_last_page"]
    and hash["visit_first_page"]
    and hash["visit_last_page"]

  for i = 1, #FLAGS do
    if flags[FLAGS[i]] then
      answer[1] = answer[1] == "" and FLAGS[i] or answer[1] .. " " .. FLAGS[i]
    end
  end
  if is_whole then
    return answer
  end
  local known, n = { answer[1] }, 1
  for i = 2, 2 * #FIELDS, 2 do
    if answer[i + 1] then
      known[n + 1], known[n + 2] = answer[i], answer[i + 1]
      n = n + 2
    end
  end
  return known
end

-- The answer to a call without events.
local function current(held)
  return held.exists and { answer_of({}, held.hash) } or {}
end

local function fold(held, args)
  local stream, replies, changed = args[2], {}, {}
  local marks = stream ~= "" and { cmsgpack.unpack(held.marks) } or {}
  local mark, applied = take_watermark(marks, stream), false
  for at = CALL_ARGS, #args - 1, EVENT_ARGS do
    local offset = stream ~= "" and tonumber(args[at + 1])
    local flags
    if offset and offset <= mark then
      flags = { replayed = true }
    else
      flags = apply(held, changed, args, at)
      mark, applied = offset or mark, true
    end
    replies[#replies + 1] = answer_of(flags, held.hash)
  end

  if applied and stream ~= "" then
    marks[#marks + 1] = stream
    marks[#marks + 1] = mark
    if #marks > 2 * 1024 then
      table.remove(marks, 1)
      table.remove(marks, 1)
    end
    held.marks = cmsgpack.pack(unpack(marks))
    put(changed, held.hash, STATE, cmsgpack.pack({ LAYOUT, ORDER, RULES, held.marks }))
  end
  local set, bytes = {}, 0
  for name, value in pairs(changed) do
    set[#set + 1], set[#set + 2] = name, value
  end
  for name, value in pairs(held.hash) do
    bytes = bytes + #name + #value
  end
  return { replies = replies, bytes = bytes, set = set, gone = {} }
end

-- The places of a packed state (an array of at most 15, of which place p is at p + 1), or why this
-- script must not touch it.
local function open_state(packed)
  local parts = { pcall(cmsgpack.unpack, string.sub(packed, 2)) }
  local layout = parts[2]
  if not parts[1] or string.byte(packed) ~= 143 + #parts or type(layout) ~= "number" then
    return { err = "EPROFILE stored state is damaged" }
  end
  if layout > LAYOUT then
    local known = ", this script knows " .. LAYOUT
    return { err = "ELAYOUT stored state has layout " .. layout .. known }
  end
  if parts[3] ~= ORDER then
    return { err = "EPROFILE the profile was written by rules of another order" }
  end
  return { parts = parts }
end

-- The stored profile as the fold takes it, or an error.
local function read_profile(key)
  local flat = redis.pcall("HGETALL", key)
  if flat.err then
    return flat
  end
  local hash, bytes = {}, 0
  for i = 1, #flat, 2 do
    hash[flat[i]] = flat[i + 1]
    bytes = bytes + #flat[i] + #flat[i + 1]
  end
  if bytes > PROFILE_BYTES then
    return { err = "EPROFILE stored hash exceeds " .. PROFILE_BYTES .. " bytes" }
  end
  local held = hash[STATE] and open_state(hash[STATE]) or {}
  held.hash, held.exists, held.marks = hash, #flat > 0, held.parts and held.parts[5] or ""
  return held
end

local function update_profile(keys, args)
  local bad = bad_arguments(keys, args)
  if bad then
    return redis.error_reply("EBADARG " .. bad)
  end
  local held = read_profile(keys[1])
  if held.err then
    local is_other = string.find(held.err, "WRONGTYPE", 1, true)
    return redis.error_reply(is_other and "EPROFILE the key holds no hash" or held.err)
  end

  -- Nothing is written before the fold is over, so state that it cannot digest (another program
  -- wrote it, or it is damaged) costs this call only.
  local is_read = #args == CALL_ARGS
  local folded, outcome = pcall(is_read and current or fold, held, args)
  if not folded then
    return redis.error_reply("EPROFILE stored state is unusable: " .. tostring(outcome))
  end
  if is_read then
    return outcome
  end
  if outcome.bytes > PROFILE_BYTES then
    return redis.error_reply("EPROFILE profile would exceed " .. PROFILE_BYTES .. " bytes")
  end

  -- The HSET comes first: a server out of memory refuses it, and with it the whole call.
  if #outcome.set > 0 then
    redis.call("HSET", keys[1], unpack(outcome.set))
  end
  if #outcome.gone > 0 then
    redis.call("HDEL", keys[1], unpack(outcome.gone))
  end
  redis.call("PEXPIRE", keys[1], TTL_MS)
  return outcome.replies
end

if redis.register_function then
  redis.register_function("visitor_profile_d437e2b949be", update_profile)
else
  return update_profile(KEYS, ARGV)
end
