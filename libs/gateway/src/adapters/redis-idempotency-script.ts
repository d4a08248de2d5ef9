/**
 * All that is done to a key in Redis, each in one step. The key is a hash: `owner` (who runs it; empty once there is an
 * answer), `fingerprint`, `answer` (sealed; empty: not kept). It expires with its lease, or with its answer.
 *
 * KEYS[1]; ARGV: what to do, owner, fingerprint, time to live in ms, sealed answer
 */
export const IDEMPOTENCY_SCRIPT = `
local key, action, owner, fingerprint, ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held = redis.call('HMGET', key, 'owner', 'fingerprint')
if action == 'claim' and held[1] then
  if held[2] ~= fingerprint then return {'mismatch'} end
  if held[1] ~= '' then return {'in_progress'} end
  return {'answered', redis.call('HGET', key, 'answer')}
end
-- What was lost, to an outage or to a lease that ran out, is taken up again unless somebody else has it by now.
if held[1] and held[1] ~= owner then return {'lost'} end
if action == 'release' then
  redis.call('DEL', key)
elseif action == 'keep' then
  redis.call('HSET', key, 'owner', '', 'fingerprint', fingerprint, 'answer', ARGV[5])
  redis.call('PEXPIRE', key, ttl)
else
  redis.call('HSET', key, 'owner', owner, 'fingerprint', fingerprint)
  redis.call('PEXPIRE', key, ttl)
end
return {'reserved'}
`;
