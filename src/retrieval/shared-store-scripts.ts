// What is executed in Redis so that replicas share readings. Times are Redis's own, in milliseconds.
//
// A reading is `<read at> <fresh until> <depth> <text>`, and expires when it may not even be served as stale.
// A claim is `<owner>:<token> <depth> <1 when somebody waits for it> <when it will be there, or 0>`.

const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function toClaim(text)
  if not text then return nil end
  local owner, token, depth, isAwaited, at = string.match(text, '^(%S+):(%d+) (%d) (%d) (%d+)$')
  if not owner then return nil end
  return { owner = owner, name = owner .. ':' .. token, depth = tonumber(depth), isAwaited = isAwaited, at = tonumber(at) }
end
`;

/**
 * ARGV: key prefix, owner, token, lifetime of a claim, then id and depth of each wish.
 * Answers for each: who reads it (0 nobody, 1 us, 2 another), when it will be there, and the stored reading's age,
 * whether it is fresh (1), its depth and its text (empty when there is none).
 */
export const LOOK_UP = `${CLOCK}
local prefix, owner, token, lifeMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local keys = {}
for index = 5, #ARGV, 2 do keys[#keys + 1] = prefix .. 'reading:' .. ARGV[index] end
local readings = redis.call('MGET', unpack(keys))
local answers = {}
for place, reading in ipairs(readings) do
  local id, wanted = ARGV[3 + 2 * place], tonumber(ARGV[4 + 2 * place])
  local readAt, freshUntil, depth, text = string.match(reading or '', '^(%d+) (%d+) (%d) (.*)$')
  local isFresh = text and now < tonumber(freshUntil)
  local reader, waitMs = 0, 0
  if not (isFresh and tonumber(depth) >= wanted) then
    local key = prefix .. 'claim:' .. id
    local claim = toClaim(redis.call('GET', key))
    local isOthers = claim and claim.owner ~= owner and claim.depth >= wanted
    -- What stays in the process cannot come from another one: such a wish waits for nobody.
    if isOthers and wanted < 2 then
      reader, waitMs = 2, math.max(0, claim.at - now)
      if claim.isAwaited == '0' then
        redis.call('SET', key, string.format('%s %d 1 %.0f', claim.name, claim.depth, claim.at), 'KEEPTTL')
      end
    else
      reader = 1
      if not isOthers then
        local isAwaited = claim and claim.isAwaited or '0'
        redis.call('SET', key, string.format('%s:%s %d %s 0', owner, token, wanted, isAwaited), 'PX', lifeMs)
      end
    end
  end
  if text then
    answers[place] = { reader, waitMs, math.max(0, now - tonumber(readAt)), isFresh and 1 or 0, tonumber(depth), text }
  else
    answers[place] = { reader, waitMs, 0, 0, 0, '' }
  end
end
return answers
`;

/**
 * ARGV: key prefix, lifetime of a claim, then the claim's id, name and depth and the time until it is there of each.
 * A claim that was lost is made anew, one that somebody else has made meanwhile is left alone.
 */
export const RENEW = `${CLOCK}
local prefix, lifeMs = ARGV[1], ARGV[2]
for index = 3, #ARGV, 4 do
  local key = prefix .. 'claim:' .. ARGV[index]
  local name, depth, waitMs = ARGV[index + 1], ARGV[index + 2], tonumber(ARGV[index + 3])
  local claim = toClaim(redis.call('GET', key))
  if not claim or claim.name == name then
    local at = waitMs > 0 and now + waitMs or 0
    redis.call('SET', key, string.format('%s %s %s %.0f', name, depth, claim and claim.isAwaited or '0', at), 'PX', lifeMs)
  end
end
return 1
`;

/**
 * ARGV: key prefix, channel, then for each: id, the claim's name, the reading's text (empty when it failed), its depth
 * and age, how long it is fresh and how long it is kept. What is stored already, fresh and deeper, stays: a summary that
 * comes late would only cost another call. Announces those that somebody waits for, with what was read: `settled`, and
 * for each three lines: id, age and whether it is fresh and depth, text. So nobody has to fetch it.
 */
export const SETTLE = `${CLOCK}
local prefix, channel = ARGV[1], ARGV[2]
local awaited = {}
local function isDeeperStored(key, depth)
  if depth == 2 then return false end
  local _, freshUntil, stored = string.match(redis.call('GETRANGE', key, 0, 40), '^(%d+) (%d+) (%d) ')
  return stored and tonumber(stored) > depth and tonumber(freshUntil) > now
end
for index = 3, #ARGV, 7 do
  local id, name, text, depth = ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]
  local readAt = now - tonumber(ARGV[index + 4])
  local freshMs, keepMs = tonumber(ARGV[index + 5]), tonumber(ARGV[index + 6])
  local readingKey = prefix .. 'reading:' .. id
  if text ~= '' and readAt + keepMs > now and not isDeeperStored(readingKey, tonumber(depth)) then
    redis.call('SET', readingKey,
      string.format('%.0f %.0f %s ', readAt, readAt + freshMs, depth) .. text,
      'PX', string.format('%.0f', readAt + keepMs - now))
  end
  local key = prefix .. 'claim:' .. id
  local claim = toClaim(redis.call('GET', key))
  if claim then
    if claim.isAwaited == '1' and (text ~= '' or claim.name == name) then
      local age = now - readAt
      awaited[#awaited + 1] = string.format('%s\\n%.0f %d %s\\n%s', id, age, age < freshMs and 1 or 0, depth, text)
    end
    if claim.name == name then redis.call('DEL', key) end
  end
end
if #awaited > 0 then redis.call('PUBLISH', channel, 'settled\\n' .. table.concat(awaited, '\\n')) end
return #awaited
`;
