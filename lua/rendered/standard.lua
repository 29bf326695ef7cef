--[[
profile: folds one visitor's events into the visitor's profile, by rules standard-ad273463.
DO NOT EDIT: rendered from lua/profile.lua.j2 and the rules by `profiler lua render`.

Atomic because: two consumers of one visitor would otherwise both read, both decide, and the later
write would undo the earlier; here reading, deciding and writing are one call.

KEYS
  1  visitor_key   hash    the visitor's profile; read, write
ARGV, per call
  1   visitor_id    text    the visitor, as it is; never empty
  2   stream        text    where offsets count; empty switches the watermark off
  3   floor         digits  last offset known committed, or empty (kept for stored outputs)
ARGV, then per event (0 to 500 events, folded in order)
  +1  offset        digits  place in the stream; ignored where the stream is empty
  +2  record_ms     digits  the record's timestamp, ms since the epoch, or empty
  +3  event_ms      text    the event's own time, ms; used where it is plausible
  +4  event_id      text    recognises the event when it is sent again
  +5  visit_id      text    the visit, or empty: no visit field changes
  +6  query-other_eventtype  text    input of the rules
  +7  query-other_page_title  text    input of the rules
RETURNS, per event: {flags, name, value, name, value, ...}, all strings
  flags, space-separated:
         new_visitor new_visit late repeated replayed corrected truncated time_replaced no_visit
  names: visitor_id visitor_first_page visitor_last_page visitor_first_seen visitor_last_seen
         visitor_pageviews visitor_events visitor_visits visit_id visit_number visit_first_page
         visit_last_page visit_start visit_end visit_pageviews visit_events visit_bounce
  A field that is not known yet is absent; never rely on positions.
ERRORS, always before the first write
  EBADARG   wrong keys or arguments; the rest says which
  EPROFILE  this key's stored state is unusable; other visitors are not affected
  ELAYOUT   a newer script wrote this state; update the caller
TTL   visitor_key: 34128000000 ms, set anew by every call with events
COST  1 HGET; 1 EXISTS if new; at most 1 HSET, 1 HDEL, 1 PEXPIRE; O(events + state)
]]

local STATE = "~"
local LAYOUT = 1
local ORDER = "event_time"
local RULES = "standard-ad273463"
local TTL_MS = 34128000000
local PROFILE_BYTES = 262144
local VALUE_BYTES = 4096
local STREAMS = 64
local MAX_EVENTS = 500
local CALL_ARGS = 3
local EVENT_ARGS = 7
local VISITS = 8
local EVENT_IDS = 64
local SKEW_MS = 3600000
local AGE_MS = 2592000000
local FIELDS = {
  "visitor_id",
  "visitor_first_page",
  "visitor_last_page",
  "visitor_first_seen",
  "visitor_last_seen",
  "visitor_pageviews",
  "visitor_events",
  "visitor_visits",
  "visit_id",
  "visit_number",
  "visit_first_page",
  "visit_last_page",
  "visit_start",
  "visit_end",
  "visit_pageviews",
  "visit_events",
  "visit_bounce",
}

local function is_digits(text, longest)
  return #text > 0 and #text <= longest and not string.find(text, "[^0-9]")
end

-- "%d" is exact for every integer that fits a double; tostring would round at 14 digits.
-- Most numbers of a profile are written several times a call, so their texts are kept for it.
local texts = {}
local function digits(number)
  local text = texts[number]
  if not text then
    text = string.format("%d", number)
    texts[number] = text
  end
  return text
end

-- A value over its cap is cut at a UTF-8 character, so that the rest stays text.
local function clip(text)
  if #text <= VALUE_BYTES then
    return text, false
  end
  local stop = VALUE_BYTES
  while stop > VALUE_BYTES - 4 do
    local next_byte = string.byte(text, stop + 1)
    if next_byte < 128 or next_byte > 191 then
      break
    end
    stop = stop - 1
  end
  return string.sub(text, 1, stop), true
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
-- stands last, so that the first is the one to forget.
local function place_of(marks, stream)
  for i = 1, #marks, 2 do
    if marks[i] == stream then
      return i
    end
  end
end

local function watermark_of(marks, stream)
  local at = stream ~= "" and place_of(marks, stream)
  return at and marks[at + 1] or -1
end

local function advance(marks, stream, offset)
  local at = place_of(marks, stream)
  if at and at < #marks - 1 then
    table.remove(marks, at)
    table.remove(marks, at)
    at = nil
  end
  at = at or #marks + 1
  marks[at], marks[at + 1] = stream, offset
  if #marks > 2 * STREAMS then
    table.remove(marks, 1)
    table.remove(marks, 1)
  end
end

-- The event's own time where it is plausible beside its record's, else the record's; the second
-- result says that a given time was not used. No wall clock takes part.
local function event_time(record_text, event_text)
  local record_ms = tonumber(record_text)
  if not is_digits(event_text, 15) then
    return record_ms or 0, event_text ~= ""
  end
  local event_ms = tonumber(event_text)
  if record_ms and (event_ms > record_ms + SKEW_MS or event_ms < record_ms - AGE_MS) then
    return record_ms, true
  end
  return event_ms, false
end

-- Eight bytes of SHA-1 stand for an event: they recognise its repeats and break ties between
-- equal times. Without an event id the event's own content is hashed, each part with its length,
-- so that no two contents run together; the offset is not part of it, for it is arrival.
local function identity_of(args, at)
  local text = args[at + 4]
  if text == "" then
    local parts = {}
    for i = at + 2, at + EVENT_ARGS do
      parts[#parts + 1] = #args[i] .. ":" .. args[i]
    end
    text = table.concat(parts)
  end
  local hash = redis.sha1hex(text)
  return struct.pack(
    ">I4I4",
    tonumber(string.sub(hash, 1, 8), 16),
    tonumber(string.sub(hash, 9, 16), 16)
  )
end

-- Byte order, where Lua's "<" would follow the server's locale.
local function comes_before(a, b)
  for i = 1, math.min(#a, #b) do
    local left, right = string.byte(a, i), string.byte(b, i)
    if left ~= right then
      return left < right
    end
  end
  return #a < #b
end

-- Whether event (ms, identity) is earlier than the one that set `held` = {ms, identity, value}.
local function precedes(ms, identity, held)
  if ms ~= held[1] then
    return ms < held[1]
  end
  return comes_before(identity, held[2])
end

local function follows(ms, identity, held)
  if ms ~= held[1] then
    return ms > held[1]
  end
  return comes_before(held[2], identity)
end

-- Identities are packed without separators; a hit that straddles two of them is none.
local function is_known(identities, identity)
  local at = string.find(identities, identity, 1, true)
  while at and at % 8 ~= 1 do
    at = string.find(identities, identity, at + 1, true)
  end
  return at ~= nil
end

-- Appends an identity; the second result says that the oldest had to go.
local function remember(identities, identity)
  identities = identities .. identity
  local excess = #identities - 8 * EVENT_IDS
  if excess > 0 then
    return string.sub(identities, excess + 1), true
  end
  return identities, false
end

-- A kept visit is {id, latest event time, packed body, body}; the body {number, identities,
-- values} is unpacked only when an event touches it.
local function body_of(visit)
  if not visit[4] then
    visit[4] = cmsgpack.unpack(visit[3])
  end
  return visit[4]
end

local function find_visit(visits, visit_id)
  for _, visit in ipairs(visits) do
    if visit[1] == visit_id then
      return visit
    end
  end
end

-- Visits are ordered by their latest event, ties by the bytes of their ids.
local function is_older(latest_ms, visit_id, visit)
  if latest_ms ~= visit[2] then
    return latest_ms < visit[2]
  end
  return comes_before(visit_id, visit[1])
end

local function oldest_of(visits)
  local oldest = 1
  for i = 2, #visits do
    if is_older(visits[i][2], visits[i][1], visits[oldest]) then
      oldest = i
    end
  end
  return oldest
end

local function latest_of(visits)
  local latest = visits[1]
  for i = 2, #visits do
    if is_older(latest[2], latest[1], visits[i]) then
      latest = visits[i]
    end
  end
  return latest
end

-- Opens a visit; returns nil when the event is older than all kept visits of a full profile.
-- The second result says that the oldest visit had to go.
local function open_visit(state, visit_id, ms)
  local visits, evicted = state.visits, false
  if #visits >= VISITS then
    local oldest = oldest_of(visits)
    if is_older(ms, visit_id, visits[oldest]) then
      return nil, false
    end
    table.remove(visits, oldest)
    evicted = true
  end
  state.opened = state.opened + 1
  local visit = { visit_id, ms, nil, { state.opened, "", {} } }
  visits[#visits + 1] = visit
  return visit, evicted
end

-- Packed state: {layout, order, rules, visits opened, watermarks, identities of events without a
-- visit, visitor's values, {visit id, latest ms, body, ...}}. Values are keyed by rule code, so a
-- script with other rules carries along what it does not know.
local function state_of(parts)
  local state = {
    rules = parts[3],
    opened = parts[4],
    marks = parts[5],
    loose = parts[6],
    values = parts[7],
    visits = {},
  }
  local flat = parts[8]
  for i = 1, #flat, 3 do
    state.visits[#state.visits + 1] = { flat[i], flat[i + 1], flat[i + 2] }
  end
  return state
end

local function pack_state(state)
  local flat = {}
  for _, visit in ipairs(state.visits) do
    local n = #flat
    flat[n + 1], flat[n + 2] = visit[1], visit[2]
    flat[n + 3] = visit[4] and cmsgpack.pack(visit[4]) or visit[3]
  end
  return cmsgpack.pack({
    LAYOUT,
    ORDER,
    RULES,
    state.opened,
    state.marks,
    state.loose,
    state.values,
    flat,
  })
end

local FLAGS = {
  "new_visitor",
  "new_visit",
  "late",
  "repeated",
  "replayed",
  "corrected",
  "truncated",
  "time_replaced",
  "no_visit",
}

local function flag_text(flags)
  local raised = {}
  for _, name in ipairs(FLAGS) do
    if flags[name] then
      raised[#raised + 1] = name
    end
  end
  return table.concat(raised, " ")
end

-- One event's answer: the status flags, then name, value, name, value; unknown fields are absent.
local function reply_of(flags, values)
  local reply, n = { flags }, 1
  for i = 1, #FIELDS do
    local value = values[i]
    if value then
      reply[n + 1], reply[n + 2] = FIELDS[i], value
      n = n + 2
    end
  end
  return reply
end

-- All public values, in the order of FIELDS, of the visitor and of one visit; false is unknown.
local function public_values(visitor_id, state, visit_id, visit)
  local visitor = state.values
  local values = {
    visitor_id,
    visitor["MXAF"] and visitor["MXAF"][3],
    visitor["GTRW"] and visitor["GTRW"][3],
    visitor["FSJG"] and digits(visitor["FSJG"]),
    visitor["KRKH"] and digits(visitor["KRKH"]),
    digits(visitor["PQ4T"] or 0),
    digits(visitor["CG3X"] or 0),
    digits(state.opened),
    visit_id ~= "" and visit_id or false,
  }
  local body = visit and body_of(visit)
  if not body then
    for i = 10, #FIELDS do
      values[i] = false
    end
    return values
  end
  local own = body[3]
  values[10] = digits(body[1])
  values[11] = own["4Y56"] and own["4Y56"][3]
  values[12] = own["G3QH"] and own["G3QH"][3]
  values[13] = own["HU5B"] and digits(own["HU5B"])
  values[14] = own["ELOL"] and digits(own["ELOL"])
  values[15] = digits(own["JAZ2"] or 0)
  values[16] = digits(own["PDPF"] or 0)
  values[#FIELDS] = (own["JAZ2"] or 0) <= 1 and "1" or "0"
  return values
end

-- Opens or finds the event's visit and recognises a repeat. Returns the visit and flags.
local function place_event(state, visit_id, ms, identity)
  local flags = {}
  local visit = visit_id ~= "" and find_visit(state.visits, visit_id) or nil
  if visit_id == "" then
    flags.no_visit = true
  elseif not visit then
    visit, flags.truncated = open_visit(state, visit_id, ms)
    flags.late = not visit
    flags.new_visit = not flags.late
  end
  if flags.late then
    return nil, flags
  end
  local body = visit and body_of(visit)
  local identities = body and body[2] or state.loose
  flags.repeated = is_known(identities, identity)
  if not flags.repeated then
    local forgot
    identities, forgot = remember(identities, identity)
    flags.truncated = flags.truncated or forgot
    if body then
      body[2] = identities
    else
      state.loose = identities
    end
  end
  if visit and ms > visit[2] then
    visit[2] = ms
  end
  return visit, flags
end

-- Merges one event into the state. Every merge is a minimum, a maximum, or a count that a repeat
-- does not move, so the order of events does not matter.
local function apply(state, args, at)
  local visit_id = args[at + 5]
  local ms, time_replaced = event_time(args[at + 2], args[at + 3])
  local identity = identity_of(args, at)
  local visit, flags = place_event(state, visit_id, ms, identity)
  flags.time_replaced = time_replaced

  local query_other_eventtype_1 = args[at + 6]
  local query_other_page_title_2, cut_query_other_page_title_2 = clip(args[at + 7])
  local is_page_view = query_other_eventtype_1 == "Pageview" and query_other_page_title_2 ~= ""
  if cut_query_other_page_title_2 and is_page_view then
    flags.truncated = true
  end
  -- These move even for a late event.
  local visitor = state.values
  -- visitor_first_page: first query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = visitor["MXAF"]
    if not held or precedes(ms, identity, held) then
      flags.corrected = flags.corrected or held and held[3] ~= query_other_page_title_2
      visitor["MXAF"] = { ms, identity, query_other_page_title_2 }
    end
  end
  -- visitor_first_seen: first event_time
  if not visitor["FSJG"] or ms < visitor["FSJG"] then
    visitor["FSJG"] = ms
  end
  if flags.late then
    return visit, flags
  end
  -- visitor_last_page: last query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = visitor["GTRW"]
    if not held or follows(ms, identity, held) then
      visitor["GTRW"] = { ms, identity, query_other_page_title_2 }
    end
  end
  -- visitor_last_seen: last event_time
  if not visitor["KRKH"] or ms > visitor["KRKH"] then
    visitor["KRKH"] = ms
  end
  local is_counted = not flags.repeated
  -- visitor_pageviews: count of not repeated events when page_view
  if is_counted and is_page_view then
    visitor["PQ4T"] = (visitor["PQ4T"] or 0) + 1
  end
  -- visitor_events: count of not repeated events
  if is_counted then
    visitor["CG3X"] = (visitor["CG3X"] or 0) + 1
  end
  if not visit then
    return visit, flags
  end
  local own = body_of(visit)[3]
  -- visit_first_page: first query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = own["4Y56"]
    if not held or precedes(ms, identity, held) then
      flags.corrected = flags.corrected or held and held[3] ~= query_other_page_title_2
      own["4Y56"] = { ms, identity, query_other_page_title_2 }
    end
  end
  -- visit_last_page: last query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = own["G3QH"]
    if not held or follows(ms, identity, held) then
      own["G3QH"] = { ms, identity, query_other_page_title_2 }
    end
  end
  -- visit_start: first event_time
  if not own["HU5B"] or ms < own["HU5B"] then
    own["HU5B"] = ms
  end
  -- visit_end: last event_time
  if not own["ELOL"] or ms > own["ELOL"] then
    own["ELOL"] = ms
  end
  -- visit_pageviews: count of not repeated events when page_view
  if is_counted and is_page_view then
    own["JAZ2"] = (own["JAZ2"] or 0) + 1
  end
  -- visit_events: count of not repeated events
  if is_counted then
    own["PDPF"] = (own["PDPF"] or 0) + 1
  end
  return visit, flags
end

local function values_of_latest(visitor_id, state)
  local latest = latest_of(state.visits)
  return public_values(visitor_id, state, latest and latest[1] or "", latest)
end

-- What the plain fields hold now. Under other rules a name may have meant something else: then
-- nothing is known of them, and each is written or removed.
local function values_before(visitor_id, state)
  if state.rules == RULES then
    return values_of_latest(visitor_id, state)
  end
  local unknown = {}
  for i = 1, #FIELDS do
    unknown[i] = true
  end
  return unknown
end

-- The hash shows the latest visit by plain names: what differs is written, what is no longer
-- known is removed.
local function changes(before, after)
  local set, gone = {}, {}
  for i = 1, #FIELDS do
    if after[i] and after[i] ~= before[i] then
      -- Only damaged state yields anything but text; `update_profile` reports it.
      assert(type(after[i]) == "string", "a value is no text")
      set[#set + 1], set[#set + 2] = FIELDS[i], after[i]
    elseif before[i] and not after[i] then
      gone[#gone + 1] = FIELDS[i]
    end
  end
  return set, gone
end

local function fold(held, args)
  local visitor_id, stream = args[1], args[2]
  local state = held.parts and state_of(held.parts)
  local before = state and values_before(visitor_id, state) or {}
  local is_new = not state
  state = state or { opened = 0, marks = {}, loose = "", values = {}, visits = {} }
  local mark, applied = watermark_of(state.marks, stream), false

  local replies, visit, values = {}, nil, nil
  for at = CALL_ARGS, #args - 1, EVENT_ARGS do
    local visit_id = args[at + 5]
    local offset = stream ~= "" and tonumber(args[at + 1])
    local flags
    if offset and offset <= mark then
      visit, flags = find_visit(state.visits, visit_id), { replayed = true }
    else
      visit, flags = apply(state, args, at)
      flags.new_visitor = is_new
      is_new, applied = false, true
      mark = offset or mark
    end
    values = public_values(visitor_id, state, visit_id, visit)
    replies[#replies + 1] = reply_of(flag_text(flags), values)
  end
  if not applied then
    return { replies = replies, bytes = 0, set = {}, gone = {} }
  end

  if stream ~= "" then
    advance(state.marks, stream, mark)
  end
  if not visit or visit ~= latest_of(state.visits) then
    values = values_of_latest(visitor_id, state)
  end
  local set, gone = changes(before, values)
  local packed = pack_state(state)
  set[#set + 1], set[#set + 2] = STATE, packed
  return { replies = replies, bytes = #packed, set = set, gone = gone }
end

-- Refuses state that this script must not touch; `parts` is the unpacked state.
local function unusable(parts)
  if type(parts) ~= "table" or type(parts[1]) ~= "number" then
    return "EPROFILE stored state is damaged"
  end
  if parts[1] > LAYOUT then
    return "ELAYOUT stored state has layout " .. parts[1] .. ", this script knows " .. LAYOUT
  end
  if parts[2] ~= ORDER then
    return "EPROFILE the profile was written by rules of another order"
  end
end

local function unpack_parts(packed)
  local intact, parts = pcall(cmsgpack.unpack, packed)
  return intact and parts or nil
end

local function read_error(reply)
  if string.find(reply.err, "WRONGTYPE", 1, true) then
    return { err = "EPROFILE the key holds no hash" }
  end
  return reply
end

local function read_profile(key)
  local packed = redis.pcall("HGET", key, STATE)
  if type(packed) == "table" then
    return read_error(packed)
  end
  if not packed then
    if redis.call("EXISTS", key) == 1 then
      return { err = "EPROFILE the hash has no state: another program wrote it" }
    end
    return {}
  end
  if #packed > PROFILE_BYTES then
    return { err = "EPROFILE stored state exceeds " .. PROFILE_BYTES .. " bytes" }
  end
  local parts = unpack_parts(packed)
  return { err = unusable(parts), parts = parts }
end

-- The HSET comes first: a server out of memory refuses it, and with it the whole call.
local function write_profile(key, outcome)
  if #outcome.set > 0 then
    redis.call("HSET", key, unpack(outcome.set))
  end
  if #outcome.gone > 0 then
    redis.call("HDEL", key, unpack(outcome.gone))
  end
  redis.call("PEXPIRE", key, TTL_MS)
end

local function update_profile(keys, args)
  -- As a function of a library this chunk outlives the call, and the texts would pile up.
  texts = {}
  local bad = bad_arguments(keys, args)
  if bad then
    return redis.error_reply("EBADARG " .. bad)
  end
  if #args == CALL_ARGS then
    return {}
  end

  local held = read_profile(keys[1])
  if held.err then
    return redis.error_reply(held.err)
  end

  -- Nothing is written before the fold is over, so state that it cannot digest (another program
  -- wrote it, or it is damaged) costs this call only.
  local folded, outcome = pcall(fold, held, args)
  if not folded then
    return redis.error_reply("EPROFILE stored state is unusable: " .. tostring(outcome))
  end
  if outcome.bytes > PROFILE_BYTES then
    return redis.error_reply("EPROFILE profile would exceed " .. PROFILE_BYTES .. " bytes")
  end

  write_profile(keys[1], outcome)
  return outcome.replies
end

if redis.register_function then
  redis.register_function("visitor_profile_9c725fdef62b", update_profile)
else
  return update_profile(KEYS, ARGV)
end
