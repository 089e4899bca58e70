// What is executed in Redis so that replicas share readings. Times are Redis's own, in milliseconds.
//
// A reading is `<read at> <fresh until> <depth> <text>`, and expires when it may not even be served as stale.
// What a replica reads now stands in one hash of its own, certificate by certificate, as `<token> <depth> <1 when
// somebody waits for it>`: so all its claims are kept alive by one command, and run out together when it is killed.

const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function keepAlive(prefix, owner, lifeMs)
  redis.call('ZADD', prefix .. 'owners', now + lifeMs, owner)
  redis.call('PEXPIRE', prefix .. 'owners', lifeMs)
  return redis.call('PEXPIRE', prefix .. 'claims:' .. owner, lifeMs)
end
local function findOwners(prefix)
  return redis.call('ZRANGEBYSCORE', prefix .. 'owners', now, '+inf')
end
local function toClaim(text)
  local token, depth, isAwaited = string.match(text or '', '^(%d+) (%d) (%d)$')
  return token and { token = token, depth = tonumber(depth), isAwaited = isAwaited }
end
`;

/**
 * ARGV: key prefix, owner, token, lifetime of claims, a digit for the depth of each wish, then the ids.
 * Answers a digit for each (0 nobody need read it, 1 we do, 2 another replica does); the replicas that read, one for
 * each 2, with spaces between; then two for each that is stored: place, age, whether it is fresh (1) and depth; text.
 */
export const LOOK_UP = `${CLOCK}
local prefix, owner, token, lifeMs, depths = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local keys = {}
for index = 6, #ARGV do keys[#keys + 1] = prefix .. 'reading:' .. ARGV[index] end
local readers, stored, missing, wanted = {}, {}, {}, {}
for place, reading in ipairs(redis.call('MGET', unpack(keys))) do
  local depth = tonumber(string.sub(depths, place, place))
  local isEnough = false
  if reading then
    local readAt, freshUntil, storedDepth, text = string.match(reading, '^(%d+) (%d+) (%d) (.*)$')
    if text then
      local isFresh = now < tonumber(freshUntil)
      isEnough = isFresh and tonumber(storedDepth) >= depth
      stored[#stored + 1] =
        string.format('%d %.0f %d %s', place, math.max(0, now - tonumber(readAt)), isFresh and 1 or 0, storedDepth)
      stored[#stored + 1] = text
    end
  end
  readers[place] = '0'
  if not isEnough then
    missing[#missing + 1] = ARGV[5 + place]
    wanted[#wanted + 1] = { place = place, depth = depth }
  end
end
if #missing == 0 then return { table.concat(readers), '', unpack(stored) } end

for _, other in ipairs(findOwners(prefix)) do
  if other ~= owner then
    local key, awaited = prefix .. 'claims:' .. other, {}
    for index, text in ipairs(redis.call('HMGET', key, unpack(missing))) do
      local wish, claim = wanted[index], toClaim(text)
      -- What stays in the process cannot come from another one: such a wish waits for nobody.
      if claim and not wish.reader and claim.depth >= wish.depth and wish.depth < 2 then
        wish.reader = other
        if claim.isAwaited == '0' then
          awaited[#awaited + 1] = missing[index]
          awaited[#awaited + 1] = claim.token .. ' ' .. claim.depth .. ' 1'
        end
      end
    end
    if #awaited > 0 then redis.call('HSET', key, unpack(awaited)) end
  end
end
local others, claims = {}, {}
local own = redis.call('HMGET', prefix .. 'claims:' .. owner, unpack(missing))
for index, wish in ipairs(wanted) do
  readers[wish.place] = wish.reader and '2' or '1'
  if wish.reader then
    others[#others + 1] = wish.reader
  else
    local claim = toClaim(own[index])
    claims[#claims + 1] = missing[index]
    claims[#claims + 1] = token .. ' ' .. wish.depth .. ' ' .. (claim and claim.isAwaited or '0')
  end
end
if #claims > 0 then
  redis.call('HSET', prefix .. 'claims:' .. owner, unpack(claims))
  keepAlive(prefix, owner, lifeMs)
end
return { table.concat(readers), table.concat(others, ' '), unpack(stored) }
`;

/**
 * ARGV: key prefix, owner, lifetime of claims, 1 when there are claims to keep.
 * Answers whether there still were any (1), then all replicas that have claims.
 */
export const RENEW = `${CLOCK}
local prefix, owner, lifeMs = ARGV[1], ARGV[2], tonumber(ARGV[3])
local isThere = ARGV[4] == '1' and keepAlive(prefix, owner, lifeMs) or 1
redis.call('ZREMRANGEBYSCORE', prefix .. 'owners', '-inf', now - 1)
return { isThere, unpack(findOwners(prefix)) }
`;

/** Makes claims anew that were lost. ARGV: key prefix, owner, lifetime of claims, then id and claim of each. */
export const CLAIM = `${CLOCK}
local prefix, owner, lifeMs = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('HSET', prefix .. 'claims:' .. owner, unpack(ARGV, 4))
return keepAlive(prefix, owner, lifeMs)
`;

/**
 * ARGV: key prefix, channel, owner, then for each: id, the claim's token, the reading's text (empty when it failed), its
 * depth and age, how long it is fresh and how long it is kept. What is stored already, fresh and deeper, stays: a summary
 * that comes late would only cost another call. Announces those that somebody waits for, with what was read: `settled`,
 * and for each three lines: id, age and whether it is fresh and depth, text. So nobody has to fetch it.
 */
export const SETTLE = `${CLOCK}
local prefix, channel, owner = ARGV[1], ARGV[2], ARGV[3]
local awaited, ids, ended = {}, {}, {}
local function isDeeperStored(key, depth)
  if depth == 2 then return false end
  local _, freshUntil, stored = string.match(redis.call('GETRANGE', key, 0, 40), '^(%d+) (%d+) (%d) ')
  return stored and tonumber(stored) > depth and tonumber(freshUntil) > now
end
for index = 4, #ARGV, 7 do ids[#ids + 1] = ARGV[index] end
for place, claimed in ipairs(redis.call('HMGET', prefix .. 'claims:' .. owner, unpack(ids))) do
  local index = 7 * place - 3
  local id, token, text, depth = ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]
  local readAt = now - tonumber(ARGV[index + 4])
  local freshMs, keepMs = tonumber(ARGV[index + 5]), tonumber(ARGV[index + 6])
  local readingKey = prefix .. 'reading:' .. id
  if text ~= '' and readAt + keepMs > now and not isDeeperStored(readingKey, tonumber(depth)) then
    redis.call('SET', readingKey,
      string.format('%.0f %.0f %s ', readAt, readAt + freshMs, depth) .. text,
      'PX', string.format('%.0f', readAt + keepMs - now))
  end
  local claim = toClaim(claimed)
  local isOurs = claim and claim.token == token
  -- Where the claim was lost nobody knows who waits.
  local mayBeAwaited = not claim or claim.isAwaited == '1'
  if mayBeAwaited and (text ~= '' or isOurs) then
    local age = now - readAt
    awaited[#awaited + 1] = string.format('%s\\n%.0f %d %s\\n%s', id, age, age < freshMs and 1 or 0, depth, text)
  end
  if isOurs then ended[#ended + 1] = id end
end
if #ended > 0 then redis.call('HDEL', prefix .. 'claims:' .. owner, unpack(ended)) end
if #awaited > 0 then redis.call('PUBLISH', channel, 'settled\\n' .. table.concat(awaited, '\\n')) end
return #awaited
`;
