-- Has wrk post a JSON body: `wrk -s post.lua URL -- BODY`.

function init(arguments)
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.body = arguments[1]
end
