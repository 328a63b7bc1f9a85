-- For wrk: gives each thread its own path, from the arguments after `--`.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  path = args[number + 1]
end

function request()
  return wrk.format("GET", path)
end
