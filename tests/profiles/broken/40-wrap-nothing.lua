-- wants 5: wrap must return the bytes of the command, and returned nil
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  wrap = function(s, text) s.last_text = text .. "\n" end,
  commands = { { name = "A", send = "A {target}" } },
}
return family
