-- GCRA, as ticketpay.domain.admission.policy.admit. All numbers are whole and below 2^53.
-- KEYS: the counter. ARGV: burst, interval (microseconds), now (microseconds; '' is our own clock).
-- Answers {1 if allowed, how far the arrival is ahead of now in microseconds}.
local interval = tonumber(ARGV[2])
local window = tonumber(ARGV[1]) * interval
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local ahead = (tonumber(redis.call('GET', KEYS[1]) or now) or now) - now
if ahead < 0 then ahead = 0 elseif ahead > window then ahead = window end
if ahead + interval > window then return {0, ahead} end
ahead = ahead + interval
-- Ten seconds longer than it matters, so that a clock set back a little forgets nothing.
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'EX', math.ceil(ahead / 1000000) + 10)
return {1, ahead}
