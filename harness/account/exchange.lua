-- One atomic step of an account in Valkey or Redis: what `store.py` says, in the order in which it says it.
--
-- KEYS: the account's state, its units, its last answers; all of one {tag}, so of one slot of a cluster.
--   state: one packed table. `rows`: who holds how much, by holder and route; `limits`: every limit that is kept to, with
--     a running count; `holds` by route; `store`, `run`: which store and which process of the server wrote it;
--     `clock`: the latest time that was seen; `ahead`: how far the account's clock is ahead of the server's.
--   units: a sorted set of what was sent, by the time it was counted at the latest; a member is number:cost:route.
--   answers: the last answer to each row, to be repeated.
--
-- **Counts.** A limit remembers the sum of what was counted after its horizon, one span ago, and that nothing was before
-- `next_t`. Each exchange moves the horizon of the limits that it names, and takes off what lies between; what is told
-- later than its horizon is added, what was counted before it is not. So an exchange costs what it changes, not what is
-- there.
--
-- **Lost.** Where the server was restarted, or keys are missing, nobody knows what was leased and sent last, so all of
-- it may count: nothing is leased until none of that can, and each holder is told that what it has is void.

-- ARGV[1]: JSON, which carries every digit: the constants, what is to be done, the server's run, the store ("" where it
--   was not looked up for this call), the time (false: the server's), the holder, and what it says.

local given = cjson.decode(ARGV[1])
local LIFE_S, PRESENT_S, STALE_S, CLOSE_S, AHEAD, LEAST_KEPT_S, FORGOTTEN_S, GATHERED, GATHERED_AFTER_S, EVERY = unpack(given[1])
local op, run, store, clock = given[2], given[3], given[4], given[5]
local me, name, pid, machine, joined_store = unpack(given[6])
local told = given[7]
local STATE, UNITS, ANSWERS = KEYS[1], KEYS[2], KEYS[3]

local function exact(value)
  return string.format('%.17g', value)
end

local function counts(limit_route, route)
  return limit_route == '*' or route == '*' or limit_route == route
end

-- The state ----------------------------------------------------------------------------------------------------------

local packed = redis.call('GET', STATE)
local state
if packed then
  state = cmsgpack.unpack(packed)
elseif store == '' then
  return 'new' -- whoever asks is to look first which store this is now
else
  state = {store = store, run = run, rows = {}, limits = {}, holds = {}, entries = 0, number = 0, calls = 0, ahead = 0}
end
-- Units without a state: the server threw it away to make room.
local orphaned = not packed and redis.call('DEL', UNITS, ANSWERS) > 0

local now
if not clock then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
else
  now = clock
end
-- A clock that was set back goes on from where it was.
now = now + state.ahead
if state.clock and now < state.clock then
  state.ahead = state.ahead + state.clock - now
  now = state.clock
end
state.clock = now

local missing = state.entries > 0 and redis.call('ZCARD', UNITS) ~= state.entries
if state.run ~= run or missing then
  state.run = run
  if missing then
    for _, limit in pairs(state.limits) do limit.horizon = nil end
    state.entries = redis.call('ZCARD', UNITS)
  end
  orphaned = true
  for _, row in pairs(state.rows) do row.void = true end
end
if orphaned then state.lost_t = now end

local function name_of(holder, route)
  return holder .. '\0' .. route
end

local function seat(route)
  local found = state.rows[name_of(me, route)]
  if found then return found end
  local joined_t
  for _, row in pairs(state.rows) do
    if row.holder == me and (not joined_t or row.joined_t < joined_t) then joined_t = row.joined_t end
  end
  local row = {
    holder = me, route = route, name = name, pid = pid, machine = machine, units = 0, joined_t = joined_t or now,
    seen_t = now, occupies_s = 0, linger_s = 0, unmet = 0, got_t = 0,
    present = true, number = 0,
  }
  state.rows[name_of(me, route)] = row
  return row
end

-- Units --------------------------------------------------------------------------------------------------------------

local fresh = {}

local function add(t, route, cost)
  state.number = state.number + 1
  fresh[#fresh + 1] = exact(t)
  fresh[#fresh + 1] = string.format('%d:%d:%s', state.number, cost, route)
  for _, limit in pairs(state.limits) do
    if limit.horizon and t > limit.horizon and counts(limit.route, route) then
      limit.count = limit.count + cost
      limit.next_t = math.min(limit.next_t, t)
    end
  end
end

local function flush()
  for first = 1, #fresh, 1000 do
    redis.call('ZADD', UNITS, unpack(fresh, first, math.min(first + 999, #fresh)))
  end
  state.entries = state.entries + #fresh / 2
  fresh = {}
end

local function parsed(member)
  local cost, route = string.match(member, '^%d+:(%d+):(.*)$')
  return tonumber(cost), route
end

local function sum(since, until_, limit_route)
  local total = 0
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', UNITS, since, until_)) do
    local cost, route = parsed(member)
    if counts(limit_route, route) then total = total + cost end
  end
  return total
end

local function used(limit)
  local horizon = now - limit.span_s
  if not limit.horizon then
    limit.count = sum('(' .. exact(horizon), '+inf', limit.route)
    limit.next_t = -math.huge
  elseif horizon >= limit.next_t then
    limit.count = limit.count - sum('(' .. exact(limit.horizon), exact(horizon), limit.route)
    local found = redis.call('ZRANGEBYSCORE', UNITS, '(' .. exact(horizon), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    limit.next_t = found[2] and tonumber(found[2]) or math.huge
  end
  limit.horizon = horizon
  local leased = 0
  for _, row in pairs(state.rows) do
    if row.units > 0 and counts(limit.route, row.route) then leased = leased + row.units end
  end
  return limit.count + leased
end

-- In how many seconds so many units are free, once `more` are leased; nil: leases alone are in the way.
local function opens_s(limit, more, batch)
  local excess = used(limit) + more - limit.units
  local opens, offset = nil, 0
  while true do
    local found = redis.call(
      'ZRANGEBYSCORE', UNITS, '(' .. exact(now - limit.span_s), '+inf', 'WITHSCORES', 'LIMIT', offset, 16)
    for index = 1, #found, 2 do
      local cost, route = parsed(found[index])
      local t = tonumber(found[index + 1])
      if counts(limit.route, route) then
        excess = excess - cost
        if excess < 0 then
          local in_s = t + limit.span_s - now
          if opens and in_s > opens + CLOSE_S then return opens end
          opens = math.max(0, in_s)
          if excess <= -batch then return opens end
        end
      end
    end
    if #found < 32 then return opens end
    offset = offset + 16
  end
end

-- What holders that are no more may have sent is charged.
local function bury(dead)
  local rows = {}
  for _, row in pairs(state.rows) do
    if row.holder ~= me and (row.units > 0 or row.present) then rows[#rows + 1] = row end
  end
  for _, row in ipairs(rows) do
    local counted_by = (row.leased_t or row.seen_t) + LIFE_S + row.occupies_s
    local gone = dead[row.holder]
    if gone then counted_by = math.min(counted_by, now + row.linger_s) end
    if gone or counted_by <= now then
      if row.units > 0 then add(counted_by, row.route, row.units) end
      row.units, row.unmet, row.present, row.seen_t = 0, 0, false, now
      for _, hold in pairs(state.holds) do
        if hold.probe == row.holder then hold.probe = nil end
      end
    elseif now - row.seen_t > PRESENT_S then
      for _, other in pairs(state.rows) do
        if other.holder == row.holder then other.present, other.unmet = false, 0 end
      end
    end
  end
end

-- Housekeeping -------------------------------------------------------------------------------------------------------

local function longest_s()
  local longest = LEAST_KEPT_S
  for _, limit in pairs(state.limits) do longest = math.max(longest, 2 * limit.span_s) end
  return longest
end

-- Whether the horizon of a limit lies among these: then they are not one.
local function parted(first_t, last_t)
  for _, limit in pairs(state.limits) do
    if limit.horizon and first_t <= limit.horizon and limit.horizon < last_t then return true end
  end
  return false
end

local function gather(since, until_, step)
  local found = redis.call('ZRANGEBYSCORE', UNITS, '(' .. exact(since), exact(until_), 'WITHSCORES')
  local groups, order = {}, {}
  for index = 1, #found, 2 do
    local cost, route = parsed(found[index])
    local t = tonumber(found[index + 1])
    local key = route .. '\0' .. math.floor(t / step)
    local group = groups[key]
    if not group then
      group = {route = route, cost = 0, first_t = t, members = {}}
      groups[key], order[#order + 1] = group, group
    end
    group.cost, group.last_t = group.cost + cost, t
    group.members[#group.members + 1] = found[index]
  end
  for _, group in ipairs(order) do
    if #group.members > 1 and #group.members < 4000 and not parted(group.first_t, group.last_t) then
      state.entries = state.entries - redis.call('ZREM', UNITS, unpack(group.members))
      state.number = state.number + 1
      local member = string.format('%d:%d:%s', state.number, group.cost, group.route)
      state.entries = state.entries + redis.call('ZADD', UNITS, exact(group.last_t), member)
    end
  end
end

local function tidy()
  for key, limit in pairs(state.limits) do
    if limit.seen_t < now - FORGOTTEN_S then state.limits[key] = nil end
  end
  local longest = longest_s()
  local oldest = now - longest
  for _, limit in pairs(state.limits) do
    if limit.horizon and limit.horizon < oldest then limit.horizon = nil end -- summed anew where it is named again
  end
  state.entries = state.entries - redis.call('ZREMRANGEBYSCORE', UNITS, '-inf', '(' .. exact(oldest))
  for key, row in pairs(state.rows) do
    if row.units == 0 and not row.present and row.seen_t < oldest - LIFE_S then
      state.rows[key] = nil
      redis.call('HDEL', ANSWERS, key)
    end
  end
  -- What is older than 20, 80, 320 s ... is gathered once at each of these ages, in whole steps.
  state.gathered = state.gathered or {}
  local age, level = GATHERED_AFTER_S, 1
  while age < longest do
    local step = age / GATHERED
    local until_ = math.floor((now - age) / step) * step
    gather(state.gathered[level] or oldest, until_, step)
    state.gathered[level] = until_
    age, level = 4 * age, level + 1
  end
end

local function save()
  flush()
  state.calls = state.calls + 1
  if state.calls % EVERY == 0 then tidy() end
  local late_s = 0
  for _, row in pairs(state.rows) do late_s = math.max(late_s, row.occupies_s + row.linger_s) end
  -- By then nothing counts any more, and nobody is at work.
  local ttl_ms = string.format('%.0f', (longest_s() + 2 * LIFE_S + late_s) * 1000)
  redis.call('SET', STATE, cmsgpack.pack(state), 'PX', ttl_ms)
  redis.call('PEXPIRE', UNITS, ttl_ms)
  redis.call('PEXPIRE', ANSWERS, ttl_ms)
end

-- Who else is at work, and how much each has.
local function others_now()
  local by_holder, list = {}, {}
  for _, row in pairs(state.rows) do
    if row.holder ~= me and row.present and row.seen_t > now - PRESENT_S then
      local other = by_holder[row.holder]
      if not other then
        other = {holder = row.holder, name = row.name, pid = row.pid, machine = row.machine, leased = 0}
        by_holder[row.holder], list[#list + 1] = other, other
      end
      other.leased = other.leased + row.units
    end
  end
  return list
end

-- The operations -----------------------------------------------------------------------------------------------------

local function join()
  local span_s, dead = told[1], {}
  for _, holder in ipairs(told[2]) do dead[holder] = true end
  bury(dead)
  for _, row in pairs(state.rows) do
    if row.holder == me then row.joined_t = now end
  end
  seat('*')
  flush()
  local answer = {'joined'}
  local found = redis.call('ZRANGEBYSCORE', UNITS, '(' .. exact(now - span_s), '+inf', 'WITHSCORES')
  for index = 1, #found, 2 do
    local cost, route = parsed(found[index])
    local first = #answer
    answer[first + 1], answer[first + 2], answer[first + 3] = route, exact(now - tonumber(found[index + 1])), exact(cost)
  end
  save()
  return table.concat(answer, '\0')
end

local function look()
  bury({})
  flush()
  local hold_s
  for _, hold in pairs(state.holds) do
    if hold.until_ > now then hold_s = math.max(hold_s or 0, hold.until_ - now) end
  end
  local answer = {'now', hold_s and exact(hold_s) or '', state.used_t and exact(now - state.used_t) or ''}
  local function tell(...)
    for _, one in ipairs({...}) do answer[#answer + 1] = one end
  end
  local others = others_now()
  answer[4] = exact(#others)
  for _, other in ipairs(others) do tell(other.holder, other.name, other.pid, other.machine) end
  for _, limit in pairs(state.limits) do
    local taken = used(limit)
    local left = math.max(0, limit.units - taken)
    local opens = left == 0 and opens_s(limit, 0, 1) or nil
    tell(limit.text, exact(limit.units), exact(taken), exact(left), opens and exact(opens) or '', exact(limit.span_s),
      exact(limit.seen_t))
  end
  save()
  return table.concat(answer, '\0')
end

local function exchange()
  local said = {number = told[1], route = told[2], occupies_s = told[3], linger_s = told[4], back = told[5],
    want = told[6], least = told[7], hold_s = told[8], probe = told[9], leaves = told[10]}
  local limits, spent = told[11], told[12]

  -- 1. The dead are buried. 2. The same number as before.
  bury({})
  local key = name_of(me, said.route)
  local row = state.rows[key]
  local lost = not row and said.number > 1 and (orphaned or (joined_store ~= '' and joined_store ~= state.store))
  row = row or seat(said.route)
  if row.number == said.number and not row.void then
    local answer = redis.call('HGET', ANSWERS, key)
    if answer then
      save()
      return answer
    end
    lost = true -- the server threw it away
  end
  if lost then state.lost_t = now end
  lost = lost or row.void or false
  row.void = nil

  -- 3. What became of the units that it had.
  local settled = said.back
  for index = 1, #spent, 3 do
    local age_s, cost, reserved = spent[index], spent[index + 1], spent[index + 2]
    if cost > 0 then add(now - age_s, said.route, cost) end
    settled = settled + reserved
  end
  flush()
  row.units = math.max(0, row.units - settled)
  if lost then row.units = 0 end
  local named, longest = {}, 0
  for index = 1, #limits, 4 do
    local units, span_s, route, text = limits[index], limits[index + 1], limits[index + 2], limits[index + 3]
    local limit_key = text .. '\0' .. route .. '\0' .. exact(span_s)
    local kept = state.limits[limit_key]
    if not kept then
      kept = {span_s = span_s, route = route, text = text}
      state.limits[limit_key] = kept
    end
    kept.units, kept.seen_t = units, now
    named[#named + 1] = kept
    longest = math.max(longest, span_s)
  end
  state.used_t = now
  local others = others_now()

  local function lost_until(span_s)
    return state.lost_t and state.lost_t + LIFE_S + said.occupies_s + span_s or -math.huge
  end

  -- How many others want some that got none for longer than this one, and how many that got some since.
  local function rivals()
    local got, mine_t, before, after = {}, 0, 0, 0
    for _, one in pairs(state.rows) do
      if one.holder == me then
        mine_t = math.max(mine_t, one.got_t)
      elseif one.unmet > 0 and one.seen_t > now - PRESENT_S then
        got[one.holder] = math.max(got[one.holder] or 0, one.got_t)
      end
    end
    for _, got_t in pairs(got) do
      if got_t >= mine_t then after = after + 1 else before = before + 1 end
    end
    return before, after
  end

  local function judged(want)
    if want <= 0 then return {units = 0} end
    local free, full = math.huge, nil
    for index, limit in ipairs(named) do
      local opens_at = lost_until(limit.span_s)
      if now < opens_at then return {units = 0, opens_s = opens_at - now, full = index - 1} end
      if counts(limit.route, said.route) then
        local room = limit.units - used(limit)
        if room < free then free, full = room, index end
      end
    end
    local units = math.max(0, math.min(want, free))
    local before, after = rivals()
    if free > 0 and free < math.huge then
      local each = math.floor(free / (1 + before + after))
      -- Of what does not divide, those get one that got none for longest.
      if before < free - each * (1 + before + after) then each = each + 1 end
      units = math.min(units, math.max(1, each))
    end
    if units >= want or not full then return {units = units} end
    if units < free then return {units = units, opens_s = 0, full = full - 1} end -- the rest is for the others
    local limit = named[full]
    local batch = math.max(1, math.min(want - units, math.floor(limit.units / (50 * (1 + #others)))))
    local opens = opens_s(limit, units, batch)
    local ahead = units > 0 and before + after or before
    if ahead > 0 and opens then -- those come first; but nobody waits for what they may not take
      local mine_s = opens_s(limit, units + ahead * batch, batch)
      if mine_s and mine_s <= opens + AHEAD * limit.span_s then opens = mine_s end
    end
    return {units = units, opens_s = opens, full = full - 1}
  end

  -- 4. Holds.
  local function held()
    local hold = state.holds[said.route]
    if hold and hold.probe == me and said.probe ~= '' then
      if said.probe == 'passed' and not said.hold_s then
        state.holds[said.route], hold = nil, nil
      else
        hold.probe = nil
      end
    end
    if said.hold_s then
      local until_ = now + math.max(0, said.hold_s)
      local probe = nil
      if hold then
        until_ = math.max(until_, hold.until_)
        if hold.probe ~= me then probe = hold.probe end
      end
      hold = {until_ = until_, probe = probe, owner = me}
      state.holds[said.route] = hold
    end
    if not hold or said.leaves then return nil end
    if (hold.owner == me and #others == 0) or now > hold.until_ + STALE_S then
      if now >= hold.until_ then state.holds[said.route] = nil end
      return nil -- its own breaker pauses it
    end
    if now < hold.until_ then return {units = 0, hold_s = hold.until_ - now} end
    if hold.probe then return {units = 0, waits = true} end
    local one = judged(math.min(said.want, said.least))
    if one.units == 0 then return one end
    hold.probe = me
    return {units = one.units, probing = true}
  end

  -- 5. It is leased what it wants.
  local function knows_all()
    if #others > 0 or now < lost_until(longest) then return false end
    for _, one in pairs(state.rows) do
      if one.holder ~= me and one.leased_t then
        local last_t = math.max(one.leased_t + LIFE_S, one.seen_t)
        if one.units > 0 then return false end
        if one.seen_t >= row.joined_t and last_t + one.occupies_s + longest > now then return false end
      end
    end
    return true
  end

  local leased = held()
  if not leased and knows_all() then
    leased = {units = said.want, alone = true}
  end
  leased = leased or judged(said.want)

  if leased.units > 0 or row.units > 0 then row.leased_t = now end
  if leased.units > 0 then row.got_t = now end
  row.units = row.units + leased.units
  row.seen_t, row.occupies_s, row.linger_s = now, said.occupies_s, said.linger_s
  row.unmet = math.max(0, said.want - leased.units)
  row.present, row.number = not said.leaves, said.number
  local answer = {'leased', exact(leased.units), leased.alone and '1' or '0',
    leased.opens_s and exact(leased.opens_s) or '', leased.full and exact(leased.full) or '',
    leased.hold_s and exact(leased.hold_s) or '', leased.probing and '1' or '0', leased.waits and '1' or '0',
    lost and '1' or '0'}
  for _, other in ipairs(others) do
    local first = #answer
    answer[first + 1], answer[first + 2], answer[first + 3] = other.holder, other.name, other.pid
    answer[first + 4], answer[first + 5] = other.machine, exact(other.leased)
  end
  local text = table.concat(answer, '\0')
  redis.call('HSET', ANSWERS, key, text)
  save()
  return text
end

if op == 'exchange' then return exchange() end
if op == 'join' then return join() end
return look()
