-- wants 6: command 'A': {target} is written without blanks
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A { target } 80\n" },
  },
}
return family
