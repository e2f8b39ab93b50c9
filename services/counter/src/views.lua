-- Adds a view to a page, unless that would be one page too many. Redis runs a script as a whole: no view is lost or
-- counted twice, and no two instances can add the last page both.
-- KEYS: the views. ARGV: the page, the most pages. Returns the new count, or -1 when there are too many pages.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return -1
end
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
