import { SLOT_MS, WINDOW_SLOTS } from '../core/meter-sync.js';

/**
 * All meters of one customer that one process has something to say of, in one step. It is `MeterState.sync` for many
 * processes: what was used, and what each process holds, are kept beside each other.
 *
 * KEYS: for each meter its use and its leases. ARGV: process, lease in ms, then for each meter kind, limit, from, to, hold,
 * want, need, floor (-1: none). Gives for each meter granted, used, held, retry-after in ms, reset in ms, known.
 *
 * The time is Redis' own. A lease is `held:until:told`. Numbers stay below 2^53, which Lua's doubles hold exactly.
 */
export const LIMIT_SCRIPT = `
local SLOT, SLOTS = ${SLOT_MS}, ${WINDOW_SLOTS}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, ttl = ARGV[1], tonumber(ARGV[2])
local text = function(number) return string.format('%.0f', number) end
local replies = {}

local function slide(key, delta)
  local slot = math.floor(now / SLOT)
  local kept = redis.call('HMGET', key, 'sum', 'first', 'latest')
  local sum, first, latest = tonumber(kept[1]) or 0, tonumber(kept[2]) or slot, tonumber(kept[3]) or slot
  if latest - slot > SLOTS or slot - latest > SLOTS then
    if slot > latest then sum = 0 end
    redis.call('DEL', key)
    first = slot
    if sum > 0 then redis.call('HSET', key, text(slot), text(sum)) end
  else
    if slot < latest then slot = latest end
    while first < slot - SLOTS do
      local fields = {}
      for at = first, math.min(slot - SLOTS - 1, first + 99) do fields[#fields + 1] = text(at) end
      for _, amount in ipairs(redis.call('HMGET', key, unpack(fields))) do sum = sum - (tonumber(amount) or 0) end
      redis.call('HDEL', key, unpack(fields))
      first = first + #fields
    end
  end
  if delta > 0 then redis.call('HINCRBY', key, text(slot), text(delta)) end
  sum = sum + delta
  redis.call('HSET', key, 'sum', text(sum), 'first', text(first), 'latest', text(slot))
  redis.call('PEXPIRE', key, (SLOTS + 8) * SLOT)
  return sum, first, slot
end

local function whenFreed(key, first, latest, missing)
  local fields = {}
  for at = first, latest do fields[#fields + 1] = text(at) end
  local freed = 0
  for i, amount in ipairs(redis.call('HMGET', key, unpack(fields))) do
    freed = freed + (tonumber(amount) or 0)
    if freed >= missing then return math.max(SLOT, (first + i - 1 + SLOTS + 1) * SLOT - now) end
  end
  return 1000
end

for i = 1, #KEYS / 2 do
  local use, leases = KEYS[2 * i - 1], KEYS[2 * i]
  local a = 2 + (i - 1) * 8
  local kind, limit, from, to = ARGV[a + 1], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  local hold, want, need, floor = tonumber(ARGV[a + 5]), tonumber(ARGV[a + 6]), tonumber(ARGV[a + 7]), tonumber(ARGV[a + 8])

  local others = 0
  local all = redis.call('HGETALL', leases)
  for j = 1, #all, 2 do
    local held, till, told = string.match(all[j + 1], '^(%d+):(%d+):(%d+)$')
    till = tonumber(till)
    if all[j] == me then
      -- Who said nothing for a lease's time may have begun to count anew.
      if till > now then from = math.max(from, tonumber(told)) end
    elseif till <= now then
      redis.call('HDEL', leases, all[j])
    else
      others = others + tonumber(held)
      -- The clock went back: a lease does not last longer for it.
      if till > now + ttl then redis.call('HSET', leases, all[j], held .. ':' .. text(now + ttl) .. ':' .. told) end
    end
  end

  local delta = math.max(0, to - from)
  local used, known, first, latest = 0, 1, 0, 0
  if kind == 'window' then
    used, first, latest = slide(use, delta)
  elseif kind == 'total' then
    local total = tonumber(redis.call('GET', use))
    if floor >= 0 then total = math.max(total or 0, floor) end
    if total then
      used = total + delta
      redis.call('SET', use, text(used), 'PX', 3456000000)
    else
      known = 0
      to = from
    end
  end

  local room = limit - used - others - hold
  local granted = 0
  if known == 1 then granted = math.max(0, math.min(need, room), math.min(want, math.ceil(room / 2))) end
  local retry, reset = 0, 0
  if kind == 'window' and used > 0 then reset = math.max(0, (latest + SLOTS + 1) * SLOT - now) end
  if granted < need then
    retry = 1000
    if kind == 'window' and used > 0 then retry = whenFreed(use, first, latest, need - room) end
  end
  redis.call('HSET', leases, me, text(hold + granted) .. ':' .. text(now + ttl) .. ':' .. text(math.max(to, from)))
  redis.call('PEXPIRE', leases, ttl * 2)
  replies[#replies + 1] = { text(granted), text(used), text(others + hold + granted), text(retry), text(reset), known }
end
return replies
`;
