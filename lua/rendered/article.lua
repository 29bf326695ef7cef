--[[
profile: folds one visitor's events into the visitor's profile, by rules article-00802e1a.
DO NOT EDIT: rendered from lua/profile.lua.j2 and the rules by `profiler lua render`.

Atomic because: two consumers of one visitor would otherwise both read, both decide, and the later
write would undo the earlier; here reading, deciding and writing are one call.

KEYS
  1  visitor_key   hash    the visitor's profile; read, write
  2  outputs       hash    may be missing: the state before each call not committed yet
     outputs has the same hash tag. A redelivered event then gets the answer that it got first, if
     the redelivery begins where a call began and has the same events. At most some 128 elements,
     each of the profile's size; the caller removes what is committed: HDEL outputs stream:offset,
     the last offset of the call
ARGV, per call
  1   visitor_id    text    the visitor, as it is; never empty
  2   stream        text    where offsets count; empty switches the watermark off
  3   floor         digits  the oldest offset not committed, or empty: not known
  4   events        digits  how many events follow
ARGV, then per event (1 to 500 events, folded in order; behind them nothing: reserved)
  +1  offset        digits  place in the stream; ignored where the stream is empty
  +2  received      digits  when it was received, ms since the epoch, or empty
  +3  created       text    when its device made it, ms by the device's clock, or empty
  +4  sent          text    when its device sent it, ms by the device's clock, or empty
  +5  event_id      text    recognises it when it is sent again; 6 bytes are not hashed
  +6  visit_id      text    the visit, or empty: no visit field changes
  +7  query-other_eventtype  text    input of the rules
  +8  query-other_page_title  text    input of the rules
ARGV of a read: visitor_id, now (digits, ms, or empty: as of the latest event). ARGV `fields`: the
  names of the values of RETURNS, in their order.
RETURNS, per event: {flags, value, value, ...}, a value for each field, nil where it is not known;
  a read: {name, value, name, value, ...} of the latest visit, known values only, {} for nobody
  flags, a text with a space before each:
         new_visitor new_visit replayed truncated no_visit forgotten
  fields, in order (#: an integer; a boolean is 1 or 0; all other fields are texts):
         visitor_id visit_id visitor_first_page visitor_last_page visit_first_page visit_last_page
ERRORS, always before the first write
  EBADARG   wrong keys or arguments; the rest says which
  EPROFILE  this key's stored state is unusable; other visitors are not affected
  ELAYOUT   a newer script wrote this state; update the caller
TTL   visitor_key: 34128000000 ms, set anew where events come to another day of received, and by
      every call with an event that has no received. outputs: 3600000 ms from the latest call
COST  1 HMGET; 1 HEXISTS and 1 EXISTS if new; at most 1 HSET; 1 PEXPIRE a day; O(events + state).
      With outputs: 1 HSET, 1 PEXPIRE, HLEN every 64th call; HGETALL for redelivered events;
      HKEYS, HDEL where it is full
]]

-- A whole number below 10^15, by its value, however it is spelled; an error for every other text.
local function number_of(text)
  local number = text + 0
  if number >= 0 and number < 1e15 and number % 1 == 0 then return number end
  error("no number")
end

-- What few calls need. Each function of the script costs every call 300 instructions, and so does
-- each of its upvalues; these are made where they are needed.
local function seldom()
  local functions = {}

  local function whole(text)
    local number = tonumber(text)
    return number and number >= 0 and number < 1e15 and number % 1 == 0 and number or nil
  end

  -- The names of the answers' values, in their order.
  function functions.names_of_fields()
    -- stylua: ignore
    return { "visitor_id", "visit_id", "visitor_first_page", "visitor_last_page", "visit_first_page", "visit_last_page" }
  end

  -- Says by an error what is wrong with the arguments. The fold trusts them: only where it fails
  -- somebody looks closer.
  function functions.check_arguments(keys, args)
    local function expect(is_right, message)
      if not is_right then error({ err = "EBADARG " .. message }) end
    end
    local EVENT, read, fold, digits = 8, #args == 2, #args > 4, "up to 15 digits or nothing"
    expect(#keys == 1 or #keys == 2, "KEYS: expected 1 or 2 keys, got " .. #keys)
    expect(read or fold, "ARGV: expected fields, or visitor_id and now, or 4 + " .. EVENT .. " per event, got " .. #args)
    expect(args[1] ~= "", "visitor_id: empty")
    expect(#args[1] < 65536, "visitor_id: longer than 65535 bytes")
    expect(fold or args[2] == "" or whole(args[2]), "now: expected " .. digits)
    if read then return end
    local events = whole(args[4])
    expect(#args[2] < 256, "stream: longer than 255 bytes")
    expect(args[3] == "" or whole(args[3]), "floor: expected " .. digits)
    expect(events and events > 0 and events <= 500, "events: expected 1 to 500")
    expect(#args == 4 + EVENT * events, "ARGV: expected 4 + " .. EVENT .. " per event, got " .. #args .. " for " .. events)
    for number = 1, events do
      local at, of_event = 5 + EVENT * (number - 1), " of event " .. number .. ": "
      expect(args[2] == "" or whole(args[at]), "offset" .. of_event .. "expected 1 to 15 digits")
      expect(args[at + 1] == "" or whole(args[at + 1]), "received" .. of_event .. "expected " .. digits)
      expect(#args[at + 5] < 65536, "visit_id" .. of_event .. "longer than 65535 bytes")
    end
  end

  -- A visitor was forgotten: state begins with an "f" and the time up to which, in 7 bytes. Behind it
  -- stands the profile that began since, if any. Returns the two, the first nil where it is not so.
  function functions.behind_forget(packed)
    if string.byte(packed) ~= 102 or #packed < 8 then return nil, packed end
    return string.sub(packed, 1, 8), string.sub(packed, 9)
  end

  -- Whether an event is from before a forget: received or made before it, or nothing says when.
  function functions.is_forgotten(args, event, forget)
    local till = struct.unpack(">i7", forget, 2)
    local received, created = whole(args[event + 1]), whole(args[event + 2])
    if created and created < 94694400000 then created = nil end
    return not received and not created or (received or till) < till or (created or till) < till
  end
  -- The parts of layout 1, nil for layout 2; an error where this script must not touch the state.
  function functions.open(packed)
    local layout, order, parts = string.byte(packed) or 0, nil, nil
    if layout > 143 and layout < 160 then
      parts = { pcall(cmsgpack.unpack, string.sub(packed, 2)) }
      layout = table.remove(parts, 1) and layout == 144 + #parts and tonumber(parts[1]) or 0
      order = parts[2]
      if layout == 2 and type(order) == "string" then order = string.sub(order, 1, 1) end
    end
    if layout > 2 and layout < 32 then
      error({ err = "ELAYOUT stored state has layout " .. layout .. ", this script knows 2" })
    elseif not parts or layout ~= 1 and layout ~= 2 or order ~= "a" and order ~= "e" then
      error({ err = "EPROFILE stored state is damaged" })
    elseif order ~= "a" then
      error({ err = "EPROFILE the profile was written by rules of another order" })
    end
    return layout == 1 and parts or nil
  end

  -- Cuts a value over its cap at a UTF-8 character, so that the rest stays text.
  function functions.clip(text)
    local stop = 8192
    while stop > 8188 do
      local next_byte = string.byte(text, stop + 1)
      if next_byte < 128 or next_byte > 191 then break end
      stop = stop - 1
    end
    return string.sub(text, 1, stop)
  end

  -- The state of layout 1, {layout, order, rules, watermarks}, and what stands behind the mark of a
  -- forget, as the fold takes it; with that mark, and whether nothing came since.
  function functions.take_over(packed, HEAD, STATE)
    local forget, state = functions.behind_forget(packed)
    if forget and state == "" then return -1, -86400000, "", "", forget, true end
    if string.find(state, HEAD, 1, true) == 1 then
      local mark, day, named, streams, at = struct.unpack(STATE, state, 16)
      if at ~= #state + 1 then error("its end is elsewhere") end
      return mark, day * 86400000, named, streams, forget
    end
    local parts, streams = functions.open(state), ""
    local marks = { cmsgpack.unpack(parts[4]) }
    for i = 1, #marks - 2, 2 do
      streams = streams .. struct.pack(">I1c0i7", #marks[i], marks[i], marks[i + 1])
    end
    return marks[#marks] or -1, -86400000, marks[#marks - 1] or "", streams, forget
  end

  -- An answer to a command for the sidecar, as an error of this script where it is one, else nil.
  function functions.refused(reply)
    if type(reply) ~= "table" or not reply.err then return nil end
    return string.find(reply.err, "^WRONGTYPE") and redis.error_reply("EPROFILE the second key holds no hash") or reply
  end

  -- Makes room in a full sidecar: what is below the floor goes; if that is not enough, what other
  -- streams have, and the oldest.
  function functions.make_room(outputs, stream, floor)
    local held, own, others, gone = redis.pcall("HLEN", outputs), {}, {}, {}
    if type(held) ~= "number" or held <= 128 then return functions.refused(held) end
    for _, field in ipairs(redis.call("HKEYS", outputs)) do
      local name, last = string.match(field, "^(.*):(.*)$")
      last = name == stream and whole(last)
      local list = not last and others or last < floor and gone or own
      list[#list + 1] = last and { last, field } or field
    end
    if #own + #others > 128 then
      table.sort(own, function(a, b) return a[1] > b[1] end)
      for _ = 1, #own - 64 do
        gone[#gone + 1] = table.remove(own)
      end
      for _, field in ipairs(others) do
        gone[#gone + 1] = field
      end
    end
    for _, each in ipairs(gone) do
      held = redis.pcall("HDEL", outputs, type(each) == "table" and each[2] or each)
    end
    return functions.refused(held)
  end

  -- Gives events that come again the answers that they got first. An element holds the state before
  -- a call, from which its events are folded anew. The watermark names the latest element, and each
  -- names the one before: so what is not of this profile's history never counts. Returns an error or
  -- nil, and what an element says of the events that are new.
  function functions.restore(update, keys, args, answers, mark)
    local EVENT, DIGEST, visitor_id = 8, "7b2e0ea144bf:", args[1]
    local outputs, stream, floor, held = keys[2], args[2], whole(args[3]) or 0, {}
    local final, new = whole(args[#args - EVENT + 1]), 5
    while args[new] and whole(args[new]) <= mark do
      new = new + EVENT
    end
    local found, reply = redis.pcall("HGETALL", outputs), nil
    if found.err then return functions.refused(found) end
    for i = 1, #found, 2 do
      local name, last = string.match(found[i], "^(.*):(.*)$")
      last = name == stream and whole(last)
      if last and (last < floor or last > mark) then
        reply = redis.pcall("HDEL", outputs, found[i])
      elseif last then
        held[last] = { found[i], found[i + 1] }
      end
    end
    while held[mark] and mark >= whole(args[5]) do
      local last, field, is_right, element = mark, held[mark][1], pcall(cmsgpack.unpack, held[mark][2])
      held[mark] = nil
      if not is_right or type(element) ~= "table" then break end
      local before, places, events = tonumber(element[2]), {}, { visitor_id, stream, "", 0 }
      local first, count = string.match(tostring(element[1]), "^7b2e0ea144bf:(.-):?(%d+)$")
      if not before or not first then break end
      -- Of events before its first one the call knew nothing: they were forgotten.
      local from = whole(first) or count == "1" and last or 0
      for event = 5, new - EVENT, EVENT do
        local offset = whole(args[event])
        if offset > before and offset <= last and offset >= from then
          places[#places + 1] = (event - 5) / EVENT + 1
          for i = event, event + EVENT - 1 do
            events[#events + 1] = args[i]
          end
        end
      end
      -- They must be all events of the call, or its first ones.
      local left, is_whole = count - #places, final >= last
      if #places > 0 and (first == "" or whole(first) == whole(events[5])) and (left == 0) == is_whole and left >= 0 then
        events[4] = #places
        local prior = { is_new = not element[3], unpack(element, 3) }
        for i = 1, 6 do
          prior[i] = prior[i] or false
        end
        local done, again, _, _, _, state = pcall(update, keys[1], events, prior)
        for i, place in ipairs(done and places or {}) do
          answers[place] = again[i]
        end
        if done and not is_whole then
          -- The next call begins inside the element, so that is divided. Where all before was
          -- forgotten, nothing was applied, and the state is what it was.
          local rest = { DIGEST .. ":" .. left, final, unpack(element, 3) }
          if state then rest = { rest[1], final, state, unpack(again[#again], 3) } end
          element[1] = DIGEST .. first .. ":" .. #places
          reply = redis.pcall("HSET", outputs, stream .. ":" .. args[#args - EVENT + 1], cmsgpack.pack(element), field, cmsgpack.pack(rest))
          reply = type(reply) == "number" and redis.pcall("PEXPIRE", outputs, "3600000") or reply
        end
      end
      mark = before
    end
    return functions.refused(reply), new < #args and DIGEST .. args[new] .. ":" .. (#args + 1 - new) / EVENT
  end

  return functions
end

-- Folds events into the profile of `key`, or into the values that are given, as the article's program
-- does, or reads it. Returns the answers and the stream's watermark before them; where anything
-- changed also the values before, whether the time to live is to be set anew, and the state to store,
-- fields to remove (there are none) and fields to set.
local function update(key, args, prior)
  -- As MessagePack an array, which release 0.1 reads: the layout; a text: order, digest of the rules;
  -- a text: watermark, day of the time to live, stream of the watermark, other streams.
  -- stylua: ignore
  local HEAD, STATE, STORED = "\147\002\218\000\005a\000\128.\026\219", ">i7I2I1c0I4c0", ">c11I4i7I2I1c0I4c0"
  local count, visitor_id, stream = #args, args[1], args[2]
  if count == 2 and visitor_id ~= "" then
    stream = (stream == "" or number_of(stream)) and "" -- a read: this was `now`
  elseif
    visitor_id == ""
    or count < 5
    or count ~= 4 + 8 * (args[4] == "1" and 1 or number_of(args[4]))
    or count > 4004
    or #stream > 255
    or #visitor_id > 65535
    or args[3] ~= "" and not number_of(args[3])
  then
    error("arguments")
  end
  -- stylua: ignore
  local stored = prior or redis.call("HMGET", key, "~", "visit_id", "visitor_first_page", "visitor_last_page", "visit_first_page", "visit_last_page")
  -- stylua: ignore
  local packed, current_id, visitor_first_page, visitor_last_page, visit_first_page, visit_last_page = unpack(stored)
  local has_id = packed or not prior and redis.call("HEXISTS", key, "visitor_id") == 1
  local is_new = not has_id and (prior and prior.is_new or not prior and redis.call("EXISTS", key) == 0)
  local new_visitor, forget = is_new, nil
  local mark, day, named, streams = -1, -86400000, stream, ""
  if packed and #packed > 262144 then
    error({ err = "EPROFILE stored state exceeds 262144 bytes" })
  elseif packed and string.find(packed, "\147\002\218\000\005a", 1, true) == 1 then
    local at
    mark, day, named, streams, at = struct.unpack(STATE, packed, 16)
    if at ~= #packed + 1 then error("its end is elsewhere") end
    day = day * 86400000
  elseif packed then
    local is_empty
    mark, day, named, streams, forget, is_empty = seldom().take_over(packed, "\147\002\218\000\005a", STATE)
    if is_empty then
      has_id, new_visitor = false, true
    end
  end
  if new_visitor and count == 2 then return {} end

  -- The watermark of another stream than last time stands in `streams`, which are sorted by when
  -- they moved.
  if stream ~= "" and stream ~= named then
    local other, from, known = mark, 1, 1
    mark = -1
    while from <= #streams do
      local name, offset, following = struct.unpack(">I1c0i7", streams, from)
      if name == stream then
        mark, known = offset, 0
        streams = string.sub(streams, 1, from - 1) .. string.sub(streams, following)
        break
      end
      from, known = following, known + 1
    end
    if named ~= "" then streams = streams .. struct.pack(">I1c0i7", #named, named, other) end
    if known >= 1024 then
      local _, _, following = struct.unpack(">I1c0i7", streams)
      streams = string.sub(streams, following)
    end
    named = stream
  end
  local mark_before = mark

  local answers, applied, stale = { false }, false, new_visitor
  for event = 5, count < 5 and 5 or count, 8 do
    local visit_id, flags, truncated = args[event + 5], "", false
    local offset = stream ~= "" and args[event] + 0
    if offset and not (offset >= 0 and offset < 1e15 and offset % 1 == 0) then error("no number") end
    if forget and event < count and seldom().is_forgotten(args, event, forget) then
      flags, mark = " forgotten", offset and offset > mark and offset or mark
    elseif offset and offset <= mark then
      flags = " replayed"
    elseif event < count then
      local opens_visitor, opens_visit = new_visitor, false
      applied, mark, new_visitor = true, offset or mark, false
      if opens_visitor then flags = " new_visitor" end
      if visit_id == "" then
        flags = flags .. " no_visit"
      elseif visit_id ~= current_id then
        flags, current_id, opens_visit = flags .. " new_visit", visit_id, true
      end
      local received = args[event + 1] ~= "" and args[event + 1] + 0
      if received and not (received >= 0 and received < 1e15 and received % 1 == 0) then error("no number") end

      local event_other_eventtype_1 = args[event + 6]
      local event_page_title_2 = args[event + 7]
      local is_page_view = event_other_eventtype_1 == "Pageview" and event_page_title_2 ~= ""
      if #event_page_title_2 > 8192 and is_page_view then
        event_page_title_2, truncated = seldom().clip(event_page_title_2), true
      end
      -- visitor_first_page: first query-other_page_title when page_view
      if opens_visitor and is_page_view then visitor_first_page = event_page_title_2 end
      -- visitor_last_page: last query-other_page_title when page_view
      if is_page_view then visitor_last_page = event_page_title_2 end
      -- visit_first_page: first query-other_page_title when page_view
      if opens_visit and is_page_view then visit_first_page = event_page_title_2 end
      -- visit_last_page: last query-other_page_title when page_view
      if is_page_view and visit_id ~= "" then visit_last_page = event_page_title_2 end
      if truncated then flags = flags .. " truncated" end
      -- The time to live is set anew where the events come to another day.
      if not received or received < day or received >= day + 86400000 then
        day, stale = received and received - received % 86400000 or 0, true
      end
    end
    answers[(event + 3) / 8] = {
      flags,
      visitor_id,
      current_id,
      visitor_first_page,
      visitor_last_page,
      visit_first_page,
      visit_last_page,
    }
  end
  if not applied then return answers, mark_before end

  -- What the call has changed, in a table of the right size.
  -- stylua: ignore
  local set, n = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 0
  if not has_id then
    set[1], set[2], n = "visitor_id", visitor_id, 2
  end
  if current_id ~= stored[2] then
    set[n + 1], set[n + 2], n = "visit_id", current_id, n + 2
  end
  if visitor_first_page ~= stored[3] then
    set[n + 1], set[n + 2], n = "visitor_first_page", visitor_first_page, n + 2
  end
  if visitor_last_page ~= stored[4] then
    set[n + 1], set[n + 2], n = "visitor_last_page", visitor_last_page, n + 2
  end
  if visit_first_page ~= stored[5] then
    set[n + 1], set[n + 2], n = "visit_first_page", visit_first_page, n + 2
  end
  if visit_last_page ~= stored[6] then
    set[n + 1], set[n + 2], n = "visit_last_page", visit_last_page, n + 2
  end
  local state = struct.pack(STORED, HEAD, 14 + #named + #streams, mark, day / 86400000 % 65536, #named, named, #streams, streams)
  if forget then
    state, stale = forget .. state, stale and "GT"
  end
  return answers, mark_before, is_new and {} or stored, stale, state, set, n
end

local function call(keys, args)
  local count = #args
  if count == 1 and args[1] == "fields" and #keys < 2 then return seldom().names_of_fields() end
  -- Nothing is written before the fold is over: state that it cannot digest costs this call only.
  local done, answers, before, prior, stale, state, set, n = pcall(update, keys[1], args)
  if not done or #keys > 2 or #keys == 0 then
    local is_right, wrong = pcall(seldom().check_arguments, keys, args)
    local message = is_right and answers or wrong
    message = type(message) == "table" and message.err or tostring(message)
    if not string.find(message, "^%u+ ") then message = "EPROFILE stored state is unusable: " .. message end
    local is_other = string.find(message, "^WRONGTYPE")
    return redis.error_reply(is_other and "EPROFILE the key holds no hash" or message)
  end
  if count == 2 and answers[1] then
    local shown = {}
    for i, name in ipairs(seldom().names_of_fields()) do
      if answers[1][i + 1] then
        shown[#shown + 1] = name
        shown[#shown + 1] = answers[1][i + 1]
      end
    end
    return shown
  end
  -- Stored outputs: what came before gets its first answer again, and what is new leaves an element.
  local stream, outputs, element = args[2], nil, nil
  if count > 2 and stream ~= "" and keys[2] then
    local events = "7b2e0ea144bf:1"
    if args[4] ~= "1" then events = "7b2e0ea144bf:" .. args[5] .. ":" .. args[4] end
    outputs = keys[2]
    if args[5] + 0 <= before then
      local refused
      refused, events = seldom().restore(update, keys, args, answers, before)
      if refused then return refused end
    end
    element = state and cmsgpack.pack({ events, before, unpack(prior) })
  end
  if state then
    local key = keys[1]
    -- Behind the first write nothing may be refused, so rights are looked at before it.
    if stale and not redis.acl_check_cmd("PEXPIRE", key, "34128000000") then
      return redis.error_reply("NOPERM this user has no permissions to run the 'pexpire' command")
    end
    if element then
      -- Who lacks a right is refused here; the element is taken back, and nobody has seen it.
      local field = stream .. ":" .. args[count - 7]
      local reply = redis.pcall("HSET", outputs, field, element)
      if reply == 1 or reply == 0 then reply = redis.pcall("PEXPIRE", outputs, "3600000") end
      -- Now and then, whatever the rhythm of this visitor's offsets is.
      if reply == 1 and (before + (before - before % 64) / 64) % 64 == 0 then reply = seldom().make_room(outputs, stream, tonumber(args[3]) or 0) or 1 end
      if reply == 1 then reply = redis.pcall("HSET", key, "~", state, unpack(set, 1, n)) end
      if type(reply) ~= "number" then
        redis.pcall("HDEL", outputs, field)
        return seldom().refused(reply)
      end
    else
      redis.call("HSET", key, "~", state, unpack(set, 1, n))
    end
    if stale == "GT" then
      redis.call("PEXPIRE", key, "34128000000", "GT")
    elseif stale then
      redis.call("PEXPIRE", key, "34128000000")
    end
  end
  return answers
end

if redis.register_function then
  redis.register_function("visitor_profile_7b2e0ea144bf", call)
else
  return call(KEYS, ARGV)
end
