-- For wrk: a path of its own for each thread, of those after `--`.
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
