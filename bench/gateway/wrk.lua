-- A POST with the body and headers of two files, and a summary as one line of JSON.
local function contents(name)
  local file = assert(io.open(os.getenv(name), "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

wrk.method = "POST"
wrk.body = contents("BENCH_BODY_FILE")
for name, value in string.gmatch(contents("BENCH_HEADERS_FILE"), "([^:\n]+): ([^\n]*)\n") do
  wrk.headers[name] = value
end

-- A body with a place for digits of its own gets others in each request, and none that another run had.
local before, after = string.match(wrk.body, "^(.-)@@@@@@@@@@@@(.*)$")
if before then
  local n = (os.time() % 1000000) * 1000000 + math.floor(os.clock() * 1000) % 1000 * 1000
  request = function()
    n = n + 1
    return wrk.format(nil, nil, nil, before .. string.format("%012d", n % 1000000000000) .. after)
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nBENCH {"completed":%d,"durationUs":%d,"bytes":%d,"p50Us":%d,"p99Us":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
