// What is executed in Redis when a replica takes slots of a quota and gives slots back. Times are Redis's own, in milliseconds.
import { SLOWING, SPARING } from "./call-window.ts";

/** So long after a quota was idle each replica gets its equal part alone: the others may be about to ask as well. */
const GATHER_MS = 100;
/** Who comes so long after a quota was idle counts as having come together with the others. */
const TOGETHER_MS = 3_000;
/** By how much of the quota one replica may be behind another and make up for it; and if they came together. */
const LAG_SHARE = 1 / 2;
const LAG_SHARE_TOGETHER = 1;
/**
 * By how much of the quota a replica may be ahead of others for requesters that have had no turn yet. Not less than what
 * others may make up for: meanwhile its short questions are answered still.
 */
const FIRST_LEAD_SHARE = 1;
/** How soon a replica that did not get all may ask again, and when it should if nothing is known of the next slot. */
const ASK_GAP_MS = 100;
const ASK_AGAIN_MS = 250;
/** How late a replica may come for a slot that is left for it. */
const LATE_MS = 150;
/** What a silent replica holds comes back after so long: a process that is held up has calls that arrive late. */
const LOST_MS = 3_000;
/** A slot is not left for a replica that comes so long after it could be used. */
const IDLE_MS = 40;

/**
 * KEYS: epoch, replicas, the quota's state. ARGV: replica, epoch, number of the exchange, slots, period, how far ahead
 * slots may be taken, how many are wanted, how many of those for first turns, calls sent in the last second, a pause
 * that the cloud asked for (-1 for none), how long a replica may be silent, then two lists with commas: the ages of the
 * answers to calls whose slots come back, and for slots that come back unused how long they still rest; and what its own
 * part of the quota has left, if it counted on its own until the epoch began: the rests of its slots, and calls under way.
 *
 * Each slot rests in the pool until the time at which its next call may be sent, or is held by a replica. A replica is
 * given slots some time before they may be used, so nobody has to ask at the very moment; and not long before, so that
 * nobody holds what another one needs more.
 *
 * Answers nothing when the replica must join first; else, with spaces between: 1 when what it held was taken away
 * meanwhile, the limit, replicas that want slots, calls that the others sent in the last second, when to ask again,
 * how many of the slots are for first turns, and the rest of each slot.
 */
export const EXCHANGE = `
local replica, epochId, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local slots, periodMs, aheadMs = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local want, wantFirst, used = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local pauseMs, silentMs = tonumber(ARGV[10]), tonumber(ARGV[11])

local epoch = redis.call('HMGET', KEYS[1], 'id', 'readyAt', KEYS[3])
local seenAt, members = {}, 0
local listed = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for index = 1, #listed, 2 do
  seenAt[listed[index]] = tonumber(listed[index + 1])
  members = members + 1
end
if epoch[1] ~= epochId or not seenAt[replica] then return '' end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local packed = redis.call('GET', KEYS[3])
local state = packed and cmsgpack.unpack(packed)
-- It was there in this epoch: whoever dropped it, replicas may hold slots that nobody knows of any more.
local isDropped = not state and epoch[3] == epochId
if not state or state.epoch ~= epochId then
  state = { epoch = epochId, pool = {}, size = 0, replicas = {}, reducedTo = slots, reducedAt = 0, pausedUntil = 0,
    restUntil = isDropped and now + silentMs + periodMs or tonumber(epoch[2]), opensAt = tonumber(epoch[2]) - aheadMs,
    reserved = 0, grantedAt = 0, gatherUntil = 0, busySince = 0, lastUsableAt = 0 }
  redis.call('HSET', KEYS[1], KEYS[3], epochId)
end
if isDropped then state.isDropped = true end
local pool = state.pool
local me = state.replicas[replica]
local isNew = not me
if isNew then
  me = { held = 0, served = 0, number = 0, granted = {}, firsts = 0, wants = 0, wantsFirst = 0, askAt = 0,
    isLost = state.isDropped or now >= state.opensAt }
  state.replicas[replica] = me
end
me.used, me.seenAt = used, now

local function putBack(restsUntil)
  local place = #pool
  while place > 0 and pool[place] > restsUntil do place = place - 1 end
  table.insert(pool, place + 1, restsUntil)
end

local function takeBack()
  for text in string.gmatch(ARGV[12], '[^,]+') do
    if me.held == 0 then return end
    me.held = me.held - 1
    putBack(now - tonumber(text) + periodMs)
  end
  for text in string.gmatch(ARGV[13], '[^,]+') do
    if me.held == 0 then return end
    me.held, me.served = me.held - 1, me.served - 1
    putBack(now + tonumber(text))
  end
end

-- Until an epoch opens, nothing is known of the calls of those that have not come yet, and their slots are missing. Who
-- comes brings its own part along, so that calls go on meanwhile. Later it is too late: its part is counted among the rest,
-- and must not be given back as well.
local function takeRemains()
  if not isNew or now >= state.opensAt then return end
  local held = tonumber(ARGV[15])
  me.held, state.size = held, state.size + held
  for text in string.gmatch(ARGV[14], '[^,]+') do
    putBack(now + tonumber(text))
    state.size = state.size + 1
  end
end

-- A refusal: less for all, and more again little by little.
local function findLimit()
  local step = math.max(1, math.floor(slots * ${SLOWING.increase} + 0.5))
  local limit = math.min(slots, state.reducedTo + math.floor((now - state.reducedAt) / ${SLOWING.increaseEveryMs}) * step)
  if pauseMs >= 0 then
    state.pausedUntil = math.max(state.pausedUntil, now + pauseMs)
    if now - state.reducedAt > periodMs then
      limit = math.max(math.ceil(slots * ${SLOWING.minShare}), math.floor(limit * ${SLOWING.decrease}))
      state.reducedTo, state.reducedAt = limit, now
    end
  end
  return limit
end

-- A replica that has not been heard of may be counting on its own: what it may then send is set aside. What it holds
-- comes back later, as if sent just then, and so do the slots of one that is forgotten.
local function setAsideForSilent()
  local reserved = 0
  local function lose(record)
    for _ = 1, record.held do putBack(now + periodMs) end
    record.held, record.wants, record.isLost = 0, 0, true
  end
  for id, record in pairs(state.replicas) do
    if not seenAt[id] then
      lose(record)
      state.replicas[id] = nil
    end
  end
  for id, at in pairs(seenAt) do
    local record = state.replicas[id]
    local silentSince = math.max(at, record and record.seenAt or 0)
    if silentSince < now - silentMs then
      if record and silentSince < now - ${LOST_MS} then lose(record) end
      reserved = reserved + math.max(0, math.ceil(slots / members) - (record and record.held or 0))
    end
  end
  -- Its last calls may have been sent a moment ago.
  if reserved < state.reserved then state.restUntil = math.max(state.restUntil, now + periodMs) end
  state.reserved = reserved
  return reserved
end

-- As many slots as the limit allows. One that is taken away may have been used a moment ago: one that is put in its
-- place later rests as long.
local function resize(target)
  while state.size > target and #pool > 0 do
    state.restUntil = math.max(state.restUntil, table.remove(pool))
    state.size = state.size - 1
  end
  while state.size < target and now >= state.opensAt do
    putBack(math.max(now, state.restUntil))
    state.size = state.size + 1
  end
end

-- The others that want slots. Whoever was behind for long makes up for a part of it only.
local function findRivals()
  local rivals, top = {}, nil
  for id, other in pairs(state.replicas) do
    if id ~= replica and other.wants > 0 and now < other.askAt + ${LATE_MS} then
      rivals[#rivals + 1] =
        { served = other.served, wants = other.wants, wantsFirst = other.wantsFirst, askAt = other.askAt }
      top = math.max(top or other.served, other.served)
    end
  end
  if top then
    local lag = now < state.busySince + ${TOGETHER_MS} and ${LAG_SHARE_TOGETHER} or ${LAG_SHARE}
    me.served = math.max(me.served, top - slots * lag)
  elseif want > 0 and now - state.grantedAt > periodMs and now > state.gatherUntil then
    for _, other in pairs(state.replicas) do other.served = 0 end
    state.gatherUntil, state.busySince = now + ${GATHER_MS}, now
  end
  return rivals
end

-- Whose turn it is among the rivals: first whoever has a requester without a turn before, then whoever had least.
-- None for which the slot would lie idle.
local function findRival(rivals, usableAt, isMineFirst)
  local least, leastFirst = nil, nil
  for _, rival in ipairs(rivals) do
    if rival.wants > 0 and rival.askAt <= usableAt + ${IDLE_MS} then
      if not least or rival.served < least.served then least = rival end
      if rival.wantsFirst > 0 and (not leastFirst or rival.served < leastFirst.served) then leastFirst = rival end
    end
  end
  local lead = math.max(2, slots * ${FIRST_LEAD_SHARE})
  if isMineFirst then
    return least and me.served - least.served >= lead and least or nil
  end
  if leastFirst and leastFirst.served - me.served < lead then return leastFirst end
  return least and least.served < me.served and least or nil
end

local function grant(limit)
  local rivals = findRivals()
  local active, wanted = #rivals + 1, want
  for _, rival in ipairs(rivals) do wanted = wanted + rival.wants end
  if now < state.gatherUntil then
    for _ = active + 1, members do
      rivals[#rivals + 1] = { served = 0, wants = slots, wantsFirst = 0, askAt = now }
    end
  end
  local free = 0
  while pool[free + 1] and pool[free + 1] <= now do free = free + 1 end
  local isSpared = limit >= ${SPARING.minSlots} and wanted > free
  local later, kept, index, askAt = free + 1, {}, 1, nil
  me.granted, me.firsts = {}, 0
  while index <= #pool and #me.granted < want and not askAt do
    local token = pool[index]
    local isFirst = me.firsts < wantFirst
    local usableAt = math.max(token, now, state.pausedUntil)
    -- Some slots are kept for requesters that have had no turn yet: one for each such stretch of time.
    if isSpared and not isFirst then
      while pool[later] and pool[later] <= usableAt do later = later + 1 end
      local unspent = later - index
      if unspent <= math.max(1, limit * ${SPARING.maxShare}) then
        local following = pool[later] or state.lastUsableAt + periodMs
        usableAt = math.max(usableAt, following - unspent * ${SPARING.longestGapMs})
      end
    end
    local rival = findRival(rivals, usableAt, isFirst)
    if rival then
      rival.served, rival.wants, rival.wantsFirst = rival.served + 1, rival.wants - 1, rival.wantsFirst - 1
      kept[#kept + 1] = token
      index = index + 1
    elseif usableAt > now + aheadMs then
      askAt = usableAt - aheadMs
    else
      me.granted[#me.granted + 1] = usableAt
      me.served, me.held = me.served + 1, me.held + 1
      if isFirst then me.firsts = me.firsts + 1 end
      state.grantedAt, state.lastUsableAt = now, math.max(state.lastUsableAt, usableAt)
      index = index + 1
    end
  end
  for rest = index, #pool do kept[#kept + 1] = pool[rest] end
  state.pool = kept
  me.wants, me.wantsFirst = want - #me.granted, wantFirst - me.firsts
  me.askAt = math.max(askAt or now + ${ASK_AGAIN_MS}, now + ${ASK_GAP_MS})
  if now < state.gatherUntil then me.askAt = math.min(me.askAt, state.gatherUntil) end
  if now < state.opensAt then me.askAt = math.min(me.askAt, state.opensAt) end
  me.active = active
end

-- An exchange whose answer was lost is asked for again with its number: it has happened already.
if number ~= me.number or me.isLost then
  me.wasLost = me.isLost and 1 or 0
  -- First: calls that were under way then may have been answered since, and come back with the same exchange.
  takeRemains()
  if not me.isLost then takeBack() end
  me.number, me.isLost = number, nil
  me.limit = findLimit()
  resize(math.max(0, math.floor(me.limit - setAsideForSilent())))
  grant(me.limit)
end
local usedByOthers = 0
for id, other in pairs(state.replicas) do
  if id ~= replica then
    usedByOthers = usedByOthers + math.max(0, math.floor(other.used * (1 - (now - other.seenAt) / 1000) + 0.5))
  end
end
-- Without a time to live: a Redis that is short of memory may drop what has one.
redis.call('SET', KEYS[3], cmsgpack.pack(state))

local answer = { me.wasLost, me.limit, me.active, usedByOthers, math.ceil(me.askAt - now), me.firsts }
for _, usableAt in ipairs(me.granted) do answer[#answer + 1] = math.max(0, math.ceil(usableAt - now)) end
return table.concat(answer, ' ')
`;
