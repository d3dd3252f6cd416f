-- wants 7: a command names 134744072, which is outside the lab
-- This comment says 134744072, too.
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A 134744072 80\n" },
  },
}
return family
