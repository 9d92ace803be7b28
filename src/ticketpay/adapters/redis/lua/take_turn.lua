-- KEYS: the buyer's turn, the mark of this purchase. ARGV: owner, seconds of the turn, of the mark.
-- Answers 0 refused, 1 taken, 2 known.
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[3])
return 1
