// What is executed in Redis, so that all replicas count together. Times are Redis's own, in milliseconds.

/**
 * A replica tells that it is there. Answers: the epoch, how long replicas may still count on their own (-1 for a
 * replica that must rest and come again), and how many replicas there are.
 *
 * An epoch ends when Redis was restarted (another run id), was emptied (no epoch), or was out of everybody's reach
 * (nobody came for a while): then it cannot know what was sent meanwhile, and replicas count on their own a little
 * longer, until all of them have noticed; then nobody sends for one period; then all count together again.
 */
export const JOIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replica, runId = ARGV[1], ARGV[2]
local aloneMs, restMs, awayMs, forgetMs = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local isAlone = ARGV[7] == '1'
local epoch = redis.call('HMGET', KEYS[1], 'id', 'runId', 'aloneUntil', 'seenAt')
local id, aloneUntil = epoch[1], tonumber(epoch[3] or 0)
if not id or epoch[2] ~= runId or now - tonumber(epoch[4]) > awayMs then
  id = now .. ' ' .. replica
  aloneUntil = now + aloneMs
  redis.call('HSET', KEYS[1], 'id', id, 'runId', runId, 'aloneUntil', aloneUntil, 'readyAt', aloneUntil + restMs)
end
redis.call('HSET', KEYS[1], 'seenAt', now)
-- The others count together already: a replica that counts on its own must rest before it joins them, and until then
-- its part stays set aside.
if isAlone and now >= aloneUntil then return { id, -1, redis.call('ZCARD', KEYS[2]) } end
redis.call('ZADD', KEYS[2], now, replica)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - forgetMs)
return { id, math.max(0, aloneUntil - now), redis.call('ZCARD', KEYS[2]) }
`;

/** A replica leaves for good. */
export const LEAVE = `
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
`;

/**
 * Gives slots of one quota back and takes others, in one go.
 *
 * Each slot is a token. It rests in the pool until the time at which its next call may be sent, or it is held by a
 * replica. A replica may take tokens that still rest: it is told how long. So nobody has to ask at the very moment.
 *
 * Answers: nothing when the replica must join first; else the limit, and the tokens with their milliseconds to wait.
 */
export const EXCHANGE = `
local poolKey, heldKey, countKey, totalKey, demandKey = KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local replica, epochId, slots = ARGV[1], ARGV[2], tonumber(ARGV[3])
local periodMs, want, pauseMs = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local forgetMs, silentMs = tonumber(ARGV[7]), tonumber(ARGV[8])
local epoch = redis.call('HMGET', KEYS[1], 'id', 'readyAt')
if epoch[1] ~= epochId or not redis.call('ZSCORE', KEYS[2], replica) then return {} end
local readyAt = tonumber(epoch[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local state = redis.call('HMGET', KEYS[3],
  'epoch', 'size', 'next', 'reducedTo', 'reducedAt', 'pausedUntil', 'restUntil', 'scannedAt', 'reserved')
if state[1] ~= epochId then
  redis.call('DEL', KEYS[3], poolKey, heldKey, countKey, totalKey, demandKey)
  state = {}
end
local size, nextToken = tonumber(state[2] or 0), tonumber(state[3] or 0)
local reducedTo, reducedAt = tonumber(state[4] or slots), tonumber(state[5] or 0)
local pausedUntil, restUntil = tonumber(state[6] or 0), tonumber(state[7] or 0)
local scannedAt, reserved = tonumber(state[8] or 0), tonumber(state[9] or 0)

local function putBack(token, owner, restsUntil)
  redis.call('HDEL', heldKey, token)
  redis.call('HINCRBY', countKey, owner, -1)
  redis.call('ZADD', poolKey, restsUntil, token)
end

-- After an answer of this script was lost, the replica says what it knows to hold: the rest comes back.
local known = tonumber(ARGV[9])
if known >= 0 then
  local isKnown = {}
  for index = 10, 9 + known do isKnown[ARGV[index]] = true end
  local held = redis.call('HGETALL', heldKey)
  for index = 1, #held, 2 do
    local isOwn = string.match(held[index + 1], '^(%S+)') == replica
    if isOwn and not isKnown[held[index]] then
      putBack(held[index], replica, now + periodMs)
      redis.call('HINCRBY', totalKey, replica, -1)
    end
  end
end

-- What the replica gives back: the token, and the age of its answer, or -1 for one that was not used.
for index = 10 + math.max(known, 0), #ARGV, 2 do
  local token, age = ARGV[index], tonumber(ARGV[index + 1])
  local holder = redis.call('HGET', heldKey, token)
  if holder then
    local owner, restsUntil = string.match(holder, '^(%S+) (%S+)$')
    if owner == replica then
      putBack(token, owner, age < 0 and restsUntil or now - age + periodMs)
      if age < 0 then redis.call('HINCRBY', totalKey, owner, -1) end
    end
  end
end

-- A refusal: less for all, and more again little by little.
local step = math.max(1, math.floor(slots * 0.02 + 0.5))
local limit = math.min(slots, reducedTo + math.floor((now - reducedAt) / 5000) * step)
if pauseMs >= 0 then
  pausedUntil = math.max(pausedUntil, now + pauseMs)
  if now - reducedAt > periodMs then
    limit = math.max(1, math.floor(limit * 0.75))
    reducedTo, reducedAt = limit, now
  end
end

-- Replicas that have not been heard of may be counting on their own: what they may then send is set aside. The
-- tokens of those that are forgotten come back.
local replicas = redis.call('ZCARD', KEYS[2])
if now - scannedAt > 500 then
  scannedAt, reserved = now, 0
  for _, silent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now - forgetMs, now - silentMs)) do
    local count = tonumber(redis.call('HGET', countKey, silent) or 0)
    reserved = reserved + math.max(0, slots / replicas - count)
  end
  local gone = false
  for _, owner in ipairs(redis.call('HKEYS', countKey)) do
    if not redis.call('ZSCORE', KEYS[2], owner) then
      gone = true
      redis.call('HDEL', totalKey, owner)
    end
  end
  if gone then
    local held = redis.call('HGETALL', heldKey)
    for index = 1, #held, 2 do
      local owner = string.match(held[index + 1], '^(%S+)')
      if not redis.call('ZSCORE', KEYS[2], owner) then putBack(held[index], owner, now + periodMs) end
    end
    for _, owner in ipairs(redis.call('HKEYS', countKey)) do
      if not redis.call('ZSCORE', KEYS[2], owner) then redis.call('HDEL', countKey, owner) end
    end
  end
end

-- As many tokens as the limit allows. One that is taken away may have been used a moment ago: one that is put in
-- its place later rests as long.
local target = math.max(0, math.floor(limit - reserved))
while size > target do
  local popped = redis.call('ZPOPMAX', poolKey)
  if #popped == 0 then break end
  size = size - 1
  restUntil = math.max(restUntil, tonumber(popped[2]))
end
while size < target do
  nextToken = nextToken + 1
  size = size + 1
  redis.call('ZADD', poolKey, math.max(now, readyAt, restUntil), nextToken)
end

-- Fair between the replicas that want more than they have: an equal part for each, what cannot be parted goes to the
-- one that had least, and one that had more because it came first waits until the others have caught up.
local others = redis.call('ZRANGEBYSCORE', demandKey, now, '+inf')
local active, least = 1, nil
for _, other in ipairs(others) do
  if other ~= replica then
    active = active + 1
    local total = tonumber(redis.call('HGET', totalKey, other) or 0)
    if least == nil or total < least then least = total end
  end
end
local total = tonumber(redis.call('HGET', totalKey, replica) or 0)
if least ~= nil and not redis.call('ZSCORE', demandKey, replica) then total = math.max(total, least - slots) end
local count = tonumber(redis.call('HGET', countKey, replica) or 0)
local part = math.floor(target / active)
local granted = 0
local answer = { limit }
while granted < want do
  if active > 1 and total >= least then
    local isExtra = count >= part
    if isExtra and (count > part or part * active == target or total > least) then break end
    if total - least > part then break end
  end
  local popped = redis.call('ZPOPMIN', poolKey)
  if #popped == 0 then break end
  local restsUntil = math.max(tonumber(popped[2]), pausedUntil)
  redis.call('HSET', heldKey, popped[1], replica .. ' ' .. restsUntil)
  granted, count, total = granted + 1, count + 1, total + 1
  answer[#answer + 1] = popped[1]
  answer[#answer + 1] = math.ceil(math.max(0, restsUntil - now))
end
if granted > 0 then
  redis.call('HINCRBY', countKey, replica, granted)
  redis.call('HSET', totalKey, replica, total)
end
if granted < want then redis.call('ZADD', demandKey, now + 600, replica) else redis.call('ZREM', demandKey, replica) end

redis.call('HSET', KEYS[3], 'epoch', epochId, 'size', size, 'next', nextToken, 'reducedTo', reducedTo,
  'reducedAt', reducedAt, 'pausedUntil', pausedUntil, 'restUntil', restUntil, 'scannedAt', scannedAt,
  'reserved', reserved)
return answer
`;
