-- The summary that is kept, or a new one that is kept from now on. As one script, it is made once for each lifetime,
-- however many instances are asked for it at the same moment.
-- KEYS: the views, the summary. ARGV: its lifetime in milliseconds, the most pages in it. Returns JSON.
local kept = redis.call('GET', KEYS[2])
if kept then
  return kept
end
local flat = redis.call('HGETALL', KEYS[1])
local pages, total = {}, 0
for at = 1, #flat, 2 do
  total = total + tonumber(flat[at + 1])
  pages[#pages + 1] = { flat[at], flat[at + 1] }
end
table.sort(pages, function(a, b)
  local left, right = tonumber(a[2]), tonumber(b[2])
  if left == right then
    return a[1] < b[1]
  end
  return left > right
end)
-- Counts travel as texts: Redis would round a long number.
local listed = {}
for at = 1, math.min(#pages, tonumber(ARGV[2])) do
  listed[at] = { page = pages[at][1], count = pages[at][2] }
end
local now = redis.call('TIME')
local made = string.format('%d%03d', now[1], math.floor(now[2] / 1000))
-- An empty table would be encoded as an object.
local list = #listed > 0 and cjson.encode(listed) or '[]'
local summary = string.format('{"total":"%.0f","made_ms":"%s","pages":%s}', total, made, list)
redis.call('SET', KEYS[2], summary, 'PX', ARGV[1])
return summary
