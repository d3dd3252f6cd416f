-- wants 5: conn has no call 'reply'
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  hello = { run = function(s) s.conn:reply("hello\n") return true end },
  commands = { { name = "A", send = "A {target}\n" } },
}
return family
