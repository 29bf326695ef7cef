--[[
profile: folds one visitor's events into the visitor's profile, by rules largest-45412c58.
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
  +9  shop-items    text    input of the rules
  +10   shop-total    text    input of the rules
  +11   shop-weight   text    input of the rules
ARGV of a read: visitor_id, now (digits, ms, or empty: as of the latest event). ARGV `fields`: the
  names of the values of RETURNS, in their order.
RETURNS, per event: {flags, value, value, ...}, a value for each field, nil where it is not known;
  a read: {name, value, name, value, ...} of the latest visit, known values only, {} for nobody
  flags, a text with a space before each:
         new_visitor new_visit late repeated replayed corrected truncated time_corrected no_time
         bad_number no_visit forgotten
  fields, in order (#: an integer; a boolean is 1 or 0; all other fields are texts):
         visitor_id visitor_dearest visitor_visits# visit_id visit_number# visit_most_items#
         visit_heaviest visit_events# visit_last_page visit_bounce#
ERRORS, always before the first write
  EBADARG   wrong keys or arguments; the rest says which
  EPROFILE  this key's stored state is unusable; other visitors are not affected
  ELAYOUT   a newer script wrote this state; update the caller
TTL   visitor_key: 34128000000 ms, set anew where events come to another day of received, and by
      every call with an event that has no received. outputs: 3600000 ms from the latest call
COST  1 HGET; 1 EXISTS if new; at most 1 HSET; 1 PEXPIRE a day; HKEYS, and HDEL of each plain
      field, where other rules or layout 1 wrote the state; O(events + state). With outputs: 1
      HSET, 1 PEXPIRE, HLEN every 64th call; HGETALL for redelivered events; HKEYS, HDEL where it
      is full
]]

-- A whole number below 10^15, by its value, however it is spelled; an error for every other text.
local function number_of(text)
  local number = text + 0
  if number >= 0 and number < 1e15 and number % 1 == 0 then return number end
  error("no number")
end

-- Orders by time, then by created, then by bytes: "<" on texts would follow the server's locale.
local function is_before(ms, created, text, other_ms, other_created, other)
  if ms ~= other_ms then return ms < other_ms end
  if created ~= other_created or text == other then return created < other_created end
  for i = 1, math.min(#text, #other) do
    local left, right = string.byte(text, i), string.byte(other, i)
    if left ~= right then return left < right end
  end
  return #text < #other
end

-- Six bytes stand for an event or a visit: of its id, or the id itself where it has as many.
local function six_bytes(id) return #id == 6 and id or struct.pack(">I6", tonumber(string.sub(redis.sha1hex(id), 1, 12), 16)) end

-- Where six bytes stand in a list of such; a hit that straddles two of them is none.
local function place_of(six, list)
  local at = string.find(list, six, 1, true)
  while at and at % 6 ~= 1 do
    at = string.find(list, six, at + 1, true)
  end
  return at
end

-- A decimal number as whole units of its last place; nil for more places, more than 15
-- significant digits, what a double cannot hold, and what is no number.
local function units_of(text, places)
  local sign, whole, point, fraction = string.match(text, "^(%-?)(%d+)(%.?)(%d*)$")
  if not whole or (point == "") ~= (fraction == "") or #fraction > places then
    return nil
  end
  local units = tonumber(whole .. fraction .. string.rep("0", places - #fraction))
  local significant = string.match(whole .. fraction, "^0*(.*)$")
  if #significant > 15 or units >= 2 ^ 53 then
    return nil
  end
  return sign == "-" and -units or units
end

-- The decimal number that units make, as text without zeros that say nothing.
local function decimal(units, places)
  local text = string.format("%0" .. places + 1 .. "d", math.abs(units))
  local fraction = string.gsub(string.sub(text, -places), "0+$", "")
  local whole = string.sub(text, 1, -places - 1)
  return (units < 0 and "-" or "") .. whole .. (fraction ~= "" and "." .. fraction or "")
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
    return { "visitor_id", "visitor_dearest", "visitor_visits", "visit_id", "visit_number", "visit_most_items", "visit_heaviest",
      "visit_events", "visit_last_page", "visit_bounce" }
  end

  -- Says by an error what is wrong with the arguments. The fold trusts them: only where it fails
  -- somebody looks closer.
  function functions.check_arguments(keys, args)
    local function expect(is_right, message)
      if not is_right then error({ err = "EBADARG " .. message }) end
    end
    local EVENT, read, fold, digits = 11, #args == 2, #args > 4, "up to 15 digits or nothing"
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
    elseif order ~= "e" then
      error({ err = "EPROFILE the profile was written by rules of another order" })
    end
    return layout == 1 and parts or nil
  end

  -- Puts "?" where created or sent is no number; says whether there was any such text.
  function functions.mark_times(args)
    local found = false
    for event = 5, #args - 10, 11 do
      for at = event + 2, event + 3 do
        if args[at] ~= "" and args[at] ~= "?" and not whole(args[at]) then
          args[at], found = "?", true
        end
      end
    end
    return found
  end

  -- Cuts a value over its cap at a UTF-8 character, so that the rest stays text.
  function functions.clip(text)
    local stop = 4096
    while stop > 4092 do
      local next_byte = string.byte(text, stop + 1)
      if next_byte < 128 or next_byte > 191 then break end
      stop = stop - 1
    end
    return string.sub(text, 1, stop)
  end

  -- Of packed visits the oldest or the latest, ties by id: its place, size, id and latest event.
  function functions.outermost(visits, is_oldest)
    local from, place, length, id, latest = 1, 1, 0, nil, nil
    while from <= #visits do
      local size, other, ms = struct.unpack(">I4I2c0i7", visits, from)
      if size < 61 then error("a visit is too short") end
      if not id or is_before(ms, 0, other, latest, 0, id) == is_oldest then
        place, length, id, latest = from, size, other, ms
      end
      from = from + size
    end
    return place, length, id, latest
  end

  -- Layout 1 is MessagePack: {layout, order, rules, watermarks, visits opened, identities without a
  -- visit, codes of the visitor's and of a visit's values, the values, visits}. A text is ms, 6 bytes,
  -- text; `true` is the time of the visit's latest event; a number below zero is the place of a text
  -- in the visit, or of the visitor's by 64 in one of the visits.
  local function read_layout_1(parts)
    local visits, newest, flat = {}, 0, { cmsgpack.unpack(parts[10]) }
    local function values_of(codes, held, head, latest)
      local values = {}
      for at = 1, #codes, 3 do
        local code, body, value = string.sub(codes, at, at + 2), held, held[head + (at + 2) / 3]
        for _ = 1, 2 do
          local place = type(value) == "number" and value < 0 and -value
          if place and head == 0 and body == held then
            body, place = visits[(place - 1) % 64 + 1].body, math.floor((place - 1) / 64) + 3
          end
          value = place and body[place] or value
        end
        value = value == true and latest or value
        if type(value) == "string" then
          local ms, text = struct.unpack(">I7", value), string.sub(value, 14)
          value = struct.pack(">i7i7I3c0", ms, ms, #text, text)
        else
          value = value and struct.pack(">i7", value)
        end
        values[#values + 1], values[code] = code, value or nil
      end
      return values
    end
    for i = 1, #flat, 3 do
      local id, latest, body = flat[i], flat[i + 1], { cmsgpack.unpack(flat[i + 2]) }
      visits[(i + 2) / 3] = { id, latest, body[1], body[2], values_of(parts[8], body, 2, latest), body = body }
      newest = math.max(newest, latest)
    end
    local marks, others = { cmsgpack.unpack(parts[4]) }, ""
    for i = 1, #marks - 2, 2 do
      others = others .. struct.pack(">I1c0i7", #marks[i], marks[i], marks[i + 1])
    end
    local stream, mark = marks[#marks - 1] or "", marks[#marks] or -1
    local visitor = values_of(parts[7], { cmsgpack.unpack(parts[9]) }, 0, newest)
    return { mark, 0, parts[5], stream, others, parts[6], "" }, visits, visitor
  end

  -- Layout 2 of other rules, whose head says which values they have: for each its kind (n: a number,
  -- t: a text, from 128: a text that is stored empty where it is that one of the visit) and code.
  local function read_layout_2(packed)
    local visit_bytes, visitor_bytes = 4 * string.byte(packed, 11), 4 * string.byte(packed, 12)
    local visit_codes = string.sub(packed, 13, 12 + visit_bytes)
    local visitor_codes = string.sub(packed, 13 + visit_bytes, 12 + visit_bytes + visitor_bytes)
    local texts, fixed = {}, { struct.unpack(">i7I2I4I1c0I4c0I2c0I2c0", packed, 18 + visit_bytes + visitor_bytes) }
    local from = fixed[8]
    local function values_of(codes, is_visit)
      local values = {}
      for at = 1, #codes, 4 do
        local kind, code, first = string.byte(codes, at), string.sub(codes, at + 1, at + 3), from
        local ms, created, text
        ms, from = struct.unpack(">i7", packed, from)
        local value = string.sub(packed, first, from - 1)
        if kind ~= 110 then
          created, text, from = struct.unpack(">i7I3c0", packed, from)
          text = text == "" and kind > 127 and ms > -1 and ms < 1e15 and texts[kind - 127] or text
          texts[(at + 3) / 4] = is_visit and text or texts[(at + 3) / 4]
          value = struct.pack(">i7i7I3c0", ms, created, #text, text)
        end
        values[#values + 1], values[code] = code, value
      end
      return values
    end
    local function add_carried(values)
      local carried, following = struct.unpack(">I4c0", packed, from)
      local at = 1
      from = following
      while at <= #carried do
        local code, value
        code, value, at = struct.unpack(">c3I3c0", carried, at)
        values[#values + 1], values[code] = code, value
      end
      return values
    end
    local function next_visit()
      local id, latest, number, identities, values
      id, latest, number, from = struct.unpack(">I2c0i7I4", packed, from)
      values = values_of(visit_codes, true)
      identities, from = struct.unpack(">I2c0", packed, from)
      return { id, latest, number, identities, add_carried(values) }
    end
    local visits = { next_visit() }
    local visitor = add_carried(values_of(visitor_codes, false))
    from = from + 4
    while from <= #packed do
      from = from + 4
      visits[#visits + 1] = next_visit()
    end
    return fixed, visits, visitor
  end

  -- State that other rules or layout 1 wrote, as these rules store it, behind HEAD. A value is known
  -- by its code; what only other rules know is carried along. With it the plain fields to remove, and
  -- the mark of a forget; no state where nothing came since the forget.
  function functions.take_over(key, packed, HEAD)
    local forget, gone
    forget, packed = functions.behind_forget(packed)
    if forget and packed == "" then return nil, nil, forget end
    if string.find(packed, HEAD, 1, true) == 1 then return packed, nil, forget end
    gone = {}
    for _, name in ipairs(redis.call("HKEYS", key)) do
      gone[#gone + 1] = name ~= "~" and name or nil
    end
    local VISIT_CODES = "tp\012\201lcx\222\091U\217Q"
    local VISITOR_CODES = "\152\041\010"
    -- stylua: ignore
    local VISIT_STARTS = { "\192\000\000\000\000\000\000", "\192\000\000\000\000\000\000", "\000\000\000\000\000\000\000",
    "\255\255\255\255\255\255\255\255\255\255\255\255\255\255\000\000\000" }
    -- stylua: ignore
    local VISITOR_STARTS = { "\192\000\000\000\000\000\000" }
    local parts = functions.open(packed)
    local fixed, visits, visitor = (parts and read_layout_1 or read_layout_2)(parts or packed)

    local function arranged(values, codes, starts)
      local own, carried = "", ""
      for at = 1, #codes, 3 do
        local code = string.sub(codes, at, at + 2)
        own, values[code] = own .. (values[code] or starts[(at + 2) / 3]), nil
      end
      for i = 1, #values do
        local value = values[values[i]]
        if value then carried = carried .. values[i] .. struct.pack(">I3c0", #value, value) end
      end
      return own, carried
    end

    local first, others = nil, ""
    for i = 1, math.max(#visits, 1) do
      local id, latest, number, identities, values = unpack(visits[i] or { "", -1, 0, "", {} })
      local own, carried = arranged(values, VISIT_CODES, VISIT_STARTS)
      local visit = struct.pack(">I2c0i7I4", #id, id, latest, number) .. own .. struct.pack(">I2c0I4c0", #identities, identities, #carried, carried)
      others = others .. (first and struct.pack(">I4", #visit + 4) .. visit or "")
      first = first or visit
    end
    local own, carried = arranged(visitor, VISITOR_CODES, VISITOR_STARTS)
    local mark, day, opened, stream, streams, loose, forgotten = unpack(fixed)
    -- stylua: ignore
    local head = struct.pack(">i7I2I4I1c0I4c0I2c0I2c0", mark, day, opened, #stream, stream, #streams, streams, #loose, loose, #forgotten, forgotten)
    return HEAD .. "size" .. head .. first .. own .. struct.pack(">I4c0I4c0", #carried, carried, #others, others), gone, forget
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
    local EVENT, DIGEST, visitor_id = 11, "cf2eeb2853e5:", args[1]
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
      local first, count = string.match(tostring(element[1]), "^cf2eeb2853e5:(.-):?(%d+)$")
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
        local prior = element[3]
        local done, again, _, _, _, state = pcall(update, keys[1], events, prior)
        for i, place in ipairs(done and places or {}) do
          answers[place] = again[i]
        end
        if done and not is_whole then
          -- The next call begins inside the element, so that is divided. Where all before was
          -- forgotten, nothing was applied, and the state is what it was.
          local rest = { DIGEST .. ":" .. left, final, state or prior }
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

-- Folds events into the profile of `key`, or into the state that is given, or reads it. Returns the
-- answers and the stream's watermark before them; where anything changed also the state before,
-- whether the time to live is to be set anew ("GT": made longer at most), the state to store, plain fields to remove and to set.
local function update(key, args, prior)
  -- stylua: ignore
  local HEAD = "\147\002\218\000\027eEA\044X\004\001ntp\012n\201lcnx\222\091tU\217Qn\152\041\010\219"
  local STATE = ">i7I2I4I1c0I4c0I2c0I2c0I2c0i7I4i7i7i7i7i7I3c0I2c0I4c0i7I4c0I4c0"
  local STORED = ">c33I4i7I2I4I1c0I4c0I2c0I2c0I2c0i7I4i7i7i7i7i7I3c0I2c0I4c0i7I4c0I4c0"
  local VISIT = ">I4I2c0i7I4i7i7i7i7i7I3c0I2c0I4c0"
  -- After every time, before every time, and neither.
  local EVER, NEVER, NOWHEN = 1e15, -1, 0 / 0
  local count, visitor_id, stream = #args, args[1], args[2]
  if count == 2 and visitor_id ~= "" then
    stream = (stream == "" or number_of(stream)) and "" -- a read: this was `now`
  elseif
    visitor_id == ""
    or count < 5
    or count ~= 4 + 11 * (args[4] == "1" and 1 or number_of(args[4]))
    or count > 5504
    or #stream > 255
    or #visitor_id > 65535
    or args[3] ~= "" and not number_of(args[3])
  then
    error("arguments")
  end
  -- The visitor: watermark, day of the time to live, visits opened, the stream of the watermark and
  -- the other streams, six bytes of events without a visit and of visits forgotten; the values.
  local mark, day, opened, named, streams, loose, forgotten = -1, -86400000, 0, stream, "", "", ""
  local visitor_carried, visits = "", ""
  local visitor_dearest = -2 ^ 54
  -- The visit in hand; all other visits are packed in `visits`, the one that was in hand last first.
  local id, latest, visit_number, events, carried = "", NEVER, 0, "", ""
  local visit_most_items = -2 ^ 54
  local visit_heaviest = -2 ^ 54
  local visit_events = 0
  local visit_last_page_ms, visit_last_page_created, visit_last_page = NEVER, NEVER, ""
  local packed = prior ~= "" and (prior or redis.call("HGET", key, "~"))
  local new_visitor, gone, forget = not packed, nil, nil
  if packed then
    if #packed > 262144 then error({ err = "EPROFILE stored state exceeds 262144 bytes" }) end
    if string.find(packed, HEAD, 1, true) ~= 1 then
      packed, gone, forget = seldom().take_over(key, packed, HEAD)
      new_visitor = not packed
    end
  elseif not prior and redis.call("EXISTS", key) == 1 then
    error({ err = "EPROFILE the hash has no state: another program wrote it" })
  end
  if packed then
    local at = 38
    -- stylua: ignore
    mark, day, opened, named, streams, loose, forgotten, id, latest, visit_number, visit_most_items, visit_heaviest,
      visit_events, visit_last_page_ms, visit_last_page_created, visit_last_page, events, carried, visitor_dearest,
      visitor_carried, visits, at = struct.unpack(STATE, packed, at)
    if at ~= #packed + 1 then error("its end is elsewhere") end
    day = day * 86400000
  elseif count == 2 then
    return {}
  end

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

  local answers, applied, stale = { false }, false, false
  -- A read has one turn: the latest visit comes to hand.
  for event = 5, count < 5 and 5 or count, 11 do
    local visit_id, flags = args[event + 5], ""
    if event > count then
      local _, _, other, other_latest = seldom().outermost(visits, false)
      visit_id = other and (id == "" or is_before(latest, 0, id, other_latest, 0, other)) and other or id
    end

    -- The event's visit comes to hand, and the visit that was there goes to `visits`.
    if #visit_id > 65535 then error("visit_id") end
    local has_visit, kept = id == visit_id and id ~= "", 0
    local late, truncated, corrected = false, false, false
    if not has_visit and visit_id ~= "" then
      local from, found, given, before, after = 1, visits, "", visits, ""
      while from <= #visits do
        local size, other = struct.unpack(">I4I2c0", visits, from)
        if size < 61 then error("a visit is too short") end
        if other == visit_id then
          before, after = string.sub(visits, 1, from - 1), string.sub(visits, from + size)
          has_visit = true
          break
        end
        from, kept = from + size, kept + 1
      end
      if id ~= "" then
        kept = kept + 1
        local size = 61 + #id + #visit_last_page + #events + #carried
        -- stylua: ignore
        given = struct.pack(VISIT, size, #id, id, latest, visit_number, visit_most_items, visit_heaviest, visit_events, visit_last_page_ms,
          visit_last_page_created, #visit_last_page, visit_last_page, #events, events, #carried, carried)
      end
      visits = given .. before .. after
      if has_visit then
        local _, at = nil, from
        -- stylua: ignore
        _, id, latest, visit_number, visit_most_items, visit_heaviest, visit_events, visit_last_page_ms,
          visit_last_page_created, visit_last_page, events, carried = struct.unpack(VISIT, found, at)
      else
        id, latest, visit_number, events, carried = "", NEVER, 0, "", ""
        visit_most_items = -2 ^ 54
        visit_heaviest = -2 ^ 54
        visit_events = 0
        visit_last_page_ms, visit_last_page_created, visit_last_page = NEVER, NEVER, ""
      end
    end

    local offset = stream ~= "" and event <= count and number_of(args[event])
    if forget and event <= count and seldom().is_forgotten(args, event, forget) then
      flags, mark = " forgotten", offset and offset > mark and offset or mark
    elseif offset and offset <= mark then
      flags = " replayed"
    elseif event <= count then
      applied, mark = true, offset or mark
      if new_visitor then
        flags, new_visitor = " new_visitor", false
      end

      local received = args[event + 1] ~= "" and number_of(args[event + 1])
      -- The event's time: created, put right where sent shows that the device's clock is wrong;
      -- without sent, or out of reason, within reach of received. A "?" is no time.
      local created_text, created, ms = args[event + 2], NEVER, received or NOWHEN
      if created_text ~= "" and created_text ~= "?" then
        created = number_of(created_text)
        ms = (received or created >= 94694400000) and created or NOWHEN
      end
      if received and created ~= NEVER then
        local sent = args[event + 3] ~= "" and args[event + 3] ~= "?" and number_of(args[event + 3])
        local ahead, furthest = sent and received - sent or 0, received + 3600000
        if ahead >= 2700000 or ahead <= -2700000 then ms = ms + math.floor((ahead + 450000) / 900000) * 900000 end
        if ms > furthest then
          ms = furthest
        elseif ms < received - 2592000000 and (not sent or ms < 94694400000) then
          ms = received - 2592000000
        end
      end
      -- Six bytes recognise the event when it is sent again. Without an id its content stands for
      -- it, and without any time nothing does.
      local six = args[event + 4]
      if six == "" and (created ~= NEVER or received) then
        local time = created ~= NEVER and created_text or args[event + 1]
        six = #time .. ":" .. time
        for i = event + 5, event + 10 do
          six = six .. #args[i] .. ":" .. args[i]
        end
      end
      six = #six == 6 and six or six ~= "" and six_bytes(six) or nil

      -- A visit is opened; of a full profile the oldest one goes, or the event is late.
      if visit_id == "" then
        flags = flags .. " no_visit"
      elseif not has_visit then
        local from, size, oldest, oldest_latest
        if kept >= 8 then
          from, size, oldest, oldest_latest = seldom().outermost(visits, true)
          late = is_before(ms, 0, visit_id, oldest_latest, 0, oldest)
        end
        if late then
          flags = flags .. " late"
        else
          id, has_visit = visit_id, true
          local place = forgotten ~= "" and place_of(six_bytes(visit_id), forgotten)
          if place then
            -- It was forgotten: what it began with is not known. Number 0 says so from now on.
            forgotten = string.sub(forgotten, 1, place - 1) .. string.sub(forgotten, place + 6)
          else
            opened, visit_number, flags = opened + 1, opened + 1, flags .. " new_visit"
          end
          if oldest then
            truncated, forgotten = true, string.sub(forgotten .. six_bytes(oldest), -384)
            visits = string.sub(visits, 1, from - 1) .. string.sub(visits, from + size)
          end
        end
      end

      -- A repeat counts nothing.
      local counted = not late
      if six and not late then
        local seen = has_visit and events or loose
        if place_of(six, seen) then
          counted, flags = false, flags .. " repeated"
        else
          seen = seen .. six
          if #seen > 384 then
            seen, truncated = string.sub(seen, -384), true
          end
          events, loose = has_visit and seen or events, has_visit and loose or seen
        end
      end
      if has_visit and ms > latest then latest = ms end

      local event_other_eventtype_1 = args[event + 6]
      local event_page_title_2 = args[event + 7]
      local event_shop_items_3 = args[event + 8]
      local event_shop_total_4 = args[event + 9]
      local event_shop_weight_5 = args[event + 10]
      local is_sold = event_other_eventtype_1 == "Sale"
      if #event_page_title_2 > 4096 then
        event_page_title_2, truncated = seldom().clip(event_page_title_2), true
      end
      local bad_number = false
      local event_shop_items_3_e0 = units_of(event_shop_items_3, 0)
      bad_number = bad_number or not event_shop_items_3_e0 and event_shop_items_3 ~= ""
      local event_shop_total_4_e2 = units_of(event_shop_total_4, 2)
      bad_number = bad_number or not event_shop_total_4_e2 and event_shop_total_4 ~= ""
      local event_shop_weight_5_e4 = units_of(event_shop_weight_5, 4)
      bad_number = bad_number or not event_shop_weight_5_e4 and event_shop_weight_5 ~= ""
      -- These move even for a late event.
      if not late then
        -- visitor_dearest: max shop-total when sold
        if event_shop_total_4_e2 and is_sold and event_shop_total_4_e2 > visitor_dearest then visitor_dearest = event_shop_total_4_e2 end
      end
      if has_visit then
        -- visit_most_items: max shop-items
        if event_shop_items_3_e0 and event_shop_items_3_e0 > visit_most_items then visit_most_items = event_shop_items_3_e0 end
        -- visit_heaviest: max shop-weight
        if event_shop_weight_5_e4 and event_shop_weight_5_e4 > visit_heaviest then visit_heaviest = event_shop_weight_5_e4 end
        -- visit_events: count
        if counted then visit_events = visit_events + 1 end
        -- visit_last_page: last query-other_page_title
        if event_page_title_2 ~= "" and is_before(visit_last_page_ms, visit_last_page_created, visit_last_page, ms, created, event_page_title_2) then
          visit_last_page_ms, visit_last_page_created, visit_last_page = ms, created, event_page_title_2
        end
      end

      if corrected then flags = flags .. " corrected" end
      if bad_number then flags = flags .. " bad_number" end
      if ms ~= ms then
        flags = flags .. " time_corrected no_time"
      elseif created_text ~= "" and ms ~= created then
        flags = flags .. " time_corrected"
      end
      -- The time to live is set anew where the events come to another day.
      if not received or received < day or received >= day + 86400000 then
        day, stale = received and received - received % 86400000 or 0, true
      end
    end
    if truncated or has_visit and visit_number == 0 then flags = flags .. " truncated" end

    answers[(event + 6) / 11] = {
      flags,
      visitor_id,
      visitor_dearest > -2 ^ 54 and decimal(visitor_dearest, 2),
      opened,
      visit_id ~= "" and visit_id,
      has_visit and visit_number > 0 and visit_number,
      has_visit and visit_most_items > -2 ^ 54 and visit_most_items,
      has_visit and visit_heaviest > -2 ^ 54 and decimal(visit_heaviest, 4),
      has_visit and visit_events,
      has_visit and visit_last_page ~= "" and visit_last_page,
      has_visit and (visit_events <= 1 and 1 or 0),
    }
  end
  if not applied then return answers, mark_before end
  day = day / 86400000 % 65536
  -- stylua: ignore
  local size = 94 + #named + #streams + #loose + #forgotten + #id + #visit_last_page + #events + #carried + #visitor_carried + #visits
  -- stylua: ignore
  local state = struct.pack(STORED, HEAD, size, mark, day, opened, #named, named, #streams, streams, #loose, loose, #forgotten, forgotten, #id, id,
    latest, visit_number, visit_most_items, visit_heaviest, visit_events, visit_last_page_ms, visit_last_page_created,
    #visit_last_page, visit_last_page, #events, events, #carried, carried, visitor_dearest, #visitor_carried,
    visitor_carried, #visits, visits)
  if forget then
    packed, state, stale = forget .. (packed or ""), forget .. state, (stale or gone) and "GT"
  end
  if #state > 262144 then error({ err = "EPROFILE profile would exceed 262144 bytes" }) end
  return answers, mark_before, packed or "", stale or gone, state, gone
end

local function call(keys, args)
  local count = #args
  if count == 1 and args[1] == "fields" and #keys < 2 then return seldom().names_of_fields() end
  -- Nothing is written before the fold is over: state that it cannot digest costs this call only.
  local done, answers, before, prior, stale, state, gone = pcall(update, keys[1], args)
  if not done and seldom().mark_times(args) then
    done, answers, before, prior, stale, state, gone = pcall(update, keys[1], args)
  end
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
    local events = "cf2eeb2853e5:1"
    if args[4] ~= "1" then events = "cf2eeb2853e5:" .. args[5] .. ":" .. args[4] end
    outputs = keys[2]
    if args[5] + 0 <= before then
      local refused
      refused, events = seldom().restore(update, keys, args, answers, before)
      if refused then return refused end
    end
    element = state and cmsgpack.pack({ events, before, prior })
  end
  if state then
    local key = keys[1]
    -- Behind the first write nothing may be refused, so rights are looked at before it.
    if stale and not redis.acl_check_cmd("PEXPIRE", key, "34128000000") then
      return redis.error_reply("NOPERM this user has no permissions to run the 'pexpire' command")
    elseif gone and not redis.acl_check_cmd("HDEL", key, "~") then
      return redis.error_reply("NOPERM this user has no permissions to run the 'hdel' command")
    end
    if element then
      -- Who lacks a right is refused here; the element is taken back, and nobody has seen it.
      local field = stream .. ":" .. args[count - 10]
      local reply = redis.pcall("HSET", outputs, field, element)
      if reply == 1 or reply == 0 then reply = redis.pcall("PEXPIRE", outputs, "3600000") end
      -- Now and then, whatever the rhythm of this visitor's offsets is.
      if reply == 1 and (before + (before - before % 64) / 64) % 64 == 0 then reply = seldom().make_room(outputs, stream, tonumber(args[3]) or 0) or 1 end
      if reply == 1 then reply = redis.pcall("HSET", key, "~", state) end
      if type(reply) ~= "number" then
        redis.pcall("HDEL", outputs, field)
        return seldom().refused(reply)
      end
    else
      redis.call("HSET", key, "~", state)
    end
    if stale == "GT" then
      redis.call("PEXPIRE", key, "34128000000", "GT")
    elseif stale then
      redis.call("PEXPIRE", key, "34128000000")
    end
    if gone then
      for _, name in ipairs(gone) do
        redis.call("HDEL", key, name)
      end
    end
  end
  return answers
end

if redis.register_function then
  redis.register_function("visitor_profile_cf2eeb2853e5", call)
else
  return call(KEYS, ARGV)
end
