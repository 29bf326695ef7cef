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
local ORDER = "e"
local RULES = "standard-ad273463"
local TTL_MS = 34128000000
local PROFILE_BYTES = 262144
local VALUE_BYTES = 4096
local MAX_EVENTS = 500
local CALL_ARGS = 3
local EVENT_ARGS = 7
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

-- The codes of these rules, one for each value.
local VISITOR_CODES = "e\192Q4\227j\044\146eTTz\1249\062\017\183z"
local VISIT_CODES = "\230\059\2366\224w\061:\019\034\220\185H3\160x\222\091"
local VISIT_HEAD = 2
local function is_digits(text, longest)
  return #text > 0 and #text <= longest and not string.find(text, "%D")
end

-- "%d" is exact for every integer that fits a double; tostring would round at 14 digits.
-- Most numbers of a profile are written several times a call, so their texts are kept for it.
-- What is not known stays unknown (false).
local texts = {}
local function digits(number)
  local text = number and texts[number]
  if number and not text then
    text = string.format("%d", number)
    texts[number] = text
  end
  return text or false
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

-- A kept text is one string: event time (7 bytes), identity (6 bytes), text. Equal strings are
-- one event's, so they can be stored once.
local function text_of(kept)
  return kept and string.sub(kept, 14) or false
end

-- Below zero where event (ms, identity) is earlier than the one whose text is kept, above zero
-- where it is later.
local function distance(ms, identity, kept)
  local kept_ms, kept_identity = struct.unpack(">I7I6", kept)
  return ms ~= kept_ms and ms - kept_ms or identity - kept_identity
end

-- A kept visit is {id, latest event time, packed body, body}; the body {number, identities,
-- value, ...} is unpacked only when it is looked at, and packed again when an event changed it.
local function body_of(visit)
  local body = visit[4]
  if not body then
    body = { cmsgpack.unpack(visit[3]) }
    for column = VISIT_HEAD + 1, #body do
      local value = body[column]
      if value == true then
        body[column] = visit[2]
      elseif type(value) == "number" and value < 0 then
        body[column] = body[-value]
      end
    end
    visit[4] = body
  end
  return body
end

local function find_visit(visits, visit_id)
  for i = 1, #visits do
    if visits[i][1] == visit_id then
      return visits[i]
    end
  end
end

-- Visits are ordered by their latest event, ties by the bytes of their ids: Lua's "<" would follow
-- the server's locale.
local function is_older(latest_ms, visit_id, visit)
  if latest_ms ~= visit[2] then
    return latest_ms < visit[2]
  end
  local other_id = visit[1]
  for i = 1, math.min(#visit_id, #other_id) do
    local left, right = string.byte(visit_id, i), string.byte(other_id, i)
    if left ~= right then
      return left < right
    end
  end
  return #visit_id < #other_id
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
  local VISITS = 8
  local visits, is_full = state.visits, #state.visits >= VISITS
  if is_full then
    local oldest = 1
    for i = 2, #visits do
      if is_older(visits[i][2], visits[i][1], visits[oldest]) then
        oldest = i
      end
    end
    if is_older(ms, visit_id, visits[oldest]) then
      return nil, false
    end
    table.remove(visits, oldest)
  end
  state.opened = state.opened + 1
  local body = { state.opened, "", false, false, false, false, 0, 0 }
  local visit = { visit_id, ms, nil, body }
  visits[#visits + 1] = visit
  return visit, is_full
end

-- State is {layout, order, rules, watermarks, visits opened, identities of events without a visit,
-- codes of the visitor's values, codes of a visit's values, visitor's values, visits}. The lists in
-- it are packed by themselves, value after value: so they unpack without a table that grows.
-- A value is a number, a kept text, false (not known), true (the latest event time of the visit, or
-- of all), or below zero the place of a kept text that it shares: in a body the column; in the
-- visitor's values (column - VISIT_HEAD - 1) * 64 + visit.
local function pack_state(state)
  local VISITOR_TEXTS = { 1, 2 }
  local VISIT_TEXTS = { 3, 4 }
  local values, visits = state.values, state.visits
  for _, column in ipairs(VISITOR_TEXTS) do
    for i = 1, values[column] and #visits or 0 do
      local body = visits[i][4]
      for k = 1, body and #VISIT_TEXTS or 0 do
        if body[VISIT_TEXTS[k]] == values[column] then
          values[column] = -(VISIT_TEXTS[k] - VISIT_HEAD - 1) * 64 - i
        end
      end
    end
  end
  local flat, newest = {}, visits[1] and latest_of(visits)[2]
  for column = 1, #values do
    values[column] = values[column] == newest or values[column]
  end
  for i = 1, #visits do
    local visit, body = visits[i], visits[i][4]
    if not visit[3] then
      for column = VISIT_HEAD + 1, #body do
        body[column] = body[column] == visit[2] or body[column]
      end
      for k = 2, #VISIT_TEXTS do
        local first, column = VISIT_TEXTS[1], VISIT_TEXTS[k]
        if body[column] and body[column] == body[first] then
          body[column] = -first
        end
      end
    end
    local n = 3 * i
    flat[n - 2], flat[n - 1] = visit[1], visit[2]
    flat[n] = visit[3] or cmsgpack.pack(unpack(body))
  end
  return cmsgpack.pack({
    LAYOUT,
    ORDER,
    RULES,
    state.marks,
    state.opened,
    state.loose,
    state.visitor_codes,
    state.visit_codes,
    #values > 0 and cmsgpack.pack(unpack(values)) or "",
    #flat > 0 and cmsgpack.pack(unpack(flat)) or "",
  })
end

-- Other rules wrote this state: its values are put into the order of these rules, and behind them
-- those that only the others know, which are carried along.
local function adopt(state)
  local CODE_BYTES = 3
  local function places_of(own_codes, codes)
    local places, place_of, all = {}, {}, own_codes
    for at = 1, #codes, CODE_BYTES do
      place_of[string.sub(codes, at, at + CODE_BYTES - 1)] = (at - 1) / CODE_BYTES + 1
    end
    for at = 1, #own_codes, CODE_BYTES do
      local code = string.sub(own_codes, at, at + CODE_BYTES - 1)
      places[#places + 1] = place_of[code] or 0
      place_of[code] = nil
    end
    for at = 1, #codes, CODE_BYTES do
      local code = string.sub(codes, at, at + CODE_BYTES - 1)
      if place_of[code] then
        places[#places + 1], all = place_of[code], all .. code
      end
    end
    return places, all
  end

  -- What stood nowhere starts as in `start`.
  local function rearrange(values, head, places, start)
    local moved = {}
    for column = 1, head do
      moved[column] = values[column]
    end
    for i, place in ipairs(places) do
      moved[head + i] = place > 0 and values[head + place] or start[i] or false
    end
    return moved
  end

  local places
  places, state.visitor_codes = places_of(VISITOR_CODES, state.visitor_codes)
  state.values = rearrange(state.values, 0, places, { false, false, false, false, 0, 0 })
  places, state.visit_codes = places_of(VISIT_CODES, state.visit_codes)
  for _, visit in ipairs(state.visits) do
    local start = { false, false, false, false, 0, 0 }
    visit[4] = rearrange(body_of(visit), VISIT_HEAD, places, start)
    visit[3] = nil
  end
end

local function state_of(held)
  if not held.parts then
    return {
      rules = RULES,
      marks = "",
      opened = 0,
      loose = "",
      visitor_codes = VISITOR_CODES,
      visit_codes = VISIT_CODES,
      values = { false, false, false, false, 0, 0 },
      visits = {},
    }
  end
  local parts = held.parts
  local visits, flat = {}, { cmsgpack.unpack(parts[11]) }
  for i = 1, #flat, 3 do
    visits[#visits + 1] = { flat[i], flat[i + 1], flat[i + 2] }
  end
  local values = { cmsgpack.unpack(parts[10]) }
  for column = 1, #values do
    local value = values[column]
    if value == true then
      values[column] = latest_of(visits)[2]
    elseif type(value) == "number" and value < 0 then
      local place = -value - 1
      values[column] = body_of(visits[place % 64 + 1])[math.floor(place / 64) + VISIT_HEAD + 1]
    end
  end
  local state = {
    rules = parts[4],
    marks = parts[5],
    opened = parts[6],
    loose = parts[7],
    visitor_codes = parts[8],
    visit_codes = parts[9],
    values = values,
    visits = visits,
  }
  if state.rules ~= RULES then
    adopt(state)
  end
  return state
end

-- One event's answer: the status flags, then name, value, name, value, ... of the visitor and of
-- one visit.
local function answer_of(flags, visitor_id, state, visit_id, visit)
  local visitor = state.values
  local own = visit and body_of(visit) or {}
  local answer = {
    "",
    "visitor_id",
    visitor_id,
    "visitor_first_page",
    text_of(visitor[1]),
    "visitor_last_page",
    text_of(visitor[2]),
    "visitor_first_seen",
    digits(visitor[3]),
    "visitor_last_seen",
    digits(visitor[4]),
    "visitor_pageviews",
    digits(visitor[5]),
    "visitor_events",
    digits(visitor[6]),
    "visitor_visits",
    digits(state.opened),
    "visit_id",
    visit_id ~= "" and visit_id,
    "visit_number",
    digits(own[1]),
    "visit_first_page",
    text_of(own[3]),
    "visit_last_page",
    text_of(own[4]),
    "visit_start",
    digits(own[5]),
    "visit_end",
    digits(own[6]),
    "visit_pageviews",
    digits(own[7]),
    "visit_events",
    digits(own[8]),
    "visit_bounce",
    visit and (own[7] <= 1 and "1" or "0") or false,
  }
  local is_whole = visit
    and visitor[1]
    and visitor[2]
    and visitor[3]
    and visitor[4]
    and own[3]
    and own[4]
    and own[5]
    and own[6]

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

-- Opens or finds the event's visit and recognises a repeat. Returns the visit and flags.
local function place_event(state, visit_id, ms, identity)
  local EVENT_IDS = 64
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
  -- Identities are packed without separators; a hit that straddles two of them is none.
  local identities, packed = body and body[2] or state.loose, struct.pack(">I6", identity)
  local found = string.find(identities, packed, 1, true)
  while found and found % 6 ~= 1 do
    found = string.find(identities, packed, found + 1, true)
  end
  if found then
    flags.repeated = true
  else
    identities = identities .. packed
    if #identities > 6 * EVENT_IDS then
      identities, flags.truncated = string.sub(identities, -6 * EVENT_IDS), true
    end
    if body then
      body[2] = identities
    else
      state.loose = identities
    end
  end
  if visit then
    visit[2], visit[3] = math.max(visit[2], ms), nil
  end
  return visit, flags
end

-- Merges one event into the state. Every merge is a minimum, a maximum, or a count that a repeat
-- does not move, so the order of events does not matter.
local function apply(state, args, at)
  local visit_id = args[at + 5]

  -- The event's own time where it is plausible beside its record's. No wall clock takes part.
  local SKEW_MS, AGE_MS = 3600000, 2592000000
  local record_ms, event_text = tonumber(args[at + 2]), args[at + 3]
  local ms, time_replaced = record_ms or 0, event_text ~= ""
  if is_digits(event_text, 15) then
    local event_ms = tonumber(event_text)
    if not record_ms or event_ms <= record_ms + SKEW_MS and event_ms >= record_ms - AGE_MS then
      ms, time_replaced = event_ms, false
    end
  end
  -- Six bytes of SHA-1 stand for an event: they recognise its repeats and break ties between equal
  -- times. Without an event id the event's own content is hashed, each part with its length, so
  -- that no two contents run together; the offset is not part of it, for it is arrival.
  local text = args[at + 4]
  if text == "" then
    local parts = {}
    for i = at + 2, at + EVENT_ARGS do
      parts[#parts + 1] = #args[i] .. ":" .. args[i]
    end
    text = table.concat(parts)
  end
  local identity = tonumber(string.sub(redis.sha1hex(text), 1, 12), 16)
  local visit, flags = place_event(state, visit_id, ms, identity)
  flags.time_replaced = time_replaced

  local query_other_eventtype_1 = args[at + 6]
  local query_other_page_title_2 = clip(args[at + 7])
  local is_page_view = query_other_eventtype_1 == "Pageview" and query_other_page_title_2 ~= ""
  if #args[at + 7] > VALUE_BYTES and is_page_view then
    flags.truncated = true
  end
  -- These move even for a late event.
  local visitor = state.values
  -- visitor_first_page: first query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = visitor[1]
    if not held or distance(ms, identity, held) < 0 then
      flags.corrected = flags.corrected or held and text_of(held) ~= query_other_page_title_2
      visitor[1] = struct.pack(">I7I6", ms, identity) .. query_other_page_title_2
    end
  end
  -- visitor_first_seen: first event_time
  if not visitor[3] or ms < visitor[3] then
    visitor[3] = ms
  end
  if flags.late then
    return visit, flags
  end
  -- visitor_last_page: last query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = visitor[2]
    if not held or distance(ms, identity, held) > 0 then
      visitor[2] = struct.pack(">I7I6", ms, identity) .. query_other_page_title_2
    end
  end
  -- visitor_last_seen: last event_time
  if not visitor[4] or ms > visitor[4] then
    visitor[4] = ms
  end
  local is_counted = not flags.repeated
  -- visitor_pageviews: count of not repeated events when page_view
  if is_counted and is_page_view then
    visitor[5] = visitor[5] + 1
  end
  -- visitor_events: count of not repeated events
  if is_counted then
    visitor[6] = visitor[6] + 1
  end
  if not visit then
    return visit, flags
  end
  local own = body_of(visit)
  -- visit_first_page: first query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = own[3]
    if not held or distance(ms, identity, held) < 0 then
      flags.corrected = flags.corrected or held and text_of(held) ~= query_other_page_title_2
      own[3] = struct.pack(">I7I6", ms, identity) .. query_other_page_title_2
    end
  end
  -- visit_last_page: last query-other_page_title when page_view
  if query_other_page_title_2 ~= "" and is_page_view then
    local held = own[4]
    if not held or distance(ms, identity, held) > 0 then
      own[4] = struct.pack(">I7I6", ms, identity) .. query_other_page_title_2
    end
  end
  -- visit_start: first event_time
  if not own[5] or ms < own[5] then
    own[5] = ms
  end
  -- visit_end: last event_time
  if not own[6] or ms > own[6] then
    own[6] = ms
  end
  -- visit_pageviews: count of not repeated events when page_view
  if is_counted and is_page_view then
    own[7] = own[7] + 1
  end
  -- visit_events: count of not repeated events
  if is_counted then
    own[8] = own[8] + 1
  end
  return visit, flags
end

-- What the hash shows by plain names, in the order of PLAIN: ids and kept texts of the visitor and
-- of the latest visit.
local function shown(visitor_id, state)
  local visit = latest_of(state.visits)
  local visitor, own = state.values, visit and body_of(visit) or {}
  return {
    visitor_id,
    visitor[1],
    visitor[2],
    visit and visit[1] or false,
    own[3] or false,
    own[4] or false,
  }
end

-- The answer to a call without events: the profile as the latest visit left it.
local function current(held, args)
  if not held.parts then
    return {}
  end
  local state = state_of(held)
  local latest = latest_of(state.visits)
  return { answer_of({}, args[1], state, latest and latest[1] or "", latest) }
end

local function fold(held, args)
  local PLAIN = {
    "visitor_id",
    "visitor_first_page",
    "visitor_last_page",
    "visit_id",
    "visit_first_page",
    "visit_last_page",
  }
  local visitor_id, stream, is_new = args[1], args[2], not held.parts
  local state = state_of(held)
  -- Under other rules a plain name may have meant something else: each is written or removed.
  local before = not is_new and state.rules == RULES and shown(visitor_id, state) or {}
  local marks = stream ~= "" and { cmsgpack.unpack(state.marks) } or {}
  local mark, applied = take_watermark(marks, stream), false

  local replies = {}
  for at = CALL_ARGS, #args - 1, EVENT_ARGS do
    local visit_id = args[at + 5]
    local offset = stream ~= "" and tonumber(args[at + 1])
    local visit, flags
    if offset and offset <= mark then
      visit, flags = find_visit(state.visits, visit_id), { replayed = true }
    else
      visit, flags = apply(state, args, at)
      flags.new_visitor = is_new
      is_new, applied = false, true
      mark = offset or mark
    end
    replies[#replies + 1] = answer_of(flags, visitor_id, state, visit_id, visit)
  end
  if not applied then
    return { replies = replies, bytes = 0, set = {}, gone = {} }
  end

  if stream ~= "" then
    marks[#marks + 1] = stream
    marks[#marks + 1] = mark
    if #marks > 2 * 64 then
      table.remove(marks, 1)
      table.remove(marks, 1)
    end
    state.marks = cmsgpack.pack(unpack(marks))
  end
  local after, set, gone = shown(visitor_id, state), {}, {}
  for i = 1, #PLAIN do
    if after[i] and after[i] ~= before[i] then
      local is_id = PLAIN[i] == "visitor_id" or PLAIN[i] == "visit_id"
      -- Only damaged state has an id that is no text; `update_profile` reports it.
      assert(type(after[i]) == "string", "a value is no text")
      set[#set + 1], set[#set + 2] = PLAIN[i], is_id and after[i] or text_of(after[i])
    elseif not after[i] and before[i] ~= false and not is_new then
      gone[#gone + 1] = PLAIN[i]
    end
  end
  local packed = pack_state(state)
  set[#set + 1], set[#set + 2] = STATE, packed
  return { replies = replies, bytes = #packed, set = set, gone = gone }
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
  local packed = redis.pcall("HGET", key, STATE)
  if type(packed) == "table" then
    return packed
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
  return open_state(packed)
end

local function update_profile(keys, args)
  -- As a function of a library this chunk outlives the call, and the texts would pile up.
  texts = {}
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
  redis.register_function("visitor_profile_85203f9f818e", update_profile)
else
  return update_profile(KEYS, ARGV)
end
