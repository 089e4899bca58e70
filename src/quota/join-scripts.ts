// What is executed in Redis, so that all replicas count together. Times are Redis's own, in milliseconds.

/**
 * A replica tells that it is there. Answers: the epoch, how long replicas may still count on their own (-1 for a
 * replica that must rest and come again), how many replicas there are, and the place of this one among them.
 *
 * An epoch ends when Redis was restarted (another run id), was emptied (no epoch), or was out of everybody's reach
 * (nobody came for a while): then it cannot know what was sent meanwhile, and replicas count on their own a little
 * longer, until all of them have noticed; then they count together, at first with the slots that each brings along. What
 * nobody brought rests for one period more, in case somebody sent calls of whom nobody knows.
 */
export const JOIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replica, runId = ARGV[1], ARGV[2]
local aloneMs, restMs, awayMs, forgetMs = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local isAlone, isLost = ARGV[7] == 'alone', ARGV[7] == 'lost'
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
if isAlone and now >= aloneUntil then return { id, -1, redis.call('ZCARD', KEYS[2]), 0 } end
-- One that lost sight of Redis goes on alone if it does not get this answer: it must count as silent until it is here.
if not (isLost and redis.call('ZSCORE', KEYS[2], replica)) then redis.call('ZADD', KEYS[2], now, replica) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - forgetMs)
local count, place = 0, 0
for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  count = count + 1
  if other < replica then place = place + 1 end
end
return { id, math.max(0, aloneUntil - now), count, place }
`;

/** A replica leaves for good. */
export const LEAVE = `
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
`;
